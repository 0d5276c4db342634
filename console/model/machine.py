"""The machine: its Engine, the containers as the Engine reports them, figures, what could not be read. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from .gpus import DeviceRequest

FileKind = Literal["file", "directory", "missing", "fifo", "device", "socket", "unreadable"]
ContainerState = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead", "unknown"]


class Port(Struct, frozen=True):
    """One port of a container, published or only exposed."""

    container_port: int
    protocol: str = "tcp"
    host_ip: str | None = None
    host_port: int | None = None


class Mount(Struct, frozen=True):
    """One entry of a container's mount list, as the Engine reports it."""

    kind: str
    """``bind``, ``volume``, ``tmpfs``, ..."""
    source: str
    target: str
    read_only: bool = False
    stale: bool | None = None
    """True when the running container still holds an inode replaced on the host: ``//deleted`` in mountinfo."""
    volume: str | None = None
    """Name of the volume, where it is one; ``source`` is then its folder on the Engine's machine."""


class NetworkLink(Struct, frozen=True):
    """A container's place in one network."""

    network: str
    address: str | None = None
    aliases: tuple[str, ...] = ()
    prefix: int | None = None
    """Bits of the address that name its network."""


class EnvVar(Struct, frozen=True):
    """One environment variable. The value may be a secret."""

    name: str
    value: str


class HealthProbe(Struct, frozen=True):
    """One run of a container's health check."""

    at: float | None
    exit_code: int | None
    output: str


class Health(Struct, frozen=True):
    """What the container's own health check says."""

    status: str
    """``starting``, ``healthy``, ``unhealthy``, ``none``."""
    failing_streak: int = 0
    log: tuple[HealthProbe, ...] = ()


