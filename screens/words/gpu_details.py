"""Everything about one process on a GPU, or about the memory that is nobody's."""

from __future__ import annotations

from ...console.joining import rest_of
from ...console.model import Container, Gpu, GpuProcess, LoadedModel, Server, Snapshot
from ...console.text import DASH, ago, duration, size
from .. import glyphs
from ..widgets.paint import Line, Span, Tone, line
from . import gpus


def of_process(process: GpuProcess, snapshot: Snapshot) -> list[Line]:
    """Who it is, where it runs, what it serves."""
    container = next((c for c in snapshot.containers if c.id == process.container), None)
    server = next((s for s in snapshot.servers if s.key == process.server), None)
    said: list[Line] = []
    if process.orphan:
        said.append(line((f"{glyphs.WARN} {process.orphan}. ", "warning"), f"To end it: kill {process.pid}"))
    said += [_memory(process, snapshot), _place(process, container, snapshot)]
    if server is not None:
        said += _server(server, snapshot)
    elif process.models:
        said.append(line(("model    ", "muted"), ", ".join(process.models), ("  by its command line", "muted")))
    said.append(_process(process, snapshot))
    if process.command:
        said.append(line(("command  ", "muted"), " ".join(process.command)))
    if process.visible is False:
        said.append(line((_unseen(snapshot), "muted")))
    return said


def _memory(process: GpuProcess, snapshot: Snapshot) -> Line:
    """On this GPU, and on the others that it uses."""
    parts = []
    by_uuid = {gpu.uuid: gpu for gpu in snapshot.gpus}
    same = [each for each in snapshot.gpu_processes if each.pid == process.pid]
    for each in sorted(same, key=lambda one: (one is not process, one.gpu)):
        gpu = by_uuid.get(each.gpu)
        known = each.memory is not None and gpu is not None and gpu.memory_total
        share = f" ({(each.memory or 0) / (gpu.memory_total or 1) * 100:.0f}%)" if known and gpu else ""
        parts.append(f"{size(each.memory)}{share} of {gpus.name_of(gpu) if gpu else 'a GPU'}")
    kind = f"  {process.kind}" if process.kind else ""
    return line(("memory   ", "muted"), ", ".join(parts), (kind, "muted"))


def _place(process: GpuProcess, container: Container | None, snapshot: Snapshot) -> Line:
    if container is None:
        service = f", service {process.service}" if process.service else ""
        return line(("where    ", "muted"), f"in no container that is known here{service}")
    project = f"  {container.project}/{container.service}" if container.project and container.service else ""
    up = f"  up {duration(snapshot.taken_at - container.started_at)}" if container.started_at else ""
    return line(("where    ", "muted"), container.name, (f"{project}  {container.image}{up}", "muted"))


def _server(server: Server, snapshot: Snapshot) -> list[Line]:
    tone: Tone = "ok" if server.state == "up" else "warning"
    version = f" {server.version}" if server.version else ""
    first = line(
        ("server   ", "muted"), f"{server.product}{version}  ", Span(server.state.replace("_", " "), tone),
        (f"  {server.address}", "muted"), (f"  {server.reason}" if server.reason else "", "muted"),
    )  # fmt: skip
    return [first, *(_loaded(model, snapshot.taken_at) for model in server.loaded or ())]


def _loaded(model: LoadedModel, now: float) -> Line:
    """What the server says of a model, beside what the driver measured."""
    vram = f"  {size(model.size_vram)} on GPUs, as the server says" if model.size_vram is not None else ""
    left = model.expires_at - now if model.expires_at is not None else None
    goes = f"  unloaded in {duration(left)}" if left is not None and 0 < left < 30 * 86400 else ""
    context = f"  context {model.context}" if model.context else ""
    return line(("model    ", "muted"), model.name, (f"{vram}{goes}{context}", "muted"))


def _process(process: GpuProcess, snapshot: Snapshot) -> Line:
    began = f"  began {ago(snapshot.taken_at - process.started_at)}" if process.started_at else ""
    parent = f"  parent {process.parent}" if process.parent is not None else ""
    return line(
        ("process  ", "muted"), f"{process.pid} {process.name or DASH}",
        (f"  user {process.user or DASH}{parent}{began}", "muted"),
    )  # fmt: skip


def _unseen(snapshot: Snapshot) -> str:
    driver = snapshot.gpu_driver
    if driver is not None and driver.same_namespace is False:
        return "This console does not see the machine's processes; start its container with pid: host."
    return "It is not in the process table: it has just ended, or is hidden from this user."


def of_rest(gpu: Gpu, snapshot: Snapshot) -> list[Line]:
    """How the figures of a GPU add up."""
    rest = rest_of(gpu, snapshot.gpu_processes)
    reserved = f", and {size(gpu.memory_reserved)} reserved by the driver" if gpu.memory_reserved is not None else ""
    said = [
        line(
            ("memory   ", "muted"),
            f"{size(gpu.memory_used)} used = {size(rest.known)} of processes + {size(rest.unattributed)} unattributed",
            (reserved, "muted"),
        ),
        line(("why      ", "muted"), gpus.why_rest(rest, snapshot)),
    ]
    driver = snapshot.gpu_driver
    if driver is not None and driver.same_namespace is False:
        said.append(line((_unseen(snapshot), "muted")))
    return said
