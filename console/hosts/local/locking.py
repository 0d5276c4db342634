"""One change of a folder at a time: a kernel lock on the folder itself, free the moment its holders have ended.

Opens the folder read-only, creates nothing. Keeps out other consoles on this machine; other people are what the
preconditions of each step are for. A program that acts for a fix holds the lock too, so that it is still held while the
``docker compose`` of a killed run works on: that one is waited for, another console is not. ``Who`` says who is at it,
for the journal and the audit log too.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from ...text import N_
from ...text.cleaning import clean_line
from ..protocols import HostError
from .docker_command import handed_down

_CONTAINER = re.compile(r"(?:/containers/|/docker[/-]|libpod-)([0-9a-f]{64})")


class Who(Struct, frozen=True):
    """The person and the process behind a change."""

    user: str
    uid: int
    pid: int
    started: int | None = None
    """Start time of the process in clock ticks since boot, so that a reused pid is not taken for it."""
    sudo_user: str | None = None
    ssh: str | None = None
    """``SSH_CONNECTION``: the addresses of the login."""
    boot: str | None = None
    """Since when pid and start time count: after a reboot another process may have both. fact: random(4), boot_id"""


def who(env: Mapping[str, str] | None = None) -> Who:
    """The process this is, and its user."""
    env = os.environ if env is None else env
    uid, pid = os.getuid(), os.getpid()
    return Who(user_name(uid), uid, pid, _started(pid), env.get("SUDO_USER"), env.get("SSH_CONNECTION"), _boot())


def user_name(uid: int) -> str:
    """The login name of a uid, or its number."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def alive(person: Who) -> bool:
    """Whether the process still runs: the same pid with the same start time, since the same boot. No zombie does."""
    return person.boot in (None, _boot()) and person.started is not None and _started(person.pid) == person.started


