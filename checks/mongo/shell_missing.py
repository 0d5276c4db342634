"""The start script calls the shell ``mongo``, which images from 6.0 on do not have any more.

What it does
    For every MongoDB that is started by a script of its own, looks whether the script calls ``mongo`` (and not only
    ``mongosh`` or ``mongod``) and whether the image is 6.0 or newer: by MONGO_VERSION of the running container, else by
    the tag; a tag ``latest`` is newer than 6.0. Where mongod can be asked, says whether the set works nevertheless.

Why it matters
    The script of FastGPT's compose files from v4.7 on waits in a loop until ``mongo`` answers and then initiates the
    replica set. Without that shell the loop never ends and the set is never initiated: the container runs, mongod runs,
    and FastGPT says ``Operation users.findOne() buffering timed out``. This is what is behind "use mongo:5.0.18, not
    latest". The health checks of newer compose files call it too.

Fix
    The set is initiated by the fix of mongo.replica-set, now. For good, either write mongosh in place of mongo in the
    script and the health check, or pin the image that made the data folder. An image older than the data is refused by
    mongod, so neither is done by a key.

Sources
    docker-library/mongo issues 497 and 558, docs issue 2183; compose files of FastGPT v4.7 to v4.14.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.stacks.images import parts_of
from .. import Check, compose
from .node import Node, fine, nodes, unknown
from .shell_missing_examples import EXAMPLES

ID = "mongo.shell-missing"
WITHOUT = (6,)
"""First version without the shell. fact: mongo-docker-db 2.2"""
MARK = "mongo.shell-missing"
_CALL = re.compile(r"(?:^|[\s;&|(`])mongo(?=\s|$)", re.MULTILINE)
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
    if MARK not in node.marks and not _is_new(node, image):
        if node.version is None:
            title = f"Whether the image of {node.subject} has the shell mongo cannot be told"
            return unknown(ID, node, title, f"the version of {image or 'its image'} is not known", evidence)
        return fine(ID, node, f"The image of {node.subject} has the shell that its script calls", evidence)
    works = bool(node.state and node.state.primary and node.state.set_name)
    because = "the script waits for ever for a shell that is not in the image, so it never initiates the replica set"
    if works:
        because = "the script waits for ever for a shell that is not in the image; the set was initiated by other means"
    return compose.finding(
        ID, node.subject, "works-anyway" if works else "never-ends",
        f"The start script of {node.subject} calls mongo, which its image does not have",
        severity="warning" if works else "error", because=because, evidence=evidence,
        fix=FixSummary("manual", "call mongosh in the script, or pin the image that made the data"),
    )  # fmt: skip


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
    """Says what to do; nothing of it is safe to do without the operator."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    if node is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    service = node.place.service or node.subject
    says = [
        f"Write mongosh in place of mongo in the entrypoint (and the health check) of {service}, then recreate it.",
        "rs.status() throws in mongosh where it only returned an error before: put it into try/catch.",
        "Or pin the image that made the data folder, such as mongo:5.0.18; an older image does not open newer data.",
    ]
    if result.form == "never-ends":
        says.insert(0, "To initiate the replica set now: stackops fix mongo.replica-set")
    return compose.manual(result, *says)


CHECK = Check(
    id=ID, title="The start script finds the shell it calls", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
