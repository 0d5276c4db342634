"""The fix engine: prepares a plan, runs exactly that, proves it, and takes it back when it did not work.

Everything here is synchronous and meant for a worker thread. Whether the operator agreed is the caller's business;
whether it may be done at all (read-only, lock, audit, moved preconditions) is decided here, and nothing gets around it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

from ..exit_codes import ExitCode
from ..hosts import EngineUnreachable, Host, HostError
from ..hosts.acting import reach
from ..hosts.local.locking import who
from ..model import FileFact
from ..model.findings import Result
from ..text import _
from ..text.cleaning import masked
from ..text.traces import caught
from .acts.base import StopAsked
from .acts.content import differences
from .acts.standing import engine_away
from .audit import Audit, AuditLine, utc
from .journal import Journal
from .plan import Plan, PreparedPlan
from .preparing import Refused, journalled, prepare, prepare_undo
from .records import End, Entry, Failed, Intent, Left, Stopped, Taken
from .rollback import RolledBack, not_as_before, roll_back
from .running import Outcome, Progress, Run, Tell
from .steps import StepContext
from .verifying import Expectation, Pulse, verify

__all__ = ["ExitCode", "Fixer", "Outcome", "PreparedPlan", "Progress", "Refused"]


def _engine(host: Host) -> str | None:
    """The Engine's address, a socket by the path without links: it has several names by default."""
    if host.engine is None or not host.engine.address:
        return None
    path = host.engine.address.removeprefix("unix://")
    if path == host.engine.address:
        return masked(path)
    return f"unix://{host.files.stat(path).link_target or path}"


def _quiet(progress: Progress) -> None:
    """Nobody listens."""


