"""Databases without a release in their image's name, and what ``docker.unpinned`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import Service, Snapshot

from examples import Example
from examples.snapshots import container_id
from examples.wiring.folder import folder, live, service


def runs(version: str) -> Snapshot:
    """A mongo without a tag of which the release is known."""
    snapshot = live(service("mongo", "mongo"))
    told = Service("mongo", "stack-mongo-1", container_id("mongo"), project="stack", compose_service="mongo",
                   version=version)  # fmt: skip
    return replace(snapshot, services=(told,))


FINDS = tuple(
    Example(name, snapshot, "finding", "unpinned", ())
    for name, snapshot in (
        ("wrote mongo and no tag", live(service("mongo", "mongo"))),
        ("wrote it, and has not started yet", folder(service("mongo", "mongo"))),
        ("wrote latest", live(service("mongo", "mongo:latest"))),
        ("has MongoDB 8.0 under it", runs("8.0.17")),
        ("wrote postgres", live(service("pg", "postgres"))),
        ("wrote ankane/pgvector:latest", live(service("vectordb", "ankane/pgvector:latest"))),
        ("wrote mysql:latest", live(service("mysql", "mysql:latest"))),
        ("wrote getmeili/meilisearch", live(service("meilisearch", "getmeili/meilisearch"))),
        ("has it from a mirror", live(service("mongo", "registry.example.org:5000/library/mongo"))),
        ("has two of them", live(service("mongo", "mongo"), service("pg", "postgres"))),
        ("pinned one of two", live(service("mongo", "mongo:7.0.9"), service("pg", "postgres:latest"))),
    )
)

FINDS_NOT = tuple(
    Example(name, snapshot, status)
    for name, snapshot, status in (
        ("wrote the release", live(service("mongo", "mongo:5.0.18")), "ok"),
        ("wrote the major release", live(service("pg", "postgres:16")), "ok"),
        ("wrote pgvector's own", live(service("pg", "pgvector/pgvector:0.8.0-pg15")), "ok"),
        ("wrote a digest", live(service("mongo", f"mongo@sha256:{'a1' * 32}")), "ok"),
        ("wrote the tag behind a port", live(service("mongo", "registry.example.org:5000/mongo:7.0")), "ok"),
        ("builds it here", live(service("mongo", "mongo", built=True)), "not_applicable"),
        ("has Redis of the newest release", live(service("redis", "redis:latest")), "not_applicable"),
        ("has MinIO of the newest release", live(service("minio", "minio/minio:latest")), "not_applicable"),
        ("has an app of the newest release", live(service("app", "ghcr.io/labring/fastgpt:latest")), "not_applicable"),
        ("has a word as a tag", live(service("mysql", "mysql:lts")), "ok"),
        ("has no databases", live(service("web", "nginx")), "not_applicable"),
    )
)

EXAMPLES = FINDS + FINDS_NOT
