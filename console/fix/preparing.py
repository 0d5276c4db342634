"""Making plans exact: each step is prepared on what the steps before it would leave. Reads only, changes nothing."""

from __future__ import annotations

import hashlib
import posixpath
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

import msgspec
from msgspec.structs import replace

from ..hosts import (
    Clock,
    Control,
    Databases,
    DatabaseTarget,
    Engine,
    Files,
    Gpus,
    Host,
    HostError,
    Http,
    HttpActs,
    Kernel,
    Locks,
    MongoLogin,
    MongoReply,
    NotFound,
    Rights,
)
from ..hosts.local.locking import own_container
from ..model import FileFact
from ..model.findings import Result
from ..text import _
from ..text.cleaning import masked
from .acts.base import sha256
from .plan import Plan, PreparedPlan
from .records import Entry, JournalStep
from .rollback import order
from .steps import PreparedStep, Step, StepContext, StepMoved
from .verifying import Expectation, Look


class HeldControl:
    """The Control of a host that only looks: a preview that acted on a container would be no preview."""

    LOOKS = frozenset({"service_config", "service_hashes", "validate_engine_config"})

    def __init__(self, base: Control) -> None:
        self._base = base

    def __getattr__(self, name: str) -> object:
        if name not in self.LOOKS:
            raise HostError(_("A preview does not {name} anything", name=name))
        return getattr(self._base, name)


