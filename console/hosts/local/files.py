"""Files of this machine: reads with a deadline, writes by the recipe of ``writing``, refusals as sentences.

Symlinks are followed and stay; nothing but regular files is opened; in read-only mode no writer does anything.
"""
# ruff: noqa: PTH112, PTH101, PTH102, PTH106, PTH108, PTH116, PTH120, PTH208

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from typing import TypeVar

from ...model import FileFact
from .. import HostError, NotFound, ReadOnlyRefused
from . import foresight, pending, refusals
from .deadline import Deadlines
from .facts import fact_of
from .writing import Wanted, content_of, digest_of, leftovers, sync_folder, write

T = TypeVar("T")
READ_DEADLINE = 2.0
WRITE_DEADLINE = 30.0


class LocalFiles:
    """Files of this machine, as this user."""

    def __init__(self, *, read_only: bool = False, read_deadline: float = READ_DEADLINE) -> None:
        self._read_only = read_only
        self._read_deadline = read_deadline
        self._deadlines = Deadlines()

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """What the path is; ``missing`` and ``unreadable`` are kinds. HostError: no answer, or a broken disk."""
        return self._read(path, lambda: fact_of(path, digest=digest))

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """Content of a regular file of at most ``limit`` bytes."""
        return self._read(path, lambda: content_of(os.path.realpath(path), limit))

    def names(self, path: str) -> Sequence[str]:
        """Names in a folder, sorted; those that are no UTF-8 are left out."""
        return self._read(path, lambda: _names(path))

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        """Write atomically over the file that still has the SHA-256 ``expect``; None: create it with mode 0644."""
        if expect is None:
            self.create(path, content, mode=0o644, uid=None, gid=None)
        else:
            self._write(path, lambda: self._replace(os.path.realpath(path), content, expect))

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        """Write a new file atomically, with mode and owner from the first moment; HostError when it exists."""
        self._write(path, lambda: self._create(os.path.realpath(path), content, mode, uid, gid))

    def remove(self, path: str, *, expect: str) -> None:
        """Remove a regular file that still has this SHA-256."""
        self._write(path, lambda: _remove(os.path.realpath(path), expect), refusals.command("rm", "--", path))

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Make a folder with this mode and owner; none is left behind when the owner cannot be given."""
        remedy = refusals.command("install", "-d", "-m", f"{mode:o}", "-o", str(uid), "-g", str(gid), "--", path)
        self._write(path, lambda: _make_directory(os.path.realpath(path), mode, uid, gid), remedy)

    def remove_directory(self, path: str) -> None:
        """Remove an empty folder; HostError when anything is in it."""
        self._write(path, lambda: _remove_directory(os.path.realpath(path)), refusals.command("rmdir", "--", path))

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        remedy = refusals.command("chmod", f"{mode:o}", "--", path)
        self._write(path, lambda: os.chmod(_plain(path), mode), remedy)

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Set the owner; -1 keeps."""
        owner = f"{uid if uid >= 0 else ''}{f':{gid}' if gid >= 0 else ''}"
        self._write(path, lambda: os.chown(_plain(path), uid, gid), refusals.command("chown", owner, "--", path))

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
            wanted = _wanted(real, content, old, mode=mode, uid=uid, gid=gid)
            foresight.look(real, content, wanted, None if self._read_only else _install(wanted))

        self._read(path, look)

    def remove_leftovers(self, path: str) -> Sequence[str]:
        """Remove what a killed write of ``path`` left beside it, and name it."""
        return self._write(path, lambda: _remove_leftovers(os.path.realpath(path)))

    def _replace(self, path: str, content: bytes, expect: str) -> None:
        old = os.lstat(path)
        if not stat.S_ISREG(old.st_mode):
            raise refusals.not_regular(path, old.st_mode)
        if digest_of(path) != expect:
            raise HostError(
                f"{refusals.shown(path)} has changed since the preview", "look again and make a new preview"
            )
        if hashlib.sha256(content).hexdigest() != expect:
            _put(_wanted(path, content, old, expect=expect))

    def _create(self, path: str, content: bytes, mode: int, uid: int | None, gid: int | None) -> None:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if not os.path.isdir(folder := os.path.dirname(path)):
            raise NotFound(f"{refusals.shown(folder)} does not exist or is not a directory")
        _put(_wanted(path, content, None, mode=mode, uid=uid, gid=gid))

    def _read(self, path: str, function: Callable[[], T]) -> T:
        return self._within(path, self._read_deadline, function, None)

    def _write(self, path: str, function: Callable[[], T], remedy: str | None = None) -> T:
        if self._read_only:
            raise ReadOnlyRefused("stackops was started read-only: nothing is changed", "start it without --read-only")
        return self._within(path, WRITE_DEADLINE, function, remedy)

    def _within(self, path: str, seconds: float, function: Callable[[], T], remedy: str | None) -> T:
        if not path.startswith("/") or "\0" in path:
            raise HostError(f"{refusals.shown(path)!r} is not an absolute path")
        folder = os.path.dirname(path)
        late = HostError(f"{refusals.shown(folder)} is not answering ({seconds:g} s): is it on a network file system?")
        try:
            return self._deadlines.call(folder, seconds, function, late)
        except OSError as error:
            raise refusals.because(error, path, remedy=remedy) from error


