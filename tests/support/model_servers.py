"""Model servers that answer with recorded bodies, and those that misbehave. Every request is written down.

stand = stand_in("vllm-0.33")             # tests/data/servers/vllm-0.33.json
http = InMemory({"http://box:8000": stand})
with serving(stand) as url: ...           # the same over a real socket
with misbehaving("hang") as url: ...      # hang, drop, drip, endless, bomb, binary, half
stand.requests                            # [Request("GET", "/v1/models", {...})]
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stackops.console.hosts import HttpFailed, HttpReply
from stackops.console.products.servers.asking import Candidate

DATA = Path(__file__).parents[1] / "data" / "servers"
NAMES = sorted(path.stem for path in DATA.glob("*.json"))
BASE = "http://box:8000"
NOW = 1767290000.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One that came."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str]


@dataclass
class StandIn:
    """A server of one recording."""

    recording: Json
    requests: list[Request] = field(default_factory=list)
    routes: Json = field(default_factory=dict)
    """Written over those of the recording: how a server changes between two looks."""
    down: str | None = None
    """The trouble there is in reaching it: ``refused``, ``reset``, ``timeout`` …"""
    dies_after: int | None = None
    """Requests after which it is gone."""

    @property
    def paths(self) -> list[str]:
        return [request.target for request in self.requests]

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.requests.append(Request(method, target, dict(headers)))
        path = urlsplit(target).path
        routes = {**self.recording["routes"], **self.routes}
        reply = routes.get(path, self.recording["default"])
        if self._shut(path, headers):
            reply = self.recording["key"]["refusal"]
        return _spoken(reply, self.recording.get("headers", {}))

    def _shut(self, path: str, headers: Mapping[str, str]) -> bool:
        key = self.recording.get("key")
        if key is None or path in key.get("open", ()):
            return False
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        return path.startswith(tuple(key["paths"])) and given != f"Bearer {key['token']}"


def _spoken(reply: Json, always: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    body = reply["text"] if "text" in reply else json.dumps(reply["json"], ensure_ascii=False)
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    kind = "application/json" if "json" in reply else "text/plain"
    return reply.get("status", 200), {"content-type": kind, **always, **reply.get("headers", {})}, raw


def recording(name: str) -> Json:
    """One of ``NAMES``."""
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def stand_in(name: str, **routes: Any) -> StandIn:
    """A server of a recording, with routes of its own."""
    return StandIn(recording(name), routes=routes)


def answering(routes: Json, default: Json | None = None) -> StandIn:
    """A server made up in a test; a body as ``bytes`` under ``text`` goes out as it is."""
    return StandIn({"routes": routes, "default": default or {"status": 404, "json": {"detail": "Not Found"}}})


def candidate_for(stand: StandIn, address: str = BASE, **more: Any) -> Candidate:
    """Where it stands, with what its recording says of image, age and token; in a container unless told otherwise."""
    told = stand.recording
    ago = told.get("started_ago")
    found = Candidate(
        "box:8000", address, "in a test", container="c0ffee",
        hint=told.get("hint"), hint_reason=told.get("hint_reason"), token=told.get("token"),
        started_at=NOW - ago if ago is not None else None,
    )  # fmt: skip
    return _changed(found, more)


def _changed(candidate: Candidate, more: Json) -> Candidate:
    import msgspec

    return msgspec.structs.replace(candidate, **more)


class InMemory:
    """An Http door without sockets."""

    def __init__(self, stands: Mapping[str, StandIn]) -> None:
        self.stands = dict(stands)
        self.asked: list[tuple[str, str]] = []

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, limit: int = 1 << 20,
        proxy: str | None = None, connect: float | None = None, redirects: int = 3,
        public: bool = False,
    ) -> HttpReply:  # fmt: skip
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        self.asked.append(("GET", url))
        assert (connect, redirects, proxy) == (1.0, 0, None)
        assert 0 < deadline <= 3.0
        stand = self.stands.get(base)
        if stand is None or stand.down or (stand.dies_after is not None and len(stand.requests) >= stand.dies_after):
            trouble = (stand.down if stand else None) or "refused"
            raise HttpFailed(trouble, f"{base}: {trouble}")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        status, told, body = stand.answer("GET", target, dict(headers or {}))
        return HttpReply(status, url, told, body[:limit], cut=len(body) > limit, seconds=0.002)

    async def head(self, url: str, **_: Any) -> HttpReply:
        raise AssertionError(f"HEAD {url}: nobody asks that")


@contextlib.contextmanager
def serving(stand: StandIn) -> Iterator[str]:
    """The same over a socket on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "stand-in"

        def _any(self) -> None:
            status, headers, body = stand.answer(self.command, self.path, dict(self.headers.items()))
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@contextlib.contextmanager
def misbehaving(manner: str) -> Iterator[str]:
    """A socket whose owner answers in one of the bad ways, until the test is over."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                client, _ = listener.accept()
                threading.Thread(target=_mistreat, args=(client, manner, over), daemon=True).start()

    if manner != "hang":  # who hangs takes connections into the backlog and never looks at them
        threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _mistreat(client: socket.socket, manner: str, over: threading.Event) -> None:
    with contextlib.suppress(OSError), client:
        if manner == "drop":
            return
        client.recv(65536)
        if manner == "drip":
            client.sendall(HEAD + b"content-length: 100000\r\n\r\n")
            while not over.wait(0.05):
                client.sendall(b" ")
        elif manner == "endless":
            client.sendall(HEAD + b"\r\n")
            while not over.is_set():
                client.sendall(b'{"data":[' + b'{"id":"x"},' * 5000)
        elif manner == "bomb":
            body = gzip.compress(b'{"data":[' + b" " * (64 << 20))
            client.sendall(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        elif manner == "binary":
            client.sendall(HEAD + b"content-length: 4096\r\n\r\n" + bytes(range(256)) * 16)
        elif manner == "half":
            client.sendall(HEAD + b'content-length: 500\r\n\r\n{"object":"list","data":[{"id":"a"')
        elif manner == "babble":
            client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            time.sleep(0.01)
