"""The doctor: every check, what it says of whom, with evidence, cause and fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from ...console.model.findings import Result
from ...console.text import N_, _
from ...themes import sheet
from ..place import ListPlace
from ..render import states, strip
from ..widgets.paint import Line, line
from ..widgets.table import Column
from ..widgets.text import Lines


class Doctor(ListPlace):
    """All results, worst first."""

    PLACE: ClassVar[str] = "doctor"
    CSS = sheet("doctor")
    AUTO_FOCUS = "#results"
    TABLE, FULL = "results", "result"
    TITLES = (N_("Checks"), N_("In full"))
    COLUMNS = (
        Column("state", "STATE", 10),
        Column("check", "CHECK", 25, most=26),
        Column("subject", "SUBJECT", 12, rank=1, most=22),
        Column("title", "WHAT IT SAYS", 32, most=90),
    )

    def head(self) -> Iterable[Widget]:
        yield Lines((), id="verdict")

    def draw(self) -> None:
        results = self.console.results
        said = strip.verdict(self.console.snapshot, self.console.judgement, self.size.width - 2)
        self.show_lines("#verdict", [said], 2)
        rows = [states.result_row(each) for each in sorted(results or (), key=states.rank)]
        self.draw_rows(rows, [line((_("  Looking ..."), "muted"))])

    def in_full(self) -> Sequence[Line]:
        selected = self.selected_finding()
        return states.in_full(selected, self.desk.checks.explain(selected.check)) if selected else ()

    def select(self, about: object) -> None:
        if isinstance(about, Result):
            self._wanted = states.key_of(about)
            self.redraw()

    def selected_finding(self) -> Result | None:
        """The result under the cursor."""
        key = self.table.cursor
        return next((each for each in self.console.results or () if states.key_of(each) == key), None)

    def copied(self) -> str | None:
        """Check and subject, as ``stackops fix`` takes them."""
        selected = self.selected_finding()
        return f"{selected.check} {selected.subject}".strip() if selected else None

    def to_fix(self) -> Result | str:
        selected = self.selected_finding()
        if selected is None:
            return self.unselected(self.table)
        if selected.status == "ignored":
            return _("{note}. Take it out of [[ignore]] in the settings to repair it.", note=selected.note)
        return selected if selected.status == "finding" else _("There is nothing to fix in the selected line.")
