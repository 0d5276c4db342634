"""A host to repair things on: real files in a folder, an Engine and a Compose that are data kept in a file.

The data outlive the process, so that a fix may be killed in one process and taken up in another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackops.console.compose.reading import read_project
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import (
    AddVolume,
    Chmod,
    Chown,
    ComposeUp,
    CreateFile,
    EditFile,
    RandomKey,
    ReplaceDirectoryByFile,
    ReplaceFile,
    StartContainer,
    Text,
)
from stackops.console.hosts import (
    CommandResult,
    ComposeProject,
    EngineFailed,
    EngineUnreachable,
    HostError,
    NotFound,
    ReadOnlyRefused,
    Rights,
    ServiceConfig,
)
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.hosts.local.locking import LocalLocks
from stackops.console.model.findings import Result
from support.clock import FakeClock

PROJECT = "chat"
ROOT = os.geteuid() == 0
SIXTH = "Chown" if ROOT else "Chmod"
OVERRIDE = """# ours, keep
services:
  api:
    environment:
      - A=1   # keep me
"""


class World:
    """What the Engine would know: one JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            self.save({"containers": [], "calls": [], "serial": 0, "compose": {}})

    def load(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    def save(self, data: dict[str, Any]) -> None:
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(data))
        temporary.replace(self.path)

    def change(self, act: Callable[[dict[str, Any]], Any]) -> Any:
        data = self.load()
        result = act(data)
        self.save(data)
        return result

    def say(self, **compose: Any) -> None:
        """How Compose behaves: ``up_exit``, ``config_exit``, ``output``, ``fail_from`` (the n-th up); or ``away``."""
        self.change(lambda data: data["compose"].update(compose))

    @property
    def calls(self) -> list[list[str]]:
        return self.load()["calls"]

    def container(self, service: str) -> dict[str, Any] | None:
        return next((c for c in self.load()["containers"] if c["service"] == service), None)

    def run(self, service: str, files: Sequence[str], state: str = "running") -> str:
        """A container of the service in place of any other."""

        made = declared(files, service)

        def act(data: dict[str, Any]) -> str:
            data["serial"] += 1
            ident = f"{data['serial']:064x}"
            data["containers"] = _without(data, service)
            data["containers"].append(
                {
                    "id": ident,
                    "service": service,
                    "state": state,
                    "files": list(files),
                    "started": f"t{data['serial']}",
                    "made": made,
                }
            )
            return ident

        return self.change(act)

    def remove(self, service: str) -> None:
        self.change(lambda data: data.update(containers=_without(data, service)))

    def set(self, service: str, **fields: Any) -> None:
        def act(data: dict[str, Any]) -> None:
            next(c for c in data["containers"] if c["service"] == service).update(fields)

        self.change(act)


class WorldEngine:
    """The few reads the fix engine does."""

    address = "test"
    local = True

    def __init__(self, world: World) -> None:
        self._world = world

    async def containers(self) -> bytes:
        self._require_engine()
        rows = [
            {"Id": c["id"], "Names": [f"/{c['service']}"], "State": c["state"], "Labels": _labels(c)}
            for c in self._world.load()["containers"]
        ]
        return json.dumps(rows).encode()

    def _require_engine(self) -> None:
        if self._world.load()["compose"].get("away"):
            raise EngineUnreachable("nobody listens at test: the Engine is not running")

    async def inspect(self, container: str) -> bytes:
        self._require_engine()
        for c in self._world.load()["containers"]:
            if container in (c["id"], c["service"]):
                state = {"Status": c["state"], "StartedAt": c["started"]}
                made = c["made"]
                config = {"Labels": _labels(c), "Image": made["image"], "Env": [f"{k}={v}" for k, v in made["env"]]}
                mounts = [{"Type": kind, "Name": s, "Source": s, "Destination": t} for kind, s, t in made["volumes"]]
                row = {"Id": c["id"], "Name": f"/{c['service']}", "State": state, "Config": config, "Mounts": mounts}
                row |= {"Image": "sha256:1", "NetworkSettings": {"Networks": {f"{PROJECT}_default": {}}}}
                return json.dumps(row).encode()
        raise NotFound("gone")

    async def image(self, image: str) -> bytes:
        return json.dumps({"Id": "sha256:1"}).encode()


