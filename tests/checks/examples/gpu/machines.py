"""Tiny builders of machines with GPUs, for the Examples of these checks and for tests. Data only."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import (
    ComposeService,
    ConfigFile,
    Container,
    DeviceRequest,
    EngineInfo,
    Gpu,
    GpuDriver,
    GpuProcess,
    HostInfo,
    LogMark,
    Project,
    Role,
    Service,
    Snapshot,
)

from examples.snapshots import ENGINE, NOW, STARTED, container_id

GIB = 1 << 30
DIR = "/srv/models"
BASE = f"{DIR}/docker-compose.yml"
WORKS = GpuDriver("ok", version="550.90.07", nvml="12.550.90.07", cuda="12.4", module="550.90.07", cards=2)
READY = replace(ENGINE, runtimes=("io.containerd.runc.v2", "nvidia", "runc"))
SYSTEMD = replace(READY, cgroup_driver="systemd", cgroup_version="2")
ALL = DeviceRequest("nvidia", -1, (), ("gpu",))


def count(number: int) -> DeviceRequest:
    """``count: N`` in a compose file."""
    return DeviceRequest("nvidia", number, (), ("gpu",))


def ids(*names: str) -> DeviceRequest:
    """``device_ids`` in a compose file."""
    return DeviceRequest("nvidia", None, names, ("gpu",))


def gpu(number: int, used: float = 0.0, total: float = 24.0, **more: Any) -> Gpu:
    """A card; sizes in GiB."""
    facts: dict[str, Any] = {
        "uuid": f"GPU-{number}000-aaaa", "index": number, "name": "NVIDIA RTX 4090", "memory_total": int(total * GIB),
        "memory_used": int(used * GIB), "memory_free": int((total - used) * GIB), "memory_reserved": 0,
    }  # fmt: skip
    return Gpu(**(facts | more))


def holds(number: int, owner: str | None, memory: float | None, pid: int = 4711, **more: Any) -> GpuProcess:
    """A process on a card; ``owner`` is the container's name, ``memory`` GiB."""
    bytes_ = None if memory is None else int(memory * GIB)
    container = container_id(owner) if owner else None
    return GpuProcess(f"GPU-{number}000-aaaa", pid, bytes_, container=container, **{"name": "python3", **more})


def box(name: str = "ollama", image: str = "ollama/ollama", *requests: DeviceRequest, **more: Any) -> Container:
    """A container of the project in DIR that was granted these."""
    facts: dict[str, Any] = {
        "id": container_id(name), "name": name, "image": image, "state": "running", "project": "models",
        "service": name, "labels": {LABEL_DIRECTORY: DIR, LABEL_FILES: BASE}, "created_at": STARTED - 1,
        "started_at": STARTED, "device_requests": requests, "runtime": "runc", "pid": 4711, "restart_count": 0,
    }  # fmt: skip
    return Container(**(facts | more))


def machine(
    *containers: Container, gpus: tuple[Gpu, ...] = (), driver: GpuDriver | None = WORKS,
    declared: tuple[ComposeService, ...] = (), marks: tuple[tuple[str, str], ...] = (),
    roles: dict[str, Role] | None = None,
    engine: EngineInfo | None = READY, at: float = STARTED + 60, files: tuple[ConfigFile, ...] = (ConfigFile(BASE),),
    **more: Any,
) -> Snapshot:  # fmt: skip
    """A machine. ``marks`` are of the first container; ``declared`` services stand in the project of DIR."""
    services = tuple(
        Service((roles or {}).get(c.name, "model_server"), c.name, c.id, project=c.project, compose_service=c.service)
        for c in containers
    )
    project = Project("models", DIR, files, declared) if declared or containers else None
    facts: dict[str, Any] = {
        "taken_at": NOW, "host": HostInfo("example", os="Ubuntu 22.04.4 LTS", cpus=16), "engine": engine,
        "containers": containers, "services": services, "projects": (project,) if project else (), "gpus": gpus,
        "gpu_driver": driver, "log_marks": tuple(LogMark(containers[0].id, name, text, at) for name, text in marks),
    }  # fmt: skip
    return Snapshot(**(facts | more))


def service(name: str, *requests: DeviceRequest, **more: Any) -> ComposeService:
    """A service as a compose file declares it."""
    return ComposeService(name, **{"image": "ollama/ollama", "device_requests": requests, **more})
