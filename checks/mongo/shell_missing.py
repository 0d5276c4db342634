"""The start script calls the shell ``mongo``, which images from 6.0 on do not have any more.

What it does
    For every MongoDB that is started by a script of its own, looks whether the script calls ``mongo`` as a command and
    whether the image is 6.0 or newer: by MONGO_VERSION of the running container, else by the tag; a tag ``latest`` is
    newer than 6.0. A file mounted in its place is a shell. Where mongod can be asked, says whether the set works
    nevertheless.

Why it matters
    The script of FastGPT's compose files from v4.7 on waits in a loop until ``mongo`` answers and then initiates the
    replica set. Without that shell the loop never ends and the set is never initiated: the container runs, mongod runs,
    and FastGPT says ``Operation users.findOne() buffering timed out``. This is what is behind "use mongo:5.0.18, not
    latest". The health checks of newer compose files call it too.

Fix
    Mounts a script of two lines in the place of ``mongo`` that calls mongosh, which these images have, and recreates
    the container: the start script and the health check then find what they call, and neither is rewritten. Where the
    set has not been initiated, that is the fix of mongo.replica-set: ``rs.status()`` throws in mongosh where it only
    returned an error in mongo, so that the start script's own attempt fails. Pinning an older image is not done by a
    key: mongod refuses data that a newer one has opened.

Sources
    docker-library/mongo issues 497 and 558, docs issue 2183; compose files of FastGPT v4.7 to v4.14.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from ...console.fix.steps import AddVolume, CreateFile, Text
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from .node import MongoNode, nodes

WITHOUT = (6,)
"""First version without the shell (docker-library/mongo issue 558)."""
MARK = "mongo.shell-missing"
_CALL = re.compile(
    r"(?:^|[;&|(`]|\b(?:until|while|if|elif|then|else|do|exec|time)\s|!\s)\s*(?:\w+=\S*\s+)*mongo(?=[\s;)]|$)",
    re.MULTILINE,
)
"""At the place of a command; ``--host mongo`` is a name."""
SHELLS = ("/usr/local/sbin/mongo", "/usr/local/bin/mongo", "/usr/sbin/mongo", "/usr/bin/mongo", "/bin/mongo")
"""Where the image's PATH looks for it."""
SHIM = "mongo-is-mongosh.sh"
TEXT = """#!/bin/sh
# Made by stackops: images of MongoDB from 6.0 on have mongosh in place of mongo, which start scripts still call.
exec mongosh "$@"
"""
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_BY_HAND = (
    "Write mongosh in place of mongo in the entrypoint (and the health check) of {service}, then recreate it.\n"
    "rs.status() throws in mongosh where it only returned an error before: put it into try/catch.\n"
    "Or pin the image that made the data folder, such as mongo:5.0.18; an older image does not open newer data."
)
NEVER_ENDS = Form(
    "never-ends",
    "The start script of {subject} calls mongo, which its image does not have",
    "the script waits for ever for a shell that is not in the image, so it never initiates the replica set",
    "mount a script of that name that calls mongosh",
    advice=f"To initiate the replica set now: stackops fix mongo.replica-set\n{_BY_HAND}",
)
WORKS_ANYWAY = replace(
    NEVER_ENDS, id="works-anyway", severity="warning", advice=_BY_HAND,
    because="the script waits for ever for a shell that is not in the image; the set was initiated by other means",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod that is started by a script which calls the shell."""
    for node in nodes(snapshot):
        if _CALL.search(_COMMENT.sub("", node.mongod.script)):
            yield _judge(node, snapshot)


def _judge(node: MongoNode, snapshot: Snapshot) -> Found:
    name, image = node.subject, node.place.image
    rows = (
        Evidence(_("start script"), _("calls mongo"), name),
        Evidence(_("image"), image or _("not known"), name),
        *compose.log_evidence(snapshot, node.container, (MARK, "mongo.waiting-for-start")),
    )
    if MARK not in node.marks and _mounted(node):
        return Fine(name, _("The shell that the script of {name} calls is mounted into it", name=name), rows)
    if MARK not in node.marks and not _is_new(node):
        if node.version is None:
            title = _("Whether the image of {name} has the shell mongo cannot be told", name=name)
            return Unknown(name, title, _("the version of {image} is not known", image=image or _("its image")), rows)
        return Fine(name, _("The image of {name} has the shell that its script calls", name=name), rows)
    works = node.said.primary and node.said.set_name
    return Case(name, WORKS_ANYWAY if works else NEVER_ENDS, node, rows, {"service": node.place.service or name})


def _mounted(node: MongoNode) -> bool:
    return any(mount.target in SHELLS for mount in node.place.mounts)


def _is_new(node: MongoNode) -> bool:
    """``latest`` and no tag at all have been newer since July 2022."""
    return node.version is not None and node.version >= WITHOUT


def plan(case: Case[MongoNode], _answers: Answers) -> Plan:
    """The script and its mount; the container made anew where there is one."""
    node, place = case.facts, case.facts.place
    mount = AddVolume(place.service or "", f"./{SHIM}", SHELLS[1], read_only=True)
    written = compose.through_override(place, mount)
    unmade = None if node.container is None or compose.bring_up(place) else _("Compose did not make it.")
    refused = _refusal(node) or unmade
    if refused or not written or place.directory is None:
        return manual(*((refused,) if refused else ()), *case.advice)
    path = posixpath.join(place.directory, SHIM)
    return repair(
        CreateFile(path=path, content=Text(TEXT), mode=0o755), *written, says=_says(case, path),
        restarts=(node.subject,) if node.container is not None else (), lock=place.directory, settle=5.0,
    )  # fmt: skip


def _refusal(node: MongoNode) -> str | None:
    """Why this is left to the operator."""
    if node.place.broken_file is not None:
        return _("Repair {path} first: {error}", path=node.place.broken_file.path, error=node.place.broken_file.error)
    if _mounted(node):
        return _("A file is mounted in its place already, and the log says that it is not found or does not run.")
    return None if _is_new(node) else _("It is not known whether this image has mongosh.")


def _says(case: Case[MongoNode], path: str) -> Iterator[str]:
    yield _(
        "{path} calls mongosh; it is mounted at {shells}. The start script and the image stay as they are.",
        path=path,
        shells=SHELLS[1],
    )
    if case.facts.container is not None:
        yield _(
            "{case} is recreated: whoever uses it loses the connection for some seconds. The data stay.",
            case=case.subject,
        )
    if case.form is NEVER_ENDS:
        yield _("Whether the set has been initiated is told by mongo.replica-set, and repaired by its fix.")


CHECK = Check(
    "mongo.shell-missing", "The start script finds the shell it calls", __doc__ or "", (NEVER_ENDS, WORKS_ANYWAY),
    find, plan,
    reads=("containers", "projects", "services", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
