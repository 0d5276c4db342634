"""The rows of the place *gpus*: a heading with bar and curve for each GPU, below it who holds its memory.

The bar is of owners: each row's number begins its piece. Its colour says no more than the number does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...console.collect.collector import Past
from ...console.collect.joining import Rest, rest_of
from ...console.model import Container, Gpu, GpuInstance, GpuProcess, Server, Snapshot
from ...console.report import gpus
from ...console.text import N_, _, n_
from ...console.text.cleaning import DASH, SECRETS, ago, duration, size
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line
from ..widgets.rows import Column, Row
from ..widgets.text import wrap
from . import graphs, servers, states
from .strip import fitted, hot, share_of

COLUMNS: tuple[Column, ...] = (
    Column("owner", "", 1),
    Column("memory", "VRAM", 6, "right"),
    Column("container", "CONTAINER", 13, most=30),
    Column("server", "SERVER", 12, rank=2, most=20),
    Column("model", "MODEL", 26, rank=1, most=52),
    Column("age", "AGE", 6, "right", rank=3),
    Column("busy", "BUSY", 4, "right", rank=5),
    Column("pid", "PID", 8, "right", rank=4),
    Column("process", "PROCESS", 15, rank=6, most=24),
    Column("user", "USER", 8, rank=7, most=12),
)
_DASH = Span(DASH, "muted")
_HUES: tuple[Tone, ...] = ("hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "hue-6")
_NUMBERS = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_REST = "▒"
"""Stands for what is nobody's."""
Spark = Callable[[str], Sequence[float | None]]
TROUBLE: dict[str, tuple[str, Tone]] = {
    "lost": (N_("lost"), "error"), "reset_required": (N_("needs a reset"), "error"),
    "unreadable": (N_("cannot be read"), "error"),
    "no_permission": (N_("no permission"), "warning"), "stale": (N_("not answering"), "warning"),
}  # fmt: skip
"""Healths that are not ``ok``, in a word or two."""


def rows(snapshot: Snapshot, width: int, curve: Spark, *, airy: bool = False) -> list[Row]:
    """Headings and rows of all GPUs, in their order."""
    made: list[Row] = []
    for gpu in in_order(snapshot.gpus):
        if airy and made:
            made.append(Row(key=f"gap:{gpu.uuid}", heading=BLANK))
        made += _of_gpu(gpu, snapshot, width, curve(gpu.uuid))
    return made


def in_order(gpus: Sequence[Gpu]) -> list[Gpu]:
    """By index; those without one last."""
    return sorted(gpus, key=lambda gpu: (gpu.index is None, gpu.index or 0, gpu.uuid))


def _of_gpu(gpu: Gpu, snapshot: Snapshot, width: int, curve: Sequence[float | None]) -> list[Row]:
    held = held_by(gpu, snapshot)
    made = [Row(key=f"gpu:{gpu.uuid}", heading=heading(gpu, width, curve, held))]
    told = bool(trouble(snapshot))
    for number, each in enumerate(wrap(alarms(gpu, snapshot.taken_at, told=told), max(20, width - 3))):
        made.append(Row(key=f"alarm:{gpu.uuid}:{number}", heading=(Span("   "), *each)))
    rows = [(each, _process(each, owner_of(number), snapshot)) for number, each in enumerate(held)]
    inside = {each.uuid for each in gpu.instances}
    for instance in gpu.instances:
        made.append(Row(key=f"instance:{instance.uuid}", heading=_instance(instance, width)))
        made += [row for each, row in rows if each.instance == instance.uuid]
    made += [row for each, row in rows if each.instance not in inside]
    rest = rest_of(gpu, snapshot.gpu_processes)
    return [*made, _rest(gpu, rest, snapshot)] if rest.unattributed is not None else made


def held_by(gpu: Gpu, snapshot: Snapshot) -> list[GpuProcess]:
    """The processes on a card in the order of their rows: by instance, those with most memory first."""
    places = {each.uuid: number for number, each in enumerate(gpu.instances)}
    own = (each for each in snapshot.gpu_processes if each.gpu == gpu.uuid)
    return sorted(own, key=lambda each: (places.get(each.instance or "", len(places)), -(each.memory or 0), each.pid))


def owner_of(number: int) -> Span:
    """The number of a card's row, in the colour of its piece of the bar; one cell: behind 9 a capital, then a plus."""
    return Span(_NUMBERS[number] if number < len(_NUMBERS) else "+", _HUES[number % len(_HUES)])


