"""The Http door: one deadline over all, a cap after decompression, few redirects, and a word for each failure."""

from __future__ import annotations

import contextlib
import gzip
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from stackops.console.hosts import HttpFailed
from stackops.console.hosts.local.http import LocalHttp
from support.registries import nobody, registry

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Silent."""

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        def do_HEAD(self) -> None:
            self.do_GET()

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()


def say(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


async def trouble(url: str, deadline: float = 3.0) -> HttpFailed:
    with pytest.raises(HttpFailed) as caught:
        await LocalHttp().get(url, deadline=deadline)
    return caught.value


async def test_every_status_is_a_reply_and_header_names_are_lower_case():
    with registry("healthy") as one:
        reply = await LocalHttp().get(f"{one.url}/v2/")
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Bearer ")
        assert reply.seconds > 0
        head = await LocalHttp().head(f"{one.url}/v2/")
        assert (head.status, head.body) == (401, b"")
        assert one.requests == ["GET /v2/", "HEAD /v2/"]


async def test_the_host_header_is_the_name_and_not_the_address_it_has():
    seen = []

    def answer(handler):
        seen.append(handler.headers["Host"])
        say(handler, 200, b"hello")

    with server(answer) as url:
        named = url.replace("127.0.0.1", "localhost")
        assert (await LocalHttp().get(named)).body == b"hello"
        assert seen == [named.removeprefix("http://")]


async def test_each_way_to_fail_has_its_own_word(tmp_path, monkeypatch):
    with nobody() as url:
        assert (await trouble(url)).trouble == "refused"
    with registry("hangs") as one:
        failed = await trouble(one.url, 0.2)
        assert failed.trouble == "timeout"
        assert "within 0.2 s" in str(failed)
    with registry("garbage") as one:
        assert (await trouble(one.url)).trouble == "not-http"
    with registry("https", folder=tmp_path) as one:
        failed = await trouble(one.url)
        assert failed.trouble == "tls"
        assert "self-signed" in str(failed)
    with registry("open") as one:
        assert (await trouble(one.url.replace("http", "https"))).trouble == "tls"

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert (await trouble("http://mirror.example/")).trouble == "dns"


@pytest.mark.parametrize(
    "url", ["", "no-scheme", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a b/", "http://\x1b/"]
)
async def test_what_is_no_address_is_refused_in_a_sentence(url):
    failed = await trouble(url)
    assert failed.trouble in ("address", "dns")
    assert "\x1b" not in str(failed)


async def test_a_connection_that_is_closed_without_a_word_is_a_reset():
    with server(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)) as url:
        assert (await trouble(url)).trouble == "reset"


async def test_a_server_that_dribbles_is_cut_off_at_the_one_deadline():
    def dribble(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    with server(dribble) as url:
        started = time.monotonic()
        assert (await trouble(url, 0.4)).trouble == "timeout"
        assert time.monotonic() - started < 2


async def test_an_endless_body_is_cut_at_the_limit():
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"y" * 65536)

    with server(endless) as url:
        reply = await LocalHttp().get(url, limit=100_000)
        assert (len(reply.body), reply.cut) == (100_000, True)


async def test_a_gzip_bomb_is_never_unpacked_beyond_the_limit():
    bomb = gzip.compress(b"\0" * (64 << 20))
    with server(lambda handler: say(handler, 200, bomb, Content_Encoding="gzip")) as url:
        reply = await LocalHttp().get(url, limit=1 << 20)
        assert (len(reply.body), reply.cut) == (1 << 20, True)
    with server(lambda handler: say(handler, 200, gzip.compress(b"hello"), Content_Encoding="gzip")) as url:
        assert (await LocalHttp().get(url)).body == b"hello"
    with server(lambda handler: say(handler, 200, b"plain", Content_Encoding="gzip")) as url:
        assert (await trouble(url)).trouble == "not-http"


async def test_three_redirects_are_followed_and_no_more():
    def down(handler):
        left = int(handler.path.strip("/"))
        say(handler, 302, Location=f"/{left - 1}") if left else say(handler, 200, b"there")

    with server(down) as url:
        reply = await LocalHttp().get(f"{url}/3")
        assert (reply.body, reply.url) == (b"there", f"{url}/0")
        failed = await trouble(f"{url}/4")
        assert (failed.trouble, "more than 3 times" in str(failed)) == ("redirects", True)


async def test_a_redirect_to_another_scheme_is_not_followed():
    with server(lambda handler: say(handler, 301, Location="https://127.0.0.1:1/")) as url:
        assert (await trouble(url)).trouble == "redirects"
    with server(lambda handler: say(handler, 301, Location="file:///etc/passwd")) as url:
        assert (await trouble(url)).trouble == "redirects"


async def test_a_token_does_not_follow_a_redirect_to_another_host():
    seen: list[str | None] = []

    def elsewhere(handler):
        seen.append(handler.headers["Authorization"])
        say(handler, 200)

    with server(elsewhere) as there, server(lambda handler: say(handler, 307, Location=there)) as url:
        await LocalHttp().get(url, headers={"Authorization": "Bearer secret"})
        assert seen == [None]


async def test_proxies_of_the_environment_are_not_used_and_one_that_is_given_is(monkeypatch):
    seen: list[str] = []

    def proxying(handler):
        seen.append(handler.path)
        say(handler, 200, b"through the proxy")

    with server(proxying) as proxy, server(lambda handler: say(handler, 200, b"direct")) as url:
        monkeypatch.setenv("http_proxy", proxy)
        assert (await LocalHttp().get(url)).body == b"direct"
        assert (await LocalHttp().get("http://mirror.example/v2/", proxy=proxy)).body == b"through the proxy"
        assert seen == ["http://mirror.example/v2/"]


async def test_neither_a_password_nor_a_token_in_an_address_is_said_aloud():
    with nobody() as url:
        failed = await trouble(url.replace("http://", "http://user:hunter2@") + "/v2/?token=s3cret")
        assert "hunter2" not in str(failed)
        assert "s3cret" not in str(failed)


def test_a_name_server_that_hangs_does_not_keep_the_program_from_ending():
    code = """
import asyncio, socket, time
socket.getaddrinfo = lambda *a, **k: time.sleep(30)
from stackops.console.hosts.local.http import LocalHttp
try:
    asyncio.run(LocalHttp().get("http://slow.example/", deadline=0.2))
except Exception as error:
    print(error.trouble)
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "timeout"
    assert time.monotonic() - started < 10


def test_opening_a_host_does_not_import_httpx():
    made = "from stackops.console.hosts.local.http import LocalHttp; LocalHttp()"
    code = f"import sys; {made}; print('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
