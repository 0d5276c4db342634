"""The Http door: one deadline over all, a cap after decompression, few redirects, and a word for each failure."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from stackops.console.hosts import HttpFailed, is_public, origin
from stackops.console.hosts.local import http as door
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


async def trouble(url: str, deadline: float = 60.0) -> HttpFailed:
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
    "url",
    [
        "",
        "no-scheme",
        "ftp://127.0.0.1/",
        "http://",
        "http://[::1",
        "http://a b/",
        "http://\x1b/",
        "http://[::1]:99999/",
    ],
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
        assert (await trouble(url, 0.4)).trouble == "timeout"  # what never ends ends, so the deadline is over all of it


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


async def test_what_follows_the_end_of_a_gzip_body_is_not_gathered():
    """A server may go on for ever behind it; what is not unpacked counts for no limit."""
    junk, pieces = b"\0" * 65536, 512
    sent = [0]

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(gzip.compress(b"hello"))
        for _ in range(pieces):
            handler.wfile.write(junk)
            sent[0] += 1

    with server(endless) as url:
        reply = await LocalHttp().get(url, limit=1000, deadline=60.0)
        assert (reply.body, reply.cut) == (b"hello", False)
        assert sent[0] < pieces


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


async def test_a_token_does_not_follow_a_redirect_to_another_host(monkeypatch):
    monkeypatch.setattr("stackops.console.hosts.local.http.is_public", lambda _: True)
    seen: list[str | None] = []

    def elsewhere(handler):
        seen.append(handler.headers["Authorization"])
        say(handler, 200)

    with server(elsewhere) as there, server(lambda handler: say(handler, 307, Location=there)) as url:
        await LocalHttp().get(url, headers={"Authorization": "Bearer secret"})
        assert seen == [None]


@pytest.mark.parametrize("spelled", ["http://LOCALHOST:{}/r", "http://us:pw@localhost:{}/r"])
async def test_a_redirect_within_the_declared_server_is_followed_however_it_is_spelled(spelled):
    def moved(handler):
        port = handler.server.server_port
        to = {"/r": f"http://localhost:{port}/x"}.get(handler.path)
        say(handler, 302, Location=to) if to else say(handler, 200, b"there")

    with server(moved) as url:
        assert (await LocalHttp().get(spelled.format(url.rpartition(":")[2]))).body == b"there"


def test_the_usual_port_may_be_named_or_not():
    assert origin("https://mirror.lan") == origin("https://MIRROR.lan:443/token") != origin("https://mirror.lan:444")
    assert origin("http://mirror.lan:443") != origin("https://mirror.lan")


async def test_a_redirect_back_to_the_declared_server_is_followed(monkeypatch):
    """A login page elsewhere sends back to where one came from."""

    def back(handler):
        say(handler, 302, Location=f"{home}/end")

    def out(handler):
        say(handler, 200, b"home") if handler.path == "/end" else say(handler, 302, Location=f"{public}/x")

    with server(back) as away, server(out) as home:
        public = away.replace("127.0.0.1", "localhost")
        rows = {"localhost": "1.1.1.1"}
        resolved = door._resolved
        reached = LocalHttp._sent

        async def looked_up(host, *more):
            return [rows.get(host) or (await resolved(host, *more))[0]]

        async def sent(self, through, ask, named, to, headers):
            return await reached(self, through, ask, named, to.copy_with(host="127.0.0.1"), headers)

        monkeypatch.setattr(door, "_resolved", looked_up)
        monkeypatch.setattr(LocalHttp, "_sent", sent)
        assert (await LocalHttp().get(home)).body == b"home"


@pytest.mark.parametrize("to", ["http://[::1", "http://127.0.0.1:99999/", "http://localhost:0x50/"])
async def test_a_redirect_to_what_is_no_address_is_told_in_a_sentence(to):
    with server(lambda handler: say(handler, 302, Location=to)) as url:
        assert (await trouble(url)).trouble in ("redirects", "address")


@pytest.mark.parametrize("method", ["get", "head"])
async def test_a_redirect_from_one_machine_to_another_behind_the_door_is_not_followed(method):
    reached: list[str] = []

    def inside(handler):
        reached.append(handler.path)
        say(handler, 200, b"credentials")

    with server(inside) as there, server(lambda handler: say(handler, 302, Location=f"{there}/latest")) as url:
        with pytest.raises(HttpFailed, match="no public network") as refused:
            await getattr(LocalHttp(), method)(url)
        assert (refused.value.trouble, reached) == ("private", [])
        assert (await LocalHttp().get(url, redirects=0)).status == 302
        assert (await LocalHttp().get(f"{there}/declared")).status == 200


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True), ("2606:4700:4700::1111", True), ("64:ff9b::101:101", True), ("::ffff:1.1.1.1", True),
        ("169.254.169.254", False), ("127.0.0.1", False), ("10.0.0.1", False), ("172.17.0.1", False),
        ("192.168.1.1", False), ("100.100.100.200", False), ("0.0.0.0", False), ("224.0.0.1", False), ("::1", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("fd00:ec2::254", False), ("::ffff:169.254.169.254", False),
        ("fec0::1", False), ("64:ff9b:1::a00:1", False), ("::ffff:0:10.0.0.1", False), ("::7f00:1", False),
        ("::ffff:0:1.1.1.1", False),
        ("64:ff9b::a9fe:a9fe", False), ("2002:a9fe:a9fe::1", False), ("255.255.255.255", False), ("::", False),
    ],
)  # fmt: skip
def test_which_addresses_everybody_can_reach(address, public):
    assert is_public(address) is public


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


async def test_a_name_that_local_dns_hangs_on_is_left_to_the_proxy(monkeypatch):
    """It knows names that are not known here, and answers for what it reaches."""
    come = threading.Event()
    real = socket.getaddrinfo

    def hanging(host, *more, **named):
        return come.wait(60) and [] if host == "cdn.example" else real(host, *more, **named)

    def proxying(handler):
        if "cdn.example" in handler.path:
            return say(handler, 200, b"through the proxy")
        return say(handler, 302, Location="http://cdn.example/x")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setattr(door, "LOOK_UP", 0.05)
    with server(proxying) as proxy:
        for _ in range(2):  # the second time the way is known to hang
            assert (await LocalHttp().get("http://mirror.example/", proxy=proxy, deadline=60)).body.startswith(b"thr")
        come.set()


async def test_neither_a_password_nor_a_token_in_an_address_is_said_aloud():
    with nobody() as url:
        failed = await trouble(url.replace("http://", "http://user:hunter2@") + "/v2/?token=s3cret")
        assert "hunter2" not in str(failed)
        assert "s3cret" not in str(failed)


def test_a_name_server_that_hangs_does_not_keep_the_program_from_ending():
    code = """