def stacked(gpu: Gpu, held: Sequence[GpuProcess], width: int) -> list[Span]:
    """A card's memory by owner, then what is nobody's, then what is free; a piece begins with its row's number."""
    used, total = gpu.memory_used, gpu.memory_total
    if used is None or not total:
        return [Span(" " * width)]
    made, taken, end = list[Span](), 0, 0

    def reach(memory: int) -> int:
        return max(0, round(min(1.0, memory / total) * width) - end)

    for number, each in enumerate(held):
        taken, owner = min(used, taken + (each.memory or 0)), owner_of(number)
        if cells_of := reach(taken):
            made.append(Span(owner.text + "█" * (cells_of - 1), owner.tone))
            end += cells_of
    rest = reach(used)
    return [*made, Span(_REST * rest, "muted"), Span("░" * (width - end - rest), "muted")]


def name_of(gpu: Gpu) -> str:
    """``gpu0``."""
    return f"gpu{'' if gpu.index is None else gpu.index}"


def heading(gpu: Gpu, width: int, curve: Sequence[float | None], held: Sequence[GpuProcess]) -> Line:
    """Memory bar, curve, figures, name: as much as the width holds."""
    share, wide = share_of(gpu), width >= 110
    word, tone = TROUBLE.get(gpu.health, ("", "plain"))
    there = gpu.health not in ("lost", "unreadable")
    spark = paint.sparkline(curve, 24 if wide else 10, 100.0)
    memory = f"{states.short_size(gpu.memory_used)}/{states.short_size(gpu.memory_total)}"
    warm = hot(gpu.temperature, 83, 90)
    name = line((f" {name_of(gpu):<5}", "strong"), (f"{paint.BAD} {_(word)} ", tone) if word else "")
    if not there:
        return fitted([name, line((gpu.name or gpu.uuid, "muted"))], width)
    free = _("{size} free", size=states.short_size(gpu.memory_free))
    busy = _("{percent:>4} busy", percent=states.whole_percent(gpu.utilisation))
    items = [
        name,
        line(
            *stacked(gpu, held, 50 if width >= 150 else 30 if wide else 14),
            " ",
            (memory, hot(share and share * 100, 90, 98)),
        ),
        line((free if gpu.memory_free is not None else "", "strong")),
        line((f"{spark} " if spark.strip() else "", "accent"), busy),
        line((f"{gpu.temperature:.0f}°C" if gpu.temperature is not None else "", warm)),
        line(_power(gpu)),
        line((gpu.name or "", "muted")),
        line((f"{gpu.clock} MHz" if gpu.clock is not None else "", "muted")),
    ]
    return fitted([each for each in items if any(span.text for span in each)], width)


def _power(gpu: Gpu) -> str:
    if gpu.power is None:
        return ""
    return f"{gpu.power:.0f}/{gpu.power_limit:.0f}W" if gpu.power_limit else f"{gpu.power:.0f}W"


def alarms(gpu: Gpu, now: float, *, told: bool) -> list[Line]:
    """What is wrong with the card, and what to do. ``told``: the driver's own trouble stands above all cards."""
    said: list[Line] = []
    tone = TROUBLE[gpu.health][1] if gpu.health != "ok" else "plain"
    if gpu.health == "stale" and gpu.read_at is not None:
        said.append(line((_("What is shown was read {now} ago.", now=states.coarse(now - gpu.read_at)), tone)))
    if gpu.health not in ("ok", "stale") or (gpu.health == "stale" and not told):
        said.append(line((gpu.trouble or _("The driver does not say why"), tone)))
        said += [line((_("try: "), "muted"), gpu.remedy)] if gpu.remedy else []
    if gpu.throttling:
        said.append(line((_("{warn} held back: ", warn=paint.WARN), "warning"), ", ".join(gpu.throttling)))
    if gpu.ecc_uncorrected:
        errors = _("memory errors that ECC could not correct: {count}", count=gpu.ecc_uncorrected)
        said.append(line((f"{paint.WARN} {errors}", "warning")))
    return said


def _instance(instance: GpuInstance, width: int) -> Line:
    used, total = instance.memory_used, instance.memory_total
    share = used / total if used is not None and total else None
    return line(
        (f"   {instance.name or 'MIG instance'} ", "strong"),
        (f"{paint.bar(share, 10)} " if width >= 70 else "", "accent"),
        f"{states.short_size(used)}/{states.short_size(total)}",
        (f"  {instance.uuid}" if width >= 100 else "", "muted"),
    )


def key_of(process: GpuProcess) -> str:
    """What identifies a row."""
    return f"pid:{process.gpu}:{process.pid}:{process.instance or ''}"


