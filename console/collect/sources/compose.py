"""What the stacks' files say: compose projects, facts of files, key files.

Each project is read on a way of its own, so that one on a dead NFS mount holds up no other. A project is parsed again
only when one of its files has changed, and once a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ...compose.places import BY_ITSELF, ProjectPlace, project_places
from ...hosts import ComposeProject, Files, Host, HostError
from ...hosts.call import NotAnsweringError, call_async
from ...model import Container, Fault, Project, ServiceHash
from ...products.services import LABEL_HASH, newer_than_container
from ...text import _
from ..board import NewParts, fault_of
from ..source import Site, Source

Stamp = tuple[tuple[str, str, float | None, int | None, int | None], ...]


class _Known:
    """What is remembered of one project."""

    def __init__(self) -> None:
        self.project: Project | None = None
        self.faults: tuple[Fault, ...] = ()
        self.stamp: Stamp | None = None
        self.read_at = 0.0


class _OfFiles(Source):
    """What both have in common."""

    every = "projects"
    from_files = True

    @classmethod
    def is_here(cls, host: Host) -> bool:  # noqa: ARG003
        """Always: folders can be named too."""
        return True

    def containers(self) -> tuple[Container, ...]:
        """Nobody where the Engine is elsewhere: the paths in its labels are of another machine."""
        return self.parts.containers if self.site.local else ()

    def of_interest(self) -> object:
        """A container of a project came, went, started or was made anew."""
        return {c.id: (c.state, c.started_at, c.project, c.detailed) for c in self.parts.containers if c.project}


class ComposeProjects(_OfFiles):
    """The projects, by the folders that containers and settings name."""

    name = "compose"
    gives = ("projects",)
    wakes_on = ("containers",)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._known: dict[ProjectPlace, _Known] = {}

    def anew(self, *, by_key: bool) -> None:  # noqa: ARG002
        """Parse what seems unchanged too."""
        for known in self._known.values():
            known.stamp = None

    async def read(self) -> NewParts:
        """One look at all projects."""
        places = project_places(self.containers(), self.site.directories)
        self._known = {place: self._known.get(place) or _Known() for place in places}
        told = await asyncio.gather(*(self._read_project(place) for place in places))
        only = self.site.settings.project
        found = (self._known[place].project for place in places)
        projects = tuple(p for p in found if p is not None and only in (None, p.name))
        read = tuple(_name(place) for place, (_, well) in zip(places, told, strict=True) if well)
        parts: dict[str, object] = {"projects": projects} if projects != self.parts.projects else {}
        return NewParts(parts, tuple(fault for faults, _ in told for fault in faults), read)

    async def _read_project(self, place: ProjectPlace) -> tuple[tuple[Fault, ...], bool]:
        """What is wrong with it, and whether it was read well."""
        known, source = self._known[place], _name(place)
        try:
            await self._parse(place, known)
        except Exception as error:  # noqa: BLE001 - becomes its Fault, and is kept where it is a defect of ours
            if known.project is None and place.name is not None:
                known.project = Project(name=place.name, working_dir=place.directory)
            return (fault_of(source, error),), False
        return known.faults, True

    async def _parse(self, place: ProjectPlace, known: _Known) -> None:
        from ...compose.reading import read_project

        files, now, what = (
            self.host.files,
            self.host.clock.monotonic(),
            _("The folder {directory}", directory=place.directory),
        )
        way = (self, place)
        stamp = await call_async(lambda: _stamp(files, place, known.project), self.deadline, what, way=way)
        if stamp == known.stamp and now - known.read_at < self.cadence.whole_projects:
            return
        known.project, known.faults = await call_async(
            lambda: read_project(
                files, place.directory, name=place.name, config_files=place.config_files, env_files=place.env_files
            ), self.deadline, what, way=way,
        )  # fmt: skip
        known.stamp, known.read_at = stamp, now


class FileFacts(_OfFiles):
    """What the files are that projects and containers name."""

    name = "files"
    gives = ("files", "keyfiles", "mongod_configs", "json_files", "data_releases", "proxies")
    what = "The folder of a stack"
    wakes_on = ("containers", "projects")
    after = ("compose",)
    always = True

    def of_interest(self) -> object:
        """The same, and other projects."""
        return (super().of_interest(), self.parts.projects)

    async def read(self) -> NewParts:
        """Look at all of them."""
        from ...products.proxies import proxy_configs
        from ..files import data_releases, facts, json_facts, json_paths, keyfile_facts, keyfile_paths, mongod_configs

        files, projects, containers = self.host.files, self.parts.projects, self.containers()

        def look() -> dict[str, object]:
            configs = mongod_configs(files, projects, containers)
            keys = keyfile_paths(projects, containers, configs)
            return {
                "files": facts(files, projects, containers, keys), "keyfiles": keyfile_facts(files, keys),
                "mongod_configs": configs, "json_files": json_facts(files, json_paths(projects, containers)),
                "data_releases": data_releases(files, projects, containers),
                "proxies": proxy_configs(files, containers),
            }  # fmt: skip

        return NewParts(await self.call(look))


def _name(place: ProjectPlace) -> str:
    return f"compose:{place.directory}"


def _stamp(files: Files, place: ProjectPlace, project: Project | None) -> Stamp:
    """What tells without reading that a project's files are as they were."""
    folder = place.directory.rstrip("/")  # all that Compose would read there, whether or not it is there yet
    paths = {f"{folder}/{name}" for name in (".env", *BY_ITSELF)} | {*place.config_files, *place.env_files}
    if project is not None:
        paths |= {file.path for file in project.files}
        paths |= {path for service in project.services for path in service.env_files}
    facts = (files.stat(path) for path in sorted(paths))
    return tuple((fact.path, fact.kind, fact.mtime, fact.size, fact.inode) for fact in facts)


