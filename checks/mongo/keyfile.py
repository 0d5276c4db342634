"""mongod refuses its key file: missing, a directory, wrong mode or owner, unusable content.

What it does
    For every MongoDB whose command names a ``--keyFile``, or whose configuration file on this machine a
    ``security.keyFile``, looks at that file on the host the way mongod does and in the same order: is it there, is it a
    file, is it closed to group and others, can the user mongod runs as read it, does it hold a key of 6 to 1024 base64
    characters. Where a start script copies it, the file that is copied is looked at. The log lines 20254, 20255 and
    20575 of the container are shown as evidence, and where the file does not lie on the host they decide. A key file
    that is good again while mongod still lies dead from it is reported too (``not-restarted``). What cannot be read by
    this user is ``unknown``, and mode and owner are judged all the same.

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

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...console.fix.steps import AnyStep, ComposeUp, RandomKey, ReplaceFile, RestartContainer
from ...console.model import FileFact, Snapshot, Volume
from ...console.text import N_, _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Question, Settings, Unknown, manual, repair
from ..compose import ENDED
from ..subjects import file_evidence
from .node import key_file_steps
from .start import LOG, MONGODB_UID, NO_KEY, KeyCase, key_cases

STEADY = 5.0
"""Seconds after which a mongod that runs has read its key: it does so first of all."""
BAD_CONTENT = {"empty", "bad-characters", "bad-length", "too-many-keys"}

_DOWN = (
    Form("missing", "The key file {host} does not exist",
         "Without it mongod ends at once, or Docker makes a directory of its name when the container starts",
         "generate a key file"),
    Form("directory", "{host} is a directory, mongod needs a file there",
         "The file was missing when first started, so Docker made a directory. chmod does not help",
         "replace the directory by a key file and recreate the service"),
    Form("not-a-file", "{host} is neither a file nor a directory", "mongod can only read a regular file",
         "put a regular file there by hand"),
    Form("too-open", "The key file {host} is open to group or others",
         "mongod refuses a key file with any permission for group or others", "set mode 400{owner}, keep the key"),
    Form("wrong-owner", "mongod cannot read its key file {host}",
         "With group and others shut out, as mongod demands, only the owner can read the file",
         "make it readable for the user mongod runs as, keep the key"),
    Form("empty", "The key file {host} holds no key", "mongod wants 6 to 1024 base64 characters", "write a new key"),
    Form("bad-characters", "The key in {host} has characters outside base64",
         "mongod accepts letters, digits, +, / and =", "write a new key"),
    Form("bad-length", "The key in {host} has an unusable length",
         "mongod wants 6 to 1024 characters without white space", "write a new key"),
    Form("too-many-keys", "{host} holds more than two keys",
         "mongod takes one key, or two while keys are being changed",
         "leave one key in the file, the one the other members use"),
    Form("not-restarted", "The key file is good now, but mongod is still down",
         "mongod read the file when it was not good and has not been started since", "start mongod again"),
)  # fmt: skip
_INSIDE = "mongod says so itself in its log, of the file inside the container: {said}"
_NOT_YET = replace(_DOWN[0], title="The key file {host} does not exist yet", because="{then}", variant="not-yet")
_WRONG_COPY = Form(
    "wrong-copy",
    "There will be no key file {path} in {subject}: its start script copies {source}, which nothing mounts",
    "mongod ends at once without its key file. {near}", "let the script copy the file that is mounted",
    advice="{near}\nWrite one name in the copy line and in volumes, then: docker compose up -d {service}",
)  # fmt: skip
_NOWHERE = Form(
    "nowhere", "There will be no key file {path} in {subject}: nothing mounts it",
    "The image has no such file, and mongod ends at once without its key file", "mount a key file at {path}",
    advice="Make a key: openssl rand -base64 756 > mongodb.key; chmod 400 mongodb.key; sudo chown 999:999 mongodb.key\n"
    "Mount it: add - ./mongodb.key:{path} to volumes of {service}\nThen: docker compose up -d {service}",
)  # fmt: skip
_REFUSED = Form(
    "refused", "mongod refuses its key file {path} inside {subject}: {reason}", _INSIDE, "{cure}",
    advice="{cure}.\nSee what lies there: docker compose run --rm --no-deps --entrypoint ls {service} -ln {folder}\n"
    "Then make the container again: docker compose up -d --force-recreate {service}",
)  # fmt: skip
_REFUSED_COPY = replace(
    _REFUSED,
    title="There is no key file {path} inside {subject}: its start script copies {source}, which nothing mounts",
    because=f"{_INSIDE}. {{near}}", variant="wrong-copy",
    fix="let the script copy the file that is mounted", advice=_WRONG_COPY.advice,
)  # fmt: skip
_UP = tuple(
    replace(
        form, because=f"{form.because}. mongod still runs on what it read before; its next start fails",
        severity="warning", variant="running",
    )
    for form in _DOWN
)  # fmt: skip
"""The same of a mongod that runs."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod with a key file."""
    cases = list(key_cases(snapshot))
    for one in cases:
        name = one.mongod.replica_set
        others = [other for other in cases if name and other.mongod.replica_set == name and other is not one]
        yield _judge(replace(one, others=tuple(others)), snapshot)


