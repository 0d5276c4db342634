"""FastChat: the names its controller knows. Controller and workers are asked by POST only, so not at all."""

from __future__ import annotations

from ..descriptor import LISTED, Descriptor, ModelServer, ReaderContext, Reading, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer


def refuses(first: ServerAnswer) -> str | None:
    """How it wishes for a key. fact: fschat 0.2.36, serve/openai_api_server.py."""
    error = decoding.member(decoding.member(first.json(), "detail"), "error")
    told = first.refused and decoding.member(error, "code") == "invalid_api_key"
    return f'{LISTED}: {first.status} detail.error.code "invalid_api_key"' if told else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """The names when due; in between its fixed document tells that it lives."""
    if not look.lists_due:
        return answer.ok
    reading.models = await replies.models(ask)
    return reading.models is not None or answer.refused


def _alive(look: ReaderContext) -> str:
    """Its list asks the controller to look for workers, so it is read only when due."""
    return "/v1/models" if look.lists_due else "/openapi.json"


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="fastchat",
        modules=r"fastchat\.serve\.(?:openai|model_worker|vllm_worker)",
        scripts="openai_api_server",
        server=ModelServer(
            product="fastchat",
            image="fastchat|fschat",
            command=r"\bfastchat\.serve\.openai_api_server\b",
            port=8000,
            allowed=paths("/openapi.json", keyed="/v1/models"),
            alive=_alive,
            read=read,
            memory="by-model",
            shares_memory=True,
            names_itself=refuses,
            owner="fastchat",
            shut=(401, 403),
            loads_first=True,
        ),
    ),
)
