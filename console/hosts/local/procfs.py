"""Small kernel files read again and again: kept open and read at position 0, as long as the process may hold so many.

fact: reading an open cgroup file costs a third of opening, reading and closing it; 100 containers have 600 of them.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
import stat
import struct
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from .. import HostError
from .compose import run

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

    def __del__(self) -> None:
        """A look of its own leaves its Host behind with all that is open."""
        self.close()


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


DEADLINE = 4.0
LINES = 400
SINCE = "-2h"


def end_of_log(root: Path, pid: int, unit: str | None, limit: int) -> bytes:
    """At most ``limit`` bytes from the end; empty where neither can be read by this user."""
    said = _behind_stderr(root / "proc" / str(pid) / "fd" / "2", limit)
    if said is None and unit is not None and root == Path("/"):
        said = _journal(unit)
    return (said or b"")[-limit:]


def _behind_stderr(link: Path, limit: int) -> bytes | None:
    """None where it is no regular file: a socket to the journal, a terminal, or not ours to see."""
    try:
        if not stat.S_ISREG(link.stat().st_mode):
            return None
        descriptor = os.open(link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        return os.pread(descriptor, limit, max(0, status.st_size - limit))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _journal(unit: str) -> bytes | None:
    program = shutil.which("journalctl")
    if program is None:
        return None
    argv = (program, "--quiet", "--no-pager", "-o", "cat", "--since", SINCE, "-n", str(LINES), "-u", unit)
    try:
        done = run(argv, os.environ, DEADLINE)
    except HostError:
        return None
    return done.output.encode("utf-8", "replace") if done.exit_code == 0 else None


_CREDENTIALS = struct.Struct("3i")
"""Process, user, group."""
MOST = 64
"""Processes that are asked; each costs a walk through its descriptors."""


def listening(pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
    """Addresses and ports by process; one that has ended, or that this user may not look into, is left out."""
    import psutil

    found: dict[int, Sequence[tuple[str, int]]] = {}
    for pid in sorted(pids)[:MOST]:
        try:
            rows = psutil.Process(pid).net_connections(kind="tcp")
        except (psutil.Error, OSError):
            continue
        found[pid] = tuple(sorted({(r.laddr.ip, r.laddr.port) for r in rows if r.status == psutil.CONN_LISTEN}))
    return found


def listener(path: str) -> int | None:
    """The process that listens at a unix socket, 0 for one out of sight; None where nobody answers.

    fact: unix(7), SO_PEERCRED: of a connected socket it is who called listen(2), in numbers of this pid namespace
    """
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    try:
        with socket.socket(socket.AF_UNIX, kind) as connection:
            connection.connect(path)
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return None
    pid: int = _CREDENTIALS.unpack(told)[0]
    return pid


def addresses() -> frozenset[str]:
    """IP addresses of all interfaces, without the zone that a link-local one carries."""
    import psutil

    wanted = {socket.AF_INET, socket.AF_INET6}
    try:
        rows = psutil.net_if_addrs()
    except OSError:
        return frozenset()
    return frozenset(r.address.partition("%")[0] for each in rows.values() for r in each if r.family in wanted)
