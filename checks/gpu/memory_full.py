"""A model server did not get its memory: the card is full, or the model is too big for it.

What it does
    Reads the lines in which PyTorch, vLLM, SGLang, TGI, llama.cpp, Ollama and others say that memory was wanting, since
    the last start and, in a loop of starts, of the run before. Finds the card that is meant and who holds its memory:
    a container, its model server, the loaded model, or a process outside of containers. A server that runs on is only
    spoken of for an hour and while the card is still full. A kill for want of main memory is told apart. A full card by
    itself is no finding: vLLM fills its card by design.

Why it matters
    "CUDA out of memory" names whoever asked last, which is seldom whoever took the memory. Requests fail one by one
    while everything seems to run.

Fix
    Where an Ollama holds the memory, unloads its models, which Ollama would do by itself some minutes later, and starts
    the server that died of it. Everything else (shares, lengths, another card, a smaller model) is explained with the
    options that the engine has for it.

Sources
    The messages as these engines write them: PyTorch, vLLM 0.33, SGLang 0.5, llama.cpp, Ollama, FastChat 0.2.36, and
    their advice; Ollama's API for unloading (keep_alive 0).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.steps import RestartContainer, UnloadModel
from ...console.model import Container, Gpu, LogMark, Server, Snapshot
from ...console.products.fit import free_memory
from ...console.products.gpu_grants import grant_of, granted
from ...console.products.server_logs import HOST, OOM
from ...console.text import _
from ...console.text.cleaning import duration, size
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Severity, Unknown, manual, repair
from .common import GpuHolder, card, goes_round, holders, last_cause, said, with_name

_ROOM = "make room on the card, or ask for less"
KILLED = Form(
    "host-memory",
    "{subject} was killed for want of main memory ({whose}), not of the GPU's",
    "The kernel ended it: a model is read into main memory before it goes to the GPU. The GPU is not at fault",
    _ROOM,
    variant="killed",
)
HOST_MEMORY = replace(
    KILLED,
    variant="",
    title="{subject} found too little main memory for a model ({whose})",
    because="It has no GPU, so that the model and its cache lie in main memory, and there was no room left for them",
)
NO_ROOM_BESIDE = replace(
    HOST_MEMORY,
    variant="beside",
    because="It says so itself. A model is read into main memory before it goes to a GPU, and what the GPU cannot hold"
    " stays there",
)
TOO_LONG = Form(
    "too-long",
    "{subject} has too little GPU memory for the length of its context",
    "What is left beside the weights does not hold the cache for one request of the longest length",
    _ROOM,
)
TOO_BIG = Form(
    "too-big",
    "{subject} {verb} memory on {card}",
    "{left}Nobody else holds much of the card: model, cache and the requests at work together do not fit it",
    _ROOM,
)
TOO_BIG_SOMEWHERE = replace(
    TOO_BIG,
    variant="somewhere",
    because="{left}Model, cache and the requests at work together do not fit; who else uses the card is not known",
)
SQUEEZED = Form(
    "squeezed",
    "{subject} {verb} memory on {card}: {culprit} holds {much}",
    "{left}Both together do not fit the card",
    _ROOM,
)
BY_VLLM = replace(
    SQUEEZED,
    variant="vllm",
    because="{left}vLLM takes its share of the card (--gpu-memory-utilization, 0.9 and more by default) when it starts,"
    " which is no fault; two servers on one card have to agree on their shares",
)
BY_OLLAMA = replace(
    SQUEEZED,
    variant="ollama",
    because="{left}Ollama keeps a model loaded for a while after its last use (OLLAMA_KEEP_ALIVE), and both together do"
    " not fit the card",
)
UNLOADABLE = replace(BY_OLLAMA, variant="unload", fix="unload {models}")
UNLOADABLE_DEAD = replace(BY_OLLAMA, variant="unload-start", fix="unload {models} and start {subject}")
FORMS = (
    KILLED, HOST_MEMORY, NO_ROOM_BESIDE, TOO_LONG, TOO_BIG, TOO_BIG_SOMEWHERE, SQUEEZED, BY_VLLM, BY_OLLAMA, UNLOADABLE,
    UNLOADABLE_DEAD,
)  # fmt: skip

LENGTH = "gpu.oom.vllm-length"
ENDED = ("exited", "dead", "restarting")
RECENT = 3600.0
"""Seconds for which a line in the log of a server that runs on counts."""
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
_LONGEST = re.compile(r"(?:estimated maximum model length is |can be stored in KV cache \()(\d+)")
_SHARE = re.compile(r"\(([\d.]+)/([\d.]+) GiB\) on startup")
_WISH = re.compile(rf"GPU memory utilization \([\d.]+, {_AMOUNT}\)")


@dataclass(frozen=True)
class Victim:
    """One container that did not get its memory."""

    container: Container
    mark: LogMark | None = None
    """The line that says so."""
    gpu: Gpu | None = None
    others: tuple[GpuHolder, ...] = ()
    """Who else holds memory of that card, the most first."""
    dead: bool = False
    """It does not run, or dies again and again."""
    server: Server | None = None
    """The model server that holds the most of the others, as far as it was recognised."""
    spare: int | None = None
    """Number of a card that nobody uses."""

    @property
    def unloads(self) -> tuple[UnloadModel, ...]:
        """The models of an Ollama that holds the most of the card: those that it is known to have there."""
        if self.server is None or self.server.product != "ollama" or self.server.state not in ("up", "busy"):
            return ()
        on_gpu = tuple(model.name for model in self.server.loaded or () if model.size_vram != 0)
        name, address = self.others[0].name, self.server.address
        return tuple(UnloadModel(address=address, model=one, name=name) for one in self.others[0].models or on_gpu)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Everybody who ran out, the dead and those who live on, else one answer for all."""
    models = {service.container for service in snapshot.services if service.role in ("ollama", "model_server")}
    may_hold = [one for one in snapshot.containers if one.id in models or grant_of(one) is not None]
    found = [told for container in may_hold if (told := _judge(container, snapshot)) is not None]
    yield from found
    if may_hold and not found:
        yield Fine("", _("No model server has run out of memory"))


