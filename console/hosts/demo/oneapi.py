"""How the stand-ins for One API and its MySQL behave: order of the start, what it dies of, the list of channels.

The channels lie in a file of MySQL's data folder. fact: fastgpt-stack 5: nothing is retried; with MEMORY_CACHE_ENABLED
the relay knows the channels of its last read only, while /v1/models (v0.6.6 and later) reads the database.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping

from ...stacks.gateways import Dsn, dsn_of
from . import stack_fastgpt as stack
from .completions import openai_completion, openai_embeddings
from .stand import Answer, Fate, Request, Stand
from .tree import Tree

VERSION = "v0.6.6"
FIRST_START = 40.0
"""Seconds MySQL needs for an empty data folder. fact: mongo-docker-db 9, 10 to 60 s."""
SYNC = 600.0
RELAYED = ("/v1/chat/completions", "/v1/embeddings")
VECTORS = ("m3e", "bge-m3")
"""Models that are asked for vectors."""
_CONNECT = "failed to initialize database, got error "


def mysql_start(stand: Stand) -> Fate:
    """A temporary server first where the data folder is empty, then the real one with ``port: 3306``."""
    folder = next((b.source for b in stand.definition.binds if b.target == "/var/lib/mysql"), stack.MYSQL_DATA)
    made = stand.tree.get(f"{folder}/{stack.TABLESPACE}")
    if made is None:
        made = stand.tree.put(f"{folder}/{stack.TABLESPACE}", b"", mode=0o640, uid=stack.KEY_OWNER)
    left = made.mtime + FIRST_START - stand.now
    if left <= 0:
        return Fate((_mysqld(stand.now, 3306),))
    opening = f"{_moment(stand.now)}+00:00 [Note] [Entrypoint]: Initializing database files"
    later = ((left / 2, _mysqld(stand.now + left / 2, 0)), (left, _mysqld(stand.now + left, 3306)))
    return Fate((opening,), later=later)


def start(stand: Stand) -> Fate:
    """Open the database, read the channels, listen; each failure is FATAL and exit 1."""
    opening = (_sys(stand.now, f"One API {VERSION} started"), _sys(stand.now, "using MySQL as database"))
    dsn = dsn_of(stand.env("SQL_DSN"))
    trouble = _trouble(stand, dsn) if dsn else None
    if trouble is not None:
        at = _gin_time(stand.now)
        return Fate((*opening, f"[error] {_CONNECT}{trouble}", f"[FATAL] {at} | [{trouble}]"), exit_code=1)
    cache = (f"sync frequency: {_frequency(stand):.0f} seconds", "channels synced from database")
    words = (
        "database migrated", *(("memory cache enabled", *cache) if _caches(stand) else ()),
        "initializing token encoders", "token encoders initialized",
    )  # fmt: skip
    return Fate((*opening, *(_sys(stand.now, word) for word in words)))


def chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A relayed request, now and then for a model that the list in memory does not have."""
    known = _known(stand)
    models = [*known, *known, *(m for m in models_of(stand.tree) if m not in known)]
    model = dice.choice(models or ["gpt-3.5-turbo"])
    if model not in known:
        return refusal(stand.now, model, dice, RELAYED[model in VECTORS])
    return (_gin(stand.now, _number(stand.now, dice), dice.choice((200, 200, 200, 429)), dice.uniform(0.2, 9.0)),)


def serve(stand: Stand, request: Request) -> Answer | None:
    """The few routes there are; any other path is the web page. fact: 200 text/html."""
    path = request.path.partition("?")[0]
    if path == "/api/status":
        data = {"version": VERSION, "start_time": int(stand.started_at), "system_name": "One API"}
        return Answer(200, _json({"success": True, "message": "", "data": data}))
    if path.startswith("/api/"):
        return Answer(401, _json({"success": False, "message": "无权进行此操作，未登录且未提供 access token"}))
    if path != "/v1/models" and path not in RELAYED:
        return Answer(200, b"<!doctype html><title>One API</title>", kind="text/html")
    if _token(request.headers) != f"sk-{stand.env('INITIAL_ROOT_TOKEN')}":
        return Answer(401, _error("无效的令牌"))
    if path == "/v1/models":
        found = [{"id": model, "object": "model"} for model in models_of(stand.tree)]
        return Answer(200, _json({"object": "list", "data": found}))
    return _relay(stand, request, path)