def _judge(facts: KeyCase, snapshot: Snapshot) -> Found:
    name, path, host = facts.place.subject, facts.mongod.key_path, facts.host
    rows = (*_evidence(facts), *_log(facts, snapshot))
    unknown = Unknown(name, _("Whether the key file {path} is good cannot be told", path=path), _why(facts), rows)
    form = _form(facts)
    if form is not None:
        return Case(name, form, facts, rows, _words(facts))
    if facts.mongod.generates_key:
        return Fine(name, _("The key file {path} is made inside the container at every start", path=path), rows)
    if host and facts.fact is not None and facts.fact.kind != "unreadable":
        seen = _content_seen(facts, facts.fact, snapshot)
        return Fine(name, _("mongod can read its key file {host}", host=host), rows) if seen else unknown
    if not host and facts.alive and not facts.mongod.wrapped:
        return Fine(name, _("mongod runs with the key file {path} of its image or volume", path=path), rows)
    return unknown


def _form(facts: KeyCase) -> Form | None:
    """What is wrong, by the file on the host; by the log where that is not known, or does not say it."""
    seen = bool(facts.host) and facts.fact is not None and facts.fact.kind != "unreadable"
    refused = (facts.failing or facts.flapping) and not facts.alive
    problem = next(iter(facts.problems), None) if seen else None
    if problem is not None:
        if problem == "missing" and facts.place.container is None:
            return _NOT_YET
        return next(each for each in (_UP if facts.alive else _DOWN) if each.id == problem)
    if facts.lost_source and (refused or facts.place.container is None):
        return _REFUSED_COPY if refused else _WRONG_COPY
    if facts.absent and not facts.mongod.generates_key:
        return _NOWHERE
    if refused and (not seen or facts.mongod.copied_from):
        return _REFUSED
    stale = seen and ((facts.failing and not facts.alive) or facts.mount_error)
    return next(each for each in _DOWN if each.id == "not-restarted") if stale else None


def _why(facts: KeyCase) -> str:
    """Why nothing can be said of it."""
    path, host = facts.mongod.key_path, facts.host
    if not host:
        return _("{path} does not lie on the host but in the image or a volume", path=path)
    if facts.fact is None:
        return _("{host} was not looked at from here", host=host)
    if facts.fact.kind == "unreadable":
        return _("{host} cannot be looked at from here by this user", host=host)
    return _("mode and owner are good; the key in {host} cannot be read by this user", host=host)


_REASONS = (
    ("No such file", N_("it does not exist"), N_("Mount a key file at {path}, or correct the line that makes it")),
    ("too open", N_("it is a directory, or open to group or others"),
     N_("If it is a directory, put a key file in its place; else: chmod 400 {path}")),
    ("bad file", N_("mongod's user may not read it"), N_("Give it to mongod's user: chown 999:999 {path}")),
    ("must be between", N_("its key has an unusable length"), N_("Write a key of 6 to 1024 base64 characters")),
    ("invalid char", N_("its key has characters outside base64"), N_("Write a key of base64 characters")),
)  # fmt: skip
"""mongod's words, what they mean, and what to do (mongo security_file.cpp)."""


