"""The lines of a log that are kept, which of them are shown, and in which row each of those stands. No drawing."""

from __future__ import annotations

import re
import signal
import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice
from typing import NamedTuple

from ...console.text import _
from .log_lines import LogEntry

MAX_LINES = 20_000
MAX_BYTES = 32 << 20
"""Of memory for lines; a line of 8 KiB takes as much of it as eighty short ones."""
PATIENCE, MARKING = 1.0, 0.05
"""Seconds of this process's own time after which a search through all lines is given up, and one in a single line."""


class TooSlow(re.error):
    """A pattern that would have held the keys up."""


@contextmanager
def in_time(patience: float) -> Iterator[None]:
    """Raise TooSlow where a search takes long: ``(a+)+$`` takes years for one line, ``.*a.*b`` a minute for all.

    What stands in the block may be cut short anywhere; a block inside another ends the other's limit. fact: Python's
    ``re`` has no time limit and no thread can stop it, but it heeds signals (Modules/_sre/sre_lib.h). Their handlers
    run in the main thread, which is also Textual's. A child inherits no such timer (setitimer(2)). The handler stays:
    a signal that comes late must neither end the process nor cut short what else runs by then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def ring(*_given: object) -> None:
        if armed:
            raise TooSlow(_("it takes too long"))

    signal.signal(signal.SIGVTALRM, ring)
    signal.siginterrupt(signal.SIGVTALRM, False)  # what waits in another thread goes on waiting
    signal.setitimer(signal.ITIMER_VIRTUAL, patience)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


class Query(NamedTuple):
    """What is looked for."""

    words: str = ""
    pattern: bool = False
    """Whether the words are a regular expression."""
    case: bool = False
    """Whether small and capital letters differ."""

    def regex(self) -> re.Pattern[str]:
        """As an expression, for what is marked. Raises re.error."""
        flags = re.NOFLAG if self.case else re.IGNORECASE
        return re.compile(self.words if self.pattern else re.escape(self.words), flags)

    def test(self) -> Callable[[str, str | None], bool]:
        """Whether a text, given with its small letters where it is not ASCII, has it. Raises re.error."""
        if self.pattern:
            search = self.regex().search
            return lambda text, _: search(text) is not None
        if self.case:
            return lambda text, _: self.words in text
        words = self.words.lower()
        return lambda text, small: words in (text.lower() if small is None else small)

    def narrows(self, other: Query) -> bool:
        """Whether whatever has this has the other as well."""
        plain = not (self.pattern or other.pattern) and self.case == other.case
        if not (plain and other.words):
            return False
        return self.words.startswith(other.words) if self.case else self.words.lower().startswith(other.words.lower())


class Shift(NamedTuple):
    """What became of the lines that are shown: so many gone from the end, then come there, then gone in front."""

    cut: int
    come: list[int]
    """Their numbers, even of those that go at once."""
    gone: int


class KeptLines:
    """The newest lines; ``hits`` are the numbers of those that are looked for, ``errors`` of errors, oldest first."""

    def __init__(self, most: int = MAX_LINES, room: int = MAX_BYTES) -> None:
        self.texts: list[str] = []
        self.entries: list[LogEntry] = []
        self.first = 0
        """The number of the oldest line that is kept. Older ones that are fetched later have lower numbers."""
        self.query = Query()
        self.hits: list[int] = []
        self.errors: list[int] = []
        self.shown: list[int] = []
        self.context: int | None = None
        """With a query: how many lines around each hit are shown too. None: all lines are shown."""
        self.gave_up = ""
        """Why nothing is looked for any more, where nobody wanted that."""
        self.open: set[int] = set()
        """Lines that are unfolded."""
        self.folded: dict[int, int] = {}
        """How many lines of a stack trace belong to a line."""
        self._heads: dict[int, int] = {}
        """To which line a line of a stack trace belongs."""
        self._last: dict[int, int] = {}
        """The last line of each source that is no part of a trace."""
        self.most, self._room = most, room
        self._small: list[str | None] = []
        """Each line in small letters. None: ASCII, of which they are made sooner than it takes to keep them."""
        self._bytes = 0

    @property
    def end(self) -> int:
        """The number that the next line gets."""
        return self.first + len(self.texts)

    @property
    def full(self) -> bool:
        """Whether no older line would be kept."""
        return len(self.texts) >= self.most or self._bytes >= self._room

    def entry(self, number: int) -> LogEntry:
        """The line with this number."""
        return self.entries[number - self.first]

    def add(self, entries: Sequence[LogEntry]) -> Shift:
        """Keep these too. The oldest lines go for them, of these themselves if they are too many."""
        texts = [entry.text for entry in entries]
        small = [None if text.isascii() else text.lower() for text in texts]
        start = self.end
        hits = self._new_hits(zip(range(start, start + len(texts)), texts, small, strict=True))
        self.hits += hits
        self.errors += self._errors(start, entries)
        self.texts += texts
        self.entries += entries
        self._small += small
        self._bytes += sum(map(_bytes, texts, small))
        self._last = self._join(start, entries, self._last)
        cut, since = 0, start
        if self.context and hits:
            since = max(self.first, hits[0] - self.context)
            cut = len(self.shown) - bisect_left(self.shown, since)
            del self.shown[len(self.shown) - cut :]
        come = self._seen(since, self.end)
        self.shown += come
        return Shift(cut, come, self._shrink())

    def put_before(self, entries: Sequence[LogEntry]) -> int:
        """Keep these, which are older than all others; how many of them are shown."""
        texts = [entry.text for entry in entries]
        small = [None if text.isascii() else text.lower() for text in texts]
        start, first = self.first, self.first - len(texts)
        self.hits[:0] = self._new_hits(zip(range(first, start), texts, small, strict=True))
        self.first = first
        self.errors[:0] = self._errors(self.first, entries)
        self.texts[:0], self.entries[:0], self._small[:0] = texts, entries, small
        self._bytes += sum(map(_bytes, texts, small))
        self._join(self.first, entries, {})
        come = self._seen(self.first, start)
        self.shown[:0] = come
        return len(come)

    def clear(self) -> None:
        """Keep nothing; what is looked for stays so."""
        self._bytes = 0
        self._drop(len(self.texts))

    def look_for(self, query: Query, context: int | None = None) -> None:
        """Find this. What has more of a word is looked for among what had less of it. Raises re.error."""
        numbers: Iterable[int] = self.hits if query.narrows(self.query) else range(self.first, self.end)
        rows = ((n, self.texts[n - self.first], self._small[n - self.first]) for n in numbers)
        self.hits, self.query, self.context = self._with(query, rows), query, context
        self.gave_up = ""
        self.show_again()

    def show_again(self) -> None:
        """Choose anew which lines are shown: another query, other lines around it, a trace that was unfolded."""
        self.shown = self._seen(self.first, self.end)

    def head(self, number: int) -> int:
        """The line under which a line is folded; the line itself where it is under none."""
        return self._heads.get(number, number)

    # Which lines are shown

    def _seen(self, start: int, end: int) -> list[int]:
        if self.query.words and self.context is not None:
            around = self.context
            hits = self.hits[bisect_left(self.hits, start - around) : bisect_left(self.hits, end + around)]
            if not around:
                return hits
            near = {n for hit in hits for n in range(max(start, hit - around), min(end, hit + around + 1))}
            return sorted(near)
        if not self._heads:
            return list(range(start, end))
        return [n for n in range(start, end) if (head := self._heads.get(n)) is None or head in self.open]

    def _join(self, start: int, entries: Sequence[LogEntry], last: dict[int, int]) -> dict[int, int]:
        """Fold what goes on with a stack trace under the line that begins it."""
        for number, entry in enumerate(entries, start):
            if not entry.part:
                if entry.note is None:
                    last[entry.source] = number
            elif (head := last.get(entry.source)) is not None and head >= self.first:
                self._heads[number] = head
                self.folded[head] = self.folded.get(head, 0) + 1
        return last

    @staticmethod
    def _errors(start: int, entries: Sequence[LogEntry]) -> list[int]:
        return [number for number, entry in enumerate(entries, start) if entry.level == "error"]

    def _new_hits(self, rows: Iterable[tuple[int, str, str | None]]) -> list[int]:
        """What is looked for is given up where looking through more lines would hold everything up."""
        try:
            return self._with(self.query, rows)
        except TooSlow as error:
            self.look_for(Query())
            self.gave_up = _("No longer looked for: {msg}", msg=error.msg)
            return []

    @staticmethod
    def _with(query: Query, rows: Iterable[tuple[int, str, str | None]]) -> list[int]:
        if not query.words:
            return []
        has = query.test()
        with in_time(PATIENCE):
            return [number for number, text, small in rows if has(text, small)]

    # What goes

    def _shrink(self) -> int:
        gone = max(0, len(self.texts) - self.most)
        freed = sum(map(_bytes, self.texts[:gone], self._small[:gone]))
        while self._bytes - freed > self._room and gone < len(self.texts) - 1:
            freed += _bytes(self.texts[gone], self._small[gone])
            gone += 1
        self._bytes -= freed
        return self._drop(gone)

    def _drop(self, count: int) -> int:
        for number in range(self.first, self.first + count):
            self._heads.pop(number, None)
            self.folded.pop(number, None)
            self.open.discard(number)
        del self.texts[:count], self.entries[:count], self._small[:count]
        self.first += count
        del self.hits[: bisect_left(self.hits, self.first)]
        del self.errors[: bisect_left(self.errors, self.first)]
        gone = bisect_left(self.shown, self.first)
        del self.shown[:gone]
        return gone


def _bytes(text: str, small: str | None) -> int:
    return sys.getsizeof(text) + (0 if small is None else sys.getsizeof(small))


class Heights:
    """How many rows each line takes: guessed until the line has been broken at the width, known from then on."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._known = bytearray()
        self._starts = [0]
        """In which row lines start, as far as it was asked for. The first is no zero once lines have been dropped."""

    def add(self, guesses: Sequence[int]) -> None:
        """More lines at the end."""
        self._rows += guesses
        self._known += bytes(len(guesses))

    def put_before(self, guesses: Sequence[int]) -> None:
        """More lines in front of all others."""
        self._rows[:0] = guesses
        self._known[:0] = bytes(len(guesses))
        self._starts = [0]

    def cut(self, count: int) -> None:
        """The last lines are gone."""
        if count:
            keep = len(self._rows) - count
            del self._rows[keep:], self._known[keep:], self._starts[keep + 1 :]

    def drop(self, count: int) -> None:
        """The first lines are gone."""
        self._reach(count)
        del self._rows[:count], self._known[:count], self._starts[:count]

    def forget(self, guesses: Sequence[int]) -> None:
        """Another width: nothing is known any more."""
        self._rows, self._known, self._starts = list(guesses), bytearray(len(guesses)), [0]

    def known(self, index: int) -> int | None:
        """Rows of a line; None while they are only guessed."""
        return self._rows[index] if self._known[index] else None

    def learn(self, index: int, rows: int) -> None:
        """A line was broken."""
        self._known[index] = 1
        if self._rows[index] != rows:
            self._rows[index] = rows
            del self._starts[index + 1 :]

    def unsure(self, index: int) -> None:
        """A line will be broken otherwise the next time."""
        self._known[index] = 0

    def start(self, index: int) -> int:
        """The row in which a line starts; that of the line behind the last is how many rows there are."""
        self._reach(index)
        return self._starts[index] - self._starts[0]

    def at(self, row: int) -> tuple[int, int]:
        """The line that has this row, and which of its rows it is."""
        self._reach(len(self._rows))
        index = bisect_right(self._starts, row + self._starts[0]) - 1
        return index, row + self._starts[0] - self._starts[index]

    def _reach(self, index: int) -> None:
        have = len(self._starts)
        if have <= index:
            sums = accumulate(islice(self._rows, have - 1, index), initial=self._starts[-1])
            self._starts.extend(islice(sums, 1, None))
