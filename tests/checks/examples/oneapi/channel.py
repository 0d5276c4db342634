"""Channels that people make in One API, and what ``oneapi.channel`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    Container,
    Hop,
    HostInfo,
    LogMark,
    OneApiChannel,
    OneApiState,
    Server,
    Service,
    Snapshot,
)
from stackops.console.products.edges import edges

from examples import Example
from examples.snapshots import ENGINE, NOW
from examples.wiring.broken import NOBODY, WELL, box

GATEWAY = box("oneapi", "justsong/one-api:v0.6.7")
VLLM, OLLAMA = box("vllm", "vllm/vllm-openai:v0.5"), box("ollama", "ollama/ollama:0.3")
SERVERS = (
    Server("vllm:8000", "vllm", "http://127.0.0.1:8000", "up", container=VLLM.id, read_at=NOW),
    Server("ollama:11434", "ollama", "http://127.0.0.1:11434", "up", container=OLLAMA.id, read_at=NOW),
)


def channel(base: str | None = "http://vllm:8000", number: int = 1, **more: Any) -> OneApiChannel:
    """One for a model of vLLM."""
    facts = {"models": ("qwen",), "groups": ("default",), "base_url": base, "type": 1, **more}
    return OneApiChannel(number, f"channel {number}", facts.pop("status", 1), **facts)


def having(
    *channels: OneApiChannel, gateway: Container = GATEWAY, hops: tuple[Hop, ...] | None = None,
    marks: tuple[tuple[str, str, float], ...] = (), known: bool = True,
) -> Snapshot:  # fmt: skip
    """A One API with these channels; ``hops``: how its arrows ended when they were tried; ``marks``: seconds ago."""
    boxes = (gateway, VLLM, OLLAMA)
    state = OneApiState(gateway.id, address="http://127.0.0.1:3001", channels=channels if known else None)
    tried = edges(boxes, oneapis=(state,)) if hops is not None else ()
    return Snapshot(
        NOW, HostInfo("x"), engine=ENGINE, containers=boxes, oneapis=(state,), servers=SERVERS,
        services=(Service("oneapi", "oneapi", gateway.id, project="stack", compose_service="oneapi"),),
        edges=tuple(replace(edge, hops=hops or (), by="probe", read_at=NOW) for edge in tried),
        log_marks=tuple(LogMark(gateway.id, f"oneapi.{mark}", text, NOW - ago) for mark, text, ago in marks),
    )  # fmt: skip


OFF = ("channel-off", "[SYS] 2024/04/16 - 02:10:39 | channel #3 has been disabled: status code 401: bad key", 600.0)
ON = ("channel-on", "[SYS] 2024/04/16 - 02:20:39 | channel #3 has been enabled", 400.0)
NONE = ("no-channel", "[ERR] x | y | 当前分组 default 下对于模型 qwen 无可用渠道", 300.0)
EARLIER = (*NONE[:2], 900.0)
LOCAL = "http://localhost:8000"


def by_database(snapshot: Snapshot) -> Snapshot:
    """Its channels as they were read in its database."""
    return replace(snapshot, oneapis=tuple(replace(one, channels_from="database") for one in snapshot.oneapis))


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    finds("wrote /v1 behind the base URL", "doubled", having(channel("http://vllm:8000/v1"))),
    finds("wrote it, and has no access token, but a database that tells", "doubled",
          by_database(having(channel("http://vllm:8000/v1", balance=2.5, balance_at=NOW - 60.0)))),
    finds("wrote it with a slash", "doubled", having(channel("http://vllm:8000/v1/"))),
    finds("wrote the whole path", "doubled", having(channel("http://vllm:8000/v1/chat/completions"))),
    finds("wrote the path of embeddings", "doubled", having(channel("http://m3e:6008/v1/embeddings", models=("m3e",)))),
    finds("wrote /v1 into a channel for Ollama", "doubled", having(channel("http://ollama:11434/v1", type=30))),
    finds("wrote /v1 into a custom channel", "doubled", having(channel("https://api.example.org/v1", type=8))),
    finds("wrote it, and One API switched it off", "doubled", having(channel("http://vllm:8000/v1", status=3))),
    finds("wrote it beside a channel that works", "doubled", having(channel("http://vllm:8000/v1"), channel(number=2))),
    finds("left /v1 out where the type wants it", "no-v1", having(channel(type=50))),
    finds("wrote localhost", "loopback", having(channel(LOCAL))),
    finds("wrote localhost, and nobody listened there", "loopback", having(channel(LOCAL), hops=NOBODY)),
    finds("wrote 127.0.0.1 into a channel for Ollama", "loopback", having(channel("http://127.0.0.1:11434", type=30))),
    finds("left the base URL of a channel for Ollama empty", "loopback", having(channel(None, type=30))),
    finds("chose the type Ollama for vLLM", "wrong-type", having(channel(type=30))),
    finds("chose the type Azure for vLLM", "wrong-type", having(channel(type=3))),
    finds("has a channel that One API switched off", "switched-off", having(channel(status=3))),
    finds("has one whose reason its log knows", "switched-off", having(channel(number=3, status=3), marks=(OFF,))),
    finds("has no access token, and the log tells of one that is missed", "switched-off",
          having(known=False, marks=(OFF, NONE))),
)  # fmt: skip

NEW_API = box("oneapi", "calciumion/new-api:v0.4")
FINDS_NOT = (
    Example("wrote the base URL right", having(channel()), "ok"),
    Example("wrote /v1 where the type wants it", having(channel("http://vllm:8000/v1", type=50)), "ok"),
    Example("has a channel for Ollama", having(channel("http://ollama:11434", type=30)), "ok"),
    Example("has Ollama as OpenAI", having(channel("http://ollama:11434")), "ok"),
    Example("has a channel for embeddings", having(channel("http://m3e:6008", models=("m3e",))), "ok"),
    Example("has a vendor", having(channel(None, type=3)), "ok"),
    Example("has a vendor behind a path of its own", having(channel("https://openrouter.ai/api", type=20)), "ok"),
    Example("has Cloudflare's gateway", having(channel("https://gateway.ai.cloudflare.com/v1/a/b/openai/v1")), "ok"),
    Example("switched a channel off by hand", having(channel(LOCAL, status=2)), "ok"),
    Example("wrote localhost in the machine's network", having(channel(LOCAL), gateway=box(
            "oneapi", "justsong/one-api:v0.6.7", (), network_mode="host")), "ok"),
    Example("wrote localhost in the network of the model server", having(channel(LOCAL), gateway=box(
            "oneapi", "justsong/one-api:v0.6.7", (), network_mode="container:vllm")), "ok"),
    Example("has a model server in One API's own container", having(channel(LOCAL), hops=WELL), "ok"),
    Example("has a New API, whose custom channels take a whole path", having(
            channel("http://vllm:8000/v1/chat/completions", type=8), gateway=NEW_API), "ok"),
    Example("has a New API, which numbers its types otherwise", having(channel(type=42), gateway=NEW_API), "ok"),
    Example("has no access token", having(known=False), "not_applicable"),
    Example("has no access token, and nobody misses the channel", having(known=False, marks=(OFF,)), "not_applicable"),
    Example("had no channel before one was switched off", having(known=False, marks=(EARLIER, OFF)), "not_applicable"),
    Example("has one that One API switched on again", having(known=False, marks=(OFF, ON, NONE)), "not_applicable"),
    Example("has no channel yet", having(), "not_applicable"),
    Example("looks before it was inspected", having(channel(LOCAL), gateway=replace(GATEWAY, detailed=False)),
            "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