def _process(process: GpuProcess, owner: Span, snapshot: Snapshot) -> Row:
    container = next((c for c in snapshot.containers if c.id == process.container), None)
    server = next((s for s in snapshot.servers if s.key == process.server), None)
    age = duration(snapshot.taken_at - process.started_at).replace(" ", "") if process.started_at else DASH
    return Row(
        key=key_of(process),
        mark=Span(paint.WARN, "warning") if process.orphan else Span(""),
        cells={
            "owner": owner,
            "memory": Span(states.short_size(process.memory), "plain" if process.memory is not None else "muted"),
            "container": Span(container.name) if container else _outside(process),
            "server": Span(server.product, "plain" if server.state == "up" else "warning") if server else _DASH,
            "model": _models(process),
            "age": Span(age, "muted"),
            "busy": Span(states.whole_percent(process.utilisation), "muted"),
            "pid": Span(str(process.pid), "muted"),
            "process": Span(process.name or DASH, "muted"),
            "user": Span(process.user or DASH, "muted"),
        },
    )


def _models(process: GpuProcess) -> Span:
    if process.orphan:
        return Span(_("orphan: nobody uses it"), "warning")
    return Span(", ".join(process.models)) if process.models else _DASH


def _outside(process: GpuProcess) -> Span:
    """What stands where the container would: a service of the machine, or the program."""
    if process.visible is False and not process.name:
        return Span(_("not visible"), "muted")
    return Span(process.service or process.name or DASH, "muted")


def rest_key(gpu: Gpu) -> str:
    """What identifies the row of what is nobody's."""
    return f"rest:{gpu.uuid}"


def _rest(gpu: Gpu, rest: Rest, snapshot: Snapshot) -> Row:
    return Row(
        key=rest_key(gpu),
        cells={
            "owner": Span(_REST, "muted"),
            "memory": Span(states.short_size(rest.unattributed), "muted"),
            "container": Span(_("unattributed"), "muted"),
            "model": Span(why_rest(rest, snapshot), "muted"),
        },
    )


def why_rest(rest: Rest, snapshot: Snapshot) -> str:
    """Where memory that no process accounts for is likely to be."""
    if (sentence := rest.sentence()) is not None:
        return sentence
    driver = snapshot.gpu_driver
    if driver is not None and driver.same_namespace is False:
        return _("of processes that cannot be seen from this container")
    return _("of processes not listed") if (rest.unattributed or 0) >= 1 << 30 else _("the driver's own")


def curves(gpu: Gpu, past: Callable[[str], Past], *, wide: bool = False) -> graphs.CurveGroup:
    """Memory, load and heat of a card over time, and its power where there is room for a fourth."""
    name = name_of(gpu)
    made = (
        graphs.Curve(f"{name} {_('VRAM')}", past(f"vram:{gpu.uuid}"), states.short_size, gpu.memory_total),
        graphs.Curve(f"{name} {_('load')}", past(f"gpu:{gpu.uuid}"), states.whole_percent, 100.0),
        graphs.Curve(f"{name} {_('heat')}", past(f"heat:{gpu.uuid}"), graphs.degrees, 100.0),
        graphs.Curve(f"{name} {_('power')}", past(f"power:{gpu.uuid}") if wide else (), graphs.watts, gpu.power_limit),
    )
    return graphs.CurveGroup(gpu.uuid, [each for each in made if each.known])


def totals(snapshot: Snapshot) -> Line:
    """Driver, number of GPUs, memory of all together."""
    driver, gpus = snapshot.gpu_driver, snapshot.gpus
    parts: list[Line] = []
    if driver is not None and driver.version:
        parts.append(line((_("driver "), "muted"), driver.version))
    if driver is not None and driver.cuda:
        parts.append(line(("CUDA ", "muted"), driver.cuda))
    if gpus:
        known = [gpu for gpu in gpus if gpu.memory_used is not None and gpu.memory_total is not None]
        used, total = [gpu.memory_used or 0 for gpu in known], [gpu.memory_total or 0 for gpu in known]
        parts.append(line(n_("{count} GPU", "{count} GPUs", len(gpus))))
        if used and total:
            sums = {"used": states.short_size(sum(used)), "total": states.short_size(sum(total))}
            parts.append(line(_("{used} of {total} used", **sums)))
    orphans = sum(1 for each in snapshot.gpu_processes if each.orphan)
    if orphans:
        parts.append(line((f"{paint.WARN} {n_('{count} orphan', '{count} orphans', orphans)}", "warning")))
    return tuple(span for part in parts for span in (*part, Span("  ")))


def trouble(snapshot: Snapshot) -> list[Line]:
    """What the driver cannot do, and what to try."""
    driver = snapshot.gpu_driver
    if driver is None or driver.state == "ok" or not driver.sentence:
        return []
    remedy = [line((_("  try: "), "muted"), driver.remedy)] if driver.remedy else []
    return [line((f"{paint.BAD} ", "error"), (driver.sentence, "strong")), *remedy]


