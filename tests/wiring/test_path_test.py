"""One real request the whole way of a model: what is sent where, with whose key, and at which step it ended."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from msgspec.structs import replace
from servers_collect.test_deep_check import Acts
from stackops.console.collect import path_test
from stackops.console.collect.path_test import costs, ended_at, refusal, send_down
from stackops.console.hosts import HostError, HttpFailed, ReadOnlyRefused
from stackops.console.model import (
    ConfigVerdict,
    DeepCheck,
    HostInfo,
    ModelPath,
    OfferedModel,
    ServedModel,
    Server,
    Snapshot,
)
from stackops.console.products.model_paths import model_paths
from support.memory_host import MemoryFiles, MemoryHost
from support.model_rows import CONFIG, KEY, VLLM, WHOLE, arrow, box, fastgpt, world

GATEWAY = Server(
    "oneapi:3000", "oneapi", "http://127.0.0.1:3001", "up", container="oneapi-id", models=(ServedModel("qwen"),),
    read_at=1.0,
)  # fmt: skip
STREAM = ((0.2, 'data: {"choices":[{"delta":{"content":"Red"}}]}\n\n'), (0.3, "data: [DONE]\n\n"))


def known(snapshot: Snapshot) -> tuple[ModelPath, Snapshot]:
    whole = replace(snapshot, servers=(*snapshot.servers, GATEWAY))
    paths = model_paths(whole)
    return paths[0], replace(whole, model_paths=paths)


def host(acts: Acts, files: dict[str, bytes] | None = None) -> Any:
    made = MemoryHost()
    made.http_acts, made.files = acts, MemoryFiles(files or {})  # type: ignore[assignment]
    return made


async def test_the_request_goes_to_the_gateway_with_the_key_of_the_app_and_nowhere_else() -> None:
    acts, (path, snapshot) = Acts(*STREAM), known(WHOLE)
    test = await send_down(host(acts), path, snapshot)
    ((url, body, headers),) = acts.sent
    assert url == "http://127.0.0.1:3001/v1/chat/completions"
    assert (body["model"], body["max_tokens"], body["stream"]) == ("qwen", 32, True)
    assert headers == {"Authorization": f"Bearer {KEY}"}
    assert (test.ended, test.path, test.check.error) == (None, path.key, None)
    assert KEY not in repr(test)


async def test_an_embedding_is_asked_for_where_the_list_says_so() -> None:
    config = replace(CONFIG, models=(OfferedModel("qwen", "vectorModels"),))
    acts, (path, snapshot) = Acts((0.1, '{"data":[{"embedding":[0.1]}]}')), known(world(json_files=(config,)))
    test = await send_down(host(acts), path, snapshot)
    assert acts.sent[0][0] == "http://127.0.0.1:3001/v1/embeddings"
    assert test.ended is None


YAML = b"""version: 1.0.9
endpoints:
  custom:
    - {name: Other, apiKey: sk-of-other, baseURL: "http://other:1/v1", models: {default: [x]}}
    - {name: X, apiKey: "${VLLM_KEY}", baseURL: "http://vllm:8000/v1", models: {default: [Qwen/Qwen2-7B]}}
