"""The logs of some containers as one: live, across restarts, merged by time, with each death; older lines on demand."""

from __future__ import annotations

import asyncio
import re
import time
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from ..console.hosts import Engine, HostError, NotFound
from ..console.model import Role, Snapshot
from ..console.model.findings import Result
from ..console.products.versions import exit_meaning
from ..console.text import _
from ..console.text.cleaning import clean_line, duration, redact
from .render.log_lines import QUOTED, STAMP, LogEntry, Traces, entry, in_order, stamp_of

TAIL = 300
"""Lines that are read of what was written before."""
BATCH_SECONDS = 0.2
CHUNK = 400
"""Lines of each container that are read at once of what is older."""
AGAIN = 600
"""Lines that are read of what a container wrote while nobody followed it."""
FLOOD = 512 << 10
"""Bytes since the last batch after which a log is no longer read but begun again at its end."""
SHARE = 3
"""How many times as long as work on a flood took it rests: a flood costs a quarter of a core."""
PATIENCE = 5.0
"""Seconds after which a container that ended is looked at again without an event."""
BACK = 7 * 86_400.0
"""Seconds of deaths that are asked for. The Engine keeps its last 256 events."""
_EVENTS_COME = 0.15
"""Seconds within which the Engine hands out the events of the past."""

LONGEST = 8192
_GROUP = 64 << 10
"""Characters that are redacted at once: a search in more of them would hold the screen's thread up."""
_SLICE = 16 << 10
"""Characters of a flood that are redacted before others get their turn. One of Python's threads runs at a time: a key
that is pressed meanwhile waits for this much, some 10 ms, and not for a whole batch."""
_KEY_LINES = 200
"""Lines after which a private key that does not end is taken for something else."""
_BEGIN, _END = "-----BEGIN PRIVATE KEY-----", "-----END"


NAME = 16
"""Cells of a container's name beside its lines, and on the way to them."""


class LogSource(NamedTuple):
    """One container whose log is read."""

    ident: str
    name: str
    role: Role | None = None


def _stamped(raw: bytes) -> str:
    return stamp_of(raw[:STAMP].decode("ascii", "replace"))


def stamp_at(at: float) -> str:
    """A time as the Engine writes it, to the microsecond."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


class Cleaner:
    """Makes lines of one log fit to be shown. Remembers a private key of which only the beginning has come yet."""

    def __init__(self) -> None:
        self._in_key = 0
        """Lines since a private key began that has not ended; 0 outside."""

    def lines(self, raw: Iterable[bytes]) -> list[str]:
        """The lines without what could steer a terminal, and without secrets. Slow for many: call it in a thread."""
        return [line for some in self.slices(raw, _GROUP) for line in some]

    def slices(self, raw: Iterable[bytes], most: int) -> Iterator[list[str]]:
        """The same a few at a time, each of about so many characters."""
        texts = (part for line in raw for part in line.decode("utf-8", "replace").replace("\r", "\n").split("\n"))
        for group in self._groups((clean_line(text, LONGEST) for text in texts), most):
            yield [line for line in redact(group).split("\n") if line.strip()]

    def _groups(self, lines: Iterable[str], most: int) -> Iterator[str]:
        """Lines joined into groups. A private key stays in one group, because it is recognised by its first line."""
        group, size = ([_BEGIN], 0) if self._in_key else ([], 0)
        for text in lines:
            group.append(text)
            size += len(text)
            self._watch(text)
            if size >= most and not self._in_key:
                yield "\n".join(group)
                group, size = [], 0
        yield "\n".join(group)

    def _watch(self, line: str) -> None:
        if _END in line or self._in_key > _KEY_LINES:
            self._in_key = 0
        elif self._in_key or ("-----BEGIN" in line and "PRIVATE KEY-----" in line):
            self._in_key += 1


class _Tail:
    """One container's log: what was read of it, and what is older and not shown yet."""

    def __init__(self, number: int, source: LogSource, ask: int) -> None:
        self.number, self.source, self.ask = number, source, ask
        self.cleaner, self.traces = Cleaner(), Traces()
        self.last = ""
        """Time of the newest line."""
        self.first = ""
        """Time of the oldest line that was read."""
        self.count = 0
        """Lines that were ever read."""
        self.older: list[LogEntry] = []
        self.whole = False
        """Whether there is nothing older."""
        self.again = asyncio.Event()

    def entries(self, raw: Iterable[bytes], cleaner: Cleaner, traces: Traces) -> list[LogEntry]:
        """Lines that came one after the other. Slow for many: call it in a thread."""
        return [entry(text, self.number, traces) for text in cleaner.lines(raw)]

    async def newest(self, raw: Sequence[bytes]) -> list[LogEntry]:
        """Those that came since the last time. In a flood it rests after each slice: keys are answered meanwhile."""
        if sum(map(len, raw)) < _GROUP:
            return await asyncio.to_thread(self.entries, raw, self.cleaner, self.traces)
        slices, entries = self.cleaner.slices(raw, _SLICE), list[LogEntry]()
        while True:
            some, took = await asyncio.to_thread(self._slice, slices)
            if some is None:
                return entries
            entries += some
            await asyncio.sleep(SHARE * took)

    def _slice(self, slices: Iterator[list[str]]) -> tuple[list[LogEntry] | None, float]:
        """The next lines, None at the end, and how long they took of this thread."""
        began, texts = time.thread_time(), next(slices, None)
        some = None if texts is None else [entry(text, self.number, self.traces) for text in texts]
        return some, time.thread_time() - began

    async def read_older(self, engine: Engine) -> None:
        """Read what is older than all that was read."""
        want = self.count + self.ask
        raw = [line for line in (await engine.logs(self.source.ident, tail=want)).split(b"\n") if line.strip()]
        older = [line for line in raw if not self.first or _stamped(line) < self.first]
        self.whole = len(raw) < want or not older
        self.count += len(older)
        if older:
            self.first = _stamped(older[0])
            self.last = self.last or _stamped(older[-1])
            self.older = await asyncio.to_thread(self.entries, older, Cleaner(), Traces()) + self.older
        self.ask = CHUNK


