"""librechat.yaml as the Collector keeps its verdict up to date."""

from __future__ import annotations

import asyncio
from typing import Any

from stackops.console.collect.collector import Cadence
from stackops.console.collect.sources.configs import Configs
from stackops.console.model import ComposeService, Container, FileFact, LogMark, Mount, Project
from support.clock import FakeClock
from support.memory_files import MemoryFiles
from support.memory_host import MemoryEngine, MemoryHost, until
from support.one_source import OneSource

YAML = "/srv/chat/librechat.yaml"
IMAGE = "ghcr.io/danny-avila/librechat-dev:latest"
API = ComposeService("api", image=IMAGE)
PROJECT = Project("chat", "/srv/chat", services=(API,))
BOX = Container(
    id="c" * 64, name="LibreChat", image=IMAGE, state="running", project="chat", service="api",
    mounts=(Mount("bind", YAML, "/app/librechat.yaml"),),
)  # fmt: skip


class World:
    def __init__(self, *, local: bool = True, cadence: Cadence | None = None) -> None:
        self.files = MemoryFiles({YAML: b"version: 1\n"})
        self.host = MemoryHost(engine=MemoryEngine(local=local), files=self.files, clock=FakeClock())
        self.configs = OneSource(Configs, self.host, cadence=cadence)
        self.board = self.configs.board

    def put(self, **parts: Any) -> None:
        self.board.put(**parts)

    @property
    def told(self) -> list[tuple[str | None, str | None, str]]:
        return [(one.stage, one.boot, one.release) for one in self.board.parts.config_verdicts]


async def test_without_librechat_nothing_is_read_and_nothing_is_said() -> None:
    world = World()
    await world.configs.read()
    assert (world.told, world.files.stats, world.board.ages) == ([], [], {})


async def test_a_verdict_comes_and_goes_with_its_service() -> None:
    world = World()
    world.put(containers=(BOX,), projects=(PROJECT,))
    await world.configs.read()
    assert world.told == [("schema", "exit 1", "0.8.7")]
    world.put(containers=(), projects=())
    await world.configs.read()
    assert world.told == []


async def test_the_banner_in_the_log_changes_the_judge() -> None:
    world = World()
    world.put(containers=(BOX,), projects=(PROJECT,))
    work = asyncio.create_task(world.configs.watch())
    await until(lambda: world.told == [("schema", "exit 1", "0.8.7")])
    world.put(log_marks=(LogMark(BOX.id, "librechat.start", "> LibreChat@0.7.2 backend"),))
    await until(lambda: world.told == [("schema", "defaults", "0.7.2")])
    world.files.content[YAML] = b"version: 1.0.9\n"
    world.put(files=(FileFact(YAML, "file", sha256="new"),))
    await until(lambda: world.told == [("ok", "ok", "0.7.2")])
    work.cancel()


async def test_paths_of_another_machine_are_not_looked_at() -> None:
    world = World(local=False)
    world.put(containers=(BOX,), projects=())
    await world.configs.read()
    assert world.told == []
    assert world.files.stats == []


async def test_a_folder_that_hangs_is_a_fault_and_the_verdict_stays() -> None:
    import threading

    world = World(cadence=Cadence(files_deadline=2.0))
    world.put(containers=(BOX,), projects=(PROJECT,))
    await world.configs.read()
    hold, stat = threading.Event(), world.files.stat

    def hangs(path: str, *, digest: bool = False) -> FileFact:
        hold.wait(100)
        return stat(path, digest=digest)

    world.files.stat = hangs  # type: ignore[method-assign]
    await world.configs.read()
    hold.set()
    assert world.told == [("schema", "exit 1", "0.8.7")]
    assert [fault.source for fault in world.board.snapshot().faults] == ["configs"]
