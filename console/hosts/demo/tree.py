"""The practice stack's file tree: nodes by absolute path, with owner, mode, inode. No policy, and nothing on a disk."""

from __future__ import annotations

import itertools
import posixpath
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

NodeKind = Literal["file", "directory"]


@dataclass
class Node:
    """One file or directory. Replacing a file makes a new node with a new inode, as a rename does."""

    kind: NodeKind
    mode: int
    """Permission bits."""
    uid: int
    gid: int
    inode: int
    mtime: float
    """Unix seconds."""
    content: bytes = b""


class Tree:
    """All files. One lock guards it; the world shares that lock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self._now = now
        self._nodes: dict[str, Node] = {}
        self._inodes = itertools.count(1_048_577)
        self.mkdir("/")

    def get(self, path: str) -> Node | None:
        """The node at the path, None where nothing is."""
        return self._nodes.get(tidy(path))

    def put(self, path: str, content: bytes, *, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Node:
        """Put a file there under a new inode, whatever was there before; folders above it are made."""
        path = tidy(path)
        self.drop(path)
        self.mkdir(posixpath.dirname(path))
        node = Node("file", mode, uid, gid, next(self._inodes), self._now(), content)
        self._nodes[path] = node
        return node

    def mkdir(self, path: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Node:
        """The directory at the path, made with those above it where they are missing."""
        path = tidy(path)
        found = self._nodes.get(path)
        if found is not None:
            return found
        if path != "/":
            self.mkdir(posixpath.dirname(path))
        node = Node("directory", mode, uid, gid, next(self._inodes), self._now())
        self._nodes[path] = node
        return node

    def drop(self, path: str) -> None:
        """Remove the path and all below it; nothing happens where nothing is."""
        path = tidy(path)
        for gone in [path, *self.below(path)]:
            self._nodes.pop(gone, None)

    def below(self, path: str) -> list[str]:
        """Every path under a directory, however deep."""
        prefix = tidy(path).rstrip("/") + "/"
        return [name for name in self._nodes if name.startswith(prefix) and name != "/"]

    def names(self, path: str) -> Iterator[str]:
        """Names directly in a directory, sorted."""
        path = tidy(path)
        yield from sorted(posixpath.basename(name) for name in self.below(path) if posixpath.dirname(name) == path)


def tidy(path: str) -> str:
    """The absolute path without dots, doubled or trailing slashes."""
    return "/" + posixpath.normpath("/" + path).strip("/")
