"""The last good parts, what is wrong with the others, and the Snapshot made of them; and all containers one by one.

Every source writes here; nobody else may. Belongs to one event loop. No calls.
"""

from __future__ import annotations

import asyncio
import bisect
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from ..hosts import Clock, EngineFailed, EngineUnreachable, HostError
from ..hosts.engine_api import Event, decode
from ..model import Container, EngineEvent, Fault, Figures, HostInfo, Port, Snapshot, System
from ..products.services import services
from ..text import _
from ..text.cleaning import clean, clean_line
from ..text.traces import caught

_EACH_COUNTS = frozenset({"figures", "system", "gpus"})
"""Parts of which each reading counts though it says the same: its moment is in it, or it makes a step in a curve."""


class NewParts(msgspec.Struct, frozen=True):
    """What one read gave."""

    parts: dict[str, object] = {}
    """By their names in the Snapshot; what is left out stays as it was."""
    faults: tuple[Fault, ...] = ()
    """What could not be read, or is wrong with what was. Whatever is not told any more is over."""
    read: tuple[str, ...] | None = None
    """Under which names something was read well, for its age; None: under the source's own."""


NOTHING = NewParts(read=())
"""There is nothing to read here."""


class SnapshotBuilder:
    """Parts by name of the Snapshot's field, faults and ages by source."""

    def __init__(self, clock: Clock, host: HostInfo) -> None:
        self._clock = clock
        self._now = Snapshot(taken_at=clock.now(), host=host)
        self._faults: dict[str, tuple[Fault, ...]] = {}
        self._ages: dict[str, float] = {}
        self._sorted_from: tuple[object, ...] | None = None
        self.derive: list[Callable[[Snapshot], Snapshot]] = []
        """What is worked out anew from the parts before a Snapshot is handed over; the same object when nothing is."""
        self.on_put: Callable[[], None] = lambda: None
        """Called when a part has changed."""
        self._told: dict[str, set[str]] = {}
        self.changed = asyncio.Event()
        """Set when the Snapshot differs from the one taken last, in more than its ages."""

    @property
    def parts(self) -> Snapshot:
        """The parts as they are; services, faults and ages only come with ``snapshot``."""
        return self._now

    def take(self, source: str, reading: NewParts | None) -> None:
        """What a source has read; whatever it told before and does not tell now is forgotten. None: nothing is new."""
        if reading is None:
            return
        read = (source,) if reading.read is None else reading.read
        told = {*read, *(fault.source for fault in reading.faults)}
        self._ages |= dict.fromkeys(read, self._clock.now())
        self.put(**reading.parts)
        for gone in {source, *self._told.get(source, ())} - told:
            self._ages.pop(gone, None)
            self._set_faults(gone, ())
        for name in told:
            self._set_faults(name, tuple(fault for fault in reading.faults if fault.source == name))
        self._told[source] = told

    def put(self, **parts: Any) -> None:  # noqa: ANN401 - fields of Snapshot
        """New values of parts. What says the same as before is dropped: who compares by ``is`` sees no change."""
        told = {name for name, value in parts.items() if not _same(getattr(self._now, name), value)}
        if told:
            self.changed.set()
        fresh = {name: value for name, value in parts.items() if name in told or name in _EACH_COUNTS}
        if fresh:
            self._now = msgspec.structs.replace(self._now, **fresh)
            self.on_put()

    def bad(self, source: str, error: Exception) -> None:
        """A source failed: its parts stay, with their age."""
        self._set_faults(source, (fault_of(source, error),))

    def failing(self, source: str) -> bool:
        """Whether the source has a fault."""
        return source in self._faults

    def catch(self, source: str) -> Catch:
        """``with board.catch(source) as caught:`` turns whatever is raised inside into the source's fault."""
        return Catch(self, source)

    @property
    def ages(self) -> dict[str, float]:
        """When each source was last read well."""
        return self._ages

    def snapshot(self) -> Snapshot:
        """Everything known now, as one value that never changes."""
        self.changed.clear()
        now = self._now
        made_from = (now.containers, now.projects, now.processes, now.log_marks, now.package_releases)
        if self._sorted_from is None or any(a is not b for a, b in zip(made_from, self._sorted_from, strict=True)):
            self._now = now = msgspec.structs.replace(now, services=services(*made_from))
            self._sorted_from = made_from
        for derive in self.derive:
            self._now = now = derive(now)
        faults = tuple(fault for source in sorted(self._faults) for fault in self._faults[source])
        return msgspec.structs.replace(now, taken_at=self._clock.now(), faults=faults, ages=dict(self._ages))

    def _set_faults(self, source: str, faults: tuple[Fault, ...]) -> None:
        before = self._faults.get(source, ())
        dated = tuple(self._dated(fault, before) for fault in faults)
        if dated == before:
            return
        self.changed.set()
        if dated:
            self._faults[source] = dated
        else:
            self._faults.pop(source, None)

    def _dated(self, fault: Fault, before: tuple[Fault, ...]) -> Fault:
        """With the time since when it lasts: a source whose one fault changes its words has been failing all along."""
        if fault.since is not None:
            return fault
        same = [f.since for f in before if f.sentence == fault.sentence or len(before) == 1]
        return msgspec.structs.replace(fault, since=same[0] if same else self._clock.now())


