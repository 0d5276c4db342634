"""The one big table, drawn by hand: a changed figure costs the cells it stands in, nothing else.

Rows are known by key: whatever is added, removed or reordered, the cursor stays on its row, and when that row is gone
it is on none until somebody moves it: a key must not act on the row that came in its place. Headings group the rows.
Columns are dropped when the width cannot hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...console.text import _
from ...console.text.cleaning import SECRETS, clip, fit
from ..registry import bindings
from . import paint
from .paint import ARROW_DOWN, ARROW_UP, BLANK, CURSOR, Brush, Ground, Line, Safe, Span, line, safe, shown, strip
from .rows import Column, Order, PlacedColumn, Row, downwards, filtered, ordered, place
from .text import wrap

__all__ = ["Column", "Row", "Table"]


class Table(ScrollView, can_focus=True):
    """Rows with a cursor."""

    BINDINGS = bindings("list")
    DEFAULT_CSS = "Table { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable; }"

    @dataclass
    class Told(Message):
        """Something happened in a table."""

        table: Table

        @property
        def control(self) -> Table:
            return self.table

    @dataclass
    class Moved(Told):
        """The cursor is on another row."""

        key: str | None

    class Resized(Told):
        """There is more room for rows than before, or less."""

    class Opened(Moved):
        """Enter was pressed on a row."""

    @dataclass
    class Edge(Told):
        """A key would move the cursor beyond the last row, or above the first."""

        step: int

    def __init__(
        self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None, titles: bool = True,
        by: str = "",
    ) -> None:  # fmt: skip
        """``by`` names the column by which the rows come ordered, where one does."""
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._placed: tuple[PlacedColumn, ...] = ()
        self._given: tuple[Row, ...] = ()
        """All rows, as they came."""
        self._rows: tuple[Row, ...] = ()
        self.query_words = ""
        """What rows must have to be shown."""
        self._by = by
        self._order: Order | None = None
        self._hint: tuple[Line, ...] = ()
        self._empty: tuple[Line, ...] = ()
        self._broken: list[Safe] = []
        self._cursor: str | None = None
        self._cursor_row = -1
        self._lost: str | None = None
        """Key of the row that was under the cursor and is gone; the cursor is on none meanwhile."""
        self._anchor = 0
        """Where the cursor was last: from there it moves on."""
        self._led = False
        self._head = int(titles)
        self._strips: LRUCache[tuple[str, Ground], tuple[Row, Strip]] = LRUCache(1024)
        self._secrets = SECRETS.version
        self.labels: Mapping[str, str] = {}
        """Drawn over the first cells of the rows with these keys."""

    @property
    def cursor(self) -> str | None:
        return self._cursor

    @property
    def lost(self) -> bool:
        return self._lost is not None

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(row.key for row in self._rows if row.selectable)

    @property
    def rows(self) -> tuple[Row, ...]:
        return self._rows

    @property
    def order(self) -> Order | None:
        """By what the rows are ordered; None: as they come."""
        return self._order or (Order(self._by) if self._by else None)

    def order_by(self, column: str) -> None:
        """By this column; by the one that it is ordered by already, the other way round."""
        now = self.order
        backwards = now is not None and now.column == column and not now.backwards
        self._order = None if column == self._by and not backwards else Order(column, backwards)
        self._show_again()

    def order_by_next(self, step: int) -> None:
        """By the next column that is seen; behind the last, as the rows come."""
        keys = [*([] if self._by else [""]), *(each.column.key for each in self._placed)]
        at = self.order.column if self.order else ""
        column = keys[(keys.index(at) + step) % len(keys)] if at in keys else keys[0]
        self._order = Order(column) if column not in {"", self._by} else None
        self._show_again()

    def turn_round(self) -> None:
        """The other way round; by the first column where the rows are as they came."""
        if self._placed:
            self.order_by(self.order.column if self.order else self._placed[0].column.key)

    def look_for(self, words: str) -> None:
        """Show only rows with these words."""
        self.query_words = words
        self._show_again()
        self.take_first()

    def _show_again(self) -> None:
        self.show(self._given, empty=self._hint)
        self.refresh(Region(0, 0, self.size.width, self._head))

    def show(self, rows: Sequence[Row], *, empty: Sequence[Line] = ()) -> None:
        """Show these rows; redraws only cells that changed while the rows stay the same ones."""
        self._given, self._hint = tuple(rows), tuple(empty)
        column = next((each for each in self._columns if self._order and each.key == self._order.column), None)
        found = ordered(filtered(rows, self.query_words), column, self._order)
        if self._given and not found:
            empty = (line((_("  Nothing here has {words}; esc shows all again.", words=self.query_words), "muted")),)
        self._show(tuple(found), tuple(empty))

    def _show(self, rows: tuple[Row, ...], empty: tuple[Line, ...]) -> None:
        old, self._rows = self._rows, rows
        same = len(old) == len(self._rows) and all(a.key == b.key for a, b in zip(old, self._rows, strict=True))
        if self._secrets != SECRETS.version:  # what was painted before may hold what is a secret now
            self._secrets = SECRETS.version
            self._strips.clear()
            self.refresh()
        if not same:
            keys = {row.key for row in self._rows}
            for painted in [painted for painted in self._strips.keys() if painted[0] not in keys]:  # noqa: SIM118
                self._strips.discard(painted)
        if not same or empty != self._empty:
            self._empty = empty
            self._arrange()
            return
        changed = ((y, a, b) for y, (a, b) in enumerate(zip(old, self._rows, strict=True)) if a != b)
        if regions := [region for row in changed for region in self._dirty(*row)]:
            self.refresh(*regions)

    @property
    def in_sight(self) -> tuple[str, ...]:
        """Keys of the rows that can be selected and are seen."""
        top = self.scroll_offset.y
        return tuple(row.key for row in self._rows[top : top + self.size.height - self._head] if row.selectable)

    def use_columns(self, columns: Sequence[Column]) -> None:
        """Show these columns from now on; nothing happens while they are the same."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._place_columns()

    def select(self, key: str | None) -> None:
        self._go(self._index(key))

    def _index(self, key: str | None) -> int:
        return next((i for i, row in enumerate(self._rows) if row.key == key and row.selectable), -1)

    def _arrange(self) -> None:
        """Rows came, went or moved: draw all, keep the cursor on its row; on none when that is gone.

        Until the table has had the focus it stays on the first row, which is the worst where the worst come first.
        """
        self._measure()
        before = self._cursor
        wanted = self._lost if before is None else before
        if wanted is None or not self._led:
            index = self._first()
        else:
            index = self._index(wanted)
            self._lost = wanted if index < 0 else None
        self._cursor_row = index
        self._anchor = index if index >= 0 else self._anchor
        self._cursor = self._rows[index].key if index >= 0 else None
        self.refresh()
        if self._cursor != before:
            self.post_message(self.Moved(self, self._cursor))

    def hold(self) -> None:
        """Keep the cursor on its row: keys act on it."""
        self._led = True

    def take_first(self) -> None:
        """Where a filter, or what folded by itself, removed the selected row."""
        if self._lost is not None:
            self.action_top()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        self._broken = wrap(self._empty, width or 80)
        self.virtual_size = Size(width, (len(self._rows) or len(self._broken)) + self._head)

    def _nearest(self, index: int, step: int) -> int:
        """The row that can be selected at or after the index, else before it; -1 when there is none."""
        if not self._rows:
            return -1
        index = min(max(index, 0), len(self._rows) - 1)
        ahead = range(index, len(self._rows)) if step > 0 else range(index, -1, -1)
        behind = range(index, -1, -1) if step > 0 else range(index, len(self._rows))
        return next((i for span in (ahead, behind) for i in span if self._rows[i].selectable), -1)

    def _dirty(self, index: int, old: Row, new: Row) -> list[Region]:
        """Regions of one line that must be drawn again, none when it is out of sight."""
        y = index + self._head - self.scroll_offset.y
        if not self._head <= y < self.size.height:
            return []
        if old.heading is not None or (old.mark, old.chosen) != (new.mark, new.chosen):
            return [] if old.heading is not None and old.heading == new.heading else [Region(0, y, self.size.width, 1)]
        return [
            Region(placed.x, y, placed.width, 1)
            for placed in self._placed
            if old.cells.get(placed.column.key) != new.cells.get(placed.column.key)
        ]

    def _go(self, index: int) -> None:
        if index < 0 or index == self._cursor_row:
            return
        self._led, self._lost = True, None
        old, self._cursor_row = self._cursor_row, index
        self._anchor, self._cursor = index, self._rows[index].key
        for row in (old, index):
            self.refresh(Region(0, row + self._head - self.scroll_offset.y, self.size.width, 1))
        self._keep_in_sight()
        self.post_message(self.Moved(self, self._cursor))

    def _keep_in_sight(self) -> None:
        room = max(1, self.size.height - self._head)
        top = self.scroll_offset.y
        first = 0 if self._cursor_row <= 1 else self._cursor_row
        if first < top:
            self.scroll_to(y=first, animate=False, immediate=True)
        elif self._cursor_row >= top + room:
            self.scroll_to(y=self._cursor_row - room + 1, animate=False, immediate=True)

    # Keys and mouse

    def action_up(self) -> None:
        self._step(self._anchor - 1, -1)

    def action_down(self) -> None:
        """One row down; with none selected, the one that stands where the cursor was."""
        self._step(self._anchor + (self._cursor is not None), 1)

    def _step(self, index: int, step: int) -> None:
        found = self._nearest(index, step) if 0 <= index < len(self._rows) else self._cursor_row
        if self._cursor is None:
            self._go(self._nearest(index, step))
        elif (found - self._cursor_row) * step > 0:
            self._go(found)
        else:
            if step < 0:
                self.scroll_to(y=0, animate=False, immediate=True)
            self.post_message(self.Edge(self, step))

    def action_top(self) -> None:
        self._go(self._first())

    def _first(self) -> int:
        """Below the first heading where it is open: what is done to a whole group is chosen by moving there."""
        top = self._nearest(0, 1)
        below = self._rows[top + 1 : top + 2] if top >= 0 and self._rows[top].stands else ()
        return top + any(row.heading is None for row in below)

    def action_bottom(self) -> None:
        self._go(self._nearest(len(self._rows) - 1, -1))

    def action_page_up(self) -> None:
        self._go(self._nearest(self._anchor - max(1, self.size.height - 2), -1))

    def action_page_down(self) -> None:
        self._go(self._nearest(self._anchor + max(1, self.size.height - 2), 1))

    def action_left(self) -> None:
        """Nothing stands beside it: columns that do not fit are dropped."""

    action_right = action_left

    def action_open(self) -> None:
        if self._cursor is not None:
            self.post_message(self.Opened(self, self._cursor))

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; a second click opens it; a title orders by its column."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < self._head:
            hit = next((p.column.key for p in self._placed if p.x <= offset.x <= p.x + p.width), None)
            if hit is not None:
                self.order_by(hit)
            return
        index = offset.y - self._head + self.scroll_offset.y
        if 0 <= index < len(self._rows) and self._rows[index].selectable:
            self._go(index)
            if event.chain == 2:
                self.action_open()

    # Drawing

    def on_resize(self) -> None:
        self._place_columns()
        self._measure()
        self.call_after_refresh(self._keep_in_sight)
        self.post_message(self.Resized(self))

    def _place_columns(self) -> None:
        self._placed = place(self._columns, self.scrollable_content_region.width)
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_focus(self) -> None:
        self.hold()
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < self._head:
            return self._title_strip(width)
        index = y - self._head + self.scroll_offset.y
        if index < len(self._rows):
            return paint.labelled(self, self._row_strip(index, width), self.labels.get(self._rows[index].key, ""))
        return strip(self, BLANK if self._rows or index >= len(self._broken) else self._broken[index], width)

    def _row_strip(self, index: int, width: int) -> Strip:
        row = self._rows[index]
        ground: Ground = "none" if row.heading is None else "group"
        if index == self._cursor_row:
            ground = "cursor" if self.has_focus else "cursor-blurred"
        if row.heading is not None:
            lead = (Span(CURSOR if ground == "cursor" else " ", "accent"),) if row.stands else ()
            return strip(self, safe((*lead, *row.heading)), width, ground)
        cached = self._strips.get((row.key, ground))
        if cached is not None and cached[0] == row and cached[1].cell_length == width:
            return cached[1]
        painted = self._paint(row, width, ground)
        self._strips[(row.key, ground)] = (row, painted)
        return painted

    def _paint(self, row: Row, width: int, ground: Ground) -> Strip:
        brush = Brush(self)
        base = brush.ground(ground)
        at = Span(CURSOR if ground == "cursor" else " ", "accent")
        before = (at, row.mark if row.mark.text else Span(" "), Span("+" if row.chosen else " ", "accent"))
        segments = [Segment(shown(span.text), brush.tone(span.tone, base)) for span in before]
        for column, _x, wide in self._placed:
            text, tone = row.cells.get(column.key, Span(""))
            segments.append(Segment(fit(shown(text), wide, column.align), brush.tone(tone, base)))
            segments.append(Segment(" ", base))
        return Strip(segments).adjust_cell_length(width, base).simplify()

    def _title_strip(self, width: int) -> Strip:
        spans: list[Span] = [Span("   ")]
        for column, _x, wide in self._placed:
            order = self.order if self.order and self.order.column == column.key else None
            arrow = (ARROW_DOWN if downwards(column, order) else ARROW_UP) if order else ""
            title = f"{clip(_(column.title), wide - len(arrow))}{arrow}"
            spans += [Span(fit(title, wide, column.align), "accent" if order else "muted"), Span(" ")]
        return strip(self, safe(tuple(spans)), width, "heading")
