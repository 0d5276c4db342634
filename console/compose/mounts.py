"""Which mount decides what a container sees at a path. Pure. Paths are host paths in POSIX form."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from ..model import Mount, Volume


@dataclass(frozen=True)
class Reach:
    """How a path inside the container is reached from the host."""

    kind: str
    """``bind``, ``volume``, ``tmpfs``, ..."""
    source: str
    """Host path of the very file (for binds), volume name otherwise."""
    exact: bool
    """True when the mount's target is the path itself, not a folder above it."""
    mount: Mount | Volume


def within(path: str, folder: str) -> str | None:
    """The path relative to the folder, ``""`` for the folder itself, None outside of it."""
    path, folder = posixpath.normpath(path), posixpath.normpath(folder)
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def reach(path: str, mounts: Iterable[Mount | Volume]) -> Reach | None:
    """The mount that decides what the container sees at ``path``: the longest target, the last of equals."""
    best: tuple[int, Reach] | None = None
    for mount in mounts:
        rest = within(path, mount.target)
        if rest is None:
            continue
        source = posixpath.normpath(posixpath.join(mount.source, rest)) if mount.kind == "bind" else mount.source
        if best is None or len(mount.target) >= best[0]:
            best = (len(mount.target), Reach(mount.kind, source, rest == "", mount))
    return best[1] if best else None
