"""mongod refuses its key file: missing, a directory, wrong mode or owner, unusable content.

What it does
    For every MongoDB whose command names a ``--keyFile`` that is mounted from the host, looks at that file the way
    mongod does and in the same order: is it there, is it a file, is it closed to group and others, can the user mongod
    runs as read it, does it hold a key of 6 to 1024 base64 characters. The log lines 20254, 20255 and 20575 of the
    container are shown as evidence. A key file that is good again while mongod still lies dead from it is reported too
    (``not-restarted``). What cannot be read by this user is ``unknown``, and mode and owner are judged all the same.

Why it matters
    mongod ends at once, or at its next start: the rules are applied when it starts and not before. Its last line,
    "Unable to acquire security key", does not say why, and a directory is reported as "too open", which sends people to
    chmod. Where a script is process 1, as in the compose files of FastGPT, the container keeps running without mongod.

Fix
    Keeps the content of a key that exists: sets mode 400, then the owner (999 in the official image). Where there is no
    key, or Docker has made an empty directory of its name, writes 756 random bytes in base64. Content that mongod
    cannot use is replaced; the old content stays in the journal. After a directory the container is recreated, a dead
    one is started, a crash loop restarted, and a running mongod is left alone.

Sources
    mongo security_file.cpp, security_key.cpp (log ids 20254, 20255, 20575); docker-library/mongo docker-entrypoint.sh;
    FastGPT issues 834 and 1053; modes, owners and bind mounts measured with Engine 20.10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ...console.findings import Evidence, FixSummary, Result, Safety, Severity
from ...console.model import FileFact, KeyFileFact, Snapshot
from ...console.plan import Plan, Question
from ...console.settings import Settings
from ...console.steps import (
    AnyStep,
    Chmod,
    Chown,
    ComposeUp,
    CreateFile,
    RandomKey,
    ReplaceDirectoryByFile,
    ReplaceFile,
    RestartContainer,
)
from .. import Check, compose
from ..compose import ENDED, Placed, Reach, fact_of, placed, reach
from .keyfile_examples import EXAMPLES
from .mongod import Mongod, mongod_of

ID = "mongo.keyfile"
SHORTEST, LONGEST = 6, 1024
"""Characters without white space. fact: mongo security_key.cpp"""
OPEN = 0o077
LOG = ("mongo.20254", "mongo.20255", "mongo.20575")
STEADY = 5.0
"""Seconds after which a mongod that runs has read its key: it does so first of all."""
NO_KEY = ("missing", "directory")
BAD_CONTENT = ("empty", "bad-characters", "bad-length", "too-many-keys")

WORDS: dict[str, tuple[str, str, str]] = {
    "missing": (
        "The key file {host} does not exist",
        "Without it mongod ends at once, or Docker makes a directory of its name when the container starts",
        "generate a key file",
    ),
    "directory": (
        "{host} is a directory, mongod needs a file there",
        "The file was missing when first started, so Docker made a directory. chmod does not help",
        "replace the directory by a key file and recreate the service",
    ),
    "not-a-file": (
        "{host} is neither a file nor a directory",
        "mongod can only read a regular file",
        "put a regular file there by hand",
    ),
    "too-open": (
        "The key file {host} is open to group or others",
        "mongod refuses a key file with any permission for group or others",
        "set mode 400{owner}, keep the key",
    ),
    "wrong-owner": (
        "mongod cannot read its key file {host}",
        "With group and others shut out, as mongod demands, only the owner can read the file",
        "make it readable for the user mongod runs as, keep the key",
    ),
    "empty": ("The key file {host} holds no key", "mongod wants 6 to 1024 base64 characters", "write a new key"),
    "bad-characters": (
        "The key in {host} has characters outside base64",
        "mongod accepts letters, digits, +, / and =",
        "write a new key",
    ),
    "bad-length": (
        "The key in {host} has an unusable length",
        "mongod wants 6 to 1024 characters without white space",
        "write a new key",
    ),
    "too-many-keys": (
        "{host} holds more than two keys",
        "mongod takes one key, or two while keys are being changed",
        "leave one key in the file, the one the other members use",
    ),
    "not-restarted": (
        "The key file is good now, but mongod is still down",
        "mongod read the file when it was not good and has not been started since",
        "start mongod again",
    ),
}
"""By form: title, cause, fix in one line."""


@dataclass(frozen=True)
class Case:
    """One mongod and its key file."""

    place: Placed
    mongod: Mongod
    reach: Reach | None
    fact: FileFact | None = None
    content: KeyFileFact | None = None
    failing: bool = False
    """The log says, after the last start, that the key file was refused."""
    mapped: bool = False
    """User ids inside the container are not those of the host (rootless)."""

    @property
    def host(self) -> str:
        """Path on the host."""
        return self.reach.source if self.reach and self.reach.kind == "bind" else ""

    @property
    def uid(self) -> int | None:
        """User id on the host that has to read the file; None when it cannot be told."""
        return None if self.mapped else self.mongod.uid

    @property
    def mount_error(self) -> bool:
        """The last start failed because the container was made when there was a directory."""
        error = self.place.container.error if self.place.container else None
        return bool(error and "not a directory" in error)

    @property
    def alive(self) -> bool:
        """Whether a mongod runs, as far as the state and the log of its container tell."""
        return self.place.state in ("running", "paused") and not self.failing


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per mongod with a key file."""
    for case in _cases(snapshot):
        yield _judge(case, snapshot)


