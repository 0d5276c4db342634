"""Running a fix, an undo, a resume or a roll-back from the command line: progress, signals, and how it ended."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from ..text import N_, _
from .output import shown
from .session import Session, Stop

if TYPE_CHECKING:
    from ...checks.api import Check
    from ..fix.engine import Fixer, Outcome, Progress
    from ..fix.plan import PreparedPlan
    from ..model import Snapshot
    from ..model.findings import Result

Act = Callable[[Callable[["Progress"], None], threading.Event], "Outcome"]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def fixer(session: Session, check_id: str, subject: str, folder: str | None) -> Fixer:
    """The engine for one finding; ``folder`` is what its plan locks."""
    from ..fix.engine import Fixer
    from ..fix.proving import Look

    def find(wanted: str) -> Check | None:
        return next((check for check in session.doors.checks() if check.id == wanted), None)

    def see(on_request: Sequence[str]) -> Snapshot:
        return session.look(on_request=on_request, whole=True)

    def examine(snapshot: Snapshot, only: Collection[str]) -> Sequence[Result]:
        return session.doors.examine(snapshot, session.settings, only)

    look = Look(check_id, subject, find, see, examine, folder, files_only=session.folder is not None)
    return Fixer(session.host, session.journal(), look)


def act(session: Session, do: Act, prepared: PreparedPlan | None = None, *, wanted: str = "done") -> int:
    """Run it, handle signals, report progress and the outcome; returns the exit code.

    ``wanted`` is the outcome that counts as success: a roll-back succeeds when it has rolled back.
    """
    with stop_flag(session) as stop:
        outcome = do(lambda progress: _tell(session, progress), stop)
    well = outcome.name in {wanted, "nothing"}
    _end(session, outcome, prepared, well=well)
    if not well:
        raise Stop.because(ExitCode(outcome.code), outcome.sentence, outcome.remedy)
    return ExitCode.OK


@contextmanager
def stop_flag(session: Session) -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a hang-up set: the running step ends, then the fix stops in a named state."""
    stop = threading.Event()

    def asked(number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            session.output.say(
                _("stackops: {name}: ending the running step, then stopping", name=signal.Signals(number).name)
            )

    before = {number: signal.signal(number, asked) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(session: Session, progress: Progress) -> None:
    from ..report.text import padded

    detail = f": {progress.detail}" if progress.detail else ""
    number = f" {progress.index + 1}/{progress.total}" if progress.index >= 0 else ""
    phase = _(progress.phase)
    session.output.say(f"{padded(_(progress.state), 8)}{phase}{number}  {progress.what}{detail}")


def _end(session: Session, outcome: Outcome, prepared: PreparedPlan | None, *, well: bool) -> None:
    """Print the outcome. For people a failure is left to the Stop that follows, which goes to stderr."""
    output = session.output
    if output.json:
        from ..report import json_

        plan = {} if prepared is None else {"plan": json_.plan(prepared)}
        output.document({**plan, "outcome": json_.outcome(outcome)})
    elif output.plain:
        output.facts(outcome.name, outcome.entry or "-", outcome.sentence)
        for line in outcome.says:
            output.facts("note", outcome.entry or "-", line)
    else:
        if well:
            word, _space, rest = outcome.sentence.partition(" ")
            output.painted(word, "ok", f" {rest}")
        for line in outcome.says:
            output.data(f"  {line}")
        if outcome.name == "done" and outcome.entry and prepared is not None and _undoable(session, outcome.entry):
            output.data(_("To take it back: {command} undo {entry}", command=session.command, entry=outcome.entry))


def _undoable(session: Session, entry: str) -> bool:
    """Whether it may be offered; what is done to the practice stack is forgotten with it."""
    from ..fix.preparing import undo_refusal

    return not session.demo and not undo_refusal(session.journal().get(entry), session.host)


def interactive() -> bool:
    """Whether a person can be asked: stdin and stderr are a terminal."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def confirm(question: str, *, yes: bool, undone: str = N_("nothing was changed"), look: str = "") -> None:
    """Come back only when a person agrees, or ``yes`` agreed before. ``look`` names a way to only look."""
    if yes:
        return
    if not interactive():
        raise Stop(_("nobody can be asked here; to agree add --yes{look}", look=look), ExitCode.REFUSED)
    if not click.confirm(question, default=False, err=True):
        raise Stop(_(undone), ExitCode.REFUSED)


def show(session: Session, prepared: PreparedPlan, *, narrate: bool = False) -> None:
    """The plan with its diffs; ``narrate`` sends it to stderr, where it is for a person to agree to."""
    output = session.output
    if output.plain and not narrate:
        from ..report import plain

        for facts in plain.plan(prepared):
            output.facts(*facts)
        return
    from ..report import text

    width = min(120, shutil.get_terminal_size((100, 24)).columns)
    for word, kind, rest in text.plan(prepared, width):
        if narrate:
            output.say(f"{word}{rest}")
        else:
            output.painted(word, kind, rest)


def agree(session: Session, prepared: PreparedPlan, *, yes: bool, disruptive: bool, fix: bool = True) -> None:
    """Come back only with consent; Stop(REFUSED) otherwise. What is disruptive has to be asked for by that word."""
    if session.settings.read_only:
        raise Stop(_("read-only: nothing is changed; start without --read-only"), ExitCode.REFUSED)
    plan = prepared.plan
    names = ", ".join(plan.restarts)
    undecided = fix and plan.safety == "disruptive" and not disruptive
    risk = _("it restarts {names}", names=names) if names else _("a step of it cannot be taken back")
    if undecided and (yes or not interactive()):
        raise Stop(_("this fix is disruptive ({risk}); to agree add --disruptive", risk=risk), ExitCode.REFUSED)
    if session.output.json and not yes and interactive():
        show(session, prepared, narrate=True)
    if undecided and prepared.harms:
        _typed(prepared)
    else:
        question = _("This is disruptive: {risk}. Do it?", risk=risk) if undecided else _("Do it?")
        confirm(question, yes=yes, look=_(", to only look --dry-run"))


def _typed(prepared: PreparedPlan) -> None:
    """Ask for the name of what is changed for good, because y is pressed out of habit."""
    harm = "; ".join(step.describe() for step in prepared.lasting)
    word = shown(prepared.word)
    asked = shown(_("This cannot be taken back: {harm}. Type {word} to do it", harm=harm, word=word))
    if click.prompt(asked, default="", show_default=False, err=True) != word:
        raise Stop(_("nothing was changed"), ExitCode.REFUSED)
