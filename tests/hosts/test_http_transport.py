"""What the Http door keeps between two requests: a transport for each event loop, and nothing of any server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from stackops.console.hosts.local import http as door
from stackops.console.hosts.local.http import LocalHttp, LocalHttpActs


class Seen:
    """Requests that came, and how many connections they came over."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.url = ""


@pytest.fixture
def server() -> Iterator[Seen]:
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            seen.connections += 1
            super().setup()

        def do_GET(self) -> None:
            seen.headers.append(dict(self.headers.items()))
            with contextlib.suppress(OSError):
                self.send_response_only(200)
                self.send_header("Set-Cookie", "session=of-somebody; Path=/")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Silent."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    seen.url = f"http://127.0.0.1:{made.server_port}"
    try:
        yield seen
    finally:
        made.shutdown()
        made.server_close()


async def test_a_cookie_is_never_sent_back(server):
    http = LocalHttp()
    for _ in range(2):
        assert (await http.get(f"{server.url}/")).body == b"ok"
    assert not [told for told in server.headers if "Cookie" in told]


async def test_a_user_in_an_address_is_sent_as_before_and_no_other_key_beside_it(server):
    url = server.url.replace("http://", "http://us%40er:pass@")
    await LocalHttp().get(url, headers={"authorization": "Bearer other"})
    (told,) = server.headers
    assert told["Authorization"] == "Basic dXNAZXI6cGFzcw=="
    assert list(map(str.lower, told)).count("authorization") == 1
    assert told["Host"] == server.url.removeprefix("http://")


async def test_every_request_has_a_connection_of_its_own_and_leaves_none_open(server):
    http = LocalHttp()
    for _ in range(3):
        await http.get(server.url)
    assert server.connections == 3
    assert http._here()._pool.connections == []


async def test_a_loop_has_one_transport_for_all_its_requests(server, monkeypatch):
    made = []
    transport = httpx.AsyncHTTPTransport
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", lambda **told: made.append(told) or transport(**told))
    http = LocalHttp()
    await asyncio.gather(*(http.get(server.url) for _ in range(5)))
    assert len(made) == 1
    assert made[0]["trust_env"] is False


def test_loops_one_after_another_and_in_other_threads_do_not_share_it(server):
    http, bodies = LocalHttp(), []

    def look() -> None:
        bodies.append(asyncio.run(http.get(server.url)).body)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        look()
        look()
        gc.collect()
    assert bodies == [b"ok"] * 6


async def test_a_request_that_is_cancelled_leaves_no_connection(server):
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()
        await asyncio.sleep(60)

    listener = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with listener:
        http = LocalHttp()
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        task = asyncio.create_task(http.get(url, deadline=60))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert http._here()._pool.connections == []
        assert (await http.get(server.url)).body == b"ok"


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", True), ("::1", True), ("localhost", False), ("1.2", False)])
def test_only_what_is_an_address_is_not_looked_up(host, told):
    assert door._literal(host) is told


async def test_each_address_of_a_name_is_tried_until_one_takes_the_connection(server, monkeypatch):
    """fact: ``localhost`` is ::1 and 127.0.0.1, and most model servers listen on the second alone."""
    port = int(server.url.rpartition(":")[2])
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    assert (await LocalHttp().get(f"http://two.example:{port}/")).body == b"ok"
    assert (await LocalHttpActs(read_only=False).post(f"http://two.example:{port}/", {})).body == b"ok"
    assert [told["Host"] for told in server.headers] == [f"two.example:{port}"] * 2


async def test_what_a_server_may_send_compressed_is_said_in_every_request(server):
    await LocalHttp().get(f"{server.url}/")
    await LocalHttpActs(read_only=False).post(f"{server.url}/", {})
    assert [told["Accept-Encoding"] for told in server.headers] == ["gzip, identity", "identity"]
