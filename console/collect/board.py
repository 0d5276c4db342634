"""The last good parts, what is wrong with the others, and the Snapshot made of them.

Every source writes here; nobody else may. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from ..hosts import Clock, EngineFailed, EngineUnreachable, HostError
from ..model import Fault, Figures, HostInfo, Snapshot, System
from ..products.services import services
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
        return Fault(source, f"No answer in time for: {clean_line(source)}")
    caught(f"source {source}", error)
    what = clean_line(f"{type(error).__name__}: {error}", 200)
    remedy = "This is a defect of stackops; please report it with what --debug writes"
    return Fault(source, f"{clean_line(source)} could not be read: {what}", remedy)


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
