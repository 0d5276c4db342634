"""The only door to a machine: narrow protocols that everything above speaks.

A Host bundles them. ``hosts.local`` is this machine, ``hosts.demo`` a practice stack inside the process. Readers are
asynchronous and stateless (one connection per request, bound to no event loop); files and acts are synchronous and run
in worker threads. Every call has a deadline of its own and raises ``HostError`` with a sentence; nothing else may
escape. Nobody outside this package opens a file of the stack, a socket or a process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct, field

from ..model import ContainerState, FileFact, Gpu, GpuProcess


class HostError(Exception):
    """Something could not be done: ``str(error)`` is the sentence, ``remedy`` the next thing to try."""

    def __init__(self, sentence: str, remedy: str | None = None) -> None:
        super().__init__(sentence)
        self.remedy = remedy


class EngineUnreachable(HostError):
    """No Engine answers at the address: missing socket, refused, hung, no permission."""


class NotFound(HostError):
    """The thing asked for is gone (a container removed meanwhile, a file that never was)."""


class NotPermitted(HostError):
    """The user may not do it. ``remedy`` holds the exact command that would."""


class ReadOnlyRefused(HostError):
    """The console was started with --read-only; no act can leave it."""


class EngineFailed(HostError):
    """The Engine answered, but with an error, nonsense or half a reply; ``status`` is its HTTP status, if any."""

    def __init__(self, sentence: str, remedy: str | None = None, *, status: int | None = None) -> None:
        super().__init__(sentence, remedy)
        self.status = status


class Engine(Protocol):
    """Reads from the Docker Engine API. Replies are the Engine's own JSON bytes; ``sources`` decode and clean them."""

    address: str
    local: bool
    """Whether process ids and paths in the replies are those of this machine."""

    async def ping(self) -> None:
        """``GET /_ping``: returns when the Engine answers; free, while ``info`` starts processes on old Engines."""
        ...

    async def version(self) -> bytes:
        """``GET /version``."""
        ...

    async def info(self) -> bytes:
        """``GET /info``."""
        ...

    async def containers(self) -> bytes:
        """``GET /containers/json?all=1``."""
        ...

    async def inspect(self, container: str) -> bytes:
        """``GET /containers/ID/json``; raises NotFound when it is gone."""
        ...

    async def image(self, image: str) -> bytes:
        """``GET /images/NAME/json``."""
        ...

    async def logs(self, container: str, *, tail: int = 200, since: float | None = None) -> bytes:
        """The last lines with the Engine's time stamps, frames already taken apart, both streams as they came."""
        ...

    def follow(self, container: str, *, tail: int = 100) -> AsyncIterator[bytes]:
        """Log lines as they come, with the Engine's time stamps, until the caller stops or the container ends."""
        ...

    def events(self, since: float | None = None) -> AsyncIterator[bytes]:
        """Container and daemon events, one JSON object each; raises when the stream ends: reopen and list again."""
        ...

    async def stats(self, container: str) -> bytes:
        """One-shot stats, for Engines whose cgroups are not on this machine."""
        ...

    async def top(self, container: str) -> bytes:
        """``GET /containers/ID/top``."""
        ...


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
    """The 64-digit id in its cgroup path, None for a native process."""


class Kernel(Protocol):
    """What the kernel says: cgroup files, /proc, the host's own counters. Cheap, world-readable, no Engine involved."""

    def sample(self, pids: Mapping[str, int]) -> Mapping[str, CgroupSample]:
        """One sweep: container id -> counters, for container id -> State.Pid. A container that vanished is left out."""
        ...

    def system(self) -> SystemSample:
        """The host's own counters, now."""
        ...

    def disk(self, path: str) -> tuple[int, int]:
        """Total and free bytes of the file system that holds the path."""
        ...

    def processes(self) -> Sequence[ProcessRow]:
        """The process table."""
        ...

    def replaced_mounts(self, pid: int) -> frozenset[str]:
        """Mount points of the process whose source inode was replaced on the host (``//deleted`` in mountinfo)."""
        ...

    def host(self) -> tuple[str, str, str, str, int, float]:
        """Name, OS, kernel release, architecture, number of CPUs, boot time."""
        ...

    def features(self) -> frozenset[str]:
        """What the first processor can do: ``flags`` (x86) or ``Features`` (ARM) of cpuinfo; empty when not told."""
        ...


