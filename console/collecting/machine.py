"""The slower things of the machine: native processes, replaced mounts, disks, GPUs. Each in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from ..hosts import GpuReading, Gpus, Host, HostError, Kernel, ProcessRow
from ..joining import is_local
from ..model import Container, Disk, GpuProcess
from ..sources.processes import native
from ..sources.system import one_per_file_system
from ..text import clean_line
from .board import Board
from .cadence import Cadence
from .gpu_faults import complaint
from .history import History
from .holders import Holders
from .meters import Meters
from .worker import Worker, repeat


class Machine:
    """The parts ``processes``, ``gpus``, ``gpu_processes``; disks go to the meters, stale mounts to their reader."""

    def __init__(
        self,
        host: Host,
        board: Board,
        meters: Meters,
        cadence: Cadence,
        history: History | None = None,
        *,
        all_listed: bool = True,
    ) -> None:
        self.holders = Holders(host, board, cadence, history or History(), all_listed=all_listed)
        self.on_stale: Callable[[dict[str, frozenset[str]]], None] | None = None
        """Called with container id -> mount points whose source was replaced."""
        self._host = host
        self._board = board
        self._meters = meters
        self._cadence = cadence
        self._table, self._mounts = Worker("The process table"), Worker("The mount table")
        self._disks, self._gpus = Worker("The file system"), Worker("The GPU driver")
        self._rows: Sequence[ProcessRow] = ()
        self._holders: tuple[GpuProcess, ...] = ()
        self._strangers: frozenset[int] = frozenset()
        self._wake = {name: asyncio.Event() for name in ("processes", "mounts", "disks", "gpus", "holders")}

    @property
    def rows(self) -> Sequence[ProcessRow]:
        """The process table as it was read last."""
        return self._rows

    def request(self) -> None:
        """Look at everything again, now."""
        for wake in self._wake.values():
            wake.set()

    async def watch(self) -> None:
        """All of it for ever."""
        cadence, wake, retries = self._cadence, self._wake, self._cadence.retries
        async with asyncio.TaskGroup() as group:
            group.create_task(repeat(self.read_processes, cadence.processes, wake["processes"], retries))
            group.create_task(repeat(self.read_mounts, cadence.mounts, wake["mounts"], retries))
            group.create_task(repeat(self.read_disks, cadence.disks, wake["disks"], retries))
            group.create_task(repeat(self.read_gpus, cadence.gpus, wake["gpus"], retries))
            group.create_task(repeat(self.holders.read, cadence.holders, wake["holders"], retries))

    async def read_processes(self) -> bool:
        """Native processes, and who of the others belongs to which container."""
        kernel = self._host.kernel
        if kernel is None:
            return True
        with self._board.catch("processes") as caught:
            self._rows = await self._table.call(self._cadence.kernel_deadline, kernel.processes)
            self._board.good("processes", processes=native(self._rows))
            self._join()
        return not caught.failed

    async def read_mounts(self) -> bool:
        """Which bind mounts still hold what was replaced on the host; only where process ids are this machine's."""
        kernel = self._host.kernel
        bound = [c for c in self._board.parts.containers if c.pid and any(m.kind == "bind" for m in c.mounts)]
        if kernel is None or not bound or is_local(bound, self._rows) is False:
            return True
        with self._board.catch("mounts") as caught:
            stale = await self._mounts.call(self._cadence.kernel_deadline, _replaced, kernel, bound)
            self._board.good("mounts")
            if self.on_stale:
                self.on_stale(stale)
        return not caught.failed

    async def read_disks(self) -> bool:
        """Free space of what matters: the Engine's folder, each project's, the root."""
        kernel = self._host.kernel
        if kernel is None:
            return True
        with self._board.catch("disks") as caught:
            wanted = self._disk_paths()
            found = await self._disks.call(self._cadence.files_deadline, _disks, kernel, wanted)
            self._meters.disks = one_per_file_system(found)
            self._board.good("disks")
        return not caught.failed

    def _disk_paths(self) -> dict[str, str]:
        parts = self._board.parts
        wanted: dict[str, str] = {}
        if parts.engine is not None and parts.engine.local and parts.engine.root_dir:
            wanted[parts.engine.root_dir] = "Docker"
        for project in parts.projects:
            if project.working_dir and (parts.engine is None or parts.engine.local):
                wanted.setdefault(project.working_dir, f"project {project.name}")
        wanted.setdefault("/", "root")
        return wanted

    async def read_gpus(self) -> bool:
        """GPUs and who holds their memory. A driver that hangs keeps its own thread and no other."""
        gpus = self._host.gpus
        if gpus is None:
            return True
        with self._board.catch("gpus") as caught:
            told = await self._gpus.call(self._cadence.gpus_deadline, _gpus, gpus)
            self._holders = told.processes
            self._board.put(gpus=told.gpus, gpu_driver=told.driver)
            self.judge_gpus()
            self._join()
            self._know_strangers()
        return not caught.failed

    def judge_gpus(self) -> None:
        """A driver that cannot be read is a fault where somebody needs it; the last good values keep their age."""
        parts = self._board.parts
        if parts.gpu_driver is None:
            return
        fault = complaint(parts.gpu_driver, parts.gpus, parts.containers)
        if fault is None:
            self._board.good("gpus")
        else:
            self._board.bad("gpus", fault)

    def _know_strangers(self) -> None:
        """Read the process table again for a process on a GPU that is not in it; once, for it may never be."""
        strangers = frozenset(holder.pid for holder in self._holders) - frozenset(row.pid for row in self._rows)
        if strangers - self._strangers:
            self._wake["processes"].set()
        self._strangers = strangers

    def _join(self) -> None:
        self.holders.take(self._holders, self._rows)

    def close(self) -> None:
        """Let the threads go."""
        for worker in (self._table, self._mounts, self._disks):
            worker.close()
        self._gpus.close(self._host.gpus.close if self._host.gpus is not None else None)
        self.holders.close()


def _replaced(kernel: Kernel, containers: Sequence[Container]) -> dict[str, frozenset[str]]:
    found = {}
    for container in containers:
        try:
            found[container.id] = kernel.replaced_mounts(container.pid or 0)
        except HostError:
            continue  # it ended meanwhile, or is hidden: not known
    return found


def _disks(kernel: Kernel, wanted: dict[str, str]) -> list[Disk]:
    return [Disk(path, what, *_space(kernel, path)) for path, what in wanted.items()]


def _space(kernel: Kernel, path: str) -> tuple[int | None, int | None]:
    try:
        return kernel.disk(path)
    except HostError:
        return None, None


def _gpus(gpus: Gpus) -> GpuReading:
    """One read, with the names cleaned: they come from a driver and from foreign processes."""
    told = gpus.read()
    return GpuReading(
        told.driver,
        tuple(msgspec.structs.replace(card, name=clean_line(card.name) if card.name else None) for card in told.gpus),
        tuple(msgspec.structs.replace(p, name=clean_line(p.name) if p.name else None) for p in told.processes),
    )
