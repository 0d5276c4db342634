"""One Ollama with everything that tells whether it computes on a GPU, and which way it does not. Pure.

fact: gpu-model-servers 3.3 and 3.4: Ollama falls back to the CPU without a word; ``inference compute`` at its start
names each GPU that it saw, or ``library=cpu`` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.model import Container, Gpu, GpuDriver, LoadedModel, LogMark, Server, Snapshot
from ...console.stacks.gateways import environment
from ...console.stacks.gpu_grants import Grant, grant_of, granted
from ..compose import marks_since_start
from .common import containers, natives

CPU, GPU = "ollama.inference-cpu", "ollama.inference-gpu"
_OFF = ("-1", "none", "void", "")
HEALTHY = ("ok", "stale")
WORKING = ("up", "busy", "loading")


@dataclass(frozen=True)
class Case:
    """One Ollama."""

    name: str
    container: Container | None
    server: Server | None
    grant: Grant | None
    cards: tuple[Gpu, ...]
    """GPUs of the machine that it may use: those granted, or all for one on the machine itself."""
    present: bool
    """Whether the machine has a GPU that works."""
    driver: GpuDriver | None
    mark: LogMark | None
    """What it said of its devices at its start."""
    rules: bool | None
    """Whether systemd knows of its GPU."""

    @property
    def loaded(self) -> tuple[LoadedModel, ...] | None:
        """Models in memory; None where it does not tell, or does not answer."""
        return self.server.loaded if self.server and self.server.state in WORKING else None

    @property
    def on_cpu(self) -> tuple[LoadedModel, ...]:
        """Those of which nothing lies on a GPU."""
        return tuple(m for m in self.loaded or () if m.size and m.size_vram == 0)

    @property
    def partly(self) -> tuple[LoadedModel, ...]:
        """Those of which a part lies on the CPU, by more than rounding."""
        return tuple(m for m in self.loaded or () if m.size and m.size_vram and m.size_vram < 0.98 * m.size)

    @property
    def biggest(self) -> LoadedModel | None:
        """The biggest model that is not whole on GPUs."""
        return max((*self.on_cpu, *self.partly), key=lambda m: m.size or 0, default=None)

    @property
    def deliberate(self) -> str | None:
        """The setting by which it was told to use the CPU."""
        env = environment(self.container) if self.container else {}
        if env.get("OLLAMA_LLM_LIBRARY", "").startswith("cpu"):
            return "OLLAMA_LLM_LIBRARY=cpu"
        if "CUDA_VISIBLE_DEVICES" in env and env["CUDA_VISIBLE_DEVICES"].strip().lower() in _OFF:
            return f"CUDA_VISIBLE_DEVICES={env['CUDA_VISIBLE_DEVICES'].strip() or 'nothing'}"
        return None

    @property
    def fault(self) -> str | None:
        """Why no GPU of its can be used by anybody; None where one works, or nothing tells."""
        if self.driver is not None and self.driver.state not in ("ok", "unknown", "stalled"):
            return self.driver.sentence or f"the driver is {self.driver.state.replace('_', ' ')}"
        if self.cards and all(card.health not in HEALTHY for card in self.cards):
            return self.cards[0].trouble or f"its GPU is {self.cards[0].health.replace('_', ' ')}"
        return None

    @property
    def total(self) -> int | None:
        """Bytes of all its cards; Ollama divides a model among them."""
        known = [card.memory_total for card in self.cards if card.memory_total is not None]
        return sum(known) if known and len(known) == len(self.cards) else None

    @property
    def free(self) -> int | None:
        """Bytes that are free on its cards."""
        known = [_free(card) for card in self.cards]
        return sum(one or 0 for one in known) if known and None not in known else None


def _free(card: Gpu) -> int | None:
    if card.memory_free is not None:
        return card.memory_free
    if card.memory_total is None or card.memory_used is None:
        return None
    return max(0, card.memory_total - card.memory_used - (card.memory_reserved or 0))


def cases(snapshot: Snapshot) -> Iterator[Case]:
    """Every Ollama that runs, in a container or on the machine."""
    present = any(card.health in HEALTHY for card in snapshot.gpus)
    for container, server in containers(snapshot):
        if container.state != "running" or not container.detailed:
            continue
        grant = grant_of(container)
        uuids = granted(grant, snapshot.gpus) if grant else frozenset()
        cards = tuple(card for card in snapshot.gpus if uuids is not None and card.uuid in uuids)
        marks = [mark for mark in marks_since_start(snapshot, container) if mark.mark in (CPU, GPU)]
        rules = next((one.nvidia for one in snapshot.device_rules if one.container == container.id), None)
        yield Case(container.name, container, server, grant, cards, present, snapshot.gpu_driver,
                   marks[-1] if marks else None, rules)  # fmt: skip
    for server in natives(snapshot):
        yield Case(server.key, None, server, None, snapshot.gpus, present, snapshot.gpu_driver, None, None)


def form_of(case: Case) -> str | None:
    """Which way it misses its GPU; None where it does not, ``unknown`` where nothing tells."""
    driver_bad = case.fault is not None
    may_use = case.container is None or case.grant is not None
    if case.deliberate or not (case.present or (driver_bad and case.grant is not None)):
        return None
    if case.loaded is None and case.mark is None:
        return "unknown" if may_use and case.container is not None else None
    saw_none = case.mark is not None and case.mark.mark == CPU
    if case.on_cpu and len(case.on_cpu) == len(case.loaded or ()):
        return _all_on_cpu(case, driver_bad=driver_bad, saw_none=saw_none)
    if saw_none and not case.loaded:
        return _blind(case, driver_bad=driver_bad)
    if case.partly or case.on_cpu:
        return "partial" if may_use else None
    return None


def _all_on_cpu(case: Case, *, driver_bad: bool, saw_none: bool) -> str:
    if case.container is not None and case.grant is None:
        return "no-grant"
    if driver_bad:
        return "driver"
    need = max((model.size or 0 for model in case.on_cpu), default=0)
    if case.total is not None and need > case.total:
        return "too-big"
    if not saw_none and case.free is not None and need > case.free:
        return "no-room"
    if case.container is None:
        return "native"
    return "not-seen" if saw_none else "lost"


def _blind(case: Case, *, driver_bad: bool) -> str | None:
    """It saw no GPU when it started, and has nothing loaded that would tell more."""
    if case.grant is None:
        return None
    return "driver" if driver_bad else "not-seen"