def own_container(proc: Path = Path("/proc/self")) -> str | None:
    """The id of the container this process runs in, None on a host. fact: cgroup v1 path, or mountinfo under v2."""
    for name in ("cgroup", "mountinfo"):
        try:
            lines = (proc / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            # on a host mountinfo names the containers' overlays too; only a container has /etc/hostname bound in
            if name == "mountinfo" and " /etc/hostname " not in line:
                continue
            if found := _CONTAINER.search(line):
                return found[1]
    return None


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in ("Z", "X") else None


PATIENCE = 120.0
"""Seconds that a program of a killed run is waited for: as long as it would have got from that run."""
GLANCE = 2.0
"""Seconds for a holder that is no longer seen to be gone: one that is being ended loses its files before its locks."""
PERIOD = 0.2
_FLOCK = r"\d+: FLOCK \s*\S+\s+\S+ (\d+) \S+:{inode} "
"""fact: a line of /proc/locks, and of fdinfo after ``lock:``, is ``1: FLOCK ADVISORY WRITE pid maj:min:inode 0 EOF``"""


class Locked(HostError):
    """Somebody else is at it, or the folder cannot be locked."""


class LockHolder(Struct, frozen=True):
    """A process that holds a lock which a run of stackops, killed since, took."""

    pid: int
    words: str
    """How it was called: ``docker compose``."""


def _say_nothing(sentence: str) -> None:
    """Nobody listens."""


def _nobody() -> str | None:
    """Nobody knows who it is."""
    return None


class LocalLocks:
    """The locks of folders of this machine."""

    @contextmanager
    def hold(
        self,
        folder: str,
        holder: Callable[[], str | None] = _nobody,
        tell: Callable[[str], None] = _say_nothing,
        stop: threading.Event | None = None,
    ) -> Iterator[None]:
        """Hold the lock of a folder. Raises Locked at once when somebody does: ``held by USER pid N since 12:03:07``.

        Waits, and tells so, where only what a killed run left behind does; raises Locked when that does not end, or at
        ``stop``. ``holder`` is asked who it is before the kernel is.
        """
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Locked(N_(f"The folder {folder} cannot be locked: {error.strerror}")) from error
        try:
            _take(folder, descriptor, holder, tell, stop or threading.Event())
            with handed_down(descriptor):
                yield
        finally:
            os.close(descriptor)


def _take(
    folder: str,
    descriptor: int,
    holder: Callable[[], str | None],
    tell: Callable[[str], None],
    stop: threading.Event,
) -> None:
    begun = seen = time.monotonic()
    told: LockHolder | None = None
    while not _taken(folder, descriptor):
        left = left_behind(folder, descriptor)
        if left is not None:
            seen = time.monotonic()
            if left != told:
                tell(N_(f"Waiting for `{left.words}` of a killed run (pid {left.pid}) to end"))
                told = left
        end = begun + PATIENCE if left is not None else seen + GLANCE
        if left is None and _taker_lives(descriptor):
            end = begun
        if time.monotonic() >= end or stop.wait(PERIOD):
            raise _refusal(folder, descriptor, holder, left)


def _refusal(folder: str, descriptor: int, holder: Callable[[], str | None], left: LockHolder | None) -> Locked:
    if left is None:
        who = holder() or _holder_by_kernel(os.fstat(descriptor).st_ino) or N_("another console")
        return Locked(
            N_(f"{folder} is being changed already: held by {who}"),
            N_("wait for it, then look again"),
        )
    return Locked(
        N_(f"{folder} is still being changed by `{left.words}` of a killed run (pid {left.pid})"),
        N_(f"look at it: ps -fp {left.pid}; when it has ended, or was ended, try again"),
    )


def _taken(folder: str, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise Locked(N_(f"The folder {folder} cannot be locked: {error.strerror}")) from error
    return True


def left_behind(folder: str, descriptor: int, proc: Path = Path("/proc")) -> LockHolder | None:
    """The first program that still holds the lock when the process that took it no longer does.

    None where that process still does, and where the holders are another user's and cannot be seen.
    """
    path, line = os.path.realpath(folder), re.compile(_FLOCK.format(inode=os.fstat(descriptor).st_ino))
    holders: dict[int, int] = {}
    for process in proc.iterdir():
        if process.name.isdecimal() and (taker := _taker(process, path, line)) is not None:
            holders[int(process.name)] = taker
    if not holders or set(holders) & set(holders.values()):
        return None
    pid = min(holders)
    return LockHolder(pid, _words(proc / str(pid)))


def _taker(process: Path, path: str, line: re.Pattern[str]) -> int | None:
    """Who took the lock that a process holds on the path, or None. fact: fdinfo lists the locks of a file."""
    try:
        for link in (process / "fd").iterdir():
            # by its name: asking for the file itself would hang where that lies on a dead NFS server
            if os.readlink(link) == path and (  # noqa: PTH115
                found := line.search((process / "fdinfo" / link.name).read_text("ascii", "replace"))
            ):
                return int(found[1])
    except OSError:
        return None  # it has ended, or belongs to somebody else
    return None


def _words(process: Path) -> str:
    try:
        argv = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "a program"
    return clean_line(" ".join([Path(argv[0]).name, *argv[1:2]]), 60).strip() or "a program"


def _taker_lives(descriptor: int) -> bool:
    pid = _pid_by_kernel(os.fstat(descriptor).st_ino)
    return pid is not None and Path(f"/proc/{pid}").exists()


def _holder_by_kernel(inode: int, locks: Path = Path("/proc/locks")) -> str | None:
    """Another user's journal cannot be read, /proc/locks can."""
    pid = _pid_by_kernel(inode, locks)
    if pid is None:
        return None
    try:
        return f"{user_name(os.stat(f'/proc/{pid}').st_uid)} pid {pid}"  # noqa: PTH116 - one call, no path object
    except OSError:
        return f"pid {pid}"


def _pid_by_kernel(inode: int, locks: Path = Path("/proc/locks")) -> str | None:
    """Who took the lock; that process may have died since, and another one holds it still."""
    try:
        text = locks.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(_FLOCK.format(inode=inode), text)
    return found[1] if found else None
