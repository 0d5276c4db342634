"""Who belongs to whom: process -> container -> service -> project. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from .hosts import ProcessRow
from .model import Container, GpuProcess, Project, Service


def containers_by_pid(rows: Iterable[ProcessRow], known: Iterable[Container]) -> dict[int, str]:
    """Process id -> container id, for processes of containers that this Engine knows.

    By cgroup, not by State.Pid: a GPU's memory is held by children. fact: Ollama starts a process per loaded model.
    """
    ids = {container.id for container in known}
    return {row.pid: row.container for row in rows if row.container in ids and row.container is not None}


def with_containers(processes: Sequence[GpuProcess], by_pid: Mapping[int, str]) -> tuple[GpuProcess, ...]:
    """GPU processes with the container that holds each; those of no known container are left as they are."""
    return tuple(
        msgspec.structs.replace(process, container=by_pid[process.pid]) if process.pid in by_pid else process
        for process in processes
    )


def service_of(container: str | None, services: Iterable[Service]) -> Service | None:
    """The service that a container plays."""
    return next((service for service in services if container and service.container == container), None)


def project_of(service: Service | None, projects: Iterable[Project]) -> Project | None:
    """The project that a service belongs to."""
    return next((project for project in projects if service and project.name == service.project), None)


def is_local(containers: Iterable[Container], rows: Iterable[ProcessRow]) -> bool | None:
    """Whether the Engine's process ids are those of this process table; None when nothing tells.

    An address can look local and lead elsewhere (a forwarded socket): then a container's process id belongs to somebody
    else here, or to nobody.
    """
    told = {row.pid: row.container for row in rows}
    running = [c for c in containers if c.pid is not None and c.state in ("running", "paused")]
    if any(told.get(c.pid or 0) == c.id for c in running):
        return True
    strangers = [c for c in running if c.pid in told]
    return False if strangers else None
