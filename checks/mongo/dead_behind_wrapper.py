"""The container runs, and no mongod in it: a start script is process 1 and waits for ever.

What it does
    For every MongoDB that is started by a script of its own and whose container runs, asks mongod, and where it does
    not answer, looks into the container's process list for a mongod. What its log says of the end is shown.

Why it matters
    The script of FastGPT's compose files from v4.7 on starts mongod in the background and waits for it in a loop. When
    mongod dies (no AVX, key file, data of another version, out of memory) the script goes on waiting: the container is
    "running", its restart policy never acts, and the log repeats "Waiting for MongoDB to start...". The state of the
    container is no evidence at all.

Fix
    Restarts the container, where nothing says that mongod would die of the same cause again. Where something does, that
    cause is another finding, and is repaired first.

Sources
    compose files of FastGPT v4.7 to v4.14; FastGPT issues 1254, 1349 and 3001.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import RestartContainer
from .. import Check, compose
from .dead_behind_wrapper_examples import EXAMPLES
from .node import Node, fine, nodes, unknown

ID = "mongo.dead-behind-wrapper"
GRACE = 10.0
"""Seconds after the start in which there may be no mongod yet."""
CAUSES = {
    "mongo.20254": "mongo.keyfile", "mongo.20255": "mongo.keyfile", "mongo.20575": "mongo.keyfile",
    "mongo.keyfile-too-open": "mongo.keyfile", "mongo.keyfile-required": "mongo.keyfile",
    "mongo.20573": "mongo.version-files", "mongo.12257600": "mongo.kernel",
    "mongo.illegal-instruction": "mongo.cpu", "mongo.no-avx": "mongo.cpu", "mongo.old-arm": "mongo.cpu",
}  # fmt: skip
"""Marks of an end that would come again, and the check that knows of it."""
LOG = (*CAUSES, "mongo.bad-option", "mongo.root-variables", "mongo.waiting-for-start")
LASTING = ("mongo.bad-option", "mongo.root-variables")


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per running container in which a script is process 1."""
    for node in nodes(snapshot):
        if node.container is not None and node.running and node.mongod.wrapped and node.container.detailed:
            yield _judge(node, snapshot)


def _judge(node: Node, snapshot: Snapshot) -> Result:
    alive = None if node.state is None else node.state.alive
    title = f"Whether a mongod runs in {node.subject} cannot be told"
    if alive:
        return fine(ID, node, f"A mongod runs in {node.subject}")
    if alive is None:
        return unknown(ID, node, title, "mongod does not answer, and the container's processes could not be listed")
    if node.age is None or node.age < GRACE:
        return unknown(ID, node, title, "the container has just been started")
    said = node.state.sentence if node.state else None
    evidence = (
        Evidence("container", "running", f"docker inspect {node.subject}"),
        Evidence("processes", "no mongod", f"docker top {node.subject}"),
        *((Evidence("asked", said, node.subject),) if said else ()),
        *compose.log_evidence(snapshot, node.container, LOG),
    )
    form = "of-a-cause" if _cause(node) else "no-mongod"
    return compose.finding(
        ID, node.subject, form, f"{node.subject} runs without a mongod in it", severity="error", evidence=evidence,
        because="mongod ended, and the start script that is process 1 goes on waiting for it, so nothing restarts it",
        fix=FixSummary("disruptive", "restart the container") if form == "no-mongod"
        else FixSummary("manual", "repair what mongod died of first"),
    )  # fmt: skip


def _cause(node: Node) -> str | None:
    """The check that knows what it died of, or the log itself; None where nothing tells."""
    known = next((CAUSES[mark] for mark in reversed(node.marks) if mark in CAUSES), None)
    return known or ("the log" if any(mark in LASTING for mark in node.marks) else None)


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """A restart, or the name of the check that comes first."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    if node is None or node.container is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    cause = _cause(node)
    if cause is not None:
        where = "its log, which names the option" if cause == "the log" else f"what {cause} finds: stackops fix {cause}"
        return compose.manual(result, f"A restart would end the same way. First repair {where}.",
                              f"Then: docker restart {node.subject}")  # fmt: skip
    return Plan(
        check=ID, subject=node.subject, title=result.title, safety="disruptive", restarts=(node.subject,),
        steps=(RestartContainer(container=node.container.id, name=node.container.name),), lock=node.place.directory,
        says=(
            "What uses the database has lost its connections already.",
            "If mongod dies again, its log says why; a kill for want of memory leaves no line.",
        ),
    )  # fmt: skip


CHECK = Check(
    id=ID, title="There is a mongod behind the start script", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
