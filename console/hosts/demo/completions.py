"""What the practice stack's model servers answer when something is asked of a model. Canned; nothing is computed.

fact: gpu-model-servers 4.2: ``/api/generate`` with ``keep_alive`` 0 and no prompt unloads, anything else loads.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .stand import Answer, Definition, Request, Stand

OLLAMA_MODEL = "gemma:7b"
"""The one model that the practice stack's Ollama has; its runner's 29 layers are this model's."""
OLLAMA_SPARE = "nomic-embed-text:latest"
WORDS = ("Every", " cloud", " has", " a", " silver", " lining", ".")
FIRST, PACE = 0.31, 0.024
"""Seconds to the first word, and between two, on these cards."""
LOAD = 4.2
"""Seconds to read the weights from the disk first."""
_UNLOADED = "unloaded"


def ollama_model(definition: Definition) -> str | None:
    """The model it was asked for right after its start; None without the volume that its models lie on."""
    if not any(bind.target == "/models" for bind in definition.binds):
        return None
    return OLLAMA_MODEL if definition.service == "ollama" else OLLAMA_SPARE


def ollama_loaded(definition: Definition, memory: Mapping[str, Any]) -> tuple[str, ...]:
    """Models in the memory of an Ollama, by what its process remembers."""
    model = ollama_model(definition)
    return () if model is None or memory.get(_UNLOADED) else (model,)


def ollama_posted(stand: Stand, request: Request) -> Answer | None:
    """``/api/generate``, ``/api/chat`` and the OpenAI routes; None for any other."""
    body = _decoded(request.body)
    if request.path not in ("/api/generate", "/api/chat", "/v1/chat/completions", "/api/show"):
        return None
    model = str(body.get("model") or body.get("name") or "")
    own = ollama_model(stand.definition)
    if own is None or model not in (own, own.partition(":")[0]):
        return _json({"error": f"model '{model}' not found"}, status=404)
    if request.path == "/api/show":
        return _json({"details": {"family": "gemma", "parameter_size": "9B", "quantization_level": "Q4_0"}})
    if _unloads(request.path, body):
        stand.memory[_UNLOADED] = True
        return _json({"model": model, "created_at": _stamp(stand), "response": "", "done": True,
                      "done_reason": "unload"}, lines=(_gin(stand, request.path),))  # fmt: skip
    wait = LOAD if stand.memory.pop(_UNLOADED, False) else 0.0
    lines = (_gin(stand, request.path),)
    if request.path.startswith("/v1/"):
        return openai_completion(model, body, wait=wait, lines=lines)
    return _native(stand, model, request.path, body, wait, lines)


def _unloads(path: str, body: Mapping[str, Any]) -> bool:
    """fact: an empty prompt with ``keep_alive`` 0 expires the runner and loads nothing."""
    wanted = body.get("prompt") if path == "/api/generate" else body.get("messages")
    return path.startswith("/api/") and not wanted and body.get("keep_alive") in (0, "0", "0s", "0m")


def _native(stand: Stand, model: str, path: str, body: Mapping[str, Any], wait: float, lines: Sequence[str]) -> Answer:
    def said(word: str) -> dict[str, object]:
        of = {"message": {"role": "assistant", "content": word}} if path == "/api/chat" else {"response": word}
        return {"model": model, "created_at": _stamp(stand), **of, "done": False}

    count = len(WORDS)
    figures = {
        "done": True, "done_reason": "stop", "load_duration": int(wait * 1e9), "prompt_eval_count": 11,
        "eval_count": count, "eval_duration": int(count * PACE * 1e9),
        "total_duration": int((wait + FIRST + count * PACE) * 1e9),
    }  # fmt: skip
    if body.get("stream", True) is False:
        return _json({**said("".join(WORDS)), **figures}, lines=lines, seconds=wait + FIRST + count * PACE)
    rows = [*map(said, WORDS), {**said(""), **figures}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return Answer(200, text.encode(), "application/x-ndjson", tuple(lines), wait + FIRST, PACE)


def openai_completion(model: str, body: Mapping[str, Any], *, wait: float = 0.0, lines: Sequence[str] = ()) -> Answer:
    """A chat completion in OpenAI's form, streamed where it was asked for. ``wait``: seconds before it can begin."""
    limit = body.get("max_tokens")
    words = WORDS[:limit] if isinstance(limit, int) and limit > 0 else WORDS
    usage = {"prompt_tokens": 11, "completion_tokens": len(words), "total_tokens": 11 + len(words)}
    head = {"id": "chatcmpl-practice", "created": 0, "model": model}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(words)}, "finish_reason": "stop"}
        return _json({**head, "object": "chat.completion", "choices": [choice], "usage": usage}, lines=lines,
                     seconds=wait + FIRST + len(words) * PACE)  # fmt: skip
    head["object"] = "chat.completion.chunk"
    rows: list[dict[str, object]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in words
    ]
    rows.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        rows.append({**head, "choices": [], "usage": usage})
    text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n"
    return Answer(200, text.encode(), "text/event-stream", tuple(lines), wait + FIRST, PACE / 2)


def openai_embeddings(model: str, body: Mapping[str, Any], *, width: int, lines: Sequence[str] = ()) -> Answer:
    """Vectors in OpenAI's form, all alike."""
    given = body.get("input")
    count = len(given) if isinstance(given, list) else 1
    rows = [{"object": "embedding", "index": n, "embedding": [round(1 / width, 6)] * width} for n in range(count)]
    usage = {"prompt_tokens": 3 * count, "total_tokens": 3 * count}
    return _json({"object": "list", "data": rows, "model": model, "usage": usage}, lines=lines, seconds=0.09)


def vllm_posted(served: str, request: Request) -> Answer | None:
    """The chat route of a vLLM that serves one model; None for any other. fact: 404 ``NotFoundError`` for others."""
    if request.path != "/v1/chat/completions":
        return None
    body = _decoded(request.body)
    if body.get("model") != served:
        said = f"The model `{body.get('model')}` does not exist."
        return _json({"object": "error", "message": said, "type": "NotFoundError", "code": 404}, status=404)
    return openai_completion(served, body)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _json(data: object, *, status: int = 200, lines: Sequence[str] = (), seconds: float = 0.004) -> Answer:
    return Answer(status, json.dumps(data, ensure_ascii=False).encode(), lines=tuple(lines), seconds=seconds)


def _stamp(stand: Stand) -> str:
    return dt.datetime.fromtimestamp(stand.now, dt.UTC).isoformat().replace("+00:00", "Z")


def _gin(stand: Stand, path: str) -> str:
    at = dt.datetime.fromtimestamp(stand.now, dt.UTC).strftime("%Y/%m/%d - %H:%M:%S")
    return f'[GIN] {at} | 200 |   1.204116s |       127.0.0.1 | POST     "{path}"'
