"""The one real request of a deep check: where it goes, what it says, what it costs. Pure; sends nothing.

Always streamed where the product can: Baichuan2's script answers a request without stream with a fixed text and
computes nothing (fact: gpu-model-servers 4.3). As little as shows that the model answers: one sentence, a few tokens.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from .model import Product, Server
from .text import size

Kind = Literal["text", "vector", "score"]
TOKENS = 32
"""Generated at the most."""
SENTENCE = "Name three colours."
_OTHER = "The sky is blue."
GATEWAYS: frozenset[Product] = frozenset({"oneapi", "newapi", "aiproxy", "litellm"})
_VECTORS: frozenset[Product] = frozenset({"m3e-large-api", "m3e", "infinity", "tei"})
_EMBEDDING = re.compile(
    r"embed|\bbge-(?!rerank)|\bgte\b|gte-|\bm3e\b|m3e-|minilm|\be5-|jina-emb|nomic-bert", re.IGNORECASE
)
_RERANK = re.compile(r"rerank", re.IGNORECASE)
_LOADS: frozenset[Product] = frozenset({"ollama", "localai", "lmstudio", "llamacpp", "bge-reranker", "xinference"})
"""Who may load a model because it is asked."""


class Question(Struct, frozen=True):
    """One request."""

    path: str
    body: dict[str, object]
    kind: Kind
    form: Literal["lines", "events", "document"]
    """How the answer comes: a JSON object a line, server-sent events, or one document."""

    @property
    def what(self) -> str:
        """For people."""
        asks = {"text": f"a sentence of at most {TOKENS} tokens", "vector": "one embedding", "score": "one score"}
        return f"POST {self.path} for {asks[self.kind]}"


def models(server: Server) -> tuple[str, ...]:
    """What can be asked, what is in memory first."""
    loaded = [model.name for model in server.loaded or ()]
    return tuple(dict.fromkeys((*loaded, *(model.name for model in server.models))))


def kind_of(server: Server, model: str) -> Kind:
    """What a model is asked for, by its product and its name: nothing else tells."""
    told = next((f"{each.name} {each.family or ''}" for each in server.models if each.name == model), model)
    if server.product == "bge-reranker" or _RERANK.search(told):
        return "score"
    return "vector" if server.product in _VECTORS or _EMBEDDING.search(told) else "text"


def question(server: Server, model: str) -> Question:
    """The request for one model of a server."""
    kind = kind_of(server, model)
    if kind == "score":
        return _score(server, model)
    if kind == "vector":
        return _vector(server, model)
    if server.product == "ollama":
        body = {"model": model, "prompt": SENTENCE, "stream": True, "options": {"num_predict": TOKENS}}
        return Question("/api/generate", body, kind, "lines")
    messages = [{"role": "user", "content": SENTENCE}]
    body = {"model": model, "messages": messages, "stream": True, "max_tokens": TOKENS}
    return Question("/v1/chat/completions", body, kind, "events")


def _vector(server: Server, model: str) -> Question:
    if server.product == "ollama":
        new = _release(server.version) >= (0, 3)  # fact: /api/embed came with 0.3
        body: dict[str, object] = {"model": model, "input": [_OTHER]} if new else {"model": model, "prompt": _OTHER}
        return Question("/api/embed" if new else "/api/embeddings", body, "vector", "document")
    if server.product == "tei":
        return Question("/embed", {"inputs": [_OTHER]}, "vector", "document")
    path = "/embeddings" if server.product == "infinity" else "/v1/embeddings"
    return Question(path, {"model": model, "input": [_OTHER]}, "vector", "document")


def _score(server: Server, model: str) -> Question:
    if any("/api/v1/rerank" in sign for sign in server.recognised):
        inputs = [{"id": "1", "text": _OTHER}]
        return Question("/api/v1/rerank", {"query": SENTENCE, "inputs": inputs}, "score", "document")
    if server.product == "tei":
        return Question("/rerank", {"query": SENTENCE, "texts": [_OTHER]}, "score", "document")
    path = "/rerank" if server.product == "infinity" else "/v1/rerank"
    return Question(path, {"model": model, "query": SENTENCE, "documents": [_OTHER]}, "score", "document")


def _release(version: str | None) -> tuple[int, ...]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version or "")
    return tuple(int(part) for part in found[1].split(".")) if found else (9,)


def costs(server: Server, model: str) -> tuple[str, ...]:
    """What asking takes, in sentences: for the dialog, before anything is sent."""
    said = [f"One real request is sent: {question(server, model).what}."]
    if server.product in GATEWAYS:
        said.append("The gateway passes it on: whoever serves the model may charge for it, or load it first.")
    elif server.loaded is not None and model not in {each.name for each in server.loaded}:
        weights = next((each.size for each in server.models if each.name == model), None)
        told = f" ({size(weights)} on disk)" if weights else ""
        said.append(f"{model} is not in memory: it is loaded first{told}, takes VRAM, and may push another model out.")
    elif server.loaded is None and server.product in _LOADS:
        said.append("The model may not be in memory: then it is loaded first and takes VRAM.")
    if server.product == "ollama":
        said.append("Ollama keeps it in memory as long as its keep-alive says, from this request on.")
    return tuple(said)


def refusal(server: Server) -> str | None:
    """Why a server cannot be asked at all; None when it can."""
    if server.read_at is None:
        return f"{server.key} has not answered yet: {server.reason or server.state}"
    if server.state in {"down", "loading"}:
        return f"{server.key} is {server.state}: {server.reason or 'nobody listens'}"
    if server.product == "unknown":
        return f"what listens at {server.key} is not known, so there is no request it would understand"
    return None if models(server) else f"no model of {server.key} is known"
