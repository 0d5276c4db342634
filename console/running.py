"""Doing exact steps one after another: announced in the journal, bounded in time, told as they go.

Knows nothing of consent, locks or roll-back; it stops at the first step that is not as the preview showed it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import Literal

from msgspec import Struct

from .differences import differences
from .failpoints import reach
from .hosts import HostError
from .journal import Journal
from .model import FileFact
from .records import About, Did, Failed, JournalStep
from .steps import ComposeUp, Step, StepFailed, StepMoved, Workbench
from .verifying import StopAsked


class Progress(Struct, frozen=True):
    """One thing that happens during a fix, told from the worker thread."""

    phase: Literal["step", "verify", "roll back"]
    index: int
    """Index of the step, from 0; -1 for what is no step."""
    total: int
    what: str
    state: Literal["running", "done", "failed", "skipped"]
    detail: str = ""


Tell = Callable[[Progress], None]


class StepUnknown(StepFailed):
    """The step did not end in time; what it did is not known, and ``thread`` may still be at it."""

    def __init__(self, sentence: str, thread: threading.Thread) -> None:
        super().__init__(sentence)
        self.thread = thread


def bounded(act: Callable[[], None], deadline: float, what: str) -> None:
    """Run in a thread of its own for at most ``deadline`` seconds. Raises StepUnknown after that, else what it raises.

    A thread cannot be ended: one that hangs in the kernel (a dead NFS server) is left behind.
    """
    caught: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - handed on to the caller's thread below
            caught.append(error)

    thread = threading.Thread(target=run, name=f"step: {what}"[:40], daemon=True)
    thread.start()
    thread.join(deadline)
    if thread.is_alive():
        raise StepUnknown(f"{what}: no end after {deadline:g} s; what it did is not known", thread)
    if caught:
        raise caught[0]


def attempt(step: Step, bench: Workbench) -> str | None:
    """Apply a step; the sentence of a failure that is let pass. Raises HostError for one that is not."""
    try:
        step.apply(bench)
    except HostError as error:
        if not (isinstance(step, ComposeUp) and step.may_fail):
            raise
        return f"{step.service} did not run before and does not start now: {error}"
    return None


class Run:
    """The steps of one journal entry, forwards. ``done`` and ``begun`` say how far they got."""

    def __init__(
        self,
        bench: Workbench,
        journal: Journal,
        entry_id: str,
        steps: tuple[JournalStep, ...],
        tell: Tell,
        stop: threading.Event | None = None,
        *,
        done: Collection[int] = (),
        begun: Collection[int] = (),
    ) -> None:
        self.bench = bench
        self.journal = journal
        self.entry_id = entry_id
        self.steps = steps
        self.tell = tell
        self.stop = stop
        self.done = set(done)
        self.begun = set(begun)
        """Steps that may have been done, in part or whole."""
        self.passed: list[str] = []
        """Failures that were let pass."""
        self.hanging: threading.Thread | None = None
        """The step that did not end."""

    def forward(self, will: tuple[FileFact, ...]) -> None:
        """Do what is not done yet. Raises StepFailed or StopAsked; ``done`` and ``begun`` then tell what to take back.

        Before the first step that makes a service follow, the files are read back: they must be ``will``.
        """
        checked = False
        for index, row in enumerate(self.steps):
            if row.step.settles and not checked:
                self._read_back(will)
                checked = True
            if index not in self.done:
                if self.stop is not None and self.stop.is_set():
                    raise StopAsked
                self._one(index, row)
        if not checked:
            self._read_back(will)

    def held(self, steps: Iterable[Step | None]) -> frozenset[str]:
        """Paths that one of these steps has left in the middle of its work."""
        return frozenset().union(*(step.holds(self.bench) for step in steps if step is not None and step.settles))

    def _read_back(self, will: tuple[FileFact, ...]) -> None:
        held = self.held([row.step for row in self.steps])
        found = differences(self.bench.host.files, [fact for fact in will if fact.path not in held])
        if found:
            raise StepFailed(f"Not as it should be now: {'; '.join(found)}")

    def _one(self, index: int, row: JournalStep) -> None:
        self._say(index, row, "running")
        reach("before_step")
        try:
            bounded(lambda: self._do(index, row), row.step.deadline, row.describe)
        except HostError as error:
            self._failed(index, row, error)
            raise
        reach("after_step")
        self._say(index, row, "done")

    def _do(self, index: int, row: JournalStep) -> None:
        """Re-check, announce, do, record. After a kill the step may turn out to be done already."""
        now = self.bench.host.clock.now
        state = row.step.state(self.bench)
        if not (state == "after" and (index in self.begun or row.step.shared)):
            if state != "before":
                raise StepMoved(f"{row.step.target} is no longer as the preview showed it", "look again")
            if not row.step.changes_nothing:
                self.journal.append(self.entry_id, About(index, now()))
                self.begun.add(index)
            self.bench.tell = lambda text: self._told(index, row, text)
            if passed := attempt(row.step, self.bench):
                self.passed.append(passed)
        self.journal.append(self.entry_id, Did(index, now()))
        self.done.add(index)

    def _told(self, index: int, row: JournalStep, text: str) -> None:
        """A step that takes long says how it goes, and is ended here if somebody wants to stop."""
        if self.stop is not None and self.stop.is_set() and row.step.changes_nothing:
            raise StopAsked
        self._say(index, row, "running", text)

    def _failed(self, index: int, row: JournalStep, error: HostError) -> None:
        self.hanging = error.thread if isinstance(error, StepUnknown) else None
        self._say(index, row, "failed", str(error))
        try:
            self.journal.append(self.entry_id, Failed(index, self.bench.host.clock.now(), str(error)))
        except HostError:
            return  # a full disk must not keep the roll-back from starting

    def _say(self, index: int, row: JournalStep, state: Literal["running", "done", "failed"], detail: str = "") -> None:
        self.tell(Progress("step", index, len(self.steps), row.describe, state, detail))
