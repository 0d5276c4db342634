"""Files of this machine: reads with a deadline, writes by the recipe of ``writing``, refusals as sentences.

Reads follow links; acts do not: their path was resolved when the plan was made, so a link in it has come since (see
``places``). Nothing but regular files is opened; in read-only mode no writer does anything.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from ...model import FileFact
from ...text import N_
from .. import HostError, NotFound, ReadOnlyRefused
from ..call import call
from . import reasons, writing
from .writing import (
    HeldPlace,
    WantedFile,
    content_of,
    fact_of,
    leftovers,
    opened,
    require_seen,
    require_unchanged,
    sha256_of,
    write,
    xattrs_of,
)

# ruff: noqa: PTH112, PTH120


def foresee(path: str, content: bytes, wanted: WantedFile, remedy: Callable[[], str | None] | None) -> None:
    """Raise the HostError or OSError that the write would end with."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise NotFound(N_(f"{reasons.shown(folder)} does not exist or is not a directory"))
    if wanted.old is not None and not stat.S_ISREG(wanted.old.st_mode):
        raise reasons.not_regular(path, wanted.old.st_mode)
    found = os.statvfs(folder)
    if found.f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
    if wanted.old is not None and _is_mount_point(path):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
    if found.f_bavail * found.f_frsize < len(content) or (found.f_files and not found.f_favail):
        raise reasons.no_space(path)
    if not _permitted(folder, wanted) or reasons.protected(path):
        raise reasons.because(
            PermissionError(errno.EACCES, N_("permission denied")), path, remedy=remedy() if remedy else None
        )


def _permitted(folder: str, wanted: WantedFile) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return False
    user = os.geteuid()
    if user == 0:
        return True
    return wanted.uid == user and wanted.gid in {os.getegid(), *os.getgroups()}


def _is_mount_point(path: str) -> bool:
    """Also of single files, which ``os.path.ismount`` does not see."""
    try:
        text = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    escaped = path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
    return any(line.split(" ", 5)[4] == escaped for line in text.splitlines() if line.count(" ") > 4)


# ruff: noqa: PTH101, PTH120, PTH208


T = TypeVar("T")
READ_DEADLINE = 2.0
WRITE_DEADLINE = 30.0


class LocalFiles:
    """Files of this machine, as this user."""

    def __init__(self, *, read_only: bool = False, read_deadline: float = READ_DEADLINE) -> None:
        self.read_only = read_only
        self._read_deadline = read_deadline

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """What the path is; ``missing`` and ``unreadable`` are kinds. HostError: no answer, or a broken disk."""
        return self._read(path, lambda: fact_of(path, digest=digest))

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        return self._read(path, lambda: content_of(os.path.realpath(path), limit))

    def names(self, path: str) -> Sequence[str]:
        """Names in a folder, sorted; those that are no UTF-8 are left out."""
        return self._read(path, lambda: _names(path))

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        """Write atomically over the file that still has the SHA-256 ``expect``; None: create it with mode 0644."""
        if expect is None:
            self.create(path, content, mode=0o644, uid=None, gid=None)
        else:
            self._write(path, lambda: _replace(path, content, expect))

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        """Write a new file atomically, with mode and owner from the first moment; HostError when it exists."""
        self._write(path, lambda: _create(path, content, mode, uid, gid))

    def remove(self, path: str, *, expect: str) -> None:
        self._write(path, lambda: _remove(path, expect), reasons.command("rm", "--", path))

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Make a folder with this mode and owner; none is left behind when the owner cannot be given."""
        remedy = reasons.command("install", "-d", "-m", f"{mode:o}", "-o", str(uid), "-g", str(gid), "--", path)
        self._write(path, lambda: _make_directory(path, mode, uid, gid), remedy)

    def remove_directory(self, path: str) -> None:
        self._write(path, lambda: _remove_directory(path), reasons.command("rmdir", "--", path))

    def chmod(self, path: str, mode: int, *, seen: FileFact | None = None) -> None:
        """Set the permission bits of the file or folder that was ``seen`` there."""
        remedy = reasons.command("chmod", f"{mode:o}", "--", path)
        self._write(path, lambda: _chmod(path, mode, seen), remedy)

    def chown(self, path: str, uid: int, gid: int, *, seen: FileFact | None = None) -> None:
        """Set the owner of the file or folder that was ``seen`` there; -1 keeps."""
        owner = f"{uid if uid >= 0 else ''}{f':{gid}' if gid >= 0 else ''}"
        remedy = reasons.command("chown", owner, "--", path)
        self._write(path, lambda: _chown(path, uid, gid, seen), remedy)

    def may_write(
        self,
        path: str,
        content: bytes = b"",
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """Raise what a write there would meet, as far as it shows beforehand."""

        def look() -> None:
            real = os.path.realpath(path)
            old = _status(real)
            beside = _status(os.path.dirname(real)) if old is None else old
            wanted = _wanted(content, beside, old, mode=mode, uid=uid, gid=gid)
            foresee(real, content, wanted, None if self.read_only else _install(real, wanted))

        self._read(path, look)

    def remove_leftovers(self, path: str) -> Sequence[str]:
        """Remove what a killed write of ``path`` left beside it, and name it."""
        return self._write(path, lambda: _remove_leftovers(path))

    def _read(self, path: str, function: Callable[[], T]) -> T:
        return self._within(path, self._read_deadline, function, None)

    def _write(self, path: str, function: Callable[[], T], remedy: str | None = None) -> T:
        if self.read_only:
            raise ReadOnlyRefused
        return self._within(path, WRITE_DEADLINE, function, remedy)

    def _within(self, path: str, seconds: float, function: Callable[[], T], remedy: str | None) -> T:
        if not path.startswith("/") or "\0" in path:
            raise HostError(N_(f"{reasons.shown(path)!r} is not an absolute path"))
        folder = os.path.dirname(path)
        late = HostError(
            N_(f"{reasons.shown(folder)} is not answering ({seconds:g} s): is it on a network file system?")
        )
        try:
            return call(function, seconds, folder, way=(self, folder), late=late)
        except OSError as error:
            raise reasons.because(error, path, remedy=remedy) from error


def _wanted(
    content: bytes,
    folder: os.stat_result | None,
    old: os.stat_result | None = None,
    *,
    mode: int | None = None,
    uid: int | None = None,
    gid: int | None = None,
) -> WantedFile:
    """The file as it shall be: as asked, else as the old one, else this user's with mode 0644.

    What root makes belongs to whoever owns the folder: the operator shall be able to edit it without root.
    """
    owner, group = (old.st_uid, old.st_gid) if old else _owner_there(folder)
    return WantedFile(
        content=content, old=old,
        mode=mode if mode is not None else stat.S_IMODE(old.st_mode) if old else 0o644,
        uid=uid if uid is not None else owner,
        gid=gid if gid is not None else group,
    )  # fmt: skip


def _owner_there(folder: os.stat_result | None) -> tuple[int, int]:
    """Owner and group of a new file in the folder; a setgid bit hands the folder's group on."""
    user, group = os.geteuid(), os.getegid()
    if folder is None:
        return user, group
    if user == 0:
        return folder.st_uid, folder.st_gid
    return user, folder.st_gid if folder.st_mode & stat.S_ISGID else group


