"""Compose projects, facts of files and marks in logs, as the Collector keeps them up to date."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from stackops.console.collect import containers
from stackops.console.collect.collector import Cadence
from stackops.console.collect.sources.compose import ComposeProjects, FileFacts
from stackops.console.collect.sources.logs import LogMarks
from stackops.console.hosts import HostError
from stackops.console.model import Fault
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.fake_engine import container, container_id
from support.memory_host import MemoryEngine, MemoryFiles, MemoryHost
from support.one_source import OneSource

CADENCE = Cadence(files_deadline=2.0, logs_deadline=2.0)
COMPOSE = b"services: {mongodb: {image: 'mongo:8', command: mongod --keyFile /k.key, volumes: ['./k.key:/k.key']}}\n"
CHAT = {"/srv/chat/docker-compose.yml": COMPOSE, "/srv/chat/k.key": b"c2VjcmV0c2VjcmV0\n"}


class World:
    """A Stack on a board, with containers that are put there by hand."""

    def __init__(self, files: dict[str, bytes], *directories: str, only: str | None = None, local: bool = True) -> None:
        self.clock = FakeClock()
        self.engine = MemoryEngine(local=local)
        self.host = MemoryHost(engine=self.engine, files=MemoryFiles(files), clock=self.clock)
        self.stack = OneSource(
            ComposeProjects,
            self.host,
            Settings(project=only),
            cadence=CADENCE,
            directories=directories,
            beside=(FileFacts,),
        )
        self.board = self.stack.board

    def put(self, *boxes: dict[str, Any]) -> None:
        import json

        raw = [{k: v for k, v in box.items() if not k.startswith("_")} for box in boxes]
        self.board.put(containers=tuple(containers.container(json.dumps(box).encode()) for box in raw))

    def faults(self) -> list[tuple[str, str]]:
        return [(fault.source, fault.sentence) for fault in self.board.snapshot().faults]


def chat(**more: Any) -> dict[str, Any]:
    return container(
        "chat-mongodb", image="mongo:8", project="chat", service="mongodb", working_dir="/srv/chat",
        config_files=["/srv/chat/docker-compose.yml"], **more,
    )  # fmt: skip


async def test_projects_come_from_labels_and_from_named_folders() -> None:
    world = World(
        CHAT | {"/opt/fg/compose.yaml": b"name: fg\nservices: {fastgpt: {image: fastgpt}}\n"}, "/opt/fg", "/srv/chat"
    )
    world.put(chat())
    await world.stack.read()

    one, other = world.board.snapshot().projects
    assert (one.name, one.working_dir, [s.name for s in one.services]) == ("chat", "/srv/chat", ["mongodb"])
    assert (other.name, [s.name for s in other.services]) == ("fg", ["fastgpt"])
    assert [s.name for s in world.board.snapshot().services if s.container is None] == ["fastgpt"]


async def test_facts_and_key_files_are_read_of_what_the_projects_name() -> None:
    world = World(CHAT, "/srv/chat")
    await world.stack.read()

    snapshot = world.board.snapshot()
    assert {"/srv/chat/docker-compose.yml", "/srv/chat/k.key"} <= {fact.path for fact in snapshot.files}
    assert [(key.path, key.keys, key.length) for key in snapshot.keyfiles] == [("/srv/chat/k.key", 1, 16)]


async def test_a_project_whose_files_have_not_changed_is_not_parsed_again_for_a_minute() -> None:
    world = World(CHAT, "/srv/chat")
    path = "/srv/chat/docker-compose.yml"
    await world.stack.read()
    reads = world.host.files.reads[path]
    await world.stack.read()
    assert world.host.files.reads[path] == reads
    first = world.board.snapshot().projects

    world.clock.advance(CADENCE.whole_projects + 1)
    await world.stack.read()
    assert world.host.files.reads[path] > reads
    assert world.board.snapshot().projects is first


async def test_a_changed_file_is_read_at_the_next_look() -> None:
    world = World(dict(CHAT), "/srv/chat")
    await world.stack.read()
    world.host.files.contents["/srv/chat/docker-compose.override.yml"] = b"services: {api: {image: librechat}}\n"
    await world.stack.read()
    assert {s.name for s in world.board.snapshot().projects[0].services} == {"mongodb", "api"}


async def test_a_request_reads_what_seems_unchanged_too() -> None:
    world = World(CHAT, "/srv/chat")
    await world.stack.read()
    reads = world.host.files.reads["/srv/chat/docker-compose.yml"]
    world.stack.request()
    await world.stack.read()
    assert world.host.files.reads["/srv/chat/docker-compose.yml"] > reads


async def test_a_folder_that_hangs_holds_up_no_other_and_keeps_what_was_known() -> None:
    world = World(CHAT | {"/nfs/fg/compose.yaml": b"services: {fastgpt: {image: fastgpt}}\n"}, "/nfs/fg", "/srv/chat")
    await world.stack.read()
    before, release = world.board.snapshot(), threading.Event()
    assert len(before.projects) == 2

    world.host.files.blocked = lambda path: release.wait(100) and None if path.startswith("/nfs") else None
    world.clock.advance(20)
    await world.stack.read()

    after = world.board.snapshot()
    assert after.projects == before.projects
    assert ("compose:/nfs/fg", "The folder /nfs/fg did not answer within 2 s") in world.faults()
    assert after.ages["compose:/srv/chat"] == after.ages["compose:/nfs/fg"] + 20
    release.set()
    world.host.files.blocked = lambda path: None
    while world.faults():  # until the thread has come back
        await world.stack.read()
        await asyncio.sleep(0.01)


async def test_what_is_wrong_in_a_file_is_told_with_the_time_since_when() -> None:
    world = World({"/srv/chat/docker-compose.yml": b"services:\n\t- x\n"}, "/srv/chat")
    await world.stack.read()
    (fault,) = [f for f in world.board.snapshot().faults if f.source == "compose:/srv/chat"]
    since = fault.since
    world.clock.advance(30)
    await world.stack.read()
    assert world.board.snapshot().faults[0].since == since
    assert isinstance(fault, Fault)
    assert "docker-compose.yml" in fault.sentence


async def test_a_folder_that_is_named_no_more_takes_its_fault_along() -> None:
    world = World({})
    world.put(chat())
    await world.stack.read()
    assert world.faults() != []
    world.put()
    await world.stack.read()
    assert world.faults() == []
    assert world.board.snapshot().projects == ()


async def test_a_project_whose_folder_cannot_be_read_is_still_a_project() -> None:
    world = World(CHAT)
    world.put(chat())
    world.host.files.blocked = _deny
    await world.stack.read()
    (project,) = world.board.snapshot().projects
    assert (project.name, project.working_dir, project.services) == ("chat", "/srv/chat", ())


def _deny(path: str) -> None:
    raise HostError(f"{path} may not be read")


async def test_labels_of_an_engine_elsewhere_name_no_folder_of_this_machine() -> None:
    world = World(CHAT, local=False)
    world.put(chat())
    await world.stack.read()
    assert world.board.snapshot().projects == ()
    assert sum(world.host.files.reads.values()) == 0


async def test_only_the_chosen_project_is_kept() -> None:
    world = World(CHAT | {"/opt/fg/compose.yaml": b"services: {}\n"}, "/opt/fg", "/srv/chat", only="fg")
    await world.stack.read()
    assert [project.name for project in world.board.snapshot().projects] == ["fg"]


class Logs:
    """LogMarks on a board."""

    def __init__(self, *boxes: dict[str, Any]) -> None:
        self.clock = FakeClock(now=1_767_323_045.0 + 30)  # half a minute after the fake containers' start
        self.engine = MemoryEngine(*boxes)
        self.marks = OneSource(LogMarks, MemoryHost(engine=self.engine, clock=self.clock), cadence=CADENCE)
        self.board = self.marks.board
        self.world = World({})

    async def read(self) -> None:
        self.world.board = self.board
        self.world.put(*self.engine.containers_by_id.values())
        await self.marks.read()

    @property
    def found(self) -> list[str]:
        return [mark.mark for mark in self.board.parts.log_marks]


BANNER = b"2026-01-02T03:04:06.000000001Z > LibreChat@v0.8.7 backend\n"


async def test_logs_of_the_services_that_have_marks_are_read_and_no_others() -> None:
    logs = Logs(
        container("LibreChat", image="librechat"), container("redis", image="redis"), container("x", state="created")
    )
    logs.engine.log_lines[container_id("LibreChat")] = BANNER
    await logs.read()
    assert logs.engine.requests["logs"] == 1
    assert logs.found == ["librechat.start"]
    assert logs.board.snapshot().services[0].version == "0.8.7"


async def test_marks_of_a_container_that_is_gone_go_although_no_other_log_is_due() -> None:
    logs = Logs(container("LibreChat", image="librechat"))
    logs.engine.log_lines[container_id("LibreChat")] = BANNER
    await logs.read()
    logs.engine.containers_by_id.clear()
    logs.world.put()
    assert logs.marks.source.worthwhile()
    await logs.read()
    assert (logs.found, logs.marks.source.worthwhile()) == ([], False)


async def test_logs_are_read_again_after_a_start_a_death_and_now_and_then() -> None:
    logs = Logs(container("mongo", image="mongo", pid=5))
    state = logs.engine.containers_by_id[container_id("mongo")]["State"]
    await logs.read()
    await logs.read()
    assert logs.engine.requests["logs"] == 1

    state["StartedAt"] = "2026-01-02T03:04:30Z"
    await logs.read()
    assert logs.engine.requests["logs"] == 2

    logs.clock.advance(CADENCE.young_logs)  # young: soon again
    await logs.read()
    assert logs.engine.requests["logs"] == 3

    logs.clock.advance(200)
    await logs.read()
    logs.clock.advance(CADENCE.young_logs)  # old: not so soon
    await logs.read()
    assert logs.engine.requests["logs"] == 4

    state.update(Status="exited", Pid=0)
    await logs.read()
    logs.clock.advance(9999)  # dead: its log does not go on
    await logs.read()
    assert logs.engine.requests["logs"] == 5


async def test_marks_go_with_their_container_and_a_log_that_cannot_be_read_is_no_fault() -> None:
    logs = Logs(container("LibreChat", image="librechat"))
    logs.engine.log_lines[container_id("LibreChat")] = BANNER
    await logs.read()
    assert logs.found
    logs.engine.error = HostError("configured logging driver does not support reading")
    logs.marks.request()
    await logs.read()
    assert logs.found == ["librechat.start"]
    assert logs.board.snapshot().faults == ()
    logs.engine.containers_by_id.clear()
    await logs.read()
    assert logs.found == []


async def test_a_log_that_hangs_has_a_deadline() -> None:
    logs = Logs(container("mongo", image="mongo"))
    logs.engine.hang = True
    await logs.read()
