"""Who is doing this: for the journal, the audit log, and who holds a lock. Reads the environment and /proc only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

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


def who(env: Mapping[str, str] | None = None) -> Who:
    """The process this is, and its user."""
    env = os.environ if env is None else env
    uid, pid = os.getuid(), os.getpid()
    return Who(user_name(uid), uid, pid, _started(pid), env.get("SUDO_USER"), env.get("SSH_CONNECTION"))


def user_name(uid: int) -> str:
    """The login name of a uid, or its number."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def alive(person: Who) -> bool:
    """Whether the process still runs: the same pid with the same start time. A zombie does not run."""
    return person.started is not None and _started(person.pid) == person.started


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


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in ("Z", "X") else None
