"""One fix per project at a time: a kernel lock on the project's folder itself, free the moment its holder dies.

Opens the folder read-only, creates nothing. Keeps out other consoles on this machine; other people are what the
preconditions of each step are for.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .hosts import HostError
from .identity import user_name
from .journal import Journal


class Locked(HostError):
    """Somebody else is at it, or the folder cannot be locked."""


@contextmanager
def hold(folder: str, journal: Journal) -> Iterator[None]:
    """Hold the lock of a folder. Raises Locked at once when somebody does: ``held by USER pid N since 12:03:07``."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Locked(f"The folder {folder} cannot be locked: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"{folder} is being changed already: held by {_holder(folder, descriptor, journal)}",
                "wait for it, then look again",
            ) from None
        except OSError as error:
            raise Locked(f"The folder {folder} cannot be locked: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)


def _holder(folder: str, descriptor: int, journal: Journal) -> str:
    for entry in journal.entries():
        if entry.running and entry.intent.lock == folder:
            since = time.strftime("%H:%M:%S", time.localtime(entry.intent.at))
            return f"{entry.person.user} pid {entry.person.pid} since {since}"
    return _holder_by_kernel(os.fstat(descriptor).st_ino) or "another console"


def _holder_by_kernel(inode: int, locks: Path = Path("/proc/locks")) -> str | None:
    """Another user's journal cannot be read, /proc/locks can.

    fact: a line is ``1: FLOCK ADVISORY WRITE pid maj:min:inode 0 EOF``
    """
    try:
        text = locks.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^\d+: FLOCK \s*\S+\s+\S+ (\d+) \S+:{inode} ", text, re.MULTILINE)
    if found is None:
        return None
    try:
        return f"{user_name(os.stat(f'/proc/{found[1]}').st_uid)} pid {found[1]}"  # noqa: PTH116 - one call, no path object
    except OSError:
        return f"pid {found[1]}"
