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
    built: bool = False
    """Its image is made here (``build``), so that no registry has to have it."""


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


class ConfigIssue(Struct, frozen=True):
    """One thing that a service's configuration file gets wrong. Never holds a value of the file that could be a secret."""

    kind: Literal["syntax", "schema", "azure", "dropped", "warning"]
    path: str
    """Where in the data: ``endpoints.custom.0.models``; empty for the file as a whole."""
    message: str
    """In the server's own words where it has any."""
    line: int | None = None
    column: int | None = None
    advice: str | None = None
    """What to write instead."""


class ConfigRepair(Struct, frozen=True):
    """One edit of a configuration file that is the only right answer to something wrong in it."""

    kind: Literal["nest", "rename", "version", "quote", "boolean", "dedent"]
    says: str
    """One sentence: what it does."""
    path: tuple[str, ...] = ()
    """The mapping that is changed, or the value."""
    name: str = ""
    """``nest``: the key to move under; ``rename``: the key as it is."""
    keys: tuple[str, ...] = ()
    """``nest``: the keys to move."""
    value: str = ""
    """``rename``, ``version``, ``boolean``: what to write."""
    line: int = 0
    """``dedent``: the first line to move, from 1."""
    columns: int = 0
    """``dedent``: by how much."""


class ConfigVerdict(Struct, frozen=True):
    """What the program that reads a configuration file makes of it (LibreChat and its librechat.yaml)."""

    path: str
    """Host path of the file."""
    release: str
    """The release that judges, for example ``0.8.7``."""
    release_from: str
    """How that is known: ``log``, ``image``, ``compose file``, ``settings``, ``newest``."""
    container: str | None = None
    project: str | None = None
    service: str | None = None
    mounted: bool = False
    """Whether a container has it now; else it is only declared, or lies in the project folder."""
    sha256: str | None = None
    stage: Literal["yaml", "empty", "schema", "dropped", "azure", "ok"] | None = None
    """How far the file gets; None: could not be judged, ``problem`` says why."""
    boot: Literal["ok", "defaults", "exit 1", "crash"] | None = None
    """What the server does then."""
    problem: str | None = None
    log: str | None = None
    """The line the server logs."""
    issues: tuple[ConfigIssue, ...] = ()
    shown: tuple[str, ...] = ()
    """Custom endpoints that appear."""
    dropped: tuple[str, ...] = ()
    """Custom endpoints that never appear."""
    azure_models: tuple[str, ...] = ()
    repairs: tuple[ConfigRepair, ...] = ()
    """In this order they leave nothing to complain of; empty where that takes a decision."""


class LogMark(Struct, frozen=True):
    """A line in a container's log that means something, found by a pattern or a mongod log id."""

    container: str
    mark: str
    """The catalogue's name for it, for example ``mongo.20254`` or ``librechat.config-loaded``."""
    text: str
    at: float | None = None


class ServiceHash(Struct, frozen=True):
    """The ``config-hash`` that Compose would give a service now. fact: librechat-stack 3.3.

    Never of a service with ``env_file``: ``config --hash`` leaves the file's variables out, ``up`` does not, so that
    the two differ even where nothing changed (measured with Compose 2.26.1).
    """

    project: str
    service: str
    value: str
    compose_version: str
    """Of the Compose that was asked; hashes of different versions are not comparable."""


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


class MongoMember(Struct, frozen=True):
    """One member of a replica set, as its configuration or status names it."""

    id: int | None
    host: str
    """``name:port`` as the set was configured."""
    state: int | None = None
    """1 PRIMARY, 2 SECONDARY, ... 10 REMOVED. fact: mongo replSetGetStatus"""
    itself: bool = False


class MongoTrial(Struct, frozen=True):
    """Credentials that were tried, and what mongod said. Never the password."""

    owner: str
    """Id of the container whose environment holds them."""
    user: str
    source: str
    """``authSource``."""
    accepted: bool