def _put(place: HeldPlace, wanted: WantedFile) -> None:
    try:
        write(place, wanted)
    except PermissionError as error:
        raise reasons.because(error, place.path, remedy=_install(place.path, wanted)()) from error


def _install(path: str, wanted: WantedFile) -> Callable[[], str | None]:
    """The command that would put the content in its place, with the content kept where the command finds it."""

    def make() -> str | None:
        kept = writing.keep(path, wanted.content)
        owner = ("-m", f"{wanted.mode:o}", "-o", str(wanted.uid), "-g", str(wanted.gid))
        return reasons.command("install", *owner, "--", kept, path) if kept else None

    return make


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _replace(path: str, content: bytes, expect: str) -> None:
    """What is kept of the old file (owner, mode, attributes) comes from the very file whose content was expected."""
    with opened(path) as place:
        with place.reading() as (descriptor, old):
            require_unchanged(place, descriptor, expect)
            if hashlib.sha256(content).hexdigest() == expect:
                return
            kept = xattrs_of(descriptor)
        _put(place, replace(_wanted(content, None, old), expect=expect, xattrs=kept))


def _create(path: str, content: bytes, mode: int, uid: int | None, gid: int | None) -> None:
    with opened(path) as place:
        if place.lstat() is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        _put(place, _wanted(content, os.fstat(place.folder), mode=mode, uid=uid, gid=gid))


def _remove(path: str, expect: str) -> None:
    with opened(path) as place:
        with place.reading() as (descriptor, _):
            if sha256_of(descriptor) != expect:
                raise HostError(N_(f"{reasons.shown(path)} has changed since it was written; it is left alone"))
        os.unlink(place.name, dir_fd=place.folder)
        place.sync()


def _make_directory(path: str, mode: int, uid: int, gid: int) -> None:
    with opened(path) as place:
        os.mkdir(place.name, 0o700, dir_fd=place.folder)
        try:
            with place.held() as (itself, made):
                if not stat.S_ISDIR(made.st_mode) or made.st_uid != os.geteuid() or os.listdir(itself):
                    raise HostError(N_(f"{reasons.shown(path)} is not the folder that was just made there"))
                if (made.st_uid, made.st_gid) != (uid, gid):
                    os.chown(itself, uid, gid)
                os.chmod(itself, mode)
        except OSError:
            os.rmdir(place.name, dir_fd=place.folder)
            raise
        place.sync()


def _remove_directory(path: str) -> None:
    with opened(path) as place:
        there = place.lstat()
        if there is None or not stat.S_ISDIR(there.st_mode):
            raise HostError(N_(f"{reasons.shown(path)} is not a directory"))
        try:
            os.rmdir(place.name, dir_fd=place.folder)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                say = N_(f"{reasons.shown(path)} is not empty; it is left alone")
                raise HostError(say, f"look: ls -la {path}") from error
            raise
        place.sync()


def _chmod(path: str, mode: int, seen: FileFact | None) -> None:
    with _the_seen(path, seen) as itself:
        os.chmod(itself, mode)


def _chown(path: str, uid: int, gid: int, seen: FileFact | None) -> None:
    with _the_seen(path, seen) as itself:
        os.chown(itself, uid, gid)


@contextmanager
def _the_seen(path: str, seen: FileFact | None) -> Iterator[str]:
    with opened(path) as place, place.held() as (itself, found):
        require_seen(path, found, seen)
        yield itself


def _remove_leftovers(path: str) -> list[str]:
    try:
        with opened(path) as place:
            found = leftovers(place)
            for name in found:
                os.unlink(name, dir_fd=place.folder)
            if found:
                place.sync()
    except NotFound:
        return []
    return [f"{os.path.dirname(path).rstrip('/')}/{name}" for name in found]


def _names(path: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(path) if _is_text(name))
    except NotADirectoryError as error:
        raise HostError(N_(f"{reasons.shown(path)} is not a directory")) from error


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
