"""Scrolled texts that are read, not chosen from: details, diffs, explanations, help; logs have the same keys."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise, zip_longest

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from ...console.text.cleaning import cells
from ..registry import bindings
from ..render.kept import MARKING, TooSlow, in_time
from .paint import BLANK, Ground, Line, Safe, Span, safe, strip


def changed_cells(old: Line, new: Line) -> tuple[int, int] | None:
    """From which cell to which two lines differ; None when they do not."""
    if old == new:
        return None
    before = [(letter, tone) for text, tone in old for letter in text]
    after = [(letter, tone) for text, tone in new for letter in text]
    start = _common(before, after)
    wide = [cells("".join(letter for letter, _ in each)) for each in (before, after)]
    left = cells("".join(letter for letter, _ in before[:start]))
    if wide[0] != wide[1]:
        return left, max(wide)
    rest = _common(before[start:][::-1], after[start:][::-1])
    tail = before[len(before) - rest :]
    return left, wide[0] - cells("".join(letter for letter, _ in tail))


def _common(one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> int:
    """How many letters at the start are the same."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


class Lines(Widget):
    """As high as the lines it was given."""

    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    def __init__(
        self, *lines: Line, ground: Ground = "none", id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Safe, ...] = tuple(map(safe, lines))
        self._ground: Ground = ground
        self._measured: int | None = None
        """Lines it was last laid out for: a screen resized while hidden lays out once, before its new lines come."""

    @property
    def lines(self) -> tuple[Safe, ...]:
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show these instead; nothing is drawn where nothing changed."""
        old, self._lines = self._lines, tuple(map(safe, lines))
        if len(old) != len(self._lines) or self._measured not in (None, len(self._lines)):
            self.refresh(layout=True)
            return
        for y, (before, after) in enumerate(zip_longest(old, self._lines, fillvalue=BLANK)):
            if (span := changed_cells(before, after)) is not None:
                self.refresh(Region(span[0], y, max(1, span[1] - span[0]), 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        self._measured = len(self._lines)
        return self._measured

    def render_line(self, y: int) -> Strip:
        return strip(self, self._lines[y] if y < len(self._lines) else BLANK, self.content_size.width, self._ground)


LEAST_WIDTH = 8
Row = tuple[int, int]
"""The first letter of a row, and the one behind its last."""


def wrap(lines: Iterable[Line], width: int) -> list[Safe]:
    """Lines broken at words; what continues a line stands under its first word, or under the words after its label."""
    wrapped: list[Safe] = []
    for each in map(safe, lines):
        text = "".join(span.text for span in each)
        if cells(text) <= width:
            wrapped.append(each)
            continue
        hang, label = hanging(each, width)
        rows = breaks(text, width, hang, label)
        wrapped.extend(row_of(each, row, hang) for row in rows)
    return wrapped


def hanging(line: Line, width: int) -> tuple[int, int]:
    """How far what continues a line is indented, and which letters of the line are that indent: no break among them.

    A first span that ends with a space is a label.
    """
    first = line[0].text if line else ""
    width = max(width, LEAST_WIDTH)
    if len(line) > 1 and first.endswith(" ") and cells(first) <= width // 2:
        return cells(first), len(first)
    spaces = len(first) - len(first.lstrip(" "))
    return min(spaces, width // 2), spaces


def breaks(text: str, width: int, hang: int = 0, label: int = 0) -> list[Row]:
    """The rows of a text, without the spaces at the breaks. Its cost grows with the rows, not with the words."""
    width = max(width, LEAST_WIDTH)
    rows: list[Row] = []
    start, whole = 0, len(text)
    while True:
        room = width - hang if rows else width
        end = _reach(text, start, room)
        if end >= whole:
            rows.append((start, whole))
            return rows
        following = end
        if text[end] != " ":
            space = text.rfind(" ", start if rows else label, end)
            following = end = end if space < 0 else space + 1
        rows.append((start, end))
        while following < whole and text[following] == " ":
            following += 1
        if following >= whole:
            return rows
        start = following


def _reach(text: str, start: int, room: int) -> int:
    """How far the letters from ``start`` on fill this many cells; at least one letter."""
    end = min(start + room, len(text))
    if text.isascii() or cells(text[start:end]) == end - start:
        return end
    used, end = 0, start
    while end < len(text) and (used := used + cells(text[end])) <= room:
        end += 1
    while cells(text[start:end]) > room:  # a letter that its variation selector made wider
        end -= 1
    return max(end, start + 1)


def row_of(line: Safe, row: Row, hang: int) -> Safe:
    """One row of a line, as ``breaks`` found it; rows but the first are indented."""
    start, end = row
    spans = [Span(" " * hang)] if start and hang else []
    at = 0
    for text, tone in line:
        piece = text[max(0, start - at) : max(0, end - at)]
        if piece:
            spans.append(Span(piece, tone))
        at += len(text)
    return Safe(tuple(spans))


def joined(*lines: Iterable[Span]) -> Safe:
    """Parts of safe lines, one after another."""
    return Safe(tuple(span for part in lines for span in part))


def marked(painted: Safe, regex: re.Pattern[str] | None) -> Safe:
    """The line with every place that fits in the colour of a badge; without where it takes long to say which fit."""
    if regex is None:
        return painted
    text, edges = "".join(span.text for span in painted), list[int]()
    with suppress(TooSlow), in_time(MARKING):
        edges = [edge for match in regex.finditer(text) if match.end() > match.start() for edge in match.span()]
    return Safe(tuple(_cut(painted, edges))) if edges else painted


def _cut(painted: Line, edges: list[int]) -> Iterator[Span]:
    """The spans cut at these places; each second piece is a hit."""
    start = 0
    for text, tone in painted:
        end = start + len(text)
        cuts = [start, *edges[bisect_right(edges, start) : bisect_left(edges, end)], end]
        for begin, stop in pairwise(cuts):
            hit = bisect_right(edges, begin) % 2
            yield Span(text[begin - start : stop - start], "badge" if hit else tone)
        start = end


class ReadingPane(ScrollView, can_focus=True):
    """The keys and the frame of a scrolled text; what is in it is drawn line by line by those who inherit."""

    BINDINGS = bindings("list")
    DEFAULT_CSS = (
        "ReadingPane { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable; padding: 0 0 0 1; }"
    )

    def action_up(self) -> None:
        self.scroll_relative(y=-1, animate=False, immediate=True)

    def action_down(self) -> None:
        self.scroll_relative(y=1, animate=False, immediate=True)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False, immediate=True)

    def action_bottom(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def action_page_up(self) -> None:
        self.scroll_relative(y=1 - self.size.height, animate=False, immediate=True)

    def action_page_down(self) -> None:
        self.scroll_relative(y=self.size.height - 1, animate=False, immediate=True)

    def action_left(self) -> None:
        """Lines are broken at the width: nothing stands to the left."""

    def action_right(self) -> None:
        """Lines are broken at the width: nothing stands to the right."""

    def action_open(self) -> None:
        """A text has nothing to go into."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "open"


class Document(ReadingPane):
    """Painted lines, broken at the width."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._source: tuple[Line, ...] = ()
        self._wrapped: list[Safe] = []

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._source

    def show(self, lines: Sequence[Line], *, top: bool = False) -> None:
        """Show these lines; only those that changed are drawn. ``top`` goes back to the first line."""
        self._source = tuple(lines)
        self._break(force=False)
        if top:
            self.scroll_to(y=0, animate=False, immediate=True)

    def _break(self, *, force: bool) -> None:
        old = self._wrapped
        width = self.scrollable_content_region.width or 80
        self._wrapped = wrap(self._source, width)
        if force or len(old) != len(self._wrapped):
            self.virtual_size = Size(width, len(self._wrapped))
            self.refresh()
            return
        top = self.scroll_offset.y
        for y, (before, after) in enumerate(zip(old, self._wrapped, strict=True)):
            if before != after and 0 <= y - top < self.size.height:
                self.refresh(Region(0, y - top, width, 1))

    def on_resize(self) -> None:
        self._break(force=True)

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        return strip(self, self._wrapped[index] if index < len(self._wrapped) else BLANK, width)
