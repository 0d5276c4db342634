"""Which addresses are asked, which are only listed and why, and who uses each."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.model import (
    ComposeService,
    Container,
    DeviceRequest,
    EnvVar,
    NetworkLink,
    OneApiChannel,
    OneApiState,
    Project,
    Server,
)
from stackops.console.products.model_servers import Around, Found, found
from stackops.console.products.model_users import Use, uses
from support.server_rows import box, process

OLLAMA = box("ollama", "ollama/ollama:0.5.7", ports=[(11434, 11434)])
ONEAPI = box("oneapi", "justsong/one-api", ports=[(3000, 3001)], service="oneapi")
FASTGPT = box("fastgpt", "ghcr.io/labring/fastgpt:v4.8.4", env={"OPENAI_BASE_URL": "http://oneapi:3000/v1"})
GPU = (DeviceRequest("nvidia", -1, (), ("gpu",)),)


def look(*containers: Container, processes: Any = (), also: Any = (), **around: Any) -> Found:
    declared = (*uses(containers, ()), *also)
    return found(containers, processes, declared, Around(own=frozenset({"192.168.1.5"}), **around))


def asked(there: Found) -> dict[str, str]:
    return {candidate.key: candidate.address for candidate in there.candidates}


def silent(there: Found, key: str) -> Server:
    return next(server for server in there.silent if server.key == key)


def test_a_model_server_is_asked_at_its_published_port() -> None:
    (candidate,) = look(OLLAMA).candidates
    assert (candidate.key, candidate.address) == ("ollama:11434", "http://127.0.0.1:11434")
    assert (candidate.hint, candidate.hint_reason) == ("ollama", "image ollama/ollama:0.5.7")
    assert candidate.why == "published port 11434 of ollama"
    assert candidate.container == OLLAMA.id


@pytest.mark.parametrize(
    ("container", "key", "address"),
    [
        (box("m3e", "stawky/m3e-large-api", ports=[6008]), "m3e:6008", "http://172.18.0.9:6008"),
        (box("llm", "vllm/vllm-openai", command=("--port", "8123")), "llm:8123", "http://172.18.0.9:8123"),
        (box("llm", "vllm/vllm-openai", network_mode="host", networks=()), "llm:8000", "http://127.0.0.1:8000"),
        (box("chat", "coldsnap/baichuan2-7b-chat.openai-api:v1", ports=[(8001, 8001)]), "chat:8001",
         "http://127.0.0.1:8001"),
        (box("x", "example/own", command=("python", "-m", "sglang.launch_server"), ports=[(30000, 31000)]), "x:30000",
         "http://127.0.0.1:31000"),
        (box("proxy", "ghcr.io/berriai/litellm:main", ports=[(4000, 4000)]), "proxy:4000", "http://127.0.0.1:4000"),
        (box("tei", "x/text-embeddings-inference", env={"PORT": "80"}, ports=[(80, 8081)]), "tei:80",
         "http://127.0.0.1:8081"),
        (box("reranker", "example/unknown", ports=[(6006, 8003)], command=("python", "api.py")), "reranker:6006",
         "http://127.0.0.1:8003"),
    ],
)  # fmt: skip
def test_it_is_asked_where_it_listens(container: Container, key: str, address: str) -> None:
    assert asked(look(container)) == {key: address}


@pytest.mark.parametrize(
    "container",
    [
        box("mongo", "mongo:5.0.18", ports=[(27017, 27017)]),
        box("pg", "pgvector/pgvector:0.7.0", ports=[(8000, 8000)], device_requests=GPU),
        box("web", "example/shop", ports=[(8000, 8000), (8080, 8080)]),
        box("open-webui", "ghcr.io/open-webui/open-webui:cuda", ports=[(8080, 3000)], device_requests=GPU),
        box("infinity", "infiniflow/infinity:v0.6", ports=[(7997, 7997)], project="x", command=("mongod",)),
        box("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite", ports=[(8000, 8000)]),
        box("train", "example/train", ports=[(22, 2222)], device_requests=GPU),
    ],
    ids=lambda container: container.name,
)  # fmt: skip
def test_nobody_else_is_asked_for_an_open_port_alone(container: Container) -> None:
    there = look(container)
    assert [c for c in there.candidates if container.name != "infinity"] == []
    assert there.silent == ()


def test_a_gpu_is_a_reason_to_ask_a_typical_port_of_an_unknown_image() -> None:
    granted = box("box", "example/own", ports=[(8000, 8000), (22, 22)], device_requests=GPU)
    assert asked(look(granted)) == {"box:8000": "http://127.0.0.1:8000"}
    held = box("box", "example/own", ports=[(8000, 8000)])
    there = look(held, gpu_containers=frozenset({held.id}))
    assert there.candidates[0].why == "it holds GPU memory and port 8000"


def test_what_somebodys_settings_call_a_model_server_is_asked() -> None:
    own = box("own", "example/own", ports=[9000])
    app = box("app", "example/app", env={"OPENAI_API_BASE_URL": "http://own:9000/v1"}, service="app")
    there = look(own, app)
    assert asked(there) == {"own:9000": "http://172.18.0.9:9000"}
    assert there.candidates[0].hint is None
    (user,) = there.users["own:9000"]
    assert (user.who, user.service, user.address) == ("app, OPENAI_API_BASE_URL", "app", "http://own:9000/v1")


def test_a_proxy_in_front_of_model_servers_is_asked_when_it_is_called_one() -> None:
    proxy = box("lb", "nginx:1.27", ports=[80])
    app = box("app", "example/app", env={"OPENAI_BASE_URL": "http://lb/v1"})
    assert asked(look(proxy)) == {}
    assert asked(look(proxy, app)) == {"lb:80": "http://172.18.0.9:80"}


def test_an_address_that_leads_to_a_database_is_listed_and_not_asked() -> None:
    app = box("app", "example/app", env={"OPENAI_BASE_URL": "http://mongo:27017"})
    there = look(box("mongo", "mongo:5"), app)
    assert there.candidates == ()
    assert silent(there, "mongo:27017").reason == "it leads to mongo, which is no model server (mongo)"


def test_fastgpt_uses_the_gateway_that_its_release_reads_and_no_other() -> None:
    both = box("fastgpt", "labring/fastgpt:v4.9.0", env={
        "OPENAI_BASE_URL": "http://oneapi:3000/v1", "AIPROXY_API_ENDPOINT": "http://aiproxy:3000",
    })  # fmt: skip
    there = look(both, ONEAPI, box("aiproxy", "labring/aiproxy:v0.1", ports=[3000]))
    assert there.users.get("oneapi:3000") is None
    assert [user.who for user in there.users["aiproxy:3000"]] == ["fastgpt, AIPROXY_API_ENDPOINT"]


def test_a_server_does_not_use_itself_by_its_own_listening_address() -> None:
    bound = box("ollama", "ollama/ollama", env={"OLLAMA_HOST": "0.0.0.0:11434"}, ports=[(11434, 11434)])
    client = box("job", "example/job", env={"OLLAMA_HOST": "0.0.0.0", "OLLAMA_BASE_URL": "http://ollama:11434"})
    there = look(bound, client)
    assert [user.who for user in there.users["ollama:11434"]] == ["job, OLLAMA_BASE_URL"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_LLM_HOST", "ollama"), ("LLM_HOST", "openai"), ("EMBEDDING_ENDPOINT", "default"), ("LLM_BASE", "azure"),
        ("OPENAI_PROXY", "http://clash:7890"), ("OPENAI_API_BASE", "api.openai.com"), ("RERANK_HOST", "tei"),
    ],
)  # fmt: skip
def test_a_bare_word_is_no_address_and_neither_is_a_proxy_of_the_web(name: str, value: str) -> None:
    there = look(OLLAMA, box("app", "example/cli:1", env={name: value, "OLLAMA_BASE_URL": "http://ollama:11434"}))
    assert [*asked(there)] == ["ollama:11434"]
    assert there.silent == ()
    assert [user.who for user in there.users["ollama:11434"]] == ["app, OLLAMA_BASE_URL"]


def test_a_host_for_ollamas_own_clients_has_ollamas_port() -> None:
    there = look(OLLAMA, box("job", "example/job", env={"OLLAMA_HOST": "ollama"}))
    assert ([*asked(there)], there.silent) == (["ollama:11434"], ())
    assert [user.address for user in there.users["ollama:11434"]] == ["http://ollama:11434"]


SHARED = {"OLLAMA_BASE_URL": "http://ollama:11434", "RERANK_BASE_URL": "http://nowhere:9000", "POSTGRES_DB": "x"}


@pytest.mark.parametrize(
    "image", ["mongo:7", "pgvector/pgvector:pg16", "redis:7", "getmeili/meilisearch:v1.12", "mysql:8", "minio/minio",
              "milvusdb/milvus:v2.4", "nginx:1.27", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest"],
)  # fmt: skip
def test_a_service_that_is_given_the_env_file_of_all_uses_no_server(image: str) -> None:
    there = look(OLLAMA, box("data", image, env=SHARED))
    assert ([*asked(there)], there.silent, dict(there.users)) == (["ollama:11434"], (), {})


def test_the_rag_api_uses_ollama_where_it_is_told_to() -> None:
    rag = box("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev:latest",
              env={**SHARED, "EMBEDDINGS_PROVIDER": "ollama"})  # fmt: skip
    assert [user.who for user in look(OLLAMA, rag).users["ollama:11434"]] == ["rag_api, OLLAMA_BASE_URL"]


def test_what_stands_in_librechats_env_file_is_librechats() -> None:
    env = tuple(EnvVar(name, value) for name, value in SHARED.items())
    more = (*env, EnvVar("LLM_URL", "http://vllm:8000"))
    chat = ComposeService("api", image="ghcr.io/danny-avila/librechat:v0.8.4", env=env, env_files=("/srv/.env",))
    tool = ComposeService("tool", image="example/tool:1", env=more, named=("LLM_URL",), env_files=("/srv/.env",))
    boxes = (
        OLLAMA, box("api", "ghcr.io/danny-avila/librechat:v0.8.4", env=SHARED, project="chat", service="api"),
        box("tool", "example/tool:1", env={**SHARED, "LLM_URL": "http://vllm:8000"}, project="chat", service="tool"),
    )  # fmt: skip
    project = Project("chat", services=(chat, tool))
    there = found(boxes, (), tuple(uses(boxes, (), (project,))), Around())
    assert [user.who for user in there.users["ollama:11434"]] == ["api, OLLAMA_BASE_URL"]
    assert [user.who for user in there.users["nowhere:9000"]] == ["api, RERANK_BASE_URL"]
    assert [user.who for user in there.users["vllm:8000"]] == ["tool, LLM_URL"]


def test_several_addresses_in_one_variable_are_several_uses() -> None:
    app = box("open-webui", "ghcr.io/open-webui/open-webui:main", env={
        "OLLAMA_BASE_URLS": "http://ollama:11434;http://192.168.1.9:11434",
    })  # fmt: skip
    there = look(OLLAMA, app)
    assert set(there.users) == {"ollama:11434", "192.168.1.9:11434"}


def test_channels_of_one_api_are_users_and_point_at_servers() -> None:
    channels = (
        OneApiChannel(3, "local", 1, ("qwen",), base_url="http://192.168.1.5:11434"),
        OneApiChannel(4, "", 2, ("bge",), base_url="http://192.168.1.77:8000"),
        OneApiChannel(5, "cloud", 1, ("gpt",), base_url=None),
    )
    state = OneApiState(ONEAPI.id, channels=channels)
    there = found((OLLAMA, ONEAPI), (), tuple(uses((OLLAMA, ONEAPI), (state,))), Around(own={"192.168.1.5"}))
    assert [user.who for user in there.users["ollama:11434"]] == ["One API channel 3 (local)"]
    assert there.users["192.168.1.77:8000"][0].who == "One API channel 4, switched off"


def test_another_machine_is_listed_and_asked_only_where_that_is_allowed() -> None:
    app = box("app", "example/app", env={"OPENAI_BASE_URL": "http://192.168.1.77:8000/v1"})
    there = look(app)
    row = silent(there, "192.168.1.77:8000")
    assert row.state == "unknown"
    assert "listed, not asked" in (row.reason or "")
    assert 'addresses = ["http://192.168.1.77:8000"]' in (row.remedy or "")
    assert asked(look(app, elsewhere=True)) == {"192.168.1.77:8000": "http://192.168.1.77:8000"}
    assert asked(look(app, addresses=["http://192.168.1.77:8000"])) == {"192.168.1.77:8000": "http://192.168.1.77:8000"}


def test_services_of_the_internet_are_none_of_ours() -> None:
    app = box("app", "example/app", env={"OPENAI_BASE_URL": "https://api.openai.com/v1"})
    for there in (look(app), look(app, elsewhere=True)):
        assert (there.candidates, there.silent, dict(there.users)) == ((), (), {})


def test_localhost_in_a_container_is_told_for_what_it_is() -> None:
    there = look(OLLAMA, box("app", "example/app", env={"OLLAMA_BASE_URL": "http://localhost:11434"}))
    (row,) = there.silent
    assert row.reason == "localhost in the container app is app itself, which is no model server"
    assert "host.docker.internal" in (row.remedy or "")
    assert there.users[row.key][0].address == "http://localhost:11434"


def test_a_name_nobody_has_is_told_and_so_is_one_of_another_network() -> None:
    app = box("app", "example/app", env={"OPENAI_BASE_URL": "http://vllm:8000/v1"})
    assert silent(look(app), "vllm:8000").reason == "nothing is known at this address: no container is called vllm"
    apart = box("vllm", "example/own", networks=(NetworkLink("other", "172.19.0.2", ("vllm",)),))
    assert "in no network together with vllm" in (silent(look(app, apart), "vllm:8000 from app").reason or "")


def test_a_stopped_server_is_down_with_its_exit_code_and_not_asked() -> None:
    stopped = replace(OLLAMA, state="exited", exit_code=137, oom_killed=True)
    row = silent(look(stopped), "ollama:11434")
    assert (row.state, row.product) == ("down", "ollama")
    assert "exited, exit code 137" in (row.reason or "")
    assert silent(look(replace(OLLAMA, state="paused")), "ollama:11434").reason == "its container is paused"


def test_a_port_that_cannot_be_reached_says_how_it_could() -> None:
    hidden = box("ollama", "ollama/ollama", networks=())
    row = silent(look(hidden), "ollama:11434")
    assert row.state == "unknown"
    assert row.remedy == "publish its port: ports: ['127.0.0.1:11434:11434']"
    remote = silent(look(OLLAMA, local=False), "ollama:11434")
    assert remote.remedy == "run stackops on that machine"
    rootless = look(box("m3e", "stawky/m3e-large-api", ports=[6008]), rootless=True)
    assert "rootless" in (silent(rootless, "m3e:6008").reason or "")
    assert asked(look(OLLAMA, rootless=True)) == {"ollama:11434": "http://127.0.0.1:11434"}


@pytest.mark.parametrize(
    ("command", "heard", "key", "address"),
    [
        (("/usr/bin/ollama", "serve"), ((("127.0.0.1", 11434),)), "host:11434", "http://127.0.0.1:11434"),
        (("ollama", "serve"), (("::", 11500),), "host:11500", "http://127.0.0.1:11500"),
        (("ollama", "serve"), (), "host:11434", "http://127.0.0.1:11434"),
        (("vllm", "serve", "x", "--port", "8123"), (), "host:8123", "http://127.0.0.1:8123"),
        (("vllm", "serve", "x", "--host", "10.0.0.1"), (), "host:8000", "http://10.0.0.1:8000"),
        (("vllm", "serve", "x"), (("10.0.0.1", 8000), ("127.0.0.1", 45001)), "host:8000", "http://10.0.0.1:8000"),
        (("llama-server",), (("127.0.0.1", 9931),), "host:9931", "http://127.0.0.1:9931"),
        (("text-embeddings-router",), (), "host:3000", "http://127.0.0.1:3000"),
    ],
)
def test_a_native_server_is_asked_where_it_listens(command: Any, heard: Any, key: str, address: str) -> None:
    there = look(processes=[process(77, *command)], listening={77: heard} if heard else {})
    assert asked(there) == {key: address}
    assert there.candidates[0].pid == 77


def test_a_native_process_that_is_no_model_server_is_left_alone() -> None:
    assert look(processes=[process(5, "mongod", "--port", "8000")], listening={5: (("::", 8000),)}).candidates == ()


def test_a_native_server_is_found_from_inside_a_container() -> None:
    app = box("app", "example/app", env={"OLLAMA_BASE_URL": "http://host.docker.internal:11434"})
    there = look(app, processes=[process(77, "ollama", "serve")], listening={77: (("127.0.0.1", 11434),)})
    assert list(asked(there)) == ["host:11434"]
    assert there.users["host:11434"][0].who == "app, OLLAMA_BASE_URL"


def test_a_port_of_this_machine_that_only_settings_name_is_asked() -> None:
    app = box("app", "example/app", env={"OLLAMA_BASE_URL": "http://192.168.1.5:11434"})
    (candidate,) = look(app).candidates
    assert (candidate.key, candidate.address, candidate.hint) == ("host:11434", "http://127.0.0.1:11434", "ollama")


def test_a_key_of_the_settings_goes_to_the_server_it_is_named_for() -> None:
    there = look(OLLAMA, ONEAPI, tokens={"ollama:11434": ("sk-mine", "MY_KEY"), "127.0.0.1:9": ("sk-x", "X")})
    by_key = {candidate.key: candidate for candidate in there.candidates}
    assert (by_key["ollama:11434"].token, by_key["ollama:11434"].token_name) == ("sk-mine", "MY_KEY")
    assert by_key["oneapi:3000"].token is None
    assert "sk-mine" not in repr(there)
    assert "sk-mine" not in repr(Around(tokens={"a": ("sk-mine", "MY_KEY")}))


def test_a_key_of_one_server_is_never_put_to_another() -> None:
    m3e = box("m3e", "stawky/m3e-large-api", env={"sk-key": "sk-of-m3e"}, ports=[(6008, 6008)])
    client = box("app", "example/app", env={"OPENAI_BASE_URL": "http://m3e:6008", "OPENAI_API_KEY": "sk-of-app"})
    there = look(m3e, client, OLLAMA)
    assert {c.key: c.token for c in there.candidates} == {"m3e:6008": "sk-of-m3e", "ollama:11434": None}


@pytest.mark.parametrize(
    ("address", "prefix", "asks"),
    [
        ("172.18.0.9", 16, True),
        ("10.0.1.5", 24, False),  # an overlay, or the virtual machine of a desktop's Engine: here that is a stranger
        ("10.0.1.5", None, True),
        ("fd00::5", 64, False),
        ("no address", 16, True),
    ],
)
def test_an_address_of_a_network_that_this_machine_is_no_part_of_is_not_asked(address, prefix, asks) -> None:
    inside = box("v", "vllm/vllm-openai", ports=[8000], networks=(NetworkLink("net", address, (), prefix),))
    there = found([inside], (), (), Around(own=frozenset({"192.168.1.5", "172.18.0.1", "fe80::1%eth0"})))
    assert bool(there.candidates) is asks
    if not asks:
        assert "no address that is reachable from here" in (silent(there, "v:8000").reason or "")
    published = replace(inside, ports=box("x", "x", ports=[(8000, 18000)]).ports)
    (one,) = found([published], (), (), Around(own=frozenset({"192.168.1.5"}))).candidates
    assert one.address == "http://127.0.0.1:18000"


def test_a_variable_with_a_name_of_thousands_of_letters_costs_nothing() -> None:
    inside = box("x", "web", env={"_LLM_" * 20_000 + "!": "http://a:1", "LLM_URL": "http://b:1"})
    assert [use.address for use in uses([inside], ())] == ["http://b:1"]


def test_two_that_may_both_be_at_one_address_are_asked_without_anybodys_key() -> None:
    def vllm(name: str, key: str, port: int = 8000) -> Container:
        command = ("--api-key", key, "--port", str(port))
        return box(name, "vllm/vllm-openai", command=command, network_mode="host", networks=())

    tokens = {c.key: c.token for c in look(vllm("a", "sk-a"), vllm("b", "sk-b"), vllm("c", "sk-c", 8001)).candidates}
    assert tokens == {"a:8000": None, "b:8000": None, "c:8001": "sk-c"}
    native = process(7, "vllm", "serve", "m", "--port", "8001", "--api-key", "sk-native")
    tokens = {c.key: c.token for c in look(vllm("c", "sk-c", 8001), processes=[native]).candidates}
    assert tokens == {"c:8001": None, "host:8001": None}


def test_a_container_called_host_is_not_taken_for_the_machine() -> None:
    named = box("host", "vllm/vllm-openai", ports=[(8000, 9000)])
    native = process(7, "vllm", "serve", "m", "--port", "8000")
    there = look(named, processes=[native], tokens={"host:8000": ("sk-machine", "KEY")})
    assert asked(there) == {f"{named.id[:12]}:8000": "http://127.0.0.1:9000", "host:8000": "http://127.0.0.1:8000"}
    assert {c.key: c.token for c in there.candidates}[f"{named.id[:12]}:8000"] is None


def test_operators_addresses_that_are_none_are_told() -> None:
    there = look(addresses=["http://", "nonsense here", "http://10.0.0.9:8000/v1"])
    assert there.bad == ("http://", "nonsense here")
    assert asked(there) == {"10.0.0.9:8000": "http://10.0.0.9:8000"}


def test_a_password_in_an_operators_address_that_is_none_is_not_told() -> None:
    assert look(addresses=["ftp://me:hunter2@box:1/v1"]).bad == ("ftp://box:1/v1",)


def test_the_same_server_named_twice_has_one_row() -> None:
    there = look(OLLAMA, addresses=["http://127.0.0.1:11434", "http://ollama:11434", "http://192.168.1.5:11434/v1"])
    assert list(asked(there)) == ["ollama:11434"]


def test_hostile_names_do_no_harm() -> None:
    bad = "\x1b]52;c;x\x07[/etc/x]" + "長" * 300
    there = look(box(bad, "ollama/ollama", ports=[(11434, 11434)], service=bad),
                 also=[Use(bad, f"http://{bad}:1", None, None), Use("x", "http://[::", None, None)])  # fmt: skip
    assert all("\x1b" not in candidate.key for candidate in there.candidates)


def test_many_servers_are_capped() -> None:
    many = tuple(box(f"ollama-{n}", "ollama/ollama", ports=[(11434, 20000 + n)]) for n in range(100))
    assert len(look(*many).candidates) == 64