class WorldControl:
    """Compose and restart, recorded."""

    def __init__(self, world: World, read_only: bool) -> None:
        self._world = world
        self._read_only = read_only

    def service_config(
        self, project: ComposeProject, service: str, *, edited: Mapping[str, bytes] | None = None, **_: Any
    ) -> ServiceConfig:
        files = project.files
        texts = [_Edited(edited or {}).read(path).decode() for path in files]
        said = self._world.change(lambda data: data.update(checked=texts) or data["compose"])
        if said.get("config_exit"):
            raise HostError(f"Compose refuses the files: {said['output']}")
        made = declared(files, service, edited or {})
        volumes = [{"type": kind, "source": source, "target": target} for kind, source, target in made["volumes"]]
        own = {"image": made["image"], "environment": dict(made["env"]), "volumes": volumes}
        networks = {"default": {"name": f"{project.name}_default"}}
        return ServiceConfig(
            json.dumps({"name": project.name, "services": {service: own}, "networks": networks}).encode()
        )

    def service_hashes(self, *asked: Any, **how: Any) -> tuple[str, dict[str, str]]:
        return "2.26.1", {}

    def compose(self, project: ComposeProject, arguments: Sequence[str], **_: Any) -> CommandResult:
        files = project.files
        if self._read_only:
            raise ReadOnlyRefused("read-only")
        said = self._world.change(lambda data: data["calls"].append([*files, *arguments]) or data["compose"])
        if said.get("away"):
            return CommandResult((), 1, "Cannot connect to the Docker daemon at test. Is the docker daemon running?\n")
        ups = sum(1 for call in self._world.calls if "up" in call)
        if said.get("up_exit") or ups >= said.get("fail_from", 1 << 30):
            return CommandResult((), 1, said.get("output", "no such image"))
        if "rm" in arguments:
            self._world.change(lambda data: data.update(containers=_without(data, arguments[-1])))
            return CommandResult((), 0, "")
        self._world.run(arguments[-1], files, said.get("state", "running"))
        return CommandResult((), 0, "")

    def restart(self, container: str, *, stop_timeout: int = 10) -> None:
        self._act("restart", container, "running", anew=True)

    def start(self, container: str) -> None:
        self._act("start", container, "running", anew=True)

    def stop(self, container: str, *, stop_timeout: int = 10) -> None:
        self._act("stop", container, "exited")

    def _act(self, verb: str, container: str, state: str, *, anew: bool = False) -> None:
        """``World.say(restart="exited")``: it ends with an error and leaves the container so."""
        if self._read_only:
            raise ReadOnlyRefused("read-only")
        said = self._world.load()["compose"].get(verb)

        def act(data: dict[str, Any]) -> None:
            data["calls"].append([verb, container])
            data["serial"] += 1
            for c in data["containers"]:
                if c["id"] == container:
                    c.update(state=said or state, started=f"t{data['serial']}" if anew and not said else c["started"])

        self._world.change(act)
        if said:
            raise EngineFailed(f"cannot {verb} it: port is already allocated")


class WorkshopHost:
    """Local files, the world's Engine, a clock that tests own."""

    kind = "local"
    kernel = None
    gpus = None
    http = None
    http_acts = None
    databases = None

    def __init__(self, world: World, *, read_only: bool = False, files: Any = None) -> None:
        self.name = "workshop"
        self.read_only = read_only
        self.engine = WorldEngine(world)
        self.control = WorldControl(world, read_only)
        self.files = files or LocalFiles(read_only=read_only)
        self.clock = FakeClock()
        self.locks = LocalLocks()

    @property
    def rights(self) -> Rights:
        return Rights(os.geteuid())


