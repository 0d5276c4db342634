"""``gpu`` in its three forms: a document, facts, lines. Nothing is worked out here but sums.

The document is a contract with other programs: additions are allowed, changes are not. Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ..collect.joining import Rest, rest_of
from ..model import Gpu, GpuDriver, GpuProcess, Server, Snapshot
from ..text import _, n_
from ..text.cleaning import DASH, duration, percent, size
from .json_ import Document, faults, fields, head
from .plain import Facts
from .text import Line, heads, narrowed, padded, table

_WORD = 9
_ILL = {
    "lost": "LOST", "reset_required": "RESET", "no_permission": "REFUSED", "stale": "STALE", "unreadable": "UNREAD",
}  # fmt: skip


def nothing(driver: GpuDriver | None) -> str:
    """Why there is no GPU to tell of, in one sentence."""
    if driver is None:
        return _("The GPUs cannot be looked at from here: run stackops on the machine that has them")
    if driver.cards:
        cards = n_("{count} NVIDIA card on the PCI bus", "{count} NVIDIA cards on the PCI bus", driver.cards)
        return _("{cards}, but none can be read: {why}", cards=cards, why=driver.sentence or driver.state)
    if driver.state in ("ok", "no_library"):
        known = _("There is no NVIDIA GPU in this machine") if driver.cards == 0 else _("No NVIDIA GPU was found")
        return _("{known}: model servers here run on the processor", known=known)
    return driver.sentence or _("The driver's state is {state}", state=driver.state)


# The document


def document(snapshot: Snapshot) -> Document:
    """``gpu --json``."""
    driver = snapshot.gpu_driver
    return {
        **head(snapshot),
        "driver": None if driver is None else msgspec.structs.asdict(driver),
        "gpus": [_gpu(gpu, snapshot) for gpu in snapshot.gpus],
        "processes": [_process(process, snapshot) for process in _ordered(snapshot)],
        "servers": [_server(server) for server in snapshot.servers],
        "faults": faults(snapshot),
    }


def _ordered(snapshot: Snapshot) -> list[GpuProcess]:
    """By GPU, the largest first."""
    place = {gpu.uuid: number for number, gpu in enumerate(snapshot.gpus)}
    return sorted(snapshot.gpu_processes, key=lambda p: (place.get(p.gpu, len(place)), -(p.memory or 0), p.pid))


def _gpu(gpu: Gpu, snapshot: Snapshot) -> Document:
    """Every field of the model, and how its processes add up: ``attributed + unattributed - excess = memory_used``.

    ``excess`` is 0 unless the driver says that processes hold more than is used at all.
    """
    rest = rest_of(gpu, snapshot.gpu_processes)
    return {
        **msgspec.to_builtins(gpu), "attributed": rest.known, "unattributed": rest.unattributed,
        "unknown_sizes": rest.unknown, "excess": rest.excess, "note": rest.sentence(),
    }  # fmt: skip


def _process(process: GpuProcess, snapshot: Snapshot) -> Document:
    container = next((c for c in snapshot.containers if c.id == process.container), None)
    server = _server_of(process, snapshot)
    gpu = next((each for each in snapshot.gpus if each.uuid == process.gpu), None)
    return {
        **fields(process, "gpu", "instance", "pid", "utilisation", "kind", "name", "command", "parent", "user"),
        **fields(process, "started_at", "visible", "orphan", "service", "server", "models"),
        "index": gpu.index if gpu else None, "bytes": process.memory,
        "container": container.name if container else None, "container_id": process.container,
        "image": container.image if container else None, "project": container.project if container else None,
        "compose_service": container.service if container else None,
        "product": server.product if server else None, "state": server.state if server else None,
        "model": process.models[0] if len(process.models) == 1 else None,
    }  # fmt: skip


def _server_of(process: GpuProcess, snapshot: Snapshot) -> Server | None:
    return next((server for server in snapshot.servers if server.key == process.server), None)


def _server(server: Server) -> Document:
    """What is needed beside the processes; ``servers --json`` tells everything."""
    loaded = ("name", "size", "size_vram", "expires_at", "context")
    return {
        **fields(server, "key", "product", "version", "state", "address", "service"),
        "container_id": server.container,
        "models": [model.name for model in server.models],
        "loaded": None if server.loaded is None else [fields(model, *loaded) for model in server.loaded],
    }


# Facts


def facts(snapshot: Snapshot) -> Iterator[Facts]:
    """``gpu --plain``: the driver, then each GPU, its processes and what is nobody's."""
    driver = snapshot.gpu_driver
    if driver is not None:
        cards = DASH if driver.cards is None else str(driver.cards)
        words = [each for each in (driver.sentence, driver.remedy) if each]
        yield (driver.state, "driver", f"version={driver.version or DASH}", f"cards={cards}", *words)
    if not snapshot.gpus:
        yield ("none", "gpu", nothing(driver))
    processes = _ordered(snapshot)
    for gpu in snapshot.gpus:
        rest = rest_of(gpu, processes)
        yield (
            gpu.health, "gpu", _name(gpu), gpu.name or DASH, f"used={size(gpu.memory_used)}",
            f"total={size(gpu.memory_total)}", f"free={size(gpu.memory_free)}", f"busy={percent(gpu.utilisation)}",
            *(each for each in (gpu.trouble, gpu.remedy, *(gpu.throttling or ())) if each),
        )  # fmt: skip
        for process in processes:
            if process.gpu == gpu.uuid:
                yield ("orphan" if process.orphan else "holds", "process", _name(gpu), *_words(process, snapshot))
        yield ("rest", "unattributed", _name(gpu), size(rest.unattributed), *_note(rest))


