"""Events, logs and single answers of the local Engine door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from stackops.console.hosts import EngineFailed, EngineUnreachable, HostError, NotFound
from stackops.console.hosts.local.client import ClosedClient, EngineClient
from stackops.console.hosts.local.docker_command import parse
from stackops.console.hosts.local.engine import LocalEngine
from support.fake_engine import FakeEngine, container, container_id
from support.proxy import Proxy, Toxic

ODD = "[/etc/x]?a=b#c/../é"


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    web = container("web", logs=b"one\ntwo\nthree\n")
    async with FakeEngine(web, container("tty", tty=True, logs=b"raw\r\nlines\r\n"), container(ODD)) as fake:
        yield fake


@pytest.fixture
async def proxy(fake: FakeEngine) -> AsyncIterator[Proxy]:
    async with Proxy(fake.socket) as proxy:
        yield proxy


def door(url: str, total: float = 60.0) -> LocalEngine:
    """Patient: who lets something hang gives the time in which that is told."""
    return LocalEngine(EngineClient(parse(url), total=total))


async def listened(fake: FakeEngine) -> None:
    while not fake.listeners:  # noqa: ASYNC110 - the fake says so by nothing else
        await asyncio.sleep(0.01)


async def test_everything_a_console_asks_is_answered(fake: FakeEngine) -> None:
    engine = door(fake.url)
    fake.images["ghcr.io/a/b:1"] = {"Id": "sha256:1"}
    assert json.loads(await engine.version())["ApiVersion"] == "1.41"
    assert json.loads(await engine.info())["Driver"] == "overlay2"
    assert len(json.loads(await engine.containers())) == 3
    assert json.loads(await engine.inspect("web"))["Name"] == "/web"
    assert json.loads(await engine.image("ghcr.io/a/b:1")) == {"Id": "sha256:1"}
    assert json.loads(await engine.top("web"))["Titles"]
    assert "cpu_stats" in json.loads(await engine.stats("web"))
    assert "one-shot=1" in fake.targets[-1]
    assert not [line for line in fake.targets if not line.startswith("GET ")]


async def test_names_stay_one_name_in_the_path(fake: FakeEngine) -> None:
    assert json.loads(await door(fake.url).inspect(ODD))["Id"] == container_id(ODD)
    for name in ("", ".", ".."):
        with pytest.raises(NotFound):
            await door(fake.url).inspect(name)


async def test_old_engines_are_not_asked_for_one_shot_stats() -> None:
    async with FakeEngine(container("web"), api="1.40") as fake:
        await door(fake.url).stats("web")
        assert "one-shot" not in fake.targets[-1]


async def test_a_file_of_a_container_is_handed_over_and_no_more_of_it_than_was_asked_for(fake: FakeEngine) -> None:
    engine = door(fake.url)
    fake.archives[container_id("web"), "/app/package.json"] = b"t" * 20_000
    assert await engine.archive("web", "/app/package.json") == b"t" * 20_000
    assert await engine.archive("web", "/app/package.json", limit=5000) == b"t" * 5000
    assert "path=%2Fapp%2Fpackage.json" in fake.targets[-1] or "path=/app/package.json" in fake.targets[-1]
    with pytest.raises(NotFound):
        await engine.archive("web", "/app/api/package.json")
    with pytest.raises(NotFound):
        await engine.archive("nobody", "/app/package.json")


async def test_logs_are_taken_apart_with_and_without_a_terminal(fake: FakeEngine) -> None:
    engine = door(fake.url)
    stamp = b"2026-01-02T03:04:05.000000001Z "
    assert await engine.logs("web", tail=2) == stamp + b"two\n" + stamp + b"three\n"
    assert await engine.logs("tty") == stamp + b"raw\n" + stamp + b"lines\n"
    assert await engine.logs(ODD) == b""


async def test_a_log_driver_that_cannot_be_read_says_so(fake: FakeEngine) -> None:
    fake.refuse["/containers/*/logs"] = (501, "configured logging driver does not support reading")
    with pytest.raises(EngineFailed, match="does not support reading"):
        await door(fake.url).logs("web")


async def test_following_gives_lines_and_can_be_left(fake: FakeEngine) -> None:
    lines = []
    async for line in door(fake.url).follow("web"):
        lines.append(line)
        if len(lines) == 2:
            break
    assert lines[1].endswith(b" two")


async def test_events_are_filtered_and_arrive_one_by_one(fake: FakeEngine) -> None:
    events = aiter(door(fake.url).events(since=12.5))
    first = asyncio.ensure_future(anext(events))
    await listened(fake)
    fake.emit_raw(b'{"Action":"die"}\n{"Act')
    fake.emit_raw(b'ion":"start"}\n')
    assert json.loads(await first) == {"Action": "die"}
    assert json.loads(await anext(events)) == {"Action": "start"}
    assert fake.filters["type"] == ["container", "daemon"]
    assert "health_status" in fake.filters["event"]
    assert not [name for name in fake.filters["event"] if name.startswith("exec")]
    assert "since=12.5" in fake.targets[-1]


async def test_a_stream_that_just_ends_is_a_fault(fake: FakeEngine) -> None:
    async def listen() -> None:
        async for _ in door(fake.url).events():
            pass

    task = asyncio.create_task(listen())
    await listened(fake)
    fake.emit_raw(None)
    with pytest.raises(EngineFailed, match="ended its event stream"):
        await task


@pytest.mark.parametrize("toxic", [Toxic("cut", 150), Toxic("reset", 150)])
async def test_a_stream_cut_is_a_fault(fake: FakeEngine, proxy: Proxy, toxic: Toxic) -> None:
    proxy.set(toxic, "/events")
    task = asyncio.ensure_future(anext(aiter(door(proxy.url).events())))
    await listened(fake)
    fake.emit("start", container_id("web"))
    with pytest.raises(EngineFailed):
        await asyncio.wait_for(task, 60)


async def test_a_stream_of_something_else_is_a_fault(proxy: Proxy) -> None:
    proxy.set(Toxic("garbage", content=b"HTTP/1.1 200 OK\r\n\r\n<html>\n"), "/events")
    with pytest.raises(EngineFailed, match="not an event"):
        await anext(aiter(door(proxy.url).events()))


async def test_an_event_stream_that_never_opens_is_given_up(proxy: Proxy) -> None:
    proxy.set(Toxic("hang"), "/events")
    with pytest.raises(EngineUnreachable, match="not answering"):
        await anext(aiter(door(proxy.url, total=0.5).events()))


async def test_a_silent_stream_stays_open_and_can_be_cancelled(fake: FakeEngine) -> None:
    task = asyncio.ensure_future(anext(aiter(door(fake.url, total=2.0).events())))
    await listened(fake)
    await asyncio.sleep(2.2)  # longer than any deadline of this door
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)


async def test_an_engine_that_goes_away_ends_the_stream(fake: FakeEngine, proxy: Proxy) -> None:
    task = asyncio.ensure_future(anext(aiter(door(proxy.url).events())))
    await listened(fake)
    await proxy.vanish()
    with pytest.raises(HostError):
        await asyncio.wait_for(task, 60)


async def test_an_unusable_address_answers_everything_with_its_reason() -> None:
    engine = LocalEngine(ClosedClient("ssh://x", EngineUnreachable("not yet", "do that")))
    for call in (engine.version, engine.info, engine.containers):
        with pytest.raises(EngineUnreachable, match="not yet"):
            await call()
    with pytest.raises(EngineUnreachable, match="not yet"):
        await anext(aiter(engine.events()))
    with pytest.raises(EngineUnreachable, match="not yet"):
        await engine.logs("x")


async def test_an_event_stream_whose_peer_went_silent_is_noticed(fake: FakeEngine, proxy: Proxy) -> None:
    proxy.set(Toxic("drop_events"), path="/events")  # the connection stands, and nothing comes through any more
    engine = LocalEngine(EngineClient(parse(proxy.url), total=60.0), idle=0.2)
    with pytest.raises(EngineFailed, match=r"silent for 0\.2 s"):
        async for _ in engine.events():
            pass
