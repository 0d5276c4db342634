"""Bodies that lie, attack or make no sense cost a field or an entry, never the server, and never an exception."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.model import Server
from stackops.console.products.servers import decoding
from stackops.console.products.servers.asking import Candidate
from stackops.console.products.servers.looking import look
from support.model_servers import BASE, NAMES, NOW, InMemory, answering, candidate_for, misbehaving, recording, stand_in

EVIL = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m[/etc/x]\u202egnp.\x00\r\n名前" + "e" * 300


async def seen(stand, **more) -> Server:
    return await look(InMemory({BASE: stand}), candidate_for(stand, **more), None, NOW, slow=True)


def harmless(server: Server) -> None:
    """Nothing of it steers a terminal, and it can be written as JSON."""
    written = msgspec.json.encode(server).decode()
    for text in _texts(msgspec.to_builtins(server)):
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char == "\u202e" for char in text), text
        assert len(text) <= 400
    assert "NaN" not in written


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def poisoned(value, with_text: str):
    """The same body with every text in it replaced, but for those by which it is recognised."""
    keep = {"object", "owned_by", "role", "status", "value", "state", "detail", "error", "type", "code", "message"}
    if isinstance(value, dict):
        return {k: v if k in keep and isinstance(v, str) else poisoned(v, with_text) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(one, with_text) for one in value]
    return with_text if isinstance(value, str) else value


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_of_a_stranger_steers_a_terminal(name):
    stand = stand_in(name)
    for path, reply in recording(name)["routes"].items():
        if "json" in reply:
            stand.routes[path] = {**reply, "json": poisoned(reply["json"], EVIL)}
    harmless(await seen(stand))


async def test_evil_names_of_ollama_are_shown_cleaned():
    body = json.dumps({"models": [{"name": EVIL, "details": {"family": EVIL, "parameter_size": EVIL}}]})
    server = await seen(stand_in("ollama-0.12", **{"/api/tags": {"text": body}, "/api/ps": {"text": body}}))
    assert (server.product, len(server.models), len(server.loaded)) == ("ollama", 1, 1)
    assert "[/etc/x]" in server.models[0].name
    harmless(server)


async def test_ten_thousand_models_are_bounded():
    body = {"object": "list", "data": [{"id": f"m{n}", "owned_by": "vllm"} for n in range(10_000)]}
    server = await seen(stand_in("vllm-0.33", **{"/v1/models": {"json": body}}))
    assert (server.product, len(server.models)) == ("vllm", decoding.ENTRIES)


async def test_a_wrong_type_loses_the_entry_or_the_field_and_not_the_server():
    data = [
        {"id": "good", "owned_by": "vllm", "max_model_len": "many"}, {"id": 5, "owned_by": "vllm"}, "text", None, [],
        {"owned_by": "vllm"}, {"id": "", "owned_by": "vllm"},
        {"id": "big", "owned_by": "vllm", "max_model_len": 10**30},
        {"id": "minus", "owned_by": "vllm", "max_model_len": -5},
        {"id": "fine", "owned_by": "vllm", "max_model_len": 8.0},
    ]  # fmt: skip
    server = await seen(stand_in("vllm-0.33", **{"/v1/models": {"json": {"object": "list", "data": data}}}))
    assert server.product == "vllm"
    assert [(one.name, one.context) for one in server.models] == [
        ("good", None), ("big", None), ("minus", None), ("fine", 8),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "size", ["1e400", "-3", "1.5", '"x"', "true", "null", "[]", "NaN", "99999999999999999999999999"]
)
async def test_a_size_that_cannot_be_is_unknown(size):
    body = f'{{"models":[{{"name":"m","size":{size},"size_vram":{size},"expires_at":{size},"context_length":{size}}}]}}'
    server = await seen(stand_in("ollama-0.12", **{"/api/ps": {"text": body}}))
    assert server.product == "ollama"
    for one in server.loaded or ():
        assert one.size is None or one.size in (0, 1)
        assert one.expires_at is None
    harmless(server)


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00Z", "2318-01-01T00:00:00Z", "soon", "9999-12-31T23:59:59-23:59", ""]
)
async def test_a_model_that_never_leaves_has_no_end(when):
    body = {"models": [{"name": "m", "expires_at": when}]}
    server = await seen(stand_in("ollama-0.12", **{"/api/ps": {"json": body}}))
    assert server.loaded[0].expires_at is None


@pytest.mark.parametrize("body", [
    b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe\x00", b"{}" * 10, b'{"data":' + b"[" * 100_000, b'{"data":"\\ud800"}',
    b"<html><body>Please log in</body></html>", b'{"error":"nope"}', b'{"data":[{"id":"\xff\xfe","owned_by":"vllm"}]}',
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("status", [200, 401, 500, 503])
async def test_a_body_that_is_no_list_is_nobodys(body, status):
    server = await seen(answering({"/v1/models": {"status": status, "text": body}}))
    assert server.product in ("unknown", "vllm")
    assert server.state in ("unknown", "up")
    harmless(server)


async def test_bytes_that_are_no_utf8_lose_themselves_only():
    server = await seen(
        stand_in("vllm-0.33", **{"/v1/models": {"text": b'{"data":[{"id":"a\xff","owned_by":"vllm"}]}'}})
    )
    assert [one.name for one in server.models] == ["a\ufffd"]


async def test_a_server_that_lies_about_its_health_is_not_up():
    page = {"status": 200, "text": "<html>Bad gateway</html>"}
    for name, path in (("vllm-0.33", "/health"), ("ollama-0.12", "/api/ps"), ("llamacpp-single", "/health")):
        stand = stand_in(name)
        http, candidate = InMemory({BASE: stand}), candidate_for(stand)
        before = await look(http, candidate, None, NOW, slow=True)
        stand.routes = {path: page}
        after = await look(http, candidate, before, NOW + 5, slow=False)
        assert (before.state, after.state) == ("up", "unknown")
        stand.routes = {}
        assert (await look(http, candidate, after, NOW + 10, slow=False)).state == "up"


@pytest.mark.parametrize("manner", ["endless", "bomb", "binary"])
async def test_a_body_without_end_or_sense_costs_a_bounded_look(manner):
    with misbehaving(manner) as url:
        server = await look(LocalHttp(), Candidate("k", url, "x", hint="vllm"), None, NOW, slow=True)
    assert server.product in ("vllm", "unknown")
    assert server.state != "up"


WORDS = [
    "id",
    "name",
    "data",
    "models",
    "object",
    "owned_by",
    "meta",
    "status",
    "value",
    "details",
    "size",
    "expires_at",
    "stats",
    "version",
    "success",
    "key",
    "state",
    "info",
    "x",
    "loaded_instances",
    "config",
    "paths",
    "openapi",
    "detail",
    "error",
    "unix",
    "accelerators",
    "parameters",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(WORDS),
        inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
BODIES = st.binary(max_size=200) | VALUES.map(
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
)
REPLIES = st.fixed_dictionaries(
    {"status": st.sampled_from([200, 200, 200, 204, 302, 401, 403, 404, 429, 500, 503]), "text": BODIES}
)


@settings(max_examples=150)
@given(
    name=st.sampled_from(NAMES), replies=st.lists(REPLIES, min_size=3, max_size=3), slow=st.booleans(), data=st.data()
)
async def test_no_body_whatever_raises(name, replies, slow, data):
    stand = stand_in(name)
    http, candidate = InMemory({BASE: stand}), candidate_for(stand)
    server = await look(http, candidate, None, NOW, slow=True)
    paths = [*stand.recording["routes"], "/v1/models", "/openapi.json", "/api/status", "/models", "/info"]
    for step, reply in enumerate(replies, 1):
        stand.routes[data.draw(st.sampled_from(paths))] = reply
        server = await look(http, candidate, server, NOW + 5 * step, slow=slow)
        harmless(server)


@settings(max_examples=150)
@given(body=BODIES)
def test_no_document_and_no_metrics_raise(body):
    from stackops.console.products.catalogue.vllm import SERIES
    from stackops.console.products.servers import replies

    decoding.document(body)
    replies.samples(
        b"vllm:num_requests_running " + body + b"\nvllm:num_requests_running{" + body,
        frozenset().union(*SERIES.values()),
    )