class Workshop:
    """A project folder with everything wrong that a plan can put right, and a fixer for it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.project = base / "project"
        self.state = base / "state"
        if not self.project.exists():
            self._break()
        self.world = World(base / "world.json")
        self.override = str(self.project / "docker-compose.override.yml")
        self.compose = str(self.project / "docker-compose.yml")
        if self.world.container("api") is None:
            self.world.run("api", [self.compose, self.override])

    def _break(self) -> None:
        self.project.mkdir(parents=True)
        (self.project / "docker-compose.yml").write_text("services:\n  api:\n    image: x\n")
        (self.project / "docker-compose.override.yml").write_text(OVERRIDE)
        (self.project / "librechat.yaml").mkdir(mode=0o755)
        (self.project / "bad.key").write_bytes(b"not a key!\n")
        (self.project / "bad.key").chmod(0o644)

    def path(self, name: str) -> str:
        return str(self.project / name)

    def plan(self, **changes: Any) -> Plan:
        """Every kind of step there is, in a sensible order."""
        # only root can give a file away; anybody else gets another mode in its place, so that the steps are as many
        sixth = Chown(self.path("bad.key"), 999) if ROOT else Chmod(self.override, 0o600)
        steps = (
            EditFile(self.override, (AddVolume("api", "./librechat.yaml", "/app/librechat.yaml"),), create=True),
            ReplaceDirectoryByFile(self.path("librechat.yaml"), Text("version: 1.2.1\n"), mode=0o640),
            CreateFile(self.path("new.key"), RandomKey(), mode=0o400),
            ReplaceFile(self.path("bad.key"), RandomKey()),
            Chmod(self.path("bad.key"), 0o400),
            sixth,
            ComposeUp(PROJECT, str(self.project), (self.compose, self.override), "api"),
        )
        given = {"check": "test.all", "subject": "api", "title": "Everything is wrong", "steps": steps}
        return Plan(
            **(given | {"lock": str(self.project), "restarts": ("api",), "settle": 3.0, "deadline": 5.0} | changes)
        )

    def start(self) -> Plan:
        """The container that lies stopped started, and nothing else."""
        c = self.world.container("api")
        assert c is not None
        return self.plan(steps=(StartContainer(c["id"], "api"),))

    def runs(self) -> Result:
        """Good when the container runs."""
        c = self.world.container("api")
        return Result("test.all", "api", "ok" if c is not None and c["state"] == "running" else "finding", "It lies")

    def look(self) -> Result:
        """Good when the container was made after the files were put right."""
        c = self.world.container("api")
        good = c is not None and int(c["id"], 16) > 1 and (self.project / "librechat.yaml").is_file()
        return Result("test.all", "api", "ok" if good else "finding", "It is " + ("right" if good else "still wrong"))

    def fixer(self, look: Callable[[], Result] | None = None, **host: Any) -> Fixer:
        return Fixer(WorkshopHost(self.world, **host), Journal(self.state), look or self.look)

    def tree(self) -> dict[str, tuple[Any, ...]]:
        """Every path of the project: kind, mode, owner, bytes."""
        return tree(self.project)


def tree(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Every path below a folder: kind, mode, owner, bytes."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (
            path.is_dir(),
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            content,
        )
    return found


def never() -> Result:
    """A finding that nothing takes away."""
    return Result("test.all", "api", "finding", "It is still wrong")


def broken() -> Result:
    raise HostError("the Engine is gone")


class _Edited(LocalFiles):
    """Files of this machine with other contents at some paths."""

    def __init__(self, edited: Mapping[str, bytes]) -> None:
        super().__init__(read_only=True)
        self._edited = edited

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        return self._edited[path] if path in self._edited else super().read(path, limit=limit)


def declared(files: Sequence[str], service: str, edited: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    """Image, environment and volumes that the compose files give a service."""
    folder = str(Path(files[0]).parent) if files else "/"
    project, _ = read_project(_Edited(edited or {}), folder, name=PROJECT, config_files=files)
    one = next((each for each in project.services if each.name == service), None)
    env = [(var.name, var.value) for var in one.env] if one else []
    return {"image": one.image if one else "x", "env": env,
            "volumes": [(v.kind, v.source, v.target) for v in one.volumes] if one else []}  # fmt: skip


def _without(data: dict[str, Any], service: str) -> list[dict[str, Any]]:
    return [c for c in data["containers"] if c["service"] != service]


def _labels(c: dict[str, Any]) -> dict[str, str]:
    prefix = "com.docker.compose"
    return {
        f"{prefix}.project": PROJECT, f"{prefix}.service": c["service"], f"{prefix}.oneoff": "False",
        f"{prefix}.project.config_files": ",".join(c["files"]),
    }  # fmt: skip
