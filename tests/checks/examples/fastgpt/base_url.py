"""Addresses of gateways that people give FastGPT, and what ``fastgpt.base-url`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import LogMark, Snapshot

from examples import Example
from examples.snapshots import NOW
from examples.wiring.folder import FILE, FOLDER, folder, live, service

ONEAPI = service("oneapi", "ghcr.io/songquanpeng/one-api:v0.6.7")
BOTH = ("EditFile", "ComposeUp")


def app(*env: str, release: str = "v4.8.10", up: bool = True, said: tuple[str, ...] = (), **facts: Any) -> Snapshot:
    """A FastGPT with these variables beside a One API; ``said``: marks of its log."""
    snapshot = (live if up else folder)(service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", *env), ONEAPI)
    labels = {LABEL_DIRECTORY: FOLDER, LABEL_FILES: FILE}
    made = tuple(replace(one, **({"labels": labels} | facts)) for one in snapshot.containers)
    marks = tuple(LogMark(made[0].id, mark, "Embedding API 404", NOW) for mark in said)
    return replace(snapshot, containers=made, log_marks=marks)


def openai(url: str, **more: Any) -> Snapshot:
    """The same with this OPENAI_BASE_URL."""
    return app(f"OPENAI_BASE_URL={url}", **more)


FINDS = (
    Example("left /v1 away", openai("http://oneapi:3000"), "finding", "no-v1", BOTH),
    Example("left it away, and the log shows it", openai("http://oneapi:3000", said=("fastgpt.embedding-bad-reply",)),
            "finding", "no-v1", BOTH),
    Example("left it away before the first start", openai("http://oneapi:3000", up=False), "finding", "no-v1",
            ("EditFile",)),
    Example("wrote a slash in its place", openai("http://oneapi:3000/"), "finding", "no-v1", BOTH),
    Example("left it away behind the machine's name", openai("http://host.docker.internal:3001"), "finding", "no-v1",
            BOTH),
    Example("left it away behind an address", openai("http://10.0.0.4:3001"), "finding", "no-v1", BOTH),
    Example("left it away behind OpenAI", openai("https://api.openai.com"), "finding", "no-v1", BOTH),
    Example("left it away, and stopped it", openai("http://oneapi:3000", state="exited", exit_code=0), "finding",
            "no-v1", BOTH),
    Example("left it away from a URL with a login", openai("http://u:p@oneapi:3000"), "finding", "no-v1", ()),
    Example("wrote the whole path", openai("http://oneapi:3000/v1/chat/completions"), "finding", "whole-path", BOTH),
    Example("wrote that of embeddings", openai("http://10.0.0.4:3001/v1/embeddings/"), "finding", "whole-path", BOTH),
    Example("wrote the whole path of a vendor", openai("https://api.example.org/v1/chat/completions"), "finding",
            "whole-path", BOTH),
    Example("wrote /v1 behind AI Proxy", app("AIPROXY_API_ENDPOINT=http://aiproxy:3000/v1", release="v4.9.14"),
            "finding", "doubled", BOTH),
    Example("left /v1 away from ONEAPI_URL", app("ONEAPI_URL=http://oneapi:3000", release="v4.8.1"), "finding",
            "no-v1", BOTH),
)  # fmt: skip

FINDS_NOT = (
    Example("wrote it right", openai("http://oneapi:3000/v1"), "ok"),
    Example("wrote it right, with a slash", openai("http://oneapi:3000/v1/"), "ok"),
    Example("wrote it right before the start", openai("http://oneapi:3000/v1", up=False), "ok"),
    Example("uses OpenAI", openai("https://api.openai.com/v1"), "ok"),
    Example("uses a vendor with a path of its own", openai("https://open.bigmodel.cn/api/paas/v4"), "ok"),
    Example("uses a vendor without a path", openai("https://api.deepseek.com"), "ok"),
    Example("uses AI Proxy", app("AIPROXY_API_ENDPOINT=http://aiproxy:3000", release="v4.9.14"), "ok"),
    Example("left it away where AI Proxy is used",
            app("AIPROXY_API_ENDPOINT=http://aiproxy:3000", "OPENAI_BASE_URL=http://oneapi:3000", release="v4.9.14"),
            "ok"),
    Example("left a variable to be filled in", openai("http://${GATEWAY}"), "not_applicable"),
    Example("says nothing of a gateway", app(), "not_applicable"),
    Example("has no FastGPT", live(ONEAPI), "not_applicable"),
    Example("looks before it was inspected", openai("http://oneapi:3000", detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
