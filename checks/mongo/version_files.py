"""mongod ends because its data folder was written by a version it does not open.

What it does
    Looks for exit code 62 and for log id 20573 ("Wrong mongod version") since the container's last start, also where a
    start script keeps the container running without mongod. A mongod that answers has opened its files.

Why it matters
    A version opens its own files and those of the one before, no others. ``mongo:latest``, or a tag without a number,
    jumps over versions on the next pull, and 5.0 files are not opened by 4.4 either, the usual answer to a missing AVX.
    The database does not start, and deleting the folder, which many threads advise, deletes every conversation.

Fix
    Go back to the image that wrote the files, then go up one version at a time and set the feature compatibility
    version each time. The folder is never deleted, and nothing of this is done by a key: the files tell which versions
    open them, not which image ran, and an upgrade that is begun cannot be taken back.

Sources
    mongo exit_codes.h (62, need downgrade) and log id 20573; docker-library/mongo issues 557 and 601; LibreChat issue
    4155.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from .. import Check, compose
from .node import Node, fine, nodes, unknown
from .version_files_examples import EXAMPLES

ID = "mongo.version-files"
EXIT = 62
"""fact: mongo-docker-db 2.4"""
MARK = "mongo.20573"
OPENED = "mongo.23016"
_FOUND = re.compile(r'version: \\?"(\d+\.\d+)')


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per mongod that was started at least once."""
    for node in nodes(snapshot):
        container = node.container
        if container is None or container.state == "created":
            continue
        if not container.detailed:
            yield unknown(
                ID, node, f"Whether {node.subject} opens its files cannot be told", "it was not inspected yet"
            )
        else:
            yield _judge(node, snapshot)


def _judge(node: Node, snapshot: Snapshot) -> Result:
    container = node.container
    said = [mark for mark in node.marks if mark in (MARK, OPENED)]
    refused = bool(said) and said[-1] == MARK
    ended = container is not None and container.state != "running" and container.exit_code == EXIT
    image = container.image if container else ""
    evidence = (
        Evidence("image", image, f"docker inspect {node.subject}"),
        *((Evidence("exit code", str(EXIT), f"docker inspect {node.subject}"),) if ended else ()),
        *compose.log_evidence(snapshot, container, (MARK,)),
    )
    if node.answers or not (refused or ended):
        return fine(ID, node, f"Nothing says that {node.subject} refuses its data folder", evidence[:1])
    wrote = _written_by(node, snapshot)
    of = f" of MongoDB {wrote}" if wrote else " of another MongoDB version"
    return compose.finding(
        ID, node.subject, "other-version", f"The data folder of {node.subject} is{of}, and {image} does not open it",
        severity="error", evidence=evidence, fix=FixSummary("manual", "go back to the image that wrote the files"),
        because="a mongod opens its own files and those of the version before; the image was changed by more than that",
    )  # fmt: skip


def _written_by(node: Node, snapshot: Snapshot) -> str | None:
    """The version that the log names, where it does."""
    for mark in compose.marks_since_start(snapshot, node.container):
        found = _FOUND.search(mark.text) if mark.mark == MARK else None
        if found:
            return found[1]
    return None


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Says how to go back, and how to go up. The data folder is never touched."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    if node is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    wrote = _written_by(node, snapshot)
    image = f"mongo:{wrote}" if wrote else "the image that ran before (docker images shows it)"
    service = node.place.service or node.subject
    return compose.manual(
        result,
        f"Write {image} into the compose file and bring it up: docker compose up -d {service}. The data are all there.",
        "To go up: back up first, then one version at a time (4.4, 5.0, 6.0, 7.0, 8.0), and in each"
        " db.adminCommand({setFeatureCompatibilityVersion: 'X.Y'}), from 7.0 on with confirm: true.",
        "Do not delete the data folder: it holds every user and every conversation.",
    )


CHECK = Check(
    id=ID, title="mongod opens its data folder", severity="error", doc=__doc__ or "", examine=examine, plan=plan,
    examples=EXAMPLES,
)  # fmt: skip
