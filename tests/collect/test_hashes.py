"""Compose is asked for its hashes only where a file is newer than a container, and once per edit."""

from __future__ import annotations

from typing import Any

import pytest
from examples.snapshots import STARTED, container_id, file
from msgspec.structs import replace
from stackops.console.collect.sources.compose import Hashes
from stackops.console.hosts import HostError
from stackops.console.model import ComposeService, ConfigFile, Container, Project, ServiceHash
from stackops.console.products.services import same_compose
from support.clock import FakeClock
from support.memory_host import MemoryEngine, MemoryHost
from support.one_source import OneSource

DIR = "/srv/librechat"
COMPOSE = f"{DIR}/docker-compose.yml"
ENV = f"{DIR}/.env"
RAG_ENV = f"{DIR}/rag.env"
LATER = STARTED + 600
VALUE = "a" * 64


class Asked:
    """A Control that counts what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: HostError | None = None

    def service_hashes(self, of: Any, **_: Any) -> Any:
        self.calls.append((of.name, of.directory, tuple(of.files), *([tuple(of.env_files)] if of.env_files else ())))
        if self.error:
            raise self.error
        return "2.26.1-4", {"api": VALUE, "rag_api": VALUE}


class World:
    """Hashes on a board with one project."""

    def __init__(self, *, local: bool = True, image: str = "ghcr.io/danny-avila/librechat-dev:latest") -> None:
        self.control = Asked()
        clock = FakeClock()
        host = MemoryHost(engine=MemoryEngine(local=local), clock=clock, control=self.control)
        self.hashes = OneSource(Hashes, host)
        self.board = self.hashes.board
        self.made = Container(
            id=container_id("LibreChat"), name="LibreChat", image=image, state="running", project="librechat",
            service="api", created_at=STARTED, labels={"com.docker.compose.config-hash": VALUE},
        )  # fmt: skip
        services = (ComposeService("api"), ComposeService("rag_api", env_files=(RAG_ENV,)))
        self.board.put(containers=(self.made,), projects=(Project("librechat", DIR, (ConfigFile(COMPOSE),), services),))
        self.written()

    def written(self, *paths: str, at: float = LATER) -> None:
        files = (COMPOSE, ENV, RAG_ENV)
        self.board.put(files=tuple(file(path, **({"mtime": at} if path in paths else {})) for path in files))

    async def look(self) -> tuple[ServiceHash, ...]:
        await self.hashes.read()
        return self.board.snapshot().service_hashes


async def test_nothing_is_asked_while_the_files_are_older_than_the_containers() -> None:
    world = World()
    assert await world.look() == ()
    world.written(COMPOSE, at=STARTED + 1)  # within what clocks and file systems round
    assert await world.look() == ()
    world.written(RAG_ENV)  # of a service that has no container
    assert await world.look() == ()
    assert world.control.calls == []


@pytest.mark.parametrize("path", [COMPOSE, ENV])
async def test_an_edit_is_asked_once_and_services_with_an_env_file_are_left_out(path: str) -> None:
    world = World()
    world.written(path)
    assert await world.look() == (ServiceHash("librechat", "api", VALUE, "2.26.1-4"),)
    assert await world.look() == (ServiceHash("librechat", "api", VALUE, "2.26.1-4"),)
    assert world.control.calls == [("librechat", DIR, (COMPOSE,))]
    world.written(path, at=LATER + 1)
    await world.look()
    assert len(world.control.calls) == 2
    world.written()
    assert await world.look() == ()


async def test_the_env_files_of_the_project_are_passed_on() -> None:
    world = World()
    env_files = ("/srv/librechat/prod.env",)
    world.board.put(projects=tuple(replace(one, env_files=env_files) for one in world.board.parts.projects))
    world.written(COMPOSE)
    await world.look()
    assert world.control.calls == [("librechat", DIR, (COMPOSE,), env_files)]


async def test_a_project_that_is_gone_is_known_no_more() -> None:
    world = World()
    world.written(ENV)
    await world.look()
    assert set(world.hashes.source._known) == {"librechat"}
    world.board.put(projects=())
    await world.look()
    assert world.hashes.source._known == {}


async def test_a_request_asks_again() -> None:
    world = World()
    world.written(ENV)
    await world.look()
    world.hashes.request()
    await world.look()
    assert len(world.control.calls) == 2


async def test_without_compose_nothing_is_known_and_nothing_is_complained_about() -> None:
    world = World()
    world.control.error = HostError("there is no Docker Compose v2 on this machine")
    world.written(ENV)
    assert await world.look() == ()
    assert world.board.snapshot().faults == ()


async def test_other_machines_are_not_asked() -> None:
    world = World(local=False)
    world.written(COMPOSE)
    assert await world.look() == ()
    assert world.control.calls == []


async def test_every_stack_is_asked_since_every_stack_may_drift() -> None:
    world = World(image="nginx:1.27")
    world.written(COMPOSE)
    assert await world.look() == (ServiceHash("librechat", "api", VALUE, "2.26.1-4"),)


@pytest.mark.parametrize(
    ("label", "version", "same"),
    [("2.26.1", "2.26.1-4", True), ("2.26.1", "v2.26.1", True), ("2.26.1", "2.26.10", False),
     ("2.26.1", "2.27.0", False),
     (None, "2.26.1", False), ("2.26.1", None, False), ("", "", False), ("dev", "dev", False)],
)  # fmt: skip
def test_versions_of_compose_are_compared_without_what_packagers_append(
    label: str | None, version: str | None, *, same: bool
) -> None:
    assert same_compose(label, version) is same
