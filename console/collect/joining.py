"""Who belongs to whom: GPU process -> pid -> container -> service -> model server -> model. Pure: no I/O, no clock.

What cannot be told stays empty: a wrong name beside a process is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..hosts import ProcessRow
from ..model import Container, DatabaseState, Gpu, GpuProcess, LoadedModel, OneApiState, Server, Service, Snapshot
from ..products.registry import GATEWAYS, SERVERS
from ..text import _
from ..text.cleaning import clean_line, size
from .owners import (
    INITS,
    SHIMS,
    Processes,
    blob_of,
    containers_by_pid,
    is_runner,
    model_of,
    port_of,
    shown,
    words_of,
)

# Processes that only ever work for a parent. fact: names that vLLM, Ray and SGLang give theirs
_WORKER = re.compile(r"^(?:VLLM::(?:Worker|EngineCore)|ray::|sglang::(?:scheduler|detokenizer|data_parallel))")


def orphan(row: ProcessRow, container: Container | None, processes: Processes, *, engine_told: bool) -> str | None:
    """Why nobody answers for this process; None when somebody does, or nothing tells.

    ``engine_told``: the Engine has listed all its containers, and they are those of this process table.
    """
    return (
        _zombie(row, processes) or _worker(row, container, processes) or _left(row, container, processes, engine_told)
    )


def is_worker(row: ProcessRow) -> bool:
    """Whether it is one that works for a parent and never by itself."""
    told = words_of(row.command)
    title = told[0] if told else row.name
    if _WORKER.match(title) or _WORKER.match(row.name):
        return True
    return "--multiprocessing-fork" in told or (title.rpartition("/")[2] == "ollama" and told[1:2] == ["runner"])


def _zombie(row: ProcessRow, processes: Processes) -> str | None:
    if not row.zombie:
        return None
    parent = processes.get(row.ppid)
    named = f"{clean_line(parent.name, 40)} ({parent.pid})" if parent else _("process {pid}", pid=row.ppid)
    return _(
        "It has ended and stays as a zombie, as its parent, {who}, does not ask for its end; it keeps the memory",
        who=named,
    )


def _worker(row: ProcessRow, container: Container | None, processes: Processes) -> str | None:
    """A worker whose parent has ended: it was taken in by an init, by a shim, or stands alone."""
    if not is_worker(row) or row.ppid == 0 or (container is not None and container.pid == row.pid):
        return None
    parent = processes.get(row.ppid)
    if parent is None:
        adopted = processes.visible(row.pid) and processes.complete
    else:
        adopted = parent.pid == 1 or parent.name in INITS or parent.name.startswith(SHIMS)
    return _("Its parent has ended: it works for nobody any more and keeps the memory") if adopted else None


def _left(row: ProcessRow, container: Container | None, processes: Processes, engine_told: bool) -> str | None:
    """Its cgroup names a container that is gone. Those of other engines have somebody who keeps them."""
    if container is not None or row.container is None or not engine_told or row.runtime in ("podman", "kubernetes"):
        return None
    if not processes.visible(row.pid) or not processes.complete or processes.has_shim(row):
        return None
    return _(
        "Its container, {container}, is gone: docker does not list it any more, the process keeps the memory",
        container=row.container[:12],
    )


class Rest(Struct, frozen=True):
    """How the processes of one GPU add up. Bytes."""

    known: int
    """What processes of known size hold together."""
    unknown: int
    """How many processes the driver tells no size of: they share the rest."""
    unattributed: int | None
    """What is used and not known to be anybody's; never negative, None where the driver does not tell what is used."""
    excess: int = 0
    """By how much the processes together exceed what is used: then the driver's own figures disagree."""

    def sentence(self) -> str | None:
        """What there is to say of it besides the number."""
        if self.excess:
            return _("The driver says that processes hold {size} more than is used at all", size=size(self.excess))
        if self.unknown and self.unattributed:
            who = "a process" if self.unknown == 1 else f"{self.unknown} processes"
            return _("Shared with {who} of unknown size: the driver does not tell", who=who)
        return None


