"""Small kernel files read again and again: kept open and read at position 0, as long as the process may hold so many.

fact: reading an open cgroup file costs a third of opening, reading and closing it; 100 containers have 600 of them.
"""

from __future__ import annotations

import errno
import os
import resource

SHARE = 2
"""Kept files may use one half of the descriptors allowed; the rest is for sockets, files and children."""
PIECE = 65536
PAGE = 4000
"""fact: the kernel hands out line files about one page at a time, so a read near that size may not be the end."""
OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
GONE = {errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.ENOTDIR, errno.EINVAL}


class Budget:
    """How many files may be kept open."""

    def __init__(self, most: int | None = None) -> None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._left = most if most is not None else (soft // SHARE if soft > 0 else 4096)

    def take(self) -> bool:
        """Whether one more may be kept."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def give(self) -> None:
        """One is closed again."""
        self._left += 1

    def exhausted(self) -> None:
        """The process is out of descriptors: keep no further ones."""
        self._left = 0


class KernelFile:
    """One file. ``read`` raises OSError when it is gone."""

    __slots__ = ("_budget", "_descriptor", "_path")

    def __init__(self, path: str, budget: Budget) -> None:
        self._path = path
        self._budget = budget
        self._descriptor: int | None = None

    def read(self) -> bytes:
        """The whole content."""
        if self._descriptor is not None:
            return _content(self._descriptor)
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = _content(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if self._budget.take():
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return content

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._budget.give()


def _content(descriptor: int) -> bytes:
    content = os.pread(descriptor, PIECE, 0)
    if len(content) < PAGE:
        return content
    pieces = [content]
    size = len(content)
    while piece := os.pread(descriptor, PIECE, size):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
