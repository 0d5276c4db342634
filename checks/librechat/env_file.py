"""LibreChat does not read its .env: it looks for it in another folder than the one it is mounted in.

What it does
    Follows the ``.env`` of the project's folder to the process: LibreChat reads the file in its working directory,
    which is ``/app``, and ``/app/api`` in images whose name ends in ``-api``; ``env_file`` hands it over as well.
    Reported are variables of it that the process needs at its start and does not have, and a file that is mounted where
    nobody looks.

Why it matters
    Without ``JWT_SECRET`` and the like the server ends with `JwtStrategy requires a secret or key`, which says nothing
    of a file. What else is set there counts for nothing: keys of endpoints, the domain, the registration rules.

Fix
    Mounts the file where the process looks for it, in the override file, and recreates the one service. Where its mode
    shuts that process out: `env_file: .env`, by hand.

Sources
    LibreChat Dockerfile and Dockerfile.multi (working directories, user node), api/server/index.js (dotenv), its
    docker-compose.yml and deploy-compose.yml of v0.7.2 to v0.8.7; LibreChat issue 9630.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.compose.places import dotenv
from ...console.fix.steps import AddVolume
from ...console.model import FileFact
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..compose import Placed, placed
from ..subjects import fact_of
from .process import ApiProcess, api_of

NEEDED = ("JWT_SECRET", "JWT_REFRESH_SECRET", "CREDS_KEY", "CREDS_IV", "MONGO_URI")
"""What the server does not start without, or not in order. fact: LibreChat .env.example, issue 9630"""
STARTS_WITH = frozenset({"JWT_SECRET", "MONGO_URI"})
"""Without these it ends at once. fact: passport-jwt ("requires a secret or key"), LibreChat connectDb"""
SERVES = ("librechat.ready", "librechat.listening")

_BECAUSE = "It looks for {target}, its working directory being {directory}, and nothing puts the file there{elsewhere}"
_FIX = "mount {source} at {target}{recreate}"
LACKING = Form("lacking", "{subject} does not read {source}, and lacks {names}", _BECAUSE, _FIX)
UNREAD = Form("unread", "{subject} does not read {source}", _BECAUSE, _FIX, "warning")


@dataclass(frozen=True)
class UnreadFile:
    """A LibreChat service, and the file that does not reach it."""

    place: Placed
    source: str
    target: str
    fact: FileFact | None

    @property
    def shut(self) -> bool:
        """Whether the image's user may not read it, as far as its mode tells."""
        user = (self.place.user or "node").partition(":")[0]
        number = {"node": 1000, "root": 0, "": 0}.get(user, int(user) if user.isdecimal() else -1)
        known = self.fact is not None and self.fact.mode is not None
        return bool(known and self.fact and not (self.fact.mode or 0) & 0o004 and number not in (0, self.fact.uid))


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat service whose folder has a ``.env``."""
    for place in placed(snapshot, "librechat"):
        given = {one.name: one.value for one in dotenv(place.project) if one.value}
        if not given or place.directory is None:
            continue
        api = api_of(place, snapshot)
        found = _judge(api, posixpath.join(place.directory, ".env"), given, snapshot)
        if found is not None:
            yield found
        elif all(api.inside.get(name) or (api.dotenv or {}).get(name) for name in given):
            yield Fine(place.subject, _("{place} gets what its .env sets", place=place.subject))


def _judge(api: ApiProcess, source: str, given: dict[str, str], snapshot: Snapshot) -> Case[UnreadFile] | None:
    if api.dotenv is None or api.dotenv_path is not None:
        return None
    place, target = api.place, posixpath.join(api.working_dir, ".env")
    lacking = [name for name in NEEDED if name in given and not api.inside.get(name)]
    there = [mount.target for mount in place.mounts if posixpath.normpath(mount.source) == source]
    serves = any(mark.mark in SERVES for mark in compose.marks_since_start(snapshot, place.container))
    if serves and not STARTS_WITH.isdisjoint(lacking):
        return None  # it has them all the same, in a way that is not seen from here
    if not lacking and not (there and any(name not in api.inside for name in given)):
        return None
    words = {
        "names": ", ".join(lacking), "source": source, "target": target, "directory": api.working_dir,
        "elsewhere": _("; it is mounted at {there}", there=there[0]) if there else "",
        "recreate": _(" and recreate the service") if place.container else "",
    }  # fmt: skip
    told = (
        ("image", place.image or ""),
        (_("working directory"), api.working_dir),
        (_("mounted at"), ", ".join(there)),
    )
    rows = [Evidence(label, value or "nowhere", api.inspected) for label, value in told]
    rows += compose.log_evidence(snapshot, place.container, ("librechat.",))[-1:]
    unread = UnreadFile(place, source, target, fact_of(snapshot, source))
    return Case(place.subject, LACKING if lacking else UNREAD, unread, tuple(rows), words)


def plan(case: Case[UnreadFile], _answers: Answers) -> Plan:
    """The mount, in the override file."""
    unread, place = case.facts, case.facts.place
    refused = compose.refusal(place, _(": make it anew with the file in place."))
    by_hand = _(
        "Write env_file: .env for {service} into your override file, then: docker compose up -d",
        service=place.service,
    )
    if unread.shut:
        return manual(_("The mode of {source} shuts LibreChat's user out.", source=unread.source), by_hand)
    if refused:
        return manual(refused)
    becomes = compose.left_so(place) or _(
        "{place} is recreated: answers being written are cut off.", place=place.subject
    )
    return compose.edit_override(
        place, AddVolume(place.service or "", "./.env", unread.target),
        becomes if place.container else _("Nothing of this service has been started: only a file is written."),
        _("env_file: .env does the same; then docker inspect shows the values."),
    )  # fmt: skip


CHECK = Check(
    "librechat.env-file", "LibreChat reads its .env", __doc__ or "", (LACKING, UNREAD), find, plan,
    reads=("containers", "projects", "services", "files", "log_marks"),
)  # fmt: skip
