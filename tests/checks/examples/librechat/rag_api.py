"""What people give rag_api, and what ``librechat.rag-api`` must say of it."""

from __future__ import annotations

from typing import Any

from stackops.console.model import Snapshot

from examples import Example
from examples.librechat.chats import app, chats, service

FULL = "ghcr.io/danny-avila/librechat-rag-api-dev:latest"
LITE = "ghcr.io/danny-avila/librechat-rag-api-dev-lite:latest"
KEY = "RAG_OPENAI_API_KEY=sk-0"
URL = "RAG_API_URL=http://rag_api:8000"


def rag(*env: str, image: str = LITE, of_app: tuple[str, ...] = (URL,), **more: Any) -> Snapshot:
    """A rag_api with these variables beside a LibreChat with those."""
    return chats(app(*of_app), service("rag_api", image, *env), **more)


FINDS = (
    Example("kept the example's .env", rag("OPENAI_API_KEY=user_provided"), "finding", "no-key", ()),
    Example("kept it, and has not started yet", rag("OPENAI_API_KEY=user_provided", up=False), "finding", "no-key", ()),
    Example("has no key at all", rag(), "finding", "no-key", ()),
    Example("left the key empty", rag("OPENAI_API_KEY="), "finding", "no-key", ()),
    Example("wrote openai in capitals, without a key", rag("EMBEDDINGS_PROVIDER=OpenAI"), "finding", "no-key", ()),
    Example("wants the -lite image to embed", rag("EMBEDDINGS_PROVIDER=huggingface"), "finding", "lite", ()),
    Example("wants it before the first start", rag("EMBEDDINGS_PROVIDER=huggingface", up=False), "finding", "lite", ()),
    Example("gave rag_api another secret", rag(KEY, "JWT_SECRET=a", of_app=(URL, "JWT_SECRET=b")), "finding",
            "other-secret", ()),
    Example("did so before the first start", rag(KEY, "JWT_SECRET=a", of_app=(URL, "JWT_SECRET=b"), up=False),
            "finding", "other-secret", ()),
    Example("has LibreChat's secret in .env, and another in the compose file",
            rag(KEY, "JWT_SECRET=a", dotenv=("JWT_SECRET=b",)), "finding", "other-secret", ()),
    Example("did not tell LibreChat where it is", rag(KEY, of_app=()), "finding", "not-used", ()),
    Example("left RAG_API_URL empty", rag(KEY, of_app=("RAG_API_URL=",)), "finding", "not-used", ()),
)  # fmt: skip

FINDS_NOT = (
    Example("gave it a key", rag(KEY), "ok"),
    Example("gave it OpenAI's key of LibreChat", rag("OPENAI_API_KEY=sk-0"), "ok"),
    Example("has a server of their own that asks for no key", rag("RAG_OPENAI_BASEURL=http://10.0.0.4/v1"), "ok"),
    Example("uses Ollama", rag("EMBEDDINGS_PROVIDER=ollama"), "ok"),
    Example("uses a server of Hugging Face's", rag("EMBEDDINGS_PROVIDER=huggingfacetei"), "ok"),
    Example("lets the full image embed", rag("EMBEDDINGS_PROVIDER=huggingface", image=FULL), "ok"),
    Example("gave both the same secret", rag(KEY, "JWT_SECRET=a", of_app=(URL, "JWT_SECRET=a")), "ok"),
    Example("has the secret in .env alone", rag(KEY, dotenv=("JWT_SECRET=a",)), "ok"),
    Example("tells LibreChat in .env where it is", rag(KEY, of_app=(), dotenv=(URL,)), "ok"),
    Example("has no LibreChat here", chats(service("rag_api", LITE, KEY)), "ok"),
    Example("has a .env that nobody else may read", rag(KEY, of_app=(), unread=True), "ok"),
    Example("has no rag_api", chats(app()), "not_applicable"),
    Example("looks before it was inspected", rag(detailed=False), "unknown"),
)

EXAMPLES = FINDS + FINDS_NOT
