"""One real request: what is sent, what it is told to cost, and what the answer is worth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from stackops.console.collect.smoke_test import (
    TOKENS,
    Hearing,
    costs,
    deep_check,
    key_for,
    kind_of,
    models,
    question,
    refusal,
)
from stackops.console.hosts import HttpFailed, HttpReply, ReadOnlyRefused
from stackops.console.model import DeepCheck, HostInfo, LoadedModel, ServedModel, Server, Snapshot
from stackops.console.settings import ServerSettings, Settings
from support.clock import FakeClock
from support.server_rows import box

OLLAMA = Server(
    "ollama:11434", "ollama", "http://127.0.0.1:11434", "up", version="0.5.7", read_at=1.0,
    models=(ServedModel("qwen2:7b", 4 << 30, "qwen2"), ServedModel("nomic-embed-text", 1 << 28, "nomic-bert")),
    loaded=(LoadedModel("nomic-embed-text"),),
)  # fmt: skip
VLLM = Server("v:8000", "vllm", "http://127.0.0.1:8000", "up", models=(ServedModel("Qwen/Q"),), read_at=1.0,
              loaded=(LoadedModel("Qwen/Q"),))  # fmt: skip


def of(product: str, model: str = "m", **kwargs: Any) -> Server:
    return Server("s:1", product, "http://127.0.0.1:1", "up", models=(ServedModel(model),), read_at=1.0, **kwargs)


class Acts:
    """A POST door that answers with pieces, each at a moment."""

    def __init__(self, *pieces: tuple[float, str], status: int = 200, error: Exception | None = None) -> None:
        self.pieces, self.status, self.error = pieces, status, error
        self.sent: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    async def post(
        self, url: str, body: Mapping[str, object], *, headers: Mapping[str, str] | None = None, deadline: float = 30.0,
        limit: int = 1 << 20, on_chunk: Callable[[bytes, float], None] | None = None,
    ) -> HttpReply:  # fmt: skip
        self.sent.append((url, dict(body), dict(headers or {})))
        if self.error is not None:
            raise self.error
        for at, piece in self.pieces:
            if on_chunk is not None:
                on_chunk(piece.encode(), at)
        whole = "".join(piece for _, piece in self.pieces).encode()
        return HttpReply(self.status, url, {}, whole, seconds=self.pieces[-1][0] if self.pieces else 0.0)


async def check(server: Server, model: str, acts: Acts, key: str | None = None) -> DeepCheck:
    return await deep_check(acts, server, model, key, FakeClock())


def row(**data: Any) -> str:
    return json.dumps(data) + "\n"


def event(text: str) -> str:
    return "data: " + json.dumps({"choices": [{"delta": {"content": text}}]}) + "\n\n"


async def test_ollama_is_asked_in_its_own_words_and_believed_its_own_count() -> None:
    acts = Acts(
        (0.4, row(response="Red", done=False)), (0.5, row(response=", blue", done=False)),
        (0.6, row(response="", done=True, eval_count=20, eval_duration=500_000_000)),
    )  # fmt: skip
    found = await check(OLLAMA, "qwen2:7b", acts)
    assert found == DeepCheck("ollama:11434", "qwen2:7b", FakeClock().now(), 0.6, 0.4, 40.0, 20)
    ((url, body, headers),) = acts.sent
    assert url == "http://127.0.0.1:11434/api/generate"
    assert (body["stream"], body["options"]) == (True, {"num_predict": TOKENS})
    assert headers == {}


async def test_a_chat_is_streamed_and_its_first_word_timed() -> None:
    first = "data: " + json.dumps({"choices": [{"delta": {"role": "assistant"}}]}) + "\n\n"
    acts = Acts(
        (0.1, first), (0.3, event("Red")), (0.4, event(" and")), (0.5, event(" blue")), (0.55, "data: [DONE]\n\n")
    )
    found = await check(VLLM, "Qwen/Q", acts, "sk-1")
    assert (found.first_token, found.tokens, found.error) == (0.3, 3, None)
    assert found.tokens_per_second == pytest.approx(10.0)
    ((url, body, headers),) = acts.sent
    assert url == "http://127.0.0.1:8000/v1/chat/completions"
    assert (body["stream"], body["max_tokens"]) == (True, TOKENS)
    assert headers == {"Authorization": "Bearer sk-1"}


async def test_events_may_come_torn_apart() -> None:
    text = event("Red") + event(" blue")
    acts = Acts((0.2, text[:20]), (0.3, text[20:60]), (0.4, text[60:]))
    found = await check(VLLM, "Qwen/Q", acts)
    assert (found.tokens, found.error) == (2, None)


async def test_the_fixed_text_of_a_server_that_cannot_but_stream_is_no_answer() -> None:
    acts = Acts((0.1, json.dumps({"choices": [{"message": {"content": "本接口不支持非stream模式"}}]})))
    found = await check(of("baichuan2", "Baichuan2"), "Baichuan2", acts)
    assert found.error == "it answers with a fixed text and computed nothing"
    assert acts.sent[0][1]["stream"] is True


async def test_an_answer_in_one_document_is_an_answer_without_a_first_token() -> None:
    acts = Acts((0.7, json.dumps({"choices": [{"message": {"content": "Red."}}], "usage": {"completion_tokens": 2}})))
    found = await check(VLLM, "Qwen/Q", acts)
    assert (found.error, found.tokens, found.tokens_per_second) == (None, 2, None)


async def test_thoughts_count_as_words() -> None:
    thought = "data: " + json.dumps({"choices": [{"delta": {"reasoning_content": "hm"}}]}) + "\n\n"
    assert (await check(VLLM, "Qwen/Q", Acts((0.2, thought)))).error is None
    assert (await check(OLLAMA, "qwen2:7b", Acts((0.2, row(response="", thinking="hm"))))).error is None


@pytest.mark.parametrize(
    ("server", "model", "path", "body", "reply"),
    [
        (of("m3e", "m3e"), "m3e", "/v1/embeddings", {"model": "m3e", "input": ["The sky is blue."]},
         {"data": [{"embedding": [0.1, 0.2]}]}),
        (of("infinity", "bge-m3"), "bge-m3", "/embeddings", {"model": "bge-m3", "input": ["The sky is blue."]},
         {"data": [{"embedding": [0.1]}]}),
        (of("tei", "BAAI/bge-m3"), "BAAI/bge-m3", "/embed", {"inputs": ["The sky is blue."]}, [[0.1, 0.2]]),
        (OLLAMA, "nomic-embed-text", "/api/embed", {"model": "nomic-embed-text", "input": ["The sky is blue."]},
         {"embeddings": [[0.1]]}),
        (replace(OLLAMA, version="0.1.38"), "nomic-embed-text", "/api/embeddings",
         {"model": "nomic-embed-text", "prompt": "The sky is blue."}, {"embedding": [0.1]}),
        (of("bge-reranker", "bge-reranker", recognised=("GET /openapi.json: POST /api/v1/rerank",)), "bge-reranker",
         "/api/v1/rerank",
         {"query": "Name three colours.", "inputs": [{"id": "1", "text": "The sky is blue."}]},
         {"code": 200, "data": [{"id": "1", "score": 0.5}]}),
        (of("vllm", "BAAI/bge-reranker-v2-m3"), "BAAI/bge-reranker-v2-m3", "/v1/rerank",
         {"model": "BAAI/bge-reranker-v2-m3", "query": "Name three colours.", "documents": ["The sky is blue."]},
         {"results": [{"index": 0, "relevance_score": 0.1}]}),
        (of("tei", "bge-reranker-base"), "bge-reranker-base", "/rerank",
         {"query": "Name three colours.", "texts": ["The sky is blue."]}, [{"index": 0, "score": 0.9}]),
    ],
)  # fmt: skip
async def test_vectors_and_scores_are_asked_for_where_a_model_makes_no_text(
    server: Server, model: str, path: str, body: dict[str, object], reply: object
) -> None:
    acts = Acts((0.2, json.dumps(reply)))
    found = await check(server, model, acts)
    assert (found.error, found.seconds, found.tokens_per_second) == (None, 0.2, None)
    assert acts.sent[0][:2] == (f"{server.address}{path}", body)
    empty = await check(server, model, Acts((0.2, "{}")))
    assert (empty.error or "").startswith("it answers, but with no ")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("qwen2:7b", "text"), ("bge-m3", "vector"), ("BAAI/bge-reranker-base", "score"),
        ("text-embedding-3-small", "vector"),
        ("intfloat/e5-large", "vector"), ("m3e", "vector"), ("all-minilm", "vector"), ("Qwen/Qwen3-Reranker", "score"),
        ("legend-7b", "text"),
    ],
)  # fmt: skip
def test_what_a_model_makes_is_told_by_its_name(model: str, kind: str) -> None:
    assert kind_of(of("vllm", model), model) == kind


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, {"error": "model 'x' not found"}, "it answers 404: model 'x' not found"),
        (401, {"detail": "Invalid authorization code"}, "it answers 401: Invalid authorization code"),
        (404, {"object": "error", "message": "The model `x` does not exist.", "code": 404},
         "it answers 404: The model `x` does not exist."),
        (503, {"error": {"message": "当前分组 default 下对于模型 x 无可用渠道", "type": "one_api_error"}},
         "it answers 503: 当前分组 default 下对于模型 x 无可用渠道"),
        (200, {"error": "model runner has unexpectedly stopped"}, "model runner has unexpectedly stopped"),
        (200, {"choices": []}, "it answers, but with no word of text"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_told_in_the_servers_own_words(status: int, body: Any, words: str) -> None:
    found = await check(OLLAMA, "qwen2:7b", Acts((0.1, json.dumps(body)), status=status))
    assert found.error == words


async def test_a_page_or_an_escape_sequence_is_told_harmlessly() -> None:
    found = await check(VLLM, "Qwen/Q", Acts((0.1, "<html>\x1b[2Joops</html>"), status=502))
    assert found.error == "it answers 502: <html>oops</html>"


async def test_a_server_that_is_gone_is_a_result_and_read_only_is_not() -> None:
    found = await check(VLLM, "Qwen/Q", Acts(error=HttpFailed("timeout", "http://x did not answer within 180 s")))
    assert found.error == "http://x did not answer within 180 s"
    with pytest.raises(ReadOnlyRefused):
        await check(VLLM, "Qwen/Q", Acts(error=ReadOnlyRefused("no")))


async def test_it_can_be_cancelled() -> None:
    class Hanging(Acts):
        async def post(self, *_: Any, **__: Any) -> HttpReply:
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.create_task(check(VLLM, "Qwen/Q", Hanging()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_endless_line_is_not_kept() -> None:
    hearing = Hearing("events")
    for _ in range(40):
        hearing.chunk(b"x" * (1 << 16), 0.1)
    assert len(hearing._rest) <= 1 << 20


def test_what_is_in_memory_is_offered_first() -> None:
    assert models(OLLAMA) == ("nomic-embed-text", "qwen2:7b")


def test_it_says_what_it_takes() -> None:
    said = " ".join(costs(OLLAMA, "qwen2:7b"))
    assert "POST /api/generate for a sentence of at most 32 tokens" in said
    assert "qwen2:7b is not in memory: it is loaded first (4.0 GiB on disk)" in said
    assert "keep-alive" in said
    assert "not in memory" not in " ".join(costs(OLLAMA, "nomic-embed-text"))
    assert "may charge for it" in " ".join(costs(of("litellm"), "m"))
    assert "may not be in memory" in " ".join(costs(of("lmstudio"), "m"))


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (replace(VLLM, state="down", reason="nobody listens there"), "is down: nobody listens there"),
        (replace(VLLM, state="loading"), "is loading"),
        (replace(VLLM, product="unknown"), "not known"),
        (replace(VLLM, read_at=None), "has not answered yet"),
        (replace(VLLM, models=(), loaded=()), "no model of v:8000 is known"),
    ],
)
def test_who_cannot_be_asked_is_told(server: Server, words: str) -> None:
    assert words in (refusal(server) or "")


def test_who_can_be_asked_is() -> None:
    assert refusal(VLLM) is None
    assert refusal(replace(VLLM, state="busy")) is None


def test_every_product_has_a_question() -> None:
    from stackops.console.products.registry import SERVERS

    for product in SERVERS:
        assert question(of(product), "m").path.startswith("/")


def test_the_key_is_the_servers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-from-settings")
    m3e = box("m3e", "stawky/m3e-large-api", env={"sk-key": "sk-own-key-1"}, ports=[(6008, 6008)])
    gateway = box("oneapi", "justsong/one-api", env={"INITIAL_ROOT_TOKEN": "fastgpt-root"}, ports=[(3000, 3001)])
    snapshot = Snapshot(1.0, HostInfo("box"), containers=(m3e, gateway))
    settings = Settings(servers=ServerSettings(token_env={"v:8000": "MY_KEY"}))
    own = Server("m3e:6008", "m3e-large-api", "http://127.0.0.1:6008", "up", container=m3e.id)
    assert key_for(own, snapshot, settings) == "sk-own-key-1"
    assert key_for(replace(own, address="http://10.0.0.66:6008"), snapshot, settings) is None
    root = Server("oneapi:3000", "oneapi", "http://127.0.0.1:3001", "up", container=gateway.id)
    assert key_for(root, snapshot, settings) == "sk-fastgpt-root"
    assert key_for(VLLM, snapshot, settings) == "sk-from-settings"


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":"x","eval_count":1e308,"eval_duration":1}\n',
        b'{"response":"x","eval_count":' + b"9" * 400 + b',"eval_duration":1}\n',
        b'{"response":"x","eval_count":9007199254740991,"eval_duration":1}\n',
        b'{"response":"x","eval_count":5,"eval_duration":1e-300}\n',
        b'{"response":"x","usage":{"completion_tokens":1e300}}\n',
    ],
    ids=range(5),
)
async def test_figures_that_cannot_be_are_not_told(body: bytes) -> None:
    done = await check(OLLAMA, "qwen2:7b", Acts((0.5, body.decode()), (0.6, body.decode()), (0.7, body.decode())))
    assert done.error is None
    for number in (done.tokens, done.tokens_per_second):
        assert number is None or 0 < number < 1e26
    assert "null" not in msgspec.json.encode(done.tokens_per_second or 0.0).decode()


def test_an_answer_that_comes_letter_by_letter_is_heard_in_no_time() -> None:
    hearing = Hearing("lines")
    line = b'{"response":"' + b"x" * 400_000 + b'"}\n'
    for at in range(len(line)):
        hearing.chunk(line[at : at + 1], 1.0)
    assert hearing.times == [1.0]