class Container(Struct, frozen=True):
    """One container: what ``list`` and ``inspect`` say. Figures are kept apart, they change every second."""

    id: str
    """64 hexadecimal digits."""
    name: str
    image: str
    state: ContainerState
    image_id: str | None = None
    image_digest: str | None = None
    health: Health | None = None
    created_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    oom_killed: bool | None = None
    error: str | None = None
    """The Engine's reason why the last start failed."""
    pid: int | None = None
    restart_count: int | None = None
    """Restarts by policy; the Engine sets it back to 0 on a restart by hand."""
    restart_policy: str | None = None
    deaths: tuple[float, ...] = ()
    """When ``die`` events were seen while stackops was looking, newest last."""
    project: str | None = None
    service: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str | None = None
    working_dir: str | None = None
    env: tuple[EnvVar, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    port_holders: tuple[tuple[int, str, str], ...] = ()
    """Of one that could not be started: ports that it wants and a running container of whatever project has, each with
    its protocol and the name of that container."""
    mounts: tuple[Mount, ...] = ()
    networks: tuple[NetworkLink, ...] = ()
    network_mode: str | None = None
    memory_limit: int | None = None
    cpu_limit: float | None = None
    """Cores, None without a limit."""
    device_requests: tuple[DeviceRequest, ...] = ()
    devices: tuple[str, ...] = ()
    """Device files of the machine that were passed in one by one."""
    runtime: str | None = None
    """The OCI runtime, ``runc`` or ``nvidia``."""
    extra_hosts: tuple[str, ...] = ()
    """``name:address``, ``host-gateway`` as it is written."""
    tty: bool = False
    log_driver: str | None = None
    log_path: str | None = None
    """The file on the Engine's machine in which its log is, where its driver keeps one."""
    log_limit: str | None = None
    """``max-size`` of its log, as it is written; None: the log grows without limit."""
    detailed: bool = True
    """False while only the list has been read and ``inspect`` is still to come."""

    @property
    def alive(self) -> bool:
        """Whether its processes are there: it runs, or is held."""
        return self.state in ("running", "paused")


class Figures(Struct, frozen=True):
    """What one container uses, measured over the time since the sample before."""

    at: float
    cpu_percent: float | None = None
    """100 is one core."""
    memory: int | None = None
    """Working set: usage without the inactive file cache."""
    memory_limit: int | None = None
    net_rx: float | None = None
    net_tx: float | None = None
    block_read: float | None = None
    block_write: float | None = None
    pids: int | None = None


class EngineEvent(Struct, frozen=True):
    """Something that the Engine told of a container, or of itself: from its buffer, or heard since."""

    at: float
    """Unix seconds of the Engine's clock."""
    action: str
    """``start``, ``die``, ``oom``, ``health_status: unhealthy``; ``reload`` of the Engine itself."""
    container: str = ""
    """Id; empty where the Engine tells of itself."""
    name: str = ""
    image: str = ""
    project: str | None = None
    service: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    """Of ``kill``: a number or a name, as the Engine writes it."""

    @property
    def subject(self) -> str:
        """What people call it, across containers that took each other's place."""
        return f"{self.project}/{self.service}" if self.project and self.service else self.name


class Fault(Struct, frozen=True):
    """Something a source could not do: shown where its data would be."""

    source: str
    """Which source, for example ``engine`` or ``compose:/srv/librechat``."""
    sentence: str
    """What failed, in one sentence."""
    remedy: str | None = None
    """The next thing to try."""
    since: float | None = None
    hides: bool = True
    """Whether something could not be read because of it; False where all was read and only something is amiss."""


class HostInfo(Struct, frozen=True):
    """The machine being looked at."""

    name: str
    os: str | None = None
    kernel: str | None = None
    arch: str | None = None
    cpus: int | None = None
    boot_time: float | None = None
    cpu_features: tuple[str, ...] | None = None
    """``flags`` (x86) or ``Features`` (ARM) of /proc/cpuinfo, as far as a check asks for them; None when not known."""


class EngineInfo(Struct, frozen=True):
    """The Docker Engine, from ``/version`` and ``/info``."""

    version: str
    api_version: str
    address: str
    """Where it was reached, for example ``unix:///var/run/docker.sock``."""
    local: bool
    """Whether process ids and files of this machine are the Engine's own."""
    root_dir: str | None = None
    os: str | None = None
    storage_driver: str | None = None
    cgroup_driver: str | None = None
    cgroup_version: str | None = None
    rootless: bool = False
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    """Names and address ranges whose certificates the Engine does not verify; its own loopback is always one."""
    http_proxy: str | None = None
    """What the Engine itself goes through, for plain HTTP; a password in it is masked by the Engine."""
    https_proxy: str | None = None
    no_proxy: str | None = None
    runtimes: tuple[str, ...] | None = None
    """The OCI runtimes it knows, ``nvidia`` among them where the toolkit was configured; None when not told."""
    cdi_directories: tuple[str, ...] | None = None
    """``CDISpecDirs``; None where this Engine does not tell, empty where CDI is off."""


class Disk(Struct, frozen=True):
    """A file system that matters: the Docker root, a stack's data folder."""

    path: str
    what: str
    total: int | None = None
    free: int | None = None


class LogFile(Struct, frozen=True):
    """The log of a container that grows without limit."""

    container: str
    """Container id."""
    path: str
    size: int | None = None
    """Bytes; None: the file may not be looked at."""


class System(Struct, frozen=True):
    """The host's own figures."""

    at: float
    cpu_percent: float | None = None
    """0 to 100 over all cores."""
    load: tuple[float, float, float] | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    swap_total: int | None = None
    swap_used: int | None = None
    disks: tuple[Disk, ...] = ()
    logs: tuple[LogFile, ...] = ()


NATIVE = "pid:"
"""With a process id behind it the name under which figures of a native service stand."""


class NativeProcess(Struct, frozen=True):
    """A process outside any container that looks like a part of a stack."""

    pid: int
    name: str
    command: tuple[str, ...]
    started_at: float | None = None
    user: str | None = None
    listens: tuple[tuple[str, int], ...] | None = None
    """Of a mongod the addresses and ports that it takes connections on; None where that is not known."""


class PullFailure(Struct, frozen=True):
    """A pull that failed on the way to its registry, as dockerd's log tells it."""

    at: float
    registry: str
    """``docker.io``, ``ghcr.io``, ..."""
    reason: str


class DaemonConfig(Struct, frozen=True):
    """The Engine's own configuration: its file, its flags, the process that read them."""

    path: str
    """``/etc/docker/daemon.json``, or wherever this Engine has it."""
    kind: FileKind
    error: str | None = None
    """Why the file is not one JSON object; ``line`` and ``column`` count from 1."""
    line: int | None = None
    column: int | None = None
    blank: bool = False
    """Nothing but white space in it."""
    mark: bool = False
    """It begins with a byte order mark."""
    keys: tuple[str, ...] = ()
    """Of the outermost object, in the order of the file."""
    refused: tuple[str, ...] = ()
    """What is wrong with values of other keys than the mirrors', a sentence each, without the value."""
    unknown: tuple[str, ...] = ()
    """Keys that no release of the Engine knows, but for the one that was meant to be ``registry-mirrors``."""
    idle: tuple[str, ...] = ()
    """Keys that are only the name of a flag and do nothing, each with the key that was meant."""
    mirrors: tuple[str, ...] | None = None
    """``registry-mirrors``; None without the key, or when it is no list of texts."""
    mirrors_wrong: str | None = None
    """What stands there when it is no list of texts: ``a text``, ``a number``, ..."""
    typo: str | None = None
    """A key that was meant to be ``registry-mirrors``."""
    typo_mirrors: tuple[str, ...] = ()
    """What stands under it, or under a ``registry-mirrors`` that is a single text."""
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What dockerd was started with, by the name the file has for it. fact: moby daemon/config"""
    pid: int | None = None
    """Of dockerd; None where it is not seen from here, or has other files than this machine."""
    apart: int | None = None
    """Process id of a dockerd that sees other files at the same paths, from a container or a mount namespace."""
    user: str | None = None
    unit: str | None = None
    """The systemd unit it runs in."""
    changed_at: float | None = None
    started_at: float | None = None
    failed_pulls: tuple[PullFailure, ...] = ()
    """Of the last half hour, newest last."""
    certificates: tuple[str, ...] = ()
    """Registries with a folder of their own under ``certs.d``."""


MirrorState = Literal[
    "ok", "needs-login", "not-allowed", "rate-limited", "missing", "not-a-registry", "tls", "dns", "refused", "hangs",
    "broken", "unreachable", "unknown",
]  # fmt: skip


class ImageProbe(Struct, frozen=True):
    """Whether one image could be had."""

    image: str
    """``library/mongo:5.0.18``."""
    state: MirrorState
    status: int | None = None
    """HTTP status that decided."""


class MirrorProbe(Struct, frozen=True):
    """What a mirror, or a registry itself, answered when it was asked the way the Engine asks."""

    address: str
    """As configured, without the slash at the end."""
    what: Literal["mirror", "candidate", "registry"]
    state: MirrorState
    at: float
    seconds: float | None = None
    """All its answers together."""
    says: str = ""
    """The reason, for people."""
    images: tuple[ImageProbe, ...] = ()


class MirrorSeed(Struct, frozen=True):
    """Mirrors to choose from, and hosts that carry the images of other registries."""

    dated: str
    """Day of the list, or where it comes from."""
    mirrors: tuple[str, ...]
    overrides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Registry -> hosts under which its images may be named instead."""
