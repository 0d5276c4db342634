"""A program ends because its user may not read or write a path that is mounted from this machine.

What it does
    Looks through the last lines of containers that are not well for `EACCES` or `Permission denied` with a path, and
    follows that path through the mounts to the file or folder of this machine. Where stackops knows the file, its mode
    and owner are told beside the user that the program runs as.

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

from ...console.compose.places import env_paths
from ...console.fix.plan import Plan
from ...console.model import FileFact, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text.cleaning import clip
from ..api import Answers, Case, Check, Fine, Form, Found, manual
from ..compose import place_of
from ..mounts import Reach, fact_of, reach
from .common import Life, lives

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
    """Each container whose last words name such a path."""
    for life in lives(snapshot):
        if not life.last_words or life.put_to_rest:
            continue
        told = ((line, _denied(line, life, snapshot)) for line in reversed(life.last_words))
        line, denied = next(((line, one) for line, one in told if one is not None), ("", None))
        fine = Fine(life.name, f"{life.name} names no mount that it may not use")
        yield _case(denied, line, snapshot) if denied else fine


def _denied(line: str, life: Life, snapshot: Snapshot) -> Denied | None:
    if not REFUSED.search(line):
        return None
    for path in PATH.findall(line):
        found = reach(path, life.container.mounts)
        if found is not None and found.kind == "bind":
            return Denied(life, path, found, fact_of(snapshot, found.source))
    return None


def _of_dotenv(denied: Denied, snapshot: Snapshot) -> str | None:
    """The variables from which the user comes, and their file: ``user: "${UID}:${GID}"``, as LibreChat has it."""
    project = place_of(snapshot, denied.life.container).project
    numbers = denied.user.split(":")
    names = [one.name for one in (project.env if project else ()) if one.name in _IDS and one.value in numbers]
    paths = env_paths(project) if project and names else ()
    return f"{' and '.join(names)} in {paths[-1]}" if paths else None


def _case(denied: Denied, line: str, snapshot: Snapshot) -> Case[Denied]:
    fact, source = denied.fact, denied.found.source
    known = ""
    if fact is not None and fact.mode is not None and fact.uid is not None:
        known = f" (mode {fact.mode:o}, owner {fact.uid}:{fact.gid})"
    origin = _of_dotenv(denied, snapshot)
    rows = (
        Evidence("log", clip(line, 300), f"docker logs {denied.life.name}"),
        Evidence("on the host", source, f"docker inspect {denied.life.name}"),
        Evidence("runs as", denied.user, origin or f"docker inspect {denied.life.name}"),
    )
    user = denied.user + (f" ({origin})" if origin else "")
    words = {"source": source, "path": denied.path, "user": user, "known": known}
    return Case(denied.life.name, DENIED, denied, rows, words)


def plan(case: Case[Denied], _answers: Answers) -> Plan:
    """The command for that path."""
    denied, name = case.facts, shlex.quote(case.subject)
    mount, path = denied.found.mount.source, shlex.quote(denied.found.source)
    look = f"See who may use it: ls -ldn {path} {shlex.quote(mount)}"
    numbers = denied.user if denied.user.replace(":", "").isdecimal() else "UID:GID"
    if denied.of_machine:
        way = f"{mount} is the machine's own: leave its owner. Run {case.subject} as a user or group that may use it."
    elif _SETTINGS.search(denied.found.source):
        way = f"Where everybody may read the file: chmod 644 {path}. Else give it away: sudo chown {numbers} {path}"
    elif denied.found.exact and denied.fact is not None and denied.fact.kind == "file":
        way = f"Give the file away: sudo chown {numbers} {path}"
    else:
        way = f"Where the folder is this service's alone, with all in it: sudo chown -R {numbers} {shlex.quote(mount)}"
    return manual(
        look, way,
        "Where UID and GID come from .env, they may be set to the folder's owner instead; then make it anew.",
        f"Then: docker restart {name}",
    )  # fmt: skip


CHECK = Check(
    "container.permission", "Programs may use what is mounted for them", __doc__ or "", (DENIED,), find, plan,
    reads=("containers", "projects", "services", "last_words", "files"),
)  # fmt: skip
