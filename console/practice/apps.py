"""How the stand-ins for One API and its MySQL behave, and what any model says: what they log, what they answer."""

from __future__ import annotations

import datetime as dt
import json
import posixpath
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..products.gateways import Dsn, dsn_of
from . import files as stacks
from .stand import Answer, Definition, Fate, Request, Stand, decoded, stamp, token_of, told

OLLAMA_MODEL = "gemma:7b"
"""The one model that the practice stack's Ollama has; its runner's 29 layers are this model's."""
OLLAMA_SPARE = "nomic-embed-text:latest"
WORDS = ("Every", " cloud", " has", " a", " silver", " lining", ".")
FIRST, PACE = 0.31, 0.024
"""Seconds to the first word, and between two, on these cards."""
LOAD = 4.2
"""Seconds to read the weights from the disk first."""
_UNLOADED = "unloaded"


def ollama_model(definition: Definition) -> str | None:
    """The model it was asked for right after its start; None without the volume that its models lie on."""
    if not any(bind.target == "/models" for bind in definition.binds):
        return None
    return OLLAMA_MODEL if definition.service == "ollama" else OLLAMA_SPARE


def ollama_loaded(definition: Definition, memory: Mapping[str, Any]) -> tuple[str, ...]:
    """Models in the memory of an Ollama, by what its process remembers."""
    model = ollama_model(definition)
    return () if model is None or memory.get(_UNLOADED) else (model,)


def ollama_posted(stand: Stand, request: Request) -> Answer | None:
    """``/api/generate``, ``/api/chat`` and the OpenAI routes; None for any other."""
    body = decoded(request.body) or {}
    if request.path not in ("/api/generate", "/api/chat", "/v1/chat/completions", "/api/show"):
        return None
    model = str(body.get("model") or body.get("name") or "")
    own = ollama_model(stand.definition)
    if own is None or model not in (own, own.partition(":")[0]):
        return told({"error": f"model '{model}' not found"}, status=404)
    if request.path == "/api/show":
        return told({"details": {"family": "gemma", "parameter_size": "9B", "quantization_level": "Q4_0"}})
    if _unloads(request.path, body):
        stand.memory[_UNLOADED] = True
        return told({"model": model, "created_at": _stamp(stand), "response": "", "done": True,
                      "done_reason": "unload"}, lines=(_gin_line(stand, request.path),))  # fmt: skip
    wait = LOAD if stand.memory.pop(_UNLOADED, False) else 0.0
    lines = (_gin_line(stand, request.path),)
    if request.path.startswith("/v1/"):
        return openai_completion(model, body, wait=wait, lines=lines)
    return _native(stand, model, request.path, body, wait, lines)


def _unloads(path: str, body: Mapping[str, Any]) -> bool:
    """fact: an empty prompt with ``keep_alive`` 0 expires the runner and loads nothing."""
    wanted = body.get("prompt") if path == "/api/generate" else body.get("messages")
    return path.startswith("/api/") and not wanted and body.get("keep_alive") in (0, "0", "0s", "0m")