def _cases(snapshot: Snapshot) -> Iterator[Case]:
    for place in placed(snapshot, "mongo"):
        mongod = mongod_of(place)
        if mongod.key_path is None:
            continue
        mounts = place.container.mounts if place.container else (place.declared.volumes if place.declared else ())
        found = reach(mongod.key_path, mounts)
        host = found.source if found and found.kind == "bind" else None
        content = next((one for one in snapshot.keyfiles if host and one.path == host), None)
        marks = [m.mark for m in compose.marks_since_start(snapshot, place.container)]
        telling = [mark for mark in marks if mark in (*LOG, "mongo.23016")]
        failing = bool(telling) and telling[-1] != "mongo.23016"
        mapped = bool(snapshot.engine and snapshot.engine.rootless)
        yield Case(place, mongod, found, fact_of(snapshot, host), content, failing, mapped)


def _judge(case: Case, snapshot: Snapshot) -> Result:
    place = case.place
    evidence = (*_evidence(case), *_log(case, snapshot))
    if place.container and not place.container.detailed:
        return _unknown(case, evidence, "the container has not been inspected yet")
    if not case.host:
        return _inside(case, evidence)
    if case.fact is None or case.fact.kind == "unreadable":
        return _unknown(case, evidence, f"{case.host} cannot be looked at from here by this user")
    forms = _problems(case)
    if forms:
        return _finding(case, forms[0], evidence, snapshot)
    return _content_seen(case, evidence, snapshot)


def _inside(case: Case, evidence: tuple[Evidence, ...]) -> Result:
    """The key file is not mounted from the host."""
    if case.mongod.generates_key:
        title = f"The key file {case.mongod.key_path} is made inside the container at every start"
        return Result(ID, case.place.subject, "ok", title, evidence=evidence)
    if case.alive and not case.mongod.wrapped:
        title = f"mongod runs with the key file {case.mongod.key_path} of its image or volume"
        return Result(ID, case.place.subject, "ok", title, evidence=evidence)
    return _unknown(case, evidence, f"{case.mongod.key_path} does not lie on the host but in the image or a volume")


def _content_seen(case: Case, evidence: tuple[Evidence, ...], snapshot: Snapshot) -> Result:
    """Mode and owner are good and nothing is known against the content."""
    if (case.failing and not case.alive) or case.mount_error:
        return _finding(case, "not-restarted", evidence, snapshot)
    container, fact = case.place.container, case.fact
    told = case.content is not None and None not in (case.content.length, case.content.bad_characters)
    started = container.started_at if container else None
    steady = bool(started and fact and fact.mtime and snapshot.taken_at - started > STEADY and fact.mtime < started)
    if told or case.mongod.generates_key or (case.alive and not case.mongod.wrapped and steady):
        title = f"mongod can read its key file {case.host}"
        return Result(ID, case.place.subject, "ok", title, evidence=evidence)
    return _unknown(case, evidence, f"mode and owner are good; the key in {case.host} cannot be read by this user")


def _unknown(case: Case, evidence: tuple[Evidence, ...], because: str) -> Result:
    title = f"Whether the key file {case.mongod.key_path} is good cannot be told"
    return Result(ID, case.place.subject, "unknown", title, evidence=evidence, because=because)


