"""What the stacks' files and logs say: compose projects, facts of files, key files, marks in logs.

Each project has a worker of its own, so that one on a dead NFS mount holds up no other. A project is parsed again only
when one of its files has changed, and once a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..hosts import Files, Host
from ..model import Container, Fault, Project
from ..stacks.projects import ProjectPlace, project_places
from .board import Board
from .cadence import Cadence
from .worker import Worker, pause

Stamp = tuple[tuple[str, str, float | None, int | None, int | None], ...]
# what Compose would read in a folder, whether or not it is there yet
_CANDIDATES = (
    ".env", "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "compose.override.yml",
    "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
)  # fmt: skip


class _Reading:
    """What is remembered of one project."""

    def __init__(self, place: ProjectPlace) -> None:
        self.worker = Worker(f"The folder {place.directory}")
        self.project: Project | None = None
        self.faults: tuple[Fault, ...] = ()
        self.stamp: Stamp | None = None
        self.read_at = 0.0


class Stack:
    """The parts ``projects``, ``files`` and ``keyfiles``."""

    def __init__(
        self, host: Host, board: Board, cadence: Cadence, *, directories: Sequence[str], only: str | None
    ) -> None:
        self._host = host
        self._board = board
        self._cadence = cadence
        self._directories = tuple(directories)
        self._only = only
        self._readings: dict[ProjectPlace, _Reading] = {}
        self._facts_worker = Worker("The folder of a stack")
        self._wake = asyncio.Event()
        self._seen: dict[str, tuple[object, ...]] = {}

    def request(self) -> None:
        """Look again now, at files that seem unchanged too."""
        for reading in self._readings.values():
            reading.stamp = None
        self._wake.set()

    def containers_changed(self) -> None:
        """Look again when a container of a project came, went, started or was made anew."""
        seen: dict[str, tuple[object, ...]] = {
            c.id: (c.state, c.started_at, c.project, c.detailed) for c in self._board.parts.containers if c.project
        }
        if seen != self._seen:
            self._seen = seen
            self._wake.set()

    async def watch(self) -> None:
        """Read for ever, at most once a second."""
        while True:
            await self.read()
            await asyncio.sleep(min(1.0, self._cadence.projects))
            await pause(self._wake, self._cadence.projects)

    async def read(self) -> None:
        """One look at all projects, then at the files they name."""
        places = project_places(self._containers(), self._directories)
        for gone in self._readings.keys() - set(places):
            self._readings.pop(gone).worker.close()
            self._board.forget(f"compose:{gone.directory}")
        for place in places:
            self._readings.setdefault(place, _Reading(place))
        await asyncio.gather(*(self._read_project(place) for place in places))
        found = (self._readings[place].project for place in places)
        projects = tuple(p for p in found if p is not None and self._only in (None, p.name))
        if projects != self._board.parts.projects:
            self._board.put(projects=projects)
        await self._read_facts(projects)

    def _containers(self) -> tuple[Container, ...]:
        """Nobody where the Engine is elsewhere: the paths in its labels are of another machine."""
        engine = self._host.engine
        return self._board.parts.containers if engine is not None and engine.local else ()

    async def _read_project(self, place: ProjectPlace) -> None:
        from ..sources.compose import read_project

        reading, files, now = self._readings[place], self._host.files, self._host.clock.monotonic()
        source, deadline = f"compose:{place.directory}", self._cadence.files_deadline
        with self._board.catch(source) as caught:
            stamp = await reading.worker.call(deadline, _stamp, files, place, reading.project)
            if stamp == reading.stamp and now - reading.read_at < self._cadence.whole_projects:
                self._board.good(source, reading.faults)
                return
            project, faults = await reading.worker.call(
                deadline, read_project, files, place.directory, name=place.name, config_files=place.config_files
            )
            reading.project, reading.faults, reading.stamp, reading.read_at = project, faults, stamp, now
            self._board.good(source, faults)
        if caught.failed and reading.project is None and place.name is not None:
            reading.project = Project(name=place.name, working_dir=place.directory)

    async def _read_facts(self, projects: tuple[Project, ...]) -> None:
        from ..sources.files import facts, keyfile_facts, keyfile_paths
        from ..sources.json_files import json_facts, json_paths

        files, deadline, containers = self._host.files, self._cadence.files_deadline, self._containers()
        with self._board.catch("files"):
            paths, jsons = keyfile_paths(projects, containers), json_paths(projects, containers)
            found, keys, told = await self._facts_worker.call(
                deadline,
                lambda: (facts(files, projects, containers), keyfile_facts(files, paths), json_facts(files, jsons)),
            )
            self._board.good("files", files=found, keyfiles=keys, json_files=told)

    def close(self) -> None:
        """Let the threads go."""
        for worker in (self._facts_worker, *(reading.worker for reading in self._readings.values())):
            worker.close()


def _stamp(files: Files, place: ProjectPlace, project: Project | None) -> Stamp:
    """What tells without reading that a project's files are as they were."""
    paths = {f"{place.directory.rstrip('/')}/{name}" for name in _CANDIDATES} | set(place.config_files)
    if project is not None:
        paths |= {file.path for file in project.files}
        paths |= {path for service in project.services for path in service.env_files}
    facts = (files.stat(path) for path in sorted(paths))
    return tuple((fact.path, fact.kind, fact.mtime, fact.size, fact.inode) for fact in facts)
