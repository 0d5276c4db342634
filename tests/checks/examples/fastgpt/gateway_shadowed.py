"""Settings of two gateways, and what ``fastgpt.gateway-shadowed`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Snapshot

from examples import Example
from examples.wiring.folder import folder, live, service

PROXY = ("AIPROXY_API_ENDPOINT=http://aiproxy:3000", "AIPROXY_API_TOKEN=a")
OPENAI = ("OPENAI_BASE_URL=http://oneapi:3000/v1", "CHAT_API_KEY=sk-b")
OLD = "ONEAPI_URL=http://old:3000/v1"


def app(*env: str, release: str = "v4.9.14", up: bool = True, **facts: Any) -> Snapshot:
    """A FastGPT with these variables."""
    snapshot = (live if up else folder)(service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", *env))
    return replace(snapshot, containers=tuple(replace(one, **facts) for one in snapshot.containers))


FINDS = (
    Example("added One API and left AI Proxy", app(*PROXY, *OPENAI), "finding", "shadowed", ()),
    Example("did so before the first start", app(*PROXY, *OPENAI, up=False), "finding", "shadowed", ()),
    Example("left the endpoint alone", app(PROXY[0], *OPENAI), "finding", "shadowed", ()),
    Example("did so in v4.14", app(*PROXY, *OPENAI, release="v4.14.10"), "finding", "shadowed", ()),
    Example("did so with the newest release", app(*PROXY, *OPENAI, release="latest"), "finding", "shadowed", ()),
    Example("has a public address that is not used", app(*PROXY, "OPENAI_BASE_URL=https://api.openai.com/v1"),
            "finding", "shadowed", ()),
    Example("left ONEAPI_URL in v4.7", app(OLD, *OPENAI, release="v4.7"), "finding", "shadowed", ()),
    Example("left it in v4.8.10", app(OLD, *OPENAI, release="v4.8.10"), "finding", "shadowed", ()),
    Example("left it before the start", app(OLD, *OPENAI, release="v4.8", up=False), "finding", "shadowed", ()),
    Example("took out the endpoint and left its token", app(PROXY[1], *OPENAI), "finding", "token-left", ()),
    Example("did so in v4.14, before the start", app(PROXY[1], *OPENAI, release="v4.14.10", up=False), "finding",
            "token-left", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("uses AI Proxy alone", app(*PROXY), "ok"),
    Example("uses One API alone", app(*OPENAI), "ok"),
    Example("uses it in v4.7", app(*OPENAI, release="v4.7"), "ok"),
    Example("left AI Proxy empty", app("AIPROXY_API_ENDPOINT=", "AIPROXY_API_TOKEN=", *OPENAI), "ok"),
    Example("names the same gateway twice", app(*PROXY, "OPENAI_BASE_URL=http://aiproxy:3000/v1"), "ok"),
    Example("left ONEAPI_URL in v4.9, which does not read it", app(OLD, *OPENAI), "ok"),
    Example("has AI Proxy's variables in v4.8.10, which does not read them",
            app(*PROXY, *OPENAI, release="v4.8.10"), "ok"),
    Example("gave both gateways the same key", app(PROXY[1], OPENAI[0], "CHAT_API_KEY=a"), "ok"),
    Example("left a token and has no other gateway", app(PROXY[1]), "ok"),
    Example("says nothing of a gateway", app(), "ok"),
    Example("has no FastGPT", live(service("web", "nginx:1.27", *PROXY, *OPENAI)), "not_applicable"),
    Example("looks before it was inspected", app(*PROXY, *OPENAI, detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
