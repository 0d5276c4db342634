"""What Compose v2 does, on the practice stack: reads the in-memory files and makes the containers follow them.

It answers as the command would (exit code, lines), and really recreates: a changed definition is a new container. Only
the verbs that stackops uses are here; another says so, as the command does.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from ...model import ComposeService, Project
from .. import EngineFailed, Files, HostError
from .containers import Instance
from .replies import COMPOSE_VERSION
from .stand import Bind, Definition
from .world import World

LABEL = "com.docker.compose."
VERBS = ("up", "create", "start", "stop", "restart", "config", "ps", "version")
NO_FILE, BAD_FILE, BAD_USAGE = 14, 15, 16
"""fact: exit codes of Compose 2.26.1."""


@dataclass(frozen=True)
class Call:
    """One command line, taken apart."""

    verb: str
    flags: frozenset[str]
    services: tuple[str, ...]


@dataclass
class Said:
    """What the command says and how it ends."""

    lines: list[str] = field(default_factory=list)
    exit_code: int = 0


class Compose:
    """One project: its name, folder and files, as ``-p``, ``--project-directory`` and ``-f`` give them."""

    def __init__(self, world: World, files: Files, name: str, directory: str, paths: Sequence[str]) -> None:
        self._world = world
        self._files = files
        self._name = name
        self._directory = directory
        self._paths = tuple(posixpath.join(directory, path) for path in paths)

    def run(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Exit code and output."""
        call = taken_apart(arguments)
        if call.verb == "version":
            return 0, f"Docker Compose version v{COMPOSE_VERSION}"
        if call.verb not in VERBS:
            return BAD_USAGE, f'unknown docker command: "compose {call.verb}"'
        for path in self._paths:
            if self._files.stat(path).kind != "file":
                return NO_FILE, f"open {path}: no such file or directory"
        project, fault = self._read()
        if fault:
            return BAD_FILE, fault
        unknown = next((n for n in call.services if n not in {s.name for s in project.services}), None)
        if unknown is not None:
            return 1, f"no such service: {unknown}"
        said = Said()
        with self._world.lock:
            self._do(call, project, said)
        return said.exit_code, "\n".join(said.lines)

    def _read(self) -> tuple[Project, str | None]:
        from ...sources.compose import read_project

        project, faults = read_project(self._files, self._directory, name=self._name, config_files=self._paths)
        broken = next((file.error for file in project.files if file.error and file.in_use), None)
        return project, broken or (faults[0].sentence if faults and not project.services else None)

    def _do(self, call: Call, project: Project, said: Said) -> None:
        wanted = [s for s in project.services if (s.name in call.services if call.services else not s.profiles)]
        if call.verb == "config":
            said.lines += self._config(call, project, wanted)
            return
        if call.verb in ("up", "create") and "--no-deps" not in call.flags:
            wanted = in_order(project, wanted)
        for service in wanted:
            try:
                self._one(call, project, service, said)
            except HostError as error:
                said.lines.append(f"Error response from daemon: {error}")
                said.exit_code = 1
                return

    def _one(self, call: Call, project: Project, service: ComposeService, said: Said) -> None:
        found = self.container(service.name)
        if call.verb in ("up", "create"):
            self._up(call, project, service, found, said)
        elif call.verb == "ps":
            said.lines += [found.name] if found else []
        elif found is not None:
            done = {"start": "Started", "stop": "Stopped", "restart": "Started"}[call.verb]
            {"start": self._world.start, "stop": self._world.stop, "restart": self._world.restart}[call.verb](found)
            said.lines.append(f" Container {found.name}  {done}")

    def _up(self, call: Call, project: Project, service: ComposeService, found: Instance | None, said: Said) -> None:
        definition = self.definition(project, service)
        # fact: --force-recreate is for the services that are named; what they depend on is recreated when it differs
        forced = "--force-recreate" in call.flags and (not call.services or service.name in call.services)
        if found is not None and (forced or _hash_of(found) != _hash_in(definition.labels)):
            self._sources(definition)
            self._world.remove(found)
            said.lines += [f" Container {found.name}  Recreate", f" Container {found.name}  Recreated"]
            found = self._world.create(definition)
        elif found is None:
            found = self._world.create(definition)
            said.lines += [f" Container {found.name}  Creating", f" Container {found.name}  Created"]
        if call.verb == "create" or "--no-start" in call.flags:
            return
        if found.state in ("running", "restarting"):
            said.lines.append(f" Container {found.name}  Running")
            return
        said.lines.append(f" Container {found.name}  Starting")
        self._world.start(found)
        said.lines.append(f" Container {found.name}  Started")

    def _sources(self, definition: Definition) -> None:
        """fact: a recreate that cannot be created leaves the old container as it was."""
        for bind in definition.binds:
            if bind.must_exist and self._files.stat(bind.source).kind == "missing":
                raise EngineFailed(
                    f'invalid mount config for type "bind": bind source path does not exist: {bind.source}'
                )

    def container(self, service: str) -> Instance | None:
        """The service's container, by its labels."""
        wanted = {LABEL + "project": self._name, LABEL + "service": service}
        for found in self._world.containers():
            if wanted.items() <= found.definition.labels.items():
                return found
        return None

    def _config(self, call: Call, project: Project, wanted: Sequence[ComposeService]) -> list[str]:
        if "--hash" in call.flags:
            return [f"{s.name} {_hash_in(self.definition(project, s).labels)}" for s in wanted]
        if "--services" in call.flags:
            return [s.name for s in wanted]
        return [] if call.flags & {"-q", "--quiet"} else [f"name: {project.name}"]

    def definition(self, project: Project, service: ComposeService) -> Definition:
        """The container that the files ask for."""
        binds = tuple(
            Bind(v.source if v.kind == "bind" else f"{self._name}_{v.source.removeprefix(self._name + '_')}", v.target,
                 kind=v.kind, read_only=v.read_only, must_exist=v.long_form and v.kind == "bind")
            for v in service.volumes
        )  # fmt: skip
        plain = Definition(
            name=service.container_name or f"{self._name}-{service.name}-1", image=service.image or "", binds=binds,
            command=service.command, entrypoint=service.entrypoint, user=service.user or "", ports=service.ports,
            working_dir=service.working_dir or "", restart=service.restart or "no", service=service.name,
            env=tuple((v.name, v.value) for v in service.env), network=f"{self._name}_default",
            device_requests=service.device_requests, extra_hosts=service.extra_hosts, unset=service.unset,
            memory=service.memory_limit or 0,
        )  # fmt: skip
        labels = {
            "project": self._name, "service": service.name, "container-number": "1", "oneoff": "False",
            "project.working_dir": self._directory, "project.config_files": ",".join(self._used(project)),
            "config-hash": hashlib.sha256(msgspec.json.encode(plain)).hexdigest(), "version": COMPOSE_VERSION,
            "depends_on": ",".join(f"{name}:service_started:false" for name in service.depends_on),
        }  # fmt: skip
        return replace(plain, labels={LABEL + k: v for k, v in labels.items()})

    def _used(self, project: Project) -> tuple[str, ...]:
        return self._paths or tuple(file.path for file in project.files if file.in_use)


