"""The One API of the tests does what the fact sheet says of the real one (fastgpt-stack 5)."""

from __future__ import annotations

import json

from support.oneapi_server import OneApi

KEY = {"authorization": "Bearer sk-fastgpt"}


def ask(gateway: OneApi, method: str, path: str, headers: dict[str, str] | None = None, **body: object):
    status, kind, reply = gateway.answer(method, path, headers or {}, json.dumps(body).encode())
    return status, json.loads(reply) if "json" in kind else reply


def started(**more: object) -> OneApi:
    gateway = OneApi(now=1_700_000_000.0, **more)
    gateway.add_channel("qwen")
    gateway.start()
    return gateway


def test_a_new_channel_is_listed_at_once_and_relayed_only_after_a_restart_or_a_sync() -> None:
    gateway = started()
    gateway.now += 60
    gateway.add_channel("m3e")
    listed = [row["id"] for row in ask(gateway, "GET", "/v1/models", KEY)[1]["data"]]
    assert listed == ["qwen", "m3e"]
    status, said = ask(gateway, "POST", "/v1/embeddings", KEY, model="m3e", input=["x"])
    assert status == 503
    assert said["error"]["message"].startswith("当前分组 default 下对于模型 m3e 无可用渠道 (request id: ")
    gateway.restart()
    assert ask(gateway, "POST", "/v1/embeddings", KEY, model="m3e", input=["x"])[0] == 200


def test_without_the_cache_it_is_relayed_at_once() -> None:
    gateway = started(memory_cache=False)
    gateway.add_channel("m3e")
    assert ask(gateway, "POST", "/v1/embeddings", KEY, model="m3e")[0] == 200


def test_a_disabled_channel_goes_on_serving_until_the_next_sync() -> None:
    gateway = started()
    gateway.database[0].status = 2
    assert ask(gateway, "POST", "/v1/chat/completions", KEY, model="qwen")[0] == 200
    gateway.sync()
    assert ask(gateway, "POST", "/v1/chat/completions", KEY, model="qwen")[0] == 503


def test_old_releases_list_everything() -> None:
    listed = ask(started(version="v0.6.4"), "GET", "/v1/models", KEY)[1]["data"]
    assert {"id": "gpt-4", "object": "model"} in listed


def test_any_other_path_is_the_web_page() -> None:
    assert started().answer("POST", "/chat/completions", {}, b"{}")[:2] == (200, "text/html")


def test_logins_are_limited_to_20_in_20_minutes_and_all_of_api_to_240_in_3() -> None:
    gateway = started()
    codes = [ask(gateway, "POST", "/api/user/login")[0] for _ in range(20)]
    assert codes == [200] * 20
    assert gateway.answer("POST", "/api/user/login", {}, b"") == (429, "text/plain", b"")
    assert [ask(gateway, "GET", "/api/status")[0] for _ in range(219)] == [200] * 219
    assert gateway.answer("GET", "/api/status", {}, b"")[0] == 429
    gateway.now += 181
    assert ask(gateway, "GET", "/api/status")[0] == 200


def test_a_wrong_access_token_is_status_200_and_no_success() -> None:
    status, said = ask(started(), "GET", "/api/channel/?p=0", {"authorization": "nonsense"})
    assert (status, said["success"]) == (200, False)
    assert ask(started(), "GET", "/api/channel/?p=0")[0] == 401
