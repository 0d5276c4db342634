"""The overview: what is wrong, how the machine is, and every service of every stack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from ..console.findings import Result
from ..console.model import Container as ContainerModel
from ..console.model import Snapshot
from .acts import ContainerActs
from .keys import bindings
from .place import Place, entitle
from .widgets.columns import Column
from .widgets.document import Document
from .widgets.lines import Lines
from .widgets.paint import Line, Span
from .widgets.table import Row, Table
from .widgets.wrap import wrap
from .words import faults, findings, stacks, states, strip

FINDINGS: tuple[Column, ...] = (
    Column("severity", "", 9),
    Column("title", "", 56, most=110),
    Column("subject", "", 14, rank=3, most=24),
    Column("check", "", 22, rank=2, most=28),
)


def finding_rows(results: Iterable[Result]) -> list[Row]:
    """One row for each finding, worst first."""
    return [
        Row(
            key="\n".join(each.key),
            cells={
                "severity": states.verdict_of(each),
                "title": Span(each.title),
                "subject": Span(each.subject, "muted"),
                "check": Span(each.check, "muted"),
            },
        )
        for each in states.findings(tuple(results))
    ]


class Overview(ContainerActs, Place):
    """The first place."""

    PLACE: ClassVar[str] = "overview"
    AUTO_FOCUS = "#stacks"
    BINDINGS = bindings("overview")

    def __init__(self) -> None:
        super().__init__()
        self._order = "name"
        self._words = ""
        self._without_engine = False

    def body(self) -> Iterable[Widget]:
        """Verdict, host strip, stacks, findings."""
        yield Lines((), id="verdict")
        yield Lines((), id="host")
        yield Lines(id="faults")
        yield Container(
            Table(stacks.WITHOUT_GPUS, id="stacks", classes="pane"),
            Container(
                Table(FINDINGS, id="findings", classes="pane", titles=False),
                Document(id="finding", classes="pane"),
                id="side",
            ),
            id="panes",
        )
        yield Input(id="filter", placeholder="show only lines with these words; esc shows all again", compact=True)

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#stacks").border_title = " Stacks "
        self.query_one("#findings").border_title = " Findings "
        self.query_one("#finding").border_title = " Why "

    # Drawing

    def draw(self) -> None:
        """Everything, from the app's Snapshot."""
        snapshot, results = self.console.snapshot, self.console.results
        width = max(20, self.size.width - 2)
        self.query_one("#verdict", Lines).show(wrap([strip.verdict(snapshot, results)], width)[:2])
        if snapshot is None:
            return
        if self._without_engine != (snapshot.engine is None):
            self._without_engine = snapshot.engine is None
            self.refresh_bindings()
        tall = self.has_class("-tall")
        cpu = self.console.spark("", self.desk.feed.cpu_of_host())
        self.query_one("#host", Lines).show(strip.host(snapshot, width, cpu, tall=tall))
        self.query_one("#faults", Lines).show(self._faults(snapshot, width))
        rows = stacks.rows(snapshot, results or (), self._order, self._words, airy=tall)
        empty = faults.empty(snapshot, self._words, offer_demo=self.desk.offer_demo and self._without_engine)
        self.query_one("#stacks", Table).use_columns(stacks.columns(snapshot))
        self.query_one("#stacks", Table).show(rows, empty=empty, order=self._order)
        self._draw_findings()

    def _faults(self, snapshot: Snapshot, width: int) -> list[Line]:
        """What could not be read; where there is no container at all it is told in place of the containers."""
        most = 6 if self.has_class("-tall") else 2
        return wrap(faults.lines(snapshot, most), width)[: most * 2] if snapshot.containers else []

    def _draw_findings(self) -> None:
        results = self.console.results
        table = self.query_one("#findings", Table)
        rows = finding_rows(results or ())
        table.show(rows, empty=[(Span(f"  {self._nothing()}", "muted"),)])
        entitle(table, f" Findings {len(rows)} " if rows else " Findings ")
        selected = self.selected_finding()
        self.query_one("#finding", Document).show(findings.detail(selected) if selected else [])

    def _nothing(self) -> str:
        if self.console.results is None or self.console.snapshot is None:
            return "Looking ..."
        return "Nothing found in what could be read." if self.console.snapshot.faults else "Nothing found."

    @on(Table.Moved, "#stacks")
    def _container_moved(self) -> None:
        self.refresh_bindings()

    @on(Table.Moved, "#findings")
    def _finding_moved(self) -> None:
        selected = self.selected_finding()
        self.query_one("#finding", Document).show(findings.detail(selected) if selected else [], top=True)

    # What is selected

    def selected_finding(self) -> Result | None:
        """The finding under the cursor of the findings pane."""
        key = self.query_one("#findings", Table).cursor
        return next((each for each in self.console.results or () if "\n".join(each.key) == key), None)

    def selected_container(self) -> ContainerModel | None:
        """The container under the cursor of the stacks."""
        return self.console.container(self.query_one("#stacks", Table).cursor)

    def copied(self) -> str | None:
        """The name of the container, or the finding's id and subject."""
        if self.query_one("#findings").has_focus and (finding := self.selected_finding()):
            return f"{finding.check} {finding.subject}"
        container = self.selected_container()
        return container.name if container else None

    # Actions

    @on(Table.Opened, "#stacks")
    def _open_container(self, event: Table.Opened) -> None:
        if self.console.container(event.key) is not None:
            self.console.open_container(str(event.key))
        else:
            self.console.say("This service has no container to go into.")

    @on(Table.Opened, "#findings")
    def _open_finding(self) -> None:
        if (finding := self.selected_finding()) is not None:
            self.console.open_doctor(finding)

    @on(Table.HeadingClicked, "#stacks")
    def _order_by(self, event: Table.HeadingClicked) -> None:
        if event.column in stacks.ORDERS:
            self._set_order(event.column)

    def action_fix(self) -> None:
        """Show the plan of the selected finding; of the row's own one when the stacks have the focus."""
        finding = self._meant()
        if finding is None:
            self.console.say("Nothing to fix: no finding is selected.")
        else:
            self.console.open_plan(finding)

    def _meant(self) -> Result | None:
        container = self.selected_container()
        if self.query_one("#stacks").has_focus and container is not None:
            own = [each for each in states.findings(self.console.results or ()) if stacks.concerns(each, container)]
            if own:
                return own[0]
        return self.selected_finding()

    def action_logs(self) -> None:
        """The logs of the selected container, over the whole screen."""
        if (container := self.selected_container()) is not None:
            self.console.open_container(container.id, logs=True)

    def action_order(self) -> None:
        """Order by the next column."""
        self._step_order(1)

    def action_order_back(self) -> None:
        """Order by the column before."""
        self._step_order(-1)

    def _step_order(self, step: int) -> None:
        """The next column that can be ordered by and that this machine has."""
        snapshot = self.console.snapshot
        had = {column.key for column in stacks.columns(snapshot)} if snapshot else set()
        orders = [order for order in stacks.ORDERS if order in had or order == self._order]
        self._set_order(orders[(orders.index(self._order) + step) % len(orders)])

    def _set_order(self, order: str) -> None:
        self._order = order
        self.draw()

    def action_peek(self) -> None:
        """Show or hide the findings."""
        self.toggle_class("-no-side")

    def action_demo(self) -> None:
        """Leave for the practice stack."""
        self.console.open_demo()

    def action_filter(self) -> None:
        """Ask for words."""
        self.add_class("-filtering")
        self.query_one("#filter", Input).focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self._words = event.value
        self.draw()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        self.set_class(bool(self._words), "-filtering")
        self.query_one("#stacks").focus()

    def back(self) -> None:
        """Esc shows all again."""
        if self.has_class("-filtering"):
            self.query_one("#filter", Input).value = ""
            self.remove_class("-filtering")
            self.query_one("#stacks").focus()
        else:
            super().back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The demo is offered only where it is of use."""
        if action == "demo":
            return self.desk.offer_demo and self._without_engine
        return super().check_action(action, parameters)
