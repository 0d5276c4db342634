"""Doing exact steps one after another: announced in the journal, bounded in time, told as they go.

Knows nothing of consent, locks or roll-back; it stops at the first step that is not as the preview showed it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import Literal

from msgspec import Struct

from ..exit_codes import ExitCode
from ..hosts import EngineUnreachable, HostError
from ..hosts.acting import reach
from ..model import FileFact
from ..text import _
from ..text.traces import caught
from .acts.base import StopAsked
from .acts.content import differences
from .acts.standing import engine_away
from .journal import Journal
from .records import About, Did, Failed, JournalStep
from .steps import Step, StepContext, StepFailed, StepMoved


class Progress(Struct, frozen=True):
    """One thing that happens during a fix, told from the worker thread."""

    phase: Literal["wait", "step", "verify", "roll back"]
    index: int
    """Index of the step, from 0; -1 for what is no step."""
    total: int
    what: str
    state: Literal["running", "done", "failed", "skipped"]
    detail: str = ""


_CODES = {
    "done": ExitCode.OK, "nothing": ExitCode.OK, "rolled-back": ExitCode.ROLLED_BACK, "refused": ExitCode.REFUSED,
    "stopped": ExitCode.REFUSED, "engine-away": ExitCode.UNREACHABLE, "rollback-failed": ExitCode.ROLLBACK_FAILED,
}  # fmt: skip


class Outcome(Struct, frozen=True):
    """How it ended."""

    name: Literal["done", "nothing", "rolled-back", "refused", "stopped", "engine-away", "rollback-failed"]
    sentence: str
    says: tuple[str, ...] = ()
    """More lines: what was rolled back, what to do by hand."""
    entry: str | None = None
    """The journal entry, where there is one."""
    remedy: str | None = None

    @property
    def code(self) -> ExitCode:
        """What the shell is told."""
        return _CODES[self.name]


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
    raised: list[BaseException] = []
    late = threading.Event()

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - handed on to the caller's thread below, while it waits
            raised.append(error)
            if late.is_set() and not isinstance(error, HostError):
                caught(f"{what}, after its deadline", error)

    thread = threading.Thread(target=run, name=f"step: {what}"[:40], daemon=True)
    thread.start()
    thread.join(deadline)
    if thread.is_alive():
        late.set()
        raise StepUnknown(
            _("{what}: no end after {deadline:g} s; what it did is not known", what=what, deadline=deadline), thread
        )
    if raised:
        raise raised[0]


def attempt(step: Step, bench: StepContext) -> str | None:
    """Apply a step; the sentence of a failure that is let pass. Raises HostError for one that is not."""
    try:
        step.apply(bench)
    except EngineUnreachable:
        raise
    except HostError as error:
        if (passed := step.tolerates(error)) is None:
            raise
        return passed
    return None


def away_at(step: Step, bench: StepContext, error: HostError) -> EngineUnreachable | None:
    """Why the Engine is away, where a step that acts on a service failed for that, whatever its own words are."""
    if isinstance(error, EngineUnreachable):
        return error
    return engine_away(bench.host) if step.is_service_step else None


class Run:
    """The steps of one journal entry, forwards. ``done`` and ``begun`` say how far they got."""

    def __init__(
        self,
        bench: StepContext,
        journal: Journal,
        entry_id: str,
        steps: tuple[JournalStep, ...],
        tell: Tell,
        stop: threading.Event | None = None,
        *,
        done: Collection[int] = (),
        begun: Collection[int] = (),
        half_back: Collection[int] = (),
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
        self.half_back = set(half_back)
        """Steps that may have been taken back, in part or whole."""
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
            if row.step.is_service_step and not checked:
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
        return frozenset().union(
            *(step.paths_in_flux(self.bench) for step in steps if step is not None and step.is_service_step)
        )

    def _read_back(self, will: tuple[FileFact, ...]) -> None:
        held = self.held([row.step for row in self.steps])
        found = differences(self.bench.host.files, [fact for fact in will if fact.path not in held])
        if found:
            raise StepFailed(_("Not as it should be now: {found}", found="; ".join(found)))

    def _one(self, index: int, row: JournalStep) -> None:
        self._say(index, row, "running")
        reach("before_step")
        try:
            bounded(lambda: self._do(index, row), row.step.deadline, row.describe)
        except HostError as error:
            if (away := away_at(row.step, self.bench, error)) is not None:
                self._say(index, row, "failed", str(away))
                raise away from error
            self._failed(index, row, error)
            raise
        reach("after_step")
        self._say(index, row, "done")

    def _do(self, index: int, row: JournalStep) -> None:
        """Re-check, announce, do, record. After a kill the step may turn out to be done already."""
        now = self.bench.host.clock.now
        if index in self.begun:
            self.passed += row.step.tidy(self.bench)
        state = row.step.state(self.bench)
        if not (state == "after" and (index in self.begun or row.step.shared)):
            if state != "before":
                raise StepMoved(
                    _("{target} is no longer as the preview showed it", target=row.step.target), _("look again")
                )
            if not row.step.changes_nothing:
                self.journal.append(self.entry_id, About(index, now()))
                self.begun.add(index)
            self.bench.tell = lambda text: self._told(index, row, text)
            self._attempt(index, row.step)
        self.journal.append(self.entry_id, Did(index, now()))
        self.done.add(index)

    def _attempt(self, index: int, step: Step) -> None:
        """Apply it. A failure that changed nothing leaves nothing to take back."""
        try:
            passed = attempt(step, self.bench)
        except StepFailed:
            if step.untouched(self.bench):
                self.begun.discard(index)
            raise
        self.passed += [*self.bench.notes, *([passed] if passed else [])]
        self.bench.notes.clear()

    def _told(self, index: int, row: JournalStep, text: str) -> None:
        """A step that takes long says how it goes, and is ended here if somebody wants to stop."""
        if self.stop is not None and self.stop.is_set() and (row.step.changes_nothing or row.step.may_be_cut):
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
