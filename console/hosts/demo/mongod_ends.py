"""Why a mongod of the practice stack ends, besides its key file: processor, kernel, files of another version.

fact: mongo-docker-db 2.4 (exits 132, 1 and 62 with their lines), fastgpt-stack 3 (the script that waits for ever).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import mongo_set
from .stand import Fate, Stand
from .tree import Tree

if TYPE_CHECKING:
    from .containers import Instance

KERNEL = "5.15.0-107-generic"
RELEASE = "/proc/sys/kernel/osrelease"
MARK = "featureCompatibilityVersion"
ORDER = ("4.4", "5.0", "6.0", "7.0", "8.0")
SHELLS = ("bash", "sh")
BAD_KERNELS = ((6, 19, 0), (7, 0, 13))
OLD_PROCESSORS = ("Nehalem", "Westmere")
"""Models of QEMU without AVX, by the variable that chooses one."""
GREEDY = "--wiredTigerCacheSizeGB"
PATIENCE = 1800.0
"""Seconds until a mongod with too large a cache has filled it and is killed."""
WAITING = "Waiting for MongoDB to start..."
NO_AVX = "WARNING: MongoDB 5.0+ requires a CPU with AVX support, and your current system does not appear to have that!"
Line = Callable[..., str]


def release(tree: Tree) -> str:
    """The kernel release of the practice machine."""
    node = tree.get(RELEASE)
    return node.content.decode() if node is not None else KERNEL


def version(image: str) -> tuple[int, ...] | None:
    """Numbers of the image's tag; ``latest`` has none."""
    found = re.match(r"\d+(?:\.\d+)*", image.partition("@")[0].rpartition("/")[2].partition(":")[2])
    return tuple(int(part) for part in found[0].split(".")) if found else None


def option(command: tuple[str, ...], name: str) -> str | None:
    """The value of an option, None without it."""
    words = iter(command)
    for word in words:
        if word == name:
            return next(words, None)
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def is_wrapped(entrypoint: tuple[str, ...]) -> bool:
    """Whether a script is process 1."""
    return bool(entrypoint) and entrypoint[0].rpartition("/")[2] in SHELLS


def early(stand: Stand, line: Line) -> tuple[tuple[str, ...], int] | None:
    """What ends mongod before it reads its key file: lines and exit code."""
    major = (version(stand.definition.image) or (8,))[:1]
    if stand.env("QEMU_CPU") in OLD_PROCESSORS and major >= (5,):
        return (
            NO_AVX,
            "/usr/local/bin/docker-entrypoint.sh: line 420:    27 Illegal instruction     (core dumped)",
        ), 132
    numbers = tuple(int(part) for part in re.findall(r"\d+", release(stand.tree))[:3])
    if major == (8,) and BAD_KERNELS[0] <= numbers <= BAD_KERNELS[1]:
        text = "MongoDB cannot start: Linux kernel versions 6.19.0 through 7.0.13 have a known incompatibility"
        return (line(stand.now, "F", "CONTROL", 12257600, "main", text),), 1
    return None


def files(stand: Stand, line: Line) -> tuple[tuple[str, ...], int] | None:
    """Files that this version does not open: its own and those of the one before are."""
    node, own = stand.node(f"/data/db/{MARK}"), version(stand.definition.image)
    wrote = node.content.decode().strip() if node is not None else None
    mine = ".".join(map(str, own[:2])) if own else None
    if wrote not in ORDER or mine not in ORDER or ORDER.index(mine) - ORDER.index(wrote) in (0, 1):
        return None
    error = f'UPGRADE PROBLEM: Found an invalid {MARK} document, version: "{wrote}"'
    return (line(stand.now, "F", "-", 20573, "initandlisten", "Wrong mongod version", {"error": error}),), 62


def set_lines(stand: Stand, line: Line) -> tuple[str, ...]:
    """What mongod says of its set when it has started."""
    name = option(stand.command, "--replSet")
    if name is None:
        return ()
    config = mongo_set.stored(stand.tree, stand.definition)
    if config is None:
        text = "Did not find local replica set configuration document at startup"
        return (line(stand.now, "I", "REPL", 21313, "initandlisten", text),)
    if config["_id"] != name:
        text = "Local replica set configuration document set name differs from command line set name"
        return (line(stand.now, "W", "REPL", 21406, "ReplCoord-0", text),)
    own = {stand.definition.service, stand.definition.name, "localhost"}
    if not any(member["host"].partition(":")[0] in own for member in config["members"]):
        text = "Locally stored replica set configuration does not have a valid entry for the current node"
        return (line(stand.now, "W", "REPL", 21405, "ReplCoord-0", text),)
    moved = {"newState": "PRIMARY", "oldState": "SECONDARY"}
    return (line(stand.now, "I", "REPL", 21358, "OplogApplier-0", "Replica set state transition", moved),)


def fate(stand: Stand, lines: tuple[str, ...], exit_code: int | None) -> Fate:
    """Under a start script the container stays, whatever becomes of mongod, and the script waits for its shell."""
    entrypoint = stand.definition.entrypoint
    if not is_wrapped(entrypoint):
        return Fate(lines, exit_code=exit_code)
    has_shell = (version(stand.definition.image) or (8,)) < (6,) or "mongosh" in entrypoint[-1]
    has_shell = has_shell or any(bind.target == "/usr/local/bin/mongo" for bind in stand.definition.binds)
    return Fate((*lines, *(() if exit_code is None and has_shell else (WAITING, WAITING))))


def listed(instance: Instance) -> tuple[tuple[str, ...], ...]:
    """What runs in a mongod's container: the script where there is one, and mongod as long as it lives."""
    arguments = tuple(instance.arguments)
    mongod = arguments if arguments[:1] == ("mongod",) else ("mongod", *arguments)
    if not is_wrapped(instance.entrypoint):
        return (mongod,)
    recent = [line.text for line in instance.log if line.at >= (instance.started_at or 0.0)]
    up = any('"id":23016' in text for text in recent)
    greedy = GREEDY in arguments and instance.chatted - (instance.started_at or 0.0) > PATIENCE
    return (instance.entrypoint, mongod) if up and not greedy else (instance.entrypoint,)
