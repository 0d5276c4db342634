"""A FastGPT with its models in MongoDB and an AI Proxy with its channels in PostgreSQL: the real sources read both."""

from __future__ import annotations

import asyncio

import pytest
from demo.test_guide import LEFT, look
from stackops.checks import registry
from stackops.console.hosts import DatabaseLogin, DatabaseTarget, HttpReply
from stackops.console.model import DatabaseAnswer
from stackops.console.practice import DemoHost, scenarios

APP, KEY = "next-fastgpt", "practice-aiproxy-8d03"


@pytest.fixture
def proxied(orderly: DemoHost) -> DemoHost:
    orderly.build()
    with orderly.world.lock:
        scenarios.proxied(orderly.hands)
    return orderly


def test_in_order_each_active_model_is_followed_through_its_channel_to_its_server(proxied: DemoHost) -> None:
    snapshot = look(proxied, LEFT)
    assert {r.status for r in registry.examine(snapshot, LEFT)} <= {"ok", "not_applicable"}
    ways = {path.model: path for path in snapshot.model_paths if path.app_name == APP}
    assert {name: (path.kind, path.server, path.upstream_model) for name, path in ways.items()} == {
        "qwen1.5-14b-chat": ("llmModels", "vllm:8000", "Qwen/Qwen1.5-14B-Chat-AWQ"),
        "m3e": ("vectorModels", "m3e:6008", "m3e"),
    }
    assert {step.state for path in ways.values() for step in path.steps} == {"ok"}
    assert {path.place for path in ways.values()} == {"system_models of fastgpt"}


def test_a_model_that_was_switched_on_without_a_channel_is_told_and_ends_at_the_channel(orderly: DemoHost) -> None:
    orderly.build()
    with orderly.world.lock:
        scenarios.switched_on(orderly.hands)
    snapshot = look(orderly, LEFT)
    (found,) = (r for r in registry.examine(snapshot, LEFT) if r.status == "finding")
    assert (found.check, found.form, found.subject) == ("fastgpt.models", "no-proxy-channel", APP)
    (way,) = (path for path in snapshot.model_paths if path.model == "bge-m3")
    assert [step.name for step in way.steps if step.state == "failed"] == ["channel"]


def ask(host: DemoHost, container: str, login: DatabaseLogin) -> DatabaseAnswer:
    assert host.databases is not None
    target = DatabaseTarget("container address", "127.0.0.1", 1, container)
    (answer,) = host.databases.ask_databases([(target, login)])
    return answer


def test_models_and_channels_are_told_to_a_good_login_that_asks_for_them_and_to_no_other(proxied: DemoHost) -> None:
    good = DatabaseLogin("mongo", "myname", "practice-mongo-27aa", "fastgpt", source="admin")
    assert [one.name for one in ask(proxied, "next-mongo", good).models or ()] == ["qwen1.5-14b-chat", "m3e"]
    bad = ask(proxied, "next-mongo", DatabaseLogin("mongo", "myname", "other", "fastgpt", source="admin"))
    assert (bad.models, bad.trouble) == (None, "login")
    owner = ("postgres", "practice-aiproxy-pg-f604", "aiproxy")
    told = ask(proxied, "next-aiproxy-pg", DatabaseLogin("postgres", *owner, channels=True))
    assert [(one.id, one.base_url) for one in told.channels or ()] == [
        (1, "http://192.0.2.10:8001/v1"), (2, "http://192.0.2.10:6008/v1"),
    ]  # fmt: skip
    assert ask(proxied, "next-aiproxy-pg", DatabaseLogin("postgres", *owner)).channels is None


@pytest.mark.parametrize(
    ("key", "model", "path", "status"),
    [
        (KEY, "m3e", "/v1/embeddings", 200),
        (KEY, "qwen1.5-14b-chat", "/v1/chat/completions", 200),
        (KEY, "bge-m3", "/v1/embeddings", 404),
        ("other", "m3e", "/v1/embeddings", 401),
    ],
)
def test_the_ai_proxy_answers_for_the_models_of_its_channels_alone(
    proxied: DemoHost, key: str, model: str, path: str, status: int
) -> None:
    acts, headers = proxied.http_acts, {"Authorization": f"Bearer {key}"}
    assert acts is not None
    body = {"model": model, "input": ["x"]}
    reply: HttpReply = asyncio.run(acts.post(f"http://127.0.0.1:3021{path}", body, headers=headers))
    assert reply.status == status
