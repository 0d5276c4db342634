"""Short names for what tests of the join are made of."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from stackops.console.collect.joining import join
from stackops.console.collect.owners import Processes
from stackops.console.hosts import ProcessRow
from stackops.console.model import (
    Container,
    EngineInfo,
    Gpu,
    GpuDriver,
    GpuProcess,
    HostInfo,
    LoadedModel,
    ServedModel,
    Server,
    Service,
    Snapshot,
)

GIB, MIB = 1 << 30, 1 << 20
CARD = "GPU-0"
INIT = ProcessRow(1, 0, "systemd", ("/sbin/init",), 0.0, "root", None)
ENGINE = EngineInfo("24.0.7", "1.43", "unix:///var/run/docker.sock", local=True)


def ident(name: str) -> str:
    """A container's id."""
    return sha256(name.encode()).hexdigest()


def box(name: str, pid: int | None = 100, **kwargs: Any) -> Container:
    """A running container."""
    return Container(**{"id": ident(name), "name": name, "image": "x", "state": "running", "pid": pid, **kwargs})


def row(pid: int, command: str | Sequence[str], *, ppid: int = 1, of: str | None = None, **kwargs: Any) -> ProcessRow:
    """A process; ``of`` names its container."""
    words = tuple(command.split()) if isinstance(command, str) else tuple(command)
    where = ident(of) if of else None
    known = {
        "name": words[0].rpartition("/")[2][:15] if words else "x",
        "started_at": 5.0,
        "user": "root",
        "container": where,
    }
    known |= {"runtime": "docker" if of else None, "containers": (where,) if where else ()}
    return ProcessRow(pid=pid, ppid=ppid, command=words, **{**known, **kwargs})


def shim(pid: int) -> ProcessRow:
    """Who keeps a container."""
    return row(pid, "/usr/bin/containerd-shim-runc-v2 -namespace moby")


def holds(pid: int, memory: int | None = GIB, gpu: str = CARD, **kwargs: Any) -> GpuProcess:
    """What the driver tells."""
    return GpuProcess(gpu=gpu, pid=pid, memory=memory, **kwargs)


def server(product: str, *, of: str | None = None, port: int = 8000, loaded: Any = None, **kwargs: Any) -> Server:
    """A model server; ``loaded`` are names, or names with their bytes on GPUs."""
    models = tuple(ServedModel(name) for name in kwargs.pop("models", ()))
    told = None if loaded is None else tuple(LoadedModel(name, size_vram=size) for name, size in _pairs(loaded))
    known = {"key": f"{of or 'host'}:{port}", "address": f"http://127.0.0.1:{port}", "state": "up"}
    return Server(
        product=product, container=ident(of) if of else None, models=models, loaded=told, **{**known, **kwargs}
    )  # type: ignore[arg-type]


def _pairs(loaded: Any) -> list[tuple[str, int | None]]:
    return list(loaded.items()) if isinstance(loaded, dict) else [(name, None) for name in loaded]


def joined(
    holders: Sequence[GpuProcess],
    rows: Sequence[ProcessRow],
    *,
    boxes: Sequence[Container] = (),
    servers: Sequence[Server] = (),
    services: Sequence[Service] = (),
    told: Sequence[ProcessRow] = (),
    same_namespace: bool | None = True,
    engine_told: bool = True,
    blobs: Any = None,
    gpus: Sequence[Gpu] = (),
    driver: Any = "ok",
) -> dict[int, GpuProcess]:
    """The join by process id; process 1 is there."""
    parts = Snapshot(
        taken_at=1.0, host=HostInfo("box"), engine=ENGINE, containers=tuple(boxes), servers=tuple(servers),
        services=tuple(services), gpus=tuple(gpus), gpu_driver=GpuDriver(driver),
    )  # fmt: skip
    table = Processes([INIT, *rows], told=told, same_namespace=same_namespace)
    found = join(holders, table, parts, blobs=blobs, engine_told=engine_told)
    return {process.pid: process for process in found}