class Catch:
    """Turns an exception into a fault; ``failed`` says whether there was one."""

    def __init__(self, board: SnapshotBuilder, source: str) -> None:
        self._board = board
        self._source = source
        self.failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed = True
        self._board.bad(self._source, error)
        return True


def silent(error: Exception) -> bool:
    """Whether no whole answer came: it was not read, this time. Whoever lives and says no will say so at each look."""
    half = isinstance(error, EngineFailed) and error.status is None
    return half or isinstance(error, EngineUnreachable | TimeoutError)


def fault_of(source: str, error: Exception) -> Fault:
    """What is told of an exception; a defect of ours is kept besides."""
    if isinstance(error, HostError):
        return Fault(source, clean(str(error)), clean(error.remedy) if error.remedy else None)
    if isinstance(error, TimeoutError):
        return Fault(source, _("No answer in time for: {source}", source=clean_line(source)))
    caught(f"source {source}", error)
    what = clean_line(f"{type(error).__name__}: {error}", 200)
    remedy = _("This is a defect of stackops; please report it with what --debug writes")
    return Fault(source, _("{source} could not be read: {what}", source=clean_line(source), what=what), remedy)


def _same(old: object, new: object) -> bool:
    """Equal but for the moment of measuring: an idle machine writes nothing."""
    if isinstance(old, System) and isinstance(new, System):
        return msgspec.structs.astuple(old)[1:] == msgspec.structs.astuple(new)[1:]
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return all(_same_figures(old[key], new[key]) for key in new)
    return old == new


def _same_figures(old: object, new: object) -> bool:
    if isinstance(old, Figures) and isinstance(new, Figures):
        return msgspec.structs.astuple(old)[1:] == msgspec.structs.astuple(new)[1:]
    return old == new


DEATHS = 20
"""Deaths remembered per container."""
EVENTS = 600
"""Events remembered. fact: the Engine's own buffer holds 256, health checks' among them (moby, daemon/events)."""
_TELLING = frozenset(
    "create start die stop kill oom pause unpause restart rename update destroy health_status".split()  # noqa: SIM905
)

_UP = re.compile(r"^Up (?:About )?(Less than a|an?|\d+) (second|minute|hour|day|week|month|year)s?")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}


def uptime(status: str) -> int | None:
    """About how many seconds it has been up; None when it is not. It only ever falls when it was started again."""
    match = _UP.match(status)
    if match is None:
        return None
    number = match[1]
    if number.startswith("Less"):
        return 0
    return (int(number) if number.isdigit() else 1) * _UNITS[match[2]]


