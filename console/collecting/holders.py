"""Who holds GPU memory: the driver's processes, joined with what everything else tells of them.

The join itself is ``joining``. Here is what has to be asked for it, seldom: the Engine's process lists where the
machine's own table lacks a process, and what Ollama's files of weights are called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from ..hosts import Host, HostError, ProcessRow
from ..joining import Processes, is_local, join
from ..joining.top import PS_ARGS, rows_of
from ..model import Container, GpuProcess, Snapshot
from ..stacks.gpu_grants import grant_of
from .blob_names import BlobNames
from .board import Board
from .cadence import Cadence
from .history import History
from .worker import Worker

MOST = 16
"""Containers whose processes are asked for at once; the Engine starts a ``ps`` for each."""
AGAIN = 300.0
"""Seconds after which an Engine that did not know a process is asked for it again."""


class Holders:
    """The part ``gpu_processes``, and the curves of the GPUs."""

    def __init__(self, host: Host, board: Board, cadence: Cadence, history: History, *, all_listed: bool) -> None:
        self._host = host
        self._board = board
        self._cadence = cadence
        self._history = history
        self._all_listed = all_listed
        """Whether containers of every project are on the board."""
        self._told: tuple[GpuProcess, ...] = ()
        self._rows: Sequence[ProcessRow] = ()
        self._from_engine: tuple[ProcessRow, ...] = ()
        self._asked: tuple[frozenset[int], float] = (frozenset(), 0.0)
        self._names = BlobNames(host.files)
        self._worker = Worker("The folder of Ollama's models")
        self._made_from: tuple[object, ...] = ()
        self._curved: object = None
        board.derive.append(self._derived)

    def take(self, told: Sequence[GpuProcess], rows: Sequence[ProcessRow]) -> None:
        """What the driver and the process table say now."""
        self._told, self._rows = tuple(told), rows
        gpus = self._board.parts.gpus
        if gpus is not self._curved:
            self._curved = gpus
            self._history.add_gpus(gpus)
        self._board.put(gpu_processes=self._derived(self._board.parts).gpu_processes)

    def _derived(self, parts: Snapshot) -> Snapshot:
        """The parts with the processes joined, anew when something that they are joined with changed."""
        made_from = (
            self._told, self._rows, self._from_engine, self._names.names, parts.containers, parts.services,
            parts.servers, parts.engine,
        )  # fmt: skip
        if len(made_from) == len(self._made_from) and all(
            one is other for one, other in zip(made_from, self._made_from, strict=True)
        ):
            return parts
        self._made_from = made_from
        joined = join(
            self._told, self._processes(parts), parts, blobs=self._names.names, engine_told=self._engine_told(parts)
        )
        return parts if joined == parts.gpu_processes else msgspec.structs.replace(parts, gpu_processes=joined)

    def _processes(self, parts: Snapshot) -> Processes:
        driver = parts.gpu_driver
        return Processes(self._rows, told=self._from_engine, same_namespace=driver.same_namespace if driver else None)

    def _engine_told(self, parts: Snapshot) -> bool:
        """Whether a container that is not on the board is none of this Engine's, which is this machine's."""
        if parts.engine is None or not self._all_listed or self._board.failing("engine"):
            return False
        local = is_local(parts.containers, self._rows)
        return local is True or (local is None and parts.engine.local and not any(c.pid for c in parts.containers))

    # What is asked for seldom

    async def read(self) -> bool:
        """Ask what the join lacks; nothing when it lacks nothing."""
        with self._board.catch("gpu-processes") as caught:
            await self._ask_engine()
            await self._read_names()
        if not caught.failed and self._board.failing("gpu-processes"):
            self._board.forget("gpu-processes")
        self._board.put(gpu_processes=self._derived(self._board.parts).gpu_processes)
        return not caught.failed

    async def _ask_engine(self) -> None:
        """The Engine's process lists, of containers with a GPU, while a process on a GPU is not known otherwise."""
        engine, parts = self._host.engine, self._board.parts
        unknown = self._unknown(parts)
        last, at = self._asked
        now = self._host.clock.monotonic()
        if engine is None or not unknown or (unknown <= last and now - at < AGAIN):
            return
        if self._is_elsewhere(parts):
            self._from_engine = ()
            return
        granted = [c for c in parts.containers if c.state == "running" and grant_of(c)][:MOST]
        if not granted:
            return
        self._asked = (unknown, now)
        replies = await asyncio.gather(*(self._top(c) for c in granted))
        self._from_engine = tuple(row for rows in replies for row in rows)

    def _is_elsewhere(self, parts: Snapshot) -> bool:
        """Whether the Engine's process ids are another machine's (a forwarded socket): they name nobody here."""
        driver = parts.gpu_driver
        ours = driver is not None and driver.same_namespace is True
        return ours and is_local(parts.containers, self._rows) is False

    def _unknown(self, parts: Snapshot) -> frozenset[int]:
        processes = self._processes(parts)
        return frozenset(each.pid for each in self._told if not processes.visible(each.pid))

    async def _top(self, container: Container) -> tuple[ProcessRow, ...]:
        engine = self._host.engine
        if engine is None:
            return ()
        try:
            async with asyncio.timeout(self._cadence.engine_deadline):
                return rows_of(await engine.top(container.id, ps_args=PS_ARGS), container.id)
        except (HostError, TimeoutError):
            return ()  # it ended meanwhile, or has no ps: not known

    async def _read_names(self) -> None:
        parts = self._board.parts
        processes = self._processes(parts)
        rows = [row for each in self._told if (row := processes.get(each.pid)) is not None]
        wanted = self._names.wanted(rows, parts.containers, self._host.clock.monotonic())
        if wanted:
            await self._worker.call(self._cadence.files_deadline, self._names.read, wanted)

    def close(self) -> None:
        """Let the thread go."""
        self._worker.close()
