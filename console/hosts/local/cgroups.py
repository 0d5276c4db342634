"""Where a container's counters lie and what they say: cgroup v1, v2 and both at once. Reads, never writes.

The path is always taken from ``/proc/PID/cgroup``: it differs between the cgroupfs and the systemd driver, with a
``cgroup_parent``, and rootless. A path without the container's id belongs to something else (a reused pid, an Engine on
another machine) and is not read.

The files are kept open and read at position 0, as long as the process may hold so many. fact: reading an open cgroup
file costs a third of opening, reading and closing it; 100 containers have 600 of them.
"""

from __future__ import annotations

import errno
import os
import re
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from .. import CgroupSample

SHARE = 2
"""Kept files may use one half of the descriptors allowed; the rest is for sockets, files and children."""
PIECE = 65536
PAGE = 4000
"""fact: the kernel hands out line files about one page at a time, so a read near that size may not be the end."""
OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
GONE = {errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.ENOTDIR, errno.EINVAL}
UNLIMITED = 1 << 60
"""fact: cgroup v1 writes an unlimited memory limit as a number close to 2**63."""
SLOW_EVERY = 15
"""Limits and OOM counts are read at each 15th sweep."""
_V2_IO = re.compile(rb"rbytes=(\d+) wbytes=(\d+)")
_V1_IO = re.compile(rb"^\S+ (Read|Write) (\d+)$", re.MULTILINE)


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


class Gone(Exception):
    """The container has ended."""


class Places(Struct, frozen=True):
    """The cgroup folders of one process, by v1 controller, and the one of v2 under an empty name."""

    folders: Mapping[str, str]


def places(root: Path, pid: int, container: str) -> Places | None:
    """Where the container's cgroups are; None when the process is hidden, gone, or another's."""
    try:
        text = (root / "proc" / str(pid) / "cgroup").read_text("utf-8", "replace")
    except OSError as error:
        if error.errno in OUT_OF_DESCRIPTORS:
            raise
        return None
    base = root / "sys/fs/cgroup"
    folders: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") > 1 else ("", "", "")
        own = _own_part(path, container)
        if own is None:
            continue
        if not controllers:
            unified = base / "unified"
            folders[""] = str(unified if unified.is_dir() else base) + own
        for controller in filter(None, controllers.split(",")):
            joined = base / controllers
            folders[controller] = str(joined if joined.is_dir() else base / controller) + own
    return Places(folders) if folders else None


def _own_part(path: str, container: str) -> str | None:
    """The path down to the part that carries the id; what runs inside may have made cgroups below it."""
    at = path.find(container)
    if at < 0 or "/../" in path:
        return None
    end = path.find("/", at)
    return path if end < 0 else path[:end]


class Meter:
    """The open counters of one container."""

    def __init__(self, root: Path, pid: int, found: Places, budget: Budget) -> None:
        self._budget = budget
        self._files: dict[str, KernelFile] = {}
        self._sweeps = 0
        self._limit: int | None = None
        self._oom_kills: int | None = None
        v2 = found.folders.get("")
        self._v1 = {c: f for c, f in found.folders.items() if c in {"cpuacct", "memory", "blkio", "pids"}}
        self._choose("cpu", [("cpuacct", "cpuacct.usage")], v2, "cpu.stat")
        self._choose("memory", [("memory", "memory.usage_in_bytes")], v2, "memory.current")
        self._choose("memory.stat", [("memory", "memory.stat")], v2, "memory.stat")
        self._choose("limit", [("memory", "memory.limit_in_bytes")], v2, "memory.max")
        self._choose("oom", [("memory", "memory.oom_control")], v2, "memory.events")
        throttle = "blkio.throttle.io_service_bytes"
        self._choose("io", [("blkio", f"{throttle}_recursive"), ("blkio", throttle)], v2, "io.stat")
        self._choose("pids", [("pids", "pids.current")], v2, "pids.current")
        if not self._files:
            raise Gone
        if _own_network(root, pid):
            self._files["net"] = KernelFile(str(root / "proc" / str(pid) / "net/dev"), budget)

    def _choose(self, what: str, v1: list[tuple[str, str]], v2: str | None, name: str) -> None:
        candidates = [f"{self._v1[controller]}/{file}" for controller, file in v1 if controller in self._v1]
        if v2 and not candidates:
            candidates = [f"{v2}/{name}"]
        for path in candidates:
            if os.access(path, os.R_OK):
                self._files[what] = KernelFile(path, self._budget)
                return

    def sample(self, now: int) -> CgroupSample:
        """The counters now; Gone when the container has ended."""
        if self._sweeps % SLOW_EVERY == 0:
            self._read_slow()
        self._sweeps += 1
        memory = _whole(self._read("memory"))
        cache = _value_after(
            self._read("memory.stat"), b"total_inactive_file " if "memory" in self._v1 else b"inactive_file "
        )
        reads, writes = self._io(self._read("io"))
        received, sent = _network(self._read("net"))
        return CgroupSample(
            at_ns=now, cpu_ns=self._cpu(self._read("cpu")), memory=_working_set(memory, cache),
            memory_limit=self._limit, read_bytes=reads, write_bytes=writes, pids=_whole(self._read("pids")),
            rx_bytes=received, tx_bytes=sent, oom_kills=self._oom_kills,
        )  # fmt: skip

    def close(self) -> None:
        """Give all descriptors back."""
        for file in self._files.values():
            file.close()

    def _read(self, what: str) -> bytes | None:
        file = self._files.get(what)
        if file is None:
            return None
        try:
            content = file.read()
        except OSError as error:
            if error.errno in GONE:
                raise Gone from error
            if isinstance(error, PermissionError):
                return None
            raise
        if not content and what == "cpu":
            raise Gone
        return content

    def _read_slow(self) -> None:
        limit = _whole(self._read("limit"))
        self._limit = limit if limit is not None and limit < UNLIMITED else None
        self._oom_kills = _value_after(self._read("oom"), b"oom_kill ")
        for what in ("limit", "oom"):
            if what in self._files:
                self._files[what].close()

    def _cpu(self, content: bytes | None) -> int | None:
        if "cpuacct" in self._v1:
            return _whole(content)
        microseconds = _value_after(content, b"usage_usec ")
        return None if microseconds is None else microseconds * 1000

    def _io(self, content: bytes | None) -> tuple[int | None, int | None]:
        if content is None:
            return None, None
        if "blkio" not in self._v1:
            pairs = _V2_IO.findall(content)
            return sum(int(read) for read, _ in pairs), sum(int(write) for _, write in pairs)
        rows = _V1_IO.findall(content)
        return (
            sum(int(value) for kind, value in rows if kind == b"Read"),
            sum(int(value) for kind, value in rows if kind == b"Write"),
        )