class Register:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._known: dict[str, Container] = {}
        self._signs: dict[str, tuple[object, ...]] = {}
        self._uptimes: dict[str, int | None] = {}
        self._dirty: dict[str, None] = {}
        self._deaths: dict[str, list[float]] = {}
        self._stale: dict[str, frozenset[str]] = {}
        self._digests: dict[str, str | None] = {}
        self._shown: dict[str, tuple[Container, tuple[object, ...], Container]] = {}
        self.since: float | None = None
        """Time of the newest event, for opening the stream again."""
        self.began = 0.0
        """Deaths before this moment are history: they are kept to be read, and not counted."""
        self._events: deque[EngineEvent] = deque(maxlen=EVENTS)

    def listed(self, rows: Iterable[tuple[Container, str]]) -> None:
        """The full list: forget what is gone, mark what is new or changed."""
        seen = set()
        for row, status in rows:
            seen.add(row.id)
            sign = (row.name, row.state, row.health.status if row.health else None, row.image_id)
            up, before = uptime(status), self._uptimes.get(row.id)
            known = self._known.get(row.id)
            if known is None:
                self._known[row.id] = row
            restarted = up is not None and before is not None and up < before
            # the health log of who ails goes on without the list showing it
            ails = row.health is not None and row.health.status != "healthy" and row.state == "running"
            if known is None or not known.detailed or restarted or sign != self._signs.get(row.id) or ails:
                self._dirty[row.id] = None
            self._signs[row.id], self._uptimes[row.id] = sign, up
        for gone in [container for container in self._known if container not in seen]:
            self.gone(gone)
        used = {container.image_id for container in self._known.values()}
        self._digests = {image: digest for image, digest in self._digests.items() if image in used}

    def __contains__(self, container: str) -> bool:
        return container in self._known

    def inspected(self, container: Container) -> None:
        """The newest inspection beats everything before."""
        self._known[container.id] = container
        health = container.health.status if container.health else None
        self._signs.setdefault(container.id, (container.name, container.state, health, container.image_id))

    def gone(self, container: str) -> None:
        """Removed: nothing of it is kept."""
        for kept in (self._known, self._signs, self._uptimes, self._deaths, self._stale, self._shown):
            kept.pop(container, None)

    def event(self, raw: bytes) -> str | None:
        """Take in one event: ``container`` when one has to be inspected, ``daemon`` when the Engine was changed."""
        try:
            event = decode(raw, Event, "an event")
        except HostError:
            return None
        at = event.time_nano / 1e9 if event.time_nano else event.time
        action = (event.action or event.status or "").partition(":")[0]
        identity = (event.actor.id if event.actor else None) or event.id
        before, past = self.since, at is not None and at < self.began
        if at is not None:
            self.since = max(at, self.since or 0.0)
        if event.type == "daemon":
            self._remember(event, at, "", before)
            return "daemon"
        if event.type not in (None, "container") or action not in _TELLING or not identity:
            return None
        self._remember(event, at, identity, before)
        if action == "die" and at is not None and not past:
            deaths = self._deaths.setdefault(identity, [])
            if at not in deaths:
                bisect.insort(deaths, at)
                del deaths[:-DEATHS]
        self._dirty[identity] = None
        return "container"

    def _remember(self, event: Event, at: float | None, container: str, newest: float | None) -> None:
        """Keep it to be read. A stream that was opened again tells the newest event a second time."""
        if at is None:
            return
        told = _told(event, at, container)
        if newest is None or at > newest or told not in self._events:
            self._events.append(told)

    def events(self, project: str | None = None) -> tuple[EngineEvent, ...]:
        """What happened, in the order it was told; of one project when it is given."""
        return tuple(each for each in self._events if project is None or each.project in (project, None))

    def doubt(self, containers: Iterable[str] | None = None) -> None:
        """Inspect these again, or all."""
        self._dirty.update(dict.fromkeys(self._known if containers is None else containers))

    @property
    def doubtful(self) -> bool:
        """Whether somebody has to be inspected."""
        return bool(self._dirty)

    def take_doubtful(self) -> list[str]:
        """Whom to inspect now."""
        taken = list(self._dirty)
        self._dirty.clear()
        return taken

    def set_stale(self, stale: dict[str, frozenset[str]]) -> None:
        """Mount points whose source was replaced, for the containers that could be asked."""
        self._stale = stale

    def set_digest(self, image_id: str, digest: str | None) -> None:
        """What a registry calls the image."""
        self._digests[image_id] = digest

    def images_without_digest(self) -> dict[str, str]:
        """Image id -> a name it is used under."""
        found = {c.image_id: c.image for c in self._known.values() if c.image_id}
        return {identity: name for identity, name in found.items() if identity not in self._digests}

    def view(self, project: str | None = None) -> tuple[Container, ...]:
        """All containers, by name; of one project when it is given. Unchanged ones are the same objects as before."""
        chosen = (c for c in self._known.values() if project is None or c.project == project)
        return tuple(sorted((self._overlaid(c) for c in chosen), key=lambda c: (c.name, c.id)))

    def _overlaid(self, base: Container) -> Container:
        deaths = tuple(self._deaths.get(base.id, ()))
        digest = self._digests.get(base.image_id or "")
        overlay = (deaths, digest, self._stale.get(base.id), self._holders(base))
        shown = self._shown.get(base.id)
        if shown is not None and shown[0] is base and shown[1] == overlay:
            return shown[2]
        made = msgspec.structs.replace(_laid_over(base, deaths, digest, overlay[2]), port_holders=overlay[3])
        if shown is not None and shown[2] == made:
            made = shown[2]
        self._shown[base.id] = (base, overlay, made)
        return made

    def _holders(self, base: Container) -> tuple[tuple[int, str, str], ...]:
        """Who runs and has a port that this one may not have got, of whatever project."""
        wanted = base.ports if base.error and not base.pid else ()
        others = (c for c in self._known.values() if wanted and c.id != base.id and c.state in ("running", "paused"))
        had = ((port, c.name) for c in others for port in c.ports if any(_clash(port, one) for one in wanted))
        return tuple(sorted({(port.host_port or 0, port.protocol, name) for port, name in had}))


