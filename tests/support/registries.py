"""Registries on loopback that behave as mirrors in the wild do, each on a port of its own, in threads.

    with registry("healthy") as one:
        one.url                  # http://127.0.0.1:40123
        one.requests             # ["GET /v2/", "GET /token?...", "HEAD /v2/library/mongo/manifests/5.0.18"]

Kinds, and the fact each copies (fact: mongo-docker-db 4.2 to 4.4):
``healthy``    401 with a Bearer challenge, a token, 200 with Docker-Content-Digest
``open``       the same without a login
``allow-list`` 403 ``denied: ... this image is not in the allowlist`` for all images but ``allowed``
``closed``     403 at the first request, as a campus mirror from outside
``busy``       429 with Retry-After
``page``       200 with HTML at every path
``hangs``      accepts and never answers
``empty``      a registry that has none of the images: 404
``login``      401 with a Basic challenge
``no-token``   a Bearer challenge whose token server refuses
``broken``     502
``https``      healthy behind a certificate that nobody knows
``garbage``    talks, but not HTTP
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

DIGEST = "sha256:" + "ab" * 32
DENIED = json.dumps(
    {"errors": [{"code": "DENIED", "message": "denied: 这镜像不在白名单. this image is not in the allowlist."}]}
)
TOKEN = "tok-" + "z" * 40


class Registry:
    """One of them; ``requests`` are those that came, in order."""

    def __init__(self, kind: str, allowed: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.allowed = allowed
        self.moved: tuple[int, str] | None = None
        """Everything is answered with a redirect to there."""
        self.requests: list[str] = []
        self.clients: set[str] = set()
        self.asked = 0
        """How often stackops asked: the Engine, whose mirror it is, asks for whatever others on this machine pull."""
        self.url = ""
        self.host = "127.0.0.1"


@contextlib.contextmanager
def registry(
    kind: str, *, allowed: tuple[str, ...] = (), folder: Path | None = None, host: str = "127.0.0.1"
) -> Iterator[Registry]:
    """A registry of this kind until the block ends. ``https`` needs a folder for its certificate.

    ``host``: another address of this machine. fact: an Engine accepts any certificate from 127.0.0.0/8.
    """
    made = Registry(kind, allowed)
    made.host = host
    with _silent(made) if kind in ("hangs", "garbage") else _talking(made, folder):
        yield made


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """An address at which nobody listens, for as long as the block lasts."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def _talking(made: Registry, folder: Path | None) -> Iterator[None]:
    server = ThreadingHTTPServer((made.host, 0), type("Handler", (_Handler,), {"made": made}))
    server.daemon_threads = True
    scheme = "http"
    if made.kind == "https":
        assert folder is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    made.url = f"{scheme}://{made.host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def _silent(made: Registry) -> Iterator[None]:
    """Takes connections and says nothing, or says nonsense."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(32)
        made.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        held: list[socket.socket] = []

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    made.requests.append("connection")
                    made.asked += 1
                    held.append(one)
                    if made.kind == "garbage":
                        one.recv(65536)  # unread bytes at the close would be a reset instead
                        one.sendall(b"-ERR unknown command\r\n\r\n")
                        one.close()

        threading.Thread(target=work, daemon=True).start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for one in held:
                one.close()


def certificate(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key; made once per folder."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not cert.exists():
        openssl = shutil.which("openssl")
        assert openssl, "these tests need the openssl command"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
            check=True, capture_output=True,
        )  # fmt: skip
    return str(cert), str(key)


class _Handler(BaseHTTPRequestHandler):
    made: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        raise AssertionError("nobody may post to a registry")

    def _answer(self) -> None:
        self.made.requests.append(f"{self.command} {self.path}")
        client = self.headers.get("User-Agent", "")
        self.made.clients.add(client)
        self.made.asked += "stackops" in client
        status, headers, body = self._reply()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reply(self) -> tuple[int, dict[str, str], bytes]:
        if self.made.moved is not None:
            status, there = self.made.moved
            return status, {"Location": f"{there}{self.path}"}, b""
        fixed = _FIXED.get(self.made.kind)
        if fixed is not None:
            return fixed
        parts = urlsplit(self.path)
        if parts.path == "/token":
            return self._token(parse_qs(parts.query))
        if self.made.kind == "login":
            return 401, {"WWW-Authenticate": 'Basic realm="private"'}, b""
        if self.made.kind != "open" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = f'Bearer realm="{self.made.url}/token",service="registry.example"'
            return 401, {"WWW-Authenticate": challenge, **_API}, b'{"errors":[]}'
        if parts.path == "/v2/":
            return 200, _API, b"{}"
        return self._manifest(parts.path)

    def _token(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        if self.made.kind == "no-token" or query.get("service") != ["registry.example"]:
            return 401, {"Content-Type": "application/json"}, b"{}"
        assert query["scope"][0].startswith("repository:")
        return 200, {"Content-Type": "application/json"}, json.dumps({"token": TOKEN}).encode()

    def _manifest(self, path: str) -> tuple[int, dict[str, str], bytes]:
        name = path.removeprefix("/v2/").partition("/manifests/")[0]
        if self.made.kind == "allow-list" and name not in self.made.allowed:
            return 403, {"Content-Type": "application/json"}, DENIED.encode()
        if self.made.kind == "empty":
            return 404, {"Content-Type": "application/json"}, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'
        accepts = self.headers.get("Accept", "")
        if "application/vnd.oci.image.index.v1+json" not in accepts:
            return 404, {}, b""
        kind = "application/vnd.docker.distribution.manifest.list.v2+json"
        return 200, {"Content-Type": kind, "Docker-Content-Digest": DIGEST, **_API}, b"{}"


_API = {"Docker-Distribution-Api-Version": "registry/2.0", "Content-Type": "application/json"}
_HTML = b"<!DOCTYPE html><html><body>Welcome to our mirror</body></html>"
_FIXED: dict[str, tuple[int, dict[str, str], bytes]] = {
    "closed": (403, {"Content-Type": "text/plain"}, b"Forbidden: only from inside the campus\n"),
    "busy": (
        429,
        {"Retry-After": "60", "Content-Type": "application/json"},
        b'{"errors":[{"code":"TOOMANYREQUESTS"}]}',
    ),
    "page": (200, {"Content-Type": "text/html; charset=utf-8"}, _HTML),
    "broken": (502, {"Content-Type": "text/html"}, b"<h1>502 Bad Gateway</h1>"),
}