def _judge(container: Container, snapshot: Snapshot) -> Found | None:
    if container.oom_killed and container.state in ENDED and container.exit_code not in (0, 130, 143):
        return _case(KILLED, Victim(container, dead=True), snapshot)  # else a helper was killed, long before its stop
    own = said(snapshot, container)
    mark, loops = last_cause(snapshot, container, OOM, HOST), goes_round(snapshot, container, own)
    if mark is None or not _counts(container, mark, snapshot, loops=loops) or _went_on(container, mark, own, snapshot):
        return None
    victim = Victim(container, mark, dead=loops or container.state != "running")
    if mark.mark.startswith(HOST):
        return _case(NO_ROOM_BESIDE, victim, snapshot)
    if _without_gpu(container, mark, snapshot):
        return _case(HOST_MEMORY, victim, snapshot)
    if mark.mark == LENGTH:
        return _case(TOO_LONG, victim, snapshot)
    return _on_card(replace(victim, gpu=_card(container, mark, snapshot)), mark, snapshot)


def _on_card(victim: Victim, mark: LogMark, snapshot: Snapshot) -> Found:
    """Who wanted memory of a card, by what is free there now."""
    gpu, name = victim.gpu, victim.container.name
    others = tuple(one for one in holders(snapshot, gpu.uuid) if one.container != victim.container.id) if gpu else ()
    server = _server_of(snapshot, others[0]) if others else None
    victim = replace(victim, others=others, server=server, spare=_spare(gpu, snapshot))
    room, total = (free_memory(gpu), gpu.memory_total) if gpu else (None, None)
    if not victim.dead and (room is None or not total):
        why = _("it ran out of memory a while ago, and how much of its card is free now is not known")
        title, rows = _("Whether {name} has memory now cannot be told", name=name), tuple(_rows(victim, snapshot))
        return Unknown(name, title, why, rows)
    if not victim.dead and room is not None and total and room >= max(_wanted(mark), SCARCE * total):
        title = _("{name} ran out of GPU memory, and there is room again", name=name)
        return Fine(name, title, tuple(_rows(victim, snapshot)))
    if not others or (others[0].memory is not None and total and others[0].memory < MUCH * total):
        return _case(TOO_BIG if gpu else TOO_BIG_SOMEWHERE, victim, snapshot)
    if victim.unloads:
        return _case(UNLOADABLE_DEAD if victim.container.state in ENDED else UNLOADABLE, victim, snapshot)
    by = {"vllm": BY_VLLM, "ollama": BY_OLLAMA}
    return _case(by.get(server.product, SQUEEZED) if server else SQUEEZED, victim, snapshot)


def _case(form: Form, victim: Victim, snapshot: Snapshot) -> Case[Victim]:
    limit, gpu = victim.container.memory_limit, victim.gpu
    words = {
        "whose": _("its limit of {limit}", limit=size(limit)) if limit else _("the machine's memory"),
        "verb": _("died for want of") if victim.dead else _("ran out of"),
        "card": card(gpu) if gpu else _("its GPU"),
        "left": _figures(victim),
        "models": ", ".join(step.model for step in victim.unloads),
    }
    if victim.others and gpu:
        held = _("an unknown part") if victim.others[0].memory is None else size(victim.others[0].memory)
        much = _("{used} of {total}", used=held, total=size(gpu.memory_total)) if gpu.memory_total else held
        words |= {"culprit": victim.others[0].name, "much": much}
    rows = [*_rows(victim, snapshot)]
    if form is KILLED:
        ended = _("yes, exit code {exit_code}", exit_code=victim.container.exit_code)
        rows.insert(0, Evidence(_("killed by the kernel"), ended, f"docker inspect {victim.container.name}"))
    severity: Severity | None = None if victim.dead else "warning"
    return Case(victim.container.name, form, victim, tuple(rows), words, severity)


