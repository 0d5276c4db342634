"""FastGPTs that were raised to a newer release, and what ``fastgpt.upgrade`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Snapshot

from examples import Example
from examples.wiring.folder import folder, live, service

SANDBOX, CODE = "SANDBOX_URL=http://sandbox:3000", "CODE_SANDBOX_URL=http://code-sandbox:3000"
TOOLS = ("PLUGIN_BASE_URL=http://fastgpt-plugin:3000", "AES256_SECRET_KEY=own")
S3, STORAGE = "S3_ENDPOINT=fastgpt-minio", "STORAGE_VENDOR=minio"
SECRET = "s" * 32
UPSTREAM = ("DEFAULT_ROOT_PSW=1234", "ROOT_KEY=root_key")
NEW = f"INVOKE_TOKEN_SECRET={SECRET}"


def app(
    release: str, *env: str, plugin: str | None = None, up: bool = True, own: bool = False, **facts: Any
) -> Snapshot:
    """A FastGPT of this release with these variables, and a plugin service of that tag. ``own``: of one's own file."""
    env = env if own else (*UPSTREAM, *env)
    beside = (service("fastgpt-plugin", f"ghcr.io/labring/fastgpt-plugin:{plugin}"),) if plugin else ()
    snapshot = (live if up else folder)(service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", *env), *beside)
    made = tuple(replace(one, **facts) if one.service == "fastgpt" else one for one in snapshot.containers)
    return replace(snapshot, containers=made)


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    finds("raised v4.7 to v4.8.4 by the tag alone", "missing", app("v4.8.4")),
    finds("raised it before the first start", "missing", app("v4.8.20", up=False)),
    finds("raised v4.9 to v4.10", "missing", app("v4.10.0", SANDBOX)),
    finds("raised it and added the plugin alone", "missing", app("v4.12.0", SANDBOX, TOOLS[0], plugin="v0.1.9")),
    finds("raised v4.12 to v4.13.1", "missing", app("v4.13.1", SANDBOX, *TOOLS)),
    finds("raised v4.13 to v4.14.5 and kept S3_*", "missing", app("v4.14.5", SANDBOX, *TOOLS, S3)),
    finds("raised it to v4.14.10.1 and kept SANDBOX_URL", "missing", app("v4.14.10.1", SANDBOX, *TOOLS, STORAGE)),
    finds("raised it to v4.15", "missing", app("v4.15.8", CODE, *TOOLS, STORAGE)),
    finds("raised it to v4.17 and kept One API", "missing", app("v4.17.0", CODE, *TOOLS, STORAGE, NEW,
          "OPENAI_BASE_URL=http://oneapi:3000/v1")),
    finds("stopped it meanwhile", "missing", app("v4.8.4", state="exited", exit_code=0)),
    finds("left the plugin service behind", "plugin", app("v4.14.7", SANDBOX, *TOOLS, STORAGE, plugin="v0.4.0")),
    finds("raised the plugin service alone", "plugin", app("v4.12.0", SANDBOX, *TOOLS, plugin="v0.5.6")),
    finds("raised FastGPT to v4.14.11 alone", "plugin", app("v4.14.11", CODE, *TOOLS, STORAGE, plugin="v0.5.6")),
    finds("kept a short secret", "short-secret", app("v4.15.8", CODE, *TOOLS, STORAGE, "INVOKE_TOKEN_SECRET=short")),
    finds("kept the short token of the plugin service", "short-secret", app("v4.15.8", CODE, *TOOLS, STORAGE, NEW,
          "PLUGIN_TOKEN=xxxxxx")),
)  # fmt: skip

FINDS_NOT = (
    Example("has v4.8.4 with its sandbox", app("v4.8.4", SANDBOX), "ok"),
    Example("has v4.9.14", app("v4.9.14", SANDBOX), "ok"),
    Example("has v4.10", app("v4.10.0", SANDBOX, *TOOLS), "ok"),
    Example("has v4.12 with its plugin service", app("v4.12.0", SANDBOX, *TOOLS, plugin="v0.1.9"), "ok"),
    Example("has v4.13.1", app("v4.13.1", SANDBOX, *TOOLS, S3), "ok"),
    Example("has v4.13.1 with the names of later", app("v4.13.1", CODE, *TOOLS, "STORAGE_S3_ENDPOINT=x"), "ok"),
    Example("has v4.14.5", app("v4.14.5", SANDBOX, *TOOLS, STORAGE), "ok"),
    Example("has v4.14.10 with its plugin service", app("v4.14.10", CODE, *TOOLS, STORAGE, plugin="v0.5.6"), "ok"),
    Example("has v4.14.11 with its plugin service", app("v4.14.11", CODE, *TOOLS, STORAGE, plugin="v0.6.0"), "ok"),
    Example("has v4.15", app("v4.15.8", CODE, *TOOLS, STORAGE, NEW, plugin="v1.0.3"), "ok"),
    Example("has v4.17 with an AI Proxy", app("v4.17.0", CODE, *TOOLS, STORAGE, NEW,
            "AIPROXY_API_ENDPOINT=http://aiproxy:3000"), "ok"),
    Example("has v4.15 before its start", app("v4.15.8", CODE, *TOOLS, STORAGE, NEW, up=False), "ok"),
    Example("has a plugin service without a release", app("v4.12.0", SANDBOX, *TOOLS, plugin="latest"), "ok"),
    Example("fills the secret in later", app("v4.15.8", CODE, *TOOLS, STORAGE, "INVOKE_TOKEN_SECRET=${S}"), "ok"),
    Example("has v4.7", app("v4.7"), "not_applicable"),
    Example("wrote a file of its own", app("v4.14.5", "MONGODB_URI=mongodb://mongo/x", own=True), "not_applicable"),
    Example("has an image without a release", app("latest"), "not_applicable"),
    Example("looks before it was inspected", app("v4.8.4", detailed=False), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
