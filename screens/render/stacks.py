"""The overview's rows: services grouped by compose project, native services last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct
from textual.cache import LRUCache

from ...console.model import NATIVE, Container, Figures, NativeProcess, Snapshot
from ...console.model.findings import Judgement, Result, ServiceJudgement
from ...console.report import plain
from ...console.text import N_, _, used
from ...console.text.cleaning import DASH, SECRETS, duration
from ..widgets import paint
from ..widgets.paint import BLANK, Line, Span, Tone, line
from ..widgets.rows import Column, Row
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
IGNORED = N_("ignored")
"""The judgement's word for a service that is not well, and of which the settings ignore that."""
_OTHERS = "~containers outside compose"
_NATIVE = "~native services"
_TITLES = {_OTHERS: N_("Containers outside compose"), _NATIVE: N_("Native services")}


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
    states: tuple[str, ...] = ()
    """The judgement's words for it: ``ill``, and ``down`` where it does not run."""
    cards: tuple[str, ...] = ()
    """Names of the GPUs whose memory it holds."""

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.process is not None or (self.container is not None and self.container.state == "running")

    @property
    def unhealthy(self) -> bool:
        """Whether its own health check says that it does not work, or nothing yet."""
        health = self.container.health if self.container else None
        return health is not None and health.status not in {"healthy", "none"}

    @property
    def words(self) -> tuple[str, ...]:
        """What a filter finds it by, besides what its row says."""
        return (*self.states, *self.cards)


def items(snapshot: Snapshot, results: Sequence[Result], told: Judgement | None = None) -> list[Item]:
    """Everything that gets a row."""
    told_of = {each.container: each for each in told.services} if told else {}
    cards = _cards(snapshot)
    services = {service.container: service for service in snapshot.services if service.container}
    worst = _worst_by_container(snapshot, results)
    vram = _vram(snapshot)
    several = Counter((each.project, each.service) for each in snapshot.containers)
    found = [
        Item(
            key=c.id,
            group=c.project or _OTHERS,
            name=_name(c, several[c.project, c.service] > 1),
            role=services[c.id].role if c.id in services else "unknown",
            container=c,
            figures=snapshot.figures.get(c.id),
            worst=worst.get(c.id),
            vram=vram.get(c.id),
            states=_state_words(c, told_of.get(c.id)),
            cards=cards.get(c.id, ()),
        )
        for c in snapshot.containers
    ]
    return found + _natives(snapshot) + _declared(snapshot)


def _name(container: Container, several: bool) -> str:
    """Of a service with several containers each has its own name, without the project's before it."""
    if not (container.project and container.service):
        return container.name
    own = container.name.removeprefix(container.project).lstrip("-_")
    return own if several and own else container.service


def _state_words(container: Container, told: ServiceJudgement | None) -> tuple[str, ...]:
    down = () if container.state in {"running", "paused"} else ("down",)
    return (*((told.state, told.words) if told else ()), *down, container.state)


