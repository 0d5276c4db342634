"""Fixing in a thread: planning, preparing, running, all told by messages. The engine decides, not this."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from textual.message import Message

from ..console.findings import Result
from ..console.fixing import Fixer, Outcome, PreparedPlan
from ..console.hosts import HostError
from ..console.model import Snapshot
from ..console.plan import Plan
from ..console.records import Entry
from ..console.running import Progress
from .desk import Desk


class Prepared(Message, bubble=False):
    """A plan is exact, or cannot be made so."""

    def __init__(self, plan: Plan | None, prepared: PreparedPlan | None, trouble: HostError | None) -> None:
        super().__init__()
        self.plan = plan
        self.prepared = prepared
        self.trouble = trouble


class Moved(Message, bubble=False):
    """One thing happened in a running fix."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress


class Ended(Message, bubble=False):
    """The fix ended."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Listener(Protocol):
    """Whoever wants to know; ``post_message`` may be called from any thread."""

    def post_message(self, message: Message) -> bool:
        """Queue a message."""
        ...


class FixWork:
    """One plan from preparation to outcome. At most one thread at a time."""

    def __init__(self, desk: Desk, check: str, subject: str, listener: Listener) -> None:
        if desk.journal is None:
            raise HostError(
                "No state folder can be written, so nothing can be fixed", "set STACKOPS_STATE_DIR to a folder"
            )
        self._desk = desk
        self._check = check
        self._subject = subject
        self._listener = listener
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
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
            message = Prepared(
                None, None, HostError(f"stackops itself failed ({type(error).__name__}); please report it")
            )
        self._listener.post_message(message)

    def run(self, prepared: PreparedPlan) -> None:
        """Do what was shown; tells Moved and Ended."""
        self._start(lambda: self._end(self._fixer.run(prepared, self._tell, self._stop)), "fix")

    def resume(self, entry: Entry) -> None:
        """Finish an interrupted fix; tells Moved and Ended."""
        self._start(lambda: self._end(self._fixer.resume(entry, self._tell, self._stop)), "resume")

    def roll_back(self, entry: Entry) -> None:
        """Take back an interrupted fix; tells Moved and Ended."""
        self._start(lambda: self._end(self._fixer.roll_back(entry, self._tell)), "roll back")

    def _start(self, work: Callable[[], None], name: str) -> None:
        if self.running:
            return
        # Not a daemon: a step that runs must end before the process does.
        self._thread = threading.Thread(target=work, name=f"stackops {name}")
        self._thread.start()

    def _tell(self, progress: Progress) -> None:
        self._listener.post_message(Moved(progress))

    def _end(self, outcome: Outcome) -> None:
        self._desk.feed.request()
        self._listener.post_message(Ended(outcome))

    def _look(self) -> Result:
        """What the check says of the subject now. One that says nothing of it any more has nothing against it."""
        from ..console import unloading

        snapshot = self._desk.look()
        if self._check == unloading.ACTION:
            return unloading.left(self._subject, snapshot)
        found = [each for each in self._desk.checks.examine(snapshot) if each.check == self._check]
        own = next((each for each in found if each.subject == self._subject), None)
        if own is not None:
            return own
        broken = next((each for each in found if each.status in {"crashed", "unknown"}), None)
        return broken or Result(
            check=self._check, subject=self._subject, status="not_applicable", title="No longer there"
        )
