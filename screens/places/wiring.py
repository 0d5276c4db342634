"""The wiring: who is set up to reach whom, and the first step that fails on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual.widget import Widget

from ...console.model import Container, Edge
from ...console.model.findings import Result
from ...themes import sheet
from ..acts import ContainerActs
from ..place import ListPlace
from ..render import states, wiring
from ..widgets.paint import Line
from ..widgets.text import Lines


class WiringScreen(ContainerActs, ListPlace):
    """One row for each arrow, under whoever has the need."""

    PLACE: ClassVar[str] = "wiring"
    CSS = sheet("wiring")
    AUTO_FOCUS = "#arrows"
    TABLE, FULL = "arrows", "arrow"
    TITLES = ("Wiring", "In full")
    COLUMNS = wiring.COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        """Whether arrows were there before: the first time the cursor begins on the first of them."""

    def head(self) -> Iterable[Widget]:
        yield Lines((), id="totals")

    def draw(self) -> None:
        snapshot = self.console.snapshot
        if snapshot is None:
            self.table.show([], empty=wiring.empty(None))
            return
        ours = tuple(each for each in snapshot.faults if each.source in ("wiring", "engine"))
        faults = states.fault_lines(replace(snapshot, faults=ours), 2)
        self.show_lines("#totals", [*filter(None, [wiring.totals(snapshot)]), *faults], 4)
        rows = wiring.rows(snapshot)
        self.table.use_columns(wiring.width_of(rows))
        if not self._begun and (first := next((row.key for row in rows if row.heading is None), None)):
            self._begun, self._wanted = True, self._wanted or first
        self.draw_rows(rows, wiring.empty(snapshot))
        self.count(len(snapshot.edges))

    def in_full(self) -> Sequence[Line]:
        snapshot, edge = self.console.snapshot, self.selected_edge()
        if snapshot is None or edge is None:
            return ()
        return wiring.document(edge, snapshot, self._finding(edge))

    def _finding(self, edge: Edge) -> Result | None:
        return wiring.finding(edge, self.console.results or (), self.console.judgement)

    # What is selected

    def selected_edge(self) -> Edge | None:
        """The arrow under the cursor; of a heading the first below it."""
        key, snapshot = self.table.cursor or "", self.console.snapshot
        known = snapshot.edges if snapshot else ()
        if key.startswith(wiring.SOURCE):
            own = [edge for edge in known if edge.source == key.removeprefix(wiring.SOURCE)]
            return next((edge for edge in own if edge.broken is not None), own[0] if own else None)
        return next((edge for edge in known if edge.key == key), None)

    def selected_container(self) -> Container | None:
        """Whoever is meant at the end of the arrow, else whoever asks; of a heading whoever asks."""
        edge = self.selected_edge()
        if edge is None:
            return None
        asks = (self.table.cursor or "").startswith(wiring.SOURCE) or edge.target is None
        return self.console.container(edge.source if asks else edge.target)

    def nobody(self) -> str:
        return self.unselected(self.table)

    def opened(self, key: str | None) -> None:
        """Enter goes to the container."""
        container = self.selected_container()
        if container is not None:
            self.console.open("container", container.id)
        else:
            super().opened(key)

    def to_fix(self) -> Result | str:
        edge = self.selected_edge()
        if edge is None:
            return self.unselected(self.table)
        return self._finding(edge) or "Nothing to fix: no finding is about this arrow."

    def copied(self) -> str | None:
        """The address."""
        edge = self.selected_edge()
        return edge.effective if edge else None
