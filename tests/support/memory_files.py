"""A read-only file system of a few paths in memory, behind the Files door."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence

from stackops.console.hosts import HostError, NotFound, NotPermitted
from stackops.console.model import FileFact


class MemoryFiles:
    """``{"/srv/a/compose.yml": b"...", "/srv/a/data": None}``: None is a folder, an exception is what a read raises."""

    def __init__(self, content: Mapping[str, bytes | str | Exception | None]) -> None:
        self.content = {p: c.encode() if isinstance(c, str) else c for p, c in content.items()}
        self.reads: list[str] = []
        self.stats: list[str] = []

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        self.reads.append(path)
        if path not in self.content:
            raise NotFound(f"{path} does not exist")
        content = self.content[path]
        if isinstance(content, Exception):
            raise content
        if content is None:
            raise HostError(f"{path} is a directory")
        if len(content) > limit:
            raise HostError(f"{path} is larger than {limit} bytes")
        return content

    def names(self, path: str) -> Sequence[str]:
        if isinstance(self.content.get(path), Exception):
            raise NotPermitted(f"{path}: permission denied", "sudo ls " + path)
        found = {p[len(path) + 1 :].split("/")[0] for p in self.content if p.startswith(path + "/")}
        if not found and path not in self.content:
            raise NotFound(f"{path} does not exist")
        return sorted(found)

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        self.stats.append(path)
        content = self.content.get(path, "missing")
        if isinstance(content, HostError):
            raise content
        if isinstance(content, Exception):
            return FileFact(path=path, kind="unreadable")
        if content == "missing":
            below = any(posixpath.dirname(p).startswith(path) for p in self.content)
            return FileFact(path=path, kind="directory" if below else "missing")
        if content is None:
            return FileFact(path=path, kind="directory", empty=True)
        sha = hashlib.sha256(content).hexdigest() if digest else None
        return FileFact(path=path, kind="file", size=len(content), sha256=sha, mode=0o644)
