"""Key variables spelt in every way, for every generation, and users who send another key."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import EnvVar, Product, Server, ServerUser, Service, Snapshot

from examples import Example
from examples.snapshots import container_id, stack

FOLDER = "/srv/models"
M3E = "registry.cn-hangzhou.aliyuncs.com/fastgpt_docker/m3e-large-api:latest"
GUIDE = "registry.cn-hangzhou.aliyuncs.com/coldsnap/"
BAICHUAN = f"{GUIDE}baichuan2-7b-chat.openai-api"
KEY = "practice-key-0123456789"
OTHER = "practice-key-9876543210"
PUBLIC = "sk-abcdefghijkabcdefghijkabcdefghijk"
FIX = ("EditFile", "ComposeUp")


def env(*pairs: tuple[str, str]) -> tuple[EnvVar, ...]:
    """Variables of a container or a declaration."""
    return tuple(EnvVar(name, value) for name, value in pairs)


def server(
    name: str, product: Product, *users: ServerUser, state: Any = "up", port: int = 6008, **more: Any
) -> Server:  # fmt: skip
    """What answered in the container of that name."""
    return Server(
        f"{name}:{port}", product, f"http://127.0.0.1:{port}", state, container=container_id(name), users=users, **more
    )


def one(
    image: str, *set_here: tuple[str, str], baked: tuple[tuple[str, str], ...] = (), name: str = "m3e",
    servers: tuple[Server, ...] = (), started: bool = True, **more: Any,
) -> Snapshot:  # fmt: skip
    """One server whose compose file sets these variables; ``baked`` are the image's own."""
    declared = {"env": env(*set_here), "named": tuple(key for key, _ in set_here)}
    container = {"env": env(*{**dict(baked), **dict(set_here)}.items())} | more.pop("container", {})
    snapshot = stack(
        "model_server", FOLDER, name=name, service=name, image=image, declared=declared | more.pop("declares", {}),
        container=container if started else None, **more,
    )  # fmt: skip
    return with_servers(snapshot, *servers)


def with_servers(snapshot: Snapshot, *servers: Server) -> Snapshot:
    """The same with model servers that answered."""
    return Snapshot(**{**{name: getattr(snapshot, name) for name in snapshot.__struct_fields__}, "servers": servers})


def beside(snapshot: Snapshot, other: Snapshot) -> Snapshot:
    """Two stacks on one machine."""
    fields = ("containers", "projects", "services", "servers", "log_marks", "gpus", "gpu_processes")
    joined = {name: (*getattr(snapshot, name), *getattr(other, name)) for name in fields}
    return Snapshot(**{**{name: getattr(snapshot, name) for name in snapshot.__struct_fields__}, **joined})


def _by_hand(snapshot: Snapshot) -> Snapshot:
    """The same container, made by ``docker run``."""
    (container,) = snapshot.containers
    fields = {name: getattr(container, name) for name in container.__struct_fields__}
    made = type(container)(**{**fields, "project": None, "service": None, "labels": {}})
    services = (Service("model_server", made.name, made.id),)
    whole = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
    return Snapshot(**{**whole, "containers": (made,), "services": services, "projects": ()})


def _webui(key: str) -> Snapshot:
    return stack(
        "open_webui", "/srv/webui", name="open-webui", service="open-webui", image="ghcr.io/open-webui/open-webui:main",
        container={"env": env(("OPENAI_API_BASE_URL", "http://vllm:8000/v1"), ("OPENAI_API_KEY", key))},
    )  # fmt: skip


def _vllm(key: str, *command: str) -> Snapshot:
    user = ServerUser("open-webui, OPENAI_API_BASE_URL", "open-webui", "http://vllm:8000/v1")
    made = one("vllm/vllm-openai:v0.6.3", name="vllm", container={"command": ("--model", "m", *command)},
               servers=(server("vllm", "vllm", user, port=8000),))  # fmt: skip
    return beside(made, _webui(key))


def _stopped(snapshot: Snapshot, name: str) -> Snapshot:
    made = (replace(c, state="exited", exit_code=0) if c.name == name else c for c in snapshot.containers)
    return replace(snapshot, containers=tuple(made))


def _litellm(key: str) -> Snapshot:
    user = ServerUser("open-webui, OPENAI_API_BASE_URL", "open-webui", "http://litellm:4000")
    made = one("ghcr.io/berriai/litellm:main-stable", ("LITELLM_MASTER_KEY", KEY), name="litellm",
               servers=(server("litellm", "litellm", user, port=4000),))  # fmt: skip
    return beside(made, _webui(key))


