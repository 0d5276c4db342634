"""A FastGPT over a PostgreSQL that was asked, in a few words."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import DatabaseAnswer, DatabaseState, Snapshot

from examples.snapshots import NOW, container_id
from examples.wiring.folder import live, service

URL = "PG_URL=postgresql://username:pa55word@pg:5432/postgres"
GOOD: dict[str, Any] = {"version": 150004, "used": 4, "most": 97, "vector": "0.8.0", "packaged": "0.8.0"}


def answer(trouble: str | None = None, said: str = "", **more: Any) -> DatabaseAnswer:
    """What a database told, or why it told nothing."""
    return DatabaseAnswer(trouble=trouble, said=said, **({} if trouble else GOOD | more))


def told(app: DatabaseAnswer | None = None, own: DatabaseAnswer | None = None, *more: DatabaseState) -> Snapshot:
    """``app``: to the login of FastGPT; ``own``: to the server's own first user; ``more``: of others."""
    snapshot = live(
        service("fastgpt", "ghcr.io/labring/fastgpt:v4.9.14", URL),
        service("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest", "DB_HOST=pg"),
        service("pg", "pgvector/pgvector:0.8.0-pg15", "POSTGRES_USER=username", "POSTGRES_PASSWORD=pa55word"),
        service("pg2", "postgres:16", "POSTGRES_PASSWORD=pa55word"),
    )
    rows = (state("fastgpt", app) if app else None, state("pg", own, variable="POSTGRES_PASSWORD") if own else None)
    return replace(snapshot, databases=(*filter(None, rows), *more))


def state(owner: str, told: DatabaseAnswer, server: str = "pg", **more: Any) -> DatabaseState:
    """What one login was told."""
    given = {"variable": "PG_URL", "user": "username", "database": "postgres", "read_at": NOW} | more
    return DatabaseState("postgres", container_id(server), container_id(owner), answer=told, **given)