def _native(stand: Stand, model: str, path: str, body: Mapping[str, Any], wait: float, lines: Sequence[str]) -> Answer:
    def said(word: str) -> dict[str, object]:
        of = {"message": {"role": "assistant", "content": word}} if path == "/api/chat" else {"response": word}
        return {"model": model, "created_at": _stamp(stand), **of, "done": False}

    count = len(WORDS)
    figures = {
        "done": True, "done_reason": "stop", "load_duration": int(wait * 1e9), "prompt_eval_count": 11,
        "eval_count": count, "eval_duration": int(count * PACE * 1e9),
        "total_duration": int((wait + FIRST + count * PACE) * 1e9),
    }  # fmt: skip
    if body.get("stream", True) is False:
        return told({**said("".join(WORDS)), **figures}, lines=lines, seconds=wait + FIRST + count * PACE)
    rows = [*map(said, WORDS), {**said(""), **figures}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return Answer(200, text.encode(), "application/x-ndjson", tuple(lines), wait + FIRST, PACE)


def openai_completion(model: str, body: Mapping[str, Any], *, wait: float = 0.0, lines: Sequence[str] = ()) -> Answer:
    """A chat completion in OpenAI's form, streamed where it was asked for. ``wait``: seconds before it can begin."""
    limit = body.get("max_tokens")
    words = WORDS[:limit] if isinstance(limit, int) and limit > 0 else WORDS
    usage = {"prompt_tokens": 11, "completion_tokens": len(words), "total_tokens": 11 + len(words)}
    head = {"id": "chatcmpl-practice", "created": 0, "model": model}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(words)}, "finish_reason": "stop"}
        return told({**head, "object": "chat.completion", "choices": [choice], "usage": usage}, lines=lines,
                     seconds=wait + FIRST + len(words) * PACE)  # fmt: skip
    head["object"] = "chat.completion.chunk"
    rows: list[dict[str, object]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words
    ]
    rows.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        rows.append({**head, "choices": [], "usage": usage})
    text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n"
    return Answer(200, text.encode(), "text/event-stream", tuple(lines), wait + FIRST, PACE / 2)


def openai_embeddings(model: str, body: Mapping[str, Any], *, width: int, lines: Sequence[str] = ()) -> Answer:
    """Vectors in OpenAI's form, all alike."""
    given = body.get("input")
    count = len(given) if isinstance(given, list) else 1
    rows = [{"object": "embedding", "index": n, "embedding": [round(1 / width, 6)] * width} for n in range(count)]
    usage = {"prompt_tokens": 3 * count, "total_tokens": 3 * count}
    return told({"object": "list", "data": rows, "model": model, "usage": usage}, lines=lines, seconds=0.09)


def vllm_posted(served: str, request: Request) -> Answer | None:
    """The chat route of a vLLM that serves one model; None for any other. fact: 404 ``NotFoundError`` for others."""
    if request.path != "/v1/chat/completions":
        return None
    body = decoded(request.body) or {}
    if body.get("model") != served:
        said = f"The model `{body.get('model')}` does not exist."
        return told({"object": "error", "message": said, "type": "NotFoundError", "code": 404}, status=404)
    return openai_completion(served, body)


def _stamp(stand: Stand) -> str:
    return dt.datetime.fromtimestamp(stand.now, dt.UTC).isoformat().replace("+00:00", "Z")


def _gin_line(stand: Stand, path: str) -> str:
    return f'[GIN] {stamp(stand.now, "%Y/%m/%d - %H:%M:%S")} | 200 |   1.204116s |       127.0.0.1 | POST     "{path}"'


ISO = "%Y-%m-%dT%H:%M:%S"
FIRST_START = 40.0
"""Seconds MySQL needs for an empty data folder; it takes 10 to 60 by the disk."""
SYNC = 600.0
RELAYED = ("/v1/chat/completions", "/v1/embeddings")
VECTORS = ("m3e", "bge-m3")
"""Models that are asked for vectors."""
_CONNECT = "failed to initialize database, got error "


def mysql_start(stand: Stand) -> Fate:
    """A temporary server first where the data folder is empty, then the real one with ``port: 3306``."""
    folder = next((b.source for b in stand.definition.binds if b.target == "/var/lib/mysql"), stacks.MYSQL_DATA)
    made = stand.tree.get(f"{folder}/{stacks.TABLESPACE}")
    if made is None:
        made = stand.tree.put(f"{folder}/{stacks.TABLESPACE}", b"", mode=0o640, uid=stacks.KEY_OWNER)
    left = made.mtime + FIRST_START - stand.now
    if left <= 0:
        return Fate((_mysqld(stand.now, 3306),))
    opening = f"{stamp(stand.now, ISO)}+00:00 [Note] [Entrypoint]: Initializing database files"
    later = ((left / 2, _mysqld(stand.now + left / 2, 0)), (left, _mysqld(stand.now + left, 3306)))
    return Fate((opening,), later=later)


def oneapi_start(stand: Stand) -> Fate:
    """Open the database, read the channels, listen; each failure is FATAL and exit 1."""
    opening = (_sys(stand.now, f"One API {stand.tag} started"), _sys(stand.now, "using MySQL as database"))
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