def _figures(victim: Victim) -> str:
    """What it wanted and found, as vLLM says it itself, or what of the card is left now."""
    text = victim.mark.text if victim.mark else ""
    wish, found = _WISH.search(text), _SHARE.search(text)
    if wish and found:
        held = _("{found:.2f} GiB was held by others", found=float(found[2]) - float(found[1]))
        return _("It wanted {wish} GiB when it started, and {found} GiB of {found2} GiB was free: {held}. ",
                 wish=wish[1], found=found[1], found2=found[2], held=held)  # fmt: skip
    left = free_memory(victim.gpu) if victim.gpu else None
    return "" if left is None else _("{left} is left. ", left=size(left))


def _rows(victim: Victim, snapshot: Snapshot) -> Iterator[Evidence]:
    gpu, source = victim.gpu, f"docker logs {victim.container.name}"
    if victim.mark is not None:
        ago = snapshot.taken_at - (victim.mark.at or snapshot.taken_at)
        yield Evidence("log", victim.mark.text, source)
        yield Evidence(_("said"), _("{what} ago", what=duration(max(0.0, ago))), source)
    if gpu is not None:
        used = _("{used} of {total} used", used=size(gpu.memory_used), total=size(gpu.memory_total))
        yield Evidence(with_name(gpu), used, "NVML")
    for holder in victim.others[:3]:
        yield Evidence(_("held"), holder.words, _("NVML, process table"))


def _without_gpu(container: Container, mark: LogMark, snapshot: Snapshot) -> bool:
    """Whether it computes on the processor, and its line names nothing of a GPU: main memory is what was wanting."""
    if mark.mark not in ("gpu.oom.ollama", "gpu.oom.llamacpp"):  # the others never run without one
        return False
    if grant_of(container) is not None or container.devices or container.runtime == "nvidia":
        return False
    holds = any(process.container == container.id for process in snapshot.gpu_processes)
    return not holds and _OF_GPU.search(mark.text) is None


def _counts(container: Container, mark: LogMark, snapshot: Snapshot, *, loops: bool) -> bool:
    """Whether a line of want still means something: said a while ago by who lives on, it does not."""
    if loops or container.state == "restarting":
        return True
    if container.state == "running":
        return snapshot.taken_at - (mark.at or 0.0) <= RECENT
    if container.state not in ("exited", "dead") or container.exit_code == 0:
        return False
    return container.finished_at is None or container.finished_at - (mark.at or 0.0) <= LAST_WORDS


def _went_on(container: Container, mark: LogMark, own: list[LogMark], snapshot: Snapshot) -> bool:
    """An Ollama whose runner did not end, and that has a model on a GPU: it loaded it with fewer layers there."""
    if any(one.mark == "ollama.runner-ended" and (one.at or 0.0) >= (mark.at or 0.0) - 1.0 for one in own):
        return False
    mine = (s for s in snapshot.servers if s.container == container.id and s.product == "ollama")
    return any(model.size_vram for server in mine for model in server.loaded or ())


def _wanted(mark: LogMark) -> int:
    match = _WANTS.search(mark.text) or _WISH.search(mark.text)
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
    return min(inside, key=lambda gpu: (free_memory(gpu) is None, free_memory(gpu) or 0), default=None)


def _inside(container: Container, cards: list[Gpu], snapshot: Snapshot) -> list[Gpu]:
    """The cards that it sees, in their order; without a grant those on which it holds memory."""
    grant = grant_of(container)
    if grant is not None:
        uuids = granted(grant, cards)
    else:
        uuids = frozenset(p.gpu for p in snapshot.gpu_processes if p.container == container.id)
    found = [gpu for gpu in cards if uuids and gpu.uuid in uuids]
    return sorted(found, key=lambda gpu: gpu.index if gpu.index is not None else len(cards))


def _server_of(snapshot: Snapshot, holder: GpuHolder) -> Server | None:
    """The model server that a holder of memory is, as far as it was recognised."""
    by_key = next((s for s in snapshot.servers if holder.server and s.key == holder.server), None)
    return by_key or next((s for s in snapshot.servers if holder.container and s.container == holder.container), None)


def _spare(full: Gpu | None, snapshot: Snapshot) -> int | None:
    for gpu in snapshot.gpus:
        empty = not holders(snapshot, gpu.uuid) and (free_memory(gpu) or 0) > 0.9 * (gpu.memory_total or float("inf"))
        if gpu.health == "ok" and empty and gpu.index is not None and (full is None or gpu.uuid != full.uuid):
            return gpu.index
    return None


