"""The overview's rows: services grouped by compose project, native services last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from textual.cache import LRUCache

from ...console.model import NATIVE, Container, Figures, NativeProcess, Snapshot
from ...console.model.findings import Judgement, Result
from ...console.report import plain
from ...console.text.cleaning import DASH, SECRETS, duration
from ..widgets import paint
from ..widgets.paint import Span, line
from ..widgets.table import Column, Row
from . import states

COLUMNS: tuple[Column, ...] = (
    Column("name", "NAME", 14, most=32),
    Column("role", "ROLE", 10, rank=7, most=12),
    Column("state", "STATE", 12, most=14),
    Column("health", "HEALTH", 11, rank=3),
    Column("cpu", "CPU", 5, "right", rank=1),
    Column("memory", "MEM", 5, "right", rank=1),
    Column("vram", "VRAM", 5, "right", rank=1),
    Column("net", "NET ↓/↑", 10, "right", rank=5),
    Column("block", "BLOCK r/w", 10, "right", rank=8),
    Column("pids", "PIDS", 5, "right", rank=9),
    Column("deaths", "DIED", 5, "right", rank=6),
    Column("up", "UP", 7, "right", rank=2),
    Column("ports", "PORTS", 14, rank=10, most=24),
    Column("image", "IMAGE", 24, rank=11, most=44),
)
WITHOUT_GPUS = tuple(column for column in COLUMNS if column.key != "vram")
ORDERS: tuple[str, ...] = ("name", "cpu", "memory", "vram", "state", "up")
_OTHERS = "~containers outside compose"
_NATIVE = "~native services"
_TITLES = {_OTHERS: "Containers outside compose", _NATIVE: "Native services"}


class Item(Struct, frozen=True):
    """One service with everything its row needs, and raw values to order by."""

    key: str
    group: str
    name: str
    role: str
    container: Container | None = None
    figures: Figures | None = None
    process: NativeProcess | None = None
    worst: Result | None = None
    vram: int | None = None
    """Bytes that its processes hold on all GPUs, as far as the driver tells their sizes."""

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.process is not None or (self.container is not None and self.container.state == "running")

    @property
    def unhealthy(self) -> bool:
        """Whether its own health check says that it does not work, or nothing yet."""
        health = self.container.health if self.container else None
        return health is not None and health.status not in {"healthy", "none"}

    def words(self) -> str:
        """What a filter looks at."""
        c = self.container
        return " ".join((self.name, self.role, self.group, c.image if c else "", c.state if c else "")).lower()

    def value(self, order: str) -> tuple[float, str]:
        """What it is ordered by; unknown comes last."""
        c, f = self.container, self.figures
        raw: float | None = None
        if order == "cpu":
            raw = -f.cpu_percent if f and f.cpu_percent is not None else None
        elif order == "memory":
            raw = -f.memory if f and f.memory is not None else None
        elif order == "vram":
            raw = -self.vram if self.vram is not None else None
        elif order == "state":
            raw = {"running": 5.0, "paused": 3.0, "created": 4.0}.get(c.state, 1.0) if c else 6.0
        elif order == "up":
            raw = -c.started_at if c and c.started_at is not None else None
        return (float("inf") if raw is None else raw, self.name)


def items(snapshot: Snapshot, results: Sequence[Result]) -> list[Item]:
    """Everything that gets a row."""
    services = {service.container: service for service in snapshot.services if service.container}
    worst = _worst_by_container(snapshot, results)
    vram = _vram(snapshot)
    found = [
        Item(
            key=c.id,
            group=c.project or _OTHERS,
            name=c.service if c.project and c.service else c.name,
            role=services[c.id].role if c.id in services else "unknown",
            container=c,
            figures=snapshot.figures.get(c.id),
            worst=worst.get(c.id),
            vram=vram.get(c.id),
        )
        for c in snapshot.containers
    ]
    return found + _natives(snapshot) + _declared(snapshot)


def columns(snapshot: Snapshot) -> tuple[Column, ...]:
    """VRAM has a column when somebody holds some."""
    return COLUMNS if any(each.container for each in snapshot.gpu_processes) else WITHOUT_GPUS


def _vram(snapshot: Snapshot) -> dict[str, int]:
    """By container id; nothing for one of whose processes no size is known."""
    found: dict[str, int] = {}
    for each in snapshot.gpu_processes:
        if each.container is not None and each.memory is not None:
            found[each.container] = found.get(each.container, 0) + each.memory
    return found


def _natives(snapshot: Snapshot) -> list[Item]:
    processes = {process.pid: process for process in snapshot.processes}
    return [
        Item(
            key=f"{NATIVE}{s.pid}",
            group=_NATIVE,
            name=s.name,
            role=s.role,
            process=processes.get(s.pid or 0),
            figures=snapshot.figures.get(f"{NATIVE}{s.pid}"),
        )
        for s in snapshot.services
        if s.container is None and s.pid is not None
    ]


def _declared(snapshot: Snapshot) -> list[Item]:
    """Services that a compose file declares and no container plays."""
    return [
        Item(
            key=f"service:{s.project}/{s.name}",
            group=s.project or _OTHERS,
            name=s.compose_service or s.name,
            role=s.role,
        )
        for s in snapshot.services
        if s.container is None and s.pid is None
    ]


def concerns(result: Result, container: Container) -> bool:
    """Whether a result is about this container. A bare service name is not enough: another container may have it."""
    names = {container.id, container.name}
    if container.project and container.service:
        names.add(f"{container.project}/{container.service}")
    return not names.isdisjoint((result.subject, *result.also))


def _worst_by_container(snapshot: Snapshot, results: Sequence[Result]) -> dict[str, Result]:
    found: dict[str, Result] = {}
    for result in states.findings(tuple(results)):
        for container in snapshot.containers:
            if container.id not in found and concerns(result, container):
                found[container.id] = result
    return found


class StackView(Struct, frozen=True):
    """How the services are shown."""

    order: str = "name"
    words: str = ""
    flat: bool = False
    """One list of all services, without their stacks."""
    folded: frozenset[str] = frozenset()
    """Stacks that somebody folded to a line."""


STACK = "group:"
"""Begins the key of a stack's own row."""