DEADLINE = 18.0
"""Seconds; below Compose's own, so that one that hangs is known by it."""
Ask = Callable[..., tuple[str, Mapping[str, str]]]


class Hashes(Source):
    """Compose's hash of each service, once per edit."""

    name = "hashes"
    gives = ("service_hashes",)
    made_of = ("files",)
    what = "Docker Compose"
    every = "projects"
    after = ("files",)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._known: dict[str, tuple[object, tuple[ServiceHash, ...]]] = {}
        self._late: NotAnsweringError | None = None

    @property
    def deadline(self) -> float:
        """For one project."""
        return DEADLINE

    def anew(self, *, by_key: bool) -> None:  # noqa: ARG002
        """Ask again for what was edited."""
        self._known.clear()

    async def read(self) -> NewParts:
        """One look at all projects."""
        parts = self.parts
        found: list[ServiceHash] = []
        self._known = {one.name: self._known[one.name] for one in parts.projects if one.name in self._known}
        for project in parts.projects if self.site.local else ():
            made = [one for one in parts.containers if one.project == project.name and LABEL_HASH in one.labels]
            found += await self._of_project(project, made)
        faults = () if self._late is None else (fault_of(self.name, self._late),)
        return NewParts({"service_hashes": tuple(found)}, faults, read=())

    async def _of_project(self, project: Project, made: Sequence[Container]) -> tuple[ServiceHash, ...]:
        edited = {one.id: newer_than_container(one, project, self.parts.files) for one in made}
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
        ask: Ask | None = getattr(self.host.control, "service_hashes", None)
        files = [file.path for file in project.files if file.in_use]
        if ask is None or not files or project.working_dir is None or any(file.error for file in project.files):
            return ()
        try:
            named = ComposeProject(project.name, project.working_dir, files, project.env_files)
            version, values = await self.call(ask, named)
        except NotAnsweringError as error:
            self._late = error
            return ()
        except HostError:
            return ()
        self._late = None
        own_env = {service.name for service in project.services if service.env_files}
        return tuple(
            ServiceHash(project.name, name, value, version)
            for name, value in sorted(values.items())
            if name not in own_env  # fact: measured, their hash is another one with `config` than with `up`
        )
