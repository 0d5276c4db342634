"""mongod ends because it cannot use its data folder: read-only, another's, locked by a second mongod, or not there.

What it does
    Reads why mongod gave up at its start (log ids 20557 and 20558) where that line names its data folder, and follows
    the folder through the mounts. Exit code 100 alone says only that it met an exception. Where stackops knows the
    folder, mode and owner are told beside the user mongod runs as; where another container uses the same folder, that
    one is named.

Why it matters
    The line says "Attempted to create a lock file on a read-only directory" where nothing is mounted read-only, and
    "Unable to lock" where a second container, or one of another project, runs on the same files. The word permission
    need not be in it. Deleting ``mongod.lock``, which many threads advise, helps with none of them.

Fix
    Explained. Owners of data folders are the operator's to change, and two mongods on one folder destroy it. What the
    log calls "Permission denied" on a path of this machine is told by container.permission.

Sources
    mongo exit_codes.h (100), storage_engine_lock_file_posix.cpp, log ids 20557 and 20558; docker-library/mongo (user,
    data folder).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.products.mongo import option
from ...console.text import _
from .. import compose
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from ..container.permission import PATH, REFUSED
from ..subjects import Reach, fact_of, file_evidence, reach, within
from .node import MongoNode, nodes

EXIT = 100
MARKS = ("mongo.20557", "mongo.20558")
OPENED = "mongo.23016"
USUAL = "/data/db"
_FOLDER = re.compile(
    r"[Dd]irectory:? +(/[\w.@%+/-]*\w)|(/[\w.@%+/-]+)/(?:mongod\.lock|journal)\b|on the (/\S+) directory"
)
"""How mongod's lines name it. fact: storage_engine_lock_file_posix.cpp, storage_engine_init.cpp"""
_LOOK = "See who may use it: {look}"
_FORMS = (
    (re.compile(r"DBPathInUse|[Uu]nable to lock|Another mongod|temporarily unavailable"), Form(
        "locked", "{subject} cannot start: another mongod uses its data folder {place}",
        "mongod locks {path} and met the lock of another{others}. Two on one folder would destroy it",
        "stop the other one, or give each a folder of its own",
        advice="Find the other: docker ps -a, and ps aux | grep mongod for one that runs outside of Docker{others}.\n"
        "Stop it, or give this one a folder of its own. Do not delete mongod.lock.\nThen: docker restart {subject}")),
    (re.compile(r"NonExistentPath|not found|No such file"), Form(
        "no-folder", "{subject} cannot start: there is no data folder {path} in it",
        "--dbpath names a folder that nothing mounts and that the image does not have",
        "mount the data at that path, or correct --dbpath",
        advice="Mount the data folder at {path}, or write the path where it is mounted behind --dbpath.\n"
        "Then: {again}")),
    (re.compile(r"read-?only|Read-only file system|IllegalOperation|[Pp]ermission denied|EACCES|not permitted"), Form(
        "not-writable", "{subject} cannot start: it may not write to its data folder {place}",
        "mongod runs as user {user} and {reason}", "let that user write there",
        advice=f"{_LOOK}\n{{way}}\nThen: docker restart {{subject}}")),
    (re.compile(""), Form(
        "unusable", "{subject} cannot start: mongod cannot use its data folder {place}",
        "it ends over a path in that folder; its last lines say more",
        "look at its last lines, and at the folder's owner",
        advice=f"{_LOOK}\nThen: docker restart {{subject}}")),
)  # fmt: skip
"""By mongod's words: the first that fits."""


