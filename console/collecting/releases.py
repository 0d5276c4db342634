"""Which LibreChat a rolling image is, asked of its package.json where neither settings, log nor tag tell.

A container's image never changes, so each container is asked once; one that could not be asked is asked again later.
"""

from __future__ import annotations

import asyncio

from ..hosts import Clock, Engine, HostError, NotFound
from ..model import Container, PackageRelease
from ..settings import Settings
from ..stacks.services import role_of_container
from ..stacks.versions import version_of
from .board import Board
from .cadence import Cadence
from .worker import pause

AGAIN = 60.0
"""Seconds until an Engine that would not hand the file over is asked again."""


class Releases:
    """The part ``package_releases``."""

    def __init__(self, engine: Engine, board: Board, clock: Clock, cadence: Cadence, settings: Settings) -> None:
        self._engine = engine
        self._board = board
        self._clock = clock
        self._cadence = cadence
        self._told = settings.librechat.release is not None
        self._found: dict[str, PackageRelease | None] = {}
        self._failed: dict[str, float] = {}
        self._wake = asyncio.Event()

    def containers_changed(self) -> None:
        """There may be a new one."""
        if self._due():
            self._wake.set()

    async def watch(self) -> None:
        """Ask for ever, once the log of a new container has been read."""
        while True:
            await pause(self._wake, self._cadence.logs)
            await asyncio.sleep(min(2.0, self._cadence.young_logs))
            await self.read()

    async def read(self) -> None:
        """Ask those of whom nothing else tells the release."""
        known = {container.id for container in self._board.parts.containers}
        self._found = {ident: found for ident, found in self._found.items() if ident in known}
        for container in self._due():
            try:
                self._found[container.id] = await self._ask(container)
            except (HostError, TimeoutError):
                self._failed[container.id] = self._clock.monotonic()
        found = tuple(one for one in self._found.values() if one is not None)
        if found != self._board.parts.package_releases:
            self._board.put(package_releases=found)

    def _due(self) -> list[Container]:
        if self._told:
            return []
        parts = self._board.parts
        started = {mark.container for mark in parts.log_marks if mark.mark == "librechat.start"}
        now = self._clock.monotonic()
        return [
            one
            for one in parts.containers
            if one.detailed and one.id not in self._found and one.id not in started
            and role_of_container(one) == "librechat" and version_of("librechat", one.image, labels=one.labels) is None
            and now - self._failed.get(one.id, -AGAIN) >= AGAIN
        ]  # fmt: skip

    async def _ask(self, container: Container) -> PackageRelease | None:
        from ..sources.librechat_release import LIMIT, paths, version

        for path in paths(container.image):
            try:
                async with asyncio.timeout(self._cadence.engine_deadline):
                    tar = await self._engine.archive(container.id, path, limit=LIMIT)
            except NotFound:
                continue
            found = version(tar)
            if found is not None:
                return PackageRelease(container.id, found, path)
        return None
