"""A Host that lives in the test: no socket, no files, no threads. Containers are dicts as in ``fake_engine``.

host = MemoryHost(container("web", pid=100))
host.engine.requests            # what was asked, counted: {"containers": 1, "inspect": 1}
host.engine.emit("die", ID)     # an event for whoever listens
host.engine.hang = True         # from now on nothing answers
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stackops.console.hosts import (
    CgroupSample,
    EngineUnreachable,
    GpuReading,
    HostError,
    NotFound,
    ProcessRow,
    ReadOnlyRefused,
    Rights,
    SystemSample,
    Wire,
    WireReading,
)
from stackops.console.hosts.protocols import SystemClock
from stackops.console.model import FileFact, Gpu, GpuDriver, GpuProcess

Json = dict[str, Any]


class MemoryEngine:
    """An Engine whose answers are made from ``containers`` at the moment of asking."""

    def __init__(self, *containers: Json, local: bool = True) -> None:
        self.address = "unix:///run/memory.sock"
        self.local = local
        self.containers_by_id: dict[str, Json] = {c["Id"]: c for c in containers}
        self.status: dict[str, str] = {}
        """Status words of the list, by id; ``Up 5 minutes`` otherwise."""
        self.images: dict[str, Json] = {}
        self.log_lines: dict[str, bytes] = {}
        self.stats_replies: dict[str, Callable[[], Json]] = {}
        self.info_reply: Json = {"ServerVersion": "27.0.1", "DockerRootDir": "/var/lib/docker", "Name": "box"}
        self.tops: dict[str, Json] = {}
        """Container id -> what ``top`` answers."""
        self.archives: dict[tuple[str, str], bytes] = {}
        """Container id and path -> the tar of that file."""
        self.topped: list[tuple[str, str | None]] = []
        self.requests: Counter[str] = Counter()
        self.inspected: Counter[str] = Counter()
        self.inspecting = 0
        self.most_inspecting = 0
        self.hang = False
        self.error: HostError | None = None
        self.refuse: dict[str, HostError] = {}
        """Container id -> what its inspection raises."""
        self.delay = 0.0
        self.silent_events = False
        """The stream is open and says nothing."""
        self.opened_since: list[float | None] = []
        self._listeners: list[asyncio.Queue[bytes | None]] = []

    async def _answer(self, name: str) -> None:
        self.requests[name] += 1
        if self.hang:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error

    async def ping(self) -> None:
        await self._answer("ping")

    async def version(self) -> bytes:
        await self._answer("version")
        return json.dumps({"Version": self.info_reply["ServerVersion"], "ApiVersion": "1.46"}).encode()

    async def info(self) -> bytes:
        await self._answer("info")
        return json.dumps(self.info_reply).encode()

    async def containers(self) -> bytes:
        await self._answer("containers")
        return json.dumps([self._row(one) for one in self.containers_by_id.values()]).encode()

    def _row(self, one: Json) -> Json:
        return {
            "Id": one["Id"], "Names": [one["Name"]], "Image": one["Config"]["Image"], "ImageID": one["Image"],
            "State": one["State"]["Status"], "Status": self.status.get(one["Id"], "Up 5 minutes"),
            "Labels": one["Config"]["Labels"], "Created": 1767323040,
        }  # fmt: skip

    async def inspect(self, container: str) -> bytes:
        self.inspecting += 1
        self.most_inspecting = max(self.most_inspecting, self.inspecting)
        self.inspected[container] += 1
        try:
            await self._answer("inspect")
        finally:
            self.inspecting -= 1
        if container in self.refuse:
            raise self.refuse[container]
        if container not in self.containers_by_id:
            raise NotFound(f"No such container: {container}")
        shown = {key: value for key, value in self.containers_by_id[container].items() if not key.startswith("_")}
        return json.dumps(shown).encode()

    async def image(self, image: str) -> bytes:
        await self._answer("image")
        if image not in self.images:
            raise NotFound(f"No such image: {image}")
        return json.dumps(self.images[image]).encode()

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        await self._answer("logs")
        return self.log_lines.get(container, b"")

    async def follow(self, container: str, *, tail: int = 100) -> AsyncIterator[bytes]:
        for line in self.log_lines.get(container, b"").splitlines()[-tail:]:
            yield line

    async def stats(self, container: str) -> bytes:
        await self._answer("stats")
        return json.dumps(self.stats_replies[container]()).encode()

    async def archive(self, container: str, path: str, *, limit: int = 1 << 17) -> bytes:
        await self._answer("archive")
        if (container, path) not in self.archives:
            raise NotFound(f"Could not find the file {path} in container {container}")
        return self.archives[container, path][:limit]

    async def top(self, container: str, *, ps_args: str | None = None) -> bytes:
        await self._answer("top")
        if container not in self.tops:
            raise NotFound(f"No such container: {container}")
        self.topped.append((container, ps_args))
        return json.dumps(self.tops[container]).encode()

    async def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        self.opened_since.append(since)
        if self.error is not None:
            raise self.error
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while (line := await queue.get()) is not None:
                if not self.silent_events:
                    yield line
        finally:
            self._listeners.remove(queue)

    @property
    def listeners(self) -> int:
        """How many event streams are open."""
        return len(self._listeners)

    def emit(self, action: str, ident: str = "", *, kind: str = "container", at: float | None = None) -> None:
        """An event, as the Engine writes it from API 1.52 on."""
        nano = int((time.time() if at is None else at) * 1e9)
        self.emit_raw(json.dumps({"Type": kind, "Action": action, "Actor": {"ID": ident}, "timeNano": nano}).encode())

    def emit_raw(self, line: bytes | None) -> None:
        """Bytes for the event streams; None ends them without an error."""
        for queue in self._listeners:
            queue.put_nowait(line)

    def add(self, *containers: Json) -> None:
        for one in containers:
            self.containers_by_id[one["Id"]] = one
            self.emit("create", one["Id"])

    def remove(self, ident: str, *, quietly: bool = False) -> None:
        del self.containers_by_id[ident]
        if not quietly:
            self.emit("destroy", ident)


def unreachable() -> HostError:
    """What a Host says when nobody answers at the socket."""
    return EngineUnreachable("No Docker Engine answers at /run/memory.sock", "systemctl start docker")


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Let everything go on until the condition holds; fails when it does not in time, on the busiest machine."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.002)


class MemoryKernel:
    """Counters that tests set; by default every container's CPU counter runs at a tenth of a core."""

    def __init__(self) -> None:
        self.fixed: dict[str, CgroupSample | None] = {}
        """Container id -> its sample, or None for one that cannot be read."""
        self.rows: Sequence[ProcessRow] = ()
        self.logs: dict[int, bytes] = {}
        self.replaced: dict[int, frozenset[str]] = {}
        self.machine: Callable[[int], SystemSample] = lambda at: SystemSample(
            at_ns=at, cpu_busy=at / 1e9, cpu_total=at / 1e9 * 4, load=(0.1, 0.1, 0.1), memory_total=8 << 30,
            memory_available=4 << 30,
        )  # fmt: skip
        self.blocked: Callable[[], None] = lambda: None
        """Called at the start of each sweep, in the worker thread."""
        self.sweeps = 0
        self.sweeping = 0
        self.overlapped = False
        self.idle = False
        """Counters stand still."""
        self.ports: dict[int, Sequence[tuple[str, int]]] = {}
        """Process id -> what it listens on."""
        self.listens: dict[str, int] = {}
        """Unix address -> who listens there."""
        self.own: frozenset[str] = frozenset({"127.0.0.1"})
        self.tried: list[tuple[Wire, ...]] = []
        """What each pass over the wiring tried."""
        self.answer_wires: Callable[[Sequence[Wire]], Sequence[WireReading]] = lambda _: ()

    def sample(self, pids: Mapping[str, int]) -> Mapping[str, CgroupSample]:
        self.sweeps += 1
        self.sweeping += 1
        self.overlapped |= self.sweeping > 1
        try:
            self.blocked()
            return {ident: told for ident, pid in pids.items() if (told := self._one(ident, pid)) is not None}
        finally:
            self.sweeping -= 1

    def _one(self, ident: str, pid: int) -> CgroupSample | None:
        if ident in self.fixed:
            return self.fixed[ident]
        at = time.monotonic_ns()
        return CgroupSample(at_ns=at, cpu_ns=0 if self.idle else at // 10, memory=pid << 20, pids=1, rx_bytes=0)

    def system(self) -> SystemSample:
        return self.machine(0 if self.idle else time.monotonic_ns())

    def disk(self, path: str) -> tuple[int, int]:
        return 100 << 30, 40 << 30

    def processes(self) -> Sequence[ProcessRow]:
        return self.rows

    def replaced_mounts(self, pid: int) -> frozenset[str]:
        return self.replaced.get(pid, frozenset())

    def program_log(self, pid: int, *, unit: str | None = None, limit: int = 1 << 18) -> bytes:
        return self.logs.get(pid, b"")

    def listening(self, pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        return {pid: self.ports[pid] for pid in pids if pid in self.ports}

    def listener(self, address: str) -> int | None:
        return self.listens.get(address)

    def addresses(self) -> frozenset[str]:
        return self.own

    def wires(self, asked: Sequence[Wire]) -> Sequence[WireReading]:
        self.tried.append(tuple(asked))
        return self.answer_wires(asked)

    def host(self) -> tuple[str, str, str, str, int, float]:
        return "gpubox", "Fake Linux 1", "6.1.0", "x86_64", 4, 1_700_000_000.0


class MemoryFiles:
    """Files as a dict of path -> content; folders are the paths' parents."""

    def __init__(self, contents: Mapping[str, bytes] | None = None) -> None:
        self.contents = dict(contents or {})
        self.reads: Counter[str] = Counter()
        self.blocked: Callable[[str], None] = lambda path: None
        """Called with the path at each access, in the worker thread."""

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        self.blocked(path)
        if path in self.contents:
            content = self.contents[path]
            return FileFact(path=path, kind="file", mode=0o644, uid=0, gid=0, size=len(content), mtime=1.0, inode=1)
        folder = any(known.startswith(path.rstrip("/") + "/") for known in self.contents)
        return FileFact(path=path, kind="directory" if folder else "missing")

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        self.blocked(path)
        self.reads[path] += 1
        if path not in self.contents:
            raise NotFound(f"{path} does not exist")
        return self.contents[path]

    def names(self, path: str) -> Sequence[str]:
        self.blocked(path)
        start = path.rstrip("/") + "/"
        found = {known[len(start) :].partition("/")[0] for known in self.contents if known.startswith(start)}
        if not found:
            raise NotFound(f"{path} does not exist")
        return sorted(found)

    def __getattr__(self, name: str) -> Any:
        raise ReadOnlyRefused(f"nothing here may {name}")


@dataclass
class MemoryGpus:
    """GPUs as they are told to be."""

    cards: Sequence[Gpu] = ()
    holders: Sequence[GpuProcess] = ()
    blocked: Callable[[], None] = lambda: None
    reads: int = 0

    def read(self) -> GpuReading:
        self.reads += 1
        self.blocked()
        return GpuReading(GpuDriver("ok"), tuple(self.cards), tuple(self.holders))

    def close(self) -> None:
        pass


@dataclass
class MemoryHost:
    """One machine."""

    engine: MemoryEngine | None = field(default_factory=MemoryEngine)
    kernel: MemoryKernel | None = field(default_factory=MemoryKernel)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    gpus: MemoryGpus | None = None
    http: Any = None
    http_acts: Any = None
    databases: Any = None
    clock: Any = field(default_factory=SystemClock)
    name: str = "memory"
    kind: Literal["local", "demo", "replay"] = "local"
    read_only: bool = True
    control: Any = None
    rights: Rights = field(default_factory=lambda: Rights(0))
    locks: Any = None


def host_with(*containers: Json, **parts: Any) -> MemoryHost:
    """A Host with these containers."""
    return MemoryHost(engine=MemoryEngine(*containers), **parts)
