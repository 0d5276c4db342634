"""Containers as the Engine reports them, and what they use. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from .gpus import DeviceRequest

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
    detailed: bool = True
    """False while only the list has been read and ``inspect`` is still to come."""


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
