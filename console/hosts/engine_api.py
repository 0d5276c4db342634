"""The Engine's JSON as types: only what is used, every field optional, unknown ones ignored.

The Engine leaves fields out, sends ``null`` for empty lists and objects, and changes shape between API versions:
nothing in here may be required. It decodes and nothing else: whoever asks gives it a meaning and cleans it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypeVar, cast, get_args

import msgspec
from msgspec import Struct, field

from ..model import ContainerState, Health
from ..text import N_
from .protocols import EngineFailed

T = TypeVar("T")


class Api(Struct, frozen=True, rename="pascal"):
    """What all of them share: the Engine writes its names in PascalCase, but for stats and events."""


class ListedPort(Api, frozen=True):
    """One port in the list of containers."""

    ip: str | None = field(default=None, name="IP")
    private_port: int | None = None
    public_port: int | None = None
    type: str | None = None


class ApiMount(Api, frozen=True):
    """One mount."""

    type: str | None = None
    name: str | None = None
    source: str | None = None
    destination: str | None = None
    rw: bool | None = field(default=None, name="RW")


class Endpoint(Api, frozen=True):
    """A container's end of one network. fact: DNSNames came with API 1.44; Aliases held the short id before."""

    ip_address: str | None = field(default=None, name="IPAddress")
    ip_prefix_len: int | None = field(default=None, name="IPPrefixLen")
    global_ipv6_address: str | None = field(default=None, name="GlobalIPv6Address")
    aliases: list[str | None] | None = None
    dns_names: list[str | None] | None = field(default=None, name="DNSNames")


class NetworkSettings(Api, frozen=True):
    """Networks and published ports."""

    networks: dict[str, Endpoint | None] | None = None
    ports: dict[str, list[dict[str, str | None] | None] | None] | None = None


class _ListedHostConfig(Api, frozen=True):
    network_mode: str | None = None


class Listed(Api, frozen=True):
    """One row of ``GET /containers/json``."""

    id: str | None = None
    names: list[str | None] | None = None
    image: str | None = None
    image_id: str | None = field(default=None, name="ImageID")
    command: str | None = None
    created: float | None = None
    state: str | None = None
    status: str | None = None
    ports: list[ListedPort | None] | None = None
    labels: dict[str, str | None] | None = None
    mounts: list[ApiMount | None] | None = None
    host_config: _ListedHostConfig | None = None
    network_settings: NetworkSettings | None = None


class _HealthRun(Api, frozen=True):
    start: str | None = None
    end: str | None = None
    exit_code: int | None = None
    output: str | None = None


class ApiHealth(Api, frozen=True):
    """``State.Health``; absent without a health check."""

    status: str | None = None
    failing_streak: int | None = None
    log: list[_HealthRun | None] | None = None


class State(Api, frozen=True):
    """``State`` of an inspected container."""

    status: str | None = None
    oom_killed: bool | None = field(default=None, name="OOMKilled")
    pid: int | None = None
    exit_code: int | None = None
    error: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    health: ApiHealth | None = None


class _RestartPolicy(Api, frozen=True):
    name: str | None = None
    maximum_retry_count: int | None = None


class _LogConfig(Api, frozen=True):
    type: str | None = None
    config: dict[str, Any] | None = None


class ApiDeviceRequest(Api, frozen=True):
    """One element of ``DeviceRequests``."""

    driver: str | None = None
    count: int | None = None
    device_ids: list[str | None] | None = field(default=None, name="DeviceIDs")
    capabilities: list[list[str | None] | None] | None = None


class ApiDevice(Api, frozen=True):
    """A device file that is passed in."""

    path_on_host: str | None = None
    path_in_container: str | None = None
    cgroup_permissions: str | None = None


class HostConfig(Api, frozen=True):
    """``HostConfig`` of an inspected container."""

    network_mode: str | None = None
    memory: int | None = None
    nano_cpus: int | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None
    restart_policy: _RestartPolicy | None = None
    log_config: _LogConfig | None = None
    port_bindings: dict[str, list[dict[str, str | None] | None] | None] | None = None
    device_requests: list[ApiDeviceRequest | None] | None = None
    devices: list[ApiDevice | None] | None = None
    runtime: str | None = None
    extra_hosts: list[str | None] | None = None
    tmpfs: dict[str, Any] | None = None
    cap_add: Any = None
    cap_drop: Any = None
    dns: Any = None
    group_add: Any = None
    pid_mode: Any = None
    privileged: Any = None
    readonly_rootfs: Any = None
    security_opt: Any = None
    shm_size: Any = None
    """From ``cap_add`` on only ever compared between two containers."""


class Config(Api, frozen=True):
    """``Config`` of an inspected container or image."""

    image: str | None = None
    user: str | None = None
    working_dir: str | None = None
    tty: bool | None = None
    env: list[str | None] | None = None
    cmd: list[str | None] | str | None = None
    entrypoint: list[str | None] | str | None = None
    labels: dict[str, str | None] | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None


class Inspected(Api, frozen=True):
    """``GET /containers/ID/json``."""

    id: str | None = None
    name: str | None = None
    created: str | None = None
    image: str | None = None
    restart_count: int | None = None
    log_path: str | None = None
    state: State | None = None
    host_config: HostConfig | None = None
    config: Config | None = None
    mounts: list[ApiMount | None] | None = None
    network_settings: NetworkSettings | None = None


