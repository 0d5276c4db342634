"""The FastAPI scripts of FastGPT's deployment guide and the images FastGPT names, known by the paths they serve.

``/openapi.json`` is all that is ever asked: it needs no key and runs no model. Their event loop stands still while a
request is served, so silence means busy. fact: labring/FastGPT plugins/model (llm-Baichuan2, llm-ChatGLM2,
rerank-bge), docs/development/custom-models; the image stawky/m3e-large-api
"""

from __future__ import annotations

from ...model import LoadedModel, Product, ServedModel
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, paths
from ..servers import decoding
from ..servers.asking import Ask, Candidate, ServerAnswer

SERVED: dict[frozenset[str], Product] = {
    frozenset({"GET /v1/models", "POST /v1/chat/completions"}): "baichuan2",
    frozenset({"POST /v1/chat/completions", "POST /v1/embeddings"}): "chatglm2",
    frozenset({"POST /v1/embeddings"}): "m3e",
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


def paths_of(answer: ServerAnswer | None) -> frozenset[str] | None:
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


def product_of(answer: ServerAnswer | None, candidate: Candidate) -> Product | None:
    """Which of them serves these paths. Without a hint it must also bear the title nobody gave it: ``FastAPI``."""
    served = paths_of(answer)
    product = SERVED.get(served) if served is not None else None
    if product is None or answer is None:
        return None
    if product == "m3e" and (candidate.hint == "m3e-large-api" or candidate.address.endswith(LARGE_PORT)):
        product = "m3e-large-api"
    title = decoding.member(decoding.member(answer.json(), "info"), "title")
    return product if title == "FastAPI" or candidate.hint == product else None


async def sign(ask: Ask) -> Recognised | None:
    """All of them, by what they serve."""
    answer = await ask.answer("/openapi.json")
    product, served = product_of(answer, ask.candidate), paths_of(answer)
    return Recognised(product, (f"GET /openapi.json: {', '.join(sorted(served))}",)) if product and served else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:  # noqa: ARG001
    """``/openapi.json`` each time: FastAPI makes it once and keeps it."""
    product, served = look.server.product, paths_of(answer)
    if product_of(answer, look.candidate) != product or served is None:
        return False
    reading.models = (ServedModel(NAMES[product]),)
    reading.loaded = None if LATER in served else (LoadedModel(NAMES[product]),)
    return True


def _server(product: Product, image: str, port: int, command: str = "", key: str | None = None) -> ModelServer:
    return ModelServer(
        product=product,
        image=image,
        command=command,
        port=port,
        key_variables=(key,) if key else (),
        allowed=paths("/openapi.json"),
        alive="/openapi.json",
        read=read,
        memory="fixed",
        loads_when_asked=product == "bge-reranker",
        any_name=True,
        vectors=product in ("m3e", "m3e-large-api"),
        sign=sign,
        sign_paths=paths("/openapi.json"),
        sign_after={"wall": 9, "broken": 1, "other": 1},
        loads_first=True,
        one_at_a_time=True,
    )


DESCRIPTORS = (
    Descriptor(role="model_server", server=_server("m3e-large-api", "m3e-large-api", 6008)),
    Descriptor(
        role="model_server",
        image_words="bge|rerank(?:er)?",
        names="reranker",
        scripts=r"bge[-_]?rerank\w*|rerank\w*",
        apps=r"rerank\w*|bge\w*",
        server=_server(
            "bge-reranker",
            r"(?:bge-)?rerank(?:er)?[\w.-]*",
            6006,
            r"\b(?:bge[-_]?)?rerank\w*\.py\b",
            key="ACCESS_TOKEN",
        ),
    ),
    Descriptor(
        role="model_server",
        image_words="m3e",
        names="m3e",
        scripts=r"m3e\w*",
        apps=r"m3e\w*",
        server=_server("m3e", r"m3e[\w.-]*", 8002, r"\bm3e\w*\.py\b"),
    ),
    Descriptor(
        role="model_server",
        image_words=r"baichuan\d?|[\w.-]*\.openai-api$",
        names="baichuan",
        scripts="openai_api",
        apps="openai_api",
        server=_server("baichuan2", r"baichuan2?[\w.-]*", 8001),
    ),
    Descriptor(
        role="model_server",
        image_words=r"chatglm\d?",
        names="chatglm",
        server=_server("chatglm2", r"chatglm2?[\w.-]*", 8001),
    ),
)