def _relay(stand: Stand, request: Request, path: str) -> Answer:
    dice = random.Random(stand.now)  # noqa: S311 - a request number for practice
    try:
        body = dict(json.loads(request.body))
    except (ValueError, TypeError):
        body = {}
    model = str(body.get("model") or "")
    if model in _known(stand):
        logged = (_gin(stand.now, _number(stand.now, dice), 200, 0.4, path),)
        if path == RELAYED[0]:
            return openai_completion(model, body, lines=logged)
        return openai_embeddings(model, body, width=1536, lines=logged)
    lines = refusal(stand.now, model, dice, path)
    return Answer(503, _error(f"{_no_channel(model)} (request id: {lines[0].split(' | ')[1]})"), lines=lines)


def refusal(now: float, model: str, dice: random.Random, path: str = RELAYED[0]) -> tuple[str, ...]:
    """What One API logs of a request for a model without a channel."""
    number = _number(now, dice)
    return (f"[ERR] {_gin_time(now)} | {number} | {_no_channel(model)}", _gin(now, number, 503, 0.001, path))


def models_of(tree: Tree) -> tuple[str, ...]:
    """Models of all channels in the database."""
    return tuple(dict.fromkeys(model for _, models in _channels(tree) for model in models))


def _channels(tree: Tree) -> list[tuple[float, list[str]]]:
    """When each channel was made, and its models."""
    table = tree.get(stack.CHANNELS)
    return [(row["created_time"], row["models"]) for row in json.loads(table.content)] if table else []


def _known(stand: Stand) -> tuple[str, ...]:
    """Models the relay knows: those of its last read, or of now without the cache."""
    read = stand.now
    if _caches(stand):
        passed = max(0.0, stand.now - stand.started_at)
        read = stand.started_at + passed // _frequency(stand) * _frequency(stand)
    return tuple(dict.fromkeys(m for made, models in _channels(stand.tree) if made <= read for m in models))


def _caches(stand: Stand) -> bool:
    return (stand.env("MEMORY_CACHE_ENABLED") or "").lower() == "true"


def _frequency(stand: Stand) -> float:
    given = stand.env("SYNC_FREQUENCY") or ""
    return float(given) if given.isdecimal() and int(given) else SYNC


def _trouble(stand: Stand, dsn: Dsn) -> str | None:
    """Why the database cannot be opened, in the words of Go."""
    if dsn.host not in stand.peers:
        return f"dial tcp: lookup {dsn.host} on 127.0.0.11:53: no such host"
    made = stand.tree.get(f"{stack.MYSQL_DATA}/{stack.TABLESPACE}")
    ready = made is not None and stand.now >= made.mtime + FIRST_START
    if dsn.port != dsn.usual or not ready:
        return f"dial tcp 172.18.0.5:{dsn.port}: connect: connection refused"
    return None


def _token(headers: Mapping[str, str]) -> str:
    return headers.get("Authorization", "").removeprefix("Bearer ")


def _no_channel(model: str) -> str:
    return f"当前分组 default 下对于模型 {model} 无可用渠道"


def _error(message: str) -> bytes:
    return _json({"error": {"message": message, "type": "one_api_error"}})


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def _sys(now: float, text: str) -> str:
    return f"[SYS] {_gin_time(now)} | {text}"


def _gin(now: float, number: str, code: int, seconds: float, path: str = RELAYED[0]) -> str:
    return f"[GIN] {_gin_time(now)} | {number} | {code} | {seconds:12.6f}s |      172.18.0.6 |    POST {path}"


def _number(now: float, dice: random.Random) -> str:
    return f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y%m%d%H%M%S}{dice.randint(10**8, 10**9 - 1)}"


def _gin_time(now: float) -> str:
    return f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y/%m/%d - %H:%M:%S}"


def _moment(now: float) -> str:
    return f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y-%m-%dT%H:%M:%S}"


def _mysqld(now: float, port: int) -> str:
    ready = "/usr/sbin/mysqld: ready for connections. Version: '8.0.36'  socket: '/var/run/mysqld/mysqld.sock'"
    return (
        f"{_moment(now)}.000000Z 0 [System] [MY-010931] [Server] {ready}  port: {port}  MySQL Community Server - GPL."
    )