class ImageInspected(Api, frozen=True):
    """``GET /images/NAME/json``."""

    id: str | None = None
    created: str | None = None
    size: int | None = None
    repo_digests: list[str | None] | None = None
    config: Config | None = None


class Version(Api, frozen=True):
    """``GET /version``."""

    version: str | None = None
    api_version: str | None = None
    os: str | None = None
    arch: str | None = None
    kernel_version: str | None = None


class _IndexConfig(Api, frozen=True):
    mirrors: list[str | None] | None = None
    secure: bool | None = None


class RegistryConfig(Api, frozen=True):
    """Registries and their mirrors."""

    mirrors: list[str | None] | None = None
    index_configs: dict[str, _IndexConfig | None] | None = None
    insecure_ranges: list[str | None] | None = field(default=None, name="InsecureRegistryCIDRs")


class Info(Api, frozen=True):
    """``GET /info``."""

    name: str | None = None
    server_version: str | None = None
    operating_system: str | None = None
    architecture: str | None = None
    kernel_version: str | None = None
    ncpu: int | None = field(default=None, name="NCPU")
    driver: str | None = None
    cgroup_driver: str | None = None
    cgroup_version: str | None = None
    docker_root_dir: str | None = None
    security_options: list[str | None] | None = None
    registry_config: RegistryConfig | None = None
    runtimes: dict[str, Any] | None = None
    cdi_spec_dirs: list[str | None] | None = field(default=None, name="CDISpecDirs")
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str | None = None


class _Actor(Api, frozen=True):
    id: str | None = field(default=None, name="ID")
    attributes: dict[str, str | None] | None = None


class Event(Struct, frozen=True):
    """One event. fact: 1.52 drops the lower-case ``status`` and ``id``; Type, Action and Actor are in all versions."""

    type: str | None = field(default=None, name="Type")
    action: str | None = field(default=None, name="Action")
    actor: _Actor | None = field(default=None, name="Actor")
    status: str | None = None
    id: str | None = None
    time: float | None = None
    time_nano: int | None = field(default=None, name="timeNano")


class Top(Api, frozen=True):
    """``GET /containers/ID/top``."""

    titles: list[str | None] | None = None
    processes: list[list[str | None] | None] | None = None


class EngineRefusal(Struct, frozen=True):
    """The body of a reply with an HTTP status of 400 or more."""

    message: str | None = None


class _CpuUsage(Struct, frozen=True):
    total_usage: int | None = None


class _CpuStats(Struct, frozen=True):
    cpu_usage: _CpuUsage | None = None


class MemoryStats(Struct, frozen=True):
    """``memory_stats``, in bytes."""

    usage: int | None = None
    limit: int | None = None
    stats: dict[str, int | None] | None = None


class _IoRow(Struct, frozen=True):
    op: str | None = None
    value: int | None = None


class BlockStats(Struct, frozen=True):
    """``blkio_stats``."""

    io_service_bytes_recursive: list[_IoRow] | None = None


class _PidsStats(Struct, frozen=True):
    current: int | None = None


class InterfaceStats(Struct, frozen=True):
    """Bytes of one interface."""

    rx_bytes: int | None = None
    tx_bytes: int | None = None


class ContainerStats(Struct, frozen=True):
    """``GET /containers/ID/stats``."""

    read: str | None = None
    cpu_stats: _CpuStats | None = None
    memory_stats: MemoryStats | None = None
    blkio_stats: BlockStats | None = None
    pids_stats: _PidsStats | None = None
    networks: dict[str, InterfaceStats | None] | None = None


def inspected(raw: bytes) -> Inspected:
    """One inspected container, which has an id. Raises EngineFailed."""
    reply = decode(raw, Inspected, "a container")
    if not reply.id:
        raise EngineFailed(N_("The Engine's answer for a container has no id"))
    return reply


def decode(raw: bytes, kind: type[T], what: str) -> T:
    """The reply as ``kind``. Raises EngineFailed, naming ``what`` was asked for; never anything else."""
    try:
        return _decode(raw, kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EngineFailed(
            N_(f"The Engine's answer for {what} is not as documented ({_reason(error)})"),
            N_("See whether a proxy stands between stackops and the Engine, and which version `docker version` names"),
        ) from error


def _decode(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # bytes of no encoding in a label or a health log must not hide the container
        return msgspec.json.decode(raw.decode("utf-8", "replace"), type=kind, strict=False)


def _reason(error: Exception) -> str:
    from ..text.cleaning import clean_line

    return clean_line(str(error), 120)


_STATES = frozenset(get_args(ContainerState))
_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")
_EXITED = re.compile(r"^(?:Exited|Restarting) \((\d+)\)")


def moment(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None for the year 1, which stands for "never", and for what is no time."""
    if not text or text.startswith("0001-"):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def state_of(text: str | None) -> ContainerState:
    """The state, ``unknown`` for a word that no documented Engine uses."""
    word = (text or "").lower()
    return cast("ContainerState", word) if word in _STATES else "unknown"


def health_of_status(status: str) -> Health | None:
    """Health from the words of the list; None where it says nothing."""
    match = _HEALTH.search(status)
    return Health(status=match[1]) if match else None


def status_exit_code(status: str) -> int | None:
    """Exit code from the words of the list."""
    match = _EXITED.match(status)
    return int(match[1]) if match else None
