"""Figures of the containers and of the host from the kernel: one sweep at a time, in a worker thread.

For containers that the kernel does not know (a remote Engine, a hidden /proc) ``stats`` asks the Engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..hosts import CgroupSample, Host, Kernel, SystemSample
from ..model import Container, Disk, Figures
from ..sources.figures import figures
from ..sources.system import system
from .board import Board
from .cadence import Cadence, Pace
from .history import History
from .worker import Worker, pause

GAPS = 3
"""Periods without a sample after which rates are left out once: the machine slept, or the program was stopped."""
Sweep = tuple[dict[str, CgroupSample], SystemSample, float]


class Meters:
    """The parts ``figures``, ``system`` and ``period``."""

    def __init__(self, host: Host, board: Board, history: History, cadence: Cadence, period: float) -> None:
        self.pace = Pace(period, board.parts.host.cpus)
        self.disks: tuple[Disk, ...] = ()
        self.on_lost: Callable[[list[str]], None] | None = None
        """Called with containers whose counters have vanished."""
        self.asked: dict[str, Figures] = {}
        """Figures that the Engine was asked for; the kernel's beat them."""
        self.missed: dict[str, int] = {}
        """Container id -> sweeps in a row that had no sample of it."""
        self._host = host
        self._board = board
        self._history = history
        self._cadence = cadence
        self._worker = Worker("The kernel")
        self._wake = asyncio.Event()
        self._before: dict[tuple[str, int], CgroupSample] = {}
        self._figures: dict[str, Figures] = {}
        self._system: SystemSample | None = None

    def containers_changed(self) -> None:
        """Who has ended loses its figures at once; for somebody new the next sweep comes soon."""
        self.show()
        if any(key not in self._before for key in self._pids().items()):
            self._wake.set()

    async def watch(self) -> None:
        """Sweep for ever."""
        clock = self._host.clock
        while True:
            started = clock.monotonic()
            complete = await self.sweep()
            soon = min(self._cadence.second_sample, self.pace.period)
            self._wake.clear()
            await asyncio.sleep(soon / 2)
            await pause(self._wake, (self.pace.period if complete else soon) - (clock.monotonic() - started))

    async def sweep(self) -> bool:
        """One sweep. Whether everybody in it had a sample before, so that there are rates."""
        kernel, pids = self._host.kernel, self._pids()
        if kernel is None:
            self.show()
            self._history.add(None, self._board.parts.figures)
            return True
        complete = True
        with self._board.catch("figures"):
            samples, machine, seconds = await self._worker.call(
                self._cadence.kernel_deadline, _sweep, kernel, pids, self._host.clock.monotonic
            )
            complete = self._take_containers(pids, samples)
            complete = self._take_system(machine) and complete
            self._history.add(self._board.parts.system, self._board.parts.figures)
            self.pace.took(seconds, machine.load[0] if machine.load else None)
        return complete

    def _take_containers(self, pids: dict[str, int], samples: dict[str, CgroupSample]) -> bool:
        at, gap, before = self._host.clock.now(), self._longest_gap(), self._before
        limits = {c.id: c.memory_limit for c in self._board.parts.containers}
        # keyed by process id too: with another one the counters have begun again at 0
        self._before = {(container, pids[container]): sample for container, sample in samples.items()}
        self._figures = {
            key[0]: figures(before.get(key), sample, at=at, limit=limits.get(key[0]), longest_gap=gap)
            for key, sample in self._before.items()
        }
        missing = {container: pid for container, pid in pids.items() if container not in samples}
        self.missed = {container: self.missed.get(container, 0) + 1 for container in missing}
        self._board.good("figures")
        self.show()
        lost = [container for container, pid in missing.items() if (container, pid) in before]
        if lost and self.on_lost:
            self.on_lost(lost)
        return all(key in before for key in self._before)

    def _take_system(self, machine: SystemSample) -> bool:
        before, self._system = self._system, machine
        at, gap = self._host.clock.now(), self._longest_gap()
        self._board.good("system", system=system(before, machine, at=at, disks=self.disks, longest_gap=gap))
        return before is not None

    def _longest_gap(self) -> float:
        return GAPS * max(self.pace.period, 1.0)

    def _pids(self) -> dict[str, int]:
        return {c.id: c.pid for c in self._board.parts.containers if c.pid is not None and _runs(c)}

    def show(self) -> None:
        """Put the figures of whoever still runs on the board."""
        running = [c.id for c in self._board.parts.containers if _runs(c)]
        both = {**self.asked, **self._figures}
        told = {container: both[container] for container in running if container in both}
        self._board.put(figures=told, period=self.pace.period)

    def close(self) -> None:
        """Let the worker go."""
        self._worker.close()


def _runs(container: Container) -> bool:
    return container.state in ("running", "paused")


def _sweep(kernel: Kernel, pids: dict[str, int], monotonic: Callable[[], float]) -> Sweep:
    started = monotonic()
    samples = dict(kernel.sample(pids))
    return samples, kernel.system(), monotonic() - started