class Files(Protocol):
    """Files of the stack. Paths are absolute. Each call runs in a worker and may be slow (NFS)."""

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """Never raises for a missing path: its kind is ``missing``. Follows symlinks and names the target."""
        ...

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """Content of a regular file; HostError for anything else or anything larger."""
        ...

    def names(self, path: str) -> Sequence[str]:
        """Names in a folder, unsorted; HostError when it cannot be read."""
        ...

    def replace(self, path: str, content: bytes, *, expect: str | None) -> None:
        """Write atomically (temporary file, fsync, rename, fsync of the folder), keeping owner, mode and xattrs.

        ``expect`` is the SHA-256 the file must still have; None: it must not exist, and is created with mode 0644.
        """
        ...

    def create(self, path: str, content: bytes, *, mode: int, uid: int | None, gid: int | None) -> None:
        """Like replace for a new file, with this mode and owner from the start; NotPermitted names the command."""
        ...

    def remove(self, path: str, *, expect: str) -> None:
        """Remove a regular file that still has this SHA-256."""
        ...

    def make_directory(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Make one folder that does not exist."""
        ...

    def remove_directory(self, path: str) -> None:
        """Remove an **empty** directory; HostError otherwise."""
        ...

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        ...

    def chown(self, path: str, uid: int, gid: int) -> None:
        """Set owner and group."""
        ...

    def may_write(
        self,
        path: str,
        content: bytes = b"",
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        """For previews: raises the HostError that ``replace`` or ``create`` would, as far as it shows; writes nothing.

        Read-only mount, no space, immutable, mount point, not a regular file, missing permission or ownership.
        """
        ...

    def remove_leftovers(self, path: str) -> Sequence[str]:
        """Remove, under the lock, temporary files that a killed write of ``path`` left; returns their names."""
        ...


class CommandResult(Struct, frozen=True):
    """What a program answered."""

    argv: tuple[str, ...]
    exit_code: int
    output: str
    """stdout and stderr, cleaned."""


class Control(Protocol):
    """Acts on containers. In read-only mode every method raises ReadOnlyRefused before anything leaves the process."""

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop, after ``stop_timeout`` seconds by force, and start again."""
        ...

    def start(self, container: str) -> None:
        """Start a container that is not running."""
        ...

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop, after ``stop_timeout`` seconds by force."""
        ...

    def remove(self, container: str) -> None:
        """Remove a stopped container, never its volumes."""
        ...

    def compose(
        self, project: str, directory: str, files: Sequence[str], arguments: Sequence[str], *, deadline: float = 120.0
    ) -> CommandResult:
        """``docker compose -p PROJECT --project-directory DIR -f ... ARGUMENTS``; HostError without Compose v2."""
        ...

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes, deadline: float = 30.0) -> HttpReply:
        """One POST that the operator asked for, such as a request to a model. Raises HttpFailed, ReadOnlyRefused."""
        ...

    def service_hashes(
        self, project: str, directory: str, files: Sequence[str], *, deadline: float = 20.0
    ) -> tuple[str, Mapping[str, str]]:
        """Compose's version, and the config-hash it would give each service now. Reads only, so --read-only allows it.

        HostError without Compose v2, and for files that Compose refuses.
        """
        ...

    def execute(
        self, container: str, arguments: Sequence[str], environment: Mapping[str, str], deadline: float
    ) -> CommandResult:
        """Run a program inside a running container. What is secret goes into the environment, never into arguments."""
        ...

    def shell(self, container: str) -> Sequence[str]:
        """The argument list that opens a shell in the container, for the terminal itself to run."""
        ...

    def reload_engine(self, pid: int, *, unit: str | None = None) -> CommandResult:
        """Let dockerd read its configuration again: through its systemd unit, or by SIGHUP to ``pid``; never a restart.

        NotFound when ``pid`` is no dockerd, NotPermitted with the command. fact: containers keep running (moby reload.go)
        """
        ...

    def validate_engine_config(self, content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
        """What ``dockerd --validate`` says of a configuration beside these flags; None where no dockerd here can."""
        ...


class HttpReply(Struct, frozen=True):
    """What a web server answered, whatever its status."""

    status: int
    url: str
    """Where it came from, redirects followed."""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case; of a name that came twice the values joined by ``, ``. Not cleaned."""
    body: bytes = b""
    """Decompressed; empty for HEAD."""
    cut: bool = False
    """The body went on beyond the limit."""
    seconds: float = 0.0
    """From the first name look-up to the last byte."""


HttpTrouble = Literal["dns", "refused", "timeout", "tls", "reset", "unreachable", "redirects", "not-http", "address"]


class HttpFailed(HostError):
    """No answer could be had; ``trouble`` says which kind, for those who must tell them apart."""

    def __init__(self, trouble: HttpTrouble, sentence: str, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.trouble: HttpTrouble = trouble


class Http(Protocol):
    """Reads over HTTP, from where the host stands: GET and HEAD only, nothing that changes anything.

    At most three redirects, never to another scheme; headers named ``authorization`` do not follow to another host.
    Environment variables for proxies are not looked at. Raises HttpFailed.
    """

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        limit: int = 1 << 20,
        proxy: str | None = None,
    ) -> HttpReply:
        """GET. ``deadline`` is for everything together, ``limit`` counts bytes after decompression."""
        ...

    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, proxy: str | None = None
    ) -> HttpReply:
        """HEAD."""
        ...


