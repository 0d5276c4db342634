"""Going places and starting fixes, for whichever screen asks. Screens are imported when they are needed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from textual import work
from textual.app import App

from ..console.hosts import HostError
from .desk import DEMO
from .widgets.paint import shown

if TYPE_CHECKING:
    from ..console.findings import Result
    from ..console.journal import Journal
    from ..console.model import Container
    from ..console.records import Entry
    from .desk import Desk
    from .fixwork import FixWork, Listener
    from .widgets.paint import Line


ROOT = "overview"


def trail(before: list[str], here: str, there: str) -> list[str]:
    """The places that esc leads back through, once one has gone from here to there; none comes twice."""
    if there == ROOT:
        return []
    walked = before if here in before or here == there else [*before, here]
    return walked[: walked.index(there)] if there in walked else walked


class Errands(App[str]):
    """The half of the app that opens screens."""

    desk: Desk

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - Textual's own arguments, handed on
        super().__init__(**kwargs)
        self._works: list[FixWork] = []
        self._judged: object = None
        self._early: list[Callable[[], None]] | None = []
        self._trail: list[str] = []

    def say(self, sentence: str, *, warning: bool = False) -> None:
        """A short notice, letter by letter."""
        severity: Literal["warning", "information"] = "warning" if warning else "information"
        show = partial(self.notify, shown(self, sentence), markup=False, severity=severity, timeout=6)
        if self._early is None:
            show()
        else:
            self._early.append(show)

    def standing(self) -> None:
        """The first screen stands: say what was to be said before there was one."""
        early, self._early = self._early or [], None
        for show in early:
            self.call_after_refresh(show)

    # Going places

    def _go(self, mode: str) -> None:
        while len(self.screen_stack) > 1 and not self._busy():
            self.pop_screen()
        self._trail = trail(self._trail, self.current_mode, mode)
        self.switch_mode(mode)

    def step_out(self) -> None:
        """To the place that was seen before this one; from the overview there is no way further out."""
        if self._trail:
            self.switch_mode(self._trail.pop())

    def _busy(self) -> bool:
        return any(fix.running for fix in self._works)

    def open_container(self, container_id: str, *, logs: bool = False) -> None:
        """Go into a container."""
        from .container import ContainerScreen

        self.push_screen(ContainerScreen(container_id, logs_first=logs))

    def open_doctor(self, result: Result) -> None:
        """Go to the doctor, at this result."""
        from .doctor import Doctor

        self._go("doctor")
        if isinstance(self.screen, Doctor):
            self.screen.select(result)

    def open_server(self, key: str) -> None:
        """Go to the model servers, at this one."""
        from .servers import ServersScreen

        self._go("servers")
        if isinstance(self.screen, ServersScreen):
            self.screen.select(key)

    def open_plan(self, finding: Result) -> None:
        """Show what the fix of a finding would change."""
        from .plan import PlanScreen

        if finding.fix is None:
            self.say("This finding has no fix; its text says what to do.")
        else:
            self.push_screen(PlanScreen(finding=finding))

    def open_undo(self, entry: Entry) -> None:
        """Show what taking an entry back would change."""
        from .plan import PlanScreen

        self.push_screen(PlanScreen(undo=entry))

    def undo_entry(self, entry_id: str) -> None:
        """The same, by id, in place of the plan that made it."""
        if self.desk.journal is None:
            return
        try:
            entry = self.desk.journal.get(entry_id)
        except HostError as error:
            self.say(str(error), warning=True)
        else:
            self.pop_screen()
            self.open_undo(entry)

    def open_demo(self) -> None:
        """Leave for the practice stack; ``run_app`` opens it."""
        self.exit(result=DEMO, return_code=0)

    def open_shell(self, container: Container) -> None:
        """A shell in the container on this terminal, by argument list; the console waits."""
        try:
            argv = list(self.desk.host.control.shell(container.id))
            with self.suspend():
                print(f"+ {' '.join(argv)}")
                code = subprocess.run(argv, check=False).returncode
                print(f"The shell ended with {code}.")
        except HostError as error:
            self.say(str(error), warning=True)
        except OSError as error:
            self.say(f"The shell could not be started: {error.strerror}", warning=True)
        self.desk.feed.request()

    # Fixes

    def fix_work(self, check: str, subject: str, listener: Listener) -> FixWork | None:
        """The engine for one fix; None where nothing can be recorded."""
        from .fixwork import FixWork

        try:
            fix = FixWork(self.desk, check, subject, listener)
        except HostError as error:
            self.say(str(error), warning=True)
            return None
        self._works = [each for each in self._works if each.running] + [fix]
        return fix

    def fix_ended(self) -> None:
        """A fix ended: look again, and judge even if nothing seems to have changed."""
        self._judged = None
        self.desk.feed.request()

    def _look_for_open_entries(self) -> None:
        if self.desk.journal is not None:
            self._find_open_entries(self.desk.journal)

    @work(thread=True, group="journal", exit_on_error=False)
    def _find_open_entries(self, journal: Journal) -> None:
        mine = [entry for entry in journal.open_entries() if entry.intent.host == self.desk.host.name]
        if mine:
            self.call_from_thread(self.offer_open, mine[0])

    def offer_open(self, entry: Entry) -> None:
        """Ask what to do with a fix that was interrupted."""
        from .dialogs import Choose
        from .plan import PlanScreen
        from .words.entries import open_words

        if self.desk.read_only:
            self.say("A fix was interrupted; in read-only mode it is left as it is.", warning=True)
            return

        def chosen(how: str | None) -> None:
            if how in {"resume", "back"}:
                self.push_screen(PlanScreen(interrupted=(entry, "resume" if how == "resume" else "roll back")))

        ways = [("back", "Roll back"), ("later", "Later")]
        if not entry.rolling_back:
            ways.insert(0, ("resume", "Resume"))
        body: list[Line] = open_words(entry)
        self.push_screen(Choose("A fix was interrupted", body, ways), chosen)
