"""A disk is full, or nearly: databases stop, and containers cannot be started.

What it does
    Looks at the file systems that matter, Docker's own folder and the stacks' data among them: less than 1 GiB
    free is an error, as is less than 2 %; less than 10 % is a warning. Where 10 GiB are free neither is told.

Why it matters
    MongoDB, PostgreSQL and MySQL end or refuse to write when their disk is full, each with a message of its own, and
    One API and FastGPT then show errors that name no disk. A database that ended in the middle of a write may need
    repair.

Fix
    Explained: what can be looked at and cleaned up without touching anybody's data. Nothing is deleted by a key here.

Sources
    Docker's manual, "Prune unused Docker objects"; MongoDB's FAQ on storage; PostgreSQL's manual, "Disk Full Failure".
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import Disk, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ...console.text.cleaning import size
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand

GIB = 1 << 30
LEAST, LITTLE = 1 * GIB, 10 * GIB
"""Bytes free."""

_ADVICE = (
    "See what is large: docker system df, then sudo du -xh --max-depth=2 {path} | sort -h | tail\n"
    "Free what Docker makes again by itself: docker builder prune, and docker image prune for images without a name.\n"
    "Logs of containers grow without limit by default: look at /var/lib/docker/containers.\n"
    "Do not delete files inside a database's folder, and no volume you do not know. docker system prune --volumes "
    "deletes data."
)
FULL = Form(
    "full", "The disk of {subject} is full: {free} left of {total}",
    "Databases stop writing or end when their disk is full, and containers cannot be started.",
    "free some space", advice=_ADVICE,
)  # fmt: skip
LOW = Form(
    "low", "The disk of {subject} is nearly full: {free} left of {total}",
    "An image or a model of a few gigabytes fills it up. Databases stop when that happens.",
    "free some space", "warning", advice=_ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each file system that was measured."""
    for disk in snapshot.system.disks if snapshot.system else ():
        if disk.free is None or not disk.total:
            yield Unknown(
                disk.path, _("Cannot say how full the disk of {path} is", path=disk.path), _("it could not be measured")
            )
            continue
        share = disk.free / disk.total
        full = disk.free < min(LEAST, disk.total // 10) or (share < 0.02 and disk.free < LITTLE)
        low = share < 0.1 and disk.free < LITTLE
        if full or low:
            yield _case(FULL if full else LOW, disk, disk.free, disk.total)
        else:
            yield Fine(disk.path, _("There is room on the disk of {path}", path=disk.path))


def _case(form: Form, disk: Disk, free: int, total: int) -> Case[None]:
    words = {"free": size(free), "total": size(total), "path": disk.path}
    rows = (
        Evidence(
            _("free"),
            _("{free} of {total} ({share:.0%})", free=words["free"], total=words["total"], share=free / total),
            f"{disk.path}, {disk.what}",
        ),
    )
    return Case(disk.path, form, None, rows, words)


CHECK = Check(
    "docker.disk", "There is room on the disks", __doc__ or "", (FULL, LOW), find, by_hand, reads=("system",)
)  # fmt: skip
