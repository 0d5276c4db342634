"""The acting HTTP door: what is sent, what is heard and when, and how it ends; on this machine and the practice one."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from stackops.console.hosts import HttpFailed, ReadOnlyRefused
from stackops.console.hosts.local.http import LocalHttp, LocalHttpActs
from stackops.console.practice import open_demo
from support.clock import FakeClock

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
OLLAMA = "http://127.0.0.1:11434"


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Silent."""

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self, b"")

        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                answer(self, self.rfile.read(int(self.headers["Content-Length"])))

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
    handler.end_headers()
    handler.wfile.write(body)


def local(*, read_only: bool = False) -> LocalHttpActs:
    return LocalHttpActs(read_only=read_only)


async def test_a_json_object_is_posted_with_the_headers_and_the_answer_comes_back():
    seen: list[tuple[str, str, str | None, bytes]] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append((handler.path, handler.headers["Content-Type"], handler.headers["Authorization"], body))
        say(handler, 418, b"tea", X_Kind="pot")

    with server(answer) as url:
        reply = await local().post(f"{url}/brew?now=1", {"model": "模型"}, headers={"Authorization": "Bearer k"})
    assert seen == [("/brew?now=1", "application/json", "Bearer k", '{"model":"模型"}'.encode())]
    assert (reply.status, reply.body, reply.cut, reply.headers["x-kind"]) == (418, b"tea", False, "pot")
    assert reply.seconds > 0


async def test_each_piece_is_heard_when_it_comes_and_not_at_the_end():
    heard: list[tuple[bytes, float]] = []
    go_on = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        say(handler, 200, b"data: one\n\n")
        handler.wfile.flush()
        go_on.wait(10)
        handler.wfile.write(b"data: two\n\n")

    def hear(piece: bytes, seconds: float) -> None:
        heard.append((piece, seconds))
        go_on.set()  # the second piece is only sent once the first was heard

    with server(answer) as url:
        reply = await local().post(url, {}, on_chunk=hear)
    assert b"".join(piece for piece, _ in heard) == reply.body == b"data: one\n\ndata: two\n\n"
    assert len(heard) == 2
    assert 0 < heard[0][1] <= heard[1][1] <= reply.seconds


async def test_what_is_beyond_the_limit_is_neither_kept_nor_heard_also_when_compressed():
    heard: list[bytes] = []

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        say(handler, 200, gzip.compress(b"x" * 5_000_000), Content_Encoding="gzip")

    with server(answer) as url:
        reply = await local().post(url, {}, limit=1000, on_chunk=lambda piece, _: heard.append(piece))
    assert (len(reply.body), reply.cut) == (1000, True)
    assert b"".join(heard) == reply.body


async def test_an_answer_as_long_as_the_limit_is_whole():
    with server(lambda handler, _: say(handler, 200, b"x" * 1000)) as url:
        reply = await local().post(url, {}, limit=1000)
    assert (len(reply.body), reply.cut) == (1000, False)


async def test_a_redirect_is_an_answer_and_is_not_followed():
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        asked.append(handler.path)
        say(handler, 307, Location="/elsewhere")

    with server(answer) as url:
        assert (await local().post(f"{url}/here", {})).status == 307
    assert asked == ["/here"]


async def test_read_only_sends_nothing_and_imports_nothing():
    with pytest.raises(ReadOnlyRefused, match="read-only"):
        await local(read_only=True).post("http://127.0.0.1:9/", {})


async def test_proxies_of_the_environment_are_not_looked_at(monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with server(lambda handler, _: say(handler, 200)) as url:
        assert (await local().post(url, {})).status == 200


async def test_who_does_not_answer_in_time_is_not_waited_for():
    done = threading.Event()
    with server(lambda _handler, _body: done.wait(100) and None) as url:
        with pytest.raises(HttpFailed, match=r"within 0\.2 s") as caught:
            await local().post(url, {}, deadline=0.2)
        done.set()
    assert caught.value.trouble == "timeout"


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("http://127.0.0.1:1/", "refused"),
        ("ftp://127.0.0.1/", "address"),
        ("not an address", "address"),
        ("http://[::1", "address"),
    ],
)
async def test_each_failure_has_its_word(url: str, trouble: str):
    with pytest.raises(HttpFailed) as caught:
        await local().post(url, {})
    assert caught.value.trouble == trouble


