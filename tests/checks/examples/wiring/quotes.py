"""Quotes that people wrote, and what ``wiring.quotes`` must say of them."""

from __future__ import annotations

from stackops.console.model import Snapshot

from examples import Example
from examples.wiring.folder import folder, live, service

APP = "justsong/one-api:v0.6.6"


def one(*env: str, runs: bool = False) -> Snapshot:
    """A One API with these variables."""
    return (live if runs else folder)(service("oneapi", APP, *env))


FINDS = tuple(
    Example(name, snapshot, "finding", form, ())
    for name, form, snapshot in (
        ("quoted the DSN", "connection", one('SQL_DSN="root:pw@tcp(mysql:3306)/oneapi"')),
        ("quoted the DSN, and it runs", "connection", one('SQL_DSN="root:pw@tcp(mysql:3306)/oneapi"', runs=True)),
        ("used single quotes", "connection", one("MONGODB_URI='mongodb://mongo:27017/x'")),
        ("quoted an address", "connection", one('OPENAI_BASE_URL="http://oneapi:3000/v1"')),
        ("typed a keyboard's curly quotes", "connection", one("SQL_DSN=“root:pw@tcp(mysql:3306)/oneapi”")),
        ("typed Chinese corner brackets", "value", one("CHAT_API_KEY=「sk-1」")),
        ("quoted an endpoint", "connection", one('S3_ENDPOINT="minio"')),
        ("quoted redis", "connection", one('REDIS_CONN_STRING="redis://redis"')),
        ("quoted a key", "value", one('CHAT_API_KEY="sk-1"')),
        ("quoted a user", "value", one('POSTGRES_USER="me"')),
        ("quoted a password, and it runs", "value", one('MYSQL_ROOT_PASSWORD="pw"', runs=True)),
        ("quoted nothing at all", "value", one('MEILI_MASTER_KEY=""')),
        ("quoted two", "connection", one('SQL_DSN="x"', 'SESSION_SECRET="y"')),
    )
)

FINDS_NOT = tuple(
    Example(name, one(text), "ok")
    for name, text in (
        ("has no quotes", "SQL_DSN=root:pw@tcp(mysql:3306)/oneapi"),
        ("has a quote inside", 'MYSQL_ROOT_PASSWORD=a"b'),
        ("begins with one", 'MYSQL_ROOT_PASSWORD="b'),
        ("ends with one", 'MYSQL_ROOT_PASSWORD=b"'),
        ("has two kinds", "MYSQL_ROOT_PASSWORD='b\""),
        ("has a text that is meant to be quoted", 'WELCOME="hello"'),
        ("has JSON", 'MODELS=["a","b"]'),
        ("has nothing", "CHAT_API_KEY="),
        ("has one quote alone", "CHAT_API_KEY='"),
        ("has a flag", 'DEBUG="true"'),
    )
)

EXAMPLES = FINDS + FINDS_NOT
