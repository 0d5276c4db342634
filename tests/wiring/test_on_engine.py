"""Arrows of a small live stack, cut in eleven ways: each is one broken arrow, where it was cut, and one trouble."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace
from stackops.checks.registry import examine
from stackops.console.collect.collector import look as look_once
from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.sources.engine import Containers
from stackops.console.collect.sources.wiring import GENTLY, TRIED, Wiring
from stackops.console.hosts.call import run
from stackops.console.hosts.local import open_local
from stackops.console.judge import judge
from stackops.console.model import Edge
from stackops.console.model.findings import Result, Trouble
from stackops.console.settings import Settings
from support.busybox import OURS, busybox
from support.stacks import docker, wait_for

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter the network of a container"),
]
NET, OTHER = f"{OURS}-wires", f"{OURS}-apart"
HELLO = r"\x1a\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00"
PARTS = {
    "mongo": (27017, f"printf '{HELLO}'"), "pg": (5432, "printf N"), "redis": (6379, "echo -NOAUTH"),
    "oneapi": (3000, r"printf 'HTTP/1.1 200 OK\r\n\r\n'"), "sandbox": (3000, r"printf 'HTTP/1.1 404 No\r\n\r\n'"),
}  # fmt: skip
ENV = {
    "MONGODB_URI": "mongodb://mongo:27017/x", "PG_URL": "postgresql://pg:5432/x", "REDIS_URL": "redis://redis:6379",
    "OPENAI_BASE_URL": "http://oneapi:3000/v1", "SANDBOX_URL": "http://sandbox:3000",
}  # fmt: skip


def listening(port: int, says: str) -> list[str]:
    """It hears one packet first, as the real ones do; a paused one has room for sixty whom it has not taken yet."""
    hears = f"/busybox dd bs=1 count=4 2>/dev/null >&2; {says}"
    return ["nc", f"-{'l' * 60}", "-p", str(port), "-e", "/busybox", "sh", "-c", hears]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with busybox("fastgpt") as made:
        docker("network", "create", NET)
        docker("network", "create", OTHER)
        try:
            yield made
        finally:
            docker("network", "rm", NET, OTHER, check=False)


def started(image: str, name: str, *words: str, network: str = NET, env: dict[str, str] | None = None) -> None:
    given = [part for key, value in (env or {}).items() for part in ("-e", f"{key}={value}")]
    docker(
        "run", "-d", "--name", f"{OURS}-{name}", "--network", network, "--network-alias", name, *given, image, *words
    )


def gone(*names: str) -> None:
    docker("rm", "-f", *(f"{OURS}-{name}" for name in names), check=False)


def app(image: str, **env: str) -> None:
    gone("app")
    started(image, "app", "sleep", "100000", env={**ENV, **env})


@pytest.fixture
def stack(image: str) -> Iterator[str]:
    try:
        for name, (port, says) in PARTS.items():
            started(image, name, *listening(port, says))
        app(image)
        yield image
    finally:
        gone("app", "stranger", *PARTS)


def arrows() -> dict[str, Edge]:
    """What one look says of the app's arrows."""
    host = open_local(Settings(), environ=dict(os.environ))
    scheduler: list[Scheduler] = []

    async def look() -> tuple[Edge, ...]:
        scheduler.append(Scheduler(host, Settings(), sources=(Containers, Wiring)))
        return (await scheduler[0].look((TRIED,))).edges

    try:
        return {edge.kind: edge for edge in run(look()) if edge.source_name == f"{OURS}-app"}
    finally:
        scheduler[0].close()


def broken() -> dict[str, tuple[str, str]]:
    return {kind: (hop.name, hop.reason or "") for kind, edge in arrows().items() if (hop := edge.broken) is not None}


