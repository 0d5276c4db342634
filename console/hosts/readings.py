"""Doors that only read the machine: the Engine, the kernel, the GPUs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from ..model import Gpu, GpuDriver, GpuProcess, Hop, Speaks


class Engine(Protocol):
    """Reads from the Docker Engine API. Replies are the Engine's own JSON bytes; ``sources`` decode and clean them."""

    address: str
    local: bool
    """Whether process ids and paths in the replies are those of this machine."""

    async def ping(self) -> None:
        """``GET /_ping``: returns when the Engine answers; free, while ``info`` starts processes on old Engines."""

    async def version(self) -> bytes:
        """``GET /version``."""

    async def info(self) -> bytes:
        """``GET /info``."""

    async def containers(self) -> bytes:
        """``GET /containers/json?all=1``."""

    async def inspect(self, container: str) -> bytes:
        """``GET /containers/ID/json``; raises NotFound when it is gone."""

    async def image(self, image: str) -> bytes:
        """``GET /images/NAME/json``."""

    async def unused(self, kind: str) -> bytes:
        """Stopped ``containers`` and dangling ``images`` with sizes, own ``networks``, what the ``build-cache`` holds.

        May take a minute. Lists of the Engine's own, so networks that are in use are among them.
        """

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        """The last lines with the Engine's time stamps, frames already taken apart, both streams as they came."""

    def follow(self, container: str, *, tail: int = 100) -> AsyncGenerator[bytes, None]:
        """Log lines as they come, with the Engine's time stamps, until the caller stops or the container ends."""

    def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        """Container and daemon events, one JSON object each; raises when the stream ends: reopen and list again."""

    async def stats(self, container: str) -> bytes:
        """One-shot stats, for Engines whose cgroups are not on this machine."""

    async def archive(self, container: str, path: str, *, limit: int = 1 << 17) -> bytes:
        """``GET /containers/ID/archive?path=PATH``: a tar, cut at ``limit`` bytes. NotFound without such a file."""

    async def top(self, container: str, *, ps_args: str | None = None) -> bytes:
        """``GET /containers/ID/top``, process ids as the Engine's machine has them. It starts a ``ps`` there.

        The columns are those of ``ps_args``; read them by ``Titles``.
        """


class CgroupSample(Struct, frozen=True):
    """Raw counters of one container at one moment. ``None`` where the kernel does not tell."""

    at_ns: int
    """``time.monotonic_ns()`` at the read."""
    cpu_ns: int | None = None
    memory: int | None = None
    """Working set in bytes."""
    memory_limit: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
    pids: int | None = None
    rx_bytes: int | None = None
    tx_bytes: int | None = None
    oom_kills: int | None = None


class SystemSample(Struct, frozen=True):
    """The host's counters at one moment."""

    at_ns: int
    cpu_busy: float | None = None
    """Seconds of all cores, busy."""
    cpu_total: float | None = None
    load: tuple[float, float, float] | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    swap_total: int | None = None
    swap_used: int | None = None


class ProcessRow(Struct, frozen=True):
    """One line of the process table."""

    pid: int
    ppid: int
    name: str
    command: tuple[str, ...]
    started_at: float | None
    user: str | None
    container: str | None
    """The 64-digit id in its cgroup path, the outermost of several; None for a native process."""
    containers: tuple[str, ...] = ()
    """All ids in that path, outermost first: an Engine in a container lists its own under one of another Engine."""
    runtime: Literal["docker", "podman", "kubernetes"] | None = None
    """Who names cgroups like the one it is in, as far as the name tells."""
    zombie: bool = False
    """It has ended, and its parent has not asked yet how."""


class Wire(Struct, frozen=True):
    """One connection to try, from inside the network of a container."""

    key: str
    pid: int
    container: str
    """Its id, by which its process is known: a number is given to another process some day."""
    host: str
    port: int
    speaks: Speaks
    tls: bool


class WireReading(Struct, frozen=True):
    """How far it got."""

    key: str
    hops: tuple[Hop, ...] = ()
    """Up to the first that is not ok."""
    reached: str | None = None
    """``address:port`` that took the connection."""
    soft: bool = False
    """What failed may be another thing the next time: nobody answered in time, or the connection was closed."""
    refused: str | None = None
    """Why nothing could be tried from there."""


class Kernel(Protocol):
    """What the kernel says: cgroup files, /proc, the host's own counters. Cheap, world-readable, no Engine involved."""

    def sample(self, pids: Mapping[str, int]) -> Mapping[str, CgroupSample]:
        """One sweep: container id -> counters, for container id -> State.Pid. A container that vanished is left out.

        Under ``pid:N`` what process N uses with all that it started, which has no cgroup of its own.
        """

    def system(self) -> SystemSample:
        """The host's own counters, now."""

    def disk(self, path: str) -> tuple[int, int]:
        """Total and free bytes of the file system that holds the path."""

    def processes(self) -> Sequence[ProcessRow]:
        """The process table."""

    def replaced_mounts(self, pid: int) -> frozenset[str]:
        """Mount points of the process whose source inode was replaced on the host (``//deleted`` in mountinfo)."""

    def host(self) -> tuple[str, str, str, str, int, float]:
        """Name, OS, kernel release, architecture, number of CPUs, boot time."""

    def program_log(self, pid: int, *, unit: str | None = None, limit: int = 1 << 18) -> bytes:
        """The end of what a program said on its standard error, at most ``limit`` bytes: from a file, or the journal.

        Empty where this user can read neither. May take seconds: called in a worker.
        """

    def listening(self, pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        """Addresses and TCP ports that these processes listen on; one that may not be asked, or has ended, is left out.

        May take some milliseconds a process: called in a worker, for few.
        """

    def listener(self, address: str) -> int | None:
        """The process that listens at ``unix://PATH``: 0 for one out of sight, None where that cannot be told."""

    def addresses(self) -> frozenset[str]:
        """The IP addresses of this machine, all interfaces."""

    def wires(self, asked: Sequence[Wire]) -> Sequence[WireReading]:
        """Try connections, all at once, each from its container's network; no login is sent, nothing is followed.

        Takes up to eight seconds where somebody does not answer: called in a worker. What is left out was not tried.
        """
        ...

    def features(self) -> frozenset[str]:
        """What the first processor can do: ``flags`` (x86) or ``Features`` (ARM) of cpuinfo; empty when not told."""


class GpuReading(Struct, frozen=True):
    """What one look at the GPUs told. What could not be read is a state of the driver or of a card, never an error."""

    driver: GpuDriver
    gpus: tuple[Gpu, ...] = ()
    processes: tuple[GpuProcess, ...] = ()
    """As the driver knows them: process ids and memory, no containers."""


class Gpus(Protocol):
    """GPUs and the processes that hold their memory. Called in a worker, never twice at once; bounded in time."""

    def read(self) -> GpuReading:
        """All GPUs and all processes, now."""

    def close(self) -> None:
        """Let go of what was started for reading."""