def oneapi_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """A relayed request, now and then for a model that the list in memory does not have."""
    known = _known(stand)
    models = [*known, *known, *(m for m in models_of(stand) if m not in known)]
    model = dice.choice(models or ["gpt-3.5-turbo"])
    if model not in known:
        return refusal(stand.now, model, dice, RELAYED[model in VECTORS])
    return (_gin(stand.now, _number(stand.now, dice), dice.choice((200, 200, 200, 429)), dice.uniform(0.2, 9.0)),)


def serve(stand: Stand, request: Request) -> Answer | None:
    """The few routes there are; any other path is the web page. fact: 200 text/html."""
    path = request.path.partition("?")[0]
    if path == "/api/status":
        data = {"version": stand.tag, "start_time": int(stand.started_at), "system_name": "One API"}
        return told({"success": True, "message": "", "data": data})
    if path == "/api/channel/" and token_of(request) == stand.env("INITIAL_ROOT_ACCESS_TOKEN"):
        return told({"success": True, "message": "", "data": _page(stand, request.path)})
    if path.startswith("/api/"):
        return told({"success": False, "message": "无权进行此操作，未登录且未提供 access token"}, 401)
    if path != "/v1/models" and path not in RELAYED:
        return Answer(200, b"<!doctype html><title>One API</title>", kind="text/html")
    if token_of(request) != f"sk-{stand.env('INITIAL_ROOT_TOKEN')}":
        return told(_error("无效的令牌"), 401)
    if path == "/v1/models":
        found = [{"id": model, "object": "model"} for model in models_of(stand)]
        return told({"object": "list", "data": found})
    return _relay(stand, request, path)


def _relay(stand: Stand, request: Request, path: str) -> Answer:
    dice = random.Random(stand.now)  # noqa: S311 - a request number for practice
    body = decoded(request.body) or {}
    model = str(body.get("model") or "")
    at = next((str(row.get("base_url")) for row in _channels(stand) if model in row["models"]), "")
    if model in _known(stand) and urlsplit(at).hostname in ("localhost", "127.0.0.1"):
        why = f"dial tcp 127.0.0.1:{urlsplit(at).port}: connect: connection refused"
        said = f'do request failed: Post "{at}{path}": {why}'
        return told({"error": {"message": said, "type": "one_api_error", "code": "do_request_failed"}}, 500)
    if model in _known(stand):
        logged = (_gin(stand.now, _number(stand.now, dice), 200, 0.4, path),)
        if path == RELAYED[0]:
            return openai_completion(model, body, lines=logged)
        return openai_embeddings(model, body, width=1536, lines=logged)
    lines = refusal(stand.now, model, dice, path)
    return told(_error(f"{_no_channel(model)} (request id: {lines[0].split(' | ')[1]})"), 503, lines=lines)


def refusal(now: float, model: str, dice: random.Random, path: str = RELAYED[0]) -> tuple[str, ...]:
    """What One API logs of a request for a model without a channel."""
    number = _number(now, dice)
    return (f"[ERR] {_gin_time(now)} | {number} | {_no_channel(model)}", _gin(now, number, 503, 0.001, path))


def models_of(stand: Stand) -> tuple[str, ...]:
    """Models of all channels in the database."""
    return tuple(dict.fromkeys(model for row in _channels(stand) for model in row["models"]))


def _page(stand: Stand, path: str) -> list[dict[str, object]]:
    """Ten channels as the administrator sees them, the newest first."""
    first = 10 * int(path.rpartition("p=")[2] or 0)
    rows = [{"status": 1, "group": "default", **row, "models": ",".join(row["models"])} for row in _channels(stand)]
    return rows[::-1][first : first + 10]


def _data(stand: Stand) -> str:
    """The data folder of its MySQL, which lies beside its own."""
    return posixpath.join(posixpath.dirname(stand.host_path("/data") or stacks.MYSQL_DATA), "mysql")