def _told(event: Event, at: float, container: str) -> EngineEvent:
    given = (event.actor.attributes if event.actor else None) or {}
    said = {name: clean_line(value, 300) for name, value in given.items() if value}
    code = said.get("exitCode", "")
    return EngineEvent(
        at, clean_line(event.action or event.status or "", 60), container, said.get("name", ""), said.get("image", ""),
        said.get("com.docker.compose.project"), said.get("com.docker.compose.service"),
        int(code) if code.isascii() and code.isdigit() and len(code) < 12 else None, said.get("signal"),
    )  # fmt: skip


def _clash(one: Port, other: Port) -> bool:
    """Whether only one container can have both: the same number and protocol, at an address that both mean."""
    if not one.host_port or (one.host_port, one.protocol) != (other.host_port, other.protocol):
        return False
    at, also = one.host_ip or "", other.host_ip or ""
    every = at == also or not (at and also)
    return every or ((":" in at) == (":" in also) and not {"0.0.0.0", "::"}.isdisjoint((at, also)))  # noqa: S104


def _laid_over(base: Container, deaths: Sequence[float], digest: str | None, stale: frozenset[str] | None) -> Container:
    mounts = base.mounts
    if stale is not None and base.pid is not None:
        mounts = tuple(
            msgspec.structs.replace(mount, stale=mount.target in stale) if mount.kind == "bind" else mount
            for mount in mounts
        )
    return msgspec.structs.replace(base, deaths=tuple(deaths), image_digest=digest, mounts=mounts)
