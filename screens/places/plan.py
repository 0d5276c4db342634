"""The plan of a fix or an undo: what it would do, consent, its run step by step, the proof, the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input

from ...console.fix.engine import Outcome, PreparedPlan
from ...console.fix.plan import Plan, Question
from ...console.fix.records import Entry
from ...console.fix.running import Progress
from ...console.fix.wishes import WISHES
from ...console.model.findings import Result
from ...console.text import _
from ...themes import sheet
from ..dialogs import Confirm, apply_key, choice
from ..fixwork import Ended, FixWork, Moved, Prepared
from ..place import Place
from ..registry import bindings
from ..render import plans
from ..widgets.paint import Line, line
from ..widgets.text import Document, Lines, wrap

_SCROLLS = ("up", "down", "top", "bottom", "page_up", "page_down")


def _scroll(verb: str) -> Callable[[PlanScreen], None]:
    """An action of the document as one of the screen."""

    def act(self: PlanScreen) -> None:
        getattr(self.query_one("#plan", Document), f"action_{verb}")()

    return act


class PlanScreen(Place):
    """One plan. Made for a finding, for an entry to undo, or for an interrupted entry."""

    PLACE: ClassVar[str] = "plan"
    CSS = sheet("buttons", "plan")
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan"), *bindings("list")]

    def __init__(
        self, *, finding: Result | None = None, undo: Entry | None = None, interrupted: tuple[Entry, str] | None = None,
        then: Callable[[Outcome], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._then = then
        self._finding = finding
        self._undo = undo
        self._interrupted = interrupted
        self._entry = interrupted[0] if interrupted else undo
        self._plan: Plan | None = None
        self._exact: PreparedPlan | None = None
        self._answers: dict[str, str] = {}
        self._progress: dict[int, Progress] = {}
        self._latest: Progress | None = None
        self._since = 0.0
        self._trouble = False
        self._lasting = ""
        """Why what was done here cannot be undone."""
        self.outcome: Outcome | None = None
        self.work: FixWork | None = None

    def body(self) -> Iterable[Widget]:
        yield Lines((), (), id="title")
        yield Vertical(id="questions")
        yield Document(id="plan", classes="pane")
        yield Lines(id="status")
        yield Horizontal(choice(_("Cancel"), "cancel"), choice(_("Apply"), "apply", danger=True), classes="choices")

    def here(self) -> str:
        return _("undo") if self._undo else _("plan")

    def on_mount(self) -> None:
        self.query_one("#plan").border_title = _(" What will happen ")
        self.query_one("#apply", Button).disabled = True
        about = self._finding or (self._entry.intent if self._entry else None)
        self.work = self.console.fix_work(about.check, about.subject, self) if about else None
        if self.work is None:
            self._say([line((_("Nothing can be fixed: no state folder can be written for the journal."), "warning"))])
        elif self._interrupted is not None:
            self._run_interrupted(self.work, *self._interrupted)
        elif self._undo is not None:
            self.work.prepare_undo(self._undo)
        else:
            self._prepare()

    # Preparing

    def _prepare(self) -> None:
        snapshot = self.console.snapshot
        if self.work is not None and self._finding is not None and snapshot is not None:
            self._say([line((_("Preparing: reading what would change ..."), "muted"))])
            self.query_one("#apply", Button).disabled = True
            self.work.prepare(self._finding, snapshot, dict(self._answers))

    @on(Prepared)
    async def _prepared(self, message: Prepared) -> None:
        self._plan, self._exact = message.plan or self._plan, message.prepared
        self._trouble = message.trouble is not None
        if self._plan is not None:
            plain = self._undo is not None or self._plan.check in WISHES
            self.show_lines("#title", plans.title(self._plan, "" if plain else _("Fix") + "  "))
            await self._ask(self._plan.questions)
        if message.trouble is not None:
            remedy = [line((_("Next: "), "accent"), message.trouble.remedy)] if message.trouble.remedy else []
            self._show([line((_("It cannot be done: "), "warning"), str(message.trouble)), *remedy])
            self._say([])
        elif self._exact is None:
            self._show(plans.manual(self._plan) if self._plan else [line(_("This check has no fix."))])
            self._say([])
            self.query_one("#apply", Button).display = False
            self._choice(_("Close"))
        else:
            self._show_exact()
        self.refresh_bindings()
        self.console.keys.renew()

    def _show_exact(self) -> None:
        exact = self._exact
        if exact is None:
            return
        self._show(plans.document(exact, self._progress))
        ready = not exact.empty and self.outcome is None and not self.desk.read_only
        self.query_one("#apply", Button).disabled = not ready
        if self.desk.read_only:
            self._say([line((_("READ-ONLY: this is only shown."), "warning"))])
        elif exact.empty:
            self._say([])
        elif ready and self._latest is None:
            self._say(
                [
                    line(
                        _("Nothing has been changed yet.  "),
                        (apply_key(self), "key"),
                        _(" applies it, "),
                        ("esc", "key"),
                        _(" leaves."),
                    )
                ]
            )

    async def _ask(self, questions: tuple[Question, ...]) -> None:
        box = self.query_one("#questions", Vertical)
        if box.children or not questions:
            return
        for question in questions:
            options = f"  ({' / '.join(question.choices)})" if question.choices else ""
            asked = line((question.prompt, "strong"), (options, "muted"), (_("  enter prepares again"), "muted"))
            await box.mount(Lines(*wrap([asked], max(20, self.size.width - 2))))
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
        if self._exact is None or self.query_one("#apply", Button).disabled:
            return
        exact = self._exact
        if exact.plan.safety == "safe" and not exact.harms:
            self._run(exact)
            return
        named = (
            exact.plan.title
            if exact.plan.check in WISHES
            else _("Apply this {kind} to {word}", kind=_(exact.kind), word=exact.word)
        )
        title = f"{named}?"
        dialog = Confirm(title, plans.consequences(exact), _("Apply"), typed=exact.word if exact.harms else None)
        self.app.push_screen(dialog, lambda yes: self._run(exact) if yes else None)

    # Running

    def _run(self, exact: PreparedPlan) -> None:
        if self.work is not None and self._exact is exact:
            self._begin()
            self.work.run(exact)

    def _run_interrupted(self, work: FixWork, entry: Entry, how: str) -> None:
        self.query_one("#title", Lines).show(
            [line((f"{_(how).capitalize()}  ", "accent"), (entry.intent.title, "strong")), line()]
        )
        self._begin()
        self._show_entry(entry)
        if how == "resume":
            work.resume(entry)
        else:
            work.roll_back(entry)

    def _show_entry(self, entry: Entry) -> None:
        self._show(plans.steps_only(entry, self._progress))

    def _begin(self) -> None:
        self._since = time.monotonic()
        self.query_one("#apply", Button).display = False
        self.refresh_bindings()
        self._choice(_("Stop after this step"))
        self._say([plans.status(None, 0, None)])
        self.set_interval(1.0, self._tick, name="tick")

    def _tick(self) -> None:
        if self.outcome is None and self._latest is not None:
            timing = self._plan or (self._entry.intent if self._entry else None)
            self._say([plans.status(self._latest, time.monotonic() - self._since, timing)])

    @on(Moved)
    def _moved(self, message: Moved) -> None:
        progress = message.progress
        if self._latest is None or progress.phase != self._latest.phase:
            self._since = time.monotonic()
        self._latest = progress
        if progress.index >= 0:
            self._progress[progress.index] = progress
        if self._interrupted is not None:
            self._show_entry(self._interrupted[0])
        else:
            self._show_exact()
        self._tick()

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self.outcome = message.outcome
        self._lasting = message.lasting
        self._say(plans.result(message.outcome, undo=self._undo is not None))
        self._choice(_("Close"))
        self.query_one("#cancel").focus()
        self.refresh_bindings()
        self.console.keys.renew()
        self.console.fix_ended()

    def _show(self, lines: list[Line]) -> None:
        self.query_one("#plan", Document).show(lines)

    def _say(self, lines: list[Line]) -> None:
        self.show_lines("#status", lines)

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
        if self.work is None or not self.work.running or not self._begun():  # preparing changes nothing
            self.app.pop_screen()
            if self._then is not None and self.outcome is not None and self.outcome.name == "done":
                self._then(self.outcome)
            return
        self.ask_to_leave()

    def _begun(self) -> bool:
        return self._since > 0

    def ask_to_leave(self) -> None:
        """Wait, or stop after the running step."""
        if self.work is not None:
            self.console.ask_to_end(_("Stop"), self.work.stop)

    def action_undo(self) -> None:
        if self.outcome is not None and self.outcome.name == "done" and self.outcome.entry:
            self.console.undo_entry(self.outcome.entry)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Apply before, undo after; nothing changes in read-only mode."""
        allowed = None if self.desk.read_only else True
        if action == "undo":
            done = self.outcome is not None and self.outcome.name == "done" and self._undo is None
            return False if not done or self._lasting else allowed
        if action == "apply" and (self.outcome is not None or self._begun() or self._by_hand()):
            return False
        if action == "apply":
            return None if self._exact is None else allowed
        return action != "open"

    def _by_hand(self) -> bool:
        return self._plan is not None and self._plan.safety == "manual"

    def why_not(self, verb: str) -> str:
        if (why := super().why_not(verb)) or verb not in {"apply", "undo"}:
            return why
        if verb == "undo":
            return self._lasting or (
                "" if self._undo else _("Nothing was fixed from here yet: there is nothing to undo.")
            )
        if self.outcome is not None:
            return _("This has ended already.")
        if self._begun():
            return _("This is running already.")
        return (
            _("There is nothing to apply.")
            if self._by_hand() or self._trouble
            else _("The plan is still being prepared.")
        )

    # The document scrolls although the buttons have the focus.
    action_up, action_down, action_top, action_bottom, action_page_up, action_page_down = map(_scroll, _SCROLLS)
