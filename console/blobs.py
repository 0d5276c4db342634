"""File contents by their SHA-256: the backups behind undo and crash recovery. Maybe secrets: 0600, never shown."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from .hosts import HostError

YOUNG = 3600.0
"""Seconds: a content may be written before the entry that needs it."""


class BlobStore:
    """A folder (0700) with one file (0600) per content. Written atomically, read with their hash checked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str) -> Path:
        """Where a content is kept."""
        return self.directory / name

    def put(self, contents: Iterable[bytes]) -> None:
        """Keep contents, on the disk for certain when this returns. Raises OSError."""
        for content in contents:
            target = self.path(hashlib.sha256(content).hexdigest())
            if target.exists():
                os.utime(target)  # young again, so that no other console prunes it before the entry is written
            else:
                self._write(target, content)
        sync_directory(self.directory)

    def _write(self, target: Path, content: bytes) -> None:
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        try:
            write_new(temporary, content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def get(self, name: str) -> bytes | None:
        """A content; None when it is gone or no longer has its hash. Raises HostError when it cannot be read."""
        try:
            content = self.path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"The backup {self.path(name)} cannot be read: {error.strerror}") from error
        return content if hashlib.sha256(content).hexdigest() == name else None

    def keep_only(self, names: set[str]) -> None:
        """Remove every other content that is older than an hour. What cannot be removed stays."""
        try:
            there = list(self.directory.iterdir())
        except OSError:
            return
        for path in there:
            with contextlib.suppress(OSError):
                if path.name not in names and time.time() - path.stat().st_mtime > YOUNG:
                    path.unlink()


def write_new(path: Path, content: bytes) -> None:
    """Create a file (0600) that must not exist, and flush it to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, however short single writes are. Raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(path: Path) -> None:
    """Flush a folder, so that names made in it survive. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
