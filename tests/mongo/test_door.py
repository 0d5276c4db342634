"""The Databases door over real sockets: states, refusals, faults, deadlines, and nothing left behind."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from pymongo.common import MIN_SUPPORTED_WIRE_VERSION
from stackops.console.fix.preparing import HeldDatabases
from stackops.console.hosts import (
    DatabaseTarget,
    HostError,
    MongoLogin,
    MongoRefused,
    MongoUnreachable,
    ReadOnlyRefused,
)
from stackops.console.hosts.local import mongo
from stackops.console.hosts.local.mongo import AGAIN, LocalDatabases
from stackops.console.hosts.protocols import SystemClock
from support.clock import FakeClock
from support.memory_host import until
from support.mongod import Mongod
from support.mongod_bench import Published, reset

ROOT = {("admin", "root"): "p@ss"}
LOGIN = MongoLogin("root", "p@ss")
CONFIG = {"_id": "rs0", "members": [{"_id": 0, "host": "mongo:27017"}]}
CONSOLE = Path(__file__).parents[2] / "console"


def door(**more: object) -> LocalDatabases:
    return LocalDatabases(**{"read_only": False, "clock": SystemClock(), **more})  # type: ignore[arg-type]


def at(port: int, host: str = "127.0.0.1") -> DatabaseTarget:
    return DatabaseTarget("published port", host, port, "c" * 64)


def test_the_driver_still_speaks_to_mongodb_4_4() -> None:
    """fact: wire version 9 is MongoDB 4.4, the oldest that the stacks use; PyMongo drops one version a year."""
    assert MIN_SUPPORTED_WIRE_VERSION <= 9


def test_the_driver_is_imported_in_the_adapter_alone_and_only_when_it_is_used() -> None:
    for path in CONSOLE.rglob("*.py"):
        text = path.read_text()
        if "pymongo" not in text and "bson" not in text:
            continue
        for node in ast.parse(text).body:  # the top of the module, where a start would pay for it
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.partition(".")[0] in ("pymongo", "bson") for name in names), path
        if re.search(r"^\s+(?:from|import) (?:pymongo|bson)", text, re.MULTILINE):
            assert path.parent == CONSOLE / "hosts" / "local", path


@pytest.mark.parametrize("version", ["4.4.29", "5.0.18", "8.0.17"])
async def test_every_supported_version_answers(version: str) -> None:
    async with Mongod(version=version, repl_set="rs0") as mongod:
        hello, status = await door().ask_mongo(at(mongod.port), ["hello", "replSetGetStatus"])
    assert (hello["isreplicaset"], hello["isWritablePrimary"], status["code"]) == (True, False, 94)


async def test_a_login_is_needed_given_and_enough() -> None:
    async with Mongod(repl_set="rs0", users=ROOT) as mongod:
        asked = ["replSetGetStatus", "replSetGetConfig"]
        assert [r["code"] for r in await door().ask_mongo(at(mongod.port), asked)] == [13, 13]
        assert [r["code"] for r in await door().ask_mongo(at(mongod.port), asked, login=LOGIN)] == [94, 94]


async def test_initiating_and_reconfiguring_keep_the_sets_id() -> None:
    async with Mongod(repl_set="rs0", names={"mongo", "other"}) as mongod:
        mongod.set.election = 0.0
        one = door()
        assert (await one.command_mongo(at(mongod.port), {"replSetInitiate": CONFIG}, deadline=5))["ok"] == 1
        (told,) = await one.ask_mongo(at(mongod.port), ["replSetGetConfig"])
        config = dict(told["config"])  # type: ignore[call-overload]
        config |= {"version": 2, "members": [{**config["members"][0], "host": "other:27017"}]}
        assert (await one.command_mongo(at(mongod.port), {"replSetReconfig": config}, deadline=5))["ok"] == 1
        reply = await one.command_mongo(at(mongod.port), {"replSetInitiate": CONFIG}, deadline=5)
        assert (reply["ok"], reply["code"]) == (0, 23)


async def test_a_node_that_is_no_primary_says_so_by_number() -> None:
    """The driver takes 10107 for a lost connection."""
    async with Mongod(repl_set="rs0", names={"mongo"}) as mongod:
        await door().command_mongo(at(mongod.port), {"replSetInitiate": CONFIG}, deadline=5)
        mongod.set.others_down = True
        reply = await door().command_mongo(at(mongod.port), {"replSetReconfig": {**CONFIG, "version": 2}}, deadline=5)
    assert reply["code"] == 10107


async def test_a_refused_login_is_not_tried_again_for_a_minute() -> None:
    clock = FakeClock()
    async with Mongod(repl_set="rs0", users=ROOT) as mongod:
        one, wrong = door(clock=clock), MongoLogin("root", "wrong")
        for _ in range(5):
            with pytest.raises(MongoRefused) as refused:
                await one.ask_mongo(at(mongod.port), ["hello"], login=wrong)
            assert refused.value.code == 18
        assert mongod.logins == 1
        await one.ask_mongo(at(mongod.port), ["hello"], login=LOGIN)
        clock.advance(AGAIN + 1)
        with pytest.raises(MongoRefused):
            await one.ask_mongo(at(mongod.port), ["hello"], login=wrong)
        assert mongod.logins == 3


async def test_neither_error_nor_repr_tells_the_password() -> None:
    async with Mongod(users=ROOT) as mongod:
        with pytest.raises(MongoRefused) as refused:
            await door().ask_mongo(at(mongod.port), ["hello"], login=MongoLogin("root", "hush-hush"))
    assert "hush" not in f"{refused.value!r} {refused.value} {MongoLogin('root', 'hush-hush')!r}"


async def test_a_server_that_is_too_old_is_called_that() -> None:
    async with Mongod(version="4.2.24") as mongod:
        await fails(at(mongod.port), "too-old")


async def test_a_closed_port_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the port itself: the driver, which waits its whole time out for a port that is closed, is not asked."""
    monkeypatch.setattr(mongo, "_client", None)
    await fails(at(closed_port()), "refused")