def _cards(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """By container id: the GPUs it is on, by number and name, and the word for all of them."""
    named = {gpu.uuid: ("gpu", f"gpu{gpu.index}", *(gpu.name or "").lower().split()) for gpu in snapshot.gpus}
    found: dict[str, tuple[str, ...]] = {}
    for each in snapshot.gpu_processes:
        if each.container is not None:
            found[each.container] = (*found.get(each.container, ()), *named.get(each.gpu, ()))
    return found


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

    words: str = ""
    """What is looked for: no stack is folded meanwhile."""
    flat: bool = False
    """One list of all services, without their stacks."""
    folded: frozenset[str] = frozenset()
    """Stacks that somebody folded to a line."""
    opened: frozenset[str] = frozenset()
    """Stacks that are not folded by themselves: somebody unfolded them, or is in them."""
    at: str | None = None
    """Key of the selected row, which is never folded away."""


STACK = "group:"
"""Begins the key of a stack's own row."""


def rows(
    snapshot: Snapshot, results: Sequence[Result], view: StackView, told: Judgement | None = None,
    *, airy: bool = False, room: int = 0,
) -> list[Row]:  # fmt: skip
    """Headings and rows by name; groups keep together, ``airy`` sets them apart.

    Where all of it takes more lines than there is ``room`` for, stacks in which there is nothing to be seen fold to a
    line; where that is not enough, in the others what is well folds into their own line. 0: there is room for all.
    """
    groups: dict[str, list[Item]] = {}
    for item in items(snapshot, results, told):
        groups.setdefault(item.group, []).append(item)
    if view.flat:
        found = [_alone(item) for members in groups.values() for item in members]
        return [_row(each, snapshot.taken_at) for each in sorted(found, key=lambda item: item.name)]
    services = told.services if told else ()
    states_of = {each.container: IGNORED if each.words == _(IGNORED) else each.state for each in services}
    folders = {project.name: project.working_dir for project in snapshot.projects}
    names = sorted(groups, key=lambda group: (group.startswith("~"), group))
    headings = {name: _Heading(name, groups[name], states_of, folders.get(name)) for name in names}
    made: list[Row] = []
    for name, members in _folded(headings, view, room, airy=airy).items():
        heading = headings[name].row(hidden=len(groups[name]) - len(members))
        if airy and made and (members or not made[-1].stands):
            made.append(Row(key=f"gap:{name}", heading=()))
        made.append(heading)
        made += [_row(item, snapshot.taken_at) for item in sorted(members, key=lambda item: item.name)]
    return made


def _folded(headings: Mapping[str, _Heading], view: StackView, room: int, *, airy: bool) -> Mapping[str, list[Item]]:
    """What is shown of each group: as much as there is room for, least of the stacks that are well."""
    shown = {name: [] if name in view.folded and not view.words else each.members for name, each in headings.items()}

    def full() -> bool:
        return 0 < room < sum(len(each) + 1 + (airy and bool(each)) for each in shown.values()) - airy

    for whole in (True, False):
        for name, heading in headings.items() if full() and not view.words else ():
            if name not in view.opened and heading.quiet >= whole:
                shown[name] = [each for each in shown[name] if each.key == view.at or not heading.is_quiet(each)]
    return shown


def told(snapshot: Snapshot, stack: str, judgement: Judgement | None) -> list[Line]:
    """A stack in full: where its files are, how each of its services is, and why."""
    project = next((each for each in snapshot.projects if each.name == stack), None)
    services = {each.container: each for each in judgement.services} if judgement else {}
    said = [line((stack, "strong"), (f"  {project.working_dir or ''}" if project else "", "muted")), BLANK]
    for container in sorted((c for c in snapshot.containers if c.project == stack), key=lambda c: c.name):
        found = services.get(container.id)
        word, why = (found.state, found.words) if found else (container.state, "")
        tone: Tone = "plain" if word in {"well", "running"} else "warning"
        said.append(
            line(f"{container.service or container.name}  ", (_(word), tone), (f"  {why}" if why else "", "muted"))
        )
    return said


def _alone(item: Item) -> Item:
    """Named together with its stack, where nothing else says which one it is."""
    return item if item.group.startswith("~") else msgspec.structs.replace(item, name=f"{item.group}/{item.name}")


class _Heading:
    """Of a whole stack, whichever of its services are shown: how many of them are well, or run."""

    def __init__(self, name: str, members: list[Item], states_of: Mapping[str, str], folder: str | None) -> None:
        self.members = members
        self._name, self._states, self._folder = name, states_of, folder
        known = [states_of.get(item.container.id) for item in members if item.container is not None]
        self._judged = len(known) == len(members) and None not in known
        self._well = known.count("well") if self._judged else sum(item.running for item in members)
        self._ignored = known.count(IGNORED) if self._judged else 0

    @property
    def _stands(self) -> bool:
        return not self._name.startswith("~")

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to be seen in it: all are known to be well, and no check says anything."""
        return all(map(self.is_quiet, self.members))

    def is_quiet(self, item: Item) -> bool:
        """Whether there is nothing to be seen of this one, and a line of its stack can stand for it."""
        state = self._states.get(item.container.id) if item.container is not None else None
        well = state == IGNORED or (state == "well" and not item.unhealthy)
        return self._stands and well and item.worst is None

    def _sum(self, values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    def row(self, *, hidden: int) -> Row:
        """Of a stack it can be selected, and acts are on all of it; ``hidden``: how many it stands for."""
        folded = hidden == len(self.members)
        figures = [item.figures for item in self.members if item.figures is not None]
        sums = {
            "cpu": self._sum(each.cpu_percent for each in figures),
            "memory": self._sum(each.memory for each in figures),
            "vram": self._sum(item.vram for item in self.members),
        }
        all_well = self._well + self._ignored == len(self.members)
        count = (
            f"{self._well}"
            if self._well == len(self.members)
            else _("{well} of {count}", well=self._well, count=len(self.members))
        )
        aside = _(", {count} ignored", count=self._ignored) if self._ignored else ""
        of_all = (_("  {count} well", count=count) if self._judged else _("  {count} running", count=count)) + aside
        cpu, memory = states.whole_percent(sums["cpu"]), states.short_size(sums["memory"])
        said = line(
            (f"{paint.FOLDED if hidden else paint.UNFOLDED} " if self._stands else " ", "muted"),
            (_(_TITLES[self._name]) if self._name in _TITLES else self._name, "strong"),
            (of_all, "muted" if all_well else "warning"),
            (_(", {hidden} folded", hidden=hidden) if hidden and not folded else "", "muted"),
            (f"  {self._folder}" if self._folder else "", "muted"),
            (_("  cpu {cpu}  mem {memory}", cpu=cpu, memory=memory) if folded and figures else "", "muted"),
        )
        known = {column: value for column, value in sums.items() if value is not None}
        cells = {"name": Span(self._name)} if self._stands else {}
        return Row(key=f"{STACK}{self._name}", cells=cells, heading=said, stands=self._stands, values=known)


_MADE: LRUCache[str, tuple[tuple[object, ...], Row]] = LRUCache(2048)
"""The row of each key as it was made last, and what it was made from: most containers are idle, and most looks change
nothing of a row."""


def _row(item: Item, now: float) -> Row:
    figures, since = item.figures, (item.container or item.process)
    up = duration(now - since.started_at) if since and since.started_at else None
    made_from = (
        up, figures and msgspec.structs.astuple(figures)[1:], item.container, item.process, item.worst, item.vram,
        item.name, item.role, item.states, item.cards, used(), SECRETS.version,
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
        cells |= _container_cells(item.container, item.figures, now, ignored=_(IGNORED) in item.states)
        cells["vram"] = Span(states.short_size(item.vram), "muted" if item.vram is None else "plain")
    elif item.process is not None:
        cells |= _process_cells(item.process, item.figures, now)
    else:
        cells |= {"state": Span(f"{paint.OFF} {_('not made')}", "muted")}
    mark = Span(states.verdict_of(item.worst).text[0], states.verdict_of(item.worst).tone) if item.worst else Span("")
    since = item.container or item.process
    values = {"up": now - since.started_at} if since and since.started_at else {}
    return Row(key=item.key, cells=cells, mark=mark, values=values, words=item.words)


def _container_cells(c: Container, figures: Figures | None, now: float, *, ignored: bool) -> dict[str, Span]:
    return {
        "state": states.state(c, ignored=ignored),
        "health": states.health(c, ignored=ignored),
        "cpu": states.cpu(figures),
        "memory": states.memory(figures),
        "net": states.pair(figures.net_rx, figures.net_tx) if figures else Span(DASH, "muted"),
        "block": states.pair(figures.block_read, figures.block_write) if figures else Span(DASH, "muted"),
        "pids": Span(DASH if figures is None or figures.pids is None else str(figures.pids), "muted"),
        "deaths": states.deaths(c, ignored=ignored),
        "up": Span(plain.uptime(c, now).replace(" ", ""), "muted"),
        "ports": Span(plain.ports(c).replace("->", "→") or DASH, "muted"),
        "image": Span(c.image, "muted"),
    }


def _process_cells(process: NativeProcess, figures: Figures | None, now: float) -> dict[str, Span]:
    up = duration(now - process.started_at).replace(" ", "") if process.started_at else DASH
    return {
        "state": Span(f"{paint.OK} {_('running')}", "ok"),
        "health": Span(f"pid {process.pid}", "muted"),
        **({"cpu": states.cpu(figures), "memory": states.memory(figures)} if figures else {}),
        "up": Span(up, "muted"),
        "image": Span(" ".join(SECRETS.words(process.command)), "muted"),
    }
