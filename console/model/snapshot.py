"""Everything known at one moment. Data only."""

from __future__ import annotations

from msgspec import Struct, field

from .containers import Container, Figures
from .docker import DaemonConfig, MirrorProbe, MirrorSeed
from .files import FileFact, JsonFact, KeyFileFact, LogMark
from .gpus import DeviceRules, Gpu, GpuDriver, GpuProcess
from .librechat import ConfigVerdict, CookieProof, PackageRelease
from .machine import EngineInfo, Fault, HostInfo, NativeProcess, System
from .mongo import MongoState
from .oneapi import OneApiState
from .projects import Project, ServiceHash
from .servers import DeepCheck, Server
from .services import Database, Edge, Service


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
