"""The process table from /proc: pid, parent, name, arguments, user, and the container in its cgroup path."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Literal

import msgspec

from .. import ProcessRow

ARGUMENTS = 16384
KERNEL_THREAD = 0x00200000
"""fact: PF_KTHREAD in the flags of /proc/PID/stat."""
# /docker/ID, docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope, pod-slice:cri-containerd:ID, and what a kernel
# adds to the cgroup of a zombie: "docker-ID.scope (deleted)". conmon only watches a container.
_ID = re.compile(r"(?:^|[/:-])(?<!conmon-)([0-9a-f]{64})(?=$|[./: ])")
_RUNTIMES: tuple[tuple[Literal["docker", "podman", "kubernetes"], re.Pattern[str]], ...] = (
    ("kubernetes", re.compile(r"kubepods|/crio-|/cri-containerd-")),
    ("podman", re.compile(r"libpod")),
    ("docker", re.compile(r"docker")),
)


class ProcessTable:
    """Reads the table; what never changes in a process's life is read once."""

    def __init__(self, root: Path) -> None:
        self._proc = root / "proc"
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._known: dict[tuple[int, str, str], ProcessRow | None] = {}
        self._users: dict[int, str] = {}

    def rows(self, boot_time: float | None) -> list[ProcessRow]:
        """One row per process that may be seen, kernel threads left out."""
        known: dict[tuple[int, str, str], ProcessRow | None] = {}
        for entry in self._entries():
            if not entry.isdecimal():
                continue
            try:
                name, fields = _stat(_read(self._proc / entry / "stat"))
                key = (int(entry), fields[19], name)
                row = self._known[key] if key in self._known else self._row(int(entry), name, fields, boot_time)
                known[key] = _as_now(row, fields)
            except (OSError, ValueError, IndexError):
                continue  # ended while being read, or hidden
        self._known = known
        return [row for row in known.values() if row is not None]

    def _entries(self) -> list[str]:
        try:
            return os.listdir(self._proc)  # noqa: PTH208 - names only
        except OSError:
            return []

    def _row(self, pid: int, name: str, fields: list[str], boot_time: float | None) -> ProcessRow | None:
        if int(fields[6]) & KERNEL_THREAD:
            return None
        folder = self._proc / str(pid)
        started = None if boot_time is None else boot_time + int(fields[19]) / self._ticks
        cgroup = _text(_read(folder / "cgroup"))
        containers = containers_of(cgroup)
        return ProcessRow(
            pid=pid, ppid=int(fields[1]), name=name, command=_arguments(_read(folder / "cmdline")), started_at=started,
            user=self._user(_read(folder / "status")), container=containers[0] if containers else None,
            containers=containers, runtime=runtime_of(cgroup), zombie=fields[0] == "Z",
        )  # fmt: skip

    def _user(self, status: bytes) -> str | None:
        found = re.search(rb"^Uid:\s+\d+\s+(\d+)", status, re.MULTILINE)
        if not found:
            return None
        uid = int(found[1])
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]


def containers_of(cgroup: str) -> tuple[str, ...]:
    """The ids of containers in the text of /proc/PID/cgroup, the outermost first.

    Anywhere in the path: the prefix differs with the driver and a ``cgroup_parent``, an init inside adds to its end,
    and from another cgroup namespace the path is relative, ``/../docker-ID.scope``. fact: gpu-model-servers 2.1
    """
    return tuple(dict.fromkeys(found for line in cgroup.splitlines() for found in _ID.findall(line)))


def runtime_of(cgroup: str) -> Literal["docker", "podman", "kubernetes"] | None:
    """Who names cgroups like this one; None where a ``cgroup_parent`` hides it, or nobody does."""
    return next((name for name, shape in _RUNTIMES if shape.search(cgroup)), None)


def _as_now(row: ProcessRow | None, fields: list[str]) -> ProcessRow | None:
    """With what changes in a process's life: who its parent is, and whether it still lives."""
    zombie, parent = fields[0] == "Z", int(fields[1])
    if row is None or (row.zombie == zombie and row.ppid == parent):
        return row
    return msgspec.structs.replace(row, zombie=zombie, ppid=parent)


def _read(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(ARGUMENTS)


def _stat(content: bytes) -> tuple[str, list[str]]:
    """Name and the fields from the third on; the name may hold spaces and brackets."""
    text = _text(content)
    start, end = text.index("("), text.rindex(")")
    return text[start + 1 : end], text[end + 2 :].split()


def _arguments(content: bytes) -> tuple[str, ...]:
    return tuple(_text(part) for part in content.rstrip(b"\0").split(b"\0")) if content else ()


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