def _words(facts: KeyCase) -> dict[str, str]:
    path = facts.mongod.key_path or ""
    told = next((one for one in _REASONS if one[0] in facts.said), None)
    _rest, reason, cure = told or (
        "",
        _("see its words"),
        _("Put a key file there that mongod accepts, mode 400, owner 999"),
    )
    beside = [m for m in facts.place.mounts if m.kind == "bind" and looks_like_key(m.target)]
    listed = ", ".join(_("{target} (from {source})", target=mount.target, source=mount.source) for mount in beside)
    bind = facts.reach.mount if facts.reach else None
    exact = bool(facts.reach and facts.reach.exact)
    made = _("Docker makes a directory of that name when the container is started, and mongod needs a file there")
    if isinstance(bind, Volume) and bind.long_form:
        made = _("Docker does not start the container without it, or makes a directory of that name")
    return {
        "host": facts.host, "owner": _(" and owner {uid}", uid=facts.uid) if facts.foreign else "", "path": path,
        "then": made if exact else _("mongod ends at once without its key file"),
        "said": facts.said or _("it was refused"), "reason": _(reason), "cure": _(cure, path=path),
        "folder": posixpath.dirname(path),
        "source": facts.mongod.copied_from or "", "service": facts.place.service or facts.place.subject,
        "near": _("Mounted is {listed}", listed=listed) if listed else _("No key file is mounted at all"),
    }  # fmt: skip


def looks_like_key(target: str) -> bool:
    """Whether a mount's target may be meant as a key file."""
    return "key" in posixpath.basename(target).lower()


def _content_seen(facts: KeyCase, fact: FileFact, snapshot: Snapshot) -> bool:
    """Whether the key was read, or mongod has started with the file as it is."""
    started = facts.place.container.started_at if facts.place.container else None
    steady = bool(started and fact.mtime and snapshot.taken_at - started > STEADY and fact.mtime < started)
    told = facts.content is not None and None not in (facts.content.length, facts.content.bad_characters)
    return told or (facts.alive and not facts.mongod.wrapped and steady)


def _evidence(facts: KeyCase) -> tuple[Evidence, ...]:
    place, rows = facts.place, list(file_evidence(facts.fact, facts.host))
    source = f"docker inspect {place.container.name}" if place.container else _("compose files")
    rows.append(Evidence("--keyFile", facts.mongod.key_path or "", source))
    if facts.mongod.uid is not None:
        rows.append(Evidence(_("mongod runs as"), str(facts.mongod.uid), source))
    if facts.content and facts.content.length is not None:
        rows.append(Evidence(_("key length"), _("{length} characters", length=facts.content.length), facts.host))
    if place.container:
        rows.append(Evidence(_("container"), _(place.container.state), source))
    return tuple(rows)


def _log(facts: KeyCase, snapshot: Snapshot) -> Iterator[Evidence]:
    """What mongod said. Older builds append the key itself to "invalid char in key file": it is cut off here."""
    told = "invalid char in key file"
    for one in compose.log_evidence(snapshot, facts.place.container, LOG):
        before, found, _rest = one.value.partition(told)
        yield Evidence(one.label, f"{before}{told} {facts.mongod.key_path}", one.source) if found else one


