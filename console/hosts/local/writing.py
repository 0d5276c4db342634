"""Writes a file so that at every instant it is whole: the old one or the new one.

Temporary file in the same folder, owner, mode and extended attributes first, fsync, check again, rename, fsync of
the folder, read back. May not decide what is written; raises HostError, and OSError that ``files`` puts into words.
"""
# ruff: noqa: PTH105, PTH108, PTH118, PTH119, PTH120, PTH208

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import tempfile

from msgspec import Struct

from ...failpoints import reach
from .. import HostError
from .refusals import not_regular, shown

SUFFIX = ".so-tmp"
NAME_BYTES = 100
IGNORED_XATTR = {errno.ENOTSUP, errno.ENODATA}


class Wanted(Struct, frozen=True):
    """How the file shall be. ``old`` is the status of the file it replaces, None for a new one."""

    path: str
    content: bytes
    mode: int
    uid: int
    gid: int
    old: os.stat_result | None = None
    expect: str | None = None


def write(wanted: Wanted) -> None:
    """Put the file in its place, whole, or leave everything as it was."""
    folder = os.path.dirname(wanted.path)
    descriptor, temporary = tempfile.mkstemp(prefix=f"{_stem(wanted.path)}.", suffix=SUFFIX, dir=folder)
    try:
        try:
            _fill(descriptor, wanted)
        finally:
            os.close(descriptor)
        reach("before_rename")
        if wanted.old is None:
            _into_place(temporary, wanted.path)
        else:
            _over(temporary, wanted)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    reach("after_rename")
    sync_folder(folder)
    if digest_of(wanted.path) != hashlib.sha256(wanted.content).hexdigest():
        raise HostError(f"{shown(wanted.path)} does not read back as it was written", "look at the disk: dmesg")


def digest_of(path: str, limit: int | None = None) -> str:
    """SHA-256 of a regular file; OSError, or HostError where it is no regular file or larger than ``limit``."""
    return hashlib.sha256(content_of(path, limit)).hexdigest()


def content_of(path: str, limit: int | None = None) -> bytes:
    """Content of a regular file, symlinks already resolved. Never waits at a FIFO, never opens a device."""
    before = os.lstat(path)
    if not stat.S_ISREG(before.st_mode):
        raise not_regular(path, before.st_mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise not_regular(path, status.st_mode)
        content = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(content) > limit:
        raise HostError(f"{shown(path)} is larger than {limit} bytes; it is not read")
    return content


def leftovers(path: str) -> list[str]:
    """Temporary files that a killed write of this path left beside it."""
    folder = os.path.dirname(path)
    ours = re.compile(re.escape(f"{_stem(path)}.") + r"[a-z0-9_]{8}" + re.escape(SUFFIX))
    found = [os.path.join(folder, name) for name in os.listdir(folder) if ours.fullmatch(name)]
    return [place for place in found if stat.S_ISREG(os.lstat(place).st_mode)]


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable, where the file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def _fill(descriptor: int, wanted: Wanted) -> None:
    rest = memoryview(wanted.content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (wanted.uid, wanted.gid):
        os.fchown(descriptor, wanted.uid, wanted.gid)
    os.fchmod(descriptor, wanted.mode)
    if wanted.old is not None:
        _copy_xattrs(wanted.path, descriptor)
    reach("before_fsync")
    os.fsync(descriptor)


def _copy_xattrs(path: str, descriptor: int) -> None:
    """ACLs and SELinux labels live in extended attributes; one that cannot be kept stops the write."""
    try:
        names = os.listxattr(path)
    except OSError as error:
        if error.errno in IGNORED_XATTR:
            return
        raise
    for name in names:
        value = os.getxattr(path, name)
        if _xattr(descriptor, name) != value:
            os.setxattr(descriptor, name, value)


def _xattr(descriptor: int, name: str) -> bytes | None:
    try:
        return os.getxattr(descriptor, name)
    except OSError:
        return None


def _over(temporary: str, wanted: Wanted) -> None:
    """Rename over the old file, unless it has changed meanwhile."""
    status = os.lstat(wanted.path)
    if not stat.S_ISREG(status.st_mode):
        raise not_regular(wanted.path, status.st_mode)
    if digest_of(wanted.path) != wanted.expect:
        raise HostError(f"{shown(wanted.path)} has changed since the preview", "look again and make a new preview")
    os.replace(temporary, wanted.path)


def _into_place(temporary: str, path: str) -> None:
    """Give the new file its name without ever overwriting one that appeared meanwhile."""
    try:
        os.link(temporary, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        if os.path.lexists(path):  # a file system without hard links
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from error
        os.replace(temporary, path)
        return
    os.unlink(temporary)


def _stem(path: str) -> str:
    """How the names of temporary files begin; cut so that even the longest name leaves room."""
    name = os.fsencode(os.path.basename(path))[:NAME_BYTES]
    return f".{name.decode('utf-8', 'ignore')}"
