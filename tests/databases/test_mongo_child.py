"""The models of a FastGPT, asked of a mongod: what is told of them, what stays there, and of servers that do wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import bson
import pytest
from databases.test_postgres_child import Server, floods, hangs, hangs_up, serving, speaks_http
from msgspec.structs import replace
from stackops.console.hosts import DatabaseLogin, DatabaseTarget
from stackops.console.hosts.local import mongo_child
from stackops.console.hosts.local.asking import ask_databases
from stackops.console.model import DatabaseAnswer, OfferedModel
from support.mongod import Mongod

ROOT = {("admin", "myusername"): "qUartz9!Falcon"}
LOGIN = DatabaseLogin("mongo", "myusername", "qUartz9!Falcon", "fastgpt", source="admin")
KEY = "sk-pl4nted"


def row(model: str, **metadata: Any) -> dict[str, Any]:
    """As FastGPT writes it, with a key of its own."""
    about = {"model": model, "name": model, "provider": "Other", "isActive": True, "requestAuth": KEY, **metadata}
    return {"_id": bson.ObjectId(), "model": model, "metadata": about}


ROWS = [
    row("qwen", type="llm", requestUrl=""),
    row("bge", type="rerank", requestUrl=f"http://me:{KEY}@reranker:6006/v1/rerank?key={KEY}#{KEY}"),
    row("gpt-4o-mini"),
    row("m3e", type="embedding", requestUrl="/v1/embeddings"),
    row("off", type="llm", isActive=False),
]
ACTIVE = (
    OfferedModel("qwen", "llm"), OfferedModel("bge", "rerank", "http://reranker:6006/v1/rerank"),
    OfferedModel("gpt-4o-mini", ""), OfferedModel("m3e", "embedding"),
)  # fmt: skip


async def told(mongod: Mongod, login: DatabaseLogin = LOGIN) -> DatabaseAnswer:
    target = DatabaseTarget("container address", "127.0.0.1", mongod.port, "c" * 64)
    (answer,) = await asyncio.to_thread(ask_databases, [(target, login)])
    return answer


@pytest.mark.parametrize("version", ["4.4.29", "5.0.18", "8.0.17"])
async def test_active_models_are_told_and_no_key_is_even_asked_for(version: str) -> None:
    async with Mongod(version=version, users=ROOT) as mongod:
        mongod.rows["system_models"] = ROWS
        answer = await told(mongod)
        (asked,) = mongod.finds
        assert mongod.logins == 1
    assert (answer.trouble, answer.models) == (None, ACTIVE)
    assert KEY not in repr(answer)
    assert (asked["find"], asked["$db"]) == ("system_models", "fastgpt")
    assert not any("Auth" in name for name in asked["projection"])


FLAT = [
    {"model": "qwen", "type": "llm", "isActive": True, "scope": "system", "requestAuth": KEY, "config": {"a": KEY}},
    {"model": "bge", "type": "rerank", "isActive": True, "scope": "system", "requestAuth": KEY,
     "requestUrl": f"http://me:{KEY}@reranker:6006/v1/rerank?key={KEY}"},
    {"model": "of-a-team", "type": "llm", "isActive": True, "scope": "team", "requestAuth": KEY},
    {"model": "off", "type": "llm", "isActive": False, "scope": "system"},
]  # fmt: skip
"""fact: labring/FastGPT v4.17.0 packages/service/core/ai/model/schema.ts, and what its migration makes of old rows"""
NEWER = (OfferedModel("qwen", "llm"), OfferedModel("bge", "rerank", "http://reranker:6006/v1/rerank"))


@pytest.mark.parametrize(("kept", "rows", "models"), [
    (("ai_models",), FLAT, NEWER), (("ai_models", "system_models"), FLAT, NEWER), (("system_models",), FLAT, ACTIVE),
    (("ai_models", "system_models"), [], ACTIVE), (("ai_models",), [], ()),
])  # fmt: skip
async def test_from_v4_17_on_models_are_in_another_collection_beside_the_old_one(
    kept: tuple[str, ...], rows: list[Any], models: tuple[OfferedModel, ...]
) -> None:
    async with Mongod(users=ROOT) as mongod:
        mongod.rows |= {"system_models": ROWS, "ai_models": rows}
        answer = await told(mongod, replace(LOGIN, kept=kept))
        assert len(mongod.finds) <= len(kept)
        assert mongod.logins == 1
    assert (answer.trouble, answer.models) == (None, models)
    assert KEY not in repr(answer)


async def test_a_mongod_without_logins_and_without_the_collection_tells_none() -> None:
    async with Mongod() as mongod:
        assert (await told(mongod, replace(LOGIN, user="", password=""))).models == ()


@pytest.mark.parametrize(("login", "readers", "trouble"), [
    (replace(LOGIN, password="wrong"), set(), "login"), (replace(LOGIN, source="fastgpt"), set(), "login"),
    (LOGIN, {"myusername"}, "no-right"),
])  # fmt: skip
async def test_a_refusal_is_told_by_its_number_and_without_the_password(
    login: DatabaseLogin, readers: set[str], trouble: str
) -> None:
    async with Mongod(users=ROOT, readers=readers) as mongod:
        answer = await told(mongod, login)
    assert (answer.trouble, answer.models) == (trouble, None)
    assert login.password not in repr(answer)


async def test_a_set_that_was_never_initiated_may_tell_later() -> None:
    async with Mongod(repl_set="rs0", users=ROOT) as mongod:
        assert (await told(mongod)).trouble == "starting"


async def test_who_stalls_is_silent_and_costs_another_nothing() -> None:
    async with Mongod(users=ROOT) as mongod, Mongod(users=ROOT) as other:
        mongod.slow["find"] = 60.0
        other.rows["system_models"] = ROWS
        targets = [DatabaseTarget("container address", "127.0.0.1", one.port, "c" * 64) for one in (mongod, other)]
        slow, good = await asyncio.to_thread(ask_databases, [(target, LOGIN) for target in targets])
    assert (slow.trouble, good.models) == ("silent", ACTIVE)


def answering(find: bytes | dict[str, Any], **hello: Any) -> Server:
    """A mongod without logins that says hello, and then this; bytes as they are."""

    def serve(connection: socket.socket) -> None:
        while size := connection.recv(16):
            length, ident, _, _ = struct.unpack("<iiii", size)
            asked = connection.recv(length - 16)
            said: bytes | dict[str, Any] = {
                "ok": 1.0, "isWritablePrimary": True, "maxWireVersion": 13, "minWireVersion": 0, **hello
            }  # fmt: skip
            said = find if b"system_models" in asked else said
            if isinstance(said, bytes):
                connection.sendall(said)
                continue
            body = struct.pack("<IB", 0, 0) + bson.encode(said)
            connection.sendall(struct.pack("<iiii", 16 + len(body), 1, ident, 2013) + body)

    return serve


def batch(*rows: Any) -> dict[str, Any]:
    return {"ok": 1.0, "cursor": {"id": 0, "ns": "fastgpt.system_models", "firstBatch": list(rows)}}


def asked(serve: Server) -> DatabaseAnswer:
    with serving(serve) as target:
        (answer,) = ask_databases([(target, replace(LOGIN, user="", password=""))])
    return answer


@pytest.mark.parametrize(("find", "trouble"), [
    (batch("x"), "another"), (batch({"model": "x", "metadata": 7}), "another"), (batch({"metadata": {}}), None),
    ({"ok": 1.0}, "another"), ({"ok": 1.0, "cursor": {"firstBatch": 7}}, "another"),
    ({"ok": 0.0, "code": 50, "errmsg": "operation exceeded time limit"}, "silent"),
    ({"ok": 0.0, "code": 26, "errmsg": "x\x1b[31m" * 500}, "unreachable"), (b"\x00" * 64, "reset"),
])  # fmt: skip
def test_whatever_a_liar_says_is_a_reason_and_no_model(find: Any, trouble: str | None) -> None:
    answer = asked(answering(find))
    assert (answer.trouble, answer.models or None) == (trouble, None)
    assert len(answer.said) <= 300


def test_more_models_than_are_kept_and_names_that_are_no_text() -> None:
    rows = [{"model": "x" * 5000, "metadata": {"isActive": True, "type": {"a": 1}, "requestUrl": 7}}] * 500
    answer = asked(answering(batch(*rows)))
    assert answer.models is not None
    assert (len(answer.models), len(answer.models[0].name), answer.models[0].address) == (200, 300, None)


def endless(connection: socket.socket) -> None:
    """A reply that says it is two gigabytes, and goes on to be so."""
    answering(struct.pack("<iiii", (1 << 31) - 1, 1, 1, 2013) + b"x" * (1 << 20), maxMessageSizeBytes=(1 << 31) - 1)(
        connection
    )


def drips(connection: socket.socket) -> None:
    connection.recv(4096)
    while connection.send(b"\x01"):
        time.sleep(0.2)


@pytest.mark.parametrize(("serve", "troubles"), [
    (hangs, {"silent"}), (hangs_up, {"reset"}), (speaks_http, {"reset", "another"}), (drips, {"silent", "reset"}),
    (floods, {"reset", "another", "silent"}), (endless, {"silent", "reset", "another"}),
])  # fmt: skip
def test_whoever_hangs_lies_drips_or_floods_tells_nothing(serve: Callable[..., None], troubles: set[str]) -> None:
    assert asked(serve).trouble in troubles


def test_nobody_at_the_port_is_a_refusal_of_the_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (answer,) = ask_databases([(DatabaseTarget("container address", "127.0.0.1", port, "x"), LOGIN)])
    assert (answer.trouble, answer.models) == ("refused", None)


@pytest.mark.parametrize("collection", mongo_child.FINDS)
def test_nothing_but_a_bounded_find_is_sent(collection: str) -> None:
    find = mongo_child.FINDS[collection]
    assert next(iter(find)) == "find"
    assert find["find"] == collection
    assert find["limit"] == find["batchSize"] == mongo_child.MOST
    assert find["singleBatch"]
    assert not any("Auth" in name for name in find["projection"])
