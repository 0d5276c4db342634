"""The small servers of FastGPT's distributed guide and its reranker, as they start, die and answer. Words only.

fact: gpu-model-servers 4.3: the second generation's images set SK_KEY and NUM_WORKERS, and the latter ends them.
"""

from __future__ import annotations

import json

from .completions import openai_completion, openai_embeddings
from .stand import Answer, Fate, Request, Stand

PUBLIC_KEY = "sk-abcdefghijkabcdefghijkabcdefghijk"
BAKED = (("SK_KEY", PUBLIC_KEY), ("NUM_WORKERS", "1"))
"""What the second generation's images set themselves."""
_TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/app/openai_api.py", line 123, in <module>',
    '    uvicorn.run(app, host="0.0.0.0", port=8002, workers=os.environ.get("NUM_WORKERS"))',
    '  File "/usr/local/lib/python3.10/site-packages/uvicorn/main.py", line 564, in run',
    "    if (config.reload or config.workers > 1) and not isinstance(app, str):",
    "TypeError: '>' not supported between instances of 'str' and 'int'",
)
CHAT = ("/v1/chat/completions", "/v1/embeddings")


def second_start(stand: Stand) -> Fate:
    """The second generation: with NUM_WORKERS set, by the image or by anybody, uvicorn ends it."""
    if "NUM_WORKERS" in dict(stand.definition.env) or "NUM_WORKERS" not in stand.definition.unset:
        return Fate(_TRACEBACK, exit_code=1)
    return first_start(stand)


def first_start(_stand: Stand) -> Fate:
    """It loads its model, and stays."""
    return Fate(("INFO:     Started server process [1]", "INFO:     Application startup complete.",
                 "INFO:     Uvicorn running on http://0.0.0.0:8002 (Press CTRL+C to quit)"))  # fmt: skip


def m3e(stand: Stand, request: Request) -> Answer | None:
    """The guide's m3e."""
    return _answer(stand, request, ("/v1/embeddings",), stand.env("SK_KEY") or PUBLIC_KEY)


def chatglm(stand: Stand, request: Request) -> Answer | None:
    """The guide's ChatGLM2, of the first generation."""
    return _answer(stand, request, CHAT, stand.env("SK-KEY") or "sk-aaabbbcccdddeeefffggghhhiiijjjkkk")


def reranker(stand: Stand, request: Request) -> Answer | None:
    """FastGPT's reranker."""
    return _answer(stand, request, ("/v1/rerank",), stand.env("ACCESS_TOKEN") or "ACCESS_TOKEN")


def _answer(_stand: Stand, request: Request, paths: tuple[str, ...], key: str) -> Answer:
    path = request.path.partition("?")[0]
    if path == "/openapi.json":
        served: dict[str, dict[str, dict[str, str]]] = {one: {"post": {}} for one in paths}
        return _json({"openapi": "3.1.0", "info": {"title": "FastAPI", "version": "0.1.0"}, "paths": served})
    if path not in paths:
        return _json({"detail": "Not Found"}, 404)
    if request.method != "POST":
        return _json({"detail": "Method Not Allowed"}, 405)
    sent = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
    if sent.removeprefix("Bearer ") != key:
        return _json({"detail": "Invalid authorization code" if sent else "Not authenticated"}, 401 if sent else 403)
    return _served(path, request)


def _served(path: str, request: Request) -> Answer:
    """What each of the routes answers to whoever has the key."""
    try:
        body = dict(json.loads(request.body))
    except (ValueError, TypeError):
        return _json({"detail": []}, 422)
    model = str(body.get("model") or "")
    if path == CHAT[0]:
        return openai_completion(model, body)
    if path == CHAT[1]:
        return openai_embeddings(model, body, width=1536)
    return _json({"results": [{"index": 0, "relevance_score": 0.73}]})


def _json(data: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(data, ensure_ascii=False).encode())