class HeldDatabases:
    """The Databases of a host with acts held back: after one, its mongod is taken for the primary it would become."""

    def __init__(self, base: Databases) -> None:
        self._base = base
        self.ask_databases = base.ask_databases
        self._configs: dict[str, Mapping[str, object]] = {}

    async def ask_mongo(
        self, target: DatabaseTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        """As the host's, or as it would be."""
        config = self._configs.get(target.container)
        if config is None:
            return await self._base.ask_mongo(target, commands, login=login, deadline=deadline)
        name = config.get("_id")
        made: dict[str, MongoReply] = {
            "hello": {"ok": 1.0, "setName": name, "isWritablePrimary": True},
            "replSetGetStatus": {"ok": 1.0, "set": name, "myState": 1},
            "replSetGetConfig": {"ok": 1.0, "config": config},
        }
        return [made[command] for command in commands]

    async def command_mongo(
        self,
        target: DatabaseTarget,
        command: Mapping[str, object],
        *,
        login: MongoLogin | None = None,  # noqa: ARG002 - nothing is sent
        deadline: float,  # noqa: ARG002
    ) -> MongoReply:
        """Hold it back."""
        config = command.get("replSetInitiate") or command.get("replSetReconfig")
        self._configs[target.container] = config if isinstance(config, Mapping) else {}
        return {"ok": 1.0}


class Overlay:
    """The Files of a host with writes held back."""

    def __init__(self, base: Files) -> None:
        self._base = base
        self._facts: dict[str, FileFact] = {}
        self._contents: dict[str, bytes] = {}

    def pending(self) -> dict[str, bytes]:
        """Files that would be different, with their content."""
        return {path: content for path, content in self._contents.items() if self._facts[path].kind == "file"}

    def created(self) -> frozenset[str]:
        """Files that would be there and are not yet."""
        return frozenset(path for path in self.pending() if self._base.stat(path).kind == "missing")

    def originals(self) -> dict[str, str | None]:
        """SHA-256 of what the host has where files would be different; None where it has nothing."""
        return {path: self._base.stat(path, digest=True).sha256 for path in self.pending()}

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """As the host's, or as it would be. What is held back is found through links too."""
        if path in self._facts:
            return self._facts[path]
        fact = self._base.stat(path, digest=digest)
        held = self._facts.get(fact.link_target or path)
        return fact if held is None else replace(held, path=path, link_target=fact.link_target)

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """Content as it would be."""
        fact = self.stat(path)
        content = self._contents.get(fact.link_target or path)
        if content is None:
            if fact.kind != "file":
                raise NotFound(_("{path} would not be a file", path=path))
            return self._base.read(path, limit=limit)
        if len(content) > limit:
            raise HostError(_("{path} would be larger than {limit:,} bytes", path=path, limit=limit))
        return content

    def names(self, path: str) -> Sequence[str]:
        """Names in a directory, with those that would be made and without those that would go."""
        there = set(self._base.names(path)) if path not in self._facts else set()
        for changed, fact in self._facts.items():
            if posixpath.dirname(changed) == path:
                (there.discard if fact.kind == "missing" else there.add)(posixpath.basename(changed))
        return tuple(sorted(there))

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        """Hold a new content back; owner and mode stay."""
        fact = self.stat(path, digest=True)
        if fact.sha256 != expect or (expect is None and fact.kind != "missing"):
            raise HostError(_("{path} is not what it was", path=path))
        if expect is None:
            self.create(path, content, mode=0o644, uid=None, gid=None)
        else:
            self._put(fact, content)

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        """Hold a new file back. An owner that is not asked for is unknown: a set-gid folder may give another one."""
        if self.stat(path).kind != "missing":
            raise HostError(_("{path} exists already", path=path))
        self._put(FileFact(path=path, kind="file", mode=mode, uid=uid, gid=gid, links=1), content)

    def _put(self, fact: FileFact, content: bytes) -> None:
        self._contents[fact.path] = content
        digest = sha256(content)
        self._facts[fact.path] = replace(fact, size=len(content), sha256=digest, empty=not content, inode=None, links=1)

    def remove(self, path: str, *, expect: str) -> None:
        """Hold a removal back."""
        if self.stat(path, digest=True).sha256 != expect:
            raise HostError(_("{path} is not what it was", path=path))
        self._gone(path)

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Hold a new directory back."""
        if self.stat(path).kind != "missing":
            raise HostError(_("{path} exists already", path=path))
        self._contents.pop(path, None)
        self._facts[path] = FileFact(path=path, kind="directory", mode=mode, uid=uid, gid=gid, empty=True)

    def remove_directory(self, path: str) -> None:
        """Hold the removal of an empty directory back."""
        if self.stat(path).kind != "directory" or self.names(path):
            raise HostError(_("{path} is not an empty directory", path=path))
        self._gone(path)

    def _gone(self, path: str) -> None:
        self._contents.pop(path, None)
        self._facts[path] = FileFact(path=path, kind="missing")

    def chmod(self, path: str, mode: int, *, seen: FileFact | None = None) -> None:  # noqa: ARG002
        """Hold a mode back."""
        self._facts[path] = replace(self.stat(path, digest=True), mode=mode)

    def chown(self, path: str, uid: int, gid: int, *, seen: FileFact | None = None) -> None:  # noqa: ARG002
        """Hold an owner back."""
        self._facts[path] = replace(self.stat(path, digest=True), uid=uid, gid=gid)

    def may_write(
        self,
        path: str,
        content: bytes = b"",
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """Asks the host, unless an earlier step changes the path anyhow."""
        if path not in self._facts:
            self._base.may_write(path, content, mode=mode, uid=uid, gid=gid)

    def remove_leftovers(self, path: str) -> Sequence[str]:  # noqa: ARG002 - a preview removes nothing
        """Nothing: a preview leaves even other people's rubbish alone."""
        return ()


class PreviewHost:
    """A host whose files are an overlay; everything else is the host's own, and preparing only reads it."""

    def __init__(self, host: Host) -> None:
        self.name: str = host.name
        self.kind: Literal["local", "demo", "replay"] = host.kind
        self.read_only: bool = host.read_only
        self.engine: Engine | None = host.engine
        self.kernel: Kernel | None = host.kernel
        self.overlay = Overlay(host.files)
        self.files: Files = self.overlay
        self.rights: Rights = host.rights
        self.locks: Locks | None = None  # a preview changes nothing
        self.control = cast("Control", HeldControl(host.control))
        self.gpus: Gpus | None = host.gpus
        self.http: Http | None = host.http
        self.http_acts: HttpActs | None = None  # a preview sends nothing
        self.databases: Databases | None = None if host.databases is None else HeldDatabases(host.databases)
        self.clock: Clock = host.clock


class Refused(HostError):
    """It is not done, and nothing was changed."""


class _Preview:
    """A workbench on an overlay; each prepared step is applied to it, so that the next one sees its effect."""

    def __init__(self, host: Host, blobs: Mapping[str, bytes] | None = None) -> None:
        self._host = PreviewHost(host)
        self.bench = StepContext(self._host, blobs)
        self.bench.disk = host.files
        self.steps: list[PreparedStep] = []

    def add(self, step: Step, *, inverse: Step | None = None) -> None:
        """Prepare one step; keep it when it changes something. ``inverse`` overrules its own."""
        self._show_pending()
        prepared = step.prepare(self.bench)
        if prepared.changes and not step.is_service_step:
            prepared.step.apply(self.bench)
        if prepared.changes:
            self.steps.append(prepared if inverse is None else replace(prepared, inverse=inverse))

    def add_back(self, inverse: Step, step: Step) -> None:
        """What takes a step on a service back, on whatever is there now, with what takes that back."""
        self._show_pending()
        if (pair := inverse.prepare_back(self.bench, step)) is not None:
            exact, again = pair
            self.steps.append(PreparedStep(exact, again, exact.command()))

    def _show_pending(self) -> None:
        self.bench.pending = self._host.overlay.pending()
        self.bench.created = self._host.overlay.created()
        self.bench.originals = self._host.overlay.originals()

    def finish(self, plan: Plan, base: Files, *, of: str | None = None, notes: Iterable[str] = ()) -> PreparedPlan:
        """The exact plan."""
        paths = dict.fromkeys(path for row in self.steps if (path := getattr(row.step, "path", None)))
        was = tuple(base.stat(path, digest=True) for path in paths)
        prepared = PreparedPlan(
            plan=plan, steps=tuple(self.steps), was=was, will=self._will(paths),
            notes=tuple(dict.fromkeys((*self.bench.notes, *notes))), hash=_hash(plan, self.steps),
            kind="fix" if of is None else "undo", of=of, contents=self.bench.blobs,
        )  # fmt: skip
        prepared.when_dropped.extend(weakref.finalize(prepared, row.step.forget) for row in self.steps)
        return prepared

    def _will(self, paths: Iterable[str]) -> tuple[FileFact, ...]:
        return tuple(self._host.files.stat(path, digest=True) for path in paths)


def prepare(plan: Plan, host: Host, look: Look) -> PreparedPlan:
    """Make a plan exact. Raises StepFailed or another HostError when it cannot be done, Refused when it must not."""
    preview = _Preview(host)
    for step in plan.steps:
        asks = step.is_service_step and not (preview.steps or step.tells_itself)
        if asks and not _still_there(plan, look()):
            break
        _require_foreign(step)
        preview.add(step)
    lasting = (row.step for row in preview.steps if row.step.lasts(row.inverse))
    notes = [_("Only done, never taken back: {describe}", describe=step.describe()) for step in lasting]
    return preview.finish(plan, host.files, notes=notes)


def _still_there(plan: Plan, seen: Result) -> bool:
    """Where all files are as wanted the plan may be an old one: only a finding that is still there is a reason.

    Raises StepMoved where there is another one: that one wants a plan of its own.
    """
    gone = Expectation(plan.fault).gone(seen)
    if gone and seen.status == "finding":
        raise StepMoved(_("It is another finding by now: {title}", title=seen.title), _("look again, then decide"))
    return not gone


def prepare_undo(entry: Entry, host: Host, blobs: Mapping[str, bytes]) -> PreparedPlan:
    """The plan that takes a fix back. Raises Refused unless everything is still as the fix left it."""
    intent = entry.intent
    _require_undoable(entry)
    _require_as_left(entry, host.files)
    preview = _Preview(host, blobs)
    for name in entry.step_blobs():  # the undo has to be able to go back too
        preview.bench.content(name)
    for index in order(intent.steps, range(len(intent.steps))):
        row = intent.steps[index]
        if row.step.changes_nothing or row.inverse is None:  # the latter is refused above
            continue
        _require_foreign(row.inverse)
        if row.inverse.is_service_step:
            preview.add_back(row.inverse, row.step)
        else:
            preview.add(row.inverse, inverse=row.step)
    plan = Plan(
        check=intent.check, subject=intent.subject, title=_("Undo: {title}", title=intent.title), safety=intent.safety,
        restarts=intent.restarts, lock=intent.lock, settle=0.0, deadline=intent.deadline,
    )  # fmt: skip
    return preview.finish(plan, host.files, of=entry.id)


def undo_refusal(entry: Entry, host: Host) -> str:
    """Why this entry cannot be undone on this host as it is now; empty where it may be. Reads the files it left."""
    if entry.intent.host != host.name:
        return _("The entry {id} was made on {host}, and this is {host2}", id=entry.id, host=entry.intent.host,
                 host2=host.name)  # fmt: skip
    try:
        _require_undoable(entry)
        _require_as_left(entry, host.files)
    except HostError as error:
        return str(error)
    return ""


def _require_undoable(entry: Entry) -> None:
    why = {
        "open": _("was not finished: resume it or roll it back instead"),
        "rolled-back": _("was rolled back already"),
        "undone": _("is undone already"),
        "failed": _("failed and could not be rolled back; what to do by hand is in its entry"),
    }.get(entry.state)
    if why is not None:
        raise Refused(_("The entry {id} {why}", id=entry.id, why=why))
    if entry.intent.kind == "undo":
        raise Refused(_("The entry {id} is an undo itself: fix the finding again instead", id=entry.id))
    if all(row.step.changes_nothing for row in entry.intent.steps):
        raise Refused(_("The entry {id} changed nothing: there is nothing to take back", id=entry.id))
    if all(row.step.is_service_step and not row.step.undone_alone for row in entry.intent.steps):
        what = _(entry.intent.steps[0].step.left_behind) or _("only restarted a service")
        raise Refused(_("The entry {id} {what}: there is nothing to take back", id=entry.id, what=what))
    lasting = (row for row in entry.intent.steps if row.step.lasts(row.inverse))
    if (row := next(lasting, None)) is not None:
        raise Refused(_("It cannot be undone: {describe}", describe=row.describe))


def _require_as_left(entry: Entry, files: Files) -> None:
    from .acts.content import differences

    changed = differences(files, entry.left)
    if changed:
        raise Refused(
            _("Not undone, because since the fix: {changed}", changed="; ".join(changed)),
            _("take it back by hand, or put it as the fix left it"),
        )


def _require_foreign(step: Step) -> None:
    """Refuses to restart the container this process lives in: it would die in the middle. fact: fault F16."""
    if step.affects is not None and step.affects == own_container():
        raise Refused(
            _("stackops runs inside {target} and would end itself", target=step.target),
            _("run it on the host, or in a container of its own"),
        )


def journalled(prepared: PreparedPlan) -> tuple[JournalStep, ...]:
    """The steps as the journal holds them. Goes through JSON once, so that what is run is what could be read back."""
    rows = [
        {"step": row.step, "inverse": row.inverse, "describe": masked(row.step.describe()), "diff": row.diff}
        for row in prepared.steps
    ]
    return msgspec.json.decode(msgspec.json.encode(rows), type=tuple[JournalStep, ...])


def _hash(plan: Plan, steps: Sequence[PreparedStep]) -> str:
    exact = [plan.check, plan.subject, plan.lock, [row.step for row in steps], [row.inverse for row in steps]]
    return hashlib.sha256(msgspec.json.encode(exact)).hexdigest()
