"""Process -> container -> service -> project. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..hosts import ProcessRow
from ..model import Container, Service


def containers_by_pid(rows: Iterable[ProcessRow], known: Iterable[Container]) -> dict[int, str]:
    """Process id -> container id, for processes of containers that this Engine knows.

    By cgroup, not by State.Pid: a GPU's memory is held by children. fact: Ollama starts a process per loaded model. Of
    nested ids the outermost that this Engine lists is meant. fact: gpu-model-servers 2.1
    """
    ids = {container.id for container in known}
    found = {row.pid: next((each for each in ids_of(row) if each in ids), None) for row in rows}
    return {pid: container for pid, container in found.items() if container is not None}


def ids_of(row: ProcessRow) -> tuple[str, ...]:
    """The containers that a process is in, the outermost first."""
    return row.containers or ((row.container,) if row.container else ())


def service_of(container: str | None, services: Iterable[Service]) -> Service | None:
    """The service that a container plays."""
    return next((service for service in services if container and service.container == container), None)


def is_local(containers: Iterable[Container], rows: Iterable[ProcessRow]) -> bool | None:
    """Whether the Engine's process ids are those of this process table; None when nothing tells.

    An address can look local and lead elsewhere (a forwarded socket): then a container's process id belongs to somebody
    else here, or to nobody.
    """
    told = {row.pid: ids_of(row) for row in rows}
    running = [c for c in containers if c.pid is not None and c.state in ("running", "paused")]
    if any(c.id in told.get(c.pid or 0, ()) for c in running):
        return True
    strangers = [c for c in running if c.pid in told]
    return False if strangers else None