def troubles() -> list[Trouble]:
    """What ``check`` says of these containers, in an hour: of what was just started it says nothing yet."""
    host = open_local(Settings(), environ=dict(os.environ))
    seen = look_once(host, Settings(), on_request=(GENTLY,))
    later = replace(seen, taken_at=seen.taken_at + 3600.0)
    found = judge(later, examine(later, Settings())).troubles
    return [each for each in found if OURS in each.result.subject and each.result.severity != "info"]


def _arrows_of(trouble: Trouble) -> list[Result]:
    return [each for each in (trouble.result, *trouble.consequences) if each.check == "wiring.broken"]


def followed() -> list[Trouble] | None:
    """The same, once the arrow was tried: on a busy machine a name server may not answer in time."""
    found = troubles()
    return found if any(map(_arrows_of, found)) else None


def refuses(image: str) -> None:
    gone("mongo")
    started(image, "mongo", "sleep", "100000")


def replaced(name: str, *words: str) -> Callable[[str], None]:
    def cut(image: str) -> None:
        gone(name)
        started(image, name, *words)

    return cut


def moved(image: str) -> None:
    gone("redis")
    started(image, "redis", *listening(*PARTS["redis"]), network=OTHER)


def left(_image: str) -> None:
    docker("network", "disconnect", NET, f"{OURS}-sandbox")


def at_itself(image: str) -> None:
    app(image, OPENAI_BASE_URL="http://localhost:3000/v1")


def secured(image: str) -> None:
    app(image, OPENAI_BASE_URL="https://oneapi:3000/v1")


HTTP_THERE = listening(27017, PARTS["oneapi"][1])
CUTS: dict[str, tuple[Callable[[str], object], str, str, str]] = {
    "stopped": (lambda _: docker("stop", "-t", "0", f"{OURS}-mongo"), "mongo", "name", "knows no mongo"),
    "removed": (lambda _: gone("pg"), "postgres", "name", "knows no pg"),
    "misspelt": (lambda image: app(image, MONGODB_URI="mongodb://mango:27017/x"), "mongo", "name", "knows no mango"),
    "another network": (moved, "redis", "name", "knows no redis"),
    "disconnected": (left, "sandbox", "name", "knows no sandbox"),
    "another port": (lambda image: app(image, PG_URL="postgresql://pg:5433/x"), "postgres", "port", "nobody listens"),
    "program gone": (refuses, "mongo", "port", "nobody listens"),
    "itself": (at_itself, "gateway", "port", "nobody listens"),
    "paused": (lambda _: docker("pause", f"{OURS}-oneapi"), "gateway", "protocol", "no answer"),
    "another protocol": (replaced("mongo", *HTTP_THERE), "mongo", "protocol", "answers as HTTP"),
    "plain on https": (secured, "gateway", "protocol", "TLS"),
}  # fmt: skip


SAID_BETTER = {
    "stopped", "removed", "misspelt", "another network", "itself", "paused",
}  # fmt: skip
"""Cuts that another finding explains: the arrow is folded under it."""


def test_an_arrow_that_is_whole_is_well_at_each_hop(stack: str) -> None:
    found = wait_for(lambda: None if broken() else arrows())
    assert {kind: [hop.state for hop in edge.hops] for kind, edge in found.items()} == {
        kind: ["ok"] * 3 for kind in ("mongo", "postgres", "redis", "gateway", "sandbox")
    }
    assert {edge.by for edge in found.values()} == {"probe"}
    assert troubles() == []
    assert found["mongo"].target_name == f"{OURS}-mongo"


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_arrow_is_the_only_one_that_is_broken_and_says_where(stack: str, cut: str) -> None:
    act, kind, hop, reason = CUTS[cut]
    wait_for(lambda: not broken())
    act(stack)
    found = wait_for(broken)
    assert {name: at for name, (at, _) in found.items()} == {kind: hop}
    assert reason in found[kind][1]
    (trouble,) = wait_for(followed)
    (arrow,) = _arrows_of(trouble)
    assert arrow.subject.startswith(f"{OURS}-app -> ")
    assert (arrow is trouble.result) == (cut not in SAID_BETTER), trouble
