"""A scrolled text of painted lines, broken at the width: details, diffs, explanations, help."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..keys import bindings
from .paint import BLANK, Line, strip
from .wrap import wrap


class Document(ScrollView, can_focus=True):
    """Lines that are read, not chosen."""

    BINDINGS = bindings("list")
    DEFAULT_CSS = (
        "Document { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable; padding: 0 0 0 1; }"
    )

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._source: tuple[Line, ...] = ()
        self._wrapped: list[Line] = []

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown, before it is broken."""
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
        """Break at the new width."""
        self._break(force=True)

    def render_line(self, y: int) -> Strip:
        """One line as cells."""
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        return strip(self, self._wrapped[index] if index < len(self._wrapped) else BLANK, width)

    def action_up(self) -> None:
        """One line up."""
        self.scroll_relative(y=-1, animate=False, immediate=True)

    def action_down(self) -> None:
        """One line down."""
        self.scroll_relative(y=1, animate=False, immediate=True)

    def action_top(self) -> None:
        """To the first line."""
        self.scroll_to(y=0, animate=False, immediate=True)

    def action_bottom(self) -> None:
        """To the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def action_page_up(self) -> None:
        """One page up."""
        self.scroll_relative(y=1 - self.size.height, animate=False, immediate=True)

    def action_page_down(self) -> None:
        """One page down."""
        self.scroll_relative(y=self.size.height - 1, animate=False, immediate=True)

    def action_left(self) -> None:
        """Lines are broken at the width: nothing stands to the left."""

    def action_right(self) -> None:
        """Lines are broken at the width: nothing stands to the right."""

    def action_open(self) -> None:
        """A text has nothing to go into."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Reading offers no opening."""
        return action != "open"
