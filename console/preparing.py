"""Making plans exact: each step is prepared on what the steps before it would leave. Reads only, changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from .diffs import masked
from .findings import Result
from .hosts import Files, Host, HostError
from .identity import own_container
from .model import FileFact
from .overlay import PreviewHost
from .plan import Plan, PreparedPlan
from .records import Entry, JournalStep
from .rollback import order
from .steps import AnyStep, ComposeUp, EngineReload, Prepared, RestartContainer, Step, StepMoved, UnloadModel, Workbench
from .verifying import Look, Wanted


class Refused(HostError):
    """It is not done, and nothing was changed."""


class _Preview:
    """A workbench on an overlay; each prepared step is applied to it, so that the next one sees its effect."""

    def __init__(self, host: Host, blobs: Mapping[str, bytes] | None = None) -> None:
        self._host = PreviewHost(host)
        self.bench = Workbench(self._host, blobs)
        self.steps: list[Prepared] = []

    def add(self, step: Step, *, inverse: Step | None = None) -> None:
        """Prepare one step; keep it when it changes something. ``inverse`` overrules its own."""
        self.bench.pending = self._host.overlay.pending()
        self.bench.created = self._host.overlay.created()
        self.bench.originals = self._host.overlay.originals()
        prepared = step.prepare(self.bench)
        if prepared.changes and not step.settles:
            prepared.step.apply(self.bench)
        if prepared.changes:
            self.steps.append(prepared if inverse is None else replace(prepared, inverse=inverse))

    def finish(self, plan: Plan, base: Files, *, of: str | None = None, notes: Iterable[str] = ()) -> PreparedPlan:
        """The exact plan."""
        paths = dict.fromkeys(path for row in self.steps if (path := getattr(row.step, "path", None)))
        was = tuple(base.stat(path, digest=True) for path in paths)
        return PreparedPlan(
            plan=plan, steps=tuple(self.steps), was=was, will=self._will(paths),
            notes=tuple(dict.fromkeys((*self.bench.notes, *notes))), hash=_hash(plan, self.steps),
            kind="fix" if of is None else "undo", of=of, contents=self.bench.blobs,
        )  # fmt: skip

    def _will(self, paths: Iterable[str]) -> tuple[FileFact, ...]:
        return tuple(self._host.files.stat(path, digest=True) for path in paths)


def prepare(plan: Plan, host: Host, look: Look) -> PreparedPlan:
    """Make a plan exact. Raises StepFailed or another HostError when it cannot be done, Refused when it must not."""
    preview = _Preview(host)
    for step in plan.steps:
        if step.settles and not preview.steps and not _still_there(plan, look()):
            break
        _require_foreign(step)
        preview.add(step)
    lasting = (row.step for row in preview.steps if row.inverse is None and not row.step.changes_nothing)
    notes = [f"Only done, never taken back: {step.describe()}" for step in lasting]
    return preview.finish(plan, host.files, notes=notes)


def _still_there(plan: Plan, seen: Result) -> bool:
    """Where all files are as wanted the plan may be an old one: only a finding that is still there is a reason.

    Raises StepMoved where there is another one: that one wants a plan of its own.
    """
    gone = Wanted(plan.fault).gone(seen)
    if gone and seen.status == "finding":
        raise StepMoved(f"It is another finding by now: {seen.title}", "look again, then decide")
    return not gone


def prepare_undo(entry: Entry, host: Host, blobs: Mapping[str, bytes]) -> PreparedPlan:
    """The plan that takes a fix back. Raises Refused unless everything is still as the fix left it."""
    intent = entry.intent
    _require_undoable(entry)
    _require_as_left(entry, host.files)
    preview = _Preview(host, blobs)
    for index in order(intent.steps, range(len(intent.steps))):
        row = intent.steps[index]
        if row.step.changes_nothing:
            continue
        if row.inverse is None:
            raise Refused(f"It cannot be undone: {row.describe}")
        _require_foreign(row.inverse)
        if row.inverse.settles:
            # what is there now is replaced, so it is not looked up; taking the undo back does the step again
            preview.steps.append(Prepared(row.inverse, _again(row.step), _command(row.inverse)))
        else:
            preview.add(row.inverse, inverse=row.step)
    plan = Plan(
        check=intent.check, subject=intent.subject, title=f"Undo: {intent.title}", safety=intent.safety,
        restarts=intent.restarts, lock=intent.lock, settle=0.0, deadline=intent.deadline,
    )  # fmt: skip
    return preview.finish(plan, host.files, of=entry.id)


def _require_undoable(entry: Entry) -> None:
    why = {
        "open": "was not finished: resume it or roll it back instead",
        "rolled-back": "was rolled back already",
        "undone": "is undone already",
        "failed": "failed and could not be rolled back; what to do by hand is in its entry",
    }.get(entry.state)
    if why is not None:
        raise Refused(f"The entry {entry.id} {why}")
    if entry.intent.kind == "undo":
        raise Refused(f"The entry {entry.id} is an undo itself: fix the finding again instead")
    if all(row.step.changes_nothing for row in entry.intent.steps):
        raise Refused(f"The entry {entry.id} changed nothing: there is nothing to take back")
    if all(isinstance(row.step, UnloadModel) for row in entry.intent.steps):
        raise Refused(f"The entry {entry.id} only unloaded a model: there is nothing to take back")
    if all(row.step.settles and not isinstance(row.step, EngineReload) for row in entry.intent.steps):
        raise Refused(f"The entry {entry.id} only restarted a service: there is nothing to take back")


def _require_as_left(entry: Entry, files: Files) -> None:
    from .differences import differences

    changed = differences(files, entry.left)
    if changed:
        raise Refused(
            f"Not undone, because since the fix: {'; '.join(changed)}",
            "take it back by hand, or put it as the fix left it",
        )


def _require_foreign(step: Step) -> None:
    """Refuses to restart the container this process lives in: it would die in the middle. fact: fault F16."""
    container = step.container if isinstance(step, ComposeUp | RestartContainer) else None
    if container is not None and container == own_container():
        raise Refused(
            f"stackops runs inside {step.target} and would end itself",
            "run it on the host, or in a container of its own",
        )


def _command(step: AnyStep) -> str:
    return step.command() if isinstance(step, ComposeUp | RestartContainer | EngineReload) else ""


def _again(step: AnyStep) -> AnyStep:
    if isinstance(step, ComposeUp):
        return replace(step, again=True, force_recreate=True, container=None)
    return replace(step, again=True) if isinstance(step, RestartContainer | EngineReload) else step


def journalled(prepared: PreparedPlan) -> tuple[JournalStep, ...]:
    """The steps as the journal holds them. Goes through JSON once, so that what is run is what could be read back."""
    rows = [
        {"step": row.step, "inverse": row.inverse, "describe": masked(row.step.describe()), "diff": row.diff}
        for row in prepared.steps
    ]
    return msgspec.json.decode(msgspec.json.encode(rows), type=tuple[JournalStep, ...])


def _hash(plan: Plan, steps: Sequence[Prepared]) -> str:
    exact = [plan.check, plan.subject, plan.lock, [row.step for row in steps], [row.inverse for row in steps]]
    return hashlib.sha256(msgspec.json.encode(exact)).hexdigest()
