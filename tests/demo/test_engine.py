"""The replies have the Engine's own shapes: the real sources decode them."""

from __future__ import annotations

import asyncio
import json

import pytest
from stackops.console.collect import containers
from stackops.console.hosts import NotFound
from stackops.console.practice import DemoHost
from support.clock import FakeClock


async def test_the_list_and_the_details_tell_the_same(demo: DemoHost) -> None:
    listed = {row.id: row for row, _ in containers.containers(await demo.engine.containers())}
    assert len(listed) >= 14
    for ident, row in listed.items():
        detail = containers.container(await demo.engine.inspect(ident))
        assert (detail.name, detail.image, detail.state) == (row.name, row.image, row.state)
        assert (detail.project, detail.service) == (row.project, row.service)
        assert {(m.source, m.target) for m in detail.mounts} == {(m.source, m.target) for m in row.mounts}


async def test_three_projects_and_one_stranger_are_there(orderly: DemoHost) -> None:
    listed = [row for row, _ in containers.containers(await orderly.engine.containers())]
    by_project: dict[str | None, set[str]] = {}
    for row in listed:
        by_project.setdefault(row.project, set()).add(row.name)
    assert by_project == {
        "fastgpt": {"pg", "mongo", "fastgpt", "mysql", "oneapi"},
        "librechat": {"LibreChat", "chat-mongodb", "chat-meilisearch", "vectordb", "rag_api"},
        "models": {"ollama", "m3e", "vllm"},
        None: {"scratchpad-7f"},
    }


async def test_variables_of_the_env_file_arrive_in_the_container(demo: DemoHost) -> None:
    detail = containers.container(await demo.engine.inspect("fastgpt"))
    env = {variable.name: variable.value for variable in detail.env}
    assert env["MONGODB_URI"] == "mongodb://myname:practice-mongo-9b27@mongo:27017/fastgpt?authSource=admin"
    rag = containers.container(await demo.engine.inspect("rag_api"))
    assert "JWT_SECRET" in {variable.name for variable in rag.env}


async def test_the_engine_says_what_it_is(demo: DemoHost) -> None:
    engine, host = containers.engine(
        await demo.engine.version(), await demo.engine.info(), address=demo.engine.address, local=True
    )
    assert (engine.version, engine.cgroup_version, host.name, host.cpus) == ("26.1.4", "2", "gpu-box-01", 32)


async def test_images_are_known_by_the_containers_that_use_them(demo: DemoHost) -> None:
    detail = containers.container(await demo.engine.inspect("mongo"))
    assert containers.image_digest(await demo.engine.image(detail.image), detail.image)
    with pytest.raises(NotFound):
        await demo.engine.image("postgres:1")


async def test_what_is_not_there_is_not_found(demo: DemoHost) -> None:
    for ask in (demo.engine.inspect, demo.engine.logs, demo.engine.top, demo.engine.stats):
        with pytest.raises(NotFound):
            await ask("nobody")


async def test_foreign_text_is_hostile_and_comes_through_as_it_is(demo: DemoHost) -> None:
    raw = json.loads(await demo.engine.inspect("scratchpad-7f"))
    assert raw["Config"]["Labels"]["maintainer"] == "[/etc/x]"
    assert "\x1b]52;c;" in raw["Config"]["Labels"]["org.opencontainers.image.title"]
    log = await demo.engine.logs("scratchpad-7f")
    assert b"\x1b]" in log
    assert "漢".encode() in log
    clean = containers.container(await demo.engine.inspect("scratchpad-7f"))
    assert not any("\x1b" in text for text in (*clean.labels.values(), *clean.command, *(v.value for v in clean.env)))


async def test_log_lines_carry_time_stamps_in_order(demo: DemoHost) -> None:
    lines = (await demo.engine.logs("ollama", tail=20)).splitlines()
    stamps = [line.split(b" ", 1)[0] for line in lines]
    assert len(lines) == 20
    assert stamps == sorted(stamps)
    assert all(stamp.endswith(b"Z") for stamp in stamps)


async def test_logs_can_be_asked_since_a_moment(demo: DemoHost, clock: FakeClock) -> None:
    await demo.engine.logs("ollama")
    asked = clock.now()
    clock.advance(60.0)
    fresh = (await demo.engine.logs("ollama", since=asked)).splitlines()
    assert 2 <= len(fresh) <= 8
    assert await demo.engine.logs("ollama", tail=0) == b""


async def test_a_follower_sees_new_lines_and_the_end(demo: DemoHost, clock: FakeClock) -> None:
    stream = demo.engine.follow("m3e", tail=2)
    first = [await anext(stream), await anext(stream)]
    assert all(b"/v1/embeddings" in line for line in first)
    clock.advance(30.0)
    assert b"/v1/embeddings" in await asyncio.wait_for(anext(stream), 5)
    demo.control.stop("m3e")
    left = [line async for line in stream]
    assert len(left) < 10


async def test_what_happens_is_told_at_once_and_in_order(demo: DemoHost) -> None:
    await demo.engine.containers()
    stream = demo.engine.events()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.02)
    await asyncio.to_thread(demo.control.restart, "oneapi")
    told = [json.loads(await asyncio.wait_for(waiting, 5))]
    told += [json.loads(await asyncio.wait_for(anext(stream), 5)) for _ in range(4)]
    assert [event["Action"] for event in told] == ["kill", "die", "stop", "start", "restart"]
    assert told[1]["Actor"]["Attributes"]["exitCode"] == "0"
    assert {event["Actor"]["Attributes"]["name"] for event in told} == {"oneapi"}
    await stream.aclose()  # type: ignore[attr-defined]


async def test_past_events_can_be_asked_for(demo: DemoHost, clock: FakeClock) -> None:
    await demo.engine.containers()
    stream = demo.engine.events(since=clock.now() - 3 * 3600)
    mongo: list[str] = []
    while mongo[-2:] != ["start", "die"]:
        event = json.loads(await asyncio.wait_for(anext(stream), 5))
        assert event["time"] >= clock.now() - 3 * 3600
        if event["Actor"]["Attributes"].get("name") == "mongo":
            mongo.append(event["Action"])
    assert mongo == ["kill", "die", "stop", "destroy", "create", "start", "die"]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_listener_that_leaves_is_forgotten(demo: DemoHost) -> None:
    await demo.engine.containers()
    stream = demo.engine.events()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await stream.aclose()  # type: ignore[attr-defined]
    demo.control.restart("oneapi")
    assert len(demo.world.events._listeners) == 0
