"""FastGPT cannot read its config.json: missing, a directory, shut to its user, or not JSON.

What it does
    Follows /app/data/config.json through the mounts to the file on this machine, and judges it the way this release of
    FastGPT reads it: strict JSON before v4.8.4, JSON5 with comments from then on. Before anything is started it also
    compares the file's mode with the user that FastGPT runs as; what a running one was refused is told by
    container.permission.

Why it matters
    FastGPT reads the file once, at its start, and ends when it cannot: with `restart: always` again and again, while
    the browser shows a mere "Network Error". A download that saved an HTML page, a comment in an old release or a
    missing comma is enough.

Fix
    Explained, with line and column: what belongs into the file only you know.

Sources
    FastGPT issues 1192, 1268, 2693 and 5999, its getInitData.ts, and the compose files of v4.6 to v4.14.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.model import FileFact
from ...console.products.gateways import release
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..compose import Placed, placed
from ..oneapi.restart import TARGET, as_read, change_of
from ..subjects import fact_of, file_evidence, reach

USER, USER_SINCE = 1001, (4, 14)
"""Whom FastGPT's own image runs as, and the release from which that is known (FastGPT issue 5999)."""
_BECAUSE = "FastGPT reads the file once, when it starts, and ends when it cannot"
MISSING = Form(
    "missing", "{path} does not exist, and {subject} needs it", f"{_BECAUSE}. Docker makes a directory of its name",
    "put the config.json of this release there",
    advice="Take config.json of the release {version} from FastGPT's repository, and put it there: {path}",
)  # fmt: skip
DIRECTORY = Form(
    "directory", "{path} is a directory, and {subject} needs a file there",
    f"{_BECAUSE}. The file was missing when it was first started, so Docker made a directory of its name",
    "put the config.json of this release in the place of the directory",
    advice="Stop it and remove the directory, which has to be empty: sudo rmdir {path}\n"
    "Take config.json of the release {version} from FastGPT's repository, and put it there: {path}",
)  # fmt: skip
NOT_A_FILE = Form(
    "not-a-file", "{path} is no regular file, and {subject} needs one", _BECAUSE, "put a regular file there",
    advice="Move {path} away, and put config.json there as a regular file.",
)  # fmt: skip
SHUT = Form(
    "shut", "{subject} will not be able to read {path}: mode {mode}, and it runs as user {user}",
    f"{_BECAUSE}. A bind mount keeps owner and mode of the machine", "let everybody read the file",
    advice="chmod 644 {path}",
)  # fmt: skip
NOT_JSON = Form(
    "not-json", "{subject} cannot read {path}: {complaint}", _BECAUSE, "correct the file at the place named",
    advice="Correct {path} at {complaint}. See its first lines: head {path} (an HTML page was saved in its place?)\n"
    "Releases before v4.8.4 take no comments and no comma before a closing bracket.",
)  # fmt: skip
NO_FILE = {"missing": MISSING, "directory": DIRECTORY}


@dataclass(frozen=True)
class MountedConfig:
    """One FastGPT and its file."""

    place: Placed
    fact: FileFact
    version: str | None
    complaint: str | None

    @property
    def user(self) -> str:
        """Whom it runs as; empty where that is not known."""
        known = (release(self.version) or ()) >= USER_SINCE
        return self.place.user or (str(USER) if known else "")

    @property
    def shut(self) -> bool:
        """Whether its user cannot read the file, as far as owner and mode tell without names of groups."""
        user, _rest, group = self.user.partition(":")
        mode = self.fact.mode
        if mode is None or not user.isdecimal() or user == "0" or mode & 0o004:
            return False
        own = 0o400 if self.fact.uid == int(user) else 0
        theirs = 0o040 if not group or group == str(self.fact.gid) else 0
        return not mode & (own or theirs)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT with a file of this machine at that path."""
    for place in placed(snapshot, "fastgpt"):
        found = reach(TARGET, place.mounts)
        fact = fact_of(snapshot, found.source) if found and found.kind == "bind" else None
        if fact is None or fact.kind == "unreadable" or (place.container is None and place.broken_file):
            continue
        service = compose.service_of(snapshot, place)
        version = service.version if service else None
        told = next((one for one in snapshot.json_files if one.path == fact.path), None)
        complaint, unsure, _rest = as_read(told, release(version))
        config = MountedConfig(place, fact, version, complaint)
        form = _form(config)
        if form is NOT_JSON and change_of(place, snapshot) is not None:
            continue  # what was changed under one that runs is told by oneapi.restart
        if form is not None:
            yield _case(config, form)
        elif unsure:
            title = _("Whether {place} can read {path} cannot be told", place=place.subject, path=fact.path)
            yield Unknown(place.subject, title, _("its content could not be read from here"))
        else:
            yield Fine(place.subject, _("{place} can read {path}", place=place.subject, path=fact.path))


def _form(config: MountedConfig) -> Form | None:
    """What is wrong."""
    if config.fact.kind != "file":
        return NO_FILE.get(config.fact.kind, NOT_A_FILE)
    if config.place.container is None and config.shut:
        return SHUT
    return NOT_JSON if config.complaint else None


def _case(config: MountedConfig, form: Form) -> Case[MountedConfig]:
    place, fact = config.place, config.fact
    rows = (
        *file_evidence(fact, fact.path),
        Evidence(_("mounted at"), TARGET, place.source),
        *((Evidence(_("its reader says"), config.complaint, fact.path),) if config.complaint else ()),
    )
    words = {
        "path": fact.path, "version": config.version or _("you run"), "mode": f"{fact.mode or 0:o}",
        "user": config.user, "complaint": config.complaint or "",
    }  # fmt: skip
    runs = form is MISSING and place.container is not None and place.container.alive
    return Case(
        place.subject, form, config, rows, words, "warning" if runs else compose.severity_of(place.container, "error")
    )


def plan(case: Case[MountedConfig], _answers: Answers) -> Plan:
    """What to do with the file, then the start that reads it."""
    path = shlex.quote(case.facts.fact.path)
    again = f"docker compose up -d --force-recreate {case.facts.place.service or ''}".rstrip()
    return manual(*(line.replace(case.facts.fact.path, path) for line in case.advice), _("Then: {again}", again=again))


CHECK = Check(
    "fastgpt.config", "FastGPT can read its config.json", __doc__ or "",
    (MISSING, DIRECTORY, NOT_A_FILE, SHUT, NOT_JSON), find, plan,
    reads=("containers", "projects", "services", "files", "json_files"),
)  # fmt: skip
