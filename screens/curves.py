"""A list with the curves of what is selected: between the list and the selected row in full, where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from ..console.text import _
from .place import ListPlace, entitle
from .render import graphs
from .widgets.text import Lines


class CurvesPlace(ListPlace):
    """Who inherits says which curves there are."""

    ROOM: ClassVar[int]
    """Lines that the selected row in full needs, its frame included."""
    _span: int | None = None
    """Which of the times was chosen; None: the one that suits."""
    _seen = 0

    def between(self) -> Sequence[Widget]:
        past = Lines(id="past", classes="pane")
        entitle(past, _(" Curves "))
        return [past]

    def groups(self) -> Sequence[graphs.CurveGroup]:
        """The curves that there are, in the order of the list."""
        return ()

    def selected_group(self) -> str:
        """Key of the group that the selected row belongs to."""
        return ""

    def draw_full(self, *, top: bool = False) -> None:
        super().draw_full(top=top)
        self._draw_curves()

    def _draw_curves(self) -> None:
        """Several lines high on a tall screen; on a low one the rows need the room."""
        past, snapshot = self.query_one("#past", Lines), self.console.snapshot
        groups = self.groups() if snapshot is not None and self.has_class("-tall") else ()
        if self.has_class("-curved") != bool(groups):
            self.set_class(bool(groups), "-curved")
            self.refresh_bindings()
        if snapshot is None or not groups:
            return
        room = self.query_one("#panes").size.height - len(self.table.rows) - 2 - self.ROOM - 1
        shown, height = graphs.fitted(groups, self.selected_group(), room)
        span = self._seen = graphs.span_of(groups, snapshot.taken_at) if self._span is None else self._span
        past.show(graphs.drawn(shown, snapshot.taken_at, span, max(40, self.size.width - 2), height))

    def action_span(self) -> None:
        """The next longer time; after the longest the shortest."""
        self._span = (self._seen + 1) % len(graphs.SPANS)
        self._draw_curves()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "span":
            return self.has_class("-curved")
        return super().check_action(action, parameters)