def plan(case: Case[Victim], _answers: Answers) -> Plan:
    """Unloads what an Ollama holds; says what to do about the rest."""
    victim, container = case.facts, case.facts.container
    if case.form not in (UNLOADABLE, UNLOADABLE_DEAD):
        return manual(*_by_hand(case))
    again = (RestartContainer(container=container.id, name=container.name),) if case.form is UNLOADABLE_DEAD else ()
    return repair(
        *victim.unloads, *again, safety="disruptive", restarts=[step.name for step in again],
        says=_says(victim.others[0].name, container.name, starts=bool(again)),
        deadline=90.0, uncovers=("too-big", "too-long"), lock=container.labels.get(compose.LABEL_DIRECTORY),
    )  # fmt: skip


def _says(ollama: str, name: str, *, starts: bool) -> Iterator[str]:
    yield _("{ollama} loads a model again with the next request for it: then the card is as full as it is now.",
            ollama=ollama)  # fmt: skip
    yield _("The model's files stay where they are; answers that are being written are finished first.")
    if starts:
        yield _("{name} is started and may take minutes to load its model.", name=name)
    yield _("For good: set OLLAMA_KEEP_ALIVE to a short time, or give {name} and {ollama} a card each.", name=name,
            ollama=ollama)  # fmt: skip


def _by_hand(case: Case[Victim]) -> Iterator[str]:
    """What a person can do, the nearest first."""
    victim, text = case.facts, case.facts.mark.text if case.facts.mark else ""
    if case.form is TOO_LONG:
        longest = _LONGEST.search(text)
        yield _("Start it with a shorter context: --max-model-len {longest}",
                longest=longest[1] if longest else "TOKENS")  # fmt: skip
        yield _("Or give it more of the card: --gpu-memory-utilization 0.95, where nobody else needs the card.")
        return
    if case.form.id == KILLED.id:
        limit = victim.container.memory_limit
        if limit:
            yield _("Raise its limit ({limit}) in the compose file: mem_limit, or deploy.resources.limits.memory.",
                    limit=size(limit))  # fmt: skip
        else:
            yield _("See what else takes main memory: docker stats; add memory or swap, or stop something.")
        yield _("A model needs about its file's size of main memory while it is loaded, whatever the GPU has.")
    else:
        if case.form.id == SQUEEZED.id:
            yield _of_culprit(victim.others[0], victim.server)
        if victim.spare is not None:
            yield _('Or give {case} another card: device_ids: ["{spare}"] in the compose file.', case=case.subject,
                    spare=victim.spare)  # fmt: skip
        yield _of_victim(victim.mark.mark if victim.mark else "", text)
    yield _("Then start it again: docker restart {case}", case=shlex.quote(case.subject))


def _of_culprit(holder: GpuHolder, server: Server | None) -> str:
    if server is not None and server.product == "vllm":
        return _("Start {holder} with a smaller share: --gpu-memory-utilization 0.6", holder=holder.name)
    if server is not None and server.product == "sglang":
        return _("Start {holder} with a smaller share: --mem-fraction-static 0.6", holder=holder.name)
    if holder.container:
        return _("Stop what you do not need: docker stop {holder}", holder=shlex.quote(holder.name))
    return _("See what holds the memory: ps -o pid,ppid,user,lstart,args -p {map}",
             map=" ".join(map(str, holder.pids)))  # fmt: skip


def _of_victim(kind: str, text: str) -> str:
    """By what the engine itself advises."""
    if kind.startswith("gpu.oom.vllm"):
        # vLLM tells how much was free when it started: a little less than that share fits
        free_of = _SHARE.search(text)
        share = int(95 * float(free_of[1]) / float(free_of[2])) / 100 if free_of and float(free_of[2]) else 0
        fits = f"--gpu-memory-utilization {share}" if share >= 0.2 else _("a smaller --gpu-memory-utilization")
        return _("Or start it with what is free: {fits}; or use a smaller or quantised model.", fits=fits)
    if kind.startswith("gpu.oom.sglang"):
        return _("Or change its share with --mem-fraction-static, or lower --max-running-requests.")
    if kind in ("gpu.oom.llamacpp", "gpu.oom.ollama"):
        return _("Or use a smaller quantisation, or a shorter context (Ollama: OLLAMA_CONTEXT_LENGTH; llama.cpp: -c).")
    return _("Or use a smaller model or quantisation, shorter inputs, or smaller batches.")


CHECK = Check(
    "gpu.memory-full", "Model servers have the GPU memory they need", __doc__ or "", FORMS, find, plan,
    reads=("containers", "services", "gpus", "gpu_processes", "servers", "log_marks", "last_words"),
)  # fmt: skip
