"""Ollama computes on the CPU although a GPU is there for it.

What it does
    Compares what each Ollama says of its loaded models (``/api/ps``: size, and how much of it lies on GPUs), and the
    line ``inference compute`` of its log, with the GPUs of the machine and the container's grant. Tells apart: the
    container was granted no GPU; it had one and lost it; it never saw the one it was granted; the driver does not work;
    the model is bigger than the card; there was no room left for it; only a part of it fits.

Why it matters
    Ollama does not fail without a GPU, it gets slower: ten times and more. Nothing is logged as an error. After a
    ``systemctl daemon-reload`` a container with the classic hook loses its GPU, and the next model goes to the CPU.

Fix
    Restarts the container where it lost its GPU or never saw it while driver and grant are fine: nothing inside heals
    that. A missing grant, a driver that does not work and a model that is too big are explained, with the numbers.

Sources
    ollama docs (gpu, troubleshooting) and discover/; nvidia-container-toolkit issues 48 and 1744. Figures of /api/ps
    can be too low in some releases; they are compared with nothing here but each other and zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.fix.steps import RestartContainer
from ...console.model import Container, Gpu, GpuDriver, LoadedModel, LogMark, Server
from ...console.products.fit import free_memory
from ...console.products.gateways import environment
from ...console.products.gpu_grants import Grant, grant_of, granted
from ...console.text import _
from ...console.text.cleaning import clean_line, size
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import LABEL_DIRECTORY, marks_since_start
from ..subjects import containers, natives

CPU, GPU = "ollama.inference-cpu", "ollama.inference-gpu"
_OFF = ("-1", "none", "void", "")
HEALTHY = ("ok", "stale")
WORKING = ("up", "busy", "loading")
LOST = Form(
    "lost",
    "{subject} has lost its GPU and computes on the CPU",
    "It is granted a GPU ({grant}) and the driver works, with {free} free, but nothing of {model} lies on it. "
    "A daemon-reload or a driver that was replaced takes the GPU from containers that run; nothing inside heals that.",
    "restart the container",
    "warning",
    advice="Answers being written are cut off; its models stay on the disk and are loaded again at the next request.\n"
    "Where a request or a Modelfile asks for num_gpu 0, the CPU is meant, and a restart changes nothing.\n"
    "The next `systemctl daemon-reload` may take it away again: gpu.lost-in-container tells how to prevent that.",
)
NOT_SEEN = Form(
    "not-seen",
    "{subject} found no GPU when it started, although it was granted one",
    "It looks for GPUs once, at its start, and saw none then. The driver works now and the grant ({grant}) "
    "is there, so what was missing at that moment may well be there by now.",
    "restart the container",
    "warning",
    advice="Answers being written are cut off; its models stay on the disk and are loaded again at the next request.\n"
    "If it sees none again, look at gpu.driver and gpu.toolkit: the image's CUDA may be newer than the driver.",
)
NO_GRANT = Form(
    "no-grant",
    "{subject} computes on the CPU, as its container was granted no GPU",
    "This machine has a GPU that works, but the container was made without one, so Ollama cannot see it.",
    "grant it a GPU in the compose file",
    "info",
    advice="If it is meant to use a GPU, add this to the service and recreate it (the toolkit must be there):\n"
    "deploy: {{resources: {{reservations: {{devices: [{{driver: nvidia, count: all, capabilities: [gpu]}}]}}}}}}\n"
    "An Ollama that only computes vectors is often left on the CPU on purpose; then nothing is wrong.",
)
DRIVER = Form(
    "driver",
    "{subject} computes on the CPU, as its GPU works for nobody",
    "It is granted a GPU ({grant}), but: {driver}.",
    "repair the driver first: gpu.driver",
    "warning",
    advice="Nothing inside the container can help: gpu.driver tells what to do. Restart {subject} afterwards.",
)
NATIVE = Form(
    "native",
    "{subject} computes on the CPU, although this machine has a GPU",
    "The driver works and {free} are free, but nothing of {model} lies on a GPU.",
    "look at its log, and restart it",
    "warning",
    advice="`journalctl -u ollama | grep 'inference compute'` tells what it saw at its start.\n"
    "Restart it (`systemctl restart ollama`) if the driver was loaded or replaced since.",
)
TOO_BIG = Form(
    "too-big",
    "{model} is bigger than the GPUs of {subject}, which computes it on the CPU",
    "It needs {size}, and the GPUs that it may use have {total} together.",
    "take a smaller model or a stronger quantisation",
    "info",
    advice="Take a smaller model, or a stronger quantisation of it: `stackops gpu --fit` tells what would fit.\n"
    "OLLAMA_CONTEXT_LENGTH makes the context shorter, which takes memory as well.",
)
NO_ROOM = Form(
    "no-room",
    "{model} found no room on the GPUs of {subject}, and is computed on the CPU",
    "It needs {size}, and only {free} of {total} were left: other processes hold the rest.",
    "make room on the GPU",
    "warning",
    advice="See who holds the memory (gpu.memory-full), and unload or stop what is not needed.\n"
    "Then let the model be loaded anew: it stays where it was loaded.",
)
PARTIAL = Form(
    "partial",
    "{model} of {subject} lies partly on the CPU",
    "{vram} of {size} lie on GPUs, the rest is computed on the CPU, which is as fast as its slower part.",
    "take a smaller model or a shorter context, or make room",
    "info",
    advice="{vram} of {size} are on GPUs, {free} of {total} are free now.\n"
    "Take a smaller model, a stronger quantisation or a shorter context (OLLAMA_CONTEXT_LENGTH).\n"
    "Or make room, and let it be loaded anew.",
)
WHOLLY = replace(PARTIAL, title="{model} of {subject} lies wholly on the CPU", variant="wholly")


@dataclass(frozen=True)
class Ollama:
    """One Ollama that runs."""

    name: str
    container: Container | None
    server: Server | None
    grant: Grant | None
    cards: tuple[Gpu, ...]
    """GPUs of the machine that it may use: those granted, or all for one on the machine itself."""
    present: bool
    """Whether the machine has a GPU that works."""
    driver: GpuDriver | None
    mark: LogMark | None = None
    """What it said of its devices at its start."""
    rules: bool | None = None
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
    def biggest(self) -> LoadedModel | None:
        """The biggest model that is not whole on GPUs, by more than rounding."""
        known = ((m.size or 0, m.size_vram, m) for m in self.loaded or ())
        parted = [(whole, m) for whole, vram, m in known if vram is not None and vram < 0.98 * whole]
        return max(parted, key=lambda each: each[0])[1] if parted else None

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
            return self.driver.sentence or _("the driver is {state}", state=self.driver.state.replace("_", " "))
        if self.cards and all(card.health not in HEALTHY for card in self.cards):
            return self.cards[0].trouble or _("its GPU is {health}", health=self.cards[0].health.replace("_", " "))
        return None

    @property
    def expected(self) -> bool:
        """Whether it should use a GPU: one is there for it, or was granted though it does not work."""
        return not self.deliberate and (self.present or (self.fault is not None and self.grant is not None))

    @property
    def silent(self) -> bool:
        """Whether nothing tells if it uses the GPU that it was granted."""
        return self.expected and self.loaded is None and self.mark is None and self.grant is not None

    @property
    def total(self) -> int | None:
        """Bytes of all its cards; Ollama divides a model among them."""
        known = [card.memory_total for card in self.cards if card.memory_total is not None]
        return sum(known) if known and len(known) == len(self.cards) else None

    @property
    def free(self) -> int | None:
        """Bytes that are free on its cards."""
        known = [free_memory(card) for card in self.cards]
        return sum(one or 0 for one in known) if known and None not in known else None


def ollamas(snapshot: Snapshot) -> Iterator[Ollama]:
    """Every Ollama that runs, in a container or on the machine."""
    present, driver = any(card.health in HEALTHY for card in snapshot.gpus), snapshot.gpu_driver
    for container, server in containers(snapshot):
        if container.state != "running" or not container.detailed:
            continue
        grant = grant_of(container)
        uuids = granted(grant, snapshot.gpus) if grant else frozenset()
        cards = tuple(card for card in snapshot.gpus if uuids is not None and card.uuid in uuids)
        marks = [mark for mark in marks_since_start(snapshot, container) if mark.mark in (CPU, GPU)]
        rules = next((one.nvidia for one in snapshot.device_rules if one.container == container.id), None)
        mark = marks[-1] if marks else None
        yield Ollama(container.name, container, server, grant, cards, present, driver, mark, rules)
    for server in natives(snapshot):
        yield Ollama(server.key, None, server, None, snapshot.gpus, present, driver)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each Ollama that runs."""
    for ollama in ollamas(snapshot):
        rows = tuple(_evidence(ollama))
        if ollama.silent:
            why = _("it has a GPU, but tells neither which models are loaded nor what it found at its start")
            yield Unknown(ollama.name, _("Whether {ollama} uses its GPU is not known", ollama=ollama.name), why, rows)
            continue
        form = form_of(ollama)
        if form is None:
            yield Fine(ollama.name, _fine(ollama), rows)
        else:
            yield Case(ollama.name, form, ollama, rows, _words(ollama))


