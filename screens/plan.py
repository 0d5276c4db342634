"""The plan of a fix or an undo: what it would do, consent, its run step by step, the proof, the result."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input

from ..console.findings import Result
from ..console.fixing import Outcome, PreparedPlan
from ..console.plan import Plan, Question
from ..console.records import Entry
from ..console.running import Progress
from ..themes import sheet
from .dialogs import Choose, Confirm, choice
from .fixwork import Ended, FixWork, Moved, Prepared
from .keys import bindings
from .place import Place
from .widgets.document import Document
from .widgets.lines import Lines
from .widgets.paint import Line, line
from .widgets.wrap import wrap
from .words import plans


class PlanScreen(Place):
    """One plan. Made for a finding, for an entry to undo, or for an interrupted entry."""

    PLACE: ClassVar[str] = "plan"
    CSS = sheet("buttons", "plan")
    SCOPED_CSS = False
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan"), *bindings("list")]

    def __init__(
        self, *, finding: Result | None = None, undo: Entry | None = None, interrupted: tuple[Entry, str] | None = None
    ) -> None:
        super().__init__()
        self._finding = finding
        self._undo = undo
        self._interrupted = interrupted
        self._plan: Plan | None = None
        self._exact: PreparedPlan | None = None
        self._answers: dict[str, str] = {}
        self._progress: dict[int, Progress] = {}
        self._latest: Progress | None = None
        self._since = 0.0
        self.outcome: Outcome | None = None
        self.work: FixWork | None = None

    def body(self) -> Iterable[Widget]:
        """Title, questions, the plan, status, choices."""
        yield Lines((), (), id="title")
        yield Vertical(id="questions")
        yield Document(id="plan", classes="pane")
        yield Lines(id="status")
        yield Horizontal(choice("Cancel", "cancel"), choice("Apply", "apply", danger=True), classes="choices")

    def here(self) -> str:
        """What the header calls it."""
        return "undo" if self._undo else "plan"

    def on_mount(self) -> None:
        """Start preparing, or finishing."""
        self.query_one("#plan").border_title = " What will happen "
        self.query_one("#apply", Button).disabled = True
        self.work = self.console.fix_work(self._check(), self._subject(), self)
        if self.work is None:
            self._say([line(("Nothing can be fixed: no state folder can be written for the journal.", "warning"))])
        elif self._interrupted is not None:
            self._run_interrupted(self.work, *self._interrupted)
        elif self._undo is not None:
            self.work.prepare_undo(self._undo)
        else:
            self._prepare()

    def _check(self) -> str:
        entry = self._entry()
        return self._finding.check if self._finding else entry.intent.check if entry else ""

    def _subject(self) -> str:
        entry = self._entry()
        return self._finding.subject if self._finding else entry.intent.subject if entry else ""

    def _entry(self) -> Entry | None:
        return self._undo or (self._interrupted[0] if self._interrupted else None)

    # Preparing

    def _prepare(self) -> None:
        snapshot = self.console.snapshot
        if self.work is not None and self._finding is not None and snapshot is not None:
            self._say([line(("Preparing: reading what would change ...", "muted"))])
            self.query_one("#apply", Button).disabled = True
            self.work.prepare(self._finding, snapshot, dict(self._answers))

    @on(Prepared)
    async def _prepared(self, message: Prepared) -> None:
        self._plan, self._exact = message.plan or self._plan, message.prepared
        if self._plan is not None:
            self._title(plans.title(self._plan, "undo" if self._undo else "fix"))
            await self._ask(self._plan.questions)
        if message.trouble is not None:
            remedy = [line(("Next: ", "accent"), message.trouble.remedy)] if message.trouble.remedy else []
            self.query_one("#plan", Document).show(
                [line(("It cannot be done: ", "warning"), str(message.trouble)), *remedy]
            )
            self._say([])
        elif self._exact is None:
            self.query_one("#plan", Document).show(
                plans.manual(self._plan) if self._plan else [line("This check has no fix.")]
            )
            self._say([])
            self.query_one("#apply", Button).display = False
            self._choice("Close")
        else:
            self._show_exact()
        self.refresh_bindings()

    def _show_exact(self) -> None:
        exact = self._exact
        if exact is None:
            return
        self.query_one("#plan", Document).show(plans.document(exact, self._progress))
        ready = not exact.empty and self.outcome is None and not self.desk.read_only
        self.query_one("#apply", Button).disabled = not ready
        if self.desk.read_only:
            self._say([line(("READ-ONLY: this is only shown.", "warning"))])
        elif ready and self._latest is None:
            self._say(
                [line("Nothing has been changed yet.  ", ("A", "key"), " applies it, ", ("esc", "key"), " leaves.")]
            )

    async def _ask(self, questions: tuple[Question, ...]) -> None:
        box = self.query_one("#questions", Vertical)
        if box.children or not questions:
            return
        for question in questions:
            options = f"  ({' / '.join(question.choices)})" if question.choices else ""
            await box.mount(
                Lines(line((question.prompt, "strong"), (options, "muted"), ("  enter prepares again", "muted")))
            )
            field = Input(question.default or "", id=f"question-{question.key}", password=question.secret, compact=True)
            field.cursor_blink = False
            await box.mount(field)

    @on(Input.Changed)
    def _answer_changed(self, event: Input.Changed) -> None:
        key = (event.input.id or "").removeprefix("question-")
        default = next((q.default or "" for q in self._plan.questions if q.key == key), "") if self._plan else ""
        if event.value != self._answers.get(key, default):
            self.query_one("#apply", Button).disabled = True
            self._exact = None

    @on(Input.Submitted)
    def _answered(self) -> None:
        for field in self.query(Input):
            self._answers[(field.id or "").removeprefix("question-")] = field.value
        self._prepare()
        self.query_one("#cancel").focus()

    # Consent

    def action_apply(self) -> None:
        """Apply, after the name was typed where something restarts."""
        if self._exact is None or self.query_one("#apply", Button).disabled:
            return
        plan = self._exact.plan
        if plan.safety == "safe":
            self._run(self._exact)
            return
        word = plan.restarts[0] if plan.restarts else plan.subject.rpartition("/")[2]
        body = [line(plan.title), line(), *(plans.bullet(each) for each in self._consequences(plan))]
        exact = self._exact
        self.app.push_screen(
            Confirm("Apply a disruptive fix?", body, "Apply", typed=word), lambda yes: self._run(exact) if yes else None
        )

    @staticmethod
    def _consequences(plan: Plan) -> list[str]:
        restarts = [
            f"{name} is restarted or recreated: whoever uses it is cut off for a moment" for name in plan.restarts
        ]
        return restarts or ["a step of it cannot be taken back exactly"]

    # Running

    def _run(self, exact: PreparedPlan) -> None:
        if self.work is not None and self._exact is exact:
            self._begin()
            self.work.run(exact)

    def _run_interrupted(self, work: FixWork, entry: Entry, how: str) -> None:
        self.query_one("#title", Lines).show(
            [line((f"{how.capitalize()}  ", "accent"), (entry.intent.title, "strong")), line()]
        )
        self._begin()
        self._show_entry(entry)
        if how == "resume":
            work.resume(entry)
        else:
            work.roll_back(entry)

    def _show_entry(self, entry: Entry) -> None:
        self.query_one("#plan", Document).show(
            plans.steps_only([step.describe for step in entry.intent.steps], self._progress)
        )

    def _begin(self) -> None:
        self._since = time.monotonic()
        self.query_one("#apply", Button).disabled = True
        self._choice("Stop after this step")
        self._say([plans.status(None, 0, self._plan or self._stand_in())])
        self.set_interval(1.0, self._tick, name="tick")

    def _stand_in(self) -> Plan:
        entry = self._entry()
        if entry is None:
            return Plan(check="", subject="", title="")
        intent = entry.intent
        return Plan(
            check=intent.check,
            subject=intent.subject,
            title=intent.title,
            settle=intent.settle,
            deadline=intent.deadline,
        )

    def _tick(self) -> None:
        if self.outcome is None and self._latest is not None:
            self._say([plans.status(self._latest, time.monotonic() - self._since, self._plan or self._stand_in())])

    @on(Moved)
    def _moved(self, message: Moved) -> None:
        progress = message.progress
        if self._latest is None or progress.phase != self._latest.phase:
            self._since = time.monotonic()
        self._latest = progress
        if progress.index >= 0:
            self._progress[progress.index] = progress
        entry = self._interrupted[0] if self._interrupted else None
        if entry is not None:
            self._show_entry(entry)
        else:
            self._show_exact()
            self.query_one("#apply", Button).disabled = True
        self._tick()

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self.outcome = message.outcome
        self._say(plans.result(message.outcome, undo=self._undo is not None))
        self.query_one("#apply", Button).display = False
        self._choice("Close")
        self.query_one("#cancel").focus()
        self.refresh_bindings()
        self.console.fix_ended()

    def _say(self, lines: list[Line]) -> None:
        self.query_one("#status", Lines).show(wrap(lines, max(20, self.size.width - 2)))

    def _title(self, lines: list[Line]) -> None:
        self.query_one("#title", Lines).show(wrap(lines, max(20, self.size.width - 2)))

    def _choice(self, label: str) -> None:
        button = self.query_one("#cancel", Button)
        button.label = Content(label)
        button.refresh(layout=True)

    # Leaving

    @on(Button.Pressed, "#apply")
    def _apply_pressed(self) -> None:
        self.action_apply()

    @on(Button.Pressed, "#cancel")
    def back(self) -> None:
        """Leave; in the middle of a run that is a question."""
        if (
            self.work is None
            or not self.work.running
            or (self._latest is None and self.outcome is None and not self._begun())
        ):
            self.app.pop_screen()
            return
        self.ask_to_leave()

    def _begun(self) -> bool:
        return self._since > 0

    def ask_to_leave(self) -> None:
        """Wait, or stop after the running step."""
        body = [
            line("A fix is running. It can go on, or end after the step that runs now;"),
            line("what was done so far stays in the journal, to be resumed or rolled back."),
        ]

        def chosen(how: str | None) -> None:
            if how == "stop" and self.work is not None:
                self.work.stop()

        self.app.push_screen(
            Choose("A fix is running", body, [("stop", "Stop after this step"), ("wait", "Wait")]), chosen
        )

    def action_undo(self) -> None:
        """Take back what was just done."""
        if self.outcome is not None and self.outcome.name == "done" and self.outcome.entry:
            self.console.undo_entry(self.outcome.entry)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Apply before, undo after; nothing changes in read-only mode."""
        if action == "undo":
            done = self.outcome is not None and self.outcome.name == "done" and self._undo is None
            return False if not done else super().check_action(action, parameters)
        by_hand = self._plan is not None and self._plan.safety == "manual"
        if action == "apply" and (self.outcome is not None or self._begun() or by_hand):
            return False
        if action == "apply" and self._exact is None:
            return None
        return False if action == "open" else super().check_action(action, parameters)

    # The document scrolls although the buttons have the focus.

    def action_up(self) -> None:
        """One line up."""
        self.query_one("#plan", Document).action_up()

    def action_down(self) -> None:
        """One line down."""
        self.query_one("#plan", Document).action_down()

    def action_top(self) -> None:
        """To the first line."""
        self.query_one("#plan", Document).action_top()

    def action_bottom(self) -> None:
        """To the last line."""
        self.query_one("#plan", Document).action_bottom()

    def action_page_up(self) -> None:
        """One page up."""
        self.query_one("#plan", Document).action_page_up()

    def action_page_down(self) -> None:
        """One page down."""
        self.query_one("#plan", Document).action_page_down()