@pytest.mark.parametrize("kind", [KeyError, ValueError, OSError, TimeoutError, UnicodeError])
async def test_what_hearing_raises_is_not_taken_for_the_servers_fault(kind: type[Exception]):
    def stop(_piece: bytes, _seconds: float) -> None:
        raise kind("enough")

    with server(lambda handler, _: say(handler, 200, b"x")) as url, pytest.raises(kind, match="enough"):
        await local().post(url, {}, on_chunk=stop)


async def test_a_key_that_is_no_ascii_reaches_the_server():
    key = {"Authorization": "Bearer 密钥"}
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        seen.append(handler.headers["Authorization"])
        say(handler, 401)

    with server(answer) as url:
        assert (await local().post(url, {}, headers=key)).status == 401
        assert (await LocalHttp().get(url, headers=key)).status == 401
    assert [told and told.encode("latin-1").decode() for told in seen] == [key["Authorization"]] * 2


async def test_the_door_that_only_asks_cannot_post_and_the_one_that_acts_cannot_ask():
    assert not hasattr(LocalHttp(), "post")
    assert not hasattr(local(), "get")


def demo(**more: Any) -> Any:
    return open_demo(clock=FakeClock(), scenarios=(), **more)


async def ask(host: Any, path: str, **body: object) -> dict[str, Any]:
    reply = await host.http_acts.post(f"{OLLAMA}{path}", body)
    return json.loads(reply.body)


def held(host: Any) -> list[int]:
    """pids of the Ollama's processes that hold GPU memory."""
    own = {pid for pid, _ in host.world.find("ollama").processes()}
    return [process.pid for process in host.gpus.read().processes if process.pid in own]


async def test_unloading_frees_the_practice_stacks_gpu_and_a_question_loads_again():
    host = demo()
    before = host.gpus.read().gpus[0].memory_used
    assert held(host)
    said = await ask(host, "/api/generate", model="gemma:7b", keep_alive=0)
    assert said["done_reason"] == "unload"
    assert held(host) == []
    assert host.gpus.read().gpus[0].memory_used < before - 5_000_000_000
    assert json.loads((await host.http.get(f"{OLLAMA}/api/ps")).body) == {"models": []}
    said = await ask(host, "/api/generate", model="gemma:7b", prompt="Hello", stream=False)
    assert said["eval_count"] > 0
    assert said["load_duration"] > 0
    assert held(host)
    assert host.gpus.read().gpus[0].memory_used == before


async def test_a_restart_of_the_practice_ollama_loads_its_model_again():
    host = demo()
    await ask(host, "/api/generate", model="gemma:7b", keep_alive=0)
    host.control.restart("ollama")
    assert held(host)


async def test_the_practice_stack_streams_word_by_word_at_the_speed_of_its_cards():
    host = demo()
    heard: list[tuple[bytes, float]] = []
    reply = await host.http_acts.post(
        f"{OLLAMA}/v1/chat/completions",
        {"model": "gemma:7b", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 3},
        on_chunk=lambda piece, seconds: heard.append((piece, seconds)),
    )
    rows = [json.loads(line[6:]) for line in reply.body.decode().splitlines() if line.startswith("data: {")]
    assert [row["choices"][0]["delta"]["content"] for row in rows[:3]] == ["Every", " cloud", " has"]
    assert rows[-1]["usage"]["completion_tokens"] == 3
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert b"".join(piece for piece, _ in heard) == reply.body
    assert [at for _, at in heard] == sorted(at for _, at in heard)
    assert heard[0][1] > 0.1


async def test_the_practice_servers_answer_as_the_real_ones_do():
    host = demo()
    with pytest.raises(HttpFailed) as caught:
        await host.http_acts.post("http://127.0.0.1:1/x", {})
    assert caught.value.trouble == "refused"
    assert "not found" in (await ask(host, "/api/generate", model="llama3", keep_alive=0))["error"]
    m3e = "http://127.0.0.1:6008/v1/embeddings"
    assert (await host.http_acts.post(m3e, {"input": ["x"]})).status == 403
    wrong = {"Authorization": "Bearer sk-nobody"}
    assert (await host.http_acts.post(m3e, {"input": ["x"]}, headers=wrong)).status == 401
    right = {"Authorization": "Bearer practice-sk-aaabbbcccdddeeefffggg"}
    assert (await host.http_acts.post(m3e, {"input": ["x"]}, headers=right)).status == 200
    vllm = await host.http_acts.post("http://127.0.0.1:8001/v1/chat/completions", {"model": "other"})
    assert (vllm.status, json.loads(vllm.body)["type"]) == (404, "NotFoundError")


async def test_a_read_only_practice_stack_refuses():
    with pytest.raises(ReadOnlyRefused):
        await demo(read_only=True).http_acts.post(OLLAMA, {})
