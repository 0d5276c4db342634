"""The doctor: every check, what it says of whom, with evidence, cause and fix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Container
from textual.widget import Widget

from ..console.findings import Result
from ..themes import sheet
from .keys import bindings
from .place import Place
from .widgets.columns import Column
from .widgets.document import Document
from .widgets.lines import Lines
from .widgets.paint import Span, line
from .widgets.table import Row, Table
from .widgets.wrap import wrap
from .words import findings, states, strip

COLUMNS: tuple[Column, ...] = (
    Column("state", "STATE", 10),
    Column("check", "CHECK", 25, most=26),
    Column("subject", "SUBJECT", 12, rank=1, most=22),
    Column("title", "WHAT IT SAYS", 32, most=90),
)


def key_of(result: Result) -> str:
    """What identifies a result over time."""
    return "\n".join(result.key)


class Doctor(Place):
    """All results, worst first."""

    PLACE: ClassVar[str] = "doctor"
    CSS = sheet("doctor")
    SCOPED_CSS = False
    AUTO_FOCUS = "#results"
    BINDINGS = bindings("doctor")

    def __init__(self) -> None:
        super().__init__()
        self._wanted: str | None = None

    def body(self) -> Iterable[Widget]:
        """Verdict, results, the selected one in full."""
        yield Lines((), id="verdict")
        yield Container(Table(COLUMNS, id="results", classes="pane"), Document(id="result", classes="pane"), id="panes")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#results").border_title = " Checks "
        self.query_one("#result").border_title = " In full "

    def draw(self) -> None:
        """Everything, from the app's results."""
        snapshot, results = self.console.snapshot, self.console.results
        self.query_one("#verdict", Lines).show(
            wrap([strip.verdict(snapshot, results)], max(20, self.size.width - 2))[:2]
        )
        table = self.query_one("#results", Table)
        table.show(
            [_row(each) for each in sorted(results or (), key=states.rank)], empty=[line(("  Looking ...", "muted"))]
        )
        if self._wanted is not None and self._wanted in table.keys:
            table.select(self._wanted)
            self._wanted = None
        self._draw_selected()

    def _draw_selected(self, *, top: bool = False) -> None:
        selected = self.selected_finding()
        lines = findings.detail(selected, self.desk.checks.explain(selected.check)) if selected else []
        self.query_one("#result", Document).show(lines, top=top)

    def select(self, result: Result) -> None:
        """Put the cursor on this result as soon as it is there."""
        self._wanted = key_of(result)
        self.redraw()

    def selected_finding(self) -> Result | None:
        """The result under the cursor."""
        key = self.query_one("#results", Table).cursor
        return next((each for each in self.console.results or () if key_of(each) == key), None)

    def copied(self) -> str | None:
        """Check and subject, as ``stackops fix`` takes them."""
        selected = self.selected_finding()
        return f"{selected.check} {selected.subject}".strip() if selected else None

    @on(Table.Moved, "#results")
    def _moved(self) -> None:
        self._draw_selected(top=True)

    @on(Table.Opened, "#results")
    def _opened(self) -> None:
        self.query_one("#result").focus()

    def action_fix(self) -> None:
        """Show the plan of the selected finding."""
        selected = self.selected_finding()
        if selected is None or selected.status != "finding":
            self.console.say("There is nothing to fix in the selected line.")
        else:
            self.console.open_plan(selected)


def _row(result: Result) -> Row:
    return Row(
        key=key_of(result),
        cells={
            "state": states.verdict_of(result),
            "check": Span(result.check, "plain" if result.status == "finding" else "muted"),
            "subject": Span(result.subject, "muted"),
            "title": Span(result.title, "plain" if result.status == "finding" else "muted"),
        },
    )
