"""Who ran out of GPU memory, on which card, and who holds it: the diagnosis behind ``gpu.memory-full``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...console.model import Container, Gpu, LogMark, Server, Snapshot
from ...console.stacks.gpu_grants import grant_of, granted
from .common import Holder, free, holders

OOM, LENGTH = "gpu.oom.", "gpu.oom.vllm-length"
ROLES = ("ollama", "model_server")
RECENT = 3600.0
"""Seconds for which a line in the log of a server that runs on counts."""
LOOP = 90.0
"""Seconds before a start within which the run before ended, where the Engine starts it again and again."""
YOUNG = 600.0
"""Seconds that a model server may take to load, and to die of it."""
LAST_WORDS = 60.0
"""Seconds between the line and the end of a run that ended by it."""
SCARCE = 0.05
"""Free share below which a card counts as full."""
MUCH = 0.2
"""Share of a card whose holder is named as the cause."""
SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_AMOUNT = r"([\d.]+) ?([KMGT])iB"
_WANTS = re.compile(rf"Tried to allocate {_AMOUNT}")
_CARD = re.compile(r"GPU (\d+)(?: has a total capacity|;)|on device (?:cuda:)?(\d+)")
_HOLDER = re.compile(rf"Process (\d+) has {_AMOUNT}")
_OF_GPU = re.compile(r"cuda|hip|gpu|vram|device", re.IGNORECASE)
_LONGEST = re.compile(r"estimated maximum model length is (\d+)")
_SHARE = re.compile(r"\(([\d.]+)/([\d.]+) GiB\) on startup")

Form = Literal["squeezed", "too-big", "too-long", "host-memory", "room-again", "unclear"]


@dataclass(frozen=True)
class Victim:
    """One container that did not get its memory."""

    container: Container
    form: Form
    mark: LogMark | None = None
    """The line that says so."""
    gpu: Gpu | None = None
    others: tuple[Holder, ...] = ()
    """Who else holds memory of that card, the most first."""
    dead: bool = False
    """It does not run, or dies again and again."""

    @property
    def killed(self) -> bool:
        """The kernel ended it for want of main memory."""
        return self.form == "host-memory" and self.mark is None

    @property
    def culprit(self) -> Holder | None:
        """Who holds the most of the others."""
        return self.others[0] if self.others else None

    @property
    def longest(self) -> str | None:
        """The longest context that vLLM reckons with."""
        match = _LONGEST.search(self.mark.text) if self.mark else None
        return match[1] if match else None

    @property
    def share(self) -> float | None:
        """The share of the card that was free when vLLM started, less a little."""
        match = _SHARE.search(self.mark.text) if self.mark else None
        if match is None or not float(match[2]):
            return None
        return int(95 * float(match[1]) / float(match[2])) / 100


def relevant(snapshot: Snapshot) -> tuple[Container, ...]:
    """Containers that may hold models."""
    models = {service.container for service in snapshot.services if service.role in ROLES}
    return tuple(c for c in snapshot.containers if c.id in models or grant_of(c) is not None)


def victims(snapshot: Snapshot) -> Iterator[Victim]:
    """Everybody who ran out, the dead and those who live on."""
    for container in relevant(snapshot):
        found = _victim(container, snapshot)
        if found is not None:
            yield found


def _victim(container: Container, snapshot: Snapshot) -> Victim | None:
    killed = container.oom_killed and container.state in ("exited", "dead", "restarting")
    if killed and container.exit_code not in (0, 130, 143):  # else a helper was killed, long before it was stopped
        return Victim(container, "host-memory", dead=True)
    own = [m for m in snapshot.log_marks if m.container == container.id and m.at is not None]
    mark = _last_word(container, own, snapshot.taken_at)
    if mark is None or _went_on(container, mark, own, snapshot):
        return None
    dead = container.state != "running" or (mark.at or 0.0) < (container.started_at or 0.0) - 1.0
    if _without_gpu(container, mark, snapshot):
        return Victim(container, "host-memory", mark, dead=dead)
    if mark.mark == LENGTH:
        return Victim(container, "too-long", mark, dead=dead)
    gpu = _card(container, mark, snapshot)
    others = tuple(one for one in holders(snapshot, gpu.uuid) if one.container != container.id) if gpu else ()
    return Victim(container, _form(mark, gpu, others, dead=dead), mark, gpu, others, dead)


def _without_gpu(container: Container, mark: LogMark, snapshot: Snapshot) -> bool:
    """Whether it computes on the processor, and its line names nothing of a GPU: main memory is what was wanting."""
    if mark.mark not in ("gpu.oom.ollama", "gpu.oom.llamacpp"):  # the others never run without one
        return False
    if grant_of(container) is not None or container.devices or container.runtime == "nvidia":
        return False
    holds = any(process.container == container.id for process in snapshot.gpu_processes)
    return not holds and _OF_GPU.search(mark.text) is None


def _form(mark: LogMark, gpu: Gpu | None, others: tuple[Holder, ...], *, dead: bool) -> Form:
    room = free(gpu) if gpu else None
    total = gpu.memory_total if gpu else None
    if not dead and (room is None or not total):
        return "unclear"
    if not dead and room is not None and total and room >= max(_wanted(mark), SCARCE * total):
        return "room-again"
    much = others and (others[0].memory is None or not total or others[0].memory >= MUCH * total)
    return "squeezed" if much else "too-big"


def _last_word(container: Container, own: list[LogMark], now: float) -> LogMark | None:
    """The newest line of want that still means something."""
    found = max((m for m in own if m.mark.startswith(OOM)), key=lambda m: m.at or 0.0, default=None)
    if found is None or found.at is None or _overcome(found.at, own):
        return None
    started, state = container.started_at or 0.0, container.state
    if state == "running":
        if found.at >= started - 1.0:
            return found if now - found.at <= RECENT else None
        loops = bool(container.restart_count) and started - found.at <= LOOP and now - started <= YOUNG
        return found if loops else None
    if state == "restarting":
        return found
    if state not in ("exited", "dead") or container.exit_code == 0:
        return None
    ended = container.finished_at
    return found if ended is None or ended - found.at <= LAST_WORDS else None


def _overcome(at: float, own: list[LogMark]) -> bool:
    """The server said afterwards that it is ready, or that it found another way (fact: gpu-model-servers 3.4)."""
    return any(m.mark in ("model.ready", "ollama.oom-retried") and (m.at or 0.0) >= at for m in own)


def _went_on(container: Container, mark: LogMark, own: list[LogMark], snapshot: Snapshot) -> bool:
    """An Ollama whose runner did not end, and that has a model on a GPU: it loaded it with fewer layers there."""
    if any(one.mark == "ollama.runner-ended" and (one.at or 0.0) >= (mark.at or 0.0) - 1.0 for one in own):
        return False
    mine = (s for s in snapshot.servers if s.container == container.id and s.product == "ollama")
    return any(model.size_vram for server in mine for model in server.loaded or ())


def _wanted(mark: LogMark) -> int:
    match = _WANTS.search(mark.text)
    return int(float(match[1]) * SIZES[match[2]]) if match else 0


def _card(container: Container, mark: LogMark, snapshot: Snapshot) -> Gpu | None:
    """The card of the line. Its number counts the cards inside the container; a process in it may be told apart."""
    cards = [gpu for gpu in snapshot.gpus if gpu.health == "ok"]
    told = {int(match[1]) for match in _HOLDER.finditer(mark.text)}
    held = {process.gpu for process in snapshot.gpu_processes if process.pid in told}
    if len(held) == 1:
        return next((gpu for gpu in cards if gpu.uuid in held), None)
    inside = _inside(container, cards, snapshot)
    match = _CARD.search(mark.text)
    number = int(match[1] or match[2]) if match else None
    if number is not None and number < len(inside):
        return inside[number]
    return min(inside, key=lambda gpu: (free(gpu) is None, free(gpu) or 0), default=None)


def _inside(container: Container, cards: list[Gpu], snapshot: Snapshot) -> list[Gpu]:
    """The cards that it sees, in their order; without a grant those on which it holds memory."""
    grant = grant_of(container)
    if grant is not None:
        uuids = granted(grant, cards)
    else:
        uuids = frozenset(p.gpu for p in snapshot.gpu_processes if p.container == container.id)
    found = [gpu for gpu in cards if uuids and gpu.uuid in uuids]
    return sorted(found, key=lambda gpu: gpu.index if gpu.index is not None else len(cards))


def server_of(snapshot: Snapshot, holder: Holder) -> Server | None:
    """The model server that a holder of memory is, as far as it was recognised."""
    by_key = next((s for s in snapshot.servers if holder.server and s.key == holder.server), None)
    return by_key or next((s for s in snapshot.servers if holder.container and s.container == holder.container), None)
