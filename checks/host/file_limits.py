"""A program ran out of open files or of file watchers, which the system limits.

What it does
    Looks for EMFILE, "Too many open files" and "System limit for number of file watchers reached" in the last lines of
    containers that ended or are unhealthy.

Why it matters
    MongoDB and Milvus open a file for each collection and connection, and development servers watch whole folders. The
    message stands once in the log; afterwards connections are refused, and it looks like a network problem.

Fix
    Explained: the limit of that one service in the compose file, or the setting of the machine. Both are yours.

Sources
    MongoDB's manual, "UNIX ulimit Settings"; the Compose specification, ulimits; inotify(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import clip
from ..api import Case, Check, Fine, Form, Found, by_hand

_FILES = re.compile(r"too many open files|\bEMFILE\b|\bENFILE\b", re.IGNORECASE)
_WATCHERS = re.compile(
    r"limit for number of file watchers reached|inotify\w*[^\n]{0,40}(?:ENOSPC|no space left|limit)", re.IGNORECASE
)

OPEN_FILES = Form(
    "open-files", "{subject} ran out of open files",
    "The system limits how many files and connections a program may have open at once.",
    "raise nofile for {service}",
    advice="Add to {service} in docker-compose.override.yml: ulimits, nofile, soft and hard 64000.\n"
    "Then: docker compose up -d {service}\n"
    "If it happens again after that, the program may leak connections: see its log.",
)  # fmt: skip
WATCHERS = Form(
    "watchers", "{subject} ran out of file watchers",
    "The machine limits how many files all programs of a user may watch (fs.inotify.max_user_watches).",
    "raise fs.inotify.max_user_watches on the machine",
    advice="sudo sysctl fs.inotify.max_user_watches=524288\n"
    "To keep it: write the line fs.inotify.max_user_watches=524288 into a file under /etc/sysctl.d.\n"
    "Then: docker restart {subject}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container whose last lines were read; one answer for all where nothing is wrong."""
    named, found = {one.id: one for one in snapshot.containers}, False
    for words in snapshot.last_words:
        container = named.get(words.container)
        for form, pattern in ((OPEN_FILES, _FILES), (WATCHERS, _WATCHERS)):
            line = next((line for line in reversed(words.lines) if pattern.search(line)), None)
            if container is not None and line is not None:
                found = True
                row = Evidence("log", clip(line, 300), f"docker logs {container.name}")
                service = container.service or container.name
                yield Case(container.name, form, None, (row,), {"service": service})
                break
    if snapshot.last_words and not found:
        yield Fine("", _("No program says that it ran out of open files"))


CHECK = Check(
    "host.file-limits", "Programs have enough open files", __doc__ or "", (OPEN_FILES, WATCHERS), find, by_hand,
    reads=("containers", "last_words"),
)  # fmt: skip