def form_of(ollama: Ollama) -> Form | None:
    """Which way it misses its GPU; None where it does not, or nothing tells."""
    if not ollama.expected:
        return None
    saw_none = ollama.mark is not None and ollama.mark.mark == CPU
    if ollama.on_cpu and len(ollama.on_cpu) == len(ollama.loaded or ()):
        return _all_on_cpu(ollama, saw_none=saw_none)
    if saw_none and not ollama.loaded:  # nothing is loaded that would tell more
        return None if ollama.grant is None else DRIVER if ollama.fault else NOT_SEEN
    model = ollama.biggest
    if model is None or (ollama.container is not None and ollama.grant is None):
        return None
    return WHOLLY if model.size_vram == 0 else PARTIAL


def _all_on_cpu(ollama: Ollama, *, saw_none: bool) -> Form:
    if ollama.container is not None and ollama.grant is None:
        return NO_GRANT
    if ollama.fault:
        return DRIVER
    need = max((model.size or 0 for model in ollama.on_cpu), default=0)
    if ollama.total is not None and need > ollama.total:
        return TOO_BIG
    if not saw_none and ollama.free is not None and need > ollama.free:
        return NO_ROOM
    if ollama.container is None:
        return NATIVE
    return NOT_SEEN if saw_none else LOST