def _words(process: GpuProcess, snapshot: Snapshot) -> Facts:
    container = next((c.name for c in snapshot.containers if c.id == process.container), None)
    server = _server_of(process, snapshot)
    return (
        f"pid={process.pid}", size(process.memory), container or DASH, process.service or DASH,
        server.product if server else DASH, ", ".join(process.models) or DASH, process.name or DASH,
        *((process.orphan,) if process.orphan else ()),
    )  # fmt: skip


def _note(rest: Rest) -> Facts:
    sentence = rest.sentence()
    return (sentence,) if sentence else ()


def _name(gpu: Gpu) -> str:
    return f"gpu{'' if gpu.index is None else gpu.index}"


# Lines


def lines(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """What a person reads: each GPU, below it a table of who holds its memory."""
    driver = snapshot.gpu_driver
    if driver is not None and driver.state != "ok" and (driver.cards or snapshot.gpus):
        cards = f"cards={driver.cards}  " if driver.cards is not None else ""
        yield (padded(_("DRIVER"), _WORD), "error", f"{cards}{driver.sentence or driver.state}")
        if driver.remedy:
            yield ("", "", " " * _WORD + padded(_("try"), 8) + driver.remedy)
    elif driver is not None and driver.version:
        yield (padded(_("driver"), _WORD), "", f"{driver.version}{f', CUDA {driver.cuda}' if driver.cuda else ''}")
    if not snapshot.gpus:
        yield ("", "", nothing(driver))
        if driver is not None and not driver.cards and driver.remedy:
            yield ("", "", " " * _WORD + padded(_("try"), 8) + driver.remedy)
    for gpu in snapshot.gpus:
        yield ("", "", "")
        yield from _card(gpu, snapshot, width)


def _card(gpu: Gpu, snapshot: Snapshot, width: int) -> Iterator[Line]:
    ill = _ILL.get(gpu.health)
    yield ((f"{_name(gpu)} {ill} " if ill else _name(gpu)).ljust(_WORD), "error" if ill else "ok", _figures(gpu))
    if gpu.trouble:
        yield ("", "", f"{' ' * _WORD}{gpu.trouble}")
    if gpu.remedy:
        yield ("", "", " " * _WORD + padded(_("try"), 8) + gpu.remedy)
    if gpu.throttling:
        yield ("", "", " " * _WORD + _("held back: {why}", why=", ".join(gpu.throttling)))
    for instance in gpu.instances:
        used = _(
            "{memory_used} of {memory_total} used",
            memory_used=size(instance.memory_used),
            memory_total=size(instance.memory_total),
        )
        yield ("", "", f"{' ' * _WORD}{instance.name or 'MIG'}  {used}  {instance.uuid}")
    yield from (("", "", f"  {row}") for row in _table(gpu, snapshot, width - 2))


def _table(gpu: Gpu, snapshot: Snapshot, width: int) -> Iterator[str]:
    """No table for a GPU without figures: a title alone would claim that nobody uses it."""
    rows = _rows(gpu, snapshot)
    if len(rows) > 1:
        yield from table(narrowed(rows, width, ("SERVICE", "AGE", "SERVER"), 16), width)


def _figures(gpu: Gpu) -> str:
    if gpu.memory_used is None and gpu.utilisation is None:
        return gpu.name or ("" if gpu.uuid.startswith("index:") else gpu.uuid)
    busy = "" if gpu.utilisation is None else _("{utilisation:.0f}% busy", utilisation=gpu.utilisation)
    parts = [
        _(
            "{memory_used} of {memory_total} used",
            memory_used=size(gpu.memory_used),
            memory_total=size(gpu.memory_total),
        ),
        _("{memory_free} free", memory_free=size(gpu.memory_free)),
    ]
    parts += [busy] if busy else []
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature:.0f} °C")
    if gpu.power is not None:
        parts.append(f"{gpu.power:.0f}{f' of {gpu.power_limit:.0f}' if gpu.power_limit else ''} W")
    return "  ".join([*parts, gpu.name or "", "" if gpu.name else gpu.uuid]).rstrip()


def _unseen(process: GpuProcess) -> str:
    return _("not visible: just ended, or hidden from here") if process.visible is False else DASH


def _rows(gpu: Gpu, snapshot: Snapshot) -> Sequence[Sequence[str]]:
    made: list[tuple[str, ...]] = [heads("PID", "VRAM", "CONTAINER", "SERVICE", "SERVER", "MODEL", "AGE", "PROCESS")]
    containers = {container.id: container for container in snapshot.containers}
    for process in _ordered(snapshot):
        if process.gpu != gpu.uuid:
            continue
        server = _server_of(process, snapshot)
        age = duration(snapshot.taken_at - process.started_at) if process.started_at else DASH
        container = containers.get(process.container or "")
        service = f"{container.project}/{container.service}" if container and container.project else process.service
        made.append((
            str(process.pid), size(process.memory), container.name if container else DASH, service or DASH,
            server.product if server else DASH, ", ".join(process.models) or DASH, age,
            _("ORPHAN: {orphan}", orphan=process.orphan) if process.orphan else process.name or _unseen(process),
        ))  # fmt: skip
    rest = rest_of(gpu, snapshot.gpu_processes)
    if rest.unattributed is None:
        return made
    return [*made, (DASH, size(rest.unattributed), _("unattributed"), DASH, DASH, DASH, DASH, rest.sentence() or DASH)]
