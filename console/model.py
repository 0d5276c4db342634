"""What stackops knows about a machine at one moment: the Snapshot and its parts.

Frozen, typed, without logic and without I/O. ``None`` always means "not known" and is drawn as a dash; it never stands
for zero. Every text in here has passed ``text.clean``; values of environment variables are the real ones and are masked
only where they leave the program (``text.redact``). Sizes are bytes, times are Unix seconds (UTC), rates are per
second.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

Role = Literal[
    "fastgpt",
    "oneapi",
    "aiproxy",
    "librechat",
    "mongo",
    "postgres",
    "mysql",
    "redis",
    "meilisearch",
    "rag_api",
    "ollama",
    "model_server",
    "open_webui",
    "milvus",
    "minio",
    "nginx",
    "unknown",
]
ContainerState = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead", "unknown"]
FileKind = Literal["file", "directory", "missing", "fifo", "device", "socket", "unreadable"]


class Fault(Struct, frozen=True):
    """Something a source could not do: shown where its data would be."""

    source: str
    """Which source, for example ``engine`` or ``compose:/srv/librechat``."""
    sentence: str
    """What failed, in one sentence."""
    remedy: str | None = None
    """The next thing to try."""
    since: float | None = None


class HostInfo(Struct, frozen=True):
    """The machine being looked at."""

    name: str
    os: str | None = None
    kernel: str | None = None
    arch: str | None = None
    cpus: int | None = None
    boot_time: float | None = None


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
    mounts: tuple[Mount, ...] = ()
    networks: tuple[NetworkLink, ...] = ()
    network_mode: str | None = None
    memory_limit: int | None = None
    cpu_limit: float | None = None
    """Cores, None without a limit."""
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


class ConfigFile(Struct, frozen=True):
    """One compose file of a project."""

    path: str
    sha256: str | None = None
    error: str | None = None
    """Why it could not be read or parsed, with line and column."""
    automatic_override: bool = False
    """True for docker-compose.override.yml and its twins: read only when no ``-f`` is given."""
    in_use: bool = True
    """Whether the running containers were made with it (their ``config_files`` label), or Compose would read it."""


class Volume(Struct, frozen=True):
    """One mount of a compose service, resolved."""

    kind: str
    source: str
    """Absolute host path for binds, volume name otherwise; interpolated."""
    target: str
    read_only: bool = False
    long_form: bool = False
    declared_in: str = ""
    """Path of the compose file."""


class ComposeService(Struct, frozen=True):
    """One service as the merged compose files declare it."""

    name: str
    image: str | None = None
    container_name: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str | None = None
    working_dir: str | None = None
    restart: str | None = None
    env: tuple[EnvVar, ...] = ()
    env_files: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    ports: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


class Project(Struct, frozen=True):
    """A compose project: its folder, its files, what they declare."""

    name: str
    working_dir: str | None = None
    files: tuple[ConfigFile, ...] = ()
    services: tuple[ComposeService, ...] = ()
    env: tuple[EnvVar, ...] = ()
    """The project's .env file."""
    left_out: tuple[ComposeService, ...] = ()
    """What the automatic override declares by itself while it is not in use; not part of ``services``."""


class Service(Struct, frozen=True):
    """A role that something on this machine plays: a container, a native process, or a declaration not yet running."""

    role: Role
    name: str
    container: str | None = None
    """Container id."""
    pid: int | None = None
    """Process id, for a native service."""
    project: str | None = None
    compose_service: str | None = None
    version: str | None = None
    generation: str | None = None
    """FastGPT compose generation A to G, where it can be told."""


class FileFact(Struct, frozen=True):
    """What ``lstat``/``stat`` say of a path that matters, and never its content."""

    path: str
    kind: FileKind
    mode: int | None = None
    """Permission bits only, for example 0o644."""
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    mtime: float | None = None
    inode: int | None = None
    sha256: str | None = None
    """Of files up to 1 MiB that may be read."""
    empty: bool | None = None
    """For directories: nothing in it. For files: no bytes."""
    link_target: str | None = None
    links: int | None = None
    """Hard links; more than one means that an atomic replacement cuts this name off from the others."""


class KeyFileFact(Struct, frozen=True):
    """What a mongo key file holds, told without its content (fact: mongo security_file.cpp)."""

    path: str
    keys: int | None = None
    length: int | None = None
    """Characters of the (first) key without white space; mongod wants 6 to 1024."""
    bad_characters: bool | None = None
    """A character outside base64."""


class LogMark(Struct, frozen=True):
    """A line in a container's log that means something, found by a pattern or a mongod log id."""

    container: str
    mark: str
    """The catalogue's name for it, for example ``mongo.20254`` or ``librechat.config-loaded``."""
    text: str
    at: float | None = None


class Disk(Struct, frozen=True):
    """A file system that matters: the Docker root, a stack's data folder."""

    path: str
    what: str
    total: int | None = None
    free: int | None = None


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


class NativeProcess(Struct, frozen=True):
    """A process outside any container that looks like a part of a stack."""

    pid: int
    name: str
    command: tuple[str, ...]
    started_at: float | None = None
    user: str | None = None


class Gpu(Struct, frozen=True):
    """One GPU. Every field but the key may be unknown."""

    uuid: str
    index: int | None = None
    name: str | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    utilisation: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None


class GpuProcess(Struct, frozen=True):
    """One process that holds memory of one GPU."""

    gpu: str
    pid: int
    memory: int | None = None
    name: str | None = None
    container: str | None = None


class Server(Struct, frozen=True):
    """A model server."""

    product: str
    address: str
    state: Literal["up", "loading", "busy", "wrong_key", "engine_dead", "down", "unknown"]
    container: str | None = None
    models: tuple[str, ...] = ()


class Edge(Struct, frozen=True):
    """One arrow of the wiring, and how far a request along it gets."""

    source: str
    target: str
    address: str
    result: str | None = None


class Database(Struct, frozen=True):
    """A database behind a service, as its own protocol describes it."""

    role: Role
    container: str | None
    state: str


class Snapshot(Struct, frozen=True):
    """Everything known at one moment."""

    taken_at: float
    host: HostInfo
    engine: EngineInfo | None = None
    containers: tuple[Container, ...] = ()
    figures: dict[str, Figures] = field(default_factory=dict)
    """By container id."""
    projects: tuple[Project, ...] = ()
    services: tuple[Service, ...] = ()
    processes: tuple[NativeProcess, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    gpu_processes: tuple[GpuProcess, ...] = ()
    servers: tuple[Server, ...] = ()
    databases: tuple[Database, ...] = ()
    edges: tuple[Edge, ...] = ()
    files: tuple[FileFact, ...] = ()
    keyfiles: tuple[KeyFileFact, ...] = ()
    log_marks: tuple[LogMark, ...] = ()
    system: System | None = None
    faults: tuple[Fault, ...] = ()
    ages: dict[str, float] = field(default_factory=dict)
    """When each part was last read well, by source name; older than three of its periods: shown with its age."""
    period: float | None = None
    """Seconds between two sweeps of figures at present; longer than asked for while the machine is under load."""
