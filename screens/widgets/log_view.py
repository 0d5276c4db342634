"""The log of a container: broken at the width where it is in sight, standing still while somebody reads further up."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from textual.cache import LRUCache
from textual.geometry import Size
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from ...console.text.cleaning import SECRETS
from .paint import BLANK, Brush, Safe, Tone, line, safe, strip
from .text import LEAST_WIDTH, ReadingPane, Row, breaks, hanging, log_line, marked, row_of

MAX_LINES = 20_000
MAX_BYTES = 32 << 20
"""Of memory for lines; a line of 8 KiB takes as much of it as eighty short ones."""


class KeptLines:
    """The newest lines; ``hits`` are the numbers of those with the words that are looked for, oldest first."""

    def __init__(self, most: int = MAX_LINES, room: int = MAX_BYTES) -> None:
        self.texts: list[str] = []
        self.first = 0
        """The number of the oldest line that is kept."""
        self.words = ""
        self.hits: list[int] = []
        self._most, self._room = most, room
        self._small: list[str | None] = []
        """Each line in small letters. None: ASCII, of which they are made sooner than it takes to keep them."""
        self._bytes = 0

    def add(self, texts: Sequence[str]) -> int:
        """Keep these too; how many of the oldest lines had to go for them, of these themselves if they are too many."""
        small = [None if text.isascii() else text.lower() for text in texts]
        if self.words:
            self.hits += self._with(self.words, self.first + len(self.texts), texts, small)
        self.texts += texts
        self._small += small
        self._bytes += sum(map(_bytes, texts, small))
        gone = max(0, len(self.texts) - self._most)
        freed = sum(map(_bytes, self.texts[:gone], self._small[:gone]))
        while self._bytes - freed > self._room and gone < len(self.texts) - 1:
            freed += _bytes(self.texts[gone], self._small[gone])
            gone += 1
        self._bytes -= freed
        self._drop(gone)
        return gone

    def clear(self) -> None:
        """Keep nothing; the words are still looked for."""
        self._bytes = 0
        self._drop(len(self.texts))

    def _drop(self, count: int) -> None:
        del self.texts[:count], self._small[:count]
        self.first += count
        del self.hits[: bisect_left(self.hits, self.first)]

    def look_for(self, words: str) -> None:
        """Find these words, whatever their case. What has more of a word is looked for among what had less of it."""
        words = words.lower()
        if self.words and words.startswith(self.words):
            at = [number - self.first for number in self.hits]
            texts, small = [self.texts[n] for n in at], [self._small[n] for n in at]
            self.hits = [self.hits[n] for n in self._with(words, 0, texts, small)]
        else:
            self.hits = self._with(words, self.first, self.texts, self._small) if words else []
        self.words = words

    @staticmethod
    def _with(words: str, first: int, texts: Iterable[str], small: Iterable[str | None]) -> list[int]:
        pairs = enumerate(zip(texts, small, strict=True), first)
        return [number for number, (text, lower) in pairs if words in (text.lower() if lower is None else lower)]


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


_BROKEN = 1024
"""Lines kept broken: more than any terminal shows with a page above."""
_STAMP = 22
"""What is left out of a time stamp that the Engine writes."""


class _Broken(NamedTuple):
    """A line at the width of the view."""

    line: Safe
    rows: list[Row]
    hang: int


class LogView(ReadingPane):
    """The newest lines; words can be looked for in them.

    Only what is in sight, and a page above it, is broken: how many rows the other lines take is guessed from their
    length. What holds still is a letter of the line at the top, so a guess that was wrong moves the scrollbar alone.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._kept = KeptLines()
        self._heights = Heights()
        self._broken: LRUCache[int, _Broken] = LRUCache(_BROKEN)
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(_BROKEN)
        """Rows as cells, by number of the line and row in it: a line more moves all of them and changes none."""
        self._brush: Brush | None = None
        self._notes: dict[int, Tone] = {}
        """Lines that are our own words, by number."""
        self._width = 0
        self._version = SECRETS.version
        self._top = (0, 0)
        """Number of the line at the top, and the letter with which its row in sight begins."""
        self._follows = True
        """The end is in sight, and stays there when lines come."""
        self._settling = False
        self._bar = (0, 0)
        """Where the bar begins and how long it is, in eighths of a cell."""
        self._at: int | None = None
        """Number of the line with the words that was gone to."""

    @property
    def lines(self) -> Sequence[str]:
        return self._kept.texts

    def replace(self, texts: Sequence[str]) -> None:
        """Show these lines, the newest in sight."""
        self._heights.drop(len(self._kept.texts))
        self._kept.clear()
        self._at, self._follows = None, True
        self.append(texts)
        self.refresh()

    def append(self, texts: Sequence[str]) -> None:
        """Add a batch; moves along only when the end was in sight and no hit is looked at."""
        self._heights.add(self._guesses(texts))
        gone = self._kept.add(texts)
        self._heights.drop(gone)
        if self._at is not None and self._at < self._kept.first:
            self._at = None
        self._notes = {number: tone for number, tone in self._notes.items() if number >= self._kept.first}
        self._settle()

    def note(self, words: str, tone: Tone = "muted") -> None:
        """Add a line of our own: why nothing comes, how much was left out."""
        self._notes[self._kept.first + len(self._kept.texts)] = tone
        self.append([words])

    # Looking for words

    @property
    def words(self) -> str:
        """What is looked for."""
        return self._kept.words

    def find(self, words: str) -> tuple[int, int]:
        """Mark these words wherever they stand and go to the newest line that has them; see ``next_hit``."""
        self._kept.look_for(words)
        self._at = None
        self._repaint()
        return self.next_hit(backwards=True)

    def next_hit(self, *, backwards: bool) -> tuple[int, int]:
        """Go to the next line with the words, or the one before; round at the ends. Which it is, of how many."""
        hits = self._kept.hits
        if not hits:
            return 0, 0
        if self._at is None:
            which = -1 if backwards else 0
        else:
            which = bisect_left(hits, self._at) - 1 if backwards else bisect_right(hits, self._at)
        which %= len(hits)
        self._at = hits[which]
        self._go_to(self._at - self._kept.first)
        return which + 1, len(hits)

    def _go_to(self, index: int) -> None:
        """Put one of the lines a third of the way down."""
        if not self._ready:
            return
        above, rows = self._filled(index, self.size.height // 3)
        self._follows = False
        self._hold(above, max(0, rows - self.size.height // 3))

    # Where things stand

    def _guesses(self, texts: Sequence[str]) -> list[int]:
        """About how many rows these take."""
        width = self._width or LEAST_WIDTH
        return [1 + max(0, length - _STAMP) // width for length in map(len, texts)]

    def _break(self, index: int) -> _Broken:
        """One of the lines at the width of the view."""
        number = self._kept.first + index
        broken = self._broken.get(number)
        if broken is None:
            text = self._kept.texts[index]
            painted = safe(line((text, self._notes[number])) if number in self._notes else log_line(text))
            hang, label = hanging(painted, self._width)
            rows = breaks("".join(span.text for span in painted), self._width, hang, label)
            broken = self._broken[number] = _Broken(painted, rows, hang)
            self._heights.learn(index, len(rows))
        return broken

    def _rows(self, index: int) -> int:
        """How many rows a line takes; breaks it if need be."""
        return self._heights.known(index) or len(self._break(index).rows)

    def _filled(self, index: int, rows: int) -> tuple[int, int]:
        """The line with which so many rows above this one begin, and how many they are from its first on."""
        found = 0
        while index > 0 and found < rows:
            index -= 1
            found += self._rows(index)
        return index, found

    @property
    def _ready(self) -> bool:
        return bool(self._kept.texts and self._width and self.size.height)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Somebody scrolled, by whatever means; or lines went above, which moves nothing in sight."""
        if self._settling:
            return
        super().watch_scroll_y(old_value, new_value)
        if not self._ready:
            return
        index, within = self._heights.at(min(self.scroll_offset.y, self._heights.start(len(self.lines)) - 1))
        self._follows = self.scroll_offset.y >= self.max_scroll_y
        self._hold(index, within)

    def _settle(self) -> None:
        """After lines came or went, or another width: the same letter at the top, or the end in sight."""
        if not self._ready:
            self._resize(0 if not self._kept.texts else self.virtual_size.height)
            return
        number, letter = self._top
        if number < self._kept.first:
            self._hold(0, 0)
            return
        index = number - self._kept.first
        rows = [] if self._follows else self._break(index).rows
        self._hold(index, max(0, bisect_right(rows, letter, key=lambda row: row[0]) - 1))

    def _hold(self, index: int, within: int) -> None:
        """Put this row of a line at the top; the last line at the bottom, if it is followed. All in sight is broken."""
        page = self.size.height
        if self._version != SECRETS.version:  # what was broken before may show what has been learned since
            self._forget()
        if self._follows:
            index, rows = self._filled(len(self._kept.texts), page)
            within = max(0, rows - page)
        rows_of_top = self._break(index).rows
        within = min(within, len(rows_of_top) - 1)
        below, room = index, page + within
        while below < len(self._kept.texts) and room > 0:
            room -= self._rows(below)
            below += 1
        self._filled(index, page)  # so that a page up is exact
        top = (self._kept.first + index, rows_of_top[within][0])
        if self._follows or top != self._top:
            self._top = top
            self.refresh()
        self._resize(self._heights.start(len(self._kept.texts)), self._heights.start(index) + within)

    def _resize(self, height: int, top: int = 0) -> None:
        """So many rows, this one at the top. The layout of the screen does not depend on them: it is not made again.

        The bar is drawn again only where it would look different: it costs as much as all the rows beside it.
        """
        page, bar = self.size.height, self.vertical_scrollbar
        looks = (8 * page * top // height, 8 * page * page // height) if height > page else (0, 0)
        self._settling = True
        try:
            self.set_reactive(ReadingPane.virtual_size, Size(self._width, height))
            if looks != self._bar:
                self._bar = looks
                self._scroll_update(self.virtual_size)
                bar.position = top
            bar.set_reactive(ScrollBar.window_virtual_size, height)
            bar.set_reactive(ScrollBar.position, top)
            self.scroll_to(y=top, animate=False, immediate=True, force=True)
        finally:
            self._settling = False

    def on_resize(self) -> None:
        """Another width breaks the lines anew, those in sight at once and the others when they come into sight."""
        width = max(self.scrollable_content_region.width, LEAST_WIDTH) if self.scrollable_content_region.width else 0
        if width != self._width:
            self._width = width
            self._forget()
        self._settle()
        self.refresh()

    def _forget(self) -> None:
        self._version = SECRETS.version
        self._broken.clear()
        self._strips.clear()
        self._heights.forget(self._guesses(self._kept.texts))
        self.refresh()

    def action_bottom(self) -> None:
        self._follows = True
        self._settle()

    def notify_style_update(self) -> None:
        """Other colours: what was drawn is not kept."""
        super().notify_style_update()
        self._repaint()

    def _repaint(self) -> None:
        self._strips.clear()
        self._brush = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        self._brush = self._brush or Brush(self)
        row = y + self.scroll_offset.y
        if not self._ready or row >= self._heights.start(len(self._kept.texts)):
            return strip(self, BLANK, self._width, brush=self._brush)
        index, within = self._heights.at(row)
        place = (self._kept.first + index, within)
        drawn = self._strips.get(place)
        if drawn is None:
            painted, rows, hang = self._break(index)
            piece = row_of(marked(painted, self.words), rows[within], hang) if within < len(rows) else BLANK
            drawn = self._strips[place] = strip(self, piece, self._width, brush=self._brush)
        return drawn