def empty(snapshot: Snapshot | None) -> list[Line]:
    """What stands where the GPUs would be."""
    if snapshot is None:
        return [line((_("  Looking ..."), "muted"))]
    driver = snapshot.gpu_driver
    if driver is not None and driver.cards:  # the line above says why
        return [
            BLANK,
            line("  ", n_("On the bus: {count} NVIDIA card.", "On the bus: {count} NVIDIA cards.", driver.cards),
                 " ", _("The driver shows none.")),
        ]  # fmt: skip
    fault = next((each for each in snapshot.faults if each.source == "gpus" and driver is None), None)
    said = fault.sentence if fault else f"{gpus.nothing(driver).rstrip('.')}."
    more = fault.remedy if fault else driver and driver.remedy
    return [BLANK, line(f"  {said}"), *([line((f"  {more}", "muted"))] if more else [])]


def of_process(process: GpuProcess, snapshot: Snapshot) -> list[Line]:
    """Who it is, where it runs, what it serves."""
    container = next((c for c in snapshot.containers if c.id == process.container), None)
    server = next((s for s in snapshot.servers if s.key == process.server), None)
    said: list[Line] = []
    if process.orphan:
        said.append(line((f"{paint.WARN} {process.orphan}. ", "warning"), _("To end it: kill {pid}", pid=process.pid)))
    said += [_memory(process, snapshot), _place(process, container, snapshot)]
    if server is not None:
        said += _server(server, snapshot)
    elif process.models:
        said.append(line((_("model    "), "muted"), ", ".join(process.models), (_("  by its command line"), "muted")))
    said.append(_process_details(process, snapshot))
    if process.command:
        said.append(line((_("command  "), "muted"), " ".join(SECRETS.words(process.command))))
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
        on = name_of(gpu) if gpu else _("a GPU")
        parts.append(_("{memory} of {gpu}", memory=f"{size(each.memory)}{share}", gpu=on))
    kind = f"  {process.kind}" if process.kind else ""
    return line((_("memory   "), "muted"), ", ".join(parts), (kind, "muted"))


def _place(process: GpuProcess, container: Container | None, snapshot: Snapshot) -> Line:
    if container is None:
        service = _(", service {service}", service=process.service) if process.service else ""
        return line((_("where    "), "muted"), _("in no container that is known here{service}", service=service))
    project = f"  {container.project}/{container.service}" if container.project and container.service else ""
    age = duration(snapshot.taken_at - container.started_at) if container.started_at else ""
    up = _("  up {length}", length=age) if age else ""
    return line((_("where    "), "muted"), container.name, (f"{project}  {container.image}{up}", "muted"))


def _server(server: Server, snapshot: Snapshot) -> list[Line]:
    tone: Tone = "ok" if server.state == "up" else "warning"
    version = f" {server.version}" if server.version else ""
    first = line(
        (_("server   "), "muted"), f"{server.product}{version}  ", Span(_(server.state.replace("_", " ")), tone),
        (f"  {server.address}", "muted"), (f"  {server.reason}" if server.reason else "", "muted"),
    )  # fmt: skip
    models = ((model.name, servers.in_memory(model, snapshot.taken_at)) for model in server.loaded or ())
    return [
        first,
        *(
            line((_("model    "), "muted"), name, (f"  {', '.join((*facts, _('as the server says')))}", "muted"))
            for name, facts in models
        ),
    ]


def _process_details(process: GpuProcess, snapshot: Snapshot) -> Line:
    began = _("  began {taken_at}", taken_at=ago(snapshot.taken_at - process.started_at)) if process.started_at else ""
    parent = _("  parent {parent}", parent=process.parent) if process.parent is not None else ""
    return line(
        (_("process  "), "muted"), f"{process.pid} {process.name or DASH}",
        (_("  user {user}{parent}{began}", user=process.user or DASH, parent=parent, began=began), "muted"),
    )  # fmt: skip


def _unseen(snapshot: Snapshot) -> str:
    driver = snapshot.gpu_driver
    if driver is not None and driver.same_namespace is False:
        return _("This console does not see the machine's processes; start its container with pid: host.")
    return _("It is not in the process table: it has just ended, or is hidden from this user.")


def of_rest(gpu: Gpu, snapshot: Snapshot) -> list[Line]:
    """How the figures of a GPU add up."""
    rest = rest_of(gpu, snapshot.gpu_processes)
    reserved = _(", and {size} reserved by the driver", size=size(gpu.memory_reserved))
    sums = {"used": size(gpu.memory_used), "known": size(rest.known), "rest": size(rest.unattributed)}
    said = [
        line(
            (_("memory   "), "muted"),
            _("{used} used = {known} of processes + {rest} unattributed", **sums),
            (reserved if gpu.memory_reserved is not None else "", "muted"),
        ),
        line((_("why      "), "muted"), why_rest(rest, snapshot)),
    ]
    driver = snapshot.gpu_driver
    if driver is not None and driver.same_namespace is False:
        said.append(line((_unseen(snapshot), "muted")))
    return said
