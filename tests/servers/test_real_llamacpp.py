"""A real llama.cpp server, on the CPU, with a model the tests made: alone, behind a key, asleep, as a router."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.hosts.local.http import LocalHttp
from stackops.console.model import Server
from stackops.console.products.servers.asking import Candidate
from stackops.console.products.servers.looking import look

FOLDER = Path(os.environ.get("STACKOPS_LLAMACPP", "/nonexistent")).expanduser()
pytestmark = pytest.mark.skipif(
    not (FOLDER / "llama-server").exists() or not (FOLDER / "tiny.gguf").exists(),
    reason="no llama.cpp server here: tests/support/build_llamacpp.py builds one, STACKOPS_LLAMACPP names its folder",
)


@contextlib.contextmanager
def llama(*arguments: object) -> Iterator[str]:
    """One of them on a free port, killed at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [FOLDER / "llama-server", "--host", "127.0.0.1", "--port", port, "--metrics", *arguments]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=FOLDER
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def ask(url: str, body: dict | None = None, key: str | None = None) -> dict:
    """What the test itself asks; waits for the server to listen and to have loaded."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    data = json.dumps(body).encode() if body is not None else None
    for _ in range(200):
        request = urllib.request.Request(url, data, headers)
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)
        time.sleep(0.05)
    raise AssertionError(f"{url} never answered")


def here(url: str, **more) -> Candidate:
    return Candidate("host:1", url, "in a test", pid=1, **more)


async def until(url: str, wanted, **more) -> Server:
    """Looks until the server is as wanted."""
    server = None
    for _ in range(200):
        server = await look(LocalHttp(), here(url, **more), server, time.time(), slow=True)
        if wanted(server):
            return server
        await asyncio.sleep(0.05)
    raise AssertionError(f"never: {server}")


async def test_one_model_its_context_and_its_counters():
    with llama("-m", "tiny.gguf", "-c", "128") as url:
        server = await until(url, lambda one: one.state == "up")
        assert (server.product, server.recognised) == ("llamacpp", ("GET /v1/models: header Server: llama.cpp",))
        assert [(one.name, one.parameters, one.context) for one in server.models] == [("tiny.gguf", "115.4K", 256)]
        assert [(one.name, one.context) for one in server.loaded] == [("tiny.gguf", 256)]
        assert server.version
        assert server.figures.generated_tokens == 0
        told = ask(f"{url}/v1/completions", {"prompt": "abc", "max_tokens": 16})
        assert told["usage"]["completion_tokens"] >= 1
        later = await look(LocalHttp(), here(url), server, server.read_at + 10, slow=True)
        made = told["usage"]["completion_tokens"]
        assert (later.figures.generated_tokens, later.figures.tokens_per_second) == (made, pytest.approx(made / 10))


async def test_a_key_that_is_missing_wrong_and_right():
    with llama("-m", "tiny.gguf", "--api-key", "k1") as url:
        without = await until(url, lambda one: one.state == "up")
        assert (without.models, without.reason is not None) == ((), True)
        assert (await until(url, lambda one: True, token="k2")).state == "wrong_key"
        assert [one.name for one in (await until(url, lambda one: True, token="k1")).models] == ["tiny.gguf"]


async def test_a_model_that_sleeps_is_not_woken_by_looking():
    with llama("-m", "tiny.gguf", "--sleep-idle-seconds", "1") as url:
        ask(f"{url}/v1/models")
        server = await until(url, lambda one: one.loaded == ())
        for step in range(20):
            server = await look(LocalHttp(), here(url), server, time.time(), slow=step % 2 == 0)
        assert (server.state, server.loaded) == ("up", ())
        assert ask(f"{url}/props")["is_sleeping"] is True
        assert [one.name for one in server.models] == ["tiny.gguf"]


async def test_a_router_loads_nothing_because_of_looking(tmp_path):
    for name in ("alpha", "beta"):
        shutil.copy(FOLDER / "tiny.gguf", tmp_path / f"{name}.gguf")
    with llama("--models-dir", tmp_path) as url:
        server = await until(url, lambda one: one.state == "up")
        for step in range(20):
            server = await look(LocalHttp(), here(url), server, time.time(), slow=step % 2 == 0)
        assert [one.name for one in server.models] == ["alpha", "beta"]
        assert server.loaded == ()
        ask(f"{url}/models/load", {"model": "alpha"})
        assert [one.name for one in (await until(url, lambda one: bool(one.loaded))).loaded] == ["alpha"]