def taken_apart(arguments: Sequence[str]) -> Call:
    """Verb, flags and services; the value of a flag that takes one is dropped."""
    verb, *rest = arguments or ("",)
    flags, services = set(), []
    words = iter(rest)
    for word in words:
        if word.startswith("-"):
            flags.add(word.partition("=")[0])
            if word in ("-t", "--timeout", "--hash", "--format", "--pull", "--scale", "--wait-timeout"):
                next(words, None)
        else:
            services.append(word)
    return Call(verb, frozenset(flags), tuple(services))


def in_order(project: Project, wanted: Sequence[ComposeService]) -> list[ComposeService]:
    """The services and all they depend on, dependencies first."""
    by_name = {service.name: service for service in project.services}
    order: dict[str, ComposeService] = {}

    def add(service: ComposeService, path: tuple[str, ...]) -> None:
        for name in service.depends_on:
            if name in by_name and name not in path:
                add(by_name[name], (*path, service.name))
        order.setdefault(service.name, service)

    for service in wanted:
        add(service, ())
    return list(order.values())


def _hash_in(labels: object) -> str:
    return str(dict(labels).get(LABEL + "config-hash", ""))  # type: ignore[call-overload]


def _hash_of(container: Instance) -> str:
    return _hash_in(container.definition.labels)
