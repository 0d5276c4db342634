"""Verdict line and host strip: the two answers everybody wants first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from ...console.model import Disk, Gpu, Snapshot, System
from ...console.model.findings import Judgement
from ...console.text import _, n_
from ...console.text.cleaning import DASH, cells
from ..widgets import paint
from ..widgets.paint import Line, Span, Tone, line
from . import states


def verdict(snapshot: Snapshot | None, told: Judgement | None, width: int) -> Line:
    """What is down and why, in one line, with its check where there is room; green only where all is known well."""
    if snapshot is None or told is None:
        return line((_("{off} Looking at the machine ...", off=paint.OFF), "muted"))
    if told.troubles and told.troubles[0].result.severity != "info":
        return _problems(told, width)
    if not snapshot.containers and not snapshot.processes:
        engine = next((fault for fault in snapshot.faults if fault.source == "engine"), None)
        if engine is not None:
            return line((f"{paint.WARN} {engine.sentence}", "warning"))
        return line((_("{off} Nothing to watch: no container and no service was found", off=paint.OFF), "muted"))
    if not told.green:
        return line((_("{ask} Not sure: ", ask=paint.ASK), "warning"), told.verdict)
    stacks = len({container.project for container in snapshot.containers if container.project})
    count = len(snapshot.containers)
    well = f"{n_('{count} container', '{count} containers', count)}, {n_('{count} stack', '{count} stacks', stacks)}"
    hints = n_(", {count} hint", ", {count} hints", len(told.troubles)) if told.troubles else ""
    return line((_("{ok} All well: ", ok=paint.OK), "ok"), well, (hints, "muted"))


def _problems(told: Judgement, width: int) -> Line:
    first, count = told.troubles[0].result, sum(1 for each in told.troubles if each.result.severity != "info")
    tone: Tone = "error" if first.severity == "error" else "warning"
    glyph = states.verdict_of(first).text[0]
    said = line((f"{glyph} {n_('{count} problem', '{count} problems', count)}: ", tone), (told.verdict, "strong"))
    named = (*said, Span(f" ({first.check})", "muted"))
    return named if sum(cells(span.text) for span in named) <= width else said


def host(snapshot: Snapshot, width: int, cpu: Sequence[float | None] = (), *, tall: bool = False) -> list[Line]:
    """CPU, load, memory, swap, disks, GPUs, Engine: as much as the width holds, most important first."""
    first, rest = _system_items(snapshot.system, cpu, roomy=width >= 110)
    items = [*first, _engine_item(snapshot), *rest]
    return [fitted(items, width), *_gpus(snapshot, width, tall=tall)]


def _gpus(snapshot: Snapshot, width: int, *, tall: bool) -> list[Line]:
    """A line for each where there is room, else one for all of them; none is left out without a word."""
    gpus, driver = snapshot.gpus, snapshot.gpu_driver
    if not gpus:
        silent = driver is not None and driver.state != "ok" and driver.cards and driver.sentence
        return [line(("gpu ", "muted"), (driver.sentence or "", "error"))] if driver and silent else []
    if len(gpus) == 1 or (tall and len(gpus) <= 8):
        return _side_by_side([_gpu(gpu, width) for gpu in gpus], width)
    short = [_gpu_short(gpu) for gpu in gpus]
    together = sum(cells(span.text) for each in short for span in each) + 2 * (len(short) - 1)
    return [fitted(short, width) if together <= width else _gpus_together(gpus)]


_CARD = 54
"""Cells that memory, load and heat of one card take."""


def _side_by_side(cards: Sequence[list[Line]], width: int) -> list[Line]:
    """Two in a line where they fit: the containers below need the height."""
    half = width // 2 - 1
    if len(cards) < 2 or half < _CARD:
        return [fitted(each, width) for each in cards]
    said = []
    for left, right in zip_longest(cards[::2], cards[1::2]):
        first = fitted(left, half)
        gap = " " * (half + 2 - sum(cells(span.text) for span in first))
        said.append((*first, Span(gap), *fitted(right, half)) if right else first)
    return said


def _gpus_together(gpus: Sequence[Gpu]) -> Line:
    known = [gpu for gpu in gpus if gpu.memory_used is not None and gpu.memory_total is not None]
    used, total = [gpu.memory_used or 0 for gpu in known], [gpu.memory_total or 0 for gpu in known]
    busy = [gpu.utilisation for gpu in gpus if gpu.utilisation is not None]
    ill = sum(1 for gpu in gpus if gpu.health != "ok")
    share = sum(used) / sum(total) if used and sum(total) else None
    return line(
        ("gpus ", "muted"), f"{len(gpus)}  {paint.bar(share, 10)} ",
        f"{_of(sum(used) if used else None, sum(total) if total else None)}",
        _("  {whole_percent} busy", whole_percent=states.whole_percent(sum(busy) / len(busy) if busy else None)),
        (_("  {bad} {ill} not well", bad=paint.BAD, ill=ill) if ill else "", "error"),
    )  # fmt: skip


def share_of(gpu: Gpu) -> float | None:
    """How much of its memory is used, 0 to 1."""
    return gpu.memory_used / gpu.memory_total if gpu.memory_used is not None and gpu.memory_total else None


def fitted(items: Sequence[Line], width: int) -> Line:
    """The items that the width holds, two spaces apart, most important first."""
    spans: list[Span] = []
    used = 0
    for item in items:
        step = sum(cells(span.text) for span in item) + (2 if spans else 0)
        if used + step > width:
            continue
        spans += ([Span("  ")] if spans else []) + list(item)
        used += step
    return tuple(spans)


def _system_items(system: System | None, cpu: Sequence[float | None], *, roomy: bool) -> tuple[list[Line], list[Line]]:
    """What comes before the Engine, and what is shown if there is still room."""
    if system is None:
        return [line(("cpu ", "muted"), DASH), line((_("mem "), "muted"), DASH)], []
    first = [_cpu(system, cpu, roomy=roomy), _memory(system, roomy=roomy)]
    if system.load is not None:
        first.append(line((_("load "), "muted"), f"{system.load[0]:.1f}"))
    first += [_disk(disk, roomy=roomy) for disk in system.disks[:1]]
    rest = [line((_("swap "), "muted"), _of(system.swap_used, system.swap_total))] if system.swap_total else []
    return first, rest + [_disk(disk, roomy=roomy) for disk in system.disks[1:]]


def _cpu(system: System, cpu: Sequence[float | None], *, roomy: bool) -> Line:
    spark = paint.sparkline(cpu, 16 if roomy else 6, 100.0)
    value = Span(f"{states.whole_percent(system.cpu_percent):>4}", hot(system.cpu_percent, 85, 95))
    return line(("cpu ", "muted"), value, (f" {spark}" if spark.strip() else "", "accent"))


def _memory(system: System, *, roomy: bool) -> Line:
    used = _difference(system.memory_total, system.memory_available)
    share = used / system.memory_total if used is not None and system.memory_total else None
    value = Span(_of(used, system.memory_total), hot(None if share is None else share * 100, 85, 95))
    return line((_("mem "), "muted"), value, (f" {paint.bar(share, 10)}" if roomy else "", "accent"))


def _disk(disk: Disk, *, roomy: bool) -> Line:
    used = _difference(disk.total, disk.free)
    share = None if used is None or not disk.total else used / disk.total * 100
    free = _(" {free} free", free=states.short_size(disk.free)) if roomy else ""
    return line((f"{disk.what} ", "muted"), (f"{states.whole_percent(share)}{free}", hot(share, 85, 95)))


def _gpu(gpu: Gpu, width: int) -> list[Line]:
    """Its items, most important first; a card without figures has only its name."""
    share = share_of(gpu)
    name = line(((gpu.name or "").removeprefix("NVIDIA "), "muted"))
    if gpu.memory_used is None and gpu.utilisation is None:
        return [(*_gpu_name(gpu), *name)]
    items = [
        line(
            *_gpu_name(gpu),
            (f"{paint.bar(share, 10)} " if width >= 70 else "", "accent"),
            (f"{_of(gpu.memory_used, gpu.memory_total):>11}", hot(None if share is None else share * 100, 90, 98)),
        ),
        line(_("{whole_percent:>4} busy", whole_percent=states.whole_percent(gpu.utilisation))),
        line((f"{gpu.temperature:.0f}°C" if gpu.temperature is not None else "", "muted")),
        name,
    ]
    return [each for each in items if any(span.text for span in each)]


def _gpu_short(gpu: Gpu) -> Line:
    share = share_of(gpu)
    if share is None:
        return _gpu_name(gpu)
    busy = "" if gpu.utilisation is None else f" {states.whole_percent(gpu.utilisation)}"
    return line(*_gpu_name(gpu), (_of(gpu.memory_used, gpu.memory_total), hot(share and share * 100, 90, 98)), busy)


def _gpu_name(gpu: Gpu) -> Line:
    """With a word when its figures are not to be trusted."""
    name = Span(f"gpu{'' if gpu.index is None else gpu.index} ", "muted")
    ill = {"stale": _("late"), "reset_required": _("needs a reset"), "no_permission": _("no permission")}
    return (name,) if gpu.health == "ok" else (name, Span(f"{paint.BAD} {ill.get(gpu.health, gpu.health)} ", "error"))


def _engine_item(snapshot: Snapshot) -> Line:
    fault = next((each for each in snapshot.faults if each.source == "engine"), None)
    if snapshot.engine is None:
        return line((_("engine "), "muted"), (_("not reachable") if fault else DASH, "error" if fault else "muted"))
    age = snapshot.ages.get("engine")
    late = (
        _(" seen {taken_at} ago", taken_at=states.coarse(snapshot.taken_at - age)) if fault and age is not None else ""
    )
    return line((_("engine "), "muted"), (snapshot.engine.version, "error" if fault else "plain"), (late, "error"))


def _difference(total: int | None, rest: int | None) -> int | None:
    return None if total is None or rest is None else total - rest


def _of(used: int | None, total: int | None) -> str:
    return f"{states.short_size(used)}/{states.short_size(total)}"


def hot(value: float | None, warm: float, most: float) -> Tone:
    """The tone of a figure that is well up to ``warm`` and bad from ``most`` on."""
    if value is None:
        return "muted"
    return "error" if value >= most else "warning" if value >= warm else "plain"