class Clock(Protocol):
    """Time, injected, so that tests own it."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def monotonic_ns(self) -> int:
        """The same in nanoseconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Gpus(Protocol):
    """GPUs and the processes that hold their memory. May stall for seconds: called in a worker, never twice at once."""

    def read(self) -> tuple[Sequence[Gpu], Sequence[GpuProcess]]:
        """All GPUs and all processes, now."""
        ...


class MongoTarget(Struct, frozen=True):
    """One way to one mongod."""

    via: Literal["published port", "container address", "exec"]
    host: str
    """Name or address as seen from here; for ``exec`` as seen from inside the container."""
    port: int
    container: str
    """Id of the container."""

    @property
    def address(self) -> str:
        """``host:port``, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MongoLogin(Struct, frozen=True):
    """Credentials for a mongod."""

    user: str
    password: str
    source: str = "admin"
    """``authSource``."""

    def __repr__(self) -> str:
        return f"MongoLogin({self.user!r}, source={self.source!r})"

    __str__ = __repr__


MongoTrouble = Literal["refused", "reset", "silent", "no-route", "name", "not-mongo", "too-old", "unreachable"]
"""How a mongod cannot be reached, told by the kind of the error."""


class MongoUnreachable(HostError):
    """No mongod answers there. ``trouble`` says how, in the words of ``model.MongoState.trouble``."""

    def __init__(self, sentence: str, trouble: MongoTrouble, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.trouble: MongoTrouble = trouble


class MongoRefused(HostError):
    """mongod refused the login. ``code`` is its number: 18 for wrong user, password or authSource."""

    def __init__(self, sentence: str, code: int, remedy: str | None = None) -> None:
        super().__init__(sentence, remedy)
        self.code = code


MongoReply = Mapping[str, object]
"""mongod's own document as relaxed extended JSON: ``ok``, and its number in ``code`` when ``ok`` is 0."""


class Databases(Protocol):
    """Asks databases in their own protocols. One short-lived connection per call, each within its deadline."""

    async def ask_mongo(
        self, target: MongoTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        """The replies to ``hello``, ``replSetGetStatus``, ``replSetGetConfig``, in order; no other command is sent.

        Raises MongoUnreachable, and MongoRefused for a login that is refused, or was in the last minute.
        """
        ...

    async def command_mongo(
        self, target: MongoTarget, command: Mapping[str, object], *, login: MongoLogin | None = None, deadline: float
    ) -> MongoReply:
        """Act: ``replSetInitiate`` or ``replSetReconfig``. Raises ReadOnlyRefused before anything is sent."""
        ...


class Host(Protocol):
    """One machine."""

    name: str
    kind: Literal["local", "demo", "replay"]
    read_only: bool
    engine: Engine | None
    """None where there is no address at all to try (``check --project-dir``)."""
    kernel: Kernel | None
    """None where the Engine is remote."""
    files: Files
    control: Control
    gpus: Gpus | None
    """None where no GPU door exists."""
    http: Http | None
    """None where no web address can be asked."""
    databases: Databases | None
    """None where databases cannot be asked."""
    clock: Clock


__all__ = [
    "CgroupSample",
    "Clock",
    "CommandResult",
    "ContainerState",
    "Control",
    "Databases",
    "Engine",
    "EngineFailed",
    "EngineUnreachable",
    "Files",
    "Gpus",
    "Host",
    "HostError",
    "Http",
    "HttpFailed",
    "HttpReply",
    "HttpTrouble",
    "Kernel",
    "MongoLogin",
    "MongoRefused",
    "MongoReply",
    "MongoTarget",
    "MongoTrouble",
    "MongoUnreachable",
    "NotFound",
    "NotPermitted",
    "ProcessRow",
    "ReadOnlyRefused",
    "SystemSample",
]
