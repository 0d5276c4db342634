"""``GET /v1/models``, the list that nearly everybody serves, each in his own way."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from . import decoding
from .asking import Ask, ServerAnswer


class ModelCard(Struct, frozen=True):
    """One entry, with what some products add."""

    id: str
    owned_by: str | None = None
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None
    """vLLM, SGLang."""
    context_length: int | None = None
    meta: dict[str, Any] | None = None
    """llama.cpp."""


def cards(answer: ServerAnswer | None) -> list[ModelCard] | None:
    """The entries; None for what is no such list. fact: Ollama without models says ``data: null``."""
    raw = answer.json() if answer is not None and answer.ok else None
    data = decoding.member(raw, "data")
    if isinstance(data, list):
        found = decoding.parts(data, ModelCard)
        return found if found or not data else None
    return [] if decoding.member(raw, "object") == "list" and data is None else None


def served(found: list[ModelCard]) -> tuple[ServedModel, ...]:
    """The entries as models, each name once."""
    models: dict[str, ServedModel] = {}
    for card in found:
        name = decoding.name(card.id)
        if name:
            models.setdefault(name, _served(name, card))
    return tuple(models.values())


def _served(name: str, card: ModelCard) -> ServedModel:
    meta = card.meta or {}
    return ServedModel(
        name,
        size=decoding.positive(_number(meta.get("size"))),
        parameters=decoding.parameters(_number(meta.get("n_params"))),
        context=decoding.positive(card.max_model_len or card.context_length or _number(meta.get("n_ctx_train"))),
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


async def models(ask: Ask, path: str = "/v1/models") -> tuple[ServedModel, ...] | None:
    """The models of a list; None where it cannot be read."""
    found = cards(await ask.answer(path))
    return None if found is None else served(found)


async def version(ask: Ask, path: str = "/version") -> str | None:
    """The version that a path of its own tells as ``{"version": ...}``."""
    return decoding.name(decoding.member(await ask.json(path), "version"), 60)


def in_memory(models: tuple[ServedModel, ...] | None) -> tuple[LoadedModel, ...] | None:
    """Of a server that has what it serves in memory."""
    return None if models is None else tuple(LoadedModel(one.name, context=one.context) for one in models)