def rows(
    snapshot: Snapshot, results: Sequence[Result], view: StackView, told: Judgement | None = None, *, airy: bool = False
) -> list[Row]:
    """Headings and rows, filtered and ordered; groups keep together, ``airy`` sets them apart."""
    wanted = view.words.lower().split()
    groups: dict[str, list[Item]] = {}
    everybody: dict[str, list[Item]] = {}
    for item in items(snapshot, results):
        everybody.setdefault(item.group, []).append(item)
        if all(word in item.words() for word in wanted):
            groups.setdefault(item.group, []).append(item)
    if view.flat:
        found = [item for members in groups.values() for item in members]
        return [
            _row(_alone(each), snapshot.taken_at) for each in sorted(found, key=lambda item: item.value(view.order))
        ]
    for members in groups.values():
        members.sort(key=lambda item: item.value(view.order))
    made: list[Row] = []
    folders = {project.name: project.working_dir for project in snapshot.projects}
    states_of = {each.container: each.state for each in told.services} if told else {}
    for name in _in_order(groups, view.order):
        heading = _Heading(name, everybody[name], states_of, folders.get(name))
        folded = name in view.folded and not wanted
        if airy and made and not (folded and made[-1].stands):
            made.append(Row(key=f"gap:{name}", heading=()))
        made.append(heading.row(folded=folded))
        made += () if folded else [_row(item, snapshot.taken_at) for item in groups[name]]
    return made


def _in_order(groups: Mapping[str, Sequence[Item]], order: str) -> list[str]:
    def key(group: str) -> tuple[bool, tuple[float, str], str]:
        return (group.startswith("~"), (0.0, "") if order == "name" else groups[group][0].value(order), group)

    return sorted(groups, key=key)


def _alone(item: Item) -> Item:
    """Named together with its stack, where nothing else says which one it is."""
    return item if item.group.startswith("~") else msgspec.structs.replace(item, name=f"{item.group}/{item.name}")


