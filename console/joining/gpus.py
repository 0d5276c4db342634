"""Everything that is known of each process on a GPU, put together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..hosts import ProcessRow
from ..model import GpuProcess, Server, Service, Snapshot
from ..text import clean_line
from . import commands
from .models import Blobs, Holder, models_of
from .orphans import orphan
from .owners import containers_by_pid
from .processes import Processes
from .servers import Servers

SLACK = 5.0
"""Seconds by which the start of a process may seem later than it was: the kernel tells whole seconds of its own."""


def join(
    holders: Sequence[GpuProcess],
    processes: Processes,
    parts: Snapshot,
    *,
    blobs: Blobs | None = None,
    engine_told: bool = False,
) -> tuple[GpuProcess, ...]:
    """The driver's processes with container, service, server, models, and who they are on this machine.

    ``engine_told``: the containers of ``parts`` are all that the Engine has, and it is the Engine of this table.
    """
    processes = processes.without(_strangers(holders, processes, parts))
    owners = containers_by_pid(processes.rows, parts.containers)
    servers = Servers(parts.servers, owners)
    found = {pid: _server(pid, processes, owners, servers) for pid in {holder.pid for holder in holders}}
    models = _models(holders, processes, found, blobs or {})
    containers = {container.id: container for container in parts.containers}
    named = _Names(parts.services)
    joined = []
    for holder in holders:
        container, server, row = owners.get(holder.pid), found[holder.pid], processes.get(holder.pid)
        known = containers.get(container or "")
        sentence = orphan(row, known, processes, engine_told=engine_told) if row else None
        joined.append(
            msgspec.structs.replace(
                _described(holder, row, visible=processes.visible(holder.pid)), container=container,
                service=named.of(container, processes.chain(row) if row else ()),
                server=server.key if server else None, models=models.get(holder.pid, ()), orphan=sentence,
            )
        )  # fmt: skip
    return tuple(joined)


def _strangers(holders: Sequence[GpuProcess], processes: Processes, parts: Snapshot) -> frozenset[int]:
    """Process numbers that went to somebody else since the driver told of them, who began after its word.

    A driver that stalls leaves its last word standing for hours; who holds memory may be ended for what is said here.
    A driver that answers is believed: its word is a moment old, and clocks may have been set back.
    """
    if parts.gpu_driver is None or parts.gpu_driver.state == "ok":
        return frozenset()
    read_at = {gpu.uuid: gpu.read_at for gpu in parts.gpus}
    found = set()
    for holder in holders:
        row, at = processes.get(holder.pid), read_at.get(holder.gpu)
        if row is not None and row.started_at is not None and at is not None and row.started_at > at + SLACK:
            found.add(holder.pid)
    return frozenset(found)


class _Names:
    """Names of services, by container and by process."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._inside = {service.container: service.name for service in services if service.container}
        self._native = {service.pid: service.name for service in services if service.pid and not service.container}

    def of(self, container: str | None, chain: Sequence[ProcessRow]) -> str | None:
        """The service that a process belongs to."""
        if container is not None:
            return self._inside.get(container)
        return next((self._native[row.pid] for row in chain if row.pid in self._native), None)


def _described(holder: GpuProcess, row: ProcessRow | None, *, visible: bool) -> GpuProcess:
    """With what the process table says of it; its name there beats the driver's (fact: gpu-model-servers 1.6)."""
    if row is None:
        return msgspec.structs.replace(holder, visible=False)
    return msgspec.structs.replace(
        holder, name=_name(row) or holder.name, command=commands.shown(row.command), parent=row.ppid,
        user=clean_line(row.user) if row.user else None, started_at=row.started_at, visible=visible,
    )  # fmt: skip


def _name(row: ProcessRow) -> str | None:
    """fact: the kernel keeps 15 letters of a name; the first argument has the rest, unless it is a whole title."""
    told = commands.words(row.command)
    program = told[0].rpartition("/")[2] if told else ""
    whole = program if len(row.name) == 15 and program.startswith(row.name) else row.name or program
    return clean_line(whole) or None


def _server(pid: int, processes: Processes, owners: Mapping[int, str], servers: Servers) -> Server | None:
    row = processes.get(pid)
    return servers.of(owners.get(pid), processes.chain(row)) if row else None


def _models(
    holders: Sequence[GpuProcess], processes: Processes, found: Mapping[int, Server | None], blobs: Blobs
) -> dict[int, tuple[str, ...]]:
    """By server, since the models of one are shared out among its processes."""
    sizes: dict[int, list[int | None]] = {}
    for holder in holders:
        sizes.setdefault(holder.pid, []).append(holder.memory)
    groups: dict[str | None, list[Holder]] = {}
    for pid, told in sizes.items():
        row, server = processes.get(pid), found[pid]
        if row is not None:
            memory = None if None in told else sum(size or 0 for size in told)
            above = tuple(parent.command for parent in processes.chain(row)[1:])
            group = groups.setdefault(server.key if server else None, [])
            group.append(Holder(pid, memory, row.command, above))
    by_key = {server.key: server for server in found.values() if server}
    models: dict[int, tuple[str, ...]] = {}
    for key, group in groups.items():
        models |= models_of(by_key.get(key or ""), group, blobs)
    return {pid: tuple(clean_line(name) for name in names) for pid, names in models.items()}