def plan(case: Case[KeyCase], answers: Answers) -> Plan:
    """The file first, then a mongod that is down because of it."""
    facts = case.facts
    if case.form in (_REFUSED, _REFUSED_COPY, _WRONG_COPY, _NOWHERE):
        return manual(*case.advice)
    asked = facts.uid is None and not NO_KEY.isdisjoint(facts.problems)
    answer = answers.get("uid", str(MONGODB_UID))
    uid = facts.uid if facts.uid is not None else int(answer) if answer.isdecimal() else None
    end = _ending(facts)
    refused = _refusal(facts, end) or (None if uid is not None else _("The user id must be a number."))
    if refused:
        return manual(refused)
    steps: list[AnyStep] = [*key_file_steps(facts.fact, uid, narrow=bool(facts.bad_mode), give=facts.foreign)]
    replaced = not BAD_CONTENT.isdisjoint(facts.problems)
    if replaced:
        steps.append(ReplaceFile(path=facts.host, content=RandomKey()))
    steps += [end] if end else []
    return repair(
        *steps, says=_says(facts), safety="disruptive" if replaced or end else "safe",
        questions=(Question("uid", _("Numeric user id that mongod runs as"), default=str(MONGODB_UID)),)
                  if asked else (),
        restarts=(case.subject,) if end else (), lock=facts.place.directory, settle=5.0,
    )  # fmt: skip


def _ending(facts: KeyCase) -> ComposeUp | RestartContainer | None:
    """What brings mongod up with the repaired file; None where nothing has to, or nothing can."""
    place, container = facts.place, facts.place.container
    if container is None or facts.left_alone:
        return None
    if facts.mount_error or not NO_KEY.isdisjoint(facts.problems):
        return compose.bring_up(place, force=True)
    restart = RestartContainer(container=container.id, name=container.name)
    return (compose.bring_up(place) or restart) if container.state in ENDED else restart


def _refusal(facts: KeyCase, end: ComposeUp | RestartContainer | None) -> str | None:
    """Why this is left to the operator."""
    first = facts.problems[0] if facts.problems else ""
    others = _named(one for one in facts.others if one.host != facts.host)
    if first == "not-a-file":
        return _("Move {host} away and put the key there as a regular file.", host=facts.host)
    if first == "directory" and facts.fact and facts.fact.empty is not True:
        return _(
            "{host} has content, which is not deleted. Move it away, put the key file there, look again.",
            host=facts.host,
        )
    if "too-many-keys" in facts.problems:
        return _("Leave one key in {host}: the one the other members of the set use.", host=facts.host)
    if facts.desktop and first and first not in BAD_CONTENT:
        return _("Docker Desktop does not carry modes and owners into containers: keep the key in a named volume.")
    if first in NO_KEY and facts.mapped:
        return _(
            "With a rootless Engine the owner has to be the mapped id of mongod's user: make the key file by hand.",
        )
    if first in NO_KEY and others:
        return _("Copy the key of the other members of the set ({others}): all need the same one.", others=others)
    if end is None and not facts.left_alone:
        return _("The container was not made by Compose: make it anew once the key file is there.")
    return None


def _named(cases: Iterable[KeyCase]) -> str:
    return ", ".join(one.place.subject for one in cases)


def _says(facts: KeyCase) -> Iterator[str]:
    bad_content = not BAD_CONTENT.isdisjoint(facts.problems)
    if bad_content or not NO_KEY.isdisjoint(facts.problems):
        yield _("A new random key is written. Members of a replica set on other machines must get the same file.")
    elif facts.problems:
        yield _("The key itself is not changed.")
    if bad_content:
        yield _("The old content stays in the journal; undo puts it back.")
    shared = _named(one for one in facts.others if one.host == facts.host)
    if shared:
        yield _("{shared} use the same file and are not restarted by this.", shared=shared)
    if not facts.left_alone:
        yield _(
            "{place} is started again; what uses the database loses its connections for a moment.",
            place=facts.place.subject,
        )
    elif facts.place.container:
        yield _("mongod runs and is not restarted.")


CHECK = Check(
    "mongo.keyfile", "mongod accepts its key file", __doc__ or "",
    (*_DOWN, *_UP, _NOT_YET, _WRONG_COPY, _NOWHERE, _REFUSED, _REFUSED_COPY), find, plan,
    reads=(
        "engine", "containers", "projects", "services", "files", "keyfiles", "mongod_configs", "mongos", "log_marks",
    ),
)  # fmt: skip
