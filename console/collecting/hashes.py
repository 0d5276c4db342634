"""What Compose would make of a stack's services now, asked only where a file is newer than a container.

Asking starts a process: it is done once per edit, and never for a stack whose files are older than its containers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ..hosts import Host, HostError
from ..model import Container, Project, Role, ServiceHash
from ..stacks.applied import LABEL_HASH, newer_than_container
from ..stacks.services import role_of_container
from .board import Board
from .cadence import Cadence
from .worker import Worker, pause

ROLES: frozenset[Role] = frozenset({"librechat"})
"""Stacks whose checks compare hashes: those with a container of one of these roles."""
DEADLINE = 20.0
Ask = Callable[[str, str, Sequence[str]], tuple[str, Mapping[str, str]]]


class Hashes:
    """The part ``service_hashes``."""

    def __init__(self, host: Host, board: Board, cadence: Cadence) -> None:
        self._host = host
        self._board = board
        self._cadence = cadence
        self._worker = Worker("Docker Compose")
        self._known: dict[str, tuple[object, tuple[ServiceHash, ...]]] = {}
        self._wake = asyncio.Event()

    def request(self) -> None:
        """Ask again now."""
        self._known.clear()
        self._wake.set()

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await self.read()
            await asyncio.sleep(min(1.0, self._cadence.projects))
            await pause(self._wake, self._cadence.projects)

    async def read(self) -> None:
        """One look at all projects."""
        parts, engine = self._board.parts, self._host.engine
        local = engine is not None and engine.local
        found: list[ServiceHash] = []
        for project in parts.projects if local else ():
            made = [one for one in parts.containers if one.project == project.name and LABEL_HASH in one.labels]
            if any(role_of_container(one) in ROLES for one in made):
                found += await self._of_project(project, made)
        if tuple(found) != parts.service_hashes:
            self._board.put(service_hashes=tuple(found))

    async def _of_project(self, project: Project, made: Sequence[Container]) -> tuple[ServiceHash, ...]:
        edited = {one.id: newer_than_container(one, project, self._board.parts.files) for one in made}
        if not any(edited.values()):
            self._known.pop(project.name, None)
            return ()
        life = (project.files, sorted((key, repr(facts)) for key, facts in edited.items()))
        known = self._known.get(project.name)
        if known is not None and known[0] == life:
            return known[1]
        hashes = await self._ask(project)
        self._known[project.name] = (life, hashes)
        return hashes

    async def _ask(self, project: Project) -> tuple[ServiceHash, ...]:
        """Nothing where Compose is missing or refuses the files: that is told where it is needed."""
        ask: Ask | None = getattr(self._host.control, "service_hashes", None)
        files = [file.path for file in project.files if file.in_use]
        if ask is None or not files or project.working_dir is None or any(file.error for file in project.files):
            return ()
        try:
            version, values = await self._worker.call(DEADLINE, ask, project.name, project.working_dir, files)
        except HostError:
            return ()
        own_env = {service.name for service in project.services if service.env_files}
        return tuple(
            ServiceHash(project.name, name, value, version)
            for name, value in sorted(values.items())
            if name not in own_env  # fact: measured, their hash is another one with `config` than with `up`
        )

    def close(self) -> None:
        """Let the thread go."""
        self._worker.close()
