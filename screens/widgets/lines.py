"""A fixed block of painted lines: header, verdict, host strip, dialog text. Redraws only the cells that changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from ...console.text import cells
from .paint import BLANK, COMPONENTS, Ground, Line, strip


def changed_cells(old: Line, new: Line) -> tuple[int, int] | None:
    """From which cell to which two lines differ; None when they do not."""
    if old == new:
        return None
    before = [(letter, tone) for text, tone in old for letter in text]
    after = [(letter, tone) for text, tone in new for letter in text]
    same = 0
    for left, right in zip(before, after, strict=False):
        if left != right:
            break
        same += 1
    end = max(cells("".join(letter for letter, _ in each)) for each in (before, after))
    return cells("".join(letter for letter, _ in before[:same])), end


class Lines(Widget):
    """As high as the lines it was given."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    def __init__(
        self,
        *lines: Line,
        ground: Ground = "none",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = lines
        self._ground: Ground = ground

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown now."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show these instead; nothing is drawn where nothing changed."""
        old, self._lines = self._lines, tuple(lines)
        if len(old) != len(self._lines):
            self.refresh(layout=True)
            return
        for y, (before, after) in enumerate(zip_longest(old, self._lines, fillvalue=BLANK)):
            if (span := changed_cells(before, after)) is not None:
                self.refresh(Region(span[0], y, max(1, span[1] - span[0]), 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One cell a line."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """One line as cells."""
        return strip(self, self._lines[y] if y < len(self._lines) else BLANK, self.content_size.width, self._ground)
