"""Runs the fix engine in a thread and reports by messages. It decides nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from textual.message import Message

from ..console.fix.engine import Fixer, Outcome, PreparedPlan
from ..console.fix.plan import Plan
from ..console.fix.preparing import undo_refusal
from ..console.fix.proving import Look
from ..console.fix.records import Entry
from ..console.fix.running import Progress
from ..console.hosts import HostError
from ..console.model import Snapshot
from ..console.model.findings import Result
from ..console.text import _
from ..console.text.traces import caught
from .desk import Desk


@dataclass
class Prepared(Message, bubble=False):
    """A plan is exact, or cannot be made so."""

    plan: Plan | None
    prepared: PreparedPlan | None
    trouble: HostError | None


@dataclass
class Moved(Message, bubble=False):
    """One thing happened in a running fix."""

    progress: Progress


@dataclass
class Ended(Message, bubble=False):
    """The fix ended."""

    outcome: Outcome
    lasting: str = ""
    """Why what was done cannot be undone; empty when it may be."""


class Listener(Protocol):
    """The screen that gets the messages. ``post_message`` may be called from any thread."""

    def post_message(self, message: Message) -> bool:
        """Queue a message."""


class FixWork:
    """One plan from preparation to outcome. At most one thread at a time."""

    def __init__(self, desk: Desk, check: str, subject: str, listener: Listener) -> None:
        if desk.journal is None:
            raise HostError(
                _("No state folder can be written, so nothing can be fixed"), "set STACKOPS_STATE_DIR to a folder"
            )
        self._desk = desk
        self._check = check
        self._subject = subject
        self._listener = listener
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._folder: str | None = None
        """What the plan locks, once it is known."""
        self._fixer = Fixer(desk.host, desk.journal, self._look)

    @property
    def running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """End after the running step."""
        self._stop.set()

    def wait(self) -> None:
        """Block until the thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def prepare(self, finding: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> None:
        """Plan and make exact; tells Prepared."""

        def make() -> Prepared:
            plan = self._desk.checks.plan(finding, snapshot, answers)
            self._folder = plan.lock if plan else None
            exact = self._fixer.prepare(plan, answers) if plan and plan.steps and plan.safety != "manual" else None
            return Prepared(plan, exact, None)

        self._start(lambda: self._tell_prepared(make), "prepare")

    def prepare_undo(self, entry: Entry) -> None:
        """What taking a fix back would do; tells Prepared."""

        def make() -> Prepared:
            exact = self._fixer.prepare_undo(entry.id)
            return Prepared(exact.plan, exact, None)

        self._start(lambda: self._tell_prepared(make), "prepare undo")

    def _tell_prepared(self, make: Callable[[], Prepared]) -> None:
        try:
            message = make()
        except HostError as error:
            message = Prepared(None, None, error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not leave the screen waiting for ever
            caught("preparing a fix", error)
            message = Prepared(
                None, None, HostError(_("stackops itself failed ({name}); please report it", name=type(error).__name__))
            )
        self._listener.post_message(message)

    def run(self, prepared: PreparedPlan) -> None:
        """Do what was shown; tells Moved and Ended."""
        self._start(lambda: self._end(lambda: self._fixer.run(prepared, self._tell, self._stop)), "fix")

    def resume(self, entry: Entry) -> None:
        """Finish an interrupted fix; tells Moved and Ended."""
        self._folder = entry.intent.lock
        self._start(lambda: self._end(lambda: self._fixer.resume(entry, self._tell, self._stop)), "resume")

    def roll_back(self, entry: Entry) -> None:
        """Take back an interrupted fix; tells Moved and Ended."""
        self._start(lambda: self._end(lambda: self._fixer.roll_back(entry, self._tell, self._stop)), "roll back")

    def _start(self, work: Callable[[], None], name: str) -> None:
        if self.running:
            return
        # Not a daemon: a step that runs must end before the process does.
        self._thread = threading.Thread(target=work, name=f"stackops {name}")
        self._thread.start()

    def _tell(self, progress: Progress) -> None:
        self._listener.post_message(Moved(progress))

    def _end(self, act: Callable[[], Outcome]) -> None:
        try:
            outcome = act()
        except Exception as error:  # noqa: BLE001 - the screen would wait for ever
            caught("fixing", error)
            said = _("stackops itself failed ({name}); how far it came is in the journal", name=type(error).__name__)
            outcome = Outcome(
                "stopped", said, remedy=_("please report it; the journal resumes the fix or takes it back")
            )
        self._desk.feed.request()
        self._listener.post_message(Ended(outcome, self._lasting(outcome)))

    def _lasting(self, outcome: Outcome) -> str:
        if outcome.name != "done" or outcome.entry is None:
            return ""
        try:
            return undo_refusal(self._fixer.journal.get(outcome.entry), self._desk.host)
        except HostError as error:
            return str(error)

    def _look(self) -> Result:
        """The one look that proves a repair."""
        checks = self._desk.checks
        return Look(self._check, self._subject, checks.find, self._desk.look, checks.examine, self._folder)()