def rest_of(gpu: Gpu, processes: Iterable[GpuProcess]) -> Rest:
    """Used memory less that of the processes, so that all of them together are what is used."""
    own = [process.memory for process in processes if process.gpu == gpu.uuid]
    known = sum(memory for memory in own if memory is not None)
    unknown = sum(1 for memory in own if memory is None)
    if gpu.memory_used is None:
        return Rest(known, unknown, None)
    rest = gpu.memory_used - known
    return Rest(known, unknown, max(0, rest), max(0, -rest))


def unattributed(gpu: Gpu, processes: Iterable[GpuProcess]) -> int | None:
    """Bytes of this GPU that are used and not known to be any listed process's."""
    return rest_of(gpu, processes).unattributed


_LOOPBACK = ("http://127.", "http://localhost", "http://[::1]", "https://127.", "https://localhost")


class ServersByProcess:
    """Servers by the container they run in, and by process."""

    def __init__(self, servers: Sequence[Server], owners: Mapping[int, str]) -> None:
        models = [server for server in servers if server.product not in GATEWAYS]
        self._inside: dict[str, list[Server]] = {}
        for server in models:
            container = server.container or owners.get(server.pid or 0)
            if container is not None:
                self._inside.setdefault(container, []).append(server)
        self._native = [s for s in models if s.container is None and (s.pid or 0) not in owners]

    def of(self, container: str | None, chain: Sequence[ProcessRow]) -> Server | None:
        """The server of a process, given its container, and itself with its parents."""
        if container is not None:
            inside = self._inside.get(container, [])
            return inside[0] if len(inside) == 1 else _one_of(inside, chain)
        for row in chain:
            for server in self._native:
                if server.pid == row.pid:
                    return server
        here = [s for s in self._native if s.pid is None and s.address.startswith(_LOOPBACK)]
        return _by_port(here, chain)


def _one_of(servers: Sequence[Server], chain: Sequence[ProcessRow]) -> Server | None:
    """Of several in one container the one whose process it is, else the one whose port it was told."""
    for row in chain:
        for server in servers:
            if server.pid == row.pid:
                return server
    return _by_port(servers, chain)


def _by_port(servers: Sequence[Server], chain: Sequence[ProcessRow]) -> Server | None:
    for row in chain:
        told = port_of(row.command)
        found = [s for s in servers if told is not None and str(told) == s.key.rpartition(":")[2]]
        if len(found) == 1:
            return found[0]
    return None


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
    servers = ServersByProcess(parts.servers, owners)
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
    """With what the process table says of it; its name there beats the driver's."""
    if row is None:
        return msgspec.structs.replace(holder, visible=False)
    return msgspec.structs.replace(
        holder, name=_name(row) or holder.name, command=shown(row.command), parent=row.ppid,
        user=clean_line(row.user) if row.user else None, started_at=row.started_at, visible=visible,
    )  # fmt: skip


def _name(row: ProcessRow) -> str | None:
    """fact: the kernel keeps 15 letters of a name; the first argument has the rest, unless it is a whole title."""
    told = words_of(row.command)
    program = told[0].rpartition("/")[2] if told else ""
    whole = program if len(row.name) == 15 and program.startswith(row.name) else row.name or program
    return clean_line(whole) or None


def _server(pid: int, processes: Processes, owners: Mapping[int, str], servers: ServersByProcess) -> Server | None:
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


Models = tuple[str, ...]
Blobs = Mapping[str, frozenset[str]]
"""Digest of a file of weights -> names of the Ollama models made of it."""
MOST = 7
"""Processes up to which all distributions are tried."""
CONTEXT = 1536 << 20
"""Bytes that a process holds beside its model: the CUDA context, libraries, buffers: an estimate."""


class Holder(Struct, frozen=True):
    """One process of a server, with all that it holds on all GPUs."""

    pid: int
    memory: int | None
    command: tuple[str, ...]
    above: tuple[tuple[str, ...], ...] = ()
    """Command lines of its parents within the container, nearest first."""