class LogFeed:
    """The logs of some containers as one: first the newest lines, then what comes; older ones when asked for."""

    def __init__(self, engine: Engine, sources: Sequence[LogSource], current: Callable[[LogSource], LogSource]) -> None:
        """``current`` says which container stands in for one now: another one after it was recreated."""
        self._engine, self._current = engine, current
        ask = max(60, 2 * TAIL // len(sources)) if len(sources) > 1 else TAIL
        self._tails = [_Tail(number, source, ask) for number, source in enumerate(sources)]
        self._deaths = Deaths(self._tell)
        self._past: list[LogEntry] = []
        self._since = ""
        """From this time on what happens is new."""
        self._waiting: deque[tuple[int, bytes | LogEntry]] = deque()
        self._bytes = 0
        self._arrived, self._taken = asyncio.Event(), asyncio.Event()
        self.paused = False

    @property
    def whole(self) -> bool:
        """Whether nothing older is left."""
        return all(tail.whole and not tail.older for tail in self._tails)

    async def older(self) -> list[LogEntry]:
        """The next older lines, merged by time; nothing where there are none. Raises HostError.

        Of each log only what is not older than what is known of all the others: a quiet one would else seem to be
        the only one that spoke.
        """
        wanted = [tail for tail in self._tails if not tail.whole and not tail.older]
        await asyncio.gather(*(tail.read_older(self._engine) for tail in wanted))
        horizon = max((tail.older[0].stamp for tail in self._tails if tail.older and not tail.whole), default="")
        blocks = [_from(tail.older, horizon) for tail in self._tails] + [_from(self._past, horizon)]
        return in_order(blocks)

    async def batches(self) -> AsyncIterator[list[LogEntry]]:
        """What comes from now on, gathered for a moment each time, for ever. The first batch is what was there."""
        self._since = stamp_at(time.time())
        tasks = [asyncio.create_task(self._events())]
        try:
            await asyncio.sleep(_EVENTS_COME)
            yield await self.older()
            tasks += [asyncio.create_task(self._follow(tail)) for tail in self._tails]
            took = 0.0
            """Seconds that whoever shows the batch needed for it."""
            while True:
                await self._arrived.wait()
                await asyncio.sleep(max(BATCH_SECONDS, SHARE * took))
                for task in tasks:
                    if task.done():
                        task.result()
                if self.paused:
                    continue
                batch = await self._take()
                began = time.monotonic()
                yield batch
                took = time.monotonic() - began
        finally:
            for task in tasks:
                task.cancel()

    async def _take(self) -> list[LogEntry]:
        taken = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._arrived.clear()
        self._taken.set()
        return await self._merged(taken)

    async def _merged(self, taken: Sequence[tuple[int, bytes | LogEntry]]) -> list[LogEntry]:
        blocks = []
        for tail in self._tails:
            raw = [each for number, each in taken if number == tail.number and isinstance(each, bytes)]
            blocks.append(await tail.newest(raw))
        return in_order([*blocks, [each for _, each in taken if isinstance(each, LogEntry)]])

    def _put(self, number: int, each: bytes | LogEntry) -> None:
        self._waiting.append((number, each))
        self._bytes += len(each)
        self._arrived.set()

    def _tell(self, ident: str, note: LogEntry, *, starts: bool = False) -> None:
        """A container died or was started."""
        tail = next((tail for tail in self._tails if tail.source.ident == ident), None)
        if tail is None:
            return
        note = note._replace(source=tail.number, text=note.text.replace(ident, tail.source.name, 1))
        if note.stamp < self._since:
            self._past.append(note)
        else:
            self._put(tail.number, note)
        if starts:
            tail.again.set()

    def _say(self, tail: _Tail, words: str, at: str = "") -> None:
        text = f"{at or stamp_at(time.time())} {words}"
        self._put(tail.number, LogEntry(text, tail.number, note="warning", room=len(words)))

    async def _events(self) -> None:
        """Deaths and starts, those of the past first."""
        since = time.time() - BACK
        while True:
            with suppress(HostError):  # the Snapshot has a Fault then, and every place shows it
                async for raw in self._engine.events(since):
                    since = self._deaths.event(raw) or since
            await asyncio.sleep(PATIENCE)

    async def _follow(self, tail: _Tail) -> None:
        """One container for ever: across its deaths, and those of the Engine."""
        ask, said = tail.ask if tail.ask != CHUNK else TAIL, ""
        while True:
            tail.again.clear()
            flooded = False
            try:
                flooded = await self._follow_once(tail, ask)
                said = ""
            except HostError as error:
                words = (
                    _("{source} was removed", source=tail.source.name) if isinstance(error, NotFound) else str(error)
                )
                if words != said:
                    self._say(tail, words)
                said = words
            ask = AGAIN
            if flooded:
                self._taken.clear()
                await self._taken.wait()
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(tail.again.wait(), PATIENCE)
                tail.source = self._current(tail.source)

    async def _follow_once(self, tail: _Tail, ask: int) -> bool:
        """Until the container ends, or more comes than can be shown: whether it is the latter."""
        first = True
        async with aclosing(self._engine.follow(tail.source.ident, tail=ask)) as stream:
            number = 0
            async for raw in stream:
                number += 1
                if number % 64 == 0:
                    await asyncio.sleep(0)  # a stream that always has more would never let go
                stamp = _stamped(raw)
                if stamp and stamp <= tail.last:
                    first = False
                    continue
                if first and tail.last and stamp:
                    self._say(tail, _("Lines are left out here: they came faster than they can be shown"), stamp)
                first, tail.last = False, stamp or tail.last
                tail.count += 1
                self._put(tail.number, raw.rstrip(b"\n"))
                if self._bytes > FLOOD:
                    return True
        return False


def proofs(
    snapshot: Snapshot | None, found: Iterable[Result], sources: Sequence[LogSource]
) -> dict[tuple[int, float | str], Result]:
    """What lines prove: by number of the source and the line's time or its words, as far as evidence quotes them."""
    proven: dict[tuple[int, float | str], Result] = {}
    if snapshot is None:
        return proven
    idents = {container.name: container.id for container in snapshot.containers}
    numbers = {source.ident: number for number, source in enumerate(sources)}
    quoted = [(result, each) for result in found for each in result.evidence if each.label == "log"]
    for result, each in quoted:
        number = numbers.get(idents.get(each.source.removeprefix("docker logs "), ""))
        if number is not None:
            proven.setdefault((number, each.value[:QUOTED]), result)
        for mark in snapshot.log_marks:
            if mark.at is not None and mark.text == each.value and mark.container in numbers:
                proven.setdefault((numbers[mark.container], mark.at), result)
    return proven


def _from(lines: list[LogEntry], horizon: str) -> list[LogEntry]:
    """Take what is not older than this off the end of a list."""
    cut = bisect_left(lines, horizon, key=lambda each: each.stamp)
    taken = lines[cut:]
    del lines[cut:]
    return taken


class Deaths:
    """Makes the Engine's events of containers into lines: when one ended and why, how long until it ran again."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._died: dict[str, float] = {}
        self._oom: set[str] = set()

    def event(self, raw: bytes) -> float | None:
        """One event as the Engine sends it; its time, Unix seconds."""
        told: Any = msgspec.json.decode(raw)
        at = float(told.get("timeNano", 0)) / 1e9
        actor = told.get("Actor") or {}
        ident, action = str(actor.get("ID", "")), told.get("Action")
        if told.get("Type") != "container" or not at:
            return None
        if action == "oom":
            self._oom.add(ident)
        elif action == "die":
            code = str((actor.get("Attributes") or {}).get("exitCode", ""))
            self._tell(ident, self._death(ident, at, int(code) if code.isdigit() else None))
            self._died[ident] = at
        elif action == "start":
            gone = self._died.pop(ident, None)
            words = _("{name} was started", name=ident)
            if gone:
                words = _("{name} was started again after {length}", name=ident, length=duration(at - gone))
            self._tell(ident, LogEntry(f"{stamp_at(at)} {words}", note="muted", room=len(words)), starts=True)
        return at

    def _death(self, ident: str, at: float, code: int | None) -> LogEntry:
        why = exit_meaning(code, ident in self._oom) or ""
        self._oom.discard(ident)
        why = re.sub(r"^ended (by itself |with )?", "", re.split("[;:]", why)[0])
        words = _("{name} ended with exit code {code}", name=ident, code=_("not known") if code is None else code)
        words += f" · {why}" if why else ""
        return LogEntry(
            f"{stamp_at(at)} {words}", note="muted" if code in {0, 143} else "error", rule=True, room=len(words) + 10
        )