import asyncio, socket, time
socket.getaddrinfo = lambda *a, **k: time.sleep(3600)
from stackops.console.hosts.local.http import LocalHttp
try:
    asyncio.run(LocalHttp().get("http://slow.example/", deadline=0.2))
except Exception as error:
    print(error.trouble)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "timeout"


def test_opening_a_host_does_not_import_httpx():
    made = "from stackops.console.hosts.local.http import LocalHttp; LocalHttp()"
    code = f"import sys; {made}; print('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


async def test_what_takes_a_minute_to_load_takes_nothing_from_the_deadline(monkeypatch):
    """On a machine that is busy enough, httpx and the certificates do; the server is not to blame."""
    loop, load = asyncio.get_running_loop(), ssl.create_default_context
    now = loop.time

    def load_for_a_minute() -> ssl.SSLContext:
        monkeypatch.setattr(loop, "time", lambda: now() + 60.0)
        return load()

    with server(lambda handler: say(handler, 200, b"there")) as url:
        monkeypatch.setattr(ssl, "create_default_context", load_for_a_minute)
        assert (await LocalHttp().get(url, deadline=30.0)).body == b"there"


async def test_who_waits_in_the_same_loop_goes_on_while_certificates_are_loaded(monkeypatch):
    others, load = threading.Event(), ssl.create_default_context

    def load_with_others() -> ssl.SSLContext:
        assert others.wait(30), "the loop stood still"
        return load()

    with server(lambda handler: say(handler, 200, b"there")) as url:
        monkeypatch.setattr(ssl, "create_default_context", load_with_others)
        asyncio.get_running_loop().call_soon(others.set)
        assert (await LocalHttp().get(url, deadline=60.0)).body == b"there"
