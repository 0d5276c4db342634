"""Files as they would be: reads come from the host, writes stay in memory.

A preview is the run with the last act held back: each step of a plan is prepared on what the steps before it would have
left, and applied here. Nothing of it can reach the host, because the host's own door is only ever read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from .held import HeldDatabases
from .hosts import Clock, Control, Databases, Engine, Files, Gpus, Host, HostError, Http, HttpActs, Kernel, NotFound
from .model import FileFact
from .steps.base import sha256


class Overlay:
    """The Files of a host with writes held back."""

    def __init__(self, base: Files) -> None:
        self._base = base
        self._facts: dict[str, FileFact] = {}
        self._contents: dict[str, bytes] = {}

    def pending(self) -> dict[str, bytes]:
        """Files that would be different, with their content."""
        return {path: content for path, content in self._contents.items() if self._facts[path].kind == "file"}

    def created(self) -> frozenset[str]:
        """Files that would be there and are not yet."""
        return frozenset(path for path in self.pending() if self._base.stat(path).kind == "missing")

    def originals(self) -> dict[str, str | None]:
        """SHA-256 of what the host has where files would be different; None where it has nothing."""
        return {path: self._base.stat(path, digest=True).sha256 for path in self.pending()}

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """As the host's, or as it would be."""
        return self._facts.get(path) or self._base.stat(path, digest=digest)

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """Content as it would be."""
        if path not in self._contents:
            if self.stat(path).kind != "file":
                raise NotFound(f"{path} would not be a file")
            return self._base.read(path, limit=limit)
        if len(self._contents[path]) > limit:
            raise HostError(f"{path} would be larger than {limit:,} bytes")
        return self._contents[path]

    def names(self, path: str) -> Sequence[str]:
        """Names in a directory, with those that would be made and without those that would go."""
        there = set(self._base.names(path)) if path not in self._facts else set()
        for changed, fact in self._facts.items():
            if posixpath.dirname(changed) == path:
                (there.discard if fact.kind == "missing" else there.add)(posixpath.basename(changed))
        return tuple(sorted(there))

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        """Hold a new content back; owner and mode stay."""
        fact = self.stat(path, digest=True)
        if fact.sha256 != expect or (expect is None and fact.kind != "missing"):
            raise HostError(f"{path} is not what it was")
        if expect is None:
            self.create(path, content, mode=0o644, uid=None, gid=None)
        else:
            self._put(fact, content)

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        """Hold a new file back. An owner that is not asked for is unknown: a set-gid folder may give another one."""
        if self.stat(path).kind != "missing":
            raise HostError(f"{path} exists already")
        self._put(FileFact(path=path, kind="file", mode=mode, uid=uid, gid=gid, links=1), content)

    def _put(self, fact: FileFact, content: bytes) -> None:
        self._contents[fact.path] = content
        digest = sha256(content)
        self._facts[fact.path] = replace(fact, size=len(content), sha256=digest, empty=not content, inode=None)

    def remove(self, path: str, *, expect: str) -> None:
        """Hold a removal back."""
        if self.stat(path, digest=True).sha256 != expect:
            raise HostError(f"{path} is not what it was")
        self._gone(path)

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Hold a new directory back."""
        if self.stat(path).kind != "missing":
            raise HostError(f"{path} exists already")
        self._contents.pop(path, None)
        self._facts[path] = FileFact(path=path, kind="directory", mode=mode, uid=uid, gid=gid, empty=True)

    def remove_directory(self, path: str) -> None:
        """Hold the removal of an empty directory back."""
        if self.stat(path).kind != "directory" or self.names(path):
            raise HostError(f"{path} is not an empty directory")
        self._gone(path)

    def _gone(self, path: str) -> None:
        self._contents.pop(path, None)
        self._facts[path] = FileFact(path=path, kind="missing")

    def chmod(self, path: str, mode: int) -> None:
        """Hold a mode back."""
        self._facts[path] = replace(self.stat(path, digest=True), mode=mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Hold an owner back."""
        self._facts[path] = replace(self.stat(path, digest=True), uid=uid, gid=gid)

    def may_write(
        self,
        path: str,
        content: bytes = b"",
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """Asks the host, unless an earlier step changes the path anyhow."""
        if path not in self._facts:
            self._base.may_write(path, content, mode=mode, uid=uid, gid=gid)

    def remove_leftovers(self, path: str) -> Sequence[str]:  # noqa: ARG002 - a preview removes nothing
        """Nothing: a preview leaves even other people's rubbish alone."""
        return ()


class PreviewHost:
    """A host whose files are an overlay; everything else is the host's own, and preparing only reads it."""

    def __init__(self, host: Host) -> None:
        self.name: str = host.name
        self.kind: Literal["local", "demo", "replay"] = host.kind
        self.read_only: bool = host.read_only
        self.engine: Engine | None = host.engine
        self.kernel: Kernel | None = host.kernel
        self.overlay = Overlay(host.files)
        self.files: Files = self.overlay
        self.control: Control = host.control
        self.gpus: Gpus | None = host.gpus
        self.http: Http | None = host.http
        self.http_acts: HttpActs | None = None  # a preview sends nothing
        self.databases: Databases | None = None if host.databases is None else HeldDatabases(host.databases)
        self.clock: Clock = host.clock
