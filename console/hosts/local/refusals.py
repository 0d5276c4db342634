"""Why a file could not be read or written, as sentences, with the exact command that would do it. Changes nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import stat
from pathlib import Path

from .. import HostError, NotFound, NotPermitted

FS_IOC_GETFLAGS = 0x80086601
IMMUTABLE, APPEND_ONLY = 0x10, 0x20
"""fact: chattr +i and +a; even root gets EPERM."""
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def command(*argv: str) -> str:
    """An argument list as one would type it."""
    from ...text import clean_line

    return clean_line(shlex.join(("sudo", *argv)), 4096)


def shown(path: str) -> str:
    """A path as sentences name it: file names are foreign text too."""
    from ...text import clean_line

    return clean_line(path)


def not_regular(path: str, mode: int) -> HostError:
    """The refusal of everything that is not a regular file."""
    kind = KINDS.get(stat.S_IFMT(mode), "special file")
    return HostError(f"{shown(path)} is a {kind}, not a regular file")


def because(error: OSError, path: str, *, remedy: str | None = None) -> HostError:
    """The sentence for a failed call on a path; ``remedy`` is the command that has the right."""
    number = error.errno
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound(f"{shown(path)} does not exist")
    if number == errno.EROFS:
        mount = mount_of(path)
        return HostError(
            f"{shown(path)} is on a file system that is read-only (mounted at {shown(mount)})",
            f"find out why first (dmesg), then {command('mount', '-o', 'remount,rw', mount)}",
        )
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return no_space(path, number)
    if number == errno.EBUSY:
        return HostError(
            f"{shown(path)} is itself a mount point and cannot be replaced from here",
            "run stackops on the host rather than in a container",
        )
    if number in {errno.EPERM, errno.EACCES}:
        return _not_permitted(path, remedy)
    return _other(error, path)


def _other(error: OSError, path: str) -> HostError:
    if error.errno == errno.ELOOP:
        return HostError(f"{shown(path)} is a symbolic link that leads in a circle")
    if error.errno == errno.EEXIST:
        return HostError(f"{shown(path)} exists already", "look again: it has appeared since the preview")
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return HostError(f"{shown(path)} cannot be opened: out of file descriptors", "raise the limit: ulimit -n 4096")
    return HostError(f"{shown(path)}: {error.strerror or error}")


def protected(path: str) -> bool:
    """Whether the path or its folder is immutable or append-only."""
    return bool(_flag(path) or _flag(str(Path(path).parent)))


def _not_permitted(path: str, remedy: str | None) -> HostError:
    for place in (path, str(Path(path).parent)):
        if flag := _flag(place):
            letter = "i" if flag == IMMUTABLE else "a"
            word = "immutable" if flag == IMMUTABLE else "append-only"
            return NotPermitted(
                f"{shown(place)} is marked {word} (chattr +{letter})", command("chattr", f"-{letter}", place)
            )
    return NotPermitted(f"permission denied: this user (uid {os.geteuid()}) may not change {shown(path)}", remedy)


def no_space(path: str, number: int = errno.ENOSPC) -> HostError:
    """The sentence for a full file system, or one without inodes, or a used up quota."""
    folder = shown(str(Path(path).parent))
    if number == errno.EDQUOT:
        return HostError(f"the disk quota for {folder} is used up", "make room there and try again")
    try:
        found = os.statvfs(Path(path).parent)
    except OSError:
        return HostError(f"no space left in {folder}", "make room there and try again")
    if found.f_files and not found.f_favail:
        return HostError(f"0 inodes free in {folder}", "remove files there: df -i names the file system")
    free = found.f_bavail * found.f_frsize
    return HostError(f"not enough space: {free} bytes free in {folder}", "make room there: df -h names the file system")


def mount_of(path: str) -> str:
    """The mount point that holds the path."""
    place = os.path.realpath(path)
    while not os.path.ismount(place) and place != "/":
        place = os.path.dirname(place)  # noqa: PTH120
    return place


def _flag(path: str) -> int:
    """IMMUTABLE, APPEND_ONLY or 0."""
    try:
        if stat.S_IFMT(os.lstat(path).st_mode) not in {stat.S_IFREG, stat.S_IFDIR}:
            return 0
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        flags = int.from_bytes(fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8))[:4], "little")
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return flags & IMMUTABLE or flags & APPEND_ONLY
