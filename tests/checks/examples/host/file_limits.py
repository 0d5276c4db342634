"""Last lines of programs without files to open, and what ``host.file-limits`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import LastWords, Snapshot

from examples import Example
from examples.wiring.folder import live, service


def said(*lines: str) -> Snapshot:
    """A program that ended with these."""
    snapshot = live(service("app", "example/app:1"))
    return replace(snapshot, last_words=(LastWords(snapshot.containers[0].id, lines, ended=True),))


FILES = (
    "Error: EMFILE: too many open files, open '/app/x'", "accept4: Too many open files",
    'listener error {"error":"too many open files"}', "java.io.IOException: Too many open files",
    "OSError: [Errno 24] Too many open files: '/data'", "Error: ENFILE: file table overflow, open '/x'",
)  # fmt: skip
WATCHERS = (
    "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'",
    "inotify_add_watch: No space left on device", "failed to create inotify instance: limit reached",
    "OSError: [Errno 28] inotify watch limit reached",
)  # fmt: skip

FINDS = (
    *(Example(f"said {line}", said(line), "finding", "open-files", ()) for line in FILES),
    *(Example(f"said {line}", said(line), "finding", "watchers", ()) for line in WATCHERS),
    Example("said it before other lines", said(FILES[0], "Bye"), "finding", "open-files", ()),
)

FINDS_NOT = (
    *(Example(f"said {line}", said(line), "ok") for line in (
        "Error: ENOSPC: no space left on device, write", "No space left on device", "open files: 64000", "Bye",
        "ulimit -n is 1048576", "too many connections", "Error: EACCES: permission denied, open '/app/x'",
        "watching /app for changes", "TooManyOpenFilesError is handled by us",
    )),
    Example("said nothing", said(), "ok"),
    Example("has programs that are well", live(service("app", "example/app:1")), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
