"""A program ends because its user may not read or write a path that is mounted from this machine.

What it does
    Looks through the last lines of containers that are not well for `EACCES` or `Permission denied` with a path, and
    follows that path through the mounts to the file or folder of this machine. Where stackops knows the file, its mode
    and owner are told beside the user that the program runs as. LibreChat's folders for logs, images and uploads are
    compared with its user before anything is said, and in a folder before it is started.

Why it matters
    Bind mounts keep the owners and modes of the machine. A file that root wrote with mode 600, or a folder that Docker
    made for root, is shut to a program that runs as another user; it then ends at every start.

Fix
    Explained, with the command for that path. Owners and modes of data are the operator's to change.

Sources
    FastGPT issue 5999 (config.json and user 1001), LibreChat's UID and GID in docker-compose.yml, docker-library/mongo
    (user, data folder, exit code 100).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from ...console.compose.places import env_paths
from ...console.fix.plan import Plan
from ...console.model import FileFact, Project, Snapshot
from ...console.model.findings import Evidence, Severity
from ...console.products.librechat.reading import WRITTEN
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import clip
from ..api import Answers, Case, Check, Fine, Form, Found, manual
from ..compose import Placed, place_of
from ..parties import Party, parties
from ..subjects import Life, Reach, fact_of, lives, reach

REFUSED = re.compile(r"EACCES|[Pp]ermission denied|[Oo]peration not permitted|not writable by user", re.ASCII)
PATH = re.compile(r"(?<![\w:/.])(/[\w.@%+-]+(?:/[\w.@%+-]+)*)")

_OF_MACHINE = re.compile(
    r"/(?:(?:bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr(?!/local/)|var/run|var/lib/docker)(?:/.*)?"
    r"|[^/]+|(?:home|mnt|media|var)/[^/]+|usr/local/\w*)?$"
)
"""Folders of the system, whatever lies at the top, whole homes and disks; below a home or /var/lib it is a stack's."""
_IDS = ("UID", "GID", "PUID", "PGID", "USER_ID", "GROUP_ID")
_SETTINGS = re.compile(r"\.(?:json|ya?ml|conf|toml|ini|js|txt)$")
DENIED = Form(
    "denied",
    "{subject} cannot use {source}: its user {user} is not permitted to",
    "It says so of {path}, which is {source} on this machine{known}. A bind mount keeps the owners and modes of the "
    "machine",
    "let that user in, then start it",
)

SHUT = Form(
    "shut",
    "{subject} cannot write into {source}: its user {user} is not permitted to",
    "{path} in the container is {source} on this machine{known}. LibreChat ends when it cannot write its log",
    "let that user in, then start it",
)


