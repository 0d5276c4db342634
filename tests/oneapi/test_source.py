"""What is read from a One API over HTTP, and every way in which it may fail, over a real socket."""

from __future__ import annotations

import socket

import pytest
from stackops.console.collect.sources import oneapi
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.model import Container, EnvVar, NetworkLink, Port
from support.oneapi_server import one_api
from support.registries import registry

HTTP = LocalHttp()


async def trouble(awaitable) -> str:
    with pytest.raises(oneapi.NotTold) as caught:
        await awaitable
    assert str(caught.value)
    return caught.value.trouble


async def test_status_tells_version_and_start() -> None:
    with one_api(now=1_700_000_000.9) as gateway:
        told = await oneapi.status(HTTP, gateway.url)
    assert (told.version, told.start_time) == ("v0.6.7", 1_700_000_000)


async def test_models_are_those_of_the_key() -> None:
    with one_api() as gateway:
        gateway.add_channel("qwen,m3e")
        assert await oneapi.read_models(HTTP, gateway.url, "sk-fastgpt") == ("qwen", "m3e")
        assert await trouble(oneapi.read_models(HTTP, gateway.url, "sk-other")) == "wrong-key"


SHAPES = {
    '{"error": {"message": "无效的令牌 (request id: 2024041602103912)", "type": "one_api_error"}}': "无效的令牌",
    '{"error": {"message": "\\u001b[31mno\\u202e", "type": "x"}}': "no<U+202E>",
    '{"error": {"message": ""}}': None, '{"error": "no"}': None, '{"detail": "Not authenticated"}': None,
    "<html>401</html>": None, "": None, "[1]": None, "\ud800": None,
}  # fmt: skip


@pytest.mark.parametrize(("body", "said"), SHAPES.items(), ids=[f"shape {number}" for number in range(len(SHAPES))])
def test_only_one_apis_own_words_are_taken_for_a_reason(body: str, said: str | None) -> None:
    assert oneapi._said(body.encode("utf-8", "surrogatepass")) == said


async def test_channels_are_read_page_after_page_and_never_their_keys() -> None:
    with one_api() as gateway:
        for number in range(23):
            gateway.add_channel(f"model-{number}", status=1 if number else 2, group="default,vip")
        found = await oneapi.channels(HTTP, gateway.url, "admin-token")
        assert len(gateway.requests) == 3
    assert [channel.id for channel in found] == list(range(23, 0, -1))
    assert found[-1].status == 2
    assert found[0].models == ("model-22",)
    assert found[0].groups == ("default", "vip")
    assert found[0].created_at is not None


async def test_where_a_channel_sends_what_is_read_and_never_a_login_in_its_address() -> None:
    with one_api() as gateway:
        gateway.add_channel(
            "qwen", type=30, base_url="http://u:secret@ollama:11434?k=1", priority=7, test_time=1_700_000_000,
            model_mapping='{"qwen": "qwen2:7b"}', response_time=1500,
        )  # fmt: skip
        (found,) = await oneapi.channels(HTTP, gateway.url, "admin-token")
    assert (found.type, found.base_url, found.priority) == (30, "http://ollama:11434", 7)
    assert (found.mapping, found.tested_at, found.test_seconds) == ((("qwen", "qwen2:7b"),), 1_700_000_000, 1.5)


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '{"a": 1}', "\ud800"])
def test_a_mapping_that_is_none_maps_nothing(text: str | None) -> None:
    assert oneapi.mapping_of(text) == ()


async def test_a_full_last_page_ends_the_reading() -> None:
    with one_api() as gateway:
        for number in range(10):
            gateway.add_channel(f"model-{number}")
        assert len(await oneapi.channels(HTTP, gateway.url, "admin-token")) == 10


async def test_a_wrong_access_token_is_told_from_no_success_at_status_200() -> None:
    with one_api() as gateway:
        assert await trouble(oneapi.channels(HTTP, gateway.url, "nonsense")) == "wrong-key"


async def test_too_many_requests_are_told() -> None:
    with one_api() as gateway:
        for _ in range(240):
            gateway.answer("GET", "/api/status", {}, b"")
        assert await trouble(oneapi.status(HTTP, gateway.url)) == "rate-limited"


async def test_a_page_of_something_else_is_not_believed() -> None:
    with registry("page") as other:
        assert await trouble(oneapi.status(HTTP, other.url)) == "unexpected"
        assert await trouble(oneapi.read_models(HTTP, other.url, "sk-x")) == "unexpected"


async def test_a_closed_port_is_refused() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    assert await trouble(oneapi.status(HTTP, f"http://127.0.0.1:{port}")) == "refused"


async def test_names_from_outside_are_made_harmless() -> None:
    with one_api() as gateway:
        gateway.add_channel("\x1b]52;c;eA==\x07evil\u202e")
        (name,) = await oneapi.read_models(HTTP, gateway.url, "sk-fastgpt")
    assert not set("\x1b\x07\u202e") & set(name)


def container(**more) -> Container:
    return Container(**({"id": "a" * 64, "name": "oneapi", "image": "one-api", "state": "running"} | more))


@pytest.mark.parametrize(
    ("more", "address"),
    [
        ({"ports": (Port(3000, "tcp", "0.0.0.0", 3001),)}, "http://127.0.0.1:3001"),
        ({"ports": (Port(3000, "tcp", "::", 3001), Port(3000, "tcp", "0.0.0.0", 3001))}, "http://127.0.0.1:3001"),
        ({"ports": (Port(3000, "tcp", "192.168.1.4", 80),)}, "http://192.168.1.4:80"),
        ({"ports": (Port(3000, "tcp", "fd00::1", 80),)}, "http://[fd00::1]:80"),
        ({"ports": (Port(3000),), "networks": (NetworkLink("n", "172.18.0.6"),)}, "http://172.18.0.6:3000"),
        ({"env": (EnvVar("PORT", "8000"),), "ports": (Port(8000, "tcp", "", 8000),)}, "http://127.0.0.1:8000"),
        ({"network_mode": "host"}, "http://127.0.0.1:3000"),
        ({}, None),
    ],
)
def test_the_address_is_the_published_port_or_else_the_containers_own(more, address) -> None:
    assert oneapi.address_of(container(**more), local=True) == address
    assert oneapi.address_of(container(**more), local=False) is None
