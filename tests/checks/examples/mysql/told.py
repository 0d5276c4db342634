"""A One API over a MySQL that was asked, in a few words."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import DatabaseAnswer, DatabaseState, OneApiState, Snapshot

from examples.snapshots import NOW, container_id
from examples.wiring.folder import live, service

DSN = "SQL_DSN=root:pa55word@tcp(mysql:3306)/oneapi"
GOOD: dict[str, Any] = {
    "version": 80036,
    "used": 4,
    "most": 151,
    "account": "root@%",
    "plugin": "caching_sha2_password",
}
LOGIN = "1045 Access denied for user 'root'@'172.18.0.1' (using password: YES)"


def answer(trouble: Any = None, said: str = "", **more: Any) -> DatabaseAnswer:
    """What a database told, or why it told nothing."""
    return DatabaseAnswer(trouble=trouble, said=said, **({} if trouble else GOOD | more))


def told(
    app: DatabaseAnswer | None = None, *more: DatabaseState, image: str = "mysql:8.0.36", up: bool = False
) -> Snapshot:
    """``app``: to the login of One API; ``more``: to others; ``up``: One API answers."""
    snapshot = live(
        service("oneapi", "justsong/one-api:v0.6.7", DSN, "LOG_SQL_DSN=log:pa55word@tcp(mysql:3306)/logs"),
        service("mysql", image, "MYSQL_ROOT_PASSWORD=pa55word", "MYSQL_USER=log", "MYSQL_PASSWORD=pa55word"),
        service("mysql2", "mariadb:11", "MARIADB_ROOT_PASSWORD=pa55word"),
    )
    gateway = OneApiState(container_id("oneapi"), "http://10.0.0.9:3000", start_time=NOW - 50.0 if up else None)
    gateway = gateway if up else replace(gateway, trouble="refused")
    row = (state("oneapi", app),) if app else ()
    return replace(snapshot, oneapis=(gateway,), databases=(*row, *more))


def state(owner: str, told: DatabaseAnswer, server: str = "mysql", **more: Any) -> DatabaseState:
    """What one login was told."""
    given = {"variable": "SQL_DSN", "user": "root", "database": "oneapi", "read_at": NOW} | more
    return DatabaseState("mysql", container_id(server), container_id(owner), answer=told, **given)


def own(told: DatabaseAnswer, user: str = "root", **more: Any) -> DatabaseState:
    """What a first user of the server was told."""
    variable = "MYSQL_ROOT_PASSWORD" if user == "root" else "MYSQL_PASSWORD"
    return state("mysql", told, **{"variable": variable, "user": user, "database": ""} | more)