EXAMPLES = (
    Example("m3e-large-api was given SK_KEY", one(M3E, ("SK_KEY", KEY)), "finding", "misspelt", FIX),
    Example("m3e-large-api was given SK-KEY", one(M3E, ("SK-KEY", KEY)), "finding", "misspelt", FIX),
    Example("m3e-large-api was given ACCESS_TOKEN", one(M3E, ("ACCESS_TOKEN", KEY)), "finding", "misspelt", FIX),
    Example("m3e-large-api has its key", one(M3E, ("sk-key", KEY)), "ok"),
    Example("m3e-large-api has no key at all", one(M3E), "ok"),
    Example("both spellings, to be safe", one(M3E, ("sk-key", KEY), ("SK_KEY", KEY)), "ok"),
    Example(
        "the second generation was given SK-KEY, as the first compose file has it",
        one(f"{BAICHUAN}:v2", ("SK-KEY", KEY), baked=(("SK_KEY", PUBLIC),), name="baichuan"),
        "finding", "misspelt", FIX,
    ),
    Example(
        "the first generation was given SK_KEY, as the guide's text has it",
        one(f"{BAICHUAN}:v1", ("SK_KEY", KEY), name="baichuan"), "finding", "misspelt", FIX,
    ),
    Example("the first generation as published", one(f"{BAICHUAN}:v1", ("SK-KEY", KEY), name="baichuan"), "ok"),
    Example(
        "the second generation as published",
        one(f"{BAICHUAN}:v2", ("SK_KEY", KEY), baked=(("SK_KEY", PUBLIC),), name="baichuan"), "ok",
    ),
    Example(
        "an image built from today's scripts, known by the variable in it, was given SK-KEY",
        one("m3e-large.openai-api:mine", ("SK-KEY", KEY), baked=(("SK_KEY", PUBLIC),)), "finding", "misspelt", FIX,
    ),
    Example("an image of an unknown generation", one("m3e-large.openai-api:mine", ("SK-KEY", KEY)), "unknown"),
    Example(
        "the misspelt key is the one in force anyhow",
        one(M3E, ("SK_KEY", "sk-aaabbbcccdddeeefffggghhhiiijjjkkk")), "ok",
    ),
    Example("not started yet", one(M3E, ("SK_KEY", KEY), started=False), "finding", "misspelt", ("EditFile",)),
    Example("made by docker run", _by_hand(one(M3E, ("SK_KEY", KEY))), "finding", "misspelt", ()),
    Example(
        "the variable comes from an env file",
        one(M3E, ("SK_KEY", KEY), declares={"named": (), "env_files": (f"{FOLDER}/m3e.env",)}),
        "finding", "misspelt", (),
    ),
    Example(
        "both names, the right one with the placeholder",
        one(f"{BAICHUAN}:v2", ("SK-KEY", KEY), ("SK_KEY", PUBLIC), name="baichuan"), "finding", "misspelt", (),
    ),
    Example("the reranker was given SK_KEY", one(f"{GUIDE}bge-reranker-base:v2", ("SK_KEY", KEY), name="reranker"),
            "finding", "misspelt", FIX),
    Example("the reranker has its token", one("fastgpt/bge-rerank-base:v0.1", ("ACCESS_TOKEN", KEY)), "ok"),
    Example("something else that is called m3e", one("registry.example.com/team/m3e-train:1", ("API_KEY", KEY)),
            "not_applicable"),
    Example("what answers is a vLLM", one(f"{BAICHUAN}:v2", ("SK-KEY", KEY), servers=(server("m3e", "vllm"),)),
            "not_applicable"),
    Example("Open WebUI sends vLLM another key", _vllm(OTHER, "--api-key", KEY), "finding", "user-key", ()),
    Example("Open WebUI sends vLLM its key", _vllm(KEY, "--api-key", KEY), "not_applicable"),
    Example("one of several keys", _vllm(KEY, "--api-key", OTHER, KEY, "--port", "8000"), "not_applicable"),
    Example("Open WebUI had another key, and was stopped for good",
            _stopped(_vllm(OTHER, "--api-key", KEY), "open-webui"), "not_applicable"),
    Example("a key that LiteLLM made itself", _litellm(OTHER), "not_applicable"),
    Example("a vLLM that takes any key", _vllm(OTHER), "not_applicable"),
    Example("keys that users type", _vllm("user_provided", "--api-key", KEY), "not_applicable"),
    Example("keys in a file", _vllm(OTHER, "--api-key-file", "/keys"), "not_applicable"),
    Example(
        "a server of the guide that refuses what a container sends",
        beside(
            one(M3E, ("sk-key", KEY), servers=(
                server("m3e", "m3e-large-api", ServerUser("rag_api, RAG_OPENAI_BASEURL", "rag_api", "http://m3e:6008/v1")),
            )),
            stack("rag_api", "/srv/librechat", name="rag_api", service="rag_api", image="librechat-rag-api-dev:latest",
                  container={"env": env(("RAG_OPENAI_BASEURL", "http://m3e:6008/v1"), ("RAG_OPENAI_API_KEY", OTHER))}),
        ),
        "finding", "user-key", (),
    ),
    Example(
        "an Ollama has no key",
        stack("ollama", FOLDER, name="ollama", service="ollama", image="ollama/ollama:0.3.0", container={}),
        "not_applicable",
    ),
)  # fmt: skip
