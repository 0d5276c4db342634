"""The Control door of the practice stack, and Compose v2 on it: makes the containers follow the files in memory.

It answers as the command would (exit code, lines), and really recreates: a changed definition is a new container. Only
the verbs that stackops uses are here; another says so, as the command does.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from ..hosts import CommandResult, ComposeProject, EngineFailed, Files, HostError, ReadOnlyRefused, ServiceConfig
from ..model import ComposeService, FileFact, Project
from ..text import N_, _
from . import kernel
from .containers import Instance
from .replies import COMPOSE_VERSION, published
from .stand import Bind, Definition
from .world import World

LABEL = "com.docker.compose."
VERBS = ("up", "create", "start", "stop", "restart", "rm", "down", "config", "ps", "version")
NO_FILE, BAD_FILE, BAD_USAGE = 14, 15, 16
"""fact: exit codes of Compose 2.26.1."""


@dataclass(frozen=True)
class Call:
    """One command line, taken apart."""

    verb: str
    flags: frozenset[str]
    services: tuple[str, ...]


class Compose:
    """One project: name, folder and files, as ``-p``, ``--project-directory``, ``-f`` and ``--env-file`` give them."""

    def __init__(self, world: World, files: Files, project: ComposeProject) -> None:
        self._world = world
        self._files = files
        self._name = project.name
        self._directory = project.directory
        self._paths = tuple(posixpath.join(project.directory, path) for path in project.files)
        self._env_files = tuple(posixpath.join(project.directory, path) for path in project.env_files)

    def run(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Exit code and output."""
        call = taken_apart(arguments)
        if call.verb == "version":
            return 0, f"Docker Compose version v{COMPOSE_VERSION}"
        if call.verb not in VERBS:
            return BAD_USAGE, f'unknown docker command: "compose {call.verb}"'
        if "--scale" in call.flags:
            return 1, "The practice stack runs one container of each service"
        for path in self._env_files:
            if self._files.stat(path).kind != "file":
                return 1, f"Couldn't find env file: {path}"
        for path in self._paths:
            if self._files.stat(path).kind != "file":
                return NO_FILE, f"open {path}: no such file or directory"
        project, fault = self._read()
        if fault:
            return BAD_FILE, fault
        unknown = next((n for n in call.services if n not in {s.name for s in project.services}), None)
        if unknown is not None:
            return 1, f"no such service: {unknown}"
        said: list[str] = []
        with self._world.lock:
            exit_code = self._do(call, project, said)
        return exit_code, "\n".join(said)

    def _read(self) -> tuple[Project, str | None]:
        from ..compose.reading import read_project

        project, faults = read_project(
            self._files, self._directory, name=self._name, config_files=self._paths, env_files=self._env_files
        )
        broken = next((file.error for file in project.files if file.error and file.in_use), None)
        return project, broken or (faults[0].sentence if faults and not project.services else None)

    def _do(self, call: Call, project: Project, said: list[str]) -> int:
        wanted = [s for s in project.services if (s.name in call.services if call.services else not s.profiles)]
        if call.verb == "config":
            said += self._config(call, project, wanted)
            return 0
        if call.verb in ("up", "create") and "--no-deps" not in call.flags:
            wanted = in_order(project, wanted)
        for service in wanted:
            try:
                self._one(call, project, service, said)
            except HostError as error:
                said.append(f"Error response from daemon: {error}")
                return 1
        return 0

    def _one(self, call: Call, project: Project, service: ComposeService, said: list[str]) -> None:
        found = self.container(service.name)
        if call.verb in ("up", "create"):
            self._up(call, project, service, found, said)
        elif call.verb == "ps":
            said += [found.name] if found else []
        elif call.verb in ("rm", "down") and found is not None:
            self._world.remove(found)
            said.append(f" Container {found.name}  Removed")
        elif found is not None:
            done = {"start": "Started", "stop": "Stopped", "restart": "Started"}[call.verb]
            {"start": self._world.start, "stop": self._world.stop, "restart": self._world.restart}[call.verb](found)
            said.append(f" Container {found.name}  {done}")

    def _up(
        self, call: Call, project: Project, service: ComposeService, found: Instance | None, said: list[str]
    ) -> None:
        definition = self.definition(project, service)
        # fact: --force-recreate is for the services that are named; what they depend on is recreated when it differs
        forced = "--force-recreate" in call.flags and (not call.services or service.name in call.services)
        if found is not None and (forced or _hash_of(found) != _hash_in(definition.labels)):
            self._sources(definition)
            self._world.remove(found)
            said += [f" Container {found.name}  Recreate", f" Container {found.name}  Recreated"]
            found = self._world.create(definition)
        elif found is None:
            found = self._world.create(definition)
            said += [f" Container {found.name}  Creating", f" Container {found.name}  Created"]
        if call.verb == "create" or "--no-start" in call.flags:
            return
        if found.state in ("running", "restarting"):
            said.append(f" Container {found.name}  Running")
            return
        said.append(f" Container {found.name}  Starting")
        self._world.start(found)
        said.append(f" Container {found.name}  Started")

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

    def config(self, name: str) -> dict[str, object]:
        """What ``config --format json`` says of one service; a dollar sign twice. Raises HostError as it refuses."""
        exit_code, output = self.run(("config", "-q", name))
        project, _ = self._read()
        service = next((one for one in project.services if one.name == name), None)
        if exit_code or service is None:
            raise HostError(f"Compose refuses the files in {self._directory}: {output}")
        of = self.definition(project, service)
        network = (
            {"network_mode": of.network} if of.network in ("bridge", "host", "none") else {"networks": {"d": None}}
        )
        told = {
            "image": of.image, "container_name": of.name, "command": of.command or None,
            "entrypoint": of.entrypoint or None, "user": of.user, "working_dir": of.working_dir,
            "restart": of.restart, "mem_limit": str(of.memory),
            "environment": {**dict(of.env), **dict.fromkeys(of.unset)}, "extra_hosts": of.extra_hosts, **network,
            "volumes": [
                {"type": one.kind, "source": one.source, "target": one.target, "read_only": one.read_only}
                for one in of.binds
            ],
            "ports": [
                {"host_ip": ip, "published": host, "target": inner.partition("/")[0],
                 "protocol": inner.partition("/")[2]}
                for ip, host, inner in published(of.ports)
            ],
            "deploy": {"resources": {"reservations": {"devices": [
                {"driver": one.driver, "count": one.count, "device_ids": one.ids, "capabilities": one.capabilities}
                for one in of.device_requests
            ]}}},
        }  # fmt: skip
        whole = {"name": self._name, "services": {name: told}, "networks": {"d": {"name": of.network}}}
        doubled: dict[str, object] = msgspec.json.decode(msgspec.json.encode(whole).replace(b"$", b"$$"))
        return doubled

    def definitions(self) -> list[Definition]:
        """The containers that the files ask for."""
        project, _ = self._read()
        return [self.definition(project, service) for service in project.services]

    def definition(self, project: Project, service: ComposeService) -> Definition:
        """That of one service."""
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
            **({"project.environment_file": ",".join(self._env_files)} if self._env_files else {}),
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


