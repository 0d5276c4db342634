"""Everything known at one moment. Data only."""

from __future__ import annotations

from msgspec import Struct, field

from .apps import ConfigVerdict, CookieProof, MongoState, OneApiState, PackageRelease
from .containers import Container, Figures
from .edges import Edge
from .gpus import DeviceRules, Gpu, GpuDriver, GpuProcess
from .machine import DaemonConfig, EngineInfo, Fault, HostInfo, MirrorProbe, MirrorSeed, NativeProcess, System
from .servers import DeepCheck, Server
from .stacks import (
    DataRelease,
    FileFact,
    JsonFact,
    KeyFileFact,
    LastWords,
    LogMark,
    MongodConfig,
    Project,
    Service,
    ServiceHash,
)


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
    mongos: tuple[MongoState, ...] = ()
    oneapis: tuple[OneApiState, ...] = ()
    files: tuple[FileFact, ...] = ()
    keyfiles: tuple[KeyFileFact, ...] = ()
    mongod_configs: tuple[MongodConfig, ...] = ()
    service_hashes: tuple[ServiceHash, ...] = ()
    """Only of projects in which a file is newer than a container; asking costs a process."""
    json_files: tuple[JsonFact, ...] = ()
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