@dataclass(frozen=True)
class Denied:
    """A path that was refused to a program."""

    life: Life
    path: str
    found: Reach
    fact: FileFact | None

    @property
    def of_machine(self) -> bool:
        """Whether what is mounted is a part of the machine, and not of the stack: its owner is not to be changed."""
        other = self.fact is not None and self.fact.kind not in ("file", "directory", "missing")
        return other or bool(_OF_MACHINE.match(self.found.mount.source)) or self.found.mount.source.endswith(".sock")

    @property
    def user(self) -> str:
        """The user of the container, as it was set; root where nobody set one."""
        return self.life.container.user or "0"


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container whose last words name such a path, and each LibreChat whose folders are shut to its user."""
    said = {one.subject: one for one in _said(snapshot)}
    for party in parties(snapshot):
        shut = _shut(party, snapshot) if party.role == "librechat" else None
        if shut is not None and not isinstance(said.get(party.subject), Case):
            said[party.subject] = shut
    yield from said.values()


def _shut(party: Party, snapshot: Snapshot) -> Case[Denied] | None:
    """A folder that it has to write into, and that owner and mode shut to the user that the files give it.

    Told where the user is a number and not root's; a rootless Engine counts differently. A folder that is not there yet
    is made by Docker, for root.
    """
    user = party.container.user if party.runs else party.declared.user if party.declared else None
    uid, _rest, gid = (user or "").partition(":")
    container = party.container
    mounts = container.mounts or (party.declared.volumes if party.declared else ())
    rootless = bool(snapshot.engine and snapshot.engine.rootless)
    if not uid.isdecimal() or int(uid) == 0 or rootless:
        return None
    life = Life(replace(container, user=user), party.role, snapshot.taken_at)
    for path in WRITTEN if not life.put_to_rest else ():
        found = reach(path, mounts)
        fact = fact_of(snapshot, found.source) if found and found.kind == "bind" and found.exact else None
        if found is not None and fact is not None and _is_shut(fact, int(uid), int(gid) if gid.isdecimal() else 0):
            well = party.runs and container.alive and not container.restart_count
            return _case(SHUT, Denied(life, path, found, fact), party, "warning" if well else None)
    return None


def _is_shut(fact: FileFact, uid: int, gid: int) -> bool:
    if fact.kind == "missing":
        return True
    if fact.kind != "directory" or fact.mode is None or fact.uid is None:
        return False
    shift = 6 if fact.uid == uid else 3 if fact.gid == gid else 0
    return (fact.mode >> shift) & 0o3 != 0o3


def _said(snapshot: Snapshot) -> Iterator[Found]:
    for life in lives(snapshot):
        if not life.last_words or life.put_to_rest:
            continue
        told = ((line, _denied(line, life, snapshot)) for line in reversed(life.last_words))
        line, denied = next(((line, one) for line, one in told if one is not None), ("", None))
        fine = Fine(life.name, _("{life} names no mount that it may not use", life=life.name))
        yield _case(DENIED, denied, place_of(snapshot, life.container), line=line) if denied else fine


def _denied(line: str, life: Life, snapshot: Snapshot) -> Denied | None:
    if not REFUSED.search(line):
        return None
    for path in PATH.findall(line):
        found = reach(path, life.container.mounts)
        if found is not None and found.kind == "bind":
            return Denied(life, path, found, fact_of(snapshot, found.source))
    return None


def _of_dotenv(denied: Denied, project: Project | None) -> str | None:
    """The variables from which the user comes, and their file: ``user: "${UID}:${GID}"``, as LibreChat has it."""
    numbers = denied.user.split(":")
    names = [one.name for one in (project.env if project else ()) if one.name in _IDS and one.value in numbers]
    paths = env_paths(project) if project and names else ()
    return f"{_(' and ').join(names)} in {paths[-1]}" if paths else None


def _case(
    form: Form, denied: Denied, place: Placed | Party, severity: Severity | None = None, line: str = ""
) -> Case[Denied]:
    fact, source = denied.fact, denied.found.source
    known = _(", which Docker makes for root") if fact is not None and fact.kind == "missing" else ""
    if fact is not None and fact.mode is not None and fact.uid is not None:
        known = _(" (mode {mode:o}, owner {uid}:{gid})", mode=fact.mode, uid=fact.uid, gid=fact.gid)
    origin, told = _of_dotenv(denied, place.project), place.subject
    seen = f"docker inspect {told}" if denied.life.container.id else _("compose files")
    rows = (
        *([Evidence("log", clip(line, 300), f"docker logs {told}")] if line else []),
        Evidence(_("on the host"), source, seen),
        Evidence(_("runs as"), denied.user, origin or seen),
    )
    user = denied.user + (f" ({origin})" if origin else "")
    words = {"source": source, "path": denied.path, "user": user, "known": known}
    return Case(place.subject, form, denied, rows, words, severity)


def plan(case: Case[Denied], _answers: Answers) -> Plan:
    """The command for that path."""
    denied, name = case.facts, shlex.quote(case.subject)
    mount, path = denied.found.mount.source, shlex.quote(denied.found.source)
    look = _("See who may use it: ls -ldn {path} {mount}", path=path, mount=shlex.quote(mount))
    numbers = denied.user if denied.user.replace(":", "").isdecimal() else "UID:GID"
    if denied.of_machine:
        way = _(
            "{mount} is the machine's own: leave its owner. Run {case} as a user or group that may use it.",
            mount=mount,
            case=case.subject,
        )
    elif _SETTINGS.search(denied.found.source):
        way = _(
            "Where everybody may read the file: chmod 644 {path}. Else give it away: sudo chown {numbers} {path}",
            path=path,
            numbers=numbers,
        )
    elif denied.found.exact and denied.fact is not None and denied.fact.kind == "file":
        way = _("Give the file away: sudo chown {numbers} {path}", numbers=numbers, path=path)
    else:
        way = _(
            "Where the folder is this service's alone, with all in it: sudo chown -R {numbers} {mount}",
            numbers=numbers,
            mount=shlex.quote(mount),
        )
    return manual(
        look, way,
        _("Where UID and GID come from .env, they may be set to the folder's owner instead; then make it anew."),
        _("Then: docker restart {name}", name=name) if denied.life.container.id else
        _("Then start it: docker compose up -d"),
    )  # fmt: skip


CHECK = Check(
    "container.permission", "Programs may use what is mounted for them", __doc__ or "", (DENIED, SHUT), find, plan,
    reads=("engine", "containers", "projects", "services", "last_words", "files"),
)  # fmt: skip
