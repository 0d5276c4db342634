"""What lstat and stat say of a path, as a FileFact. Opens only regular files, and those only for their digest."""
# ruff: noqa: PTH116

from __future__ import annotations

import errno
import os
import stat
from typing import cast

from ...model import FileFact, FileKind
from .. import HostError
from .refusals import KINDS
from .writing import digest_of

DIGEST_LIMIT = 1 << 20


def fact_of(path: str, *, digest: bool) -> FileFact:
    """The fact; OSError only where the disk itself fails."""
    target: str | None = None
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            target = _text(os.path.realpath(path))
            status = os.stat(path)
    except OSError as error:
        kind = _kind_of_failure(error)
        return FileFact(path, kind, link_target=target)
    kind = cast("FileKind", KINDS.get(stat.S_IFMT(status.st_mode), "device"))
    return FileFact(
        path, kind, mode=stat.S_IMODE(status.st_mode), uid=status.st_uid, gid=status.st_gid, size=status.st_size,
        mtime=status.st_mtime, inode=status.st_ino, links=status.st_nlink, link_target=target,
        sha256=_digest(path) if digest and kind == "file" and status.st_size <= DIGEST_LIMIT else None,
        empty=_empty(path, kind, status.st_size),
    )  # fmt: skip


def _kind_of_failure(error: OSError) -> FileKind:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "missing"
    if error.errno in {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}:
        return "unreadable"
    raise error


def _digest(path: str) -> str | None:
    try:
        return digest_of(os.path.realpath(path), DIGEST_LIMIT)
    except (OSError, HostError):
        return None


def _empty(path: str, kind: FileKind, size: int) -> bool | None:
    if kind == "file":
        return size == 0
    if kind != "directory":
        return None
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return None


def _text(path: str) -> str:
    """A path without lone surrogates, which no JSON can carry."""
    return path.encode("utf-8", "replace").decode()
