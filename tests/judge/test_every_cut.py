"""Every arrow of two whole stacks, cut in each way that people cut them: exactly one trouble, whoever tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from examples.snapshots import ENGINE, NOW
from examples.wiring.broken import NOBODY, WELL, box, said
from msgspec.structs import replace
from stackops.checks.registry import examine
from stackops.console.judge import judge
from stackops.console.model import Container, Edge, Health, Hop, HostInfo, NetworkLink, Service, Snapshot
from stackops.console.products.edges import edges
from stackops.console.settings import Settings

Boxes = Sequence[Container]
FASTGPT = (
    box("fastgpt", "ghcr.io/labring/fastgpt:v4.8.23", env={
        "MONGODB_URI": "mongodb://u:p@mongo:27017/fastgpt?authSource=admin&replicaSet=rs0",
        "PG_URL": "postgresql://u:p@pg:5432/x", "OPENAI_BASE_URL": "http://oneapi:3000/v1",
        "SANDBOX_URL": "http://sandbox:3000", "REDIS_URL": "redis://redis:6379",
    }),
    box("oneapi", "justsong/one-api:v0.6.7", env={"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}),
    box("mongo", "mongo:5.0.18"), box("pg", "pgvector/pgvector:0.7.0-pg15"), box("mysql", "mysql:8.0.36"),
    box("sandbox", "ghcr.io/labring/fastgpt-sandbox:v4.8.23"), box("redis", "redis:7.2"),
)  # fmt: skip
LIBRECHAT = (
    box("LibreChat", "ghcr.io/danny-avila/librechat:v0.8.3", env={
        "MONGO_URI": "mongodb://mongodb:27017/LibreChat", "MEILI_HOST": "http://meilisearch:7700", "SEARCH": "true",
        "RAG_API_URL": "http://rag_api:8000", "REDIS_URI": "redis://redis:6379", "USE_REDIS": "true",
    }),
    box("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest", env={"DB_HOST": "vectordb"}),
    box("vectordb", "pgvector/pgvector:0.8.0-pg15"), box("mongodb", "mongo:8"), box("redis", "redis:7.2"),
    box("meilisearch", "getmeili/meilisearch:v1.12.3"),
)  # fmt: skip
ALL = [(boxes, edge) for boxes in (FASTGPT, LIBRECHAT) for edge in edges(boxes)]
LOOP = {"state": "restarting", "restart_count": 30, "exit_code": 1, "started_at": NOW - 20, "finished_at": NOW - 10}


def changed(**facts: object) -> Callable[[Boxes, str], Boxes]:
    """The container at the end of the arrow is so."""
    return lambda boxes, name: [replace(each, **facts) if each.name == name else each for each in boxes]


def asks(host: str) -> tuple[Hop, ...]:
    return (Hop("name", "failed", f"Docker's name server knows no {host}"),)


CUTS: dict[str, tuple[Callable[[Boxes, str], Boxes], tuple[Hop, ...] | None]] = {
    "stopped": (changed(state="exited", exit_code=0), None),
    "removed": (lambda boxes, name: [each for each in boxes if each.name != name], None),
    "in another network": (changed(networks=(NetworkLink("other"),)), None),
    "in no network": (changed(networks=()), None),
    "paused": (changed(state="paused"), said("takes the connection and gives no answer within 3 s")),
    "a crash loop": (changed(**LOOP), None),
    "unhealthy": (changed(health=Health("unhealthy", 9, ())), NOBODY),
    "nobody listens": (changed(), NOBODY),
    "another protocol": (changed(), said("answers as SSH does; something else is wanted")),
    "silent": (changed(), said("takes the connection and gives no answer within 3 s")),
}
"""What is done, and how the arrow ends; None: at its name."""


def troubles(boxes: Boxes, ends: Callable[[Edge], tuple[Hop, ...]]) -> set[tuple[str, str, str | None]]:
    """Those above a hint."""
    found = tuple(replace(each, hops=ends(each), by="probe", read_at=NOW) for each in edges(boxes))
    services = tuple(
        Service("unknown", each.name, each.id, project="stack", compose_service=each.name) for each in boxes
    )
    seen = Snapshot(
        NOW, HostInfo("x"), engine=ENGINE, containers=tuple(boxes), services=services, edges=found
    )  # fmt: skip
    told = judge(seen, examine(seen, Settings())).troubles
    return {(t.result.check, t.result.subject, t.result.fault) for t in told if t.result.severity != "info"}


def test_both_stacks_are_well() -> None:
    assert [troubles(boxes, lambda _: WELL) for boxes in (FASTGPT, LIBRECHAT)] == [set(), set()]


NEEDY = {edge.source_name for _, edge in ALL}
EVERY = [
    pytest.param(boxes, edge, cut, id=f"{edge.key}: {cut}")
    for boxes, edge in ALL for cut in CUTS
    if edge.target_name not in NEEDY or not cut.startswith("in ")  # it would lose its own database as well
]  # fmt: skip


@pytest.mark.parametrize(("boxes", "edge", "cut"), EVERY)
def test_a_cut_is_one_trouble(boxes: Boxes, edge: Edge, cut: str) -> None:
    act, hops = CUTS[cut]
    ends, cut_at = hops or asks(edge.host), (edge.host, edge.port)
    left = act(boxes, edge.target_name or "")
    found = troubles(left, lambda each: ends if (each.host, each.port) == cut_at else WELL)
    assert len(found) == 1, found
