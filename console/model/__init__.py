"""What stackops knows about a machine at one moment: the Snapshot and its parts.

Frozen, typed, without logic and without I/O. ``None`` always means "not known" and is drawn as a dash; it never stands
for zero. Every text in here has passed ``text.clean``; values of environment variables are the real ones and are masked
only where they leave the program (``text.redact``). Sizes are bytes, times are Unix seconds (UTC), rates are per
second.
"""

from __future__ import annotations

from msgspec import Struct, field

from .apps import (
    ConfigAddress,
    ConfigIssue,
    ConfigRepair,
    ConfigVerdict,
    DatabaseAnswer,
    DatabaseKind,
    DatabaseState,
    DatabaseTrouble,
    Edge,
    EdgeWhere,
    Hop,
    HopName,
    HopState,
    KeyAnswer,
    MongoMember,
    MongoState,
    MongoTrial,
    OneApiChannel,
    OneApiState,
    OneApiToken,
    ProxyConfig,
    Speaks,
)
from .gpus import (
    DeepCheck,
    DeviceRequest,
    DeviceRules,
    Gpu,
    GpuDriver,
    GpuHealth,
    GpuInstance,
    GpuProcess,
    LoadedModel,
    Product,
    ServedModel,
    Server,
    ServerFigures,
    ServerState,
    ServerUser,
)
from .machine import (
    NATIVE,
    Container,
    ContainerState,
    DaemonConfig,
    Disk,
    EngineEvent,
    EngineInfo,
    EnvVar,
    Fault,
    Figures,
    FileKind,
    Health,
    HealthProbe,
    HostInfo,
    ImageProbe,
    LogFile,
    MirrorProbe,
    MirrorSeed,
    MirrorState,
    Mount,
    NativeProcess,
    NetworkLink,
    Port,
    PullFailure,
    System,
)
from .paths import ModelPath, OfferedModel, PathStep, PathTest, StepName, StepState
from .stacks import (
    ComposeService,
    ConfigFile,
    CookieProof,
    DataRelease,
    FileFact,
    JsonFact,
    KeyFileFact,
    LastWords,
    LogMark,
    MongodConfig,
    PackageRelease,
    Project,
    Role,
    Service,
    ServiceHash,
    Volume,
)

__all__ = [
    "NATIVE",
    "ComposeService",
    "ConfigAddress",
    "ConfigFile",
    "ConfigIssue",
    "ConfigRepair",
    "ConfigVerdict",
    "Container",
    "ContainerState",
    "CookieProof",
    "DaemonConfig",
    "DataRelease",
    "DatabaseAnswer",
    "DatabaseKind",
    "DatabaseState",
    "DatabaseTrouble",
    "DeepCheck",
    "DeviceRequest",
    "DeviceRules",
    "Disk",
    "Edge",
    "EdgeWhere",
    "EngineEvent",
    "EngineInfo",
    "EnvVar",
    "Fault",
    "Figures",
    "FileFact",
    "FileKind",
    "Gpu",
    "GpuDriver",
    "GpuHealth",
    "GpuInstance",
    "GpuProcess",
    "Health",
    "HealthProbe",
    "Hop",
    "HopName",
    "HopState",
    "HostInfo",
    "ImageProbe",
    "JsonFact",
    "KeyAnswer",
    "KeyFileFact",
    "LastWords",
    "LoadedModel",
    "LogFile",
    "LogMark",
    "MirrorProbe",
    "MirrorSeed",
    "MirrorState",
    "ModelPath",
    "MongoMember",
    "MongoState",
    "MongoTrial",
    "MongodConfig",
    "Mount",
    "NativeProcess",
    "NetworkLink",
    "OfferedModel",
    "OneApiChannel",
    "OneApiState",
    "OneApiToken",
    "PackageRelease",
    "PathStep",
    "PathTest",
    "Port",
    "Product",
    "Project",
    "ProxyConfig",
    "PullFailure",
    "Role",
    "ServedModel",
    "Server",
    "ServerFigures",
    "ServerState",
    "ServerUser",
    "Service",
    "ServiceHash",
    "Snapshot",
    "Speaks",
    "StepName",
    "StepState",
    "System",
    "Volume",
]  # fmt: skip


class Snapshot(Struct, frozen=True):
    """Everything known at one moment."""

    taken_at: float
    host: HostInfo
    engine: EngineInfo | None = None
    containers: tuple[Container, ...] = ()
    events: tuple[EngineEvent, ...] = ()
    """What the Engine told, oldest first: the end of its buffer, then what was heard; only while it is watched."""
    figures: dict[str, Figures] = field(default_factory=dict)
    """By container id."""
    projects: tuple[Project, ...] = ()
    services: tuple[Service, ...] = ()
    processes: tuple[NativeProcess, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    gpu_driver: GpuDriver | None = None
    """None where no GPU was asked for: a remote Engine, or a folder judged without one."""
    gpu_processes: tuple[GpuProcess, ...] = ()
    device_rules: tuple[DeviceRules, ...] = ()
    """Of containers with a GPU grant, under the systemd cgroup driver."""
    gpu_programs: tuple[str, ...] | None = None
    """Paths of NVIDIA's toolkit where an Engine would look for it; None where nobody looked."""
    servers: tuple[Server, ...] = ()
    deep_checks: tuple[DeepCheck, ...] = ()
    """The last one of each server and model that somebody asked for."""
    edges: tuple[Edge, ...] = ()
    """Who is set up to reach whom, and how far that gets."""
    model_paths: tuple[ModelPath, ...] = ()
    """The way of each model that an app offers to the server that computes."""
    mongos: tuple[MongoState, ...] = ()
    databases: tuple[DatabaseState, ...] = ()
    """One row for each login of the stacks."""
    oneapis: tuple[OneApiState, ...] = ()
    files: tuple[FileFact, ...] = ()
    keyfiles: tuple[KeyFileFact, ...] = ()
    mongod_configs: tuple[MongodConfig, ...] = ()
    service_hashes: tuple[ServiceHash, ...] = ()
    """Only of projects in which a file is newer than a container; asking costs a process."""
    json_files: tuple[JsonFact, ...] = ()
    proxies: tuple[ProxyConfig, ...] = ()
    data_releases: tuple[DataRelease, ...] = ()
    log_marks: tuple[LogMark, ...] = ()
    last_words: tuple[LastWords, ...] = ()
    """Of containers that ended, are started again or say that they are unhealthy."""
    config_verdicts: tuple[ConfigVerdict, ...] = ()
    package_releases: tuple[PackageRelease, ...] = ()
    cookie_proofs: tuple[CookieProof, ...] = ()
    """Of the running lives of containers; only where somebody asked for a login."""
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
