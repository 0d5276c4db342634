"""Figures asked from the Engine, for containers whose counters are not on this machine.

It costs the Engine about 3 ms of processor per container and sample, so: only containers that run and are wanted, a few
at a time, seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ..hosts import CgroupSample, Engine, Host, HostError
from ..model import Container
from ..sources.figures import figures, sample_of_stats
from .board import Board
from .cadence import Cadence
from .meters import GAPS, Meters

AT_ONCE = 4
MISSED = 2
"""Sweeps without a sample after which the Engine is asked instead of the kernel."""


class Stats:
    """Fills ``Meters.asked``."""

    def __init__(self, engine: Engine, host: Host, board: Board, meters: Meters, cadence: Cadence) -> None:
        self._engine = engine
        self._host = host
        self._board = board
        self._meters = meters
        self._cadence = cadence
        self._before: dict[tuple[str, int], CgroupSample] = {}
        self._visible: frozenset[str] | None = None

    def visible(self, containers: Iterable[str] | None) -> None:
        """Which containers are on the screen: only these are asked for. None: all."""
        self._visible = None if containers is None else frozenset(containers)

    async def watch(self) -> None:
        """Ask for ever."""
        while True:
            await self.ask()
            await asyncio.sleep(self._period() if self._before else self._cadence.second_sample)

    async def ask(self, missed: int = MISSED) -> bool:
        """One round, for those that the kernel did not know in the last ``missed`` sweeps. Whether there were any."""
        wanted = [c for c in self._board.parts.containers if self._is_wanted(c, missed)]
        keys = {(c.id, c.pid or 0) for c in wanted}
        self._before = {key: sample for key, sample in self._before.items() if key in keys}
        self._meters.asked = {c.id: self._meters.asked[c.id] for c in wanted if c.id in self._meters.asked}
        if wanted:
            await asyncio.gather(*(self._ask_some(wanted) for _ in range(AT_ONCE)))
            self._meters.show()
        return bool(keys)

    def _is_wanted(self, container: Container, missed: int) -> bool:
        if container.state != "running" or not container.detailed:
            return False
        if self._visible is not None and container.id not in self._visible:
            return False
        return self._host.kernel is None or self._meters.missed.get(container.id, 0) >= missed

    async def _ask_some(self, waiting: list[Container]) -> None:
        while waiting:
            container = waiting.pop(0)
            try:
                async with asyncio.timeout(self._cadence.logs_deadline):
                    now = sample_of_stats(await self._engine.stats(container.id))
            except (HostError, TimeoutError):
                continue  # that the Engine is lost is told by its list; for one container a dash says enough
            if now is not None:
                self._take(container, now)

    def _take(self, container: Container, now: CgroupSample) -> None:
        key = (container.id, container.pid or 0)
        self._meters.asked[container.id] = figures(
            self._before.get(key),
            now,
            at=self._host.clock.now(),
            limit=container.memory_limit,
            longest_gap=GAPS * self._period(),
        )
        self._before[key] = now
        self._board.good("figures")

    def _period(self) -> float:
        return max(self._cadence.stats, self._meters.pace.period)
