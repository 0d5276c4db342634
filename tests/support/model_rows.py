"""A FastGPT whose one model goes through a One API to a vLLM, all well; for tests to break one part of."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    Container,
    Edge,
    EnvVar,
    Hop,
    HostInfo,
    JsonFact,
    LoadedModel,
    Mount,
    NetworkLink,
    OfferedModel,
    OneApiChannel,
    OneApiState,
    ServedModel,
    Server,
    Snapshot,
)

KEY = "sk-planted-secret"
WELL = (Hop("name", "ok"), Hop("port", "ok"), Hop("protocol", "ok"))
DEAD = (Hop("name", "ok"), Hop("port", "failed", "nobody listens there"), Hop("protocol", "unknown"))
UNTRIED = (Hop("name", "ok"), Hop("port", "unknown", "it was not tried: only root may"), Hop("protocol", "unknown"))
CHANNEL = OneApiChannel(
    7, "local", 1, ("m3e", "qwen"), ("default",), base_url="http://vllm:8000", type=1, priority=5,
    mapping=(("qwen", "Qwen/Qwen2-7B"),),
)  # fmt: skip


def box(name: str, image: str, env: dict[str, str] | None = None, **more: Any) -> Container:
    facts: dict[str, Any] = {
        "state": "running", "detailed": True, "service": name, "networks": (NetworkLink("net", "10.0.0.9", (name,)),),
        "env": tuple(EnvVar(*item) for item in (env or {}).items()),
    }  # fmt: skip
    return Container(id=f"{name}-id", name=name, image=image, **{**facts, **more})


def arrow(source: str, host: str, port: int, hops: tuple[Hop, ...] = WELL, **more: Any) -> Edge:
    facts = {"target": f"{host}-id", "target_name": host, "where": "container", "hops": hops, "by": "probe", **more}
    at = f"http://{host}:{port}"
    return Edge(f"{source} {host}", f"{source}-id", source, "x", at, "X", "env", at, host, port, "http", **facts)


def fastgpt(image: str = "fastgpt:v4.7", url: str = "http://oneapi:3000/v1", key: str | None = KEY) -> Container:
    env = {"OPENAI_BASE_URL": url, **({"CHAT_API_KEY": key} if key else {})}
    mount = Mount("bind", "/srv/config.json", "/app/data/config.json")
    return box("fastgpt", image, env, mounts=(mount,))


CONFIG = JsonFact("/srv/config.json", models=(OfferedModel("qwen", "llmModels"),))
STATE = OneApiState("oneapi-id", start_time=1.0, version="v0.6.7", client="fastgpt-id", models=("qwen",))
VLLM = Server(
    "vllm:8000", "vllm", "http://127.0.0.1:8000", "up", container="vllm-id", models=(ServedModel("Qwen/Qwen2-7B"),),
    loaded=(LoadedModel("Qwen/Qwen2-7B"),), read_at=1.0,
)  # fmt: skip
WHOLE = Snapshot(
    10.0, HostInfo("box"),
    containers=(fastgpt(), box("oneapi", "one-api:v0.6.7"), box("vllm", "vllm/vllm-openai:v0.5")),
    edges=(arrow("fastgpt", "oneapi", 3000), arrow("oneapi", "vllm", 8000)), json_files=(CONFIG,),
    oneapis=(replace(STATE, channels=(CHANNEL,)),), servers=(VLLM,),
)  # fmt: skip


def world(**parts: Any) -> Snapshot:
    return replace(WHOLE, **parts)


def with_channels(*channels: OneApiChannel, **more: Any) -> Snapshot:
    return world(oneapis=(replace(STATE, channels=channels or None, **more),))
