"""Arrows out of Snapshots: which settings count, where they lead, and that no secret is in them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from examples.snapshots import NOW, container_id
from msgspec.structs import replace
from stackops.console.collect.files import judge
from stackops.console.judge import needs_of
from stackops.console.model import (
    ComposeService,
    ConfigAddress,
    ConfigVerdict,
    Container,
    DatabaseAnswer,
    DatabaseState,
    Edge,
    EnvVar,
    HostInfo,
    JsonFact,
    Mount,
    NetworkLink,
    OfferedModel,
    OneApiChannel,
    OneApiState,
    Port,
    Project,
    Snapshot,
)
from stackops.console.products.edges import edges
from stackops.console.products.librechat.custom import addresses

SECRETS = ("hunter2", "sk-very-secret", "s3cr3t")


def box(name: str, image: str = "", **more: Any) -> Container:
    env = tuple(EnvVar(key, value) for key, value in more.pop("env", {}).items())
    facts: dict[str, Any] = {
        "id": container_id(name), "name": name, "image": image or f"{name}:1", "state": "running", "project": "stack",
        "service": name, "networks": (NetworkLink("net", aliases=(name,)),), "started_at": NOW - 3600,
    }  # fmt: skip
    return Container(**{**facts, "env": env, **more})


def arrows(*boxes: Container, **parts: Any) -> dict[str, Edge]:
    """By who, and what is meant to be there."""
    return {f"{edge.source_name} -> {edge.kind}": edge for edge in edges(boxes, **parts)}


def fastgpt(**env: str) -> Container:
    return box("fastgpt", "ghcr.io/labring/fastgpt:v4.8.4", env=env)


def test_fastgpt_of_version_4_8_needs_what_its_compose_file_says() -> None:
    app = fastgpt(
        MONGODB_URI="mongodb://me:hunter2@mongo:27017/fastgpt?authSource=admin",
        PG_URL="postgresql://me:hunter2@pg:5432/postgres", OPENAI_BASE_URL="http://oneapi:3000/v1",
        CHAT_API_KEY="sk-very-secret", SANDBOX_URL="http://sandbox:3000",
    )  # fmt: skip
    gateway = box("oneapi", "justsong/one-api:v0.6.7", env={"SQL_DSN": "root:hunter2@tcp(mysql:3306)/oneapi"})
    found = arrows(app, gateway, box("mongo"), box("pg", "pgvector/pgvector:pg16"), box("mysql"), box("sandbox"))
    assert {key: (edge.effective, edge.target_name, edge.speaks) for key, edge in found.items()} == {
        "fastgpt -> mongo": ("mongodb://mongo:27017", "mongo", "mongo"),
        "fastgpt -> postgres": ("postgresql://pg:5432", "pg", "postgres"),
        "fastgpt -> gateway": ("http://oneapi:3000/v1", "oneapi", "http"),
        "fastgpt -> sandbox": ("http://sandbox:3000", "sandbox", "http"),
        "oneapi -> mysql": ("mysql://mysql:3306", "mysql", "mysql"),
    }
    assert found["fastgpt -> mongo"].origin == "MONGODB_URI"
    assert found["fastgpt -> mongo"].place == "environment of fastgpt"
    told = msgspec.json.encode(list(found.values())).decode()
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize(
    ("image", "env", "effective"),
    [
        ("fastgpt:v4.9.4", {"AIPROXY_API_ENDPOINT": "http://a:3000", "OPENAI_BASE_URL": "http://b:3000/v1"}, "http://a:3000/v1"),
        ("fastgpt:v4.8.4", {"ONEAPI_URL": "http://a:3000/v1", "OPENAI_BASE_URL": "http://b:3000/v1"}, "http://a:3000/v1"),
        ("fastgpt:v4.8.20", {"ONEAPI_URL": "http://a:3000/v1", "OPENAI_BASE_URL": "http://b:3000/v1"}, "http://b:3000/v1"),
        ("fastgpt:v4.8.20", {"AIPROXY_API_ENDPOINT": "", "OPENAI_BASE_URL": "http://b:3000/v1"}, "http://b:3000/v1"),
        ("fastgpt:v4.17.0", {"AIPROXY_API_ENDPOINT": "http://a:3000", "OPENAI_BASE_URL": "http://b:3000/v1"}, "http://a:3000/v1"),
        ("fastgpt:v4.16.2", {"OPENAI_BASE_URL": "http://b:3000/v1"}, "http://b:3000/v1"),
    ],
)  # fmt: skip
def test_of_several_gateways_the_one_that_counts_is_the_only_arrow(
    image: str, env: dict[str, str], effective: str
) -> None:
    found = [edge for edge in edges((box("fastgpt", image, env=env),)) if edge.kind == "gateway"]
    assert [edge.effective for edge in found] == [effective]


@pytest.mark.parametrize(
    ("env", "kind", "speaks"),
    [
        ({"PG_URL": "postgresql://u:p@pg:5432/x", "MILVUS_ADDRESS": "http://milvus:19530"}, "postgres", "postgres"),
        ({"PG_URL": "", "MILVUS_ADDRESS": "http://milvus:19530"}, "milvus", "grpc"),
        ({"OCEANBASE_URL": "mysql://root:p@ob:2881/test", "PG_URL": "postgresql://pg/x"}, "oceanbase", "mysql"),
        ({"SEEKDB_URL": "mysql://root:p@s:2881/m", "OCEANBASE_URL": "mysql://root:p@ob:2881/test"}, "seekdb", "mysql"),
    ],
)
def test_of_several_vector_stores_only_the_first_counts(env: dict[str, str], kind: str, speaks: str) -> None:
    found = edges((box("fastgpt", "fastgpt:v4.14.11", env=env),))
    assert [(edge.kind, edge.speaks) for edge in found] == [(kind, speaks)]


def test_an_agent_of_librechat_needs_its_database_its_search_and_what_its_file_names() -> None:
    api = box("api", "ghcr.io/danny-avila/librechat:v0.8.2", env={
        "MONGO_URI": "mongodb://mongodb:27017/LibreChat", "MEILI_HOST": "http://meilisearch:7700",
        "RAG_API_URL": "http://rag_api:8000", "REDIS_URI": "redis://redis:6379", "SEARCH": "true",
    })  # fmt: skip
    rag = box("rag_api", "librechat-rag-api-dev-lite:v0.7", env={
        "DB_HOST": "vectordb", "DB_PORT": "5432", "MONGO_URI": "mongodb://mongodb:27017/x",
    })  # fmt: skip
    verdict = ConfigVerdict(
        "/srv/librechat.yaml", "0.8.2", "image", container=api.id,
        addresses=(ConfigAddress("endpoint Ollama", "baseURL", "ollama", 11434, 12),),
    )  # fmt: skip
    names = ("mongodb", "meilisearch", "vectordb", "ollama", "redis")
    found = arrows(api, rag, *(box(name) for name in names), verdicts=(verdict,))
    assert set(found) == {
        "api -> mongo",
        "api -> meilisearch",
        "api -> rag_api",
        "api -> ollama",
        "rag_api -> postgres",
    }
    assert found["api -> ollama"].place == "/srv/librechat.yaml:12"
    assert found["rag_api -> postgres"].effective == "postgres://vectordb:5432"


def test_an_https_address_of_a_librechat_yaml_is_tried_with_tls_at_whatever_port() -> None:
    text = {"endpoints": {"custom": [{"name": "One", "baseURL": "https://ollama:11434/v1"},
                                     {"name": "Two", "baseURL": "http://vllm:443/v1"}]}}  # fmt: skip
    api = box("api", "librechat:v0.8.2", mounts=())
    told = tuple(address for _, address in addresses(text, {}))
    verdict = ConfigVerdict("/srv/librechat.yaml", "0.8.2", "image", container=api.id, addresses=told)
    found = arrows(api, box("ollama"), box("vllm"), verdicts=(verdict,))
    assert {name: edge.tls for name, edge in found.items()} == {"api -> ollama": True, "api -> model_server": False}


def test_a_variable_that_librechat_reads_of_its_own_env_file_is_an_arrow_from_that_file() -> None:
    api = box("api", "librechat:v0.8.2", working_dir="/app", env={"MONGO_URI": "mongodb://mongodb:27017/x"}, mounts=())
    service = ComposeService("api", image="librechat:v0.8.2", working_dir="/app")
    found = edges((api,), (Project("stack", "/srv/chat", services=(service,)),))
    assert [(edge.kind, edge.place) for edge in found] == [("mongo", "environment of api")]


@pytest.mark.parametrize(("search", "needed"), [({}, False), ({"SEARCH": "false"}, False), ({"SEARCH": "TRUE"}, True)])
def test_what_lies_behind_a_switched_off_search_is_not_folded_under_its_meilisearch(
    search: dict[str, str], needed: bool
) -> None:
    """fact: LibreChat searches only where SEARCH says true, and its compose file always names MEILI_HOST."""
    api = box("api", "librechat:v0.8.2", working_dir="/app", env={"MEILI_HOST": "http://meilisearch:7700", **search})
    boxes = (api, box("meilisearch", "getmeili/meilisearch:v1.12"))
    needs = needs_of(Snapshot(NOW, HostInfo("x"), containers=boxes))
    assert needs[api.id] == ((container_id("meilisearch"),) if needed else ())


@pytest.mark.parametrize(("told", "searches"), [((), True), ((EnvVar("HOST", "0.0.0.0"),), False)])
def test_a_librechat_whose_env_file_cannot_be_read_is_taken_to_search(told: tuple[EnvVar, ...], searches: bool) -> None:
    mount = Mount("bind", "/srv/chat/.env", "/app/.env")
    api = box("api", "librechat:v0.8.2", env={"MEILI_HOST": "http://meilisearch:7700"}, mounts=(mount,))
    project = Project("stack", "/srv/chat", services=(ComposeService("api"),), env=told)
    assert bool(edges((api, box("meilisearch")), (project,))) is searches


def test_a_database_that_is_given_the_env_file_of_everybody_has_no_needs() -> None:
    shared = {"MONGO_URI": "mongodb://mongodb:27017/x", "MEILI_HOST": "http://meilisearch:7700"}
    assert not edges((box("mongodb", "mongo:7", env=shared), box("meilisearch", "getmeili/meilisearch:v1", env=shared)))


def test_channels_that_are_on_are_arrows_of_their_gateway() -> None:
    gateway = box("oneapi", "one-api:v0.6.7")
    channels = (
        OneApiChannel(1, "local", 1, base_url="http://xinference:9997"),
        OneApiChannel(2, "off", 2, base_url="http://vllm:8000"),
        OneApiChannel(3, "vendor", 1),
    )
    found = edges((gateway, box("xinference")), oneapis=(OneApiState(gateway.id, channels=channels),))
    assert [(edge.origin, edge.effective, edge.target_name) for edge in found] == [
        ("One API channel 1 (local)", "http://xinference:9997", "xinference")
    ]


def test_channels_of_an_ai_proxy_are_its_arrows() -> None:
    proxy, channel = box("aiproxy", "aiproxy:v0.2"), OneApiChannel(4, "m3e", 1, base_url="http://m3e:6008/v1")
    (edge,) = edges((proxy, box("m3e")), oneapis=(OneApiState(proxy.id, channels=(channel,)),))
    assert (edge.origin, edge.place, edge.target_name) == ("AI Proxy channel 4 (m3e)", "AI Proxy's channels", "m3e")


def test_models_in_mongodb_that_pass_the_gateway_are_arrows_of_their_fastgpt() -> None:
    app = box("fastgpt", "fastgpt:v4.9.0")
    models = (OfferedModel("qwen", "llm"), OfferedModel("bge", "rerank", "http://me:s3cret@reranker:6006/v1/rerank"))
    state = DatabaseState("mongo", "m", app.id, "MONGODB_URI", "me", "fastgpt", DatabaseAnswer(models=models))
    (edge,) = edges((app, box("reranker")), databases=(state,))
    assert (edge.origin, edge.place, edge.target_name, edge.kind) == (
        "model bge", "FastGPT's models in MongoDB", "reranker", "model_server",
    )  # fmt: skip
    assert "s3cret" not in repr(edge)
    assert not edges((app, box("reranker")), databases=(replace(state, owner="another"),))


def test_a_channel_looks_for_a_model_server_whoever_is_at_its_address() -> None:
    gateway = box("oneapi", "one-api:v0.6.7")
    urls = ("http://localhost:6008", "http://pg:5432", "http://ollama:11434", "http://oneapi2:3000")
    channels = tuple(OneApiChannel(number, "x", 1, base_url=url) for number, url in enumerate(urls))
    boxes = (gateway, box("pg", "postgres:15"), box("ollama", "ollama/ollama"), box("oneapi2", "one-api:v0.6.7"))
    found = edges(boxes, oneapis=(OneApiState(gateway.id, channels=channels),))
    assert [edge.kind for edge in found] == ["model_server", "model_server", "ollama", "oneapi"]


def test_redis_of_a_one_api_that_has_it_switched_off_is_no_arrow() -> None:
    env = {"REDIS_CONN_STRING": "redis://redis:6379"}
    assert not edges((box("oneapi", "one-api:v0.6.7", env=env),))
    assert edges((box("oneapi", "one-api:v0.6.7", env={**env, "SYNC_FREQUENCY": "60"}),))
    assert edges((box("oneapi", "calciumion/new-api:v0.8", env=env),))


def test_open_webui_names_several_servers_in_one_variable() -> None:
    env = {"OLLAMA_BASE_URLS": "http://ollama:11434;http://192.168.1.9:11434"}
    found = edges((box("open-webui", env=env), box("ollama")))
    assert [(edge.effective, edge.where) for edge in found] == [
        ("http://ollama:11434", "container"), ("http://192.168.1.9:11434", "elsewhere")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "more", "states"),
    [
        ("mongodb://mongo:27017/x", {}, ("ok", "unknown", "unknown")),
        ("mongodb://mongodb:27017/x", {}, ("failed", "unknown", "unknown")),
        ("mongodb://localhost:27017/x", {}, ("ok", "unknown", "unknown")),
        ("mongodb://mongo:27017/x", {"state": "exited"}, ("ok", "failed", "unknown")),
        ("mongodb://10.1.2.3:27017/x", {}, ("unknown", "unknown", "unknown")),
    ],
)
def test_without_trying_only_what_follows_from_networks_and_states_is_said(
    uri: str, more: dict[str, Any], states: tuple[str, ...]
) -> None:
    (edge,) = edges((fastgpt(MONGODB_URI=uri), box("mongo", **more)))
    assert (tuple(hop.state for hop in edge.hops), edge.by) == (states, "reasoning")


def test_nothing_is_said_of_an_arrow_whose_source_lies_stopped() -> None:
    app = msgspec.structs.replace(fastgpt(MONGODB_URI="mongodb://nobody/x"), state="exited")
    (edge,) = edges((app,))
    assert [hop.state for hop in edge.hops] == ["unknown"] * 3
    assert edge.hops[0].reason == "fastgpt does not run"


def test_a_name_of_extra_hosts_is_not_called_unknown() -> None:
    app = box("fastgpt", "fastgpt:v4.8.4", env={"MONGODB_URI": "mongodb://db:27017/x"}, extra_hosts=("db:10.1.1.1",))
    (edge,) = edges((app,))
    assert edge.hops[0].state == "unknown"


def test_two_settings_that_lead_to_one_place_are_one_arrow() -> None:
    (edge,) = edges((fastgpt(MONGODB_URI="mongodb://mongo/x", MONGODB_LOG_URI="mongodb://mongo/y"), box("mongo")))
    assert edge.origin == "MONGODB_URI, MONGODB_LOG_URI"


def test_the_judgement_folds_by_the_same_arrows() -> None:
    app = fastgpt(OPENAI_BASE_URL="http://oneapi:3000/v1", AIPROXY_API_ENDPOINT="http://aiproxy:3000")
    boxes = (app, box("oneapi", "one-api:v0.6.7"), box("aiproxy"))
    needs = needs_of(Snapshot(NOW, HostInfo("x"), containers=boxes))
    assert needs[app.id] == (container_id("aiproxy"),)


def test_a_port_that_is_published_leads_to_the_container_behind_it() -> None:
    app = fastgpt(MONGODB_URI="mongodb://host.docker.internal:27018/x")
    (edge,) = edges((app, box("mongo", ports=(Port(27017, host_port=27018),))))
    assert (edge.target_name, edge.hops[0].reason) == ("mongo", "mongo publishes that port of this machine")


@pytest.mark.parametrize(
    "value", ["", "$MONGO", "mongodb://", "'mongodb://mongo/x'", "http://[", "a b c", "mongodb+srv://x.y.z"]
)
def test_what_is_no_address_is_no_arrow(value: str) -> None:
    assert not edges((fastgpt(MONGODB_URI=value, OPENAI_BASE_URL=value, PG_URL=value),))


CONFIG = Mount("bind", "/srv/f/config.json", "/app/data/config.json")


@pytest.mark.parametrize(
    ("version", "gateway", "path", "led"),
    [
        ("v4.9.14", "http://other:3000/v1", "/srv/f/config.json", ("systemEnv.oneapiUrl", "other", 3000)),
        ("v4.14.10", "https://llm.lan/v1", "/srv/f/config.json", ("systemEnv.oneapiUrl", "llm.lan", 443)),
        ("v4.9.14", None, "/srv/f/config.json", ("OPENAI_BASE_URL", "oneapi", 3000)),
        ("v4.9.14", "{gateway}", "/srv/f/config.json", ("OPENAI_BASE_URL", "oneapi", 3000)),
        ("v4.9.14", "http://other:3000/v1", "/srv/g/config.json", ("OPENAI_BASE_URL", "oneapi", 3000)),
        ("v4.8.4", "http://other:3000/v1", "/srv/f/config.json", ("OPENAI_BASE_URL", "oneapi", 3000)),
        ("v4.16.2", "http://other:3000/v1", "/srv/f/config.json", ("systemEnv.oneapiUrl", "other", 3000)),
    ],
)
def test_the_gateway_of_a_config_json_beats_every_variable(
    version: str, gateway: str | None, path: str, led: tuple[str, str, int]
) -> None:
    env = {"OPENAI_BASE_URL": "http://oneapi:3000/v1", "MONGODB_URI": "mongodb://mongo/x"}
    app = box("fastgpt", f"fastgpt:{version}", env=env, mounts=(CONFIG,))
    boxes = (app, box("oneapi"), box("other"), box("mongo"))
    found = edges(boxes, configs=(JsonFact(path, gateway=gateway),))
    assert {edge.kind for edge in found} == {"gateway", "mongo"}
    (edge,) = (edge for edge in found if edge.kind == "gateway")
    assert (edge.origin, edge.host, edge.port) == led
    assert (edge.place == path) is (edge.origin == "systemEnv.oneapiUrl")


@pytest.mark.parametrize(
    ("text", "gateway"),
    [
        ('{"systemEnv": {"oneapiUrl": "http://me:hunter2@oneapi:3000/v1?key=s3cr3t"}}', "http://oneapi:3000/v1"),
        ('{"systemEnv": {"oneapiUrl": "http://oneapi:3000/v1",} // its own\n}', "http://oneapi:3000/v1"),
        ('{"systemEnv": {"oneapiUrl": ""}}', None),
        ('{"systemEnv": {"oneapiUrl": ["http://x"]}}', None),
        ('{"systemEnv": []}', None),
        ("[1]", None),
        ("{", None),
    ],
)
def test_a_config_json_tells_its_gateway_without_a_login(text: str, gateway: str | None) -> None:
    assert judge("/srv/f/config.json", text.encode()).gateway == gateway


RERANK = '{"reRankModels": [{"model": "bge", "requestUrl": "http://me:hunter2@rerank:6006/v1/rerank?key=s3cr3t", '
RERANK += '"requestAuth": "sk-very-secret"}, {"model": "second", "requestUrl": "http://second:6006/v1/rerank"}], '
RERANK += '"llmModels": [{"model": "qwen", "requestUrl": "http://vllm:8000/v1/chat/completions"}]}'


@pytest.mark.parametrize(
    ("version", "text", "led"),
    [
        ("v4.8.19", RERANK, [("model bge", "http://rerank:6006/v1/rerank", "rerank", 6006)]),
        ("v4.6.6", RERANK, [("model bge", "http://rerank:6006/v1/rerank", "rerank", 6006)]),
        ("v4.6.3", RERANK.replace("reRank", "ReRank"), [("model bge", "http://rerank:6006/v1/rerank", "rerank", 6006)]),
        ("v4.6.3", RERANK, []),
        ("v4.8.20", RERANK, []),
        ("latest", RERANK, []),
        ("v4.8.19", '{"reRankModels": [{"model": "bge", "requestUrl": "{{host}}/v1/rerank"}]}', []),
        ("v4.8.19", '{"reRankModels": [{"model": "bge", "requestUrl": ""}]}', []),
        ("v4.8.19", '{"reRankModels": {"model": "bge", "requestUrl": ["http://x"]}}', []),
        ("v4.8.19", '{"reRankModels": [{"model": "b", "requestUrl": "file:///etc/passwd"}]}', []),
    ],
)
def test_a_reranker_of_a_config_json_is_asked_at_an_address_of_its_own(
    version: str, text: str, led: list[tuple[str, str, str, int]]
) -> None:
    app = box("fastgpt", f"fastgpt:{version}", env={"OPENAI_BASE_URL": "http://oneapi:3000/v1"}, mounts=(CONFIG,))
    boxes = (app, box("oneapi"), box("rerank"))
    found = edges(boxes, configs=(judge("/srv/f/config.json", text.encode()),))
    own = [each for each in found if each.kind != "gateway"]
    assert [(each.origin, each.effective, each.host, each.port) for each in own] == led
    assert {(each.place, each.kind, each.speaks) for each in own} <= {("/srv/f/config.json", "model_server", "http")}
    assert [each.host for each in found if each.kind == "gateway"] == ["oneapi"], "the others still go there"
    told = msgspec.json.encode(found).decode()
    assert not [secret for secret in SECRETS if secret in told]


def test_a_reranker_at_loopback_is_looked_for_inside_the_container_of_fastgpt() -> None:
    text = b'{"reRankModels": [{"model": "bge", "requestUrl": "http://localhost:6006/v1/rerank"}]}'
    app = box("fastgpt", "fastgpt:v4.8.4", mounts=(CONFIG,))
    found = edges((app, box("rerank")), configs=(judge("/srv/f/config.json", text),))
    assert [(each.where, each.hops[0].state) for each in found] == [("itself", "ok")]
    assert edges((app,), configs=(judge("/srv/other/config.json", text),)) == (), "that file is not its own"


def test_from_v4_17_on_fastgpt_knows_no_gateway_but_ai_proxy() -> None:
    env = {"OPENAI_BASE_URL": "http://oneapi:3000/v1", "CHAT_API_KEY": "sk-very-secret"}
    app = box("fastgpt", "fastgpt:v4.17.0", env=env, mounts=(CONFIG,))
    assert edges((app, box("oneapi")), configs=(JsonFact("/srv/f/config.json", gateway="http://other:3000/v1"),)) == ()
