"""The last words of containers that are not well: whose log is read, how often, and what is kept of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.collect.sources.logs import LastWordsOf
from stackops.console.model import Container, Health, LastWords
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.memory_host import MemoryEngine, MemoryHost
from support.one_source import OneSource


@pytest.fixture
def host():
    host = open_demo(clock=FakeClock(), scenarios=())
    host.build()
    return host


def words(host) -> dict[str, tuple[str, ...]]:
    snapshot = asyncio.run(collect(host, Settings(), cadence=Cadence(second_sample=0.0)))
    names = {container.id: container.name for container in snapshot.containers}
    return {names[one.container]: one.lines for one in snapshot.last_words}


def test_nobody_who_is_well_is_asked(host) -> None:
    assert words(host) == {}


def test_one_that_goes_round_is_heard_with_its_last_lines_and_no_secret(host) -> None:
    host.control.stop("mysql")
    host.control.restart("oneapi")
    told = words(host)
    assert set(told) == {"oneapi"}, "the one that was stopped by hand has nothing to say"
    assert told["oneapi"]
    assert all(line.strip() for line in told["oneapi"])
    assert "oneapimmysql" not in " ".join(told["oneapi"])


def test_one_that_runs_is_heard_where_its_program_is_gone_and_no_longer_when_it_is_back() -> None:
    """nodemon is process 1: the container's state never changes, so that its log is looked at every minute."""
    clock = FakeClock()
    box = Container(
        "a" * 64, "chat", "example/chat:1", "running", started_at=clock.now() - 60, command=("npm", "run", "dev")
    )
    log = ["[nodemon] starting `node index.js`", "Error: boom", "[nodemon] app crashed - waiting for file changes"]

    class Engine:
        asked = 0

        async def logs(self, _container: str, *, tail: int) -> bytes:
            assert tail > len(log)
            self.asked += 1
            return "\n".join(f"2100-01-01T00:00:00Z {line}" for line in log).encode()

    async def play() -> None:
        engine = Engine()
        one = OneSource(LastWordsOf, MemoryHost(engine=engine, clock=clock))
        one.board.put(containers=(box,))
        assert await one.read()
        assert [words.lines[-1] for words in one.board.parts.last_words] == [log[-1]]
        await one.read()
        assert engine.asked == 1, "not before its time"
        log.append("[nodemon] restarting due to changes...")
        clock.advance(61.0)
        await one.read()
        assert (engine.asked, one.board.parts.last_words) == (2, ())

    asyncio.run(play())


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("docker-entrypoint.sh mongod --replSet rs0", 0), ("/docker-entrypoint.sh nginx", 0),
        ("/usr/local/bin/docker-entrypoint.sh postgres", 0), ("python serve.py --shm", 0),
        ("docker-entrypoint.sh npm start", 1), ("docker-entrypoint.sh /bin/sh -c serve", 1), ("/start.sh", 1),
        ("/my-entrypoint.sh serve", 1), ("mydocker-entrypoint.sh serve", 1), ("sh", 1),
        ("bash -c docker-entrypoint.sh mongod", 1),
    ],
)  # fmt: skip
def test_only_those_are_asked_whose_process_1_may_outlive_the_program(words: str, asked: int) -> None:
    engine = MemoryEngine()
    one = OneSource(LastWordsOf, MemoryHost(engine=engine, clock=FakeClock()))
    one.board.put(containers=(Container("a" * 64, "db", "x", "running", entrypoint=tuple(words.split())),))
    asyncio.run(one.read())
    assert engine.requests["logs"] == asked


def test_the_lines_of_one_started_again_are_of_the_run_before_only_for_a_while() -> None:
    """Unhealthy and started again long ago: what it says since is meant, and what stands before its start is old."""
    clock = FakeClock()
    start = clock.now() - 60
    box = Container(
        "a" * 64, "chat", "x", "running", started_at=start, restart_count=1, health=Health("unhealthy", 3, ())
    )
    log = [(start - 5, "npm ERR! code ELIFECYCLE"), (start + 5, "listening on 3080")]

    class Engine:
        async def logs(self, _container: str, *, tail: int) -> bytes:
            assert tail > len(log)
            told = ((datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), line) for at, line in log)
            return "\n".join(" ".join(one) for one in told).encode()

    async def play() -> None:
        one = OneSource(LastWordsOf, MemoryHost(engine=Engine(), clock=clock))
        one.board.put(containers=(replace(box, state="restarting"),))
        await one.read()
        assert one.board.parts.last_words[0].ended, "also where it runs again before its log is read once more"
        one.board.put(containers=(box,))
        await one.read()
        assert one.board.parts.last_words == (LastWords(box.id, (log[0][1],), ended=True),)
        clock.advance(1200.0)
        assert one.source.worthwhile()
        await one.read()
        assert one.board.parts.last_words == (LastWords(box.id, (log[1][1],)),)

    asyncio.run(play())
