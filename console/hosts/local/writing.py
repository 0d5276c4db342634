"""Writes a file so that at every instant it is whole: the old one or the new one.

Temporary file in the same folder, owner, mode and extended attributes first, fsync, check again, rename, fsync of
the folder, read back. May not decide what is written; raises HostError, and OSError that ``files`` puts into words.

A call that takes a path walks it again, and whoever owns a folder on the way may have put a link there since the look:
root would then change another file. So the folder is entered name by name, no link is followed, and each act names its
target by the folder's descriptor (openat(2), "Rationale for openat() and other directory file descriptor APIs"). Paths
come here with their links resolved: a link that is met has appeared since. ``O_PATH`` opens nothing: no FIFO is waited
at, no device does anything, and a file without a read bit can be held.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from msgspec import Struct

from ...model import FileFact, FileKind
from ...paths import state_directory
from ...text import N_
from .. import HostError, NotFound
from ..acting import reach
from .reasons import KINDS, not_regular, shown

# ruff: noqa: PTH208

AGAIN = N_("look again and make a new preview")
_HELD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class HeldPlace:
    """A name in a folder that is held open; only ``opened`` makes one."""

    def __init__(self, path: str, folder: int) -> None:
        self.path = path
        self.folder = folder
        """Descriptor of the folder, good for ``dir_fd`` only."""
        self.name = os.path.basename(path)

    def lstat(self) -> os.stat_result | None:
        """What bears the name now, None where nothing does."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @contextmanager
    def held(self) -> Iterator[tuple[str, os.stat_result]]:
        """What is there, opened for nothing: a path that means it whatever happens to its name, and its status.

        fact: proc(5): /proc/self/fd/N leads to the open file itself. fchmod(2) and fchown(2) refuse ``O_PATH``.
        """
        descriptor = os.open(self.name, _HELD, dir_fd=self.folder)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISLNK(found.st_mode):
                raise became_link(self.path)
            yield f"/proc/self/fd/{descriptor}", found
        finally:
            os.close(descriptor)

    @contextmanager
    def reading(self) -> Iterator[tuple[int, os.stat_result]]:
        """A regular file opened to be read, and its status."""
        with self.held() as (itself, found):
            if not stat.S_ISREG(found.st_mode):
                raise not_regular(self.path, found.st_mode)
            descriptor = os.open(itself, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            yield descriptor, found
        finally:
            os.close(descriptor)

    def beside(self) -> list[str]:
        """Names in the folder."""
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make the names in the folder durable, where the file system can do that."""
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some network file systems cannot
                raise
        finally:
            os.close(descriptor)


@contextmanager
def opened(path: str) -> Iterator[HeldPlace]:
    """The place of a resolved path. NotFound without its folder, HostError where a link is on the way."""
    folder = os.open("/", _HELD | os.O_DIRECTORY)
    try:
        way = ""
        for name in [part for part in os.path.dirname(path).split("/") if part]:  # noqa: PTH120
            way += f"/{name}"
            below = _enter(folder, name, way, path)
            os.close(folder)
            folder = below
        yield HeldPlace(path, folder)
    finally:
        os.close(folder)


def require_seen(path: str, found: os.stat_result, seen: FileFact | None) -> None:
    """Raise HostError unless this is the file or folder of the look, under no other name.

    Mode and owner belong to the file and not to its name: through a hard link another one's file would change.
    """
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise not_regular(path, found.st_mode)
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise HostError(N_(f"{shown(path)} has {found.st_nlink} hard links: the files of other names would change too"))
    kind = KINDS[stat.S_IFMT(found.st_mode)]  # a new folder may get the inode of a file that has gone
    if seen is not None and (seen.device, seen.inode, seen.kind) != (found.st_dev, found.st_ino, kind):
        raise HostError(N_(f"{shown(path)} is another file since it was looked at"), AGAIN)


def became_link(path: str) -> HostError:
    """The refusal of a link: paths come here resolved, so it was none when it was looked at."""
    return HostError(N_(f"{shown(path)} became a link since it was looked at"), AGAIN)


def _enter(folder: int, name: str, way: str, path: str) -> int:
    """The folder of that name. fact: with ``O_DIRECTORY`` a link answers ENOTDIR, as any file does."""
    try:
        return os.open(name, _HELD | os.O_DIRECTORY, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error, NotADirectoryError) and _is_link(folder, name):
            raise became_link(way) from error
        raise NotFound(N_(f"{shown(os.path.dirname(path))} does not exist or is not a directory")) from error  # noqa: PTH120


def _is_link(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


# ruff: noqa: PTH119


SUFFIX = ".so-tmp"
NAME_BYTES = 100
IGNORED_XATTR = {errno.ENOTSUP, errno.ENODATA}


class WantedFile(Struct, frozen=True):
    """How the file shall be. ``old`` is the status of the file it replaces, None for a new one."""

    content: bytes
    mode: int
    uid: int
    gid: int
    old: os.stat_result | None = None
    expect: str | None = None
    xattrs: dict[str, bytes] = {}


def write(place: HeldPlace, wanted: WantedFile) -> None:
    """Put the file in its place, whole, or leave everything as it was."""
    descriptor, temporary = _temporary(place)
    try:
        try:
            _fill(descriptor, wanted)
        finally:
            os.close(descriptor)
        reach("before_rename")
        if wanted.old is None:
            _into_place(place, temporary)
        else:
            _over(place, temporary, wanted)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=place.folder)
        raise
    reach("after_rename")
    place.sync()
    with place.reading() as (written, _):
        if sha256_of(written) != hashlib.sha256(wanted.content).hexdigest():
            raise HostError(N_(f"{shown(place.path)} does not read back as it was written"), "look at the disk: dmesg")


def sha256_of(descriptor: int) -> str:
    """SHA-256 of a file that was just opened."""
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_of(path: str, limit: int | None = None) -> bytes:
    """Content of a regular file, symlinks already resolved. Never waits at a FIFO, never opens a device."""
    with opened(path) as place, place.reading() as (open_file, _), os.fdopen(open_file, "rb", closefd=False) as file:
        content = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(content) > limit:
        raise HostError(N_(f"{shown(path)} is larger than {limit} bytes; it is not read"))
    return content


def leftovers(place: HeldPlace) -> list[str]:
    """Names of temporary files that a killed write of this path left beside it."""
    ours = re.compile(re.escape(f"{_stem(place.path)}.") + r"[a-z0-9_]{8}" + re.escape(SUFFIX))
    found = [HeldPlace(name, place.folder) for name in place.beside() if ours.fullmatch(name)]
    return [each.name for each in found if (status := each.lstat()) and stat.S_ISREG(status.st_mode)]


def _temporary(place: HeldPlace) -> tuple[int, str]:
    """A new file beside the place; its name is the one that ``leftovers`` looks for."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        name = f"{_stem(place.path)}.{secrets.token_hex(4)}{SUFFIX}"
        with contextlib.suppress(FileExistsError):
            return os.open(name, flags, 0o600, dir_fd=place.folder), name


def _fill(descriptor: int, wanted: WantedFile) -> None:
    rest = memoryview(wanted.content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (wanted.uid, wanted.gid):
        os.fchown(descriptor, wanted.uid, wanted.gid)
    os.fchmod(descriptor, wanted.mode)
    for name, value in wanted.xattrs.items():
        if _xattr(descriptor, name) != value:
            os.setxattr(descriptor, name, value)
    reach("before_fsync")
    os.fsync(descriptor)


def xattrs_of(descriptor: int) -> dict[str, bytes]:
    """ACLs and SELinux labels live in extended attributes; one that cannot be kept stops the write."""
    try:
        return {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}
    except OSError as error:
        if error.errno in IGNORED_XATTR:
            return {}
        raise


def _xattr(descriptor: int, name: str) -> bytes | None:
    try:
        return os.getxattr(descriptor, name)
    except OSError:
        return None


def require_unchanged(place: HeldPlace, descriptor: int, expect: str | None) -> None:
    """Raise HostError unless the open file has this SHA-256."""
    if sha256_of(descriptor) != expect:
        raise HostError(N_(f"{shown(place.path)} has changed since the preview"), AGAIN)


def _over(place: HeldPlace, temporary: str, wanted: WantedFile) -> None:
    """Rename over the old file, unless it has changed meanwhile."""
    with place.reading() as (descriptor, status):
        if wanted.old is None or not os.path.samestat(status, wanted.old):
            raise HostError(N_(f"{shown(place.path)} has changed since the preview"), AGAIN)
        require_unchanged(place, descriptor, wanted.expect)
    os.rename(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)


def _into_place(place: HeldPlace, temporary: str) -> None:
    """Give the new file its name without ever overwriting one that appeared meanwhile."""
    try:
        os.link(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
            raise
        if place.lstat() is not None:  # a file system without hard links
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), place.path) from error
        os.rename(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        return
    os.unlink(temporary, dir_fd=place.folder)


def _stem(path: str) -> str:
    """How the names of temporary files begin; cut so that even the longest name leaves room."""
    name = os.fsencode(os.path.basename(path))[:NAME_BYTES]
    return f".{name.decode('utf-8', 'ignore')}"


DAY = 86400.0
_OURS = re.compile(r"[0-9a-f]{12}-.*|\.new-[0-9a-f]{16}", re.DOTALL)


def folder() -> Path:
    """Where such content is kept: ``pending`` in the state folder."""
    return state_directory() / "pending"


def keep(path: str, content: bytes) -> str | None:
    """Where the content lies now, None when it cannot be kept. The same content for the same path is kept once."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape") + b"\0" + content).hexdigest()[:12]
    name = f"{digest}-{Path(path).name[:60]}"
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _forget_old(there)
            _write(there, name, content)
        finally:
            os.close(there)
    except OSError:
        return None
    return str(place / name)


def _write(there: int, name: str, content: bytes) -> None:
    temporary = f".new-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=there), "wb") as file:
        file.write(content)
    os.rename(temporary, name, src_dir_fd=there, dst_dir_fd=there)


def _forget_old(there: int) -> None:
    """Only what is ours, in the folder that is held open: a link in its place leads to somebody else's files."""
    for name in os.listdir(there):
        if not _OURS.fullmatch(name):
            continue
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=there, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > DAY:
                os.unlink(name, dir_fd=there)


# ruff: noqa: PTH116


DIGEST_LIMIT = 1 << 20


def fact_of(path: str, *, digest: bool) -> FileFact:
    """The fact; OSError only where the disk itself fails."""
    target: str | None = None
    try:
        if (real := os.path.realpath(path)) != os.path.normpath(path):
            target = _text(real)
        status = os.stat(path)
    except OSError as error:
        kind = _kind_of_failure(error)
        return FileFact(path, kind, link_target=target)
    kind = cast("FileKind", KINDS.get(stat.S_IFMT(status.st_mode), "device"))
    return FileFact(
        path, kind, mode=stat.S_IMODE(status.st_mode), uid=status.st_uid, gid=status.st_gid, size=status.st_size,
        mtime=status.st_mtime, inode=status.st_ino, links=status.st_nlink, device=status.st_dev, link_target=target,
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
        return hashlib.sha256(content_of(os.path.realpath(path), DIGEST_LIMIT)).hexdigest()
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