class MongoState(Struct, frozen=True):
    """What a mongod says of itself, or why it could not be asked. fact: mongo hello, replSetGetStatus"""

    container: str
    via: Literal["published port", "container address", "exec"] | None = None
    address: str | None = None
    trouble: Literal["refused", "reset", "silent", "no-route", "name", "not-mongo", "too-old", "unreachable"] | None = (
        None
    )
    """Why nothing is known from hello; None when it answered."""
    sentence: str | None = None
    """The same for people."""
    alive: bool | None = None
    """Whether a mongod process runs in the container."""
    set_name: str | None = None
    primary: bool | None = None
    """``isWritablePrimary``; true of a standalone as well."""
    secondary: bool | None = None
    ghost: bool | None = None
    """``isreplicaset``: started with --replSet, and no configuration with this node in it."""
    hosts: tuple[str, ...] = ()
    """The members' names as hello tells them to drivers."""
    primary_host: str | None = None
    wire_version: int | None = None
    status_code: int | None = None
    """Of replSetGetStatus: 0 good, 76, 93, 94, 13 login needed, 18 login refused; None when it was not asked."""
    my_state: int | None = None
    config_set: str | None = None
    """Name in the stored configuration."""
    config_version: int | None = None
    members: tuple[MongoMember, ...] = ()
    """Of the stored configuration, with states where the status told them."""
    trials: tuple[MongoTrial, ...] = ()


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
    """Of dockerd; None where it is not seen from here."""
    user: str | None = None
    unit: str | None = None
    """The systemd unit it runs in."""
    changed_at: float | None = None
    started_at: float | None = None
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


class OneApiChannel(Struct, frozen=True):
    """One channel of a One API as its administrator sees it; its key is never asked for. fact: fastgpt-stack 5."""

    id: int
    name: str
    status: int
    """1 enabled, 2 disabled by hand, 3 disabled automatically."""
    models: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    created_at: float | None = None


class OneApiState(Struct, frozen=True):
    """What a One API says of itself over HTTP, or why it could not be asked."""

    container: str
    address: str | None = None
    """Where it was asked, for example ``http://127.0.0.1:3001``."""
    trouble: str | None = None
    """Why nothing is known: ``not-running``, ``no-address``, ``rate-limited``, ``unexpected``, or as in HttpTrouble."""
    sentence: str | None = None
    """The same for people."""
    start_time: float | None = None
    """When the process started, by its own word. fact: data.start_time of /api/status"""
    version: str | None = None
    client: str | None = None
    """Id of the FastGPT container whose key asked for the models."""
    models: tuple[str, ...] | None = None
    """What /v1/models lists for that key; None when it is not known."""
    models_trouble: str | None = None
    """``no-key``, ``wrong-key``, ``unexpected``, or as in HttpTrouble."""
    channels: tuple[OneApiChannel, ...] | None = None
    """None without an administrator's access token, or when it was refused."""


class JsonFact(Struct, frozen=True):
    """Whether a program could read a JSON file, told without its content."""

    path: str
    strict: str | None = None
    """What a strict reader would complain about, with line and column; None when nothing."""
    relaxed: str | None = None
    """The same for a reader that takes JSON5: comments, trailing commas, bare keys."""
    unsure: bool = False
    """It is no strict JSON, and uses more of JSON5 than can be judged."""
    keys: tuple[str, ...] = ()
    """Names at the top of it."""


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
    mongos: tuple[MongoState, ...] = ()
    oneapis: tuple[OneApiState, ...] = ()
    edges: tuple[Edge, ...] = ()
    files: tuple[FileFact, ...] = ()
    keyfiles: tuple[KeyFileFact, ...] = ()
    service_hashes: tuple[ServiceHash, ...] = ()
    """Only of projects in which a file is newer than a container; asking costs a process."""
    json_files: tuple[JsonFact, ...] = ()
    log_marks: tuple[LogMark, ...] = ()
    config_verdicts: tuple[ConfigVerdict, ...] = ()
    daemon: DaemonConfig | None = None
    mirror_probes: tuple[MirrorProbe, ...] = ()
    mirror_seed: MirrorSeed | None = None
    absent_images: tuple[str, ...] = ()
    """Images that services of a project need, as declared, and that the Engine does not have."""
    system: System | None = None
    faults: tuple[Fault, ...] = ()
    ages: dict[str, float] = field(default_factory=dict)
    """When each part was last read well, by source name; older than three of its periods: shown with its age."""
    period: float | None = None
    """Seconds between two sweeps of figures at present; longer than asked for while the machine is under load."""