class Fixer:
    """One host, one journal, one way to look at the finding again.

    ``look`` collects anew and returns what the check says of the subject now; it is called from the worker thread.
    """

    def __init__(self, host: Host, journal: Journal, look: Callable[[], Result]) -> None:
        self.host = host
        self.journal = journal
        self.look = look
        self.audit = Audit(journal.state / "audit.jsonl")

    def prepare(self, plan: Plan, answers: Mapping[str, str] | None = None) -> PreparedPlan:
        """Make a plan exact, changing nothing. Raises Refused or another HostError, with a sentence."""
        _require_answers(plan, answers or {})
        if plan.safety == "manual" and plan.steps:
            raise Refused(_("This is only shown: it has to be done by hand"))
        return prepare(plan, self.host, self.look)

    def prepare_undo(self, entry_id: str) -> PreparedPlan:
        """What undoing a fix would do. Raises Refused when something changed since."""
        self.journal.require_trust()
        entry = self.journal.get(entry_id)
        self._require_here(entry)
        return prepare_undo(entry, self.host, self.journal.contents(entry))

    def run(
        self, prepared: PreparedPlan, on_progress: Tell | None = None, stop: threading.Event | None = None
    ) -> Outcome:
        """Do what was shown: all of it and proven, or nothing. A ``stop`` ends it between two steps."""
        if prepared.empty:
            return Outcome("nothing", _("Nothing to do"))
        try:
            self._admit()
            with self._locked(prepared.plan.lock, on_progress or _quiet, stop):
                return self._run(prepared, on_progress or _quiet, stop)
        except HostError as error:
            return _not_begun(error)

    def undo(self, entry_id: str, on_progress: Tell | None = None, stop: threading.Event | None = None) -> Outcome:
        """Take a finished fix back, if everything is still as it left it."""
        try:
            return self.run(self.prepare_undo(entry_id), on_progress, stop)
        except HostError as error:
            return _not_begun(error)

    def resume(self, entry: Entry, on_progress: Tell | None = None, stop: threading.Event | None = None) -> Outcome:
        """Finish what a killed or stopped process began; one that was being rolled back is rolled back."""
        return self._take_over(entry, "resume", on_progress or _quiet, stop)

    def roll_back(self, entry: Entry, on_progress: Tell | None = None, stop: threading.Event | None = None) -> Outcome:
        """Take back what a killed or stopped process began. A ``stop`` ends only the wait for what was left behind."""
        return self._take_over(entry, "roll back", on_progress or _quiet, stop)

    # ---- admission -------------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        if self.host.read_only:
            raise Refused(_("The console is read-only"), _("start it without --read-only"))

    def _require_here(self, entry: Entry) -> None:
        """An entry names paths of one machine; the practice stack and a real one share a journal by mistake only."""
        if entry.intent.host != self.host.name:
            told = _("The entry {id} was made on {host}, and this is {host2}", id=entry.id, host=entry.intent.host,
                     host2=self.host.name)  # fmt: skip
            raise Refused(told)
        made, here = entry.intent.engine, _engine(self.host)
        if made is not None and here is not None and made != here:
            told = _("The entry {id} was made on the Engine at {made}, and this one is at {here}", id=entry.id,
                     made=made, here=here)  # fmt: skip
            raise Refused(told, _("say which Engine is meant: stackops --host {made}", made=made))

    @contextmanager
    def _locked(self, folder: str | None, tell: Tell, stop: threading.Event | None) -> Iterator[None]:
        """The lock of the project; a plan without one locks the journal."""
        self.journal.secure()
        with self.journal.locked(
            self.host, folder, lambda words: tell(Progress("wait", -1, 0, words, "running")), stop
        ):
            yield

    def _require_nothing_half_done(self, folder: str | None) -> None:
        """A half-done fix of the same project is finished or taken back first: its way back counts on its own state."""
        for entry in self.journal.open_entries():
            if entry.intent.lock == folder and entry.intent.host == self.host.name:
                raise Refused(
                    _("{kind} {id} of the same project is half done", kind=entry.intent.kind, id=entry.id),
                    _("stackops resume {id} finishes it, stackops rollback {id} takes it back", id=entry.id),
                )

    def _require_unmoved(self, prepared: PreparedPlan) -> None:
        """Before anything is written: every path and the first container are as they were shown."""
        moved = differences(self.host.files, prepared.was)
        if moved:
            told = _("Changed since the preview: {moved}", moved="; ".join(moved))
            raise Refused(told, _("look again and prepare a new plan"))
        bench = StepContext(self.host, prepared.contents)
        for row in prepared.steps:
            fine = ("before", "after") if row.step.shared else ("before",)
            if row.step.is_service_step and row.step.state(bench) not in fine:
                told = _("{target} was recreated since the preview", target=row.step.target)
                raise Refused(told, _("look again and prepare a new plan"))

    # ---- a new entry -----------------------------------------------------------------------------------------------

    def _run(self, prepared: PreparedPlan, tell: Tell, stop: threading.Event | None) -> Outcome:
        self._require_nothing_half_done(prepared.plan.lock)
        self._require_unmoved(prepared)
        intent = self._intent(prepared)
        begun_at = self._audit_begin(intent, intent.kind)
        try:
            self.journal.begin(intent, prepared.contents.values())
        except HostError as error:
            self._audit_end(intent, intent.kind, Outcome("refused", str(error)), begun_at)
            raise
        reach("after_backup")
        for finalizer in prepared.when_dropped:
            finalizer.detach()
        bench = StepContext(self.host, prepared.contents)
        run = Run(bench, self.journal, intent.id, intent.steps, tell, stop)
        outcome = self._finish(run, intent)
        _forget(run, intent, outcome)
        return self._audit_end(intent, intent.kind, outcome, begun_at)

    def _intent(self, prepared: PreparedPlan) -> Intent:
        from ... import __version__

        plan, at = prepared.plan, self.host.clock.now()
        return Intent(
            id=self.journal.new_id(at), kind=prepared.kind, check=plan.check, subject=masked(plan.subject),
            title=masked(plan.title), safety=plan.safety, host=self.host.name, at=at, who=who(), version=__version__,
            plan_hash=prepared.hash, steps=journalled(prepared), was=prepared.was, will=prepared.will,
            restarts=plan.restarts, lock=plan.lock, settle=plan.settle, deadline=plan.deadline, of=prepared.of,
            fault=plan.fault, uncovers=plan.uncovers, engine=_engine(self.host),
        )  # fmt: skip

    # ---- an open entry ---------------------------------------------------------------------------------------------

    def _take_over(
        self, entry: Entry, how: Literal["resume", "roll back"], tell: Tell, stop: threading.Event | None
    ) -> Outcome:
        try:
            self._admit()
            self._require_here(entry)
            with self._locked(entry.intent.lock, tell, stop):
                return self._taken_over(self.journal.get(entry.id), how, tell, stop)
        except HostError as error:
            return Outcome("refused", str(error), entry=entry.id, remedy=error.remedy)

    def _taken_over(
        self, entry: Entry, how: Literal["resume", "roll back"], tell: Tell, stop: threading.Event | None
    ) -> Outcome:
        intent = entry.intent
        if entry.state != "open" or entry.running:
            what = _("still being worked on") if entry.running else entry.state
            raise Refused(_("The entry {id} is {what}", id=entry.id, what=what))
        begun_at = self._audit_begin(intent, how)
        self.journal.append(entry.id, Taken(how, who(), self.host.clock.now()))
        for fact in intent.was:
            with suppress(HostError):  # a temporary file left behind harms nobody
                self.host.files.remove_leftovers(fact.path)
        bench = StepContext(self.host, self.journal.contents(entry))
        run = Run(
            bench, self.journal, entry.id, intent.steps, tell, stop,
            done=entry.done, begun=entry.begun, half_back=entry.half_back,
        )  # fmt: skip
        if how == "roll back" or entry.rolling_back:
            outcome = self._back(run, intent, _("Rolled back after it was interrupted"), entry.taken_back)
        else:
            outcome = self._finish(run, intent)
        _forget(run, intent, outcome)
        return self._audit_end(intent, how, outcome, begun_at)

    # ---- doing and taking back -------------------------------------------------------------------------------------

    def _finish(self, run: Run, intent: Intent) -> Outcome:
        """Do the steps and prove them; on any failure take everything back, but for an Engine that went away."""
        try:
            run.forward(intent.will)
            other = self._verify(run, intent)
            left = tuple(self.host.files.stat(fact.path, digest=True) for fact in intent.was)
            self.journal.append(run.entry_id, Left(left, self.host.clock.now()))
            lacks = not_as_before(run.bench, [row.step for row in run.steps]) if intent.kind == "undo" else ()
            said = (*run.passed, *_remains(other), *lacks)
            self.journal.append(run.entry_id, End("done", self.host.clock.now(), said))
        except StopAsked:
            return self._stopped(run)
        except EngineUnreachable as error:
            if any(row.step.read_by_engine for row in run.steps):
                return self._back(run, intent, str(error))
            return self._away(run, str(error), back=False)
        except HostError as error:
            return self._back(run, intent, str(error))
        except Exception as error:  # noqa: BLE001 - even our own mistake must not leave half a fix behind
            caught(f"fix {intent.check}", error)
            why = _("stackops itself failed ({error}); please report it", error=type(error).__name__)
            return self._back(run, intent, why)
        self.journal.prune()
        undone = _("Taken back, but not everything is as before") if lacks else _("Undone")
        how, title = (
            _("Done") if intent.kind == "fix" else undone,
            intent.title.removeprefix(_("Undo: {title}", title="")),
        )
        return Outcome("done", f"{how}: {title}", said, run.entry_id)

    def _verify(self, run: Run, intent: Intent) -> Result | None:
        """A fix is proven by its finding, an undo by its files, just read back, and services that are there.

        Both by the containers too: each is what the preview showed. Returns what else is found.
        """
        reach("before_verify")
        total, undo = len(run.steps), intent.kind == "undo"
        what = _("Look again whether {check} is gone", check=intent.check)
        what = _("Look whether the services are there") if undo else what
        run.tell(Progress("verify", -1, total, what, "running"))
        pulse = Pulse(self.host, [row.step for row in run.steps])
        asked_of = Result(intent.check, intent.subject, "not_applicable", _("Its finding is what an undo brings back"))
        try:
            other = verify(
                (lambda: asked_of) if undo else self.look, self.host.clock, deadline=intent.deadline,
                settle=intent.settle, wanted=_wanted(intent), trouble=pulse.absence if undo else pulse.trouble,
                stop=run.stop,
            )  # fmt: skip
            _require_made(run)
        except HostError as error:
            run.tell(Progress("verify", -1, total, intent.check, "failed", str(error)))
            if any(row.step.is_service_step for row in run.steps) and (away := engine_away(self.host)) is not None:
                raise away from error  # nothing was proven, and nothing disproven
            self.journal.append(run.entry_id, Failed(None, self.host.clock.now(), str(error)))
            raise
        run.tell(Progress("verify", -1, total, intent.check, "done"))
        return other

    def _stopped(self, run: Run) -> Outcome:
        if not run.done and not run.begun:
            why = _("Stopped before the first step; nothing was changed")
            with suppress(HostError):
                self.journal.append(run.entry_id, End("rolled-back", self.host.clock.now(), (why,)))
            return Outcome("stopped", why, entry=run.entry_id)
        left = len(run.steps) - len(run.done)
        why = _("Stopped after {count} of {total} steps", count=len(run.done), total=len(run.steps))
        why += "" if left else _(", before it was verified")
        with suppress(HostError):
            self.journal.append(run.entry_id, Stopped(self.host.clock.now(), why))
        remedy = _("resume it or roll it back: stackops journal")
        return Outcome("stopped", why, entry=run.entry_id, remedy=remedy)

    def _away(self, run: Run, why: str, says: tuple[str, ...] = (), *, back: bool) -> Outcome:
        """The Engine went away: nothing more is done, and the entry stays open until it is back."""
        why, name = masked(why), run.entry_id
        with suppress(HostError):
            self.journal.append(name, Stopped(self.host.clock.now(), why))
        again = _("stackops rollback {name} goes on taking it back", name=name)
        forward = _("stackops resume {name} goes on, stackops rollback {name} takes it back", name=name)
        remedy = _("when the Engine is back: {again}", again=again if back else forward)
        return Outcome("engine-away", why, says, name, remedy)

    def _back(self, run: Run, intent: Intent, why: str, already: frozenset[int] = frozenset()) -> Outcome:
        """Take back, record, and say how it went."""
        why = masked(why)
        try:
            back = roll_back(run, intent.was, already=already)
        except Exception as error:  # noqa: BLE001 - the worst moment to die with a traceback
            caught(f"rolling back {intent.check}", error)
            told = _("rolling back broke with {error}; please report it", error=type(error).__name__)
            back = RolledBack(whole=False, says=(told,))
        says = tuple(masked(line) for line in back.says)
        if back.away is not None:
            return self._away(run, back.away, (why, *says), back=True)
        with suppress(HostError):
            state: Literal["rolled-back", "failed"] = "rolled-back" if back.whole else "failed"
            self.journal.append(run.entry_id, End(state, self.host.clock.now(), (why, *says)))
        if back.whole:
            how = _("Everything is as it was before, but for this:") if says else _("Everything is as it was before")
            return Outcome("rolled-back", why, (how, *says), run.entry_id)
        backups = _("The backups are in {directory}", directory=self.journal.blobs.directory)
        return Outcome("rollback-failed", why, (*says, backups), run.entry_id, _("nothing more is tried: look at once"))

    # ---- audit -----------------------------------------------------------------------------------------------------

    def _audit_begin(self, intent: Intent, act: str) -> float:
        self.audit.write(self._line("begin", intent, act))
        return self.host.clock.monotonic()

    def _audit_end(self, intent: Intent, act: str, outcome: Outcome, begun_at: float) -> Outcome:
        seconds = round(self.host.clock.monotonic() - begun_at, 3)
        try:
            self.audit.write(self._line("end", intent, act, outcome, seconds))
        except HostError as error:
            return Outcome(outcome.name, outcome.sentence, (*outcome.says, str(error)), outcome.entry, outcome.remedy)
        return outcome

    def _line(
        self, event: str, intent: Intent, act: str, outcome: Outcome | None = None, seconds: float | None = None
    ) -> AuditLine:
        clock = self.host.clock
        return AuditLine(
            event=event, time=utc(clock.now()), monotonic=round(clock.monotonic(), 3), who=who(), host=self.host.name,
            version=intent.version, entry=intent.id, act=act, check=intent.check, subject=intent.subject,
            targets=tuple(row.step.audit_name() for row in intent.steps), plan_hash=intent.plan_hash,
            before=_hashes(intent.was), after=_hashes(intent.will),
            diff="" if outcome else "\n".join(row.diff for row in intent.steps if row.diff),
            outcome=outcome.name if outcome else "", says=(outcome.sentence, *outcome.says) if outcome else (),
            seconds=seconds,
        )  # fmt: skip