def _problems(case: Case) -> tuple[str, ...]:
    """Everything wrong with the file, in the order mongod looks; empty when nothing is."""
    fact = case.fact
    if fact is None:
        return ()
    if fact.kind != "file":
        return (fact.kind if fact.kind in NO_KEY else "not-a-file",)
    if case.mongod.generates_key:
        return ()
    rules = (("too-open", _too_open(fact)), ("wrong-owner", _needs_owner(case) or _owner_shut_out(fact)))
    content = _content_problem(fact, case.content)
    return tuple(form for form, broken in rules if broken) + ((content,) if content else ())


def _too_open(fact: FileFact) -> bool:
    return fact.mode is not None and bool(fact.mode & OPEN)


def _owner_shut_out(fact: FileFact) -> bool:
    return fact.mode is not None and not fact.mode & 0o400


def _needs_owner(case: Case) -> bool:
    """Whether the file belongs to somebody else. The superuser reads all; the image's entrypoint may chown it."""
    fact, uid = case.fact, case.uid
    if fact is None or fact.uid is None or uid in (None, 0) or fact.uid == uid:
        return False
    read_only = bool(case.reach and case.reach.mount.read_only)
    return read_only or not case.mongod.chowns_key


def _content_problem(fact: FileFact, content: KeyFileFact | None) -> str | None:
    if fact.size == 0 or (content is not None and content.keys == 0):
        return "empty"
    if content is None:
        return None
    if content.bad_characters:
        return "bad-characters"
    if content.length is not None and not SHORTEST <= content.length <= LONGEST:
        return "empty" if content.length == 0 else "bad-length"
    return "too-many-keys" if content.keys is not None and content.keys > 2 else None


def _finding(case: Case, form: str, evidence: tuple[Evidence, ...], snapshot: Snapshot) -> Result:
    title, because, fix = WORDS[form]
    severity: Severity = "warning" if case.alive else "error"
    if case.alive:
        because += ". mongod still runs on what it read before; its next start fails"
    fix = fix.format(owner=f" and owner {case.uid}" if _needs_owner(case) else "")
    bare = Result(ID, case.place.subject, "finding", title.format(host=case.host), form=form)
    safety = _plan_for(case, bare, snapshot, {}).safety
    return compose.finding(
        ID, case.place.subject, form, bare.title, severity=severity, because=because, evidence=evidence,
        fix=FixSummary(safety, fix),
    )  # fmt: skip


def _evidence(case: Case) -> tuple[Evidence, ...]:
    place, rows = case.place, list(compose.file_evidence(case.fact, case.host))
    source = f"docker inspect {place.container.name}" if place.container else "compose files"
    rows.append(Evidence("--keyFile", case.mongod.key_path or "", source))
    if case.mongod.uid is not None:
        rows.append(Evidence("mongod runs as", str(case.mongod.uid), source))
    if case.content and case.content.length is not None:
        rows.append(Evidence("key length", f"{case.content.length} characters", case.host))
    if place.container:
        rows.append(Evidence("container", place.container.state, source))
    return tuple(rows)


def _log(case: Case, snapshot: Snapshot) -> Iterator[Evidence]:
    """What mongod said. Older builds append the key itself to "invalid char in key file": it is cut off here."""
    told = "invalid char in key file"
    for one in compose.log_evidence(snapshot, case.place.container, LOG):
        before, found, _ = one.value.partition(told)
        yield Evidence(one.label, f"{before}{told} {case.mongod.key_path}", one.source) if found else one


def plan(result: Result, snapshot: Snapshot, _settings: Settings, answers: Mapping[str, str]) -> Plan:
    """The repair of one finding, from the same Snapshot."""
    case = next((one for one in _cases(snapshot) if one.place.subject == result.subject), None)
    if case is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    return _plan_for(case, result, snapshot, answers)


