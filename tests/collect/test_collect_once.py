"""One look: everything in about a second, failures as faults."""

from __future__ import annotations

from typing import Any

from stackops.console.collect.collector import Cadence, collect
from stackops.console.hosts import HostError
from stackops.console.hosts.local import open_local
from stackops.console.model import Gpu, GpuProcess, Snapshot
from stackops.console.settings import Settings
from support.fake_engine import FakeEngine, container, container_id
from support.memory_host import MemoryFiles, MemoryGpus, MemoryHost, host_with, unreachable

QUICK = Cadence(second_sample=0.02)
FILES = {"/srv/chat/docker-compose.yml": b"name: chat\nservices: {mongodb: {image: 'mongo:8'}}\n"}


async def look(host: Any, settings: Settings | None = None, **more: Any) -> Snapshot:
    return await collect(host, settings or Settings(), cadence=QUICK, **more)


async def test_one_look_has_everything_rates_included() -> None:
    gpus = MemoryGpus([Gpu("GPU-1")], [GpuProcess("GPU-1", 9)])
    host = host_with(
        container("mongo", image="mongo:8", pid=5, project="chat", service="mongodb", working_dir="/srv/chat"),
        files=MemoryFiles(FILES),
        gpus=gpus,
    )
    snapshot = await look(host)

    assert snapshot.faults == ()
    assert snapshot.engine is not None
    assert snapshot.containers[0].detailed
    assert snapshot.figures[container_id("mongo")].cpu_percent is not None
    assert snapshot.system is not None
    assert snapshot.system.cpu_percent is not None
    assert [disk.path for disk in snapshot.system.disks] == ["/var/lib/docker"]
    assert [project.name for project in snapshot.projects] == ["chat"]
    assert [service.role for service in snapshot.services] == ["mongo"]
    assert snapshot.gpus == (Gpu("GPU-1"),)
    assert (snapshot.host.name, snapshot.host.cpus) == ("gpubox", 4)


async def test_files_only_asks_neither_engine_nor_kernel() -> None:
    host = host_with(files=MemoryFiles(FILES))
    assert host.engine is not None
    assert host.kernel is not None
    snapshot = await look(host, project_dirs=("/srv/chat",), files_only=True)

    assert [(s.role, s.project, s.container) for s in snapshot.services] == [("mongo", "chat", None)]
    assert not host.engine.requests
    assert host.kernel.sweeps == 0
    assert snapshot.engine is None
    assert snapshot.figures == {}


async def test_files_only_works_where_there_is_no_address_of_an_engine_at_all() -> None:
    host = MemoryHost(engine=None, kernel=None, files=MemoryFiles(FILES))
    snapshot = await look(host, project_dirs=("/srv/chat",), files_only=True)
    assert [project.name for project in snapshot.projects] == ["chat"]
    assert snapshot.host.name == "memory"


async def test_folders_of_the_settings_are_looked_at_unless_others_are_judged() -> None:
    files = MemoryFiles(FILES | {"/opt/fg/compose.yaml": b"services: {}\n"})
    settings = Settings(project_dirs=("/opt/fg",))
    both = await look(host_with(files=files), settings, project_dirs=("/srv/chat",))
    one = await look(host_with(files=files), settings, project_dirs=("/srv/chat",), files_only=True)
    assert [project.name for project in both.projects] == ["fg", "chat"]
    assert [project.name for project in one.projects] == ["chat"]


async def test_without_an_engine_there_is_a_fault_and_still_the_system() -> None:
    host = host_with()
    assert host.engine is not None
    host.engine.error = unreachable()
    snapshot = await look(host)
    assert [fault.source for fault in snapshot.faults] == ["engine"]
    assert snapshot.system is not None
    assert snapshot.system.cpu_percent is not None


async def test_a_host_that_fails_everywhere_is_a_snapshot_of_faults() -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise HostError(f"no {name}")

    host = MemoryHost(engine=None, kernel=None, files=MemoryFiles())
    host.kernel = Broken()  # type: ignore[assignment]
    snapshot = await look(host)
    assert {"figures", "processes"} <= {fault.source for fault in snapshot.faults}


async def test_an_engine_over_its_socket_is_read_as_well() -> None:
    async with FakeEngine(container("a", pid=1), container("b", state="exited")) as engine:
        host = open_local(Settings(host=engine.url), environ={})
        snapshot = await look(host)
        assert [(c.name, c.detailed) for c in snapshot.containers] == [("a", True), ("b", True)]
        assert engine.requests["GET /containers/json"] == 1
        assert engine.requests["GET /containers/*/json"] == 2
        assert snapshot.engine is not None
        assert snapshot.engine.api_version == "1.41"
