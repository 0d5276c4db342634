"""The log of containers: broken at the width where it is in sight, standing still while somebody reads further up."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from textual.cache import LRUCache
from textual.geometry import Size
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from ...console.text.cleaning import SECRETS, cells
from ..render.kept import MARKING, Heights, KeptLines, Query, TooSlow, in_time
from ..render.log_lines import Beside, LogEntry, Style, Traces, entry, painted, proof_of
from .paint import BLANK, Brush, Line, Safe, Tone, safe, strip
from .text import LEAST_WIDTH, ReadingPane, Row, breaks, joined, marked, row_of

_BROKEN = 1024
"""Lines kept broken: more than any terminal shows with a page above."""


@dataclass
class _Broken:
    """A line at the width of the view."""

    line: Safe
    rows: list[Row]
    hang: int
    label: int = 0
    """Letters of its columns, where the line is not to be broken: they stay when the rest moves to the side."""
    strips: dict[int, Strip] = field(default_factory=dict)
    """Rows as cells: a line more moves all of them and changes none."""


class LogView(ReadingPane):
    """The newest lines; words can be looked for in them.

    Only what is in sight, and a page above it, is broken: how many rows the other lines take is guessed from their
    length. What holds still is a letter of the line at the top, so a guess that was wrong moves the scrollbar alone.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kept = KeptLines()
        self.unseen = 0
        """Lines that came below while the end was not followed."""
        self.wraps = True
        self.proofs: Mapping[tuple[int, float | str], str] = {}
        """What lines prove, by source and time or words."""
        self._shift = 0
        self.log_style = Style()
        self._traces = Traces()
        self._heights = Heights()
        self._broken: LRUCache[int, _Broken] = LRUCache(_BROKEN)
        self._brush: Brush | None = None
        self._width = 0
        self._version = SECRETS.version
        self._regex: re.Pattern[str] | None = None
        """What is looked for, where it is to be marked."""
        self._top = (0, 0)
        """Number of the line at the top, and the letter with which its row in sight begins."""
        self.follows = True
        """The end is in sight, and stays there when lines come."""
        self._settling = False
        self._bar = (0, 0)
        """Where the bar begins and how long it is, in eighths of a cell."""
        self._at: int | None = None
        """Number of the line with the words that was gone to."""

    @property
    def lines(self) -> Sequence[str]:
        return self.kept.texts

    def replace(self, texts: Sequence[str | LogEntry]) -> None:
        """Show these lines, the newest in sight."""
        self._heights.drop(len(self.kept.shown))
        self.kept.clear()
        self._broken.clear()
        self._at, self.follows, self.unseen = None, True, 0
        self.append(texts)
        self.refresh()

    def append(self, texts: Sequence[str | LogEntry]) -> None:
        """Add a batch; moves along only when the end was in sight and no line is looked at."""
        entries = [entry(each, 0, self._traces) if isinstance(each, str) else each for each in texts]
        start = self.kept.end
        change = self.kept.add(entries)
        if not self._gave_up():
            self._heights.cut(change.cut)
            self._heights.add(self._guesses([entries[n - start] for n in change.come if n >= start]))
            self._heights.drop(change.gone)
        for number in {self.kept.head(n) for n, each in enumerate(entries, start) if each.part}:
            self._touch(number)
        self._forget_dropped()
        if not self.follows:
            self.unseen += len(change.come) - change.cut
        self._settle()

    def put_before(self, entries: Sequence[LogEntry]) -> None:
        """Add lines that are older than all others; what is in sight stays."""
        come = self.kept.put_before(entries)
        for number in range(self.kept.first, self.kept.first + len(entries)):
            self._broken.discard(number)
        if not self._gave_up():
            self._heights.put_before(self._guesses([self.kept.entry(n) for n in self.kept.shown[:come]]))
        self._settle()

    def _gave_up(self) -> bool:
        """Whether what was looked for is so no longer, and all lines are shown."""
        if self._regex is None or self.words:
            return False
        self._regex = None
        self._forget()
        return True

    def note(self, words: str, tone: Tone = "muted") -> None:
        """Add a line of our own: why nothing comes, how much was left out."""
        self.append([LogEntry(words, note=tone, room=len(words))])

    def restyle(self, style: Style, *, wraps: bool | None = None) -> None:
        """Paint lines otherwise: other columns, broken or not."""
        self.wraps = self.wraps if wraps is None else wraps
        self.log_style, self._shift = style, 0
        self._forget()
        self._settle()

    # Looking for words

    @property
    def words(self) -> str:
        """What is looked for."""
        return self.kept.query.words

    def find(self, words: str) -> tuple[int, int]:
        """Mark these words wherever they stand and go to the newest line that has them; see ``next_hit``."""
        self.look_for(Query(words), None)
        return self.next_hit(backwards=True)

    def look_for(self, query: Query, context: int | None) -> None:
        """Mark what is looked for; with a context show only so many lines around each hit. Raises re.error."""
        before = self.kept.shown
        self.kept.look_for(query, context)
        self._regex, self._at = query.regex() if query.words else None, None
        if before != self.kept.shown:
            self._forget()
        for number in list(self._broken.keys()):
            if self.kept.first <= number < self.kept.end and self.kept.entry(number).said[:1] == "{":
                self._touch(number)
        self._settle()
        self._repaint()

    def _forget_dropped(self) -> None:
        """Lines have gone, so what was known of them goes."""
        if self._at is not None and self._at < self.kept.first:
            self._at = None

    def next_hit(self, *, backwards: bool) -> tuple[int, int]:
        """Go to the next line with the words, or the one before; round at the ends. Which it is, of how many."""
        return self._go_round(self.kept.hits, backwards=backwards)

    def _go_round(self, numbers: Sequence[int], *, backwards: bool) -> tuple[int, int]:
        if not numbers:
            return 0, 0
        if self._at is None:
            which = -1 if backwards else 0
        else:
            which = bisect_left(numbers, self._at) - 1 if backwards else bisect_right(numbers, self._at)
        which %= len(numbers)
        self._at = numbers[which]
        self.go_to(self._at)
        return which + 1, len(numbers)

    def go_to(self, number: int) -> None:
        """Put a line a third of the way down."""
        head = self.kept.head(number)
        if head != number and head not in self.kept.open:
            self._open(head)
        if not self._ready:
            return
        above, rows = self._filled(self._index(number), self.size.height // 3)
        self.follows = False
        self._hold(above, max(0, rows - self.size.height // 3))

    def _open(self, number: int) -> None:
        """Unfold a line, or fold it again."""
        self.kept.open ^= {number}
        self._touch(number)
        if number in self.kept.folded:
            self.kept.show_again()
            self._heights.forget(self._guesses([self.kept.entry(n) for n in self.kept.shown]))
        self.follows = False
        self._settle()
        self.refresh()

    # Where things stand

    def _guesses(self, entries: Sequence[LogEntry]) -> list[int]:
        """About how many rows these take."""
        width = self._width or LEAST_WIDTH
        return [1 + each.room // width for each in entries] if self.wraps else [1] * len(entries)

    def _all_guesses(self) -> list[int]:
        whole = len(self.kept.shown) == len(self.kept.entries)
        return self._guesses(self.kept.entries if whole else [self.kept.entry(number) for number in self.kept.shown])

    def _break(self, index: int) -> _Broken:
        """One of the lines at the width of the view."""
        number = self.kept.shown[index]
        broken = self._broken.get(number)
        if broken is None:
            broken = self._broken[number] = self._at_width(*self._painted(number))
            self._heights.learn(index, len(broken.rows))
        return broken

    def _painted(self, number: int) -> tuple[Line, list[Line]]:
        """A line; JSON is unfolded where what is looked for is in the folded part."""
        each, around = self.kept.entry(number), self.around(number)
        before, words = painted(each, self.log_style, around)
        regex = self._regex if each.said[:1] == "{" and not around.open else None
        with suppress(TooSlow), in_time(MARKING):
            if regex and regex.search(each.said) and not regex.search("".join(span.text for span in words[0])):
                return painted(each, self.log_style, around._replace(open=True))
        return before, words

    def around(self, number: int) -> Beside:
        """What stands beside a line."""
        each, filtered = self.kept.entry(number), bool(self.words) and self.kept.context is not None
        return Beside(
            folded=0 if filtered else self.kept.folded.get(number, 0),
            open=number in self.kept.open,
            proves=(proof_of(each, self.proofs) or "") if self.proofs else "",
        )

    def _at_width(self, before: Line, words: Sequence[Line]) -> _Broken:
        """Broken, what goes on with the line under its words; or cut where lines are not to be broken."""
        label = sum(len(span.text) for span in before)
        hang = sum(cells(span.text) for span in before)
        hang = hang if hang <= self._width // 2 else 2
        whole, rows = BLANK, list[Row]()
        for number, each in enumerate(words):
            piece, at = safe((*before, *each) if not number else each), sum(len(span.text) for span in whole)
            text, whole = "".join(span.text for span in piece), joined(whole, piece)
            if not self.wraps:
                start = at + min(label if not number else 0, len(text))
                rows.append((start + min(self._shift, at + len(text) - start), at + len(text)))
                continue
            room, indent = (self._width, label) if not number else (self._width - hang, len(text) - len(text.lstrip()))
            rows += [(at + a, at + b) for a, b in breaks(text, room, hang if not number else 0, indent)]
        return _Broken(whole, rows, hang, 0 if self.wraps else min(label, rows[0][0]))

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
        return bool(self.kept.shown and self._width and self.size.height)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Somebody scrolled, by whatever means; or lines went above, which moves nothing in sight."""
        if self._settling:
            return
        super().watch_scroll_y(old_value, new_value)
        if not self._ready:
            return
        index, within = self._heights.at(min(self.scroll_offset.y, self._heights.start(len(self.kept.shown)) - 1))
        self.follows = self.scroll_offset.y >= self.max_scroll_y
        self._hold(index, within)

    def _settle(self) -> None:
        """After lines came or went, or another width: the same letter at the top, or the end in sight."""
        if not self._ready:
            self._resize(0 if not self.kept.shown else self.virtual_size.height)
            return
        number, letter = self._top
        index = self._index(number)
        if self.kept.shown[index] != number:
            letter = 0
        rows = [] if self.follows else self._break(index).rows
        self._hold(index, max(0, bisect_right(rows, letter, key=lambda row: row[0]) - 1))

    def _hold(self, index: int, within: int) -> None:
        """Put this row of a line at the top; the last line at the bottom, if it is followed. All in sight is broken."""
        page = self.size.height
        if self._version != SECRETS.version:  # what was broken before may show what has been learned since
            self._forget()
        if self.follows:
            index, rows = self._filled(len(self.kept.shown), page)
            within = max(0, rows - page)
        rows_of_top = self._break(index).rows
        within = min(within, len(rows_of_top) - 1)
        below, room = index, page + within
        while below < len(self.kept.shown) and room > 0:
            room -= self._rows(below)
            below += 1
        self._filled(index, page)  # so that a page up is exact
        top = (self.kept.shown[index], rows_of_top[within][0])
        if self.follows or top != self._top:
            self._top = top
            self.refresh()
        self._resize(self._heights.start(len(self.kept.shown)), self._heights.start(index) + within)

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
        self._heights.forget(self._all_guesses())
        self.refresh()

    def _touch(self, number: int) -> None:
        """A line looks otherwise now."""
        self._broken.discard(number)
        index = self._index(number)
        if index < len(self.kept.shown) and self.kept.shown[index] == number:
            self._heights.unsure(index)

    def _index(self, number: int) -> int:
        """Where a line stands among those that are shown, or the next one does."""
        return max(0, min(bisect_left(self.kept.shown, number), len(self.kept.shown) - 1))

    def action_bottom(self) -> None:
        self.follows, self.unseen = True, 0
        self._settle()

    def notify_style_update(self) -> None:
        """Other colours: what was drawn is not kept."""
        super().notify_style_update()
        self._repaint()

    def _repaint(self) -> None:
        for broken in map(self._broken.get, list(self._broken.keys())):
            if broken is not None:
                broken.strips.clear()
        self._brush = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        self._brush = self._brush or Brush(self)
        row = y + self.scroll_offset.y
        if not self._ready or row >= self._heights.start(len(self.kept.shown)):
            return strip(self, BLANK, self._cells, brush=self._brush)
        index, within = self._heights.at(row)
        broken = self._break(index)
        drawn = broken.strips.get(within)
        if drawn is None:
            drawn = broken.strips[within] = strip(self, self._row(broken, within), self._cells, brush=self._brush)
        return drawn

    @property
    def _cells(self) -> int:
        """How wide a row is drawn."""
        return self._width

    def _row(self, broken: _Broken, within: int) -> Safe:
        if within >= len(broken.rows):
            return BLANK
        line = marked(broken.line, self._regex)
        if broken.label and not within:
            return joined(row_of(line, (0, broken.label), 0), row_of(line, broken.rows[0], 0))
        return row_of(line, broken.rows[within], broken.hang)