def _plan_for(case: Case, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan:
    forms = _problems(case)
    asked = case.uid is None and forms[:1] and forms[0] in NO_KEY
    answer = answers.get("uid", "999")
    uid = case.uid if case.uid is not None else int(answer) if answer.isdecimal() else None
    end = _ending(case, forms)
    refused = _refusal(case, forms, snapshot, end) or (None if uid is not None else "The user id must be a number.")
    if refused:
        return compose.manual(result, refused)
    steps: list[AnyStep] = [*_file_steps(case, forms, uid), *([end] if isinstance(end, AnyStep) else [])]
    replaced, ends = any(isinstance(step, ReplaceFile) for step in steps), isinstance(end, AnyStep)
    safety: Safety = "disruptive" if replaced or ends else "safe"
    return Plan(
        check=ID, subject=case.place.subject, title=result.title, steps=tuple(steps), safety=safety,
        questions=(Question("uid", "Numeric user id that mongod runs as", default="999"),) if asked else (),
        restarts=(case.place.subject,) if ends else (), says=tuple(_says(case, forms, end, snapshot)),
        lock=case.place.directory, settle=5.0,
    )  # fmt: skip


def _file_steps(case: Case, forms: tuple[str, ...], uid: int | None) -> Iterator[AnyStep]:
    """Narrow first, give away second, write last: at no moment is a key more open, or less readable, than before."""
    key, gid = RandomKey(), 999 if uid == 999 else None
    if "missing" in forms:
        yield CreateFile(path=case.host, content=key, mode=0o400, uid=uid, gid=gid)
    if "directory" in forms:
        yield ReplaceDirectoryByFile(path=case.host, content=key, mode=0o400, uid=uid, gid=gid)
    if case.fact is None or case.fact.kind != "file":
        return
    if _too_open(case.fact) or _owner_shut_out(case.fact):
        yield Chmod(path=case.host, mode=0o400)
    if _needs_owner(case) and uid is not None:
        yield Chown(path=case.host, uid=uid, gid=gid)
    if set(forms) & set(BAD_CONTENT):
        yield ReplaceFile(path=case.host, content=key)


def _ending(case: Case, forms: tuple[str, ...]) -> ComposeUp | RestartContainer | Literal["nothing", "impossible"]:
    """What brings mongod up with the repaired file."""
    place, container = case.place, case.place.container
    if container is None or (case.alive and "directory" not in forms):
        return "nothing"
    if "directory" in forms or "missing" in forms or case.mount_error:
        return compose.bring_up(place, force=True) or "impossible"
    restart = RestartContainer(container=container.id, name=container.name)
    if container.state in ENDED:
        return compose.bring_up(place) or restart
    return restart


def _refusal(case: Case, forms: tuple[str, ...], snapshot: Snapshot, end: object) -> str | None:
    """Why this is left to the operator."""
    first, os = forms[0] if forms else "", (snapshot.engine.os or "") if snapshot.engine else ""
    others = [one for one in _others(case, snapshot) if one.host != case.host]
    if first == "not-a-file":
        return f"Move {case.host} away and put the key there as a regular file."
    if first == "directory" and case.fact and case.fact.empty is not True:
        return f"{case.host} has content, which is not deleted. Move it away, put the key file there, look again."
    if "too-many-keys" in forms:
        return f"Leave one key in {case.host}: the one the other members of the set use."
    if "Docker Desktop" in os and first and first not in BAD_CONTENT:
        return "Docker Desktop does not carry modes and owners into containers: keep the key in a named volume."
    if first in NO_KEY and case.mapped:
        return "With a rootless Engine the owner has to be the mapped id of mongod's user: make the key file by hand."
    if first in NO_KEY and others:
        names = ", ".join(one.place.subject for one in others)
        return f"Copy the key of the other members of the set ({names}): all need the same one."
    if end == "impossible":
        return "The container was not made by Compose: make it anew once the key file is there."
    return None


def _others(case: Case, snapshot: Snapshot) -> list[Case]:
    """Other members of the same replica set on this machine."""
    name, subject = case.mongod.replica_set, case.place.subject
    return [one for one in _cases(snapshot) if name and one.mongod.replica_set == name and one.place.subject != subject]


def _says(case: Case, forms: tuple[str, ...], end: object, snapshot: Snapshot) -> Iterator[str]:
    if set(forms) & {*NO_KEY, *BAD_CONTENT}:
        yield "A new random key is written. Members of a replica set on other machines must get the same file."
    elif forms:
        yield "The key itself is not changed."
    if set(forms) & set(BAD_CONTENT):
        yield "The old content stays in the journal; undo puts it back."
    shared = [one.place.subject for one in _others(case, snapshot) if one.host == case.host]
    if shared:
        yield f"{', '.join(shared)} use the same file and are not restarted by this."
    if end == "nothing" and case.place.container:
        yield "mongod runs and is not restarted."
    elif end != "nothing":
        yield f"{case.place.subject} is started again; what uses the database loses its connections for a moment."


CHECK = Check(
    id=ID, title="mongod accepts its key file", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
