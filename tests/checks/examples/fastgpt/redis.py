"""Releases of FastGPT, and what ``fastgpt.redis`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import ComposeService, Service, Snapshot

from examples import Example
from examples.snapshots import container_id
from examples.wiring.folder import folder, live, service

TOLD = "REDIS_URL=redis://default:pw@redis:6379"
REDIS = service("redis", "redis:7.2-alpine")


def app(tag: str, *env: str) -> ComposeService:
    return service("fastgpt", f"ghcr.io/labring/fastgpt:{tag}", *env)


def known(snapshot: Snapshot, version: str | None, generation: str | None = None) -> Snapshot:
    """What its log or its compose file tells of the release."""
    one = Service("fastgpt", "fastgpt", container_id("fastgpt"), project="stack", compose_service="fastgpt",
                  version=version, generation=generation)  # fmt: skip
    return replace(snapshot, services=(one,))


FINDS = tuple(
    Example(name, snapshot, "finding", "missing", ())
    for name, snapshot in (
        ("raised the tag to v4.9.4", folder(app("v4.9.4"))),
        ("raised the tag to v4.9.7", folder(app("v4.9.7"))),
        ("raised the tag to v4.9.7, and it runs", live(app("v4.9.7"))),
        ("runs v4.14.2", live(app("v4.14.2"))),
        ("has redis and forgot the variable", folder(app("v4.9.7"), REDIS)),
        ("has redis running and forgot the variable", live(app("v4.10.0"), REDIS)),
        ("left the variable empty", folder(app("v4.9.11", "REDIS_URL="))),
        ("has a fix release", folder(app("v4.9.14-fix"))),
        ("has :latest, and its log tells v4.12.0", known(live(app("latest")), "4.12.0")),
        (
            "has a mirror's image",
            folder(service("fastgpt", "mirror.example.com/fastgpt/fastgpt:v4.9.8")),
        ),
        ("has v4.15", folder(app("v4.15.0"))),
        ("has :latest in a file of v4.7, which the next up fetches", known(folder(app("latest")), None, "C")),
    )
)

FINDS_NOT = (
    Example("wrote the variable", folder(app("v4.9.7", TOLD), REDIS), "ok"),
    Example("wrote the variable, and it runs", live(app("v4.14.2", TOLD), REDIS), "ok"),
    Example("uses another machine's Redis", folder(app("v4.14.2", "REDIS_URL=redis://10.0.0.2:6379")), "ok"),
    Example("has v4.8.23", folder(app("v4.8.23-fix")), "ok"),
    Example("has v4.9.3, the last before", folder(app("v4.9.3")), "ok"),
    Example("has v4.6", live(app("v4.6")), "ok"),
    Example("runs a :latest of long ago in a file of v4.7", known(live(app("latest")), None, "C"), "ok"),
    Example("has :latest, and its log tells v4.8.11", known(live(app("latest")), "4.8.11"), "ok"),
    Example("runs :latest, and nothing tells", live(app("latest")), "unknown"),
    Example("has no FastGPT", folder(REDIS), "not_applicable"),
    Example("has the variable and :latest", folder(app("latest", TOLD)), "ok"),
)

EXAMPLES = FINDS + FINDS_NOT
