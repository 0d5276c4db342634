"""A FastGPT over a PostgreSQL that was asked, in a few words."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import PostgresAnswer, PostgresState, Snapshot

from examples.snapshots import NOW, container_id
from examples.wiring.folder import live, service

URL = "PG_URL=postgresql://username:pa55word@pg:5432/postgres"
GOOD: dict[str, Any] = {"version": 150004, "used": 4, "most": 97, "vector": "0.8.0", "packaged": "0.8.0"}


def answer(trouble: str | None = None, said: str = "", **more: Any) -> PostgresAnswer:
    """What a database told, or why it told nothing."""
    return PostgresAnswer(trouble=trouble, said=said, **({} if trouble else GOOD | more))


def told(app: PostgresAnswer | None = None, own: PostgresAnswer | None = None, *more: PostgresState) -> Snapshot:
    """``app``: to the login of FastGPT; ``own``: to the server's own first user; ``more``: of others."""
    snapshot = live(
        service("fastgpt", "ghcr.io/labring/fastgpt:v4.9.14", URL),
        service("rag_api", "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest", "DB_HOST=pg"),
        service("pg", "pgvector/pgvector:0.8.0-pg15", "POSTGRES_USER=username", "POSTGRES_PASSWORD=pa55word"),
        service("pg2", "postgres:16", "POSTGRES_PASSWORD=pa55word"),
    )
    rows = (state("fastgpt", app) if app else None, state("pg", own, variable="POSTGRES_PASSWORD") if own else None)
    return replace(snapshot, postgreses=(*filter(None, rows), *more))


def state(owner: str, told: PostgresAnswer, server: str = "pg", **more: Any) -> PostgresState:
    """What one login was told."""
    given = {"variable": "PG_URL", "user": "username", "database": "postgres", "read_at": NOW} | more
    return PostgresState(container_id(server), container_id(owner), answer=told, **given)
