"""The FastAPI scripts of FastGPT's distributed guide and the images FastGPT names, known by the paths they serve.

``/openapi.json`` is all that is ever asked: it needs no key and runs no model. Their event loop stands still while a
request is served, so silence means busy. fact: gpu-model-servers 4.3; fastgpt-stack 7
"""

from __future__ import annotations

from ...model import LoadedModel, Product, ServedModel
from . import decoding
from .asking import Answer, Ask
from .candidate import Candidate
from .reading import Look, Reading, health

Paths = frozenset[str]
EMBEDDINGS: Paths = frozenset({"POST /v1/embeddings"})
PATHS: dict[Paths, Product] = {
    frozenset({"GET /v1/models", "POST /v1/chat/completions"}): "baichuan2",
    frozenset({"POST /v1/chat/completions", "POST /v1/embeddings"}): "chatglm2",
    EMBEDDINGS: "m3e",
    frozenset({"POST /api/v1/rerank"}): "bge-reranker",
    frozenset({"POST /v1/rerank"}): "bge-reranker",
}
NAMES: dict[Product, str] = {
    "baichuan2": "Baichuan2", "chatglm2": "ChatGLM2", "m3e": "m3e", "m3e-large-api": "m3e-large",
    "bge-reranker": "bge-reranker",
}  # fmt: skip
"""They take any name in a request and tell none."""
LARGE_PORT = ":6008"
"""Where the community image listens; the guide's script has 8002."""
LATER = "POST /api/v1/rerank"
"""The guide's reranker loads its model at the first request, not at the start."""


def paths_of(answer: Answer | None) -> Paths | None:
    """``METHOD /path`` of everything it serves, documentation aside; None for no such document."""
    raw = answer.json() if answer is not None and answer.ok else None
    table = decoding.member(raw, "paths")
    if not isinstance(table, dict) or not isinstance(decoding.member(raw, "openapi"), str):
        return None
    return frozenset(
        f"{method.upper()} {path}"
        for path, methods in list(table.items())[:200]
        for method in (methods if isinstance(methods, dict) else ())
        if method in ("get", "post", "put", "delete")
    )


def product_of(answer: Answer | None, candidate: Candidate) -> Product | None:
    """Which of them serves these paths. Without a hint it must also bear the title nobody gave it: ``FastAPI``."""
    paths = paths_of(answer)
    product = PATHS.get(paths) if paths is not None else None
    if product is None or answer is None:
        return None
    if product == "m3e" and (candidate.hint == "m3e-large-api" or candidate.address.endswith(LARGE_PORT)):
        product = "m3e-large-api"
    title = decoding.member(decoding.member(answer.json(), "info"), "title")
    return product if title == "FastAPI" or candidate.hint == product else None


async def read(ask: Ask, look: Look) -> Reading:
    """``/openapi.json`` each time: FastAPI makes it once and keeps it."""
    product: Product = ask.product or "m3e"
    reading, answer = await health(ask, "/openapi.json", product, look)
    if answer is None:
        return reading
    paths = paths_of(answer)
    if product_of(answer, look.candidate) != product or paths is None:
        reading.mistaken = True
        return reading
    reading.models = (ServedModel(NAMES[product]),)
    reading.loaded = None if LATER in paths else (LoadedModel(NAMES[product]),)
    return reading
