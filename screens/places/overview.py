"""The overview: what is wrong, how the machine is, and every service of every stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.containers import Container
from textual.widget import Widget

from ...console.model import Container as ContainerModel
from ...console.model import Snapshot
from ...console.model.findings import Result
from ...console.text.traces import caught
from ..acts import ContainerActs
from ..place import FilterInput, entitle
from ..render import details, stacks, states, strip
from ..render.timeline import Night
from ..widgets import paint
from ..widgets.paint import Line, Span, line
from ..widgets.table import Column, Table
from ..widgets.text import Document, Lines, wrap

FINDINGS: tuple[Column, ...] = (
    Column("state", "", 9),
    Column("title", "", 56, most=110),
    Column("subject", "", 14, rank=3, most=24),
    Column("check", "", 22, rank=2, most=28),
)
WELCOMED = "welcomed"
"""Name under which is kept that the welcome was read."""
WELCOME: tuple[Line, ...] = (
    line((" Welcome. ", "strong"), (paint.BAD, "error"), " needs you now, ", (paint.WARN, "warning"),
         f" will need you, {paint.OK} runs, {paint.OFF} stopped, {paint.ASK} not known."),
    line(" ", ("F", "key"), " shows what a repair would change, ", ("A", "key"), " does it, ", ("U", "key"),
         " takes it back."),
    line(" ", ("enter", "key"), " goes in, ", ("esc", "key"), " back, ", ("/", "key"), " finds, ", (":", "key"),
         " does all by name, ", ("?", "key"), " lists the keys."),
    line(" ", ("x", "key"), " closes these lines for ever."),
)  # fmt: skip


class Overview(ContainerActs):
    """The first place."""

    PLACE: ClassVar[str] = "overview"
    AUTO_FOCUS = "#stacks"

    def __init__(self) -> None:
        super().__init__()
        self._view = stacks.StackView()
        self._without_engine = False
        self._night = Night()
        self._seen = False
        """Whether containers have been there: native services are known earlier and stand below them."""

    def body(self) -> Iterable[Widget]:
        yield Lines((), id="verdict")
        yield Lines((), id="host")
        yield Lines(id="faults")
        yield Lines(id="welcome")
        yield Container(
            Table(stacks.WITHOUT_GPUS, id="stacks", classes="pane", by="name"),
            Container(
                Table(FINDINGS, id="findings", classes="pane", titles=False),
                Document(id="finding", classes="pane"),
                Document(id="peek", classes="pane"),
                id="side",
            ),
            id="panes",
        )
        yield FilterInput()

    def on_mount(self) -> None:
        self.query_one("#stacks").border_title = " Stacks "
        self.query_one("#findings").border_title = " Findings "
        self.query_one("#finding").border_title = " Why "
        if self.desk.memory.lasts and not self.desk.memory.get(WELCOMED):
            self.query_one("#welcome", Lines).show(WELCOME)
            self.add_class("-welcoming", update=False)  # all is styled when the screen is shown, next

    # Drawing

    def draw(self) -> None:
        snapshot, results = self.console.snapshot, self.console.results
        width = max(20, self.size.width - 2)
        self.show_lines("#verdict", [strip.verdict(snapshot, self.console.judgement, width)], 2)
        if snapshot is None:
            return
        if self._without_engine != (snapshot.engine is None):
            self._without_engine = snapshot.engine is None
            self.refresh_bindings()
        tall = self.has_class("-tall")
        cpu = self.console.spark("host")
        self.query_one("#host", Lines).show(strip.host(snapshot, width, cpu, tall=tall))
        self.query_one("#faults", Lines).show(self._faults(snapshot, width))
        table = self.query_one("#stacks", Table)
        self._view = replace(self._view, opened=self._view.opened | self._stack_of(snapshot, table.cursor))
        room = max(0, table.size.height - 1)
        rows = stacks.rows(snapshot, results or (), self._view, self.console.judgement, airy=tall, room=room)
        empty = states.no_service(snapshot, offer_demo=self.desk.offer_demo and self._without_engine)
        table.use_columns(stacks.columns(snapshot))
        table.show(rows, empty=empty)
        if snapshot.containers and not self._seen:
            self._seen = True
            table.action_top()
        if self.console.keys.untouched:
            self._begin_at_the_trouble(snapshot)
        self._draw_findings()

    @staticmethod
    def _stack_of(snapshot: Snapshot, key: str | None) -> frozenset[str]:
        """The stack of the selected container: it does not fold under the cursor, nor once the cursor has moved on."""
        return frozenset(each.project for each in snapshot.containers if each.id == key and each.project)

    def _begin_at_the_trouble(self, snapshot: Snapshot) -> None:
        """Until somebody touches it, the selected row is what the verdict says first: a container, or a finding."""
        first = next(iter(self.console.judgement.troubles), None) if self.console.judgement else None
        if first is None:
            return
        table = self.query_one("#stacks", Table)
        ill = next((c.id for c in snapshot.containers if stacks.concerns(first.result, c)), None)
        if ill is None:
            table = self.query_one("#findings", Table)
        if self.focused is not table or (ill or table.cursor) != table.cursor:
            table.focus()
            if ill is not None:
                table.select(ill)
            self.console.keys.renew()

    def _faults(self, snapshot: Snapshot, width: int) -> Sequence[Line]:
        """What happened while nobody looked, and what could not be read; without containers the latter stands below."""
        most = 6 if self.has_class("-tall") else 2
        if not snapshot.containers:
            return []
        missed = self._night.lines(snapshot, self.console.last_here)[: 1 if width >= 60 else 0]
        return [*wrap(missed, width)[:1], *wrap(states.fault_lines(snapshot, most), width)[: most * 2]]

    def _draw_findings(self) -> None:
        table = self.query_one("#findings", Table)
        told = self.console.judgement
        rows = [states.result_row(each.result, "muted") for each in (told.troubles if told else ())]
        table.show(rows, empty=[(Span(f"  {self._nothing()}", "muted"),)])
        entitle(table, f" Findings {len(rows)} " if rows else " Findings ")
        selected = self.selected_finding()
        self.query_one("#finding", Document).show(states.in_full(selected) if selected else [])
        self._draw_peek()

    def _draw_peek(self, *, top: bool = False) -> None:
        """The selected row in full, where somebody peeks."""
        snapshot, container = self.console.snapshot, self.selected_container()
        if not self.has_class("-peeking") or snapshot is None:
            return
        finding, stack = self.selected_finding(), self.selected_stack()
        results = self.console.results or ()
        if self.focused is self.query_one("#findings"):
            said = states.in_full(finding) if finding else []
        elif container is not None:
            said = details.document(container, snapshot, results)
        else:
            said = stacks.told(snapshot, stack, self.console.judgement) if stack else [line((self.nobody(), "muted"))]
        peek = self.query_one("#peek", Document)
        entitle(peek, " In full   space closes ")
        peek.show(said, top=top)

    def _nothing(self) -> str:
        if self.console.results is None or self.console.snapshot is None:
            return "Looking ..."
        return "Nothing found in what could be read." if self.console.snapshot.faults else "Nothing found."

    @on(Table.Moved, "#stacks")
    def _container_moved(self) -> None:
        self.refresh_bindings()
        self._draw_peek(top=True)

    @on(events.DescendantFocus)
    def _pane_changed(self) -> None:
        self._draw_peek(top=True)

    @on(Table.Moved, "#findings")
    def _finding_moved(self) -> None:
        self.refresh_bindings()
        selected = self.selected_finding()
        self.query_one("#finding", Document).show(states.in_full(selected) if selected else [], top=True)
        self._draw_peek(top=True)

    # What is selected

    def selected_finding(self) -> Result | None:
        """The finding under the cursor of the findings pane."""
        key = self.query_one("#findings", Table).cursor
        return next((each for each in self.console.results or () if states.key_of(each) == key), None)

    def selected_container(self) -> ContainerModel | None:
        """The container under the cursor of the stacks, while they have the focus."""
        table = self.query_one("#stacks", Table)
        return self.console.container(table.cursor) if self.focused is table else None

    def selected_stack(self) -> str | None:
        """The stack whose own row is under the cursor, while the stacks have the focus."""
        table = self.query_one("#stacks", Table)
        key = (table.cursor or "") if self.focused is table else ""
        return key.removeprefix(stacks.STACK) if key.startswith(stacks.STACK) else None

    def nobody(self) -> str:
        table = self.query_one("#stacks", Table)
        if self.focused is not table:
            return "No container is selected in this pane. Tab leads to the stacks."
        return self.unselected(table) if table.cursor is None else "The selected service has no container."

    def copied(self) -> str | None:
        if self.focused is self.query_one("#stacks"):
            container = self.selected_container()
            return container.name if container else self.selected_stack()
        finding = self.selected_finding()
        return f"{finding.check} {finding.subject}" if finding else None

    @on(events.DescendantFocus, "#finding")
    def _reading(self) -> None:
        self.query_one("#findings", Table).hold()

    # Actions

    @on(Table.Opened, "#stacks")
    def _open_container(self, event: Table.Opened) -> None:
        if (stack := self.selected_stack()) is not None:
            self._fold(stack)
        elif self.console.container(event.key) is not None:
            self.console.open("container", str(event.key))
        else:
            self.console.say("This service has no container to go into.")

    @on(Table.Opened, "#findings")
    def _open_finding(self) -> None:
        if (finding := self.selected_finding()) is not None:
            self.console.go("doctor", finding)

    def _fold(self, stack: str) -> None:
        """Fold an open stack, open a folded one, whoever folded it."""
        rows = self.query_one("#stacks", Table).rows
        at = next(number for number, row in enumerate(rows) if row.key == f"{stacks.STACK}{stack}")
        opens = at + 1 == len(rows) or rows[at + 1].heading is not None
        folded, opened = self._view.folded - {stack}, self._view.opened - {stack}
        self._look_at(folded=folded if opens else folded | {stack}, opened=opened | {stack} if opens else opened)

    def to_fix(self) -> Result | str:
        """The finding that is selected, or of those about the selected container the one that counts first."""
        if self.focused is self.query_one("#stacks"):
            container, stack = self.selected_container(), self.selected_stack()
            if container is None and stack is None:
                return self.nobody()
            everybody = self.console.snapshot.containers if self.console.snapshot else ()
            meant = [container] if container else [each for each in everybody if each.project == stack]
            told = self.console.judgement.troubles if self.console.judgement else ()
            found = (*(each.result for each in told), *states.findings(self.console.results or ()))
            own = next((each for each in found if any(stacks.concerns(each, one) for one in meant)), None)
            return own or f"Nothing to fix in {container.name if container else stack}: no finding is about it."
        if self.focused is None:
            return "Nothing to fix: no pane has the focus."
        return self.selected_finding() or f"Nothing to fix. {self.unselected(self.query_one('#findings', Table))}"

    def _look_at(self, **changes: Any) -> None:  # noqa: ANN401 - fields of StackView
        self._view = replace(self._view, **changes)
        self.draw()

    def action_flat(self) -> None:
        """One list, or the stacks with their services."""
        self._look_at(flat=not self._view.flat)

    def action_peek(self) -> None:
        """The selected row in full beside the list, until the same key or esc."""
        self.toggle_class("-peeking")
        self._draw_peek(top=True)

    def action_welcome(self) -> None:
        """Close the welcome for ever; where nothing can be kept, for as long as the console is open."""
        self.remove_class("-welcoming")
        self.refresh_bindings()
        try:
            self.desk.memory.keep(WELCOMED, "yes")
        except OSError as error:
            caught("remembering that the welcome was read", error)

    def select(self, about: object) -> None:
        """Put the cursor on this row of the stacks."""
        if isinstance(about, str):
            table = self.query_one("#stacks", Table)
            table.focus()
            table.select(about)

    def action_side(self) -> None:
        self.toggle_class("-no-side")

    def action_demo(self) -> None:
        self.console.leave_for_demo()

    def look_for(self, table: Table, words: str) -> None:
        if table.id == "stacks":
            self._look_at(words=words)
        super().look_for(table, words)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "welcome":
            return self.has_class("-welcoming")
        if action == "demo":
            return self.desk.offer_demo and self._without_engine
        return super().check_action(action, parameters)