async def test_a_published_port_with_nobody_behind_it_hangs_up() -> None:
    async with Published(lambda: 1) as published:
        await fails(at(published.port), "reset")


async def test_an_unknown_name_is_told() -> None:
    await fails(at(27017, "no-such-host.invalid"), "name")


async def test_a_mongod_that_accepts_and_says_nothing_is_silent_and_costs_no_more_than_its_deadline() -> None:
    async with Mongod() as mongod:
        mongod.stalled = True
        await fails(at(mongod.port), "silent", deadline=1.2)


async def test_one_that_hangs_after_the_handshake_is_silent_too() -> None:
    async with Mongod(repl_set="rs0") as mongod:
        mongod.slow["replSetGetStatus"] = 3600.0
        await fails(at(mongod.port), "silent", "replSetGetStatus", deadline=1.0)


async def test_an_http_server_is_not_mongod() -> None:
    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await reader.read(64)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(http, "127.0.0.1", 0)
    async with server:
        await fails(at(server.sockets[0].getsockname()[1]), "not-mongo")


async def test_a_connection_that_breaks_in_the_middle_is_a_reset() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await reader.read(16)
        writer.write(b"\x40\x00\x00\x00")
        await writer.drain()
        reset(writer)

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        await fails(at(server.sockets[0].getsockname()[1]), "reset")


async def test_only_the_three_reads_and_the_two_acts_leave_the_house() -> None:
    for name in ("dropDatabase", "replSetInitiate", "find"):
        with pytest.raises(HostError, match="Only"):
            await door().ask_mongo(at(1), [name])
    for name in ("dropDatabase", "shutdown", "hello"):
        with pytest.raises(HostError, match="Only"):
            await door().command_mongo(at(1), {name: 1}, deadline=1)


async def test_read_only_refuses_before_anything_is_sent() -> None:
    async with Mongod(repl_set="rs0") as mongod:
        with pytest.raises(ReadOnlyRefused):
            await door(read_only=True).command_mongo(at(mongod.port), {"replSetInitiate": CONFIG}, deadline=5)
        assert mongod.commands == []


async def test_nothing_is_left_behind_by_many_asks() -> None:
    async with Mongod(repl_set="rs0") as mongod:
        one = door()
        await one.ask_mongo(at(mongod.port), ["hello"])
        await asyncio.sleep(0.05)
        threads, tasks = threading.active_count(), len(asyncio.all_tasks())
        for _ in range(20):
            await one.ask_mongo(at(mongod.port), ["hello", "replSetGetStatus"])
        for _ in range(3):
            await fails(at(closed_port()), "refused")
        await until(lambda: mongod.connections == 0 and len(asyncio.all_tasks()) <= tasks)
        assert not [t.name for t in threading.enumerate() if "pymongo" in t.name]
        assert threading.active_count() <= threads + 2, "the loop's own pool for names"


async def test_a_preview_sends_nothing_and_shows_what_would_be() -> None:
    async with Mongod(repl_set="rs0", names={"mongo"}) as mongod:
        held = HeldDatabases(door())
        assert (await held.ask_mongo(at(mongod.port), ["replSetGetStatus"]))[0]["code"] == 94
        await held.command_mongo(at(mongod.port), {"replSetInitiate": CONFIG}, deadline=5)
        hello, status, config = await held.ask_mongo(at(mongod.port), ["hello", "replSetGetStatus", "replSetGetConfig"])
        assert (hello["setName"], hello["isWritablePrimary"], status["myState"]) == ("rs0", True, 1)
        assert config["config"] == CONFIG
        assert "replSetInitiate" not in mongod.commands


async def fails(target: DatabaseTarget, trouble: str, command: str = "hello", deadline: float = 3.0) -> None:
    with pytest.raises(MongoUnreachable) as failed:
        await door().ask_mongo(target, [command], deadline=deadline)
    assert failed.value.trouble == trouble, str(failed.value)
    assert str(target.port) in str(failed.value)


def closed_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_a_driver_that_takes_a_minute_to_import_takes_nothing_from_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a machine that is busy enough it does; mongod is not to blame."""
    loop, bring = asyncio.get_running_loop(), builtins.__import__
    now = loop.time

    def bring_after_a_minute(name: str, *more: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "pymongo":
            monkeypatch.setattr(loop, "time", lambda: now() + 60.0)
        return bring(name, *more, **named)

    async with Mongod() as mongod:
        monkeypatch.setattr(builtins, "__import__", bring_after_a_minute)
        (reply,) = await door().ask_mongo(at(mongod.port), ["hello"], deadline=30.0)
        assert reply["isWritablePrimary"] is True