class _Edited:
    """The files, with other contents at some paths."""

    def __init__(self, files: Files, edited: Mapping[str, bytes]) -> None:
        self._files = files
        self._edited = edited

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the door offers
        return getattr(self._files, name)

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        """What is there, or would be."""
        return FileFact(path=path, kind="file") if path in self._edited else self._files.stat(path, digest=digest)

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        """The content that is there, or would be."""
        return self._edited[path] if path in self._edited else self._files.read(path, limit=limit)


class DemoControl:
    """Acts that change the world as the Engine and Compose would change a machine."""

    def __init__(self, world: World, files: Files, ready: Callable[[], None], *, read_only: bool) -> None:
        self._world = world
        self._files = files
        self._ready = ready
        self.read_only = read_only

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:
        """Restart with the definition it has."""
        self._may()
        self._world.restart(self._world.find(container))

    def start(self, container: str) -> None:
        self._may()
        self._world.start(self._world.find(container))

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:
        """Stop it; its restart policy does not bring it back."""
        self._may()
        self._world.stop(self._world.find(container))

    def kill(self, container: str) -> None:
        self._may()
        self._world.stop(self._world.find(container), exit_code=137)

    def pause(self, container: str) -> None:
        self._may()
        self._world.pause(self._world.find(container))

    def unpause(self, container: str) -> None:
        self._may()
        self._world.unpause(self._world.find(container))

    def remove(self, container: str) -> None:
        self._may()
        with self._world.lock:
            found = self._world.find(container)
            if found.state in ("running", "restarting"):
                raise EngineFailed(N_(f"{found.name} is running and is not removed"), N_("stop it first"), status=409)
            self._world.remove(found)

    def pull(self, image: str, hear: Callable[[bytes], None], *, deadline: float) -> None:
        """Its registry never has anything newer."""
        self._may()
        hear(msgspec.json.encode({"status": f"Status: Image is up to date for {image}"}))

    def tag(self, image: str, name: str) -> None:
        self._may()

    def remove_image(self, image: str) -> None:
        """The practice stack has no image that nobody uses."""
        self._may()

    remove_network = remove_image

    def prune_build_cache(self) -> None:
        self._may()

    def compose(self, project: ComposeProject, arguments: Sequence[str], *, deadline: float = 120.0) -> CommandResult:
        self._may()
        exit_code, output = Compose(self._world, self._files, project).run(arguments)
        return CommandResult(("docker", "compose", *project.flags, *arguments), exit_code, output)

    def service_config(
        self,
        project: ComposeProject,
        service: str,
        *,
        edited: Mapping[str, bytes] | None = None,
        deadline: float = 20.0,
    ) -> ServiceConfig:
        self._ready()
        files = cast("Files", _Edited(self._files, edited or {}))
        return ServiceConfig(
            msgspec.json.encode(Compose(self._world, files, project.naming(edited or {})).config(service))
        )

    def service_hashes(self, project: ComposeProject, *, deadline: float = 20.0) -> tuple[str, Mapping[str, str]]:
        """What ``config --hash`` says of the files in memory; allowed in read-only mode."""
        self._ready()
        exit_code, output = Compose(self._world, self._files, project).run(("config", "--hash", "*"))
        if exit_code:
            raise HostError(output)
        return COMPOSE_VERSION, dict(line.split(" ", 1) for line in output.splitlines())

    def reload_engine(self, pid: int, *, unit: str | None = None) -> CommandResult:
        """What dockerd does with its file at a SIGHUP."""
        self._may()
        return kernel.reload(self._world, pid, unit)

    def validate_engine_config(self, content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
        return kernel.validate(content)

    def execute(
        self, container: str, arguments: Sequence[str], environment: Mapping[str, str], deadline: float
    ) -> CommandResult:
        """There is no program in the containers of the practice stack: 126, as of a missing one."""
        self._may()
        return CommandResult(tuple(arguments), 126, _("{container} is part of the practice stack", container=container))

    def shell(self, container: str) -> Sequence[str]:
        """There is nothing to open a shell in: says so instead."""
        return (
            "echo",
            _("{container} is part of the practice stack: there is no shell inside it", container=container),
        )

    def _may(self) -> None:
        if self.read_only:
            raise ReadOnlyRefused
        self._ready()