def _fine(ollama: Ollama) -> str:
    if ollama.deliberate:
        return _("{ollama} was told to use the CPU ({deliberate})", ollama=ollama.name, deliberate=ollama.deliberate)
    if ollama.loaded and not ollama.on_cpu:
        return _("{ollama} has its models on GPUs", ollama=ollama.name)
    return _("{ollama} has no model loaded on the CPU that belongs on a GPU", ollama=ollama.name)


def _words(ollama: Ollama) -> dict[str, str]:
    model = ollama.biggest
    return {
        "model": clean_line(model.name, 80) if model else _("its model"),
        "size": size(model.size) if model else "–", "vram": size(model.size_vram) if model else "–",
        "total": size(ollama.total), "free": size(ollama.free),
        "grant": ollama.grant.words if ollama.grant else "none",
        "driver": (ollama.fault or _("the driver does not answer")).rstrip("."),
    }  # fmt: skip


def _evidence(ollama: Ollama) -> Iterator[Evidence]:
    source = (
        f"docker inspect {ollama.name}"
        if ollama.container
        else _("process {pid}", pid=ollama.server.pid if ollama.server else "?")
    )
    if ollama.container is not None:
        yield Evidence(_("GPU grant"), ollama.grant.words if ollama.grant else "none", source)
    if ollama.deliberate:
        yield Evidence(_("told to use the CPU"), ollama.deliberate, source)
    for model in ollama.loaded or ():
        share = _("{size_vram} of {size} on GPUs", size_vram=size(model.size_vram), size=size(model.size))
        address = ollama.server.address if ollama.server else ollama.name
        yield Evidence(clean_line(model.name, 80), share, _("{address}/api/ps", address=address))
    if ollama.mark is not None:
        yield Evidence("log", ollama.mark.text, f"docker logs {ollama.name}")
    if ollama.cards:
        yield Evidence(
            _("GPU memory free"),
            _("{used} of {total}", used=size(ollama.free), total=size(ollama.total)),
            _("GPU driver"),
        )
    if ollama.rules is False:
        yield Evidence("systemd", _("does not know of its GPU: a daemon-reload takes it away"), _("device rules"))


def plan(case: Case[Ollama], _answers: Answers) -> Plan:
    """A restart where that helps, else words with the numbers."""
    container = case.facts.container
    if case.form not in (LOST, NOT_SEEN) or container is None:
        return manual(*case.advice)
    return repair(
        RestartContainer(container.id, container.name), says=case.advice, restarts=(container.name,),
        lock=container.labels.get(LABEL_DIRECTORY),
    )  # fmt: skip


CHECK = Check(
    "ollama.on-cpu", "Ollama uses the GPU that is there for it", __doc__ or "",
    (LOST, NOT_SEEN, NO_GRANT, DRIVER, NATIVE, TOO_BIG, NO_ROOM, PARTIAL, WHOLLY), find, plan,
    reads=("containers", "gpus", "gpu_driver", "device_rules", "servers", "log_marks"),
)  # fmt: skip
