"""The services' own configuration files, judged as their programs judge them.

Judged again whenever something they depend on has changed: the file, the containers, the compose files, the start
banner in a log.
"""

from __future__ import annotations

import asyncio

from ..hosts import Host
from ..model import ConfigVerdict
from ..stacks.services import services
from .board import Board
from .cadence import Cadence
from .worker import Worker, pause

LOOK = 1.0
"""Seconds between two looks whether anything has changed; they cost nothing."""


class Configs:
    """The part ``config_verdicts``."""

    def __init__(self, host: Host, board: Board, cadence: Cadence, *, release: str | None) -> None:
        self._host = host
        self._board = board
        self._cadence = cadence
        self._release = release
        self._worker = Worker("The folder of librechat.yaml")
        self._memory: dict[tuple[object, ...], ConfigVerdict] = {}
        self._wake = asyncio.Event()
        self._seen: tuple[object, ...] = ()

    def request(self) -> None:
        """Judge again now."""
        self._seen = ()
        self._wake.set()

    async def watch(self) -> None:
        """Judge for ever."""
        while True:
            await self.read()
            end = self._host.clock.monotonic() + self._cadence.projects
            while self._host.clock.monotonic() < end and self._same():
                await pause(self._wake, min(LOOK, self._cadence.projects))

    def _inputs(self) -> tuple[object, ...]:
        parts = self._board.parts
        return parts.containers, parts.projects, parts.files, parts.log_marks, parts.package_releases

    def _same(self) -> bool:
        now = self._inputs()
        return len(self._seen) == len(now) and all(a is b for a, b in zip(self._seen, now, strict=True))

    async def read(self) -> None:
        """One look at all of them."""
        from ..sources.librechat import read

        parts, engine = self._board.parts, self._host.engine
        self._seen = self._inputs()
        # paths in the labels and mounts of another machine's Engine say nothing here
        containers = parts.containers if engine is not None and engine.local else ()
        if not any(one.role == "librechat" for one in services(containers, parts.projects)):
            self._board.put(config_verdicts=())
            self._board.forget("configs")
            return
        with self._board.catch("configs"):
            found = await self._worker.call(
                self._cadence.files_deadline, read, self._host.files, containers, parts.projects, parts.log_marks,
                told=self._release, packages=parts.package_releases, memory=self._memory,
            )  # fmt: skip
            self._board.good("configs", config_verdicts=found)

    def close(self) -> None:
        """Let the thread go."""
        self._worker.close()