def models_of(server: Server | None, holders: Sequence[Holder], blobs: Blobs) -> dict[int, Models]:
    """Process id -> models, for the processes of one server, or for processes of which no server is known."""
    if server is None:
        return {holder.pid: _from_parents(holder, blobs) for holder in holders}
    if SERVERS[server.product].memory == "fixed":
        if server.loaded is not None:  # one that sleeps tells that it has none
            return {holder.pid: tuple(model.name for model in server.loaded) for holder in holders}
        served = tuple(model.name for model in server.models)
        return {holder.pid: served or _from_parents(holder, blobs) for holder in holders}
    loaded = tuple(server.loaded or ())
    runners = [h for h in holders if server.product != "ollama" or not h.command or is_runner(h.command)]
    found = {runner.pid: _told(runner, loaded, blobs) for runner in runners}
    rest = [runner for runner in runners if not found[runner.pid]]
    named = {name for names in found.values() for name in names}
    left = [model for model in loaded if model.name not in named]
    return found | _distributed(server, rest, left)


def _from_parents(holder: Holder, blobs: Blobs) -> Models:
    """What the nearest command line that names a model names."""
    for command in (holder.command, *holder.above):
        if name := model_of(command):
            return (name,)
        if digest := blob_of(command):
            return _of_blob(digest, blobs)
    return ()


def _told(holder: Holder, loaded: Sequence[LoadedModel], blobs: Blobs) -> Models:
    """What the process's own command line says, in the server's words where it has some for it."""
    if digest := blob_of(holder.command):
        names = _of_blob(digest, blobs)
        return tuple(model.name for model in loaded if model.name in names) or names
    known = [model.name for model in loaded if _names(holder.command, model.name)]
    if len(known) == 1:
        return (known[0],)
    told = model_of(holder.command)
    return (told,) if told and not loaded else ()


def _of_blob(digest: str, blobs: Blobs) -> Models:
    found = [names for known, names in blobs.items() if known.startswith(digest)]
    return tuple(sorted(found[0])) if len(found) == 1 else ()


def _names(command: Sequence[str], model: str) -> bool:
    """Whether an argument is the model's name, or a title such as ``Model: qwen-1-0`` ends with it."""
    return any(word == model or word.rstrip("/").endswith(f"/{model}") for word in words_of(command))


def _distributed(server: Server, holders: Sequence[Holder], left: Sequence[LoadedModel]) -> dict[int, Models]:
    """Models that are loaded over processes whose command lines do not tell."""
    on_gpu = [model for model in left if model.size_vram != 0]
    if len(on_gpu) == 1 and (len(holders) == 1 or SERVERS[server.product].memory != "by-model"):
        return {holder.pid: (on_gpu[0].name,) for holder in holders}
    if len(holders) != len(on_gpu) or not 1 < len(holders) <= MOST:
        return {}
    ways = list(_ways(holders, on_gpu))
    return {pid: (name,) for pid, name in ways[0].items()} if len(ways) == 1 else {}


def _ways(holders: Sequence[Holder], models: Sequence[LoadedModel]) -> Iterator[dict[int, str]]:
    """Every way in which each model fits the process it is given to; nothing where a size is not known."""
    if any(h.memory is None for h in holders) or any(m.size_vram is None for m in models):
        return
    for order in permutations(models):
        if all(_fits(holder, model) for holder, model in zip(holders, order, strict=True)):
            yield {holder.pid: model.name for holder, model in zip(holders, order, strict=True)}


def _fits(holder: Holder, model: LoadedModel) -> bool:
    """Whether a process of this size can hold just this model. The server counts less than the driver measures."""
    memory, said = holder.memory or 0, model.size_vram or 0
    return 0.9 * said <= memory <= 1.3 * said + CONTEXT


def with_database(state: OneApiState, told: DatabaseState | None) -> OneApiState:
    """What a One API says, with what its database says where its API did not."""
    if told is None or state.trouble is not None:
        nowhere = None if told or state.channels is not None else _("nobody here could ask it")
        return replace(state, channels_trouble=nowhere)
    answer, owned = told.answer, {app: one for one in told.answer.tokens or () for app in one.clients}
    compared = answer.compared if answer.tokens is not None else ()
    keys = tuple(replace(key, token=owned.get(key.client), compared=key.client in compared) for key in state.keys)
    state = replace(state, keys=keys, tokens=answer.tokens)
    if state.channels is not None:
        return state
    if answer.channels is not None:
        return replace(state, channels=answer.channels, channels_from="database")
    return replace(state, channels_trouble=answer.channels_trouble or answer.said or _("it was not asked for them"))
