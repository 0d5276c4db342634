"""What the Http door keeps between two requests: a transport for each event loop, and nothing of any server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from stackops.console.hosts.local import http as door
from stackops.console.hosts.local.http import LocalHttp


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
    listener = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    async with listener:
        http = LocalHttp()
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        task = asyncio.create_task(http.get(url, deadline=30))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert http._here()._pool.connections == []
        assert (await http.get(server.url)).body == b"ok"


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", True), ("::1", True), ("localhost", False), ("1.2", False)])
def test_only_what_is_an_address_is_not_looked_up(host, told):
    assert door._literal(host) is told