def _channels(stand: Stand) -> list[dict[str, Any]]:
    """The rows of its table."""
    return stacks.rows_of(stand.tree, _data(stand), stacks.CHANNELS)


def aiproxy(stand: Stand, request: Request) -> Answer | None:
    """What an AI Proxy answers.

    fact: labring/aiproxy core/controller/misc.go, core/middleware/auth.go and distributor.go
    """
    path, model = request.path.partition("?")[0], str((decoded(request.body) or {}).get("model") or "")
    if path == "/api/status":
        return told({"success": True, "message": "", "data": {"startTime": int(stand.started_at * 1000)}})
    if token_of(request) != stand.env("ADMIN_KEY"):
        return told({"error": {"message": "unauthorized, invalid token", "type": "aiproxy_error"}}, 401)
    folder, _, name = stacks.KEPT_CHANNELS.rpartition("/")
    models = [one for row in stacks.rows_of(stand.tree, folder, name) for one in row["models"]]
    if path == "/v1/models":
        return told({"object": "list", "data": [{"id": one, "object": "model"} for one in models]})
    if path not in RELAYED or model not in models:
        said = f"The model `{model}` does not exist or you do not have access to it."
        return told({"error": {"message": said, "type": "aiproxy_error", "code": "model_not_found"}}, 404)
    body = decoded(request.body) or {}
    return openai_completion(model, body) if path == RELAYED[0] else openai_embeddings(model, body, width=1536)


def _known(stand: Stand) -> tuple[str, ...]:
    """Models the relay knows: those of its last read, or of now without the cache."""
    read = stand.now
    if _caches(stand):
        passed = max(0.0, stand.now - stand.started_at)
        read = stand.started_at + passed // _frequency(stand) * _frequency(stand)
    return tuple(dict.fromkeys(m for row in _channels(stand) if row["created_time"] <= read for m in row["models"]))


def _caches(stand: Stand) -> bool:
    return (stand.env("MEMORY_CACHE_ENABLED") or "").lower() == "true"


def _frequency(stand: Stand) -> float:
    return float(given) if (given := stand.env("SYNC_FREQUENCY") or "").isdecimal() and int(given) else SYNC


def _trouble(stand: Stand, dsn: Dsn) -> str | None:
    """Why the database cannot be opened, in the words of Go."""
    if dsn.host not in stand.peers:
        return f"dial tcp: lookup {dsn.host} on 127.0.0.11:53: no such host"
    made = stand.tree.get(f"{_data(stand)}/{stacks.TABLESPACE}")
    if made is None or dsn.port != dsn.usual or stand.now < made.mtime + FIRST_START:
        return f"dial tcp 172.18.0.5:{dsn.port}: connect: connection refused"
    if not (stand.env("SQL_DSN") or "").startswith(made.content.decode()):
        return "Error 1045 (28000): Access denied for user 'root'@'172.18.0.6' (using password: YES)"
    return None


def _no_channel(model: str) -> str:
    return f"当前分组 default 下对于模型 {model} 无可用渠道"


def _error(message: str) -> object:
    return {"error": {"message": message, "type": "one_api_error"}}


def _sys(now: float, text: str) -> str:
    return f"[SYS] {_gin_time(now)} | {text}"


def _gin(now: float, number: str, code: int, seconds: float, path: str = RELAYED[0]) -> str:
    return f"[GIN] {_gin_time(now)} | {number} | {code} | {seconds:12.6f}s |      172.18.0.6 |    POST {path}"


def _number(now: float, dice: random.Random) -> str:
    return f"{stamp(now, '%Y%m%d%H%M%S')}{dice.randint(10**8, 10**9 - 1)}"


def _gin_time(now: float) -> str:
    return stamp(now, "%Y/%m/%d - %H:%M:%S")


def _mysqld(now: float, port: int) -> str:
    ready = "/usr/sbin/mysqld: ready for connections. Version: '8.0.36'  socket: '/var/run/mysqld/mysqld.sock'"
    who = "0 [System] [MY-010931] [Server]"
    return f"{stamp(now, ISO)}.000000Z {who} {ready}  port: {port}  MySQL Community Server - GPL."
