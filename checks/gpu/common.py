"""What the checks of GPUs share: who asks for one, who holds its memory, how a container is placed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...console.model import Container, Gpu, GpuProcess, Snapshot
from ...console.stacks.gpu_grants import Grant, grant_of, grant_of_service
from ...console.text import size
from ..compose import LABEL_DIRECTORY, Placed, project_of, put_away

_ONE_OFF = "com.docker.compose.oneoff"
NATIVE = ("ollama", "model_server")


@dataclass(frozen=True)
class Asker:
    """One container, or one service that is only declared, with the GPUs it asks for."""

    place: Placed
    grant: Grant

    @property
    def name(self) -> str:
        """For people."""
        return self.place.subject

    @property
    def source(self) -> str:
        """Where its grant was read."""
        return f"docker inspect {self.name}" if self.place.container else "compose files"


def askers(snapshot: Snapshot) -> tuple[Asker, ...]:
    """Containers with a grant, then services of no container that compose would start and that ask for one."""
    return (*_containers(snapshot), *_declared(snapshot))


def _containers(snapshot: Snapshot) -> Iterator[Asker]:
    for container in snapshot.containers:
        grant = grant_of(container)
        if grant is not None and container.labels.get(_ONE_OFF, "").lower() != "true":
            yield Asker(place_of(snapshot, container), grant)


def _declared(snapshot: Snapshot) -> Iterator[Asker]:
    there = {(c.project, c.service) for c in snapshot.containers}
    for project in snapshot.projects:
        for service in project.services:
            grant = grant_of_service(service)
            if grant is not None and not service.profiles and (project.name, service.name) not in there:
                yield Asker(Placed(f"{project.name}/{service.name}", None, project, service), grant)


def wanting(snapshot: Snapshot) -> tuple[Asker, ...]:
    """Those of the askers that were not stopped on purpose."""
    return tuple(one for one in askers(snapshot) if not put_away(one.place.container))


def place_of(snapshot: Snapshot, container: Container) -> Placed:
    """The container beside what the compose files declare."""
    project = project_of(snapshot, container.project, container.labels.get(LABEL_DIRECTORY))
    declared = next((s for s in project.services if s.name == container.service), None) if project else None
    return Placed(container.name, container, project, declared)


def native(snapshot: Snapshot) -> tuple[str, ...]:
    """Names of model servers that run outside of containers."""
    return tuple(s.name for s in snapshot.services if s.role in NATIVE and s.container is None and s.pid is not None)


def card(gpu: Gpu) -> str:
    """How a GPU is called: by its number, else by its key."""
    return f"GPU {gpu.index}" if gpu.index is not None else f"GPU {gpu.uuid.removeprefix('index:')}"


def with_name(gpu: Gpu) -> str:
    """The same with the model of the card."""
    return f"{card(gpu)} ({gpu.name})" if gpu.name else card(gpu)


def free(gpu: Gpu) -> int | None:
    """Bytes that are free; None where it cannot be told."""
    if gpu.memory_free is not None:
        return gpu.memory_free
    if gpu.memory_total is None or gpu.memory_used is None:
        return None
    return max(0, gpu.memory_total - gpu.memory_used - (gpu.memory_reserved or 0))


@dataclass(frozen=True)
class Holder:
    """Who holds memory of one GPU: one container, or one process outside of any."""

    name: str
    memory: int | None
    """Bytes of all its processes there; None when the driver does not tell of one."""
    pids: tuple[int, ...]
    container: str | None = None
    server: str | None = None
    models: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For evidence."""
        loaded = f", model {', '.join(self.models)}" if self.models else ""
        return f"{size(self.memory)} by {self.name}{loaded} (process {', '.join(map(str, self.pids))})"


def holders(snapshot: Snapshot, gpu: str) -> tuple[Holder, ...]:
    """Who holds memory of the GPU with this UUID, the most first."""
    groups: dict[str, list[GpuProcess]] = {}
    for process in snapshot.gpu_processes:
        if process.gpu == gpu:
            groups.setdefault(process.container or f"pid {process.pid}", []).append(process)
    found = [_holder(snapshot, own) for own in groups.values()]
    return tuple(sorted(found, key=lambda one: (-(one.memory or 0), one.name)))


def _holder(snapshot: Snapshot, own: list[GpuProcess]) -> Holder:
    first = own[0]
    container = next((c for c in snapshot.containers if c.id == first.container), None)
    called = container.name if container else first.service or first.name or (first.command or ("a process",))[0]
    known = [process.memory for process in own]
    return Holder(
        name=called,
        memory=None if None in known else sum(one or 0 for one in known),
        pids=tuple(process.pid for process in own),
        container=container.id if container else None,
        server=next((p.server for p in own if p.server), None),
        models=tuple(dict.fromkeys(model for p in own for model in p.models)),
    )


def names(askers_: Iterable[Asker], limit: int = 4) -> str:
    """Names of askers, the first few."""
    found = [one.name for one in askers_]
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return ", ".join(found[:limit]) + more


def command(*words: str) -> str:
    """A command line to be typed, quoted."""
    return shlex.join(words)
