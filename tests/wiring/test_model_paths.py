"""The way of each offered model: what each step says where it is well, where it fails, and where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.collect.sources.model_paths import ModelPaths
from stackops.console.model import (
    ConfigVerdict,
    Container,
    DatabaseAnswer,
    DatabaseState,
    JsonFact,
    KeyAnswer,
    ModelPath,
    OfferedModel,
    OneApiChannel,
    OneApiState,
    OneApiToken,
    Port,
    ServedModel,
    Server,
    Snapshot,
)
from stackops.console.products import model_paths as paths_module
from stackops.console.products.model_paths import STEPS, model_paths
from support.memory_host import MemoryHost
from support.model_rows import (
    CHANNEL,
    CONFIG,
    DEAD,
    KEY,
    STATE,
    UNTRIED,
    VLLM,
    WHOLE,
    arrow,
    box,
    fastgpt,
    with_channels,
    world,
)
from support.one_source import OneSource

TOKEN = OneApiToken(2, "fastgpt", 1, group="default", clients=("fastgpt-id",))
OWNED = KeyAnswer("fastgpt-id", "CHAT_API_KEY", token=TOKEN, compared=True)
"""What its database says of the key that FastGPT sends."""


def only(snapshot: Snapshot) -> ModelPath:
    (path,) = model_paths(snapshot)
    return path


def states(path: ModelPath) -> dict[str, str]:
    return {step.name: step.state for step in path.steps}


def reason(path: ModelPath, name: str) -> str:
    return next(step.reason or "" for step in path.steps if step.name == name)


def test_a_path_that_is_well_is_followed_to_the_model_in_memory() -> None:
    path = only(WHOLE)
    assert set(states(path).values()) == {"ok"}
    assert (path.key, path.gateway, path.channel, path.server) == (
        "fastgpt llmModels qwen 7", "oneapi-id", 7, "vllm:8000",
    )  # fmt: skip
    assert (path.upstream, path.upstream_model) == ("http://vllm:8000", "Qwen/Qwen2-7B")
    assert reason(path, "model") == "served, and in memory"
    assert "group default, priority 5" in reason(path, "channel")
    assert KEY not in repr(path)


def fastgpts(image: str = "fastgpt:v4.7", **more: Any) -> tuple[Container, ...]:
    return (fastgpt(image, **more), *WHOLE.containers[1:])


FAILS = {
    "offered: the file is no JSON": (
        "offered", "cannot read /srv/config.json: line 3",
        world(json_files=(JsonFact("/srv/config.json", strict="line 3", relaxed="line 3"),),
              containers=(replace(fastgpt(), state="restarting"), *WHOLE.containers[1:])),
    ),
    "gateway: nobody listens": (
        "gateway", "nobody listens", world(edges=(arrow("fastgpt", "oneapi", 3000, DEAD), WHOLE.edges[1])),
    ),
    "gateway: no /v1": ("gateway", "does not end with /v1", world(containers=fastgpts(url="http://oneapi:3000"))),
    "key: refused": ("key", "refuses CHAT_API_KEY", with_channels(CHANNEL, models=None, models_trouble="wrong-key")),
    "channel: none, by the list": ("channel", "no channel offers qwen", with_channels(models=("m3e",))),
    "channel: none, and what may be meant": (
        "channel", "qwen2 may be meant", with_channels(replace(CHANNEL, models=("qwen2",))),
    ),
    "channel: off by hand": ("channel", "switched off by hand", with_channels(replace(CHANNEL, status=2))),
    "channel: off by itself": ("channel", "by the gateway itself", with_channels(replace(CHANNEL, status=3))),
    "channel: of another group": (
        "channel", "is of group vip", with_channels(replace(CHANNEL, groups=("vip",)), models=("m3e",)),
    ),
    "channel: of another group, as the database tells": (
        "channel", "the key of fastgpt is of group default",
        with_channels(replace(CHANNEL, groups=("vip",)), models=None, keys=(OWNED,)),
    ),
    "channel: of the key's group, and not listed for it": (
        "channel", "is of group vip, default",
        with_channels(replace(CHANNEL, groups=("vip", "default")), models=("m3e",),
                      keys=(replace(OWNED, token=replace(TOKEN, group="svip")),)),
    ),
    "upstream: /v1 twice": (
        "upstream", "requests go to /v1/v1", with_channels(replace(CHANNEL, base_url="http://vllm:8000/v1")),
    ),
    "upstream: nobody listens": (
        "upstream", "nobody listens", world(edges=(WHOLE.edges[0], arrow("oneapi", "vllm", 8000, DEAD))),
    ),
    "server: down": ("server", "is down: it died", world(servers=(replace(VLLM, state="down", reason="it died"),))),
    "server: engine dead": ("server", "engine_dead", world(servers=(replace(VLLM, state="engine_dead"),))),
    "model: another one": (
        "model", "does not serve Qwen/Qwen2-7B; Qwen/Qwen2-72B may be meant",
        world(servers=(replace(VLLM, models=(ServedModel("Qwen/Qwen2-72B"),), loaded=None),)),
    ),
    "model: without the mapping": (
        "model", "does not serve qwen", with_channels(replace(CHANNEL, mapping=())),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILS)
def test_the_first_step_that_fails_is_named_and_nothing_is_said_behind_it(case: str) -> None:
    name, words, snapshot = FAILS[case]
    path = only(snapshot)
    assert path.broken is not None
    assert path.broken.name == name
    assert words in (path.broken.reason or "")
    told = states(path)
    assert [told[each] for each in STEPS[STEPS.index(name) + 1 :]] == ["none"] * (6 - STEPS.index(name))  # type: ignore[arg-type]


UNKNOWN = {
    "offered: in MongoDB": ("offered", "keeps its models in MongoDB", world(containers=fastgpts("fastgpt:v4.9.0"))),
    "offered: release not known": (
        "offered", "its release is not known", world(containers=fastgpts("fastgpt:latest")),
    ),
    "offered: no file read": ("offered", "could not be read", world(json_files=())),
    "offered: edited since": (
        "offered", "cannot read", world(json_files=(JsonFact("/srv/config.json", strict="x", relaxed="x"),)),
    ),
    "gateway: not tried": (
        "gateway", "only root may", world(edges=(arrow("fastgpt", "oneapi", 3000, UNTRIED), WHOLE.edges[1])),
    ),
    "gateway: no arrow": ("gateway", "was not tried", world(edges=WHOLE.edges[1:])),
    "key: no key": ("key", "was not asked with the key", world(containers=fastgpts(key=None))),
    "key: One API does not answer": (
        "key", "refused", with_channels(CHANNEL, trouble="refused", sentence="refused", models=None),
    ),
    "key: asked for another": ("key", "not asked with it", with_channels(CHANNEL, client="other-id")),
    "channel: an old release lists everything": (
        "channel", "access token", with_channels(models=("other",), version="v0.6.4"),
    ),
    "channel: nor in its database": (
        "channel", "did not tell them: it has no channels.id",
        with_channels(models=("other",), version="v0.6.4", channels_trouble="it has no channels.id"),
    ),
    "channel: of the key's group, though it is not listed": (
        "channel", "does not list qwen for this key",
        with_channels(replace(CHANNEL, groups=("vip",)), models=("m3e",),
                      keys=(replace(OWNED, token=replace(TOKEN, group="vip")),)),
    ),
    "channel: which one": ("upstream", "which channel takes it", with_channels()),
    "channel: group not known": (
        "channel", "the group of the key is not known",
        with_channels(replace(CHANNEL, groups=("vip",)), models=None, models_trouble="timeout"),
    ),
    "upstream: a vendor": ("upstream", "goes to the vendor", with_channels(replace(CHANNEL, base_url=None))),
    "upstream: not tried": (
        "upstream", "only root may", world(edges=(WHOLE.edges[0], arrow("oneapi", "vllm", 8000, UNTRIED))),
    ),
    "server: none known": ("server", "no model server is known", world(servers=())),
    "server: loading": ("server", "is loading", world(servers=(replace(VLLM, state="loading"),))),
    "model: no list": (
        "model", "has not told its models", world(servers=(replace(VLLM, state="wrong_key", models=(), loaded=None),)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_known_says_why_and_is_neither_good_nor_bad(case: str) -> None:
    name, words, snapshot = UNKNOWN[case]
    path = only(snapshot)
    assert path.broken is None
    assert states(path)[name] == "unknown"
    assert words in reason(path, name)


def test_each_channel_with_the_highest_priority_has_its_row() -> None:
    channels = (CHANNEL, replace(CHANNEL, id=8), replace(CHANNEL, id=9, priority=0), replace(CHANNEL, id=1, status=2))
    paths = model_paths(with_channels(*channels))
    assert [path.channel for path in paths] == [7, 8]
    assert "1 more of lower priority" in reason(paths[0], "channel")


@pytest.mark.parametrize(
    ("product", "served", "asked", "state"),
    [
        ("ollama", "qwen:latest", "qwen", "ok"),
        ("ollama", "qwen:7b", "qwen", "failed"),
        ("m3e-large-api", "m3e-large", "m3e", "ok"),
        ("tei", "BAAI/bge-m3", "bge-m3", "ok"),
        ("vllm", "Qwen/qwen", "qwen", "failed"),
        ("xinference", "qwen", "qwen", "ok"),
    ],
)
def test_the_name_counts_as_the_server_takes_it(product: str, served: str, asked: str, state: str) -> None:
    server = replace(VLLM, product=product, models=(ServedModel(served),), loaded=())
    channel = replace(CHANNEL, models=(asked,), mapping=())
    config = replace(CONFIG, models=(OfferedModel(asked, "llmModels"),))
    oneapi = replace(STATE, models=(asked,), channels=(channel,))
    path = only(world(servers=(server,), json_files=(config,), oneapis=(oneapi,)))
    assert states(path)["model"] == state


def chat(*offered: OfferedModel, **more: Any) -> Snapshot:
    facts = {"stage": "ok", "boot": "ok", "mounted": True, "container": "chat-id", "offered": offered, **more}
    verdict = ConfigVerdict("/srv/librechat.yaml", "0.8.0", "image", **facts)
    boxes = (box("chat", "librechat:v0.8.0"), WHOLE.containers[2], box("oneapi", "one-api:v0.6.7"))
    return world(containers=boxes, config_verdicts=(verdict,), json_files=(),
                 edges=(arrow("chat", "vllm", 8000), arrow("chat", "oneapi", 3000), WHOLE.edges[1]))  # fmt: skip


def at(name: str, *, fetch: bool = False, address: str | None = "http://vllm:8000/v1") -> OfferedModel:
    return OfferedModel(name, "endpoint X", address, fetch)


def test_an_endpoint_is_followed_without_a_gateway() -> None:
    path = only(chat(at("Qwen/Qwen2-7B")))
    assert states(path) == {**dict.fromkeys(STEPS, "ok"), "gateway": "none", "key": "none", "channel": "none"}
    assert path.server == "vllm:8000"


def test_a_list_that_is_fetched_takes_the_place_of_the_names_in_the_file() -> None:
    assert only(chat(at("", fetch=True), at("old", fetch=True))).model == "Qwen/Qwen2-7B"
    silent = replace(chat(at("", fetch=True), at("old", fetch=True)), servers=())
    assert only(silent).model == "old"
    nothing = only(replace(chat(at("", fetch=True)), servers=()))
    assert (nothing.model, states(nothing)["offered"]) == ("", "unknown")


def test_an_endpoint_that_leads_to_one_api_goes_on_through_its_channels() -> None:
    path = only(replace(chat(at("qwen", address="http://oneapi:3000/v1")), oneapis=WHOLE.oneapis))
    assert (path.channel, path.server) == (7, "vllm:8000")
    assert states(path)["key"] == "unknown", "One API was asked with FastGPT's key, not with LibreChat's"


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"mounted": False}, "is not mounted into chat"), ({"stage": "yaml", "boot": "defaults", "log": "bad"}, "bad")],
)
def test_a_file_that_librechat_does_not_take_offers_nothing(facts: dict[str, Any], words: str) -> None:
    path = only(chat(at("qwen"), **facts))
    assert path.broken is not None
    assert path.broken.name == "offered"
    assert words in (path.broken.reason or "")


def test_a_file_that_could_not_be_judged_is_not_called_bad() -> None:
    path = only(chat(stage=None, boot=None, problem="this user may not read it"))
    assert (path.broken, reason(path, "offered")) == (None, "this user may not read it")


def test_open_webui_offers_what_its_server_lists() -> None:
    boxes = (box("webui", "open-webui:main"), WHOLE.containers[2])
    edge = replace(arrow("webui", "vllm", 8000), kind="model_server", origin="OPENAI_API_BASE_URL")
    path = only(world(containers=boxes, edges=(edge,), json_files=()))
    assert (path.model, path.kind, states(path)["model"]) == ("Qwen/Qwen2-7B", "OPENAI_API_BASE_URL", "ok")


def test_a_published_port_leads_to_the_container_behind_it() -> None:
    published = replace(WHOLE.containers[2], ports=(Port(8000, "tcp", "0.0.0.0", 8001),))
    edge = replace(arrow("oneapi", "192.0.2.10", 8001), target="vllm-id")
    channel = replace(CHANNEL, base_url="http://192.0.2.10:8001")
    path = only(replace(with_channels(channel), containers=(*WHOLE.containers[:2], published),
                        edges=(WHOLE.edges[0], edge)))  # fmt: skip
    assert path.server == "vllm:8000"


def test_ai_proxy_knows_its_own_key_and_its_channels_are_not_guessed() -> None:
    proxy = box("aiproxy", "aiproxy:v0.1", {"ADMIN_KEY": "token"})
    env = {"AIPROXY_API_ENDPOINT": "http://aiproxy:3000", "AIPROXY_API_TOKEN": "token"}
    app = box("fastgpt", "fastgpt:v4.8.1", env, mounts=fastgpt().mounts)
    path = only(world(containers=(app, proxy), edges=(arrow("fastgpt", "aiproxy", 3000),)))
    assert (states(path)["key"], states(path)["channel"]) == ("ok", "unknown")


def proxied(*channels: OneApiChannel, server: Server = VLLM, **state: Any) -> Snapshot:
    """A FastGPT whose model goes through an AI Proxy."""
    proxy = box("aiproxy", "aiproxy:v0.1", {"ADMIN_KEY": "token"})
    env = {"AIPROXY_API_ENDPOINT": "http://aiproxy:3000", "AIPROXY_API_TOKEN": "token"}
    app = box("fastgpt", "fastgpt:v4.8.1", env, mounts=fastgpt().mounts)
    told = OneApiState("aiproxy-id", **{"channels": channels, **state})
    return world(containers=(app, proxy, WHOLE.containers[2]), oneapis=(told,), servers=(server,),
                 edges=(arrow("fastgpt", "aiproxy", 3000), arrow("aiproxy", "vllm", 8000)))  # fmt: skip


BEHIND = replace(CHANNEL, base_url="http://vllm:8000/v1")


def test_a_channel_of_ai_proxy_is_followed_to_the_server() -> None:
    path = only(proxied(BEHIND))
    assert set(states(path).values()) == {"ok"}
    assert (path.channel, path.upstream, path.server) == (7, "http://vllm:8000/v1", "vllm:8000")


def test_every_enabled_channel_of_ai_proxy_may_be_taken_whatever_its_priority() -> None:
    found = model_paths(proxied(BEHIND, replace(BEHIND, id=8, priority=1), replace(BEHIND, id=9, status=2)))
    assert [(path.channel, path.broken) for path in found] == [(7, None), (8, None)]


def test_ai_proxy_puts_no_v1_behind_a_base_url() -> None:
    bare = replace(BEHIND, base_url="http://vllm:8000")
    path = only(proxied(bare))
    assert states(path)["upstream"] == "failed"
    assert "ends without /v1, and aiproxy adds none" in reason(path, "upstream")
    assert states(only(proxied(bare, server=replace(VLLM, product="unknown"))))["upstream"] == "unknown"
    assert states(only(proxied(replace(bare, type=30))))["upstream"] == "ok", "only of type OpenAI it is known"


def test_channels_of_ai_proxy_that_are_off_or_lack_the_model_fail() -> None:
    off = only(proxied(replace(BEHIND, status=2)))
    assert (states(off)["channel"], reason(off, "channel")) == ("failed", "channel 7 (local) is switched off by hand")
    assert states(only(proxied()))["channel"] == "failed"
    assert states(only(proxied(replace(BEHIND, groups=("vip",)))))["channel"] == "unknown"


def test_channels_of_ai_proxy_that_could_not_be_read_are_unknown_with_the_reason() -> None:
    path = only(proxied(channels=None, trouble="database", sentence="password authentication failed"))
    assert states(path)["channel"] == "unknown"
    assert reason(path, "channel").endswith("which could not be read: password authentication failed")


def test_where_not_all_channels_were_read_none_is_missed() -> None:
    many = tuple(replace(CHANNEL, id=number, models=("other",)) for number in range(200))
    path = only(with_channels(*many))
    assert (states(path)["channel"], states(path)["upstream"]) == ("unknown", "unknown")
    assert states(only(with_channels(*many[1:])))["channel"] == "failed"


def kept(answer: DatabaseAnswer | None, image: str = "fastgpt:v4.9.0", **parts: Any) -> Snapshot:
    """A FastGPT of which its MongoDB was asked for its models."""
    state = DatabaseState("mongo", "mongo-id", "fastgpt-id", "MONGODB_URI", "me", "fastgpt", answer or DatabaseAnswer())
    return world(containers=(fastgpt(image), *WHOLE.containers[1:]), databases=(state,) if answer else (), **parts)


def test_models_in_mongodb_go_over_the_gateway_or_to_an_address_of_their_own() -> None:
    models = (OfferedModel("qwen", "llm"), OfferedModel("Qwen/Qwen2-7B", "", "http://vllm:8000/v1/chat/completions"))
    over, own = model_paths(kept(DatabaseAnswer(models=models)))
    assert set(states(over).values()) == {"ok"}
    assert (over.key, over.place, over.channel) == ("fastgpt llmModels qwen 7", "system_models of fastgpt", 7)
    assert (own.kind, own.gateway, own.server) == ("system_models", None, "vllm:8000")
    assert (states(own)["gateway"], states(own)["model"]) == ("none", "ok")


def test_a_reranker_of_config_json_goes_past_the_gateway_and_only_the_first_is_used() -> None:
    listed = [("qwen", "llmModels", None), ("Qwen/Qwen2-7B", "reRankModels", "http://vllm:8000/v1/rerank"),
              ("other", "reRankModels", "http://nobody:1/v1/rerank")]  # fmt: skip
    config = replace(CONFIG, models=tuple(OfferedModel(*one) for one in listed))
    dead = arrow("fastgpt", "vllm", 8000, DEAD)
    over, own = model_paths(world(json_files=(config,), edges=(*WHOLE.edges, dead)))
    assert (over.channel, set(states(over).values())) == (7, {"ok"})
    assert (own.kind, own.gateway, own.upstream) == ("reRankModels", None, "http://vllm:8000/v1/rerank")
    assert (states(own)["upstream"], reason(own, "upstream")) == ("failed", "port: nobody listens there")


@pytest.mark.parametrize(("answer", "image", "why"), [
    (None, "fastgpt:v4.9.0", "which could not be asked for them"),
    (DatabaseAnswer(trouble="login", said="Authentication failed."), "fastgpt:v4.9.0",
     "could not be read: Authentication failed."),
    (DatabaseAnswer(models=()), "fastgpt:v4.9.0", "no model is active in system_models of fastgpt"),
    (None, "fastgpt:v4.17.0", "which could not be asked for them"),
    (DatabaseAnswer(models=()), "fastgpt:v4.17.1", "no model is active in ai_models of fastgpt"),
])  # fmt: skip
def test_models_in_mongodb_that_are_not_known_say_why(answer: DatabaseAnswer | None, image: str, why: str) -> None:
    path = only(kept(answer, image))
    assert (path.model, states(path)["offered"]) == ("", "unknown")
    assert why in reason(path, "offered")


def test_of_an_unknown_release_models_in_mongodb_count_and_none_there_says_nothing() -> None:
    models = (OfferedModel("qwen", "llm"),)
    path = only(kept(DatabaseAnswer(models=models), "fastgpt:latest", json_files=()))
    assert (path.model, states(path)["offered"]) == ("qwen", "ok")
    for answer in (DatabaseAnswer(models=()), DatabaseAnswer(trouble="login"), None):
        path = only(kept(answer, "fastgpt:latest"))
        assert (path.place, states(path)["offered"]) == ("/srv/config.json", "unknown")


def test_of_several_members_of_a_set_the_one_that_told_counts() -> None:
    one = kept(DatabaseAnswer(trouble="refused"))
    two = kept(DatabaseAnswer(models=(OfferedModel("qwen", "llm"),)))
    path = only(replace(one, databases=(*one.databases, *two.databases)))
    assert path.model == "qwen"


async def test_the_source_tells_paths_anew_when_a_server_dies() -> None:
    room: OneSource[ModelPaths] = OneSource(ModelPaths, MemoryHost())
    parts = {name: getattr(WHOLE, name) for name in ("containers", "edges", "json_files", "oneapis", "servers")}
    room.board.put(**parts)
    assert await room.read()
    assert room.board.parts.model_paths == model_paths(WHOLE)
    before = room.board.parts.model_paths
    assert await room.read()
    assert room.board.parts.model_paths is before, "nothing new is no news"
    room.board.put(servers=(replace(VLLM, state="down"),))
    assert await room.read()
    (path,) = room.board.parts.model_paths
    assert path.broken is not None
    assert path.broken.name == "server"


def test_no_more_are_followed_than_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str] = []
    real = paths_module.lead_of
    monkeypatch.setattr(paths_module, "lead_of", lambda app, *more: (followed.append(app.id), real(app, *more))[1])
    (file,) = WHOLE.json_files
    models = tuple(OfferedModel(f"model-{number}", "llmModels") for number in range(200))
    apps = tuple(replace(fastgpt(), id=f"id-{number}", name=f"app-{number}") for number in range(50))
    many = replace(WHOLE, containers=(*apps, *WHOLE.containers[1:]), json_files=(replace(file, models=models),))
    assert len(model_paths(many)) == paths_module.MOST
    assert len(followed) < 3 * paths_module.MOST
