"""A fixed block of painted lines: header, verdict, host strip, dialog text. Redraws only the cells that changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from ...console.text import cells
from .paint import BLANK, Ground, Line, strip


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
    """How many letters are the same, from the first on."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


class Lines(Widget):
    """As high as the lines it was given."""

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
        self._measured: int | None = None
        """Lines it was last laid out for: a screen resized while hidden lays out once, before its new lines come."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown now."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show these instead; nothing is drawn where nothing changed."""
        old, self._lines = self._lines, tuple(lines)
        if len(old) != len(self._lines) or self._measured not in (None, len(self._lines)):
            self.refresh(layout=True)
            return
        for y, (before, after) in enumerate(zip_longest(old, self._lines, fillvalue=BLANK)):
            if (span := changed_cells(before, after)) is not None:
                self.refresh(Region(span[0], y, max(1, span[1] - span[0]), 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One cell a line."""
        self._measured = len(self._lines)
        return self._measured

    def render_line(self, y: int) -> Strip:
        """One line as cells."""
        return strip(self, self._lines[y] if y < len(self._lines) else BLANK, self.content_size.width, self._ground)
