"""Taking back what was done: files in reverse order first, then the services that have to follow them.

Goes on without a journal where none can be written any more; stops at the first thing that cannot be taken back and
then names both states and the backups. It never tries a second way.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from ..hosts import Files, HostError
from ..hosts.acting import reach
from ..model import FileFact
from ..text import _
from .acts.content import difference
from .journal import BlobStore
from .records import About, Did, Failed, JournalStep, Record
from .running import Progress, Run, attempt, away_at, bounded
from .steps import AnyStep, Step, StepContext, StepFailed

_GRACE = 5.0
"""Seconds that a step which did not end gets to end after all."""


class RolledBack(Struct, frozen=True):
    """How taking back went."""

    whole: bool
    """Whether everything is as it was."""
    says: tuple[str, ...]
    """What failed, what was let pass, what to do by hand."""
    away: str | None = None
    """Why the Engine could not be reached: the rest is taken back when it can be."""


def order(steps: tuple[JournalStep, ...], which: Iterable[int]) -> tuple[int, ...]:
    """The order of taking back: last file first, then the settling steps, last first."""
    backwards = sorted(which, reverse=True)
    return tuple(sorted(backwards, key=lambda index: steps[index].step.is_service_step))


def roll_back(run: Run, was: tuple[FileFact, ...], *, already: Iterable[int] = ()) -> RolledBack:
    """Take back every step that was, or may have been, done. Steps in ``already`` have been taken back before."""
    says: list[str] = []
    if _still_hangs(run):
        still = _("The step that did not end may still change something, so nothing is taken back behind its back")
        return RolledBack(whole=False, says=(still, *_by_hand(run, was)))
    gone = set(already)
    checked = False
    for index in order(run.steps, _changed(run)):
        if run.steps[index].step.is_service_step and not checked:
            checked = True
            if found := _unlike(run.bench.host.files, _not_held(run, was)):
                return RolledBack(whole=False, says=(*says, *found, *_by_hand(run, was)))
        if index in gone:
            continue
        try:
            if _is_done_for(run, index):
                says.append(
                    _("Not done again, because no file was changed: {describe}", describe=run.steps[index].describe)
                )
            else:
                says += _take_back(run, index)
        except HostError as error:
            if (away := away_at(run.steps[index].step, run.bench, error)) is not None:
                _tell(run, index, "failed", str(away))
                return RolledBack(whole=False, says=tuple(says), away=str(away))
            _tell(run, index, "failed", str(error))
            _record(run, Failed(index, run.bench.host.clock.now(), str(error), back=True))
            return RolledBack(whole=False, says=(*says, str(error), *_by_hand(run, was), *_follow(run, index)))
    found = _unlike(run.bench.host.files, was)
    if found and not checked:
        return RolledBack(whole=False, says=(*says, *found, *_by_hand(run, was)))
    # the files were as before; what differs now the Engine made of them, such as a directory for a missing file
    lacks = not_as_before(run.bench, [run.steps[index].inverse for index in sorted(_changed(run))])
    says = [*lacks, *says, *(_("Since then: {sentence}", sentence=sentence) for sentence in found)]
    return RolledBack(whole=True, says=tuple(says))


def not_as_before(bench: StepContext, steps: Iterable[Step | None]) -> tuple[str, ...]:
    """What the containers of these ways back have otherwise than before the fix."""
    says: list[str] = []
    for step in steps:
        try:
            says += step.lacks(bench) if step is not None else ()
        except HostError as error:
            says.append(
                _(
                    "Cannot say whether {target} is as before the fix: {error}",
                    target=step.target if step else "",
                    error=error,
                )
            )
    return tuple(says)


def _not_held(run: Run, was: tuple[FileFact, ...]) -> tuple[FileFact, ...]:
    """Without the paths that a way back, killed in its middle, will put right when it is gone on with."""
    held = run.held([row.inverse for row in run.steps])
    return tuple(fact for fact in was if fact.path not in held)


def _changed(run: Run) -> set[int]:
    """What was, or may have been, done, but for the steps that change nothing."""
    return {index for index in run.done | run.begun if not run.steps[index].step.changes_nothing}


def _is_done_for(run: Run, index: int) -> bool:
    """Whether the step did its work, and doing it again would let a service follow files that nobody changed."""
    step = run.steps[index].step
    follows = any(not run.steps[each].step.is_service_step for each in _changed(run))
    return step.repeated_to_follow and not follows and (index in run.done or step.no_worse(run.bench))


def _still_hangs(run: Run) -> bool:
    if run.hanging is not None:
        run.hanging.join(_GRACE)
    return run.hanging is not None and run.hanging.is_alive()


def _take_back(run: Run, index: int) -> list[str]:
    """Take one step back; what may fail and does is a sentence. Raises HostError."""
    row = run.steps[index]
    inverse = row.inverse
    if inverse is None:
        if row.step.left_behind:
            return [_("Not taken back, and it need not be: {describe}", describe=row.describe)]
        if row.step.state(run.bench) == "before":  # it was refused, nothing of it was done
            return []
        raise StepFailed(_("This cannot be taken back: {describe}", describe=row.describe))
    _tell(run, index, "running")
    _record(run, About(index, run.bench.host.clock.now(), back=True))
    reach("in_rollback")
    passed: list[str] = []
    bounded(lambda: passed.extend(_invert(run, index, inverse)), inverse.deadline, inverse.describe())
    _record(run, Did(index, run.bench.host.clock.now(), back=True))
    _tell(run, index, "done", *passed)
    return passed


def _invert(run: Run, index: int, inverse: AnyStep) -> list[str]:
    cut_short = index in (run.begun - run.done) | run.half_back
    said = list(inverse.tidy(run.bench)) if cut_short else []
    state = inverse.state(run.bench)
    if state == "moved":
        raise StepFailed(
            _("{target} is neither as it was nor as the fix left it, so it is left alone", target=inverse.target)
        )
    passed = attempt(inverse, run.bench) if state == "before" else None
    return [*said, passed] if passed else said


def _unlike(files: Files, was: tuple[FileFact, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for fact in was:
        try:
            sentence = difference(fact, files.stat(fact.path, digest=True))
        except HostError as error:
            sentence = _("{path} cannot be looked at: {error}", path=fact.path, error=error)
        found += [sentence] if sentence else []
    return tuple(found)


def _by_hand(run: Run, was: tuple[FileFact, ...]) -> tuple[str, ...]:
    """Both states of each path that is not as it was, where its backup lies, and the commands to put it back."""
    says: list[str] = []
    for fact in was:
        try:
            now = run.bench.host.files.stat(fact.path, digest=True)
        except HostError as error:
            says.append(
                _(
                    "{path}: before {state}; now not readable: {error}",
                    path=fact.path,
                    state=_state(fact),
                    error=error,
                )
            )
            continue
        if difference(fact, now):
            says.append(
                _("{path}: before {state}; now {state2}", path=fact.path, state=_state(fact), state2=_state(now))
            )
            says += _commands(fact, now, run.journal.blobs)
    return tuple(says)


def _follow(run: Run, failed: int) -> tuple[str, ...]:
    """The commands that would make the services follow their files, from the one that failed on."""
    backwards = order(run.steps, _changed(run))
    rest = [run.steps[index].inverse for index in backwards[backwards.index(failed) :]]
    commands = [step.command() for step in rest if step is not None]
    return tuple(
        _("by hand: {removeprefix}", removeprefix=command.removeprefix("$ ")) for command in commands if command
    )


def _state(fact: FileFact) -> str:
    if fact.kind != "file":
        return {"missing": _("not there"), "directory": "a directory"}.get(fact.kind, fact.kind)
    digest = fact.sha256[:12] if fact.sha256 else "unknown"
    return _(
        "a file (SHA-256 {digest}…, mode {mode:04o}, owner {uid}:{gid})",
        digest=digest,
        mode=fact.mode or 0,
        uid=fact.uid,
        gid=fact.gid,
    )


def _commands(fact: FileFact, now: FileFact, blobs: BlobStore) -> list[str]:
    """By hand only: shown, never run."""
    path = shlex.quote(fact.path)
    if fact.kind == "missing":
        return [_("by hand: rm -- {path}", path=path)] if now.kind == "file" else []
    if fact.kind == "directory":
        return [_("by hand: rm -- {path}; mkdir -m {mode:o} -- {path}", path=path, mode=fact.mode or 493)]
    backup = blobs.path(fact.sha256) if fact.sha256 else None
    found = (
        []
        if backup is None or fact.sha256 == now.sha256
        else [_("by hand: cp -- {backup} {path}", backup=shlex.quote(str(backup)), path=path)]
    )
    if fact.uid is not None and (fact.uid, fact.gid) != (now.uid, now.gid):
        found.append(_("by hand: chown {uid}:{gid} -- {path}", uid=fact.uid, gid=fact.gid, path=path))
    if fact.mode is not None and fact.mode != now.mode:
        found.append(_("by hand: chmod {mode:o} -- {path}", mode=fact.mode, path=path))
    return found


def _record(run: Run, record: Record) -> None:
    try:
        run.journal.append(run.entry_id, record)
    except HostError:
        return  # the stack comes first; the state of each file tells after a kill what was taken back


def _tell(run: Run, index: int, state: Literal["running", "done", "failed"], detail: str = "") -> None:
    row = run.steps[index]
    what = row.inverse.describe() if row.inverse is not None else row.describe
    run.tell(Progress("roll back", index, len(run.steps), what, state, detail))
