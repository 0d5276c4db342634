"""What the kernel says of this machine: container counters, the host's own, processes, mounts. World-readable files.

All of it under ``root``, so that tests bring their own /proc and /sys. May not ask the Engine anything.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import socket
import struct
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ...model import NATIVE
from ...text import N_
from .. import CgroupSample, Clock, HostError, NotFound, ProcessRow, SystemSample, Wire, WireReading
from ..call import call
from ..protocols import SystemClock
from .asking import wires
from .cgroups import OUT_OF_DESCRIPTORS, Budget, Gone, Meter, places, usage
from .docker_command import end_of_log

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

    def family(self, pid: int) -> list[int]:
        """A process and all that it started, as of the last table."""
        children: dict[int, list[int]] = {}
        for number, row in ((key[0], row) for key, row in self._known.items() if row is not None):
            children.setdefault(row.ppid, []).append(number)
        found = [pid]
        for each in found:
            found += [one for one in children.get(each, ()) if one not in found]
        return found

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
    and from another cgroup namespace the path is relative, ``/../docker-ID.scope``. fact: cgroup_namespaces(7)
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


DISK_DEADLINE = 2.0
_FIRST_PROCESSOR = 16_384
_FEATURES = re.compile(r"^(?:flags|Features)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_OCTAL = re.compile(r"\\([0-7]{3})")


class LocalKernel:
    """Reads under one root. One sweep at a time; a second one waits for it."""

    def __init__(self, root: str = "/", *, clock: Clock | None = None, keep_open: int | None = None) -> None:
        self._root = Path(root)
        self._clock = clock or SystemClock()
        self._budget = Budget(keep_open)
        self._meters: dict[tuple[str, int], Meter] = {}
        self._table = ProcessTable(self._root)
        self._lock = threading.Lock()
        self._ticks = os.sysconf("SC_CLK_TCK")

    def sample(self, pids: Mapping[str, int]) -> Mapping[str, CgroupSample]:
        """Counters by container id; left out: ended, hidden, or not on this machine. HostError: out of descriptors."""
        with self._lock:
            for key in [key for key in self._meters if pids.get(key[0]) != key[1]]:
                self._meters.pop(key).close()
            found: dict[str, CgroupSample] = {}
            for container, pid in pids.items():
                if sample := self._sample_one(container, pid):
                    found[container] = sample
            return found

    def _sample_one(self, container: str, pid: int) -> CgroupSample | None:
        if container.startswith(NATIVE):
            return usage(self._table.family(pid), self._root / "proc", self._clock.monotonic_ns())
        try:
            return self._read(container, pid)
        except OSError as error:
            if error.errno not in OUT_OF_DESCRIPTORS:
                return None
            self._close_all()
        try:
            return self._read(container, pid)  # now opening and closing each file
        except OSError as error:
            raise HostError(
                N_(f"The kernel's counters cannot be read: {error.strerror}"), N_("raise the limit: ulimit -n 4096")
            ) from error

    def _read(self, container: str, pid: int) -> CgroupSample | None:
        meter = self._meters.get((container, pid))
        try:
            meter = meter or self._open(container, pid)
            return meter.sample(self._clock.monotonic_ns()) if meter else None
        except (Gone, OSError) as error:
            if meter := self._meters.pop((container, pid), None):
                meter.close()
            if isinstance(error, Gone):
                return None
            raise

    def _open(self, container: str, pid: int) -> Meter | None:
        found = places(self._root, pid, container) if pid > 0 else None
        if found is None:
            return None
        meter = Meter(self._root, pid, found, self._budget)
        self._meters[container, pid] = meter
        return meter

    def _close_all(self) -> None:
        for meter in self._meters.values():
            meter.close()
        self._budget.exhausted()

    def system(self) -> SystemSample:
        """CPU seconds since boot, load, memory and swap; None for what this kernel does not tell."""
        at_ns = self._clock.monotonic_ns()
        busy, total = self._cpu()
        memory = self._memory()
        swap, swap_free = memory.get("SwapTotal"), memory.get("SwapFree")
        return SystemSample(
            at_ns=at_ns, cpu_busy=busy, cpu_total=total, load=self._load(), memory_total=memory.get("MemTotal"),
            memory_available=memory.get("MemAvailable"), swap_total=swap,
            swap_used=None if swap is None or swap_free is None else swap - swap_free,
        )  # fmt: skip

    def disk(self, path: str) -> tuple[int, int]:
        """Total and free bytes (for this user) of the file system that holds the path, which need not exist yet."""
        place = self._root / path.lstrip("/")
        late = HostError(N_(f"The file system of {path} is not answering (2 s)"))
        found = call(lambda: _statvfs(place), DISK_DEADLINE, path, way=(self, place), late=late)
        return found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail

    def processes(self) -> Sequence[ProcessRow]:
        """The process table without kernel threads; texts as the kernel has them, not yet clean."""
        return self._table.rows(self._boot_time())

    def replaced_mounts(self, pid: int) -> frozenset[str]:
        """Mount points of the process whose source was replaced. fact: the mount's root then ends in ``//deleted``."""
        text = self._text(f"proc/{pid}/mountinfo")
        if text is None:
            raise NotFound(N_(f"The mounts of process {pid} cannot be read: it has ended or is hidden"))
        fields = (line.split(" ", 5) for line in text.splitlines())
        return frozenset(_unescaped(f[4]) for f in fields if len(f) > 4 and f[3].endswith("//deleted"))

    def program_log(self, pid: int, *, unit: str | None = None, limit: int = 1 << 18) -> bytes:
        """The end of the file behind its standard error, else of its unit's journal; else empty."""
        return end_of_log(self._root, pid, unit, limit)

    def host(self) -> tuple[str, str, str, str, int, float]:
        this = os.uname()
        cpus = len(re.findall(r"^cpu\d", self._text("proc/stat") or "", re.MULTILINE)) or os.cpu_count() or 0
        name = (self._text("proc/sys/kernel/hostname") or this.nodename).strip()
        release = (self._text("proc/sys/kernel/osrelease") or this.release).strip()
        return name, self._os_name(), release, this.machine, cpus, self._boot_time() or 0.0

    def listening(self, pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        return listening(pids) if self._root == Path("/") else {}

    def listener(self, address: str) -> int | None:
        path = address.removeprefix("unix://")
        return listener(path) if path != address and self._root == Path("/") else None

    def addresses(self) -> frozenset[str]:
        return addresses() if self._root == Path("/") else frozenset()

    def wires(self, asked: Sequence[Wire]) -> Sequence[WireReading]:
        """In a process of its own, as it enters other networks."""
        return wires(asked) if self._root == Path("/") and asked else ()

    def features(self) -> frozenset[str]:
        """Flags of the first processor; reads no more than that, as each further one costs the kernel time."""
        try:
            with (self._root / "proc/cpuinfo").open("rb") as file:
                text = file.read(_FIRST_PROCESSOR).decode("ascii", "replace")
        except OSError:
            return frozenset()
        found = _FEATURES.search(text)
        return frozenset(found[1].split()) if found else frozenset()

    def close(self) -> None:
        """Give all descriptors back."""
        self.sample({})

    def _cpu(self) -> tuple[float | None, float | None]:
        first = (self._text("proc/stat") or "").partition("\n")[0].split()
        if len(first) < 5 or first[0] != "cpu":
            return None, None
        ticks = [int(part) for part in first[1:9]]  # what guests use is in user and nice already
        idle = sum(ticks[3:5])
        return (sum(ticks) - idle) / self._ticks, sum(ticks) / self._ticks

    def _load(self) -> tuple[float, float, float] | None:
        parts = (self._text("proc/loadavg") or "").split()
        return (float(parts[0]), float(parts[1]), float(parts[2])) if len(parts) > 2 else None

    def _memory(self) -> dict[str, int]:
        rows = re.findall(r"^(\w+):\s+(\d+) kB", self._text("proc/meminfo") or "", re.MULTILINE)
        return {name: int(value) * 1024 for name, value in rows}

    def _boot_time(self) -> float | None:
        found = re.search(r"^btime (\d+)", self._text("proc/stat") or "", re.MULTILINE)
        return float(found[1]) if found else None

    def _os_name(self) -> str:
        for path in ("etc/os-release", "usr/lib/os-release"):
            found = re.search(r"^PRETTY_NAME=(.*)$", self._text(path) or "", re.MULTILINE)
            if found:
                return " ".join(_words(found[1]))
        return os.uname().sysname

    def _text(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text("utf-8", "replace")
        except OSError:
            return None


def _statvfs(place: Path) -> os.statvfs_result:
    for folder in (place, *place.parents):
        try:
            return os.statvfs(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise HostError(N_(f"The file system of {place} cannot be asked: {error.strerror}")) from error
    raise NotFound(N_(f"No part of {place} exists"))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def _unescaped(text: str) -> str:
    """A path as mountinfo writes it: blanks, line ends and backslashes as octal bytes."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


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
