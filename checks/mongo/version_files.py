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
from collections.abc import Iterator
from dataclasses import replace

from ...console.model import Container
from ...console.text import _
from .. import compose
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from .node import MongoNode, nodes

EXIT = 62
"""Exit code "need downgrade" (mongo exit_codes.h)."""
MARK = "mongo.20573"
OPENED = "mongo.23016"
_FOUND = re.compile(r'version: \\?"(\d+\.\d+)')
_BACK = "Write {} into the compose file and bring it up: docker compose up -d {{service}}. The data are all there."
_UP = (
    "To go up: back up first, then one version at a time (4.4, 5.0, 6.0, 7.0, 8.0), and in each"
    " db.adminCommand({{setFeatureCompatibilityVersion: 'X.Y'}}), from 7.0 on with confirm: true.\n"
    "Do not delete the data folder: it holds every user and every conversation."
)
OTHER_VERSION = Form(
    "other-version",
    "The data folder of {subject} is of another MongoDB version, and {image} does not open it",
    "a mongod opens its own files and those of the version before; the image was changed by more than that",
    "go back to the image that wrote the files",
    advice=f"{_BACK.format('the image that ran before (docker images shows it)')}\n{_UP}",
)
KNOWN_VERSION = replace(
    OTHER_VERSION, title="The data folder of {subject} is of MongoDB {wrote}, and {image} does not open it",
    variant="known", advice=f"{_BACK.format('mongo:{wrote}')}\n{_UP}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod that was started at least once."""
    for node in nodes(snapshot):
        container = node.container
        if container is not None and container.state != "created":
            yield _judge(node, container, snapshot)


def _judge(node: MongoNode, container: Container, snapshot: Snapshot) -> Found:
    said = [mark for mark in node.marks if mark in (MARK, OPENED)]
    ended = node.exited(EXIT) if not node.running else ()
    image = Evidence(_("image"), container.image, f"docker inspect {node.subject}")
    if node.answers or not (ended or said[-1:] == [MARK]):
        return Fine(node.subject, _("Nothing says that {node} refuses its data folder", node=node.subject), (image,))
    wrote = _written_by(node, snapshot)
    rows = (image, *ended, *compose.log_evidence(snapshot, container, (MARK,)))
    words = {"image": container.image, "wrote": wrote or "", "service": node.place.service or node.subject}
    return Case(node.subject, KNOWN_VERSION if wrote else OTHER_VERSION, None, rows, words)


def _written_by(node: MongoNode, snapshot: Snapshot) -> str | None:
    """The version that the log names, where it does."""
    told = (mark.text for mark in compose.marks_since_start(snapshot, node.container) if mark.mark == MARK)
    return next((found[1] for text in told if (found := _FOUND.search(text))), None)


CHECK = Check(
    "mongo.version-files", "mongod opens its data folder", __doc__ or "", (OTHER_VERSION, KNOWN_VERSION), find, by_hand,
    reads=("containers", "projects", "services", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
