"""A real LiteLLM proxy in front of a server of ours: recognised, behind its key, and a request sent through it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from stackops.console.collect.smoke_test import deep_check
from stackops.console.hosts.local.http import LocalHttp, LocalHttpActs
from stackops.console.model import Server
from stackops.console.products.servers.asking import Candidate
from stackops.console.products.servers.looking import look
from support.clock import FakeClock

PROGRAM = Path(os.environ.get("STACKOPS_LITELLM", "/nonexistent")).expanduser() / "bin" / "litellm"
KEY = "sk-lighthouse-1234"
pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(),
    reason="no LiteLLM here: STACKOPS_LITELLM names a virtual environment that has it, as .ci/run makes one",
)


class Answering(BaseHTTPRequestHandler):
    """A model server that says one word."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        piece = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
        choice = {"index": 0, "delta": {"role": "assistant", "content": "yes"}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for each in ({**piece, "choices": [choice]}, {**piece, "choices": [last]}):
            self.wfile.write(f"data: {json.dumps(each)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. It offers a model whose server answers, and one whose server is not there."""
    backend = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    folder, port = tmp_path_factory.mktemp("litellm"), free_port()
    upstream = {"answers": backend.server_address[1], "is-gone": free_port()}
    models = [
        {"model_name": name, "litellm_params": {
            "model": f"openai/{name}", "api_base": f"http://127.0.0.1:{at}/v1", "api_key": "sk-x", "max_retries": 0}}
        for name, at in upstream.items()
    ]  # fmt: skip
    config = {"model_list": models, "general_settings": {"master_key": KEY}, "router_settings": {"num_retries": 0}}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML too
    process = subprocess.Popen(
        [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
        stdout=(folder / "out").open("wb"), stderr=subprocess.STDOUT, cwd=folder,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)
        backend.shutdown()


async def looked_at(url: str, token: str | None) -> Server:
    """As it is once it listens: it imports for half a minute first."""
    at, server = Candidate("host:4000", url, "in a test", pid=1, token=token, token_name="LK"), None
    until = time.monotonic() + 300
    while server is None or server.product != "litellm":
        assert time.monotonic() < until, server
        server = await look(LocalHttp(), at, None, time.time(), slow=True)
        await asyncio.sleep(0.2)
    return server


async def test_it_is_recognised_and_its_models_are_behind_its_key(proxy: str) -> None:
    right = await looked_at(proxy, KEY)
    assert (right.state, right.recognised) == ("up", ('GET /health/liveliness: "I\'m alive!"',))
    assert [one.name for one in right.models] == ["answers", "is-gone"]
    without = await looked_at(proxy, None)
    assert without.models == ()
    assert without.state != "wrong_key"
    assert without.reason is not None


async def test_a_key_that_it_does_not_know_is_told_as_such(proxy: str) -> None:
    wrong = await looked_at(proxy, "sk-other-9876")
    assert wrong.state == "wrong_key"
    assert "sk-other" not in (wrong.reason or "")


async def test_a_request_goes_through_it_or_is_told_where_it_ended(proxy: str) -> None:
    server = await looked_at(proxy, KEY)
    sent = await deep_check(LocalHttpActs(read_only=False), server, "answers", KEY, FakeClock())
    assert sent.error is None
    gone = await deep_check(LocalHttpActs(read_only=False), server, "is-gone", KEY, FakeClock())
    assert gone.error is not None
    assert KEY not in gone.error
