"""What tells whether a GPU outlives a daemon-reload: small files, looked at only where it matters."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.collect.sources.gpus import DROP_IN, DeviceRulesOf, rules_of, toolkit_programs
from stackops.console.hosts import NotPermitted
from stackops.console.model import ComposeService, Container, DeviceRequest, DeviceRules, EngineInfo, Project
from support.clock import FakeClock
from support.memory_files import MemoryFiles
from support.memory_host import MemoryEngine, MemoryHost
from support.one_source import OneSource

ID = "e" * 64
PATH = DROP_IN.format(id=ID)
PLAIN = """\
# This is a drop-in unit file extension, created via "systemctl set-property"
[Scope]
DeviceAllow=
DeviceAllow=char-pts rwm
DeviceAllow=/dev/char/1:3 rwm
DeviceAllow=/dev/char/10:200 rwm
"""
HOOK = "/usr/bin/nvidia-container-runtime-hook"
GPU = DeviceRequest("nvidia", 1, (), ("gpu",))


@pytest.mark.parametrize(
    ("content", "nvidia"),
    [
        (PLAIN, False),
        (PLAIN + "DeviceAllow=/dev/char/195:255 rw\nDeviceAllow=/dev/char/195:0 rw\n", True),
        (PLAIN + "DeviceAllow=char-nvidia-frontend rw\n", True),
        (PLAIN + "DeviceAllow=char-* rwm\n", True),
        (PLAIN + "DeviceAllow=/dev/char/1195:0 rw\n", False),
        (PLAIN + "# DeviceAllow=/dev/char/195:0 rw\n", False),
        ("", False),
        (NotPermitted("no", "sudo"), None),
        ("DeviceAllow=/dev/char/195:0 rw\n" * 5000, None),
    ],
)
def test_a_drop_in_allows_the_devices_of_nvidia_or_not(content: Any, nvidia: bool | None) -> None:
    assert rules_of(MemoryFiles({PATH: content}), ID) == DeviceRules(ID, PATH, nvidia)


def test_a_missing_drop_in_tells_nothing() -> None:
    assert rules_of(MemoryFiles({}), ID).nvidia is None


def test_programs_of_the_toolkit_are_looked_for_where_an_engine_looks() -> None:
    assert toolkit_programs(MemoryFiles({HOOK: b"", "/opt/nvidia-ctk": b"", "/usr/local/bin/nvidia-ctk": b""})) == (
        HOOK,
        "/usr/local/bin/nvidia-ctk",
    )


class World:
    """The source on a board with one container that has a GPU."""

    def __init__(self, *, driver: str = "systemd", local: bool = True, grant: bool = True) -> None:
        self.files = MemoryFiles({PATH: PLAIN, HOOK: b""})
        clock = FakeClock()
        host = MemoryHost(engine=MemoryEngine(local=local), clock=clock, files=self.files)
        self.source = OneSource(DeviceRulesOf, host)
        self.board = self.source.board
        made = Container(ID, "ollama", "ollama/ollama", "running", device_requests=(GPU,) if grant else ())
        engine = EngineInfo("27.0", "1.46", "unix:///x", local, cgroup_driver=driver)
        self.board.put(containers=(made,), engine=engine)

    async def read(self) -> tuple[object, object]:
        await self.source.read()
        return self.board.parts.device_rules, self.board.parts.gpu_programs


async def test_a_container_with_a_gpu_is_looked_at_under_the_systemd_driver() -> None:
    assert await World().read() == ((DeviceRules(ID, PATH, False),), (HOOK,))


async def test_under_cgroupfs_there_is_no_drop_in_to_look_at() -> None:
    world = World(driver="cgroupfs")
    assert await world.read() == ((), (HOOK,))
    assert world.files.reads == []


@pytest.mark.parametrize("world", [World(grant=False), World(local=False)], ids=["no grant", "another machine"])
async def test_nothing_is_looked_at_where_nobody_asks_or_the_files_are_elsewhere(world: World) -> None:
    assert await world.read() == ((), None)
    assert (world.files.reads, world.files.stats) == ([], [])


async def test_a_service_that_is_only_declared_asks_for_the_toolkit_too() -> None:
    world = World(grant=False)
    world.board.put(projects=(Project("p", "/srv/p", services=(ComposeService("a", device_requests=(GPU,)),)),))
    assert await world.read() == ((), (HOOK,))


async def test_a_new_container_wakes_the_source_once() -> None:
    world = World()
    wake = world.source.scheduler._turns["device-rules"].wake
    (made,) = world.board.parts.containers
    assert wake.is_set()
    wake.clear()
    world.board.put(containers=(replace(made, restart_count=1),))
    assert not wake.is_set()
    world.board.put(containers=(replace(made, started_at=7.0),))
    assert wake.is_set()