"""


def chat(key: str | None = "sk-of-vllm") -> Snapshot:
    app = box("chat", "librechat:v0.8.0", {"VLLM_KEY": key} if key else {})
    verdict = ConfigVerdict(
        "/srv/librechat.yaml", "0.8.0", "image", container="chat-id", mounted=True, stage="ok", boot="ok",
        offered=(OfferedModel("Qwen/Qwen2-7B", "endpoint X", "http://vllm:8000/v1"),),
    )  # fmt: skip
    return Snapshot(1.0, HostInfo("box"), containers=(app, WHOLE.containers[2]), config_verdicts=(verdict,),
                    edges=(arrow("chat", "vllm", 8000),), servers=(VLLM,))  # fmt: skip


async def test_the_key_of_an_endpoint_is_read_from_the_entry_that_names_the_address() -> None:
    acts, snapshot = Acts(*STREAM), chat()
    (path,) = model_paths(snapshot)
    test = await send_down(host(acts, {"/srv/librechat.yaml": YAML}), path, snapshot)
    ((url, _, headers),) = acts.sent
    assert url == "http://127.0.0.1:8000/v1/chat/completions"
    assert headers == {"Authorization": "Bearer sk-of-vllm"}
    assert test.ended is None


@pytest.mark.parametrize(
    ("snapshot", "files", "words"),
    [
        (chat(None), {"/srv/librechat.yaml": YAML}, "by a variable that nothing sets"),
        (chat(), {"/srv/librechat.yaml": YAML.replace(b"name: X", b"name: Y")}, "no longer has endpoint X"),
        (chat(), {"/srv/librechat.yaml": b"a: [\n"}, "can no longer be read"),
        (chat(), {}, ""),
    ],
)
async def test_without_the_key_nothing_is_sent(snapshot: Snapshot, files: dict[str, bytes], words: str) -> None:
    acts = Acts(*STREAM)
    (path,) = model_paths(snapshot)
    with pytest.raises(HostError) as raised:
        await send_down(host(acts, files), path, snapshot)
    assert words in str(raised.value)
    assert acts.sent == []


async def test_a_file_that_is_never_read_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    acts, snapshot, let_go = Acts(*STREAM), chat(), threading.Event()
    (path,) = model_paths(snapshot)
    on = host(acts)
    monkeypatch.setattr(on.files, "read", lambda *_, **__: let_go.wait(60) and b"")
    monkeypatch.setattr(path_test, "SOON", 0.05)
    try:
        with pytest.raises(HostError, match="key"):
            await send_down(on, path, snapshot)
    finally:
        let_go.set()
    assert acts.sent == []


async def test_open_webui_sends_the_key_that_stands_at_the_same_place_as_the_address() -> None:
    env = {"OPENAI_API_BASE_URLS": "http://other:1/v1;http://vllm:8000/v1", "OPENAI_API_KEYS": "sk-one;sk-two"}
    edge = replace(arrow("webui", "vllm", 8000), kind="model_server", effective="http://vllm:8000/v1")
    snapshot = world(containers=(box("webui", "open-webui:main", env), WHOLE.containers[2]), edges=(edge,))
    (path,) = model_paths(snapshot)
    acts = Acts(*STREAM)
    await send_down(host(acts), path, snapshot)
    assert acts.sent[0][2] == {"Authorization": "Bearer sk-two"}


async def test_in_read_only_mode_nothing_is_asked() -> None:
    path, snapshot = known(WHOLE)
    with pytest.raises(ReadOnlyRefused):
        await send_down(host(Acts(error=ReadOnlyRefused("read-only"))), path, snapshot)


@pytest.mark.parametrize(
    ("status", "said", "ended"),
    [
        (401, '{"error":{"message":"无效的令牌 (request id: 1)","type":"one_api_error"}}', "key"),
        (403, '{"error":{"message":"该令牌无权使用模型：qwen"}}', "key"),
        (403, '{"error":{"message":"user quota is not enough"}}', "key"),
        (503, '{"error":{"message":"当前分组 default 下对于模型 qwen 无可用渠道"}}', "channel"),
        (404, '{"error":{"message":"The model `qwen` does not exist or you do not have access to it."}}', "channel"),
        (503, '{"error":{"message":"channels exhausted"}}', "channel"),
        (500, '{"error":{"message":"do request failed: Post http://x: dial tcp: connection refused"}}', "upstream"),
        (404, '{"error":{"message":"bad response status code 404"}}', "upstream"),
        (429, '{"error":{"message":"当前分组上游负载已饱和，请稍后再试"}}', "server"),
        (401, '{"error":{"message":"Incorrect API key provided"}}', "server"),
        (404, '{"error":{"message":"The model `Qwen` does not exist."}}', "model"),
        (502, "Bad Gateway", "server"),
        (200, "<!doctype html>", "gateway"),
    ],
)  # fmt: skip
async def test_what_the_gateway_says_tells_where_it_ended(status: int, said: str, ended: str) -> None:
    path, snapshot = known(WHOLE)
    test = await send_down(host(Acts((0.1, said), status=status)), path, snapshot)
    assert test.ended == ended, test.check.error


@pytest.mark.parametrize("trouble", ["refused", "timeout", "reset"])
async def test_a_gateway_that_hangs_or_vanishes_ends_it_there(trouble: Any) -> None:
    path, snapshot = known(WHOLE)
    test = await send_down(host(Acts(error=HttpFailed(trouble, "no answer"))), path, snapshot)
    assert (test.ended, test.check.error) == ("gateway", "no answer")


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        ("it answers 401: no", "key"), ("it answers 404: model x", "model"), ("it answers 500: x", "server"),
        ("nobody listens", "server"), ("it answers with a fixed text and computed nothing", "model"),
    ],
)  # fmt: skip
def test_without_a_gateway_the_status_tells(error: str, ended: str) -> None:
    (path,) = model_paths(chat())
    assert ended_at(path, DeepCheck("vllm:8000", "m", 1.0, error=error)) == ended


def test_the_question_says_where_it_goes_and_what_it_costs() -> None:
    said = " ".join(costs(*known(WHOLE)))
    assert "oneapi:3000" in said
    assert "with the key that fastgpt has for it: POST /v1/chat/completions" in said
    assert "may charge for it" in said
    assert KEY not in said


def own_address() -> Snapshot:
    return world(json_files=(replace(CONFIG, models=(OfferedModel("r", "reRankModels", "http://vllm:8000/r"),)),))


REFUSED = {
    "which models": world(containers=(fastgpt("fastgpt:v4.9.0"), *WHOLE.containers[1:])),
    "takes or gives sound": world(json_files=(replace(CONFIG, models=(OfferedModel("tts", "audioSpeechModels"),)),)),
    "a key of its own": own_address(),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
async def test_what_cannot_be_sent_says_why_and_sends_nothing(words: str) -> None:
    acts, (path, snapshot) = Acts(*STREAM), known(REFUSED[words])
    assert words in (refusal(path, snapshot) or "")
    with pytest.raises(HostError):
        await send_down(host(acts), path, snapshot)
    assert acts.sent == []


def test_a_gateway_of_which_no_address_is_known_is_not_asked() -> None:
    (path,) = model_paths(WHOLE)
    assert refusal(path, WHOLE) == "no address of the gateway is reached from here"
