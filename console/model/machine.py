"""The machine itself: its Engine, its figures, and what could not be read of it. Data only."""

from __future__ import annotations

from msgspec import Struct


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
