"""A log in which lines are chosen: to unfold, mark and copy them, and to go from one that counts to the next."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from ...console.text import _, n_
from ..render.log_lines import Beside, LogEntry, Style, seconds
from .log_view import LogView
from .paint import Span

STEP = 20  # letters by which lines that are not broken move to the side


class ChoosingLog(LogView):
    """A log with a selected line. While there is one the view stands still; without one it follows the end."""

    class Moved(Message):
        """Another line is selected, or the end came into sight or went."""

    class AtTop(Message):
        """The oldest line is in sight, and what is older is wanted."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor: int | None = None
        """Number of the selected line."""
        self.marks: set[int] = set()
        self.log_style = Style(gutter=True)

    def replace(self, texts: Sequence[str | LogEntry]) -> None:
        self.cursor = None
        self.marks.clear()
        super().replace(texts)

    def tick(self) -> None:
        """Some time has passed: ages are painted again, at the same width."""
        self.log_style = self.log_style._replace(now=time.time())
        self._broken.clear()
        self.refresh()

    def prove(self, proofs: Mapping[tuple[int, float | str], str]) -> None:
        """Say beside these lines, by source and time or words, what they prove."""
        if proofs != self.proofs:
            self.proofs = proofs
            self._forget()
            self._settle()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return True

    @property
    def filled(self) -> bool:
        """Whether there are as many rows as are in sight."""
        return self._heights.start(len(self.kept.shown)) >= self.size.height

    def around(self, number: int) -> Beside:
        around = super().around(number)
        return around._replace(selected=number == self.cursor, mark=number in self.marks)

    @property
    def _cells(self) -> int:
        return self.outer_size.width

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as they are: this view has neither border nor padding, for which Textual makes each row anew."""
        background, filters, strips = self.background_colors[1], self.get_line_filters(), list[Strip]()
        for y in crop.line_range:
            row = self.render_line(y)
            for each in filters:
                row = row.apply_filter(each, background)
            strips.append(row if crop.column_span == (0, row.cell_length) else row.crop(*crop.column_span))
        return strips

    def state(self, *, paused: bool) -> list[Span]:
        """Whether lines come, how many there are and how they are shown."""
        clocks = {"off": _("no time"), "relative": _("age"), "local": _("local time")}
        clock = clocks.get(self.log_style.clock, _("{clock} time", clock=self.log_style.clock))
        count = len(self.kept.texts)
        told = [
            n_("{count:,} line", "{count:,} lines", count),
            _("errors {count:,}", count=len(self.kept.errors)),
            clock,
        ]
        told.append(_("lines broken") if self.wraps else _("lines cut"))
        live = Span(_("live") if self.follows else _("live, not followed"))
        state = Span(_("paused, f goes on"), "warning") if paused else live
        return [Span(" "), state, *(Span(f" · {each}", "muted") for each in told), Span(" ")]

    def _forget_dropped(self) -> None:
        super()._forget_dropped()
        if self.cursor is not None and self.cursor < self.kept.first:
            self.cursor = None
        self.marks = {number for number in self.marks if number >= self.kept.first}

    # Going from one that counts to the next

    def _go_round(self, numbers: Sequence[int], *, backwards: bool) -> tuple[int, int]:
        if not numbers:
            return 0, 0
        if self.cursor is None:
            which = -1
        else:
            which = bisect_left(numbers, self.cursor) - 1 if backwards else bisect_right(numbers, self.cursor)
        which %= len(numbers)
        self.go_to(numbers[which])
        return which + 1, len(numbers)

    def next_error(self, *, backwards: bool) -> tuple[int, int]:
        """Go to a line that tells an error, among those that are shown: which it is, of how many."""
        hidden = bool(self.words) and self.kept.context is not None
        errors = sorted({*self.kept.errors} & {*self.kept.shown}) if hidden else self.kept.errors
        return self._go_round(errors, backwards=backwards)

    def next_mark(self) -> tuple[int, int]:
        """The same for lines that were marked."""
        return self._go_round(sorted(self.marks & {*self.kept.shown}), backwards=False)

    def go_to(self, number: int) -> None:
        """Select a line, and put it a third of the way down."""
        self._select(number)
        super().go_to(number)

    def seek(self, at: float) -> bool:
        """Go to the first line from this time on, Unix seconds. False: the oldest line is younger."""
        for number in self.kept.shown:
            when = seconds(stamp) if (stamp := self.kept.entry(number).stamp) else None
            if when is not None and when >= at:
                self.go_to(number)
                return number != self.kept.shown[0]
        self.action_bottom()
        return True

    # Choosing

    def _select(self, number: int | None) -> None:
        before, self.cursor = self.cursor, number
        for each in {before, number} - {None}:
            self._touch(each or 0)
        self.refresh()
        self.post_message(self.Moved())

    def chosen(self) -> list[int]:
        """The lines that are marked, else the selected one, else all in sight."""
        if marked := sorted(self.marks & {*self.kept.shown}):
            return marked
        return [self.cursor] if self.cursor is not None else self.in_sight()

    def toggle_mark(self) -> None:
        """Mark the selected line, or take its mark away."""
        if self.cursor is None:
            self._select_last()
        if self.cursor is not None:
            self.marks ^= {self.cursor}
            self._select(self.cursor)

    def action_open(self) -> None:
        """Unfold the selected line, or fold it again."""
        if self.cursor is None:
            self._select_last()
        if self.cursor is not None:
            head = self.kept.head(self.cursor)
            self._open(head)
            self._select(head)
            self._reveal(self._index(head))

    def _select_last(self) -> None:
        """Select the last line in sight."""
        if seen := self.in_sight():
            self.follows = False
            self._select(seen[-1])

    def in_sight(self) -> list[int]:
        """Numbers of the lines that can be seen now."""
        if not self._ready:
            return []
        first = self._heights.at(self.scroll_offset.y)[0]
        last = min(self.scroll_offset.y + self.size.height, self._heights.start(len(self.kept.shown))) - 1
        return self.kept.shown[first : self._heights.at(last)[0] + 1]

    # Moving

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if self._settling:
            return
        super().watch_scroll_y(old_value, new_value)
        if self.follows:
            self.action_bottom()
        else:
            self.post_message(self.Moved())
            if self.scroll_offset.y == 0 and new_value < old_value:
                self.post_message(self.AtTop())

    def action_up(self) -> None:
        self._step(-1)

    def action_down(self) -> None:
        self._step(1)

    def action_top(self) -> None:
        if self._ready:
            self.follows = False
            self._select(self.kept.shown[0])
            self._hold(0, 0)
            self.post_message(self.AtTop())

    def action_bottom(self) -> None:
        """Follow the end again."""
        self._select(None)
        super().action_bottom()

    def action_page_up(self) -> None:
        if self.scroll_offset.y == 0:
            self.action_top()
            return
        super().action_page_up()
        self._take_along()

    def action_page_down(self) -> None:
        super().action_page_down()
        self._take_along()

    def _take_along(self) -> None:
        """Keep the selected line in sight."""
        if not self.follows and (seen := self.in_sight()):
            at = seen[0] if self.cursor is None else self.cursor
            self._select(min(max(at, seen[0]), seen[-1]))

    def _step(self, by: int) -> None:
        """The line above or below; rows of a line that is higher than the view are moved over first."""
        if not self._ready:
            return
        if self.cursor is None:
            if by < 0:
                self._select_last()
            return
        index = self._index(self.cursor)
        start, top, page = self._heights.start(index), self.scroll_offset.y, self.size.height
        end = start + self._rows(index)
        if (by > 0 and start <= top + page < end) or (by < 0 and start < top < end):
            self.scroll_relative(y=by, animate=False, immediate=True)
        elif by > 0 and index + 1 >= len(self.kept.shown):
            self.action_bottom()
        elif by < 0 and index == 0:
            self.post_message(self.AtTop())
        else:
            self._select(self.kept.shown[index + by])
            self._reveal(index + by)

    def _reveal(self, index: int) -> None:
        """Bring a line into sight."""
        self.follows = False
        start, rows, top, page = self._heights.start(index), self._rows(index), self.scroll_offset.y, self.size.height
        if start < top or rows >= page:
            self._hold(index, 0)
        elif start + rows > top + page:
            above, found = self._filled(index + 1, page)
            self._hold(above, max(0, found - page))

    def on_click(self, event: events.Click) -> None:
        """Select the line under the mouse."""
        row = event.y + self.scroll_offset.y
        if self._ready and 0 <= row < self._heights.start(len(self.kept.shown)):
            self.follows = False
            self._select(self.kept.shown[self._heights.at(row)[0]])

    def action_left(self) -> None:
        """Lines that are broken at the width have nothing to the left."""
        self._move_aside(-STEP)

    def action_right(self) -> None:
        """Lines that are broken at the width have nothing to the right."""
        self._move_aside(STEP)

    def _move_aside(self, letters: int) -> None:
        if not self.wraps and self._shift + letters >= 0:
            self._shift += letters
            self._broken.clear()
            self.refresh()