class _Heading:
    """Of a whole stack, whichever of its services are shown: how many of them are well, or run."""

    def __init__(self, name: str, members: Sequence[Item], states_of: Mapping[str, str], folder: str | None) -> None:
        self._name, self._members, self._folder = name, members, folder
        known = [states_of.get(item.container.id) for item in members if item.container is not None]
        self._judged = len(known) == len(members) and None not in known
        self._well = known.count("well") if self._judged else sum(item.running for item in members)
        """Whether there is nothing to be seen in it."""

    def row(self, *, folded: bool) -> Row:
        """Of a stack it can be selected, and acts are on all of it."""
        stands = not self._name.startswith("~")
        of_all = f"  {self._well} of {len(self._members)} {'well' if self._judged else 'running'}"
        said = line(
            (f"{paint.FOLDED if folded else paint.UNFOLDED} " if stands else " ", "muted"),
            (_TITLES.get(self._name, self._name), "strong"),
            (of_all, "muted" if self._well == len(self._members) else "warning"),
            (f"  {self._folder}" if self._folder else "", "muted"),
        )
        return Row(key=f"{STACK}{self._name}", heading=said, stands=stands)


_MADE: LRUCache[str, tuple[tuple[object, ...], Row]] = LRUCache(2048)
"""The row of each key as it was made last, and what it was made from: most containers are idle, and most looks change
nothing of a row."""


def _row(item: Item, now: float) -> Row:
    figures, since = item.figures, (item.container or item.process)
    up = duration(now - since.started_at) if since and since.started_at else None
    made_from = (
        up, figures and msgspec.structs.astuple(figures)[1:], item.container, item.process, item.worst, item.vram,
        item.name, item.role,
    )  # fmt: skip
    made = _MADE.get(item.key)
    if made is not None and made[0] == made_from:
        return made[1]
    row = _new_row(item, now)
    _MADE[item.key] = (made_from, row)
    return row


def _new_row(item: Item, now: float) -> Row:
    cells: dict[str, Span] = {
        "name": Span(item.name),
        "role": Span(DASH if item.role == "unknown" else item.role, "muted"),
    }
    if item.container is not None:
        cells |= _container_cells(item.container, item.figures, now)
        cells["vram"] = Span(states.short_size(item.vram), "muted" if item.vram is None else "plain")
    elif item.process is not None:
        cells |= _process_cells(item.process, item.figures, now)
    else:
        cells |= {"state": Span("○ not made", "muted")}
    mark = Span(states.verdict_of(item.worst).text[0], states.verdict_of(item.worst).tone) if item.worst else Span("")
    return Row(key=item.key, cells=cells, mark=mark)


def _container_cells(c: Container, figures: Figures | None, now: float) -> dict[str, Span]:
    return {
        "state": states.state(c),
        "health": states.health(c),
        "cpu": states.cpu(figures),
        "memory": states.memory(figures),
        "net": states.pair(figures.net_rx, figures.net_tx) if figures else Span(DASH, "muted"),
        "block": states.pair(figures.block_read, figures.block_write) if figures else Span(DASH, "muted"),
        "pids": Span(DASH if figures is None or figures.pids is None else str(figures.pids), "muted"),
        "deaths": states.deaths(c),
        "up": Span(plain.uptime(c, now).replace(" ", ""), "muted"),
        "ports": Span(plain.ports(c).replace("->", "→") or DASH, "muted"),
        "image": Span(c.image, "muted"),
    }


def _process_cells(process: NativeProcess, figures: Figures | None, now: float) -> dict[str, Span]:
    up = duration(now - process.started_at).replace(" ", "") if process.started_at else DASH
    return {
        "state": Span("● running", "ok"),
        "health": Span(f"pid {process.pid}", "muted"),
        **({"cpu": states.cpu(figures), "memory": states.memory(figures)} if figures else {}),
        "up": Span(up, "muted"),
        "image": Span(" ".join(SECRETS.words(process.command)), "muted"),
    }
