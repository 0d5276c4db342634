"""Running a fix, an undo, a resume or a roll-back from the command line: progress, signals, and how it ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from ..exits import ExitCode
from ..findings import Result
from .session import Session, Stop, engine_fault

if TYPE_CHECKING:
    from ..fixing import Fixer, Outcome, Progress
    from ..plan import PreparedPlan

Act = Callable[[Callable[["Progress"], None], threading.Event], "Outcome"]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def fixer(session: Session, check_id: str, subject: str) -> Fixer:
    """The engine for one finding."""
    from ..fixing import Fixer

    return Fixer(session.host, session.journal(), lambda: look_again(session, check_id, subject))


def look_again(session: Session, check_id: str, subject: str) -> Result:
    """What the check says of the subject now. Not seeing it counts as gone only if everything could be seen."""
    check = next((check for check in session.doors.checks() if check.id == check_id), None)
    if check is None:
        return Result(check_id, subject, "unknown", f"This version has no check {check_id}")
    snapshot = session.look(on_request=check.proves)
    fault = engine_fault(session, snapshot)
    if fault is not None:
        return Result(check_id, subject, "unknown", fault[0], because=fault[0])
    results = session.doors.examine(snapshot, session.settings, [check_id])
    broken = next((result for result in results if result.status == "crashed"), None)
    found = next((result for result in results if result.subject == subject), broken)
    if found is not None:
        return found
    if snapshot.faults:
        why = snapshot.faults[0].sentence
        return Result(
            check_id, subject, "unknown", f"{subject} is not seen any more, and not all could be read", because=why
        )
    return Result(check_id, subject, "not_applicable", f"{subject} is not there any more")


def act(session: Session, do: Act, prepared: PreparedPlan | None = None, *, wanted: str = "done") -> int:
    """Do it with a hand on the signals, tell what happens, print how it ended; the exit code.

    ``wanted`` is the ending that was asked for: a roll-back that rolls back has done its work.
    """
    with stop_flag(session) as stop:
        outcome = do(lambda progress: _tell(session, progress), stop)
    well = outcome.name in {wanted, "nothing"}
    _end(session, outcome, prepared, well=well)
    if not well:
        raise Stop("; ".join(filter(None, (outcome.sentence, outcome.remedy))), ExitCode(outcome.code))
    return ExitCode.OK


@contextmanager
def stop_flag(session: Session) -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a hang-up set: the running step ends, then the fix stops in a named state."""
    stop = threading.Event()

    def asked(number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            session.output.say(f"stackops: {signal.Signals(number).name}: ending the running step, then stopping")

    before = {number: signal.signal(number, asked) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(session: Session, progress: Progress) -> None:
    detail = f": {progress.detail}" if progress.detail else ""
    number = f" {progress.index + 1}/{progress.total}" if progress.index >= 0 else ""
    session.output.say(f"{progress.state:<8}{progress.phase}{number}  {progress.what}{detail}")


def _end(session: Session, outcome: Outcome, prepared: PreparedPlan | None, *, well: bool) -> None:
    """What went well as data; for people, what did not is said on stderr by the Stop that follows."""
    output = session.output
    if output.json:
        from ..export import json_

        plan = {} if prepared is None else {"plan": json_.plan(prepared)}
        output.document({**plan, "outcome": json_.outcome(outcome)})
    elif output.plain:
        output.facts(outcome.name, outcome.entry or "-", outcome.sentence)
        for line in outcome.says:
            output.facts("note", outcome.entry or "-", line)
    else:
        if well:
            word, _, rest = outcome.sentence.partition(" ")
            output.painted(word, "ok", f" {rest}")
        for line in outcome.says:
            output.data(f"  {line}")
        lasting = prepared is not None and prepared.kind == "fix" and not session.demo
        if outcome.name == "done" and outcome.entry and lasting:
            output.data(f"To take it back: {session.command} undo {outcome.entry}")