def _wanted(
    path: str,
    content: bytes,
    old: os.stat_result | None,
    *,
    mode: int | None = None,
    uid: int | None = None,
    gid: int | None = None,
    expect: str | None = None,
) -> Wanted:
    """The file as it shall be: as asked, else as the old one, else this user's with mode 0644.

    What root makes belongs to whoever owns the folder: the operator shall be able to edit it without root.
    """
    owner, group = (old.st_uid, old.st_gid) if old else _owner_there(os.path.dirname(path))
    return Wanted(
        path=path, content=content, old=old, expect=expect,
        mode=mode if mode is not None else stat.S_IMODE(old.st_mode) if old else 0o644,
        uid=uid if uid is not None else owner,
        gid=gid if gid is not None else group,
    )  # fmt: skip


def _owner_there(folder: str) -> tuple[int, int]:
    """Owner and group of a new file in the folder; a setgid bit hands the folder's group on."""
    user, group = os.geteuid(), os.getegid()
    try:
        status = os.stat(folder)
    except OSError:
        return user, group
    if user == 0:
        return status.st_uid, status.st_gid
    return user, status.st_gid if status.st_mode & stat.S_ISGID else group


def _put(wanted: Wanted) -> None:
    try:
        write(wanted)
    except PermissionError as error:
        raise refusals.because(error, wanted.path, remedy=_install(wanted)()) from error


def _install(wanted: Wanted) -> Callable[[], str | None]:
    """The command that would put the content in its place, with the content kept where the command finds it."""

    def make() -> str | None:
        kept = pending.keep(wanted.path, wanted.content)
        owner = ("-m", f"{wanted.mode:o}", "-o", str(wanted.uid), "-g", str(wanted.gid))
        return refusals.command("install", *owner, "--", kept, wanted.path) if kept else None

    return make


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _plain(path: str) -> str:
    """The path with symlinks resolved; only files and folders have their mode or owner changed."""
    real = os.path.realpath(path)
    mode = os.lstat(real).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise refusals.not_regular(path, mode)
    return real


def _remove(path: str, expect: str) -> None:
    if digest_of(path) != expect:
        raise HostError(f"{refusals.shown(path)} has changed since it was written; it is left alone")
    os.unlink(path)
    sync_folder(os.path.dirname(path))


def _make_directory(path: str, mode: int, uid: int, gid: int) -> None:
    os.mkdir(path, 0o700)
    try:
        status = os.stat(path)
        if (status.st_uid, status.st_gid) != (uid, gid):
            os.chown(path, uid, gid)
        os.chmod(path, mode)
    except OSError:
        os.rmdir(path)
        raise
    sync_folder(os.path.dirname(path))


def _remove_directory(path: str) -> None:
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise HostError(f"{refusals.shown(path)} is not a directory")
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise HostError(f"{refusals.shown(path)} is not empty; it is left alone", f"look: ls -la {path}") from error
        raise
    sync_folder(os.path.dirname(path))


def _remove_leftovers(path: str) -> list[str]:
    try:
        found = leftovers(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for place in found:
        os.unlink(place)
    if found:
        sync_folder(os.path.dirname(path))
    return found


def _names(path: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(path) if _is_text(name))
    except NotADirectoryError as error:
        raise HostError(f"{refusals.shown(path)} is not a directory") from error


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