def _not_begun(error: HostError) -> Outcome:
    """Nothing was changed, and why."""
    name: Literal["engine-away", "refused"] = "engine-away" if isinstance(error, EngineUnreachable) else "refused"
    return Outcome(name, str(error), remedy=error.remedy)


def _forget(run: Run, intent: Intent, outcome: Outcome) -> None:
    """What was typed lives as long as a step needs it: the rest of a stopped one, the way back of one that is done."""
    if outcome.name in ("stopped", "engine-away"):
        return
    for row in run.steps:
        if outcome.name != "done" or intent.kind == "undo" or row.inverse is None:
            row.step.forget()


def _require_made(run: Run) -> None:
    for row in run.steps:
        row.step.require_made(run.bench)


def _wanted(intent: Intent) -> Expectation:
    lasting = any(row.step.lasts(row.inverse) for row in intent.steps)
    return Expectation(intent.fault, intent.uncovers, lasting)


def _remains(other: Result | None) -> tuple[str, ...]:
    return () if other is None else (_("another finding remains: {masked}", masked=masked(other.title)),)


def _require_answers(plan: Plan, answers: Mapping[str, str]) -> None:
    for question in plan.questions:
        answer = answers.get(question.key, question.default)
        if answer is None:
            raise Refused(_("It has to be told: {prompt}", prompt=question.prompt), f"--set {question.key}=VALUE")
        if question.choices and answer not in question.choices:
            raise Refused(_("{key} is one of: {choices}", key=question.key, choices=", ".join(question.choices)))


def _hashes(facts: tuple[FileFact, ...]) -> dict[str, str]:
    return {fact.path: fact.sha256 for fact in facts if fact.sha256 is not None}
