"""A One API on loopback that keeps its channels in memory as the real one does, with its exact texts.

    with one_api(key="sk-fastgpt") as gateway:
        gateway.add_channel("m3e")        # in the database at once, in the relay's list only after ``sync``
        gateway.url                       # http://127.0.0.1:40123
        gateway.log                       # what it would print, "[ERR] ... 无可用渠道" and GIN lines included
        gateway.requests                  # ["GET /api/status", "POST /v1/embeddings"]

What it imitates, and the fact it copies (fastgpt-stack 5): /api/status without login or database; /v1/models from the
database from v0.6.6 on and a fixed list before; the relay by a list that is built at the start and at ``sync``; 503,
401, and HTML for any other path; 240 requests to /api/ in 3 minutes, 20 critical ones in 20 minutes, then 429 with an
empty body; a wrong access token is HTTP 200 with success false; channels ten on a page, newest first, keys left out.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

EVERYTHING = ("gpt-3.5-turbo", "gpt-4", "text-embedding-ada-002", "m3e", "qwen", "bge-m3")
"""The fixed list of old releases."""
API_LIMIT, API_SPAN = 240, 180.0
CRITICAL_LIMIT, CRITICAL_SPAN = 20, 1200.0
CRITICAL = ("/api/user/login", "/api/user/register", "/api/verification", "/api/reset_password")
PAGE = 10


@dataclass
class Channel:
    """One row of the database."""

    id: int
    name: str
    models: str
    status: int = 1
    group: str = "default"
    created_time: int = 0
    type: int = 1
    base_url: str | None = None
    priority: int | None = 0
    model_mapping: str | None = ""
    test_time: int = 0
    response_time: int = 0


@dataclass
class OneApi:
    """One process and its database."""

    key: str = "sk-fastgpt"
    token: str = "admin-token"
    version: str = "v0.6.7"
    memory_cache: bool = True
    now: float = field(default_factory=time.time)
    """Its clock; tests move it."""
    database: list[Channel] = field(default_factory=list)
    cached: list[Channel] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""
    start_time: int = 0
    _api: list[float] = field(default_factory=list)
    _critical: list[float] = field(default_factory=list)
    _numbers: int = 0

    def start(self) -> None:
        """Start the process, or start it again."""
        self.start_time = int(self.now)
        self._api, self._critical = [], []
        for words in (f"One API {self.version} started", "using MySQL as database", "database migrated"):
            self._sys(words)
        if self.memory_cache:
            self._sys("memory cache enabled")
            self._sys("sync frequency: 600 seconds")
            self.sync()
        self._sys("token encoders initialized")

    restart = start

    def sync(self) -> None:
        """What happens at the start and every SYNC_FREQUENCY seconds, and never when a channel changes."""
        self.cached = [Channel(**vars(row)) for row in self.database]
        self._sys("channels synced from database")

    def add_channel(self, models: str, **more: Any) -> Channel:
        row = Channel(len(self.database) + 1, f"channel {models}", models, created_time=int(self.now), **more)
        self.database.append(row)
        return row

    # -- HTTP -------------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        parts = urlsplit(target)
        self.requests.append(f"{method} {target}")
        if parts.path.startswith("/api/"):
            return self._api_call(method, parts.path, parse_qs(parts.query), headers)
        if parts.path == "/v1/models":
            return self._models(headers)
        if method == "POST" and parts.path in ("/v1/chat/completions", "/v1/embeddings"):
            return self._relay(parts.path, headers, body)
        if parts.path == "/v1/rerank":
            return self._error(404, "Invalid URL (POST /v1/rerank)", "invalid_request_error")
        return 200, "text/html", b"<!doctype html><title>One API</title>"

    def _api_call(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str]
    ) -> tuple[int, str, bytes]:
        if self._full(self._api, API_LIMIT, API_SPAN):
            return 429, "text/plain", b""
        if path in CRITICAL and self._full(self._critical, CRITICAL_LIMIT, CRITICAL_SPAN):
            return 429, "text/plain", b""
        if path == "/api/status":
            data = {"version": self.version, "start_time": self.start_time, "system_name": "One API"}
            return self._json(200, {"success": True, "message": "", "data": data})
        if path == "/api/user/login":
            return self._json(200, {"success": False, "message": "用户名或密码错误，或用户已被封禁"})
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            message = "无权进行此操作，未登录且未提供 access token"
            return self._json(401, {"success": False, "message": message})
        if given != self.token:
            return self._json(200, {"success": False, "message": "无权进行此操作，access token 无效"})
        if path == "/api/channel/" and method == "GET":
            page = int(query.get("p", ["0"])[0])
            rows = sorted(self.database, key=lambda row: -row.id)[page * PAGE : (page + 1) * PAGE]
            return self._json(200, {"success": True, "message": "", "data": [vars(row) for row in rows]})
        return self._json(404, {"success": False, "message": "not imitated"})

    def _full(self, times: list[float], limit: int, span: float) -> bool:
        times[:] = [at for at in times if self.now - at < span]
        if len(times) >= limit:
            return True
        times.append(self.now)
        return False

    def _models(self, headers: dict[str, str]) -> tuple[int, str, bytes]:
        refused = self._refused(headers)
        if refused:
            return refused
        old = tuple(int(part) for part in self.version.lstrip("v").split(".")) < (0, 6, 6)
        enabled = [model for row in self.database if row.status == 1 for model in row.models.split(",")]
        names = EVERYTHING if old else dict.fromkeys(enabled)
        return self._json(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    def _relay(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        refused = self._refused(headers)
        if refused:
            return refused
        model = str(json.loads(body or b"{}").get("model", ""))
        known = self.cached if self.memory_cache else self.database
        number = self._number()
        found = any(row.status == 1 and model in row.models.split(",") for row in known)
        if not found:
            text = f"当前分组 default 下对于模型 {model} 无可用渠道"
            self.log.append(f"[ERR] {self._time()} | {number} | {text}")
            self._gin(number, 503, path)
            return self._error(503, f"{text} (request id: {number})")
        self._gin(number, 200, path)
        return self._json(200, {"object": "list", "model": model, "data": []})

    def _refused(self, headers: dict[str, str]) -> tuple[int, str, bytes] | None:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if given == self.key:
            return None
        return self._error(401, "无效的令牌" if given else "未提供令牌")

    def _error(self, status: int, message: str, kind: str = "one_api_error") -> tuple[int, str, bytes]:
        return self._json(status, {"error": {"message": message, "type": kind}})

    def _json(self, status: int, data: object) -> tuple[int, str, bytes]:
        return status, "application/json; charset=utf-8", json.dumps(data, ensure_ascii=False).encode()

    # -- the log of releases up to v0.6.10 ----------------------------------------------------------------------------

    def _time(self) -> str:
        return time.strftime("%Y/%m/%d - %H:%M:%S", time.gmtime(self.now))

    def _sys(self, words: str) -> None:
        self.log.append(f"[SYS] {self._time()} | {words}")

    def _gin(self, number: str, status: int, path: str) -> None:
        self.log.append(
            f"[GIN] {self._time()} | {number} | {status} |    1.298451ms |      172.18.0.6 |    POST {path}"
        )

    def _number(self) -> str:
        self._numbers += 1
        return f"{time.strftime('%Y%m%d%H%M%S', time.gmtime(self.now))}{self._numbers:09d}"

    def raw_log(self) -> bytes:
        """As the Engine gives it, with time stamps."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.now))
        return "".join(f"{at}.{index:09d}Z {line}\n" for index, line in enumerate(self.log)).encode()


@contextlib.contextmanager
def one_api(**more: Any) -> Iterator[OneApi]:
    """One that listens."""
    gateway = OneApi(**more)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, kind, body = gateway.answer(self.command, self.path, headers, self.rfile.read(length))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    gateway.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
