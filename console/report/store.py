"""What `stackops watch` keeps for the consoles that are opened later: figures of each minute, events, troubles.

A JSON object a line, in a file for each Engine and project and the file before it: when one is full, another is begun.
Only ``watch`` writes, one at a time by a lock of the kernel's; a console only reads. What is read is taken for foreign:
bounded, cleaned, and left out where it is no such line.

No library: SQLite was considered, and needs a file beside its file that a reader must be able to write.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..collect.figures import MINUTE, Past
from ..fix.journal import write_all
from ..hosts import Host
from ..model import EngineEvent
from ..model.findings import Result
from ..paths import locked, opened, read
from ..text import _, n_
from ..text.cleaning import clean_line, redact
from .timeline import TroubleChange

LIMIT, SLACK = 2 << 20, 1 << 20
"""Bytes after which a file is full, and how many more it may have: what is new at one time is written whole."""
DAY = 86400.0
"""Seconds for which figures are shown."""
NEWEST = 1000
"""Events, and changes, that are shown."""
FILES = ("before.jsonl", "now.jsonl")
Told = TypeVar("Told", EngineEvent, TroubleChange)


class StoredLine(Struct, frozen=True, omit_defaults=True):
    """One line: names of figures, or the figures of a minute in the order of the names before, an event, a trouble."""

    at: float | None = None
    """Unix seconds at which the minute began."""
    names: tuple[str, ...] | None = None
    values: tuple[float | None, ...] | None = None
    event: EngineEvent | None = None
    change: TroubleChange | None = None


class Kept(Struct, frozen=True):
    """What was kept of one machine."""

    past: Mapping[str, Past] = {}
    """By the names of ``History``, sorted by time."""
    events: tuple[EngineEvent, ...] = ()
    changes: tuple[TroubleChange, ...] = ()
    trouble: str = ""
    """Why some of it, or all, is missing."""


def folder(state: Path, host: Host, project: str | None) -> Path:
    """Where the store of this Engine and project lies."""
    import hashlib

    address = host.engine.address if host.engine is not None else ""
    return state / "watch" / hashlib.sha256(f"{address}\n{project or ''}".encode()).hexdigest()[:16]


class Store:
    """The store for writing. Raises OSError; BlockingIOError where another process writes it."""

    def __init__(self, place: Path) -> None:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._held = locked(place)
        """Until the process ends."""
        self._path, self._before = place / FILES[1], place / FILES[0]
        self._names: tuple[str, ...] = ()
        """Those that the file told last."""

    def add(
        self, begun: float, figures: Mapping[str, float],
        events: Iterable[EngineEvent] = (), changes: Iterable[TroubleChange] = (),
    ) -> None:  # fmt: skip
        """Append what is new, all of it or nothing: the figures are those of the minute that began then."""
        size = self._path.lstat().st_size if self._path.exists() else 0
        if size >= LIMIT:
            self._path.replace(self._before)
        if not 0 < size < LIMIT:
            self._names = ()
        lines = [StoredLine(event=each) for each in events]
        for each in changes:
            told = each.result  # without its evidence: the title is what the timeline shows
            brief = Result(told.check, told.subject, told.status, redact(told.title))
            lines.append(StoredLine(change=replace(each, result=brief)))
        names = self._names if figures.keys() <= set(self._names) else tuple(sorted({*self._names, *figures}))
        if names != self._names:
            lines.append(StoredLine(names=names))
        if figures:
            values = ((name, figures.get(name)) for name in names)
            lines.append(StoredLine(at=begun, values=tuple(each and round(each, 1) for _name, each in values)))
        if lines:
            self._append(b"".join(msgspec.json.encode(each) + b"\n" for each in lines))
            self._names = names

    def _append(self, content: bytes) -> None:
        descriptor = opened(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        size = os.fstat(descriptor).st_size
        try:
            cut = size and os.pread(descriptor, 1, size - 1) != b"\n"  # the machine went off in the midst of a line
            write_all(descriptor, b"\n" * bool(cut) + content)
        except OSError:
            os.ftruncate(descriptor, size)  # a disk that is full in the midst of it leaves no half line
            raise
        finally:
            os.close(descriptor)


def _decoded(line: bytes) -> StoredLine | None:
    """None for what is no such line."""
    try:
        return msgspec.json.decode(line, type=StoredLine)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def load(place: Path, now: float) -> Kept:
    """What is kept, as far as it can be read; never raises."""
    rows: list[tuple[float, tuple[str, ...], tuple[float | None, ...]]] = []
    events: list[EngineEvent] = []
    changes: list[TroubleChange] = []
    trouble, damaged = "", 0
    for name in FILES:
        try:
            lines = read(place / name, LIMIT + SLACK).splitlines()
        except FileNotFoundError:
            continue
        except OSError as error:
            what = {"path": place / name, "why": error.strerror or type(error).__name__}
            trouble = _("What stackops watch kept cannot be read: {path}: {why}", **what)
            continue
        names: tuple[str, ...] = ()
        for each in map(_decoded, filter(None, lines)):
            if each is None or (each.values is not None and len(each.values) != len(names)):
                damaged += 1
            elif each.event is not None:
                events.append(_clean(each.event))
            elif each.change is not None:
                changes.append(replace(each.change, result=_clean(each.change.result)))
            elif each.values is not None and each.at is not None:
                rows.append((each.at, names, each.values))
            else:
                names = each.names or names
    if damaged and not trouble:
        trouble = n_("{count} line of what stackops watch kept is damaged and left out",
                     "{count} lines of what stackops watch kept are damaged and left out", damaged)  # fmt: skip
    return Kept(_curves(rows, now), _newest(events, now), _newest(changes, now), trouble)


def _curves(rows: list[tuple[float, tuple[str, ...], tuple[float | None, ...]]], now: float) -> dict[str, Past]:
    """The figures of the last day by name. Of a clock that was set back the later lines may be the earlier minutes."""
    curves: dict[str, list[tuple[float, float | None]]] = {}
    for at, names, values in sorted((row for row in rows if now - DAY <= row[0] <= now), key=lambda row: row[0]):
        for name, value in zip(names, values, strict=True):
            curves.setdefault(name, []).append((at, value))
    return {name: tuple(past) for name, past in curves.items()}


def _newest(found: Iterable[Told], now: float) -> tuple[Told, ...]:
    """The newest of them, once each. Nobody knows when that was which has yet to come: the clock was set back."""
    known = sorted(dict.fromkeys(each for each in found if 0 <= each.at <= now + MINUTE), key=lambda each: each.at)
    return tuple(known[-NEWEST:])


def _clean(told: Any) -> Any:  # noqa: ANN401 - an event or a result, whichever it was
    """With its texts as they may be shown: the file is foreign until then."""
    texts = {name: getattr(told, name) for name in told.__struct_fields__}
    return replace(told, **{name: clean_line(text) for name, text in texts.items() if isinstance(text, str)})