def _own_network(root: Path, pid: int) -> bool:
    """Whether the process has a network of its own; with the host's, its counters are the host's.

    fact: reading another's ``ns/net`` needs its rights, but the inode of ``net/dev`` is one per network namespace too.
    """
    for identity in (_namespace, _device_file):
        theirs, ours = identity(root, str(pid)), identity(root, "1")
        if theirs is not None and ours is not None:
            return theirs != ours
    return True


def _namespace(root: Path, pid: str) -> str | None:
    try:
        return str((root / "proc" / pid / "ns/net").readlink())
    except OSError:
        return None


def _device_file(root: Path, pid: str) -> str | None:
    try:
        return str((root / "proc" / pid / "net/dev").stat().st_ino)
    except OSError:
        return None


def _whole(content: bytes | None) -> int | None:
    try:
        return None if content is None else int(content)
    except ValueError:
        return None


def _value_after(content: bytes | None, key: bytes) -> int | None:
    if content is None:
        return None
    start = 0 if content.startswith(key) else content.find(b"\n" + key) + 1
    if start == 0 and not content.startswith(key):
        return None
    end = content.find(b"\n", start)
    return _whole(content[start + len(key) : end if end >= 0 else None])


def _working_set(usage: int | None, cache: int | None) -> int | None:
    if usage is None or cache is None:
        return usage
    return usage - cache if cache < usage else usage


def _network(content: bytes | None) -> tuple[int | None, int | None]:
    """Received and sent bytes of all interfaces but the loop.

    fact: net/dev has 8 columns of receiving, then 8 of sending, bytes first.
    """
    if content is None:
        return None, None
    received = sent = 0
    for line in content.split(b"\n")[2:]:
        name, _, numbers = line.partition(b":")
        columns = numbers.split()
        if name.strip() != b"lo" and len(columns) >= 9:
            received += int(columns[0])
            sent += int(columns[8])
    return received, sent


def usage(processes: Sequence[int], proc: Path, at_ns: int) -> CgroupSample | None:
    """What processes without a cgroup of their own use together; None where the first has ended.

    Memory that the first shares with the others counts once; CPU time of a child that has ended counts with its
    parent's. fact: proc(5), stat (utime, stime, cutime, cstime) and statm (resident, shared)
    """
    ticks = pages = members = 0
    for pid in processes:
        try:
            fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
            resident, shared = map(int, (proc / str(pid) / "statm").read_bytes().split()[1:3])
        except (OSError, ValueError):
            if not members:
                return None
            continue
        ticks += sum(map(int, fields[11:15]))
        pages += resident - (shared if members else 0)
        members += 1
    nanoseconds = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return CgroupSample(at_ns=at_ns, cpu_ns=nanoseconds, memory=pages * os.sysconf("SC_PAGE_SIZE"), pids=members)
