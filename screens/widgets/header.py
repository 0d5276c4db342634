"""The first line: where one is, which machine, and whether it may be changed."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events

from ...console.text import cells
from .lines import Lines
from .paint import Line, Span

PLACES = (
    ("1", "overview", "Overview"), ("2", "doctor", "Doctor"), ("3", "journal", "Journal"), ("4", "gpus", "GPUs"),
    ("5", "servers", "Servers"),
)  # fmt: skip


class Header(Lines):
    """One line of places on the left and the machine on the right."""

    def __init__(self) -> None:
        super().__init__((), ground="bar")
        self._hits: list[tuple[int, int, str]] = []

    def tell(self, here: str, machine: str, *, read_only: bool, problems: int) -> None:
        """Draw it for this place and machine."""
        width = self.size.width or self.app.size.width
        right = [Span(f"{machine} ", "muted")]
        if read_only:
            right.append(Span(" READ-ONLY ", "badge"))
        left = self._left(here, problems, short=False)
        if self._taken((*left, *right)) > width:
            left = self._left(here, problems, short=True)
        self.show([self._spread(left, right, width)])

    def _left(self, here: str, problems: int, *, short: bool) -> list[Span]:
        """The places; ``short`` names only the one where one is and the one that counts, the others are their keys."""
        left: list[Span] = [Span(" stackops ", "badge"), Span(" ")]
        self._hits = []
        for key, place, title in PLACES:
            start = self._taken(left)
            count = f" {problems}" if place == "doctor" and problems else ""
            named = not short or place == here or count
            left += self._place(key, title if named else "", count, here=place == here)
            self._hits.append((start, self._taken(left), place))
        if here not in {place for _, place, _ in PLACES}:
            left.append(Span(f" › {here} ", "accent"))
        return left

    @staticmethod
    def _taken(spans: Iterable[Span]) -> int:
        return sum(cells(span.text) for span in spans)

    @staticmethod
    def _place(key: str, title: str, count: str, *, here: bool) -> list[Span]:
        parts = [Span(f" {key} ", "key"), Span(title, "place" if here else "muted")]
        if count:
            parts.append(Span(count, "error"))
        return [*parts, Span(" ")]

    @staticmethod
    def _spread(left: list[Span], right: list[Span], width: int) -> Line:
        taken = sum(cells(span.text) for span in (*left, *right))
        while taken > width and len(right) > 1:
            taken -= cells(right.pop(0).text)
        return (*left, Span(" " * max(1, width - taken)), *right)

    def on_click(self, event: events.Click) -> None:
        """Go to the place under the pointer."""
        for start, end, place in self._hits:
            if start <= event.x < end:
                self.app.call_later(self.app.run_action, f"app.{place}")
