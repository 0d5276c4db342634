"""What a write would meet, looked up beforehand: a fix is refused at its preview and not half way. Writes nothing."""
# ruff: noqa: PTH112, PTH120

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from .. import NotFound
from . import refusals
from .writing import Wanted


def look(path: str, content: bytes, wanted: Wanted, remedy: Callable[[], str | None] | None) -> None:
    """Raise the HostError or OSError that the write would end with."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise NotFound(f"{refusals.shown(folder)} does not exist or is not a directory")
    if wanted.old is not None and not stat.S_ISREG(wanted.old.st_mode):
        raise refusals.not_regular(path, wanted.old.st_mode)
    found = os.statvfs(folder)
    if found.f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
    if wanted.old is not None and _is_mount_point(path):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
    if found.f_bavail * found.f_frsize < len(content) or (found.f_files and not found.f_favail):
        raise refusals.no_space(path)
    if not _permitted(folder, wanted) or refusals.protected(path):
        raise refusals.because(
            PermissionError(errno.EACCES, "permission denied"), path, remedy=remedy() if remedy else None
        )


def _permitted(folder: str, wanted: Wanted) -> bool:
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
