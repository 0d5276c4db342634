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

from collections.abc import Iterator
from dataclasses import replace

from ...console.fix.steps import RestartContainer
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from .node import MongoNode, nodes

GRACE = 10.0
"""Seconds after the start in which there may be no mongod yet."""
CAUSES = {
    "mongo.20254": "mongo.keyfile", "mongo.20255": "mongo.keyfile", "mongo.20575": "mongo.keyfile",
    "mongo.keyfile-too-open": "mongo.keyfile", "mongo.keyfile-required": "mongo.keyfile",
    "mongo.20557": "mongo.data-folder", "mongo.20558": "mongo.data-folder",
    "mongo.20573": "mongo.version-files", "mongo.12257600": "mongo.kernel",
    "mongo.illegal-instruction": "mongo.cpu", "mongo.no-avx": "mongo.cpu", "mongo.old-arm": "mongo.cpu",
}  # fmt: skip
"""Marks of an end that would come again, and the check that knows of it."""
LASTING = ("mongo.bad-option", "mongo.root-variables")
LOG = (*CAUSES, *LASTING, "mongo.waiting-for-start")
NO_MONGOD = Form(
    "no-mongod",
    "{subject} runs without a mongod in it",
    "mongod ended, and the start script that is process 1 goes on waiting for it, so nothing restarts it",
    "restart the container",
)
OF_A_CAUSE = replace(
    NO_MONGOD, id="of-a-cause", fix="repair what mongod died of first",
    advice="A restart would end the same way. First repair {cause}.\nThen: docker restart {subject}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each running container in which a script is process 1."""
    for node in nodes(snapshot):
        if node.container is not None and node.running and node.mongod.wrapped:
            yield _judge(node, snapshot)


def _judge(node: MongoNode, snapshot: Snapshot) -> Found:
    title = _("Whether a mongod runs in {node} cannot be told", node=node.subject)
    if node.said.alive is None:
        why = _("mongod does not answer, and the container's processes could not be listed")
        return Unknown(node.subject, title, why)
    if node.said.alive:
        return Fine(node.subject, _("A mongod runs in {node}", node=node.subject))
    if node.age is None or node.age < GRACE:
        return Unknown(node.subject, title, _("the container has just been started"))
    rows = (
        Evidence(_("container"), "running", f"docker inspect {node.subject}"),
        Evidence(_("processes"), _("no mongod"), f"docker top {node.subject}"),
        *((Evidence(_("asked"), node.said.sentence, node.subject),) if node.said.sentence else ()),
        *compose.log_evidence(snapshot, node.container, LOG),
    )
    cause = _cause(node)
    return Case(node.subject, OF_A_CAUSE if cause else NO_MONGOD, node, rows, {"cause": cause or ""})


def _cause(node: MongoNode) -> str | None:
    """What tells what it died of: a check that knows, or the log itself; None where nothing does."""
    known = next((CAUSES[mark] for mark in reversed(node.marks) if mark in CAUSES), None)
    if known is not None:
        return _("what {known} finds: stackops fix {known}", known=known)
    return _("its log, which names the option") if any(mark in LASTING for mark in node.marks) else None


def plan(case: Case[MongoNode], _answers: Answers) -> Plan:
    """A restart, or the name of the check that comes first."""
    node, container = case.facts, case.facts.container
    if case.form is OF_A_CAUSE or container is None:
        return manual(*case.advice)
    return repair(
        RestartContainer(container=container.id, name=container.name),
        says=(
            _("What uses the database has lost its connections already."),
            _("If mongod dies again, its log says why; a kill for want of memory leaves no line."),
        ),
        restarts=(node.subject,),
        lock=node.place.directory,
    )


CHECK = Check(
    "mongo.dead-behind-wrapper", "There is a mongod behind the start script", __doc__ or "", (NO_MONGOD, OF_A_CAUSE),
    find, plan,
    reads=("containers", "projects", "services", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
