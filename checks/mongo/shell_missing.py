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
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.images import parts_of
from ...console.steps import AddVolume, AnyStep, CreateFile, EditFile, Text
from .. import Check, compose
from .node import Node, fine, nodes, unknown
from .shell_missing_examples import EXAMPLES

ID = "mongo.shell-missing"
WITHOUT = (6,)
"""First version without the shell. fact: mongo-docker-db 2.2"""
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


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per mongod that is started by a script which calls the shell."""
    for node in nodes(snapshot):
        if node.mongod.wrapped and _CALL.search(_COMMENT.sub("", node.script)):
            yield _judge(node, snapshot)


def _judge(node: Node, snapshot: Snapshot) -> Result:
    image = _image(node)
    evidence = (
        Evidence("start script", "calls mongo", node.subject),
        Evidence("image", image or "not known", node.subject),
        *compose.log_evidence(snapshot, node.container, (MARK, "mongo.waiting-for-start")),
    )
    if MARK not in node.marks and _mounted(node):
        return fine(ID, node, f"The shell that the script of {node.subject} calls is mounted into it", evidence)
    if MARK not in node.marks and not _is_new(node, image):
        if node.version is None:
            title = f"Whether the image of {node.subject} has the shell mongo cannot be told"
            return unknown(ID, node, title, f"the version of {image or 'its image'} is not known", evidence)
        return fine(ID, node, f"The image of {node.subject} has the shell that its script calls", evidence)
    works = bool(node.state and node.state.primary and node.state.set_name)
    because = "the script waits for ever for a shell that is not in the image, so it never initiates the replica set"
    if works:
        because = "the script waits for ever for a shell that is not in the image; the set was initiated by other means"
    found = compose.finding(
        ID, node.subject, "works-anyway" if works else "never-ends",
        f"The start script of {node.subject} calls mongo, which its image does not have",
        severity="warning" if works else "error", because=because, evidence=evidence,
        fix=FixSummary("manual", "mount a script of that name that calls mongosh"),
    )  # fmt: skip
    return replace(found, fix=FixSummary(_plan(node, found).safety, "mount a script of that name that calls mongosh"))


def _mounted(node: Node) -> bool:
    place = node.place
    mounts = place.container.mounts if place.container else place.declared.volumes if place.declared else ()
    return any(mount.target in SHELLS for mount in mounts)


def _image(node: Node) -> str | None:
    if node.container is not None:
        return node.container.image
    return node.place.declared.image if node.place.declared else None


def _is_new(node: Node, image: str | None) -> bool:
    """By the version; ``latest`` and no tag at all have been newer since July 2022."""
    if node.version is not None:
        return node.version >= WITHOUT
    parts = parts_of(image or "")
    return parts.last == "mongo" and parts.digest is None and parts.tag in (None, "latest")


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """The script and its mount; the container made anew where there is one."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    if node is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    return _plan(node, result)


def _plan(node: Node, result: Result) -> Plan:
    place, target = node.place, compose.override_for(node.place)
    up = compose.bring_up(place, extra=(target.path,)) if target is not None else None
    directory, service = place.directory, place.service
    refused = _refusal(node) or (None if up is not None or node.container is None else "Compose did not make it.")
    if refused or target is None or directory is None or service is None:
        return compose.manual(result, *_by_hand(node, result, refused))
    path = posixpath.join(directory, SHIM)
    steps: tuple[AnyStep, ...] = (
        CreateFile(path=path, content=Text(TEXT), mode=0o755),
        EditFile(target.path, (AddVolume(service, f"./{SHIM}", SHELLS[1], read_only=True),), create=True),
        *((up,) if up is not None else ()),
    )
    return Plan(
        check=ID, subject=node.subject, title=result.title, steps=steps,
        safety="disruptive" if up is not None else "safe", restarts=(node.subject,) if up is not None else (),
        says=tuple(_says(node, result, path)), lock=directory, settle=5.0,
    )  # fmt: skip


def _refusal(node: Node) -> str | None:
    """Why this is left to the operator."""
    if node.place.broken_file is not None:
        return f"Repair {node.place.broken_file.path} first: {node.place.broken_file.error}"
    if _mounted(node):
        return "A file is mounted in its place already, and the log says that it is not found or does not run."
    return None if _is_new(node, _image(node)) else "It is not known whether this image has mongosh."


def _says(node: Node, result: Result, path: str) -> Iterator[str]:
    yield f"{path} calls mongosh; it is mounted at {SHELLS[1]}. The start script and the image stay as they are."
    if node.container is not None:
        yield f"{node.subject} is recreated: whoever uses it loses the connection for some seconds. The data stay."
    if result.form == "never-ends":
        yield "Whether the set has been initiated is told by mongo.replica-set, and repaired by its fix."


def _by_hand(node: Node, result: Result, why: str | None) -> Iterator[str]:
    service = node.place.service or node.subject
    if why:
        yield why
    if result.form == "never-ends":
        yield "To initiate the replica set now: stackops fix mongo.replica-set"
    yield f"Write mongosh in place of mongo in the entrypoint (and the health check) of {service}, then recreate it."
    yield "rs.status() throws in mongosh where it only returned an error before: put it into try/catch."
    yield "Or pin the image that made the data folder, such as mongo:5.0.18; an older image does not open newer data."


CHECK = Check(
    id=ID, title="The start script finds the shell it calls", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