@dataclass(frozen=True)
class FolderRefusal:
    """What mongod said, and the folder that it means."""

    said: str
    path: str
    found: Reach | None


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod that was started at least once."""
    for node in nodes(snapshot):
        container = node.container
        if container is None or container.state == "created" or node.router:
            continue
        refusal = _refusal(node, snapshot)
        if refusal is None or node.answers:
            yield Fine(node.subject, _("Nothing says that {node} cannot use its data folder", node=node.subject))
        elif not (REFUSED.search(refusal.said) and refusal.found and refusal.found.kind == "bind"):
            yield _case(node, refusal, snapshot)


def _refusal(node: MongoNode, snapshot: Snapshot) -> FolderRefusal | None:
    """The last word of this run or, between two ends of a crash loop, of the one before."""
    own = [m for m in snapshot.log_marks if node.container and m.container == node.container.id]
    last = max((m for m in own if m.mark in (*MARKS, OPENED)), key=lambda m: m.at or 0.0, default=None)
    said = last.text if last is not None and last.mark in MARKS else ""
    named = _FOLDER.search(said)
    path = option("--dbpath", node.place.words) or (next(filter(None, named.groups())) if named else USUAL)
    if not any(within(each, path) is not None for each in PATH.findall(said)):
        return None  # it ended over something else
    return FolderRefusal(said, path, reach(path, node.place.mounts))


def _case(node: MongoNode, refusal: FolderRefusal, snapshot: Snapshot) -> Case[FolderRefusal]:
    form = next(form for words, form in _FORMS if words.search(refusal.said))
    found, uid = refusal.found, node.mongod.uid
    fact = fact_of(snapshot, found.source) if found and found.kind == "bind" else None
    rows = (
        *node.exited(EXIT), *compose.log_evidence(snapshot, node.container, MARKS),
        Evidence(_("data folder"), f"{refusal.path}, {found.source if found else 'of the container itself'}",
                 node.place.source),
        *file_evidence(fact, found.source if found else ""),
    )  # fmt: skip
    others = _others(node, refusal, snapshot)
    owner = (
        _("the folder belongs to {uid} with mode {mode:o}", uid=fact.uid, mode=fact.mode)
        if fact and fact.mode is not None
        else ""
    )
    place = found.source if found else refusal.path
    inside, whose = shlex.quote(refusal.path), "UID" if uid is None else str(uid)
    give = f"sudo chown -R {whose} {shlex.quote(place)}" if found and found.kind == "bind" else ""
    volume = _run(node, "--user 0 --entrypoint chown", f"-R {whose} {inside}")
    read_only = bool(found and found.mount.read_only)
    words = {
        "path": refusal.path, "place": place, "look": _run(node, "--entrypoint ls", f"-ldn {inside}"),
        "again": f"docker compose up -d {node.place.service}" if node.place.service else _("make the container anew"),
        "user": str(uid) if uid is not None else node.place.user or "unknown",
        "reason": _("it is mounted read-only") if read_only else owner or _("the folder is not its own"),
        "others": f": {', '.join(others)}" if others else "",
        "way": _("Take :ro out of its line in volumes.") if read_only else
               _("Where it is this service's alone, with all in it: {give}", give=give or volume),
    }  # fmt: skip
    return Case(node.subject, form, refusal, rows, words)


def _run(node: MongoNode, options: str, arguments: str) -> str:
    """A command that runs a program of its image with its mounts."""
    service, image = node.place.service, shlex.quote(node.place.image or "IMAGE")
    if service:
        return f"docker compose run --rm --no-deps {options} {service} {arguments}"
    return f"docker run --rm --volumes-from {node.subject} {options} {image} {arguments}"


def _others(node: MongoNode, refusal: FolderRefusal, snapshot: Snapshot) -> list[str]:
    """Running containers that have the same folder."""
    source = refusal.found.source if refusal.found else None
    return [
        one.name for one in snapshot.containers
        if source and one.state == "running" and one is not node.container
        and any(mount.source == source for mount in one.mounts)
    ]  # fmt: skip


CHECK = Check(
    "mongo.data-folder", "mongod can use its data folder", __doc__ or "", tuple(form for _, form in _FORMS), find,
    by_hand,
    reads=("containers", "projects", "services", "files", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
