"""Vector databases that people give FastGPT, and what ``postgres.pgvector`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Snapshot

from examples import Example
from examples.postgres.told import answer, state
from examples.wiring.folder import folder, live, service

URL = "PG_URL=postgresql://username:x@pg:5432/postgres"


def stack(image: str, release: str = "v4.9.14", *, up: bool = True, **more: Any) -> Snapshot:
    """A FastGPT of this release over a PostgreSQL of that image."""
    app = service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", URL)
    return (live if up else folder)(app, service("pg", image, **more))


def rag(image: str, *env: str) -> Snapshot:
    """A rag_api over a PostgreSQL of that image."""
    app = service("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest", "DB_HOST=vectordb", *env)
    return live(app, service("vectordb", image))


def said(image: str, release: str = "v4.9.14", **told: Any) -> Snapshot:
    """The same, and PostgreSQL was asked."""
    return replace(stack(image, release), databases=(state("fastgpt", answer(**told)),))


FINDS = (
    Example("took postgres:16", stack("postgres:16"), "finding", "missing", ()),
    Example("took it before the first start", stack("postgres:16", up=False), "finding", "missing", ()),
    Example("took postgres without a tag", stack("postgres"), "finding", "missing", ()),
    Example("took postgres:15-alpine", stack("postgres:15-alpine"), "finding", "missing", ()),
    Example("took it from a mirror", stack("docker.m.daocloud.io/library/postgres:16"), "finding", "missing", ()),
    Example("says so to rag_api", rag("postgres:16", "VECTOR_DB_TYPE=pgvector"), "finding", "missing", ()),
    Example("took PostGIS", stack("postgis/postgis:16-3.4"), "finding", "missing", ()),
    Example("took it for rag_api", rag("postgres:16"), "finding", "missing", ()),
    Example("upgraded FastGPT alone", stack("ankane/pgvector:v0.5.0", "v4.12.0"), "finding", "old", ()),
    Example("did so from v4.8", stack("pgvector/pgvector:0.7.0-pg15", "v4.14.10"), "finding", "old", ()),
    Example("did so before the start", stack("pgvector/pgvector:0.7.0-pg15", "v4.12.2", up=False), "finding", "old",
            ()),
    Example("has one from before the index", stack("ankane/pgvector:v0.4.4"), "finding", "old", ()),
    Example("has FastGPT of the newest release", stack("ankane/pgvector:v0.5.0", "latest"), "finding", "old", ()),
    Example("has rag_api with one from before the index", rag("ankane/pgvector:v0.4.4"), "finding", "old", ()),
    Example("has an image of his own, which brings none", said("mine:1", vector=None, packaged=None), "finding",
            "missing", ()),
    Example("has the newest tag of an old image", said("pgvector/pgvector:pg15", "v4.14.1", vector="0.7.0",
            packaged="0.7.0"), "finding", "old", ()),
    Example("took a newer image, and the database kept the old one", said("pgvector/pgvector:0.8.0-pg15", "v4.14.1",
            vector="0.5.0"), "finding", "pending", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("has the pgvector of v4.9", stack("pgvector/pgvector:0.8.0-pg15"), "ok"),
    Example("has it with v4.12", stack("pgvector/pgvector:0.8.0-pg15", "v4.12.0"), "ok"),
    Example("has the pgvector of v4.7", stack("ankane/pgvector:v0.5.0", "v4.7"), "ok"),
    Example("has the newest pgvector", stack("pgvector/pgvector:pg17", "v4.14.10"), "ok"),
    Example("has a newer pgvector", stack("pgvector/pgvector:0.8.2-pg17", "v4.14.10"), "ok"),
    Example("has the mirror's", stack("registry.cn-hangzhou.aliyuncs.com/fastgpt/pgvector:v0.8.0-pg15"), "ok"),
    Example("has another database with the extension", stack("timescale/timescaledb-ha:pg16"), "ok"),
    Example("has LibreChat's", rag("ankane/pgvector:latest"), "ok"),
    Example("has Bitnami's, of which the name does not tell it", stack("bitnami/postgresql:16.4.0"), "unknown"),
    Example("has Bitnami's under its old name", stack("bitnamilegacy/postgresql:15"), "unknown"),
    Example("has a postgres of its own making", stack("registry.example.com/team/postgres:16"), "unknown"),
    Example("keeps rag_api's vectors in MongoDB", rag("postgres:16", "VECTOR_DB_TYPE=atlas-mongo"), "not_applicable"),
    Example("keeps FastGPT's vectors elsewhere", live(
        service("fastgpt", "ghcr.io/labring/fastgpt:v4.9.14", URL, "OCEANBASE_URL=mysql://root:x@ob:2881/x"),
        service("pg", "postgres:16")), "not_applicable"),
    Example("builds it here", stack("postgres:16", built=True), "not_applicable"),
    Example("has a FastGPT of which nothing tells the release", stack("ankane/pgvector:v0.5.0", "nightly"), "ok"),
    Example("has no FastGPT", live(service("pg", "postgres:16")), "not_applicable"),
    Example("has the database elsewhere",
            live(service("fastgpt", "ghcr.io/labring/fastgpt:v4.12.0", "PG_URL=postgresql://u:p@10.0.0.4:5432/x")),
            "not_applicable"),
    Example("has an image with an old tag and a new pgvector", said("ankane/pgvector:v0.5.0", "v4.14.1"), "ok"),
    Example("has installed pgvector into a plain one", said("postgres:16"), "ok"),
    Example("has not made the extension yet", said("pgvector/pgvector:0.8.0-pg15", "v4.14.1", vector=None), "ok"),
    Example("has an older one that is enough", said("pgvector/pgvector:pg15", vector="0.7.0", packaged="0.8.0"), "ok"),
    Example("is refused, and the image tells", replace(stack("pgvector/pgvector:0.8.0-pg15"),
            databases=(state("fastgpt", answer("login", "refused")),)), "ok"),
    Example("has an image without a tag", stack(f"pgvector/pgvector@sha256:{'ab' * 32}", "v4.12.0"), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
