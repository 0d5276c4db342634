"""One compose project with a mongod and an app, for tests: a real mongod stand-in on loopback, an Engine that is data.

The door to mongod is the real one. Acts on containers are recorded and change the Engine's data as they would.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stackops.checks import registry
from stackops.console.collect.collector import Cadence, collect
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.hosts.local.mongo import LocalDatabases
from stackops.console.model import MongoState, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings

from .fake_engine import container, container_id
from .memory_host import MemoryEngine, MemoryHost, MemoryKernel
from .mongod import Mongod

CHECK = "mongo.replica-set"
SETTINGS = Settings()
URI = "mongodb://myname:mypassword@mongo:27017/fastgpt?authSource=admin"
ROOT = {"MONGO_INITDB_ROOT_USERNAME": "myname", "MONGO_INITDB_ROOT_PASSWORD": "mypassword"}
USERS = {("admin", "myname"): "mypassword"}
MONGO, APP = container_id("mongo"), container_id("fastgpt")


class QuickClock:
    """Real time, in which sleeping costs a hundredth."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def monotonic_ns(self) -> int:
        return int(self.monotonic() * 1e9)

    def sleep(self, seconds: float) -> None:
        self._ahead += seconds * 0.99
        time.sleep(seconds / 100)


class Kernel(MemoryKernel):
    """With a processor that suits every MongoDB."""

    def features(self) -> frozenset[str]:
        return frozenset({"avx"})


class Recorded:
    """Restarts, recorded; the container starts anew and its log with it."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self.acts: list[str] = []

    def restart(self, ident: str, *, stop_timeout: int = 10) -> None:
        one = self._engine.containers_by_id[ident]
        self.acts.append(f"restart {one['Name'].lstrip('/')}")
        one["State"]["StartedAt"] = stamp(time.time())
        self._engine.log_lines.pop(ident, None)

    def execute(self, *_args: object) -> Any:
        raise AssertionError("nothing is executed in containers here")


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class MongoStack:
    """What a test looks at and repairs."""

    folder: Path
    mongod: Mongod
    uri: str | None = URI
    release: str = "v4.8.20"
    app_image: str = "ghcr.io/labring/fastgpt"
    env: dict[str, str] = field(default_factory=lambda: dict(ROOT))
    command: tuple[str, ...] = ("mongod", "--replSet", "rs0")
    mongo_image: str = "mongo:5.0.18"
    aliases: tuple[str, ...] = ("mongo",)
    age: float = 3600.0
    published: bool = True
    clock: QuickClock = field(default_factory=QuickClock)

    def __post_init__(self) -> None:
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        self.engine = MemoryEngine(self._mongo(project), self._app(project))
        self.control = Recorded(self.engine)
        self.databases = LocalDatabases(read_only=False, clock=self.clock)
        self.host = MemoryHost(
            engine=self.engine, kernel=Kernel(), files=LocalFiles(), clock=self.clock, databases=self.databases,  # type: ignore[arg-type]
            control=self.control, read_only=False, name="memory",
        )  # fmt: skip
        self.journal = Journal(self.folder / "state")

    def _mongo(self, project: Path) -> dict[str, Any]:
        port = 27017 if self.published else self.mongod.port
        command = self.command if self.published else (*self.command, "--port", str(port))
        ports: Any = {"27017/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(self.mongod.port)}]} if self.published else {}
        made = container(
            "mongo", image=self.mongo_image, env=self.env, command=list(command), project="fastgpt", service="mongo",
            ports=ports, working_dir=str(project), started_at=stamp(time.time() - self.age),
        )  # fmt: skip
        # an address that leads nowhere, unless it is the only way
        address = "127.0.0.1" if not self.published else ""
        made["NetworkSettings"]["Networks"] = {
            "fastgpt_default": {"IPAddress": address, "Aliases": [*self.aliases, made["Id"][:12]]}
        }
        return made

    def _app(self, project: Path) -> dict[str, Any]:
        env = {"MONGODB_URI": self.uri} if self.uri else {}
        made = container(
            "fastgpt", image=f"{self.app_image}:{self.release}", env=env, project="fastgpt", service="fastgpt",
            working_dir=str(project), started_at=stamp(time.time() - self.age),
        )  # fmt: skip
        made["NetworkSettings"]["Networks"] = {
            "fastgpt_default": {"IPAddress": "172.18.0.9", "Aliases": ["fastgpt", made["Id"][:12]]}
        }
        return made

    def logs(self, ident: str, *lines: str) -> None:
        """Lines in a container's log, a few seconds old."""
        at = stamp(time.time() - min(self.age, 300.0))
        self.engine.log_lines[ident] = "".join(f"{at} {line}\n" for line in lines).encode()

    # ---- looking and repairing -------------------------------------------------------------------------------------

    def look(self) -> Snapshot:
        return asyncio.run(collect(self.host, SETTINGS, cadence=Cadence(second_sample=0.0)))  # type: ignore[arg-type]

    @property
    def state(self) -> MongoState:
        """What the source says of the one mongod."""
        (state,) = self.look().mongos
        return state

    def judge(self, check: str = CHECK) -> Result:
        (result,) = registry.examine(self.look(), SETTINGS, only=[check])
        return result

    def plan(self, answers: dict[str, str] | None = None) -> Plan:
        check = registry.find(CHECK)
        assert check is not None
        assert check.plan is not None
        return check.plan(self.judge(), self.look(), SETTINGS, answers or {})

    def fixer(self) -> Fixer:
        return Fixer(self.host, self.journal, self.judge)  # type: ignore[arg-type]

    def fix(self, answers: dict[str, str] | None = None) -> Outcome:
        plan = self.plan(answers)
        assert plan.steps, plan.says
        fixer = self.fixer()
        return fixer.run(fixer.prepare(plan, answers or {}))

    def journal_text(self) -> str:
        """Everything that was written down, in one text."""
        state = self.folder / "state"
        return "\n".join(p.read_text("utf-8", "replace") for p in sorted(state.rglob("*")) if p.is_file())

    @property
    def stored(self) -> list[str]:
        """The hosts in mongod's own configuration."""
        config = self.mongod.set.config
        return [m["host"] for m in config["members"]] if config else []


def initiated(mongod: Mongod, *hosts: str, name: str = "rs0") -> None:
    """Put a configuration into mongod as if it had been there before."""
    mongod.set._take({"_id": name, "members": [{"_id": n, "host": h} for n, h in enumerate(hosts)]}, 1, _object_id())
    mongod.set.changed_at -= 60.0


def _object_id() -> Any:
    from bson import ObjectId

    return ObjectId()
