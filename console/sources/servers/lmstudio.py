"""LM Studio: what is downloaded and what is in memory, by both generations of its own list.

fact: gpu-model-servers 4.2
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from . import decoding
from .asking import Answer, Ask
from .reading import Look, Reading, health


class Instance(Struct, frozen=True):
    """A model of LM Studio in memory."""

    id: str
    config: dict[str, Any] | None = None


class Studio(Struct, frozen=True):
    """A model of LM Studio: ``id`` and ``state`` in its first list, ``key`` and ``loaded_instances`` in the second."""

    id: str | None = None
    key: str | None = None
    state: str | None = None
    arch: str | None = None
    architecture: str | None = None
    params_string: str | None = None
    size_bytes: int | None = None
    max_context_length: int | None = None
    loaded_context_length: int | None = None
    loaded_instances: list[Instance] | None = None


async def read(ask: Ask, look: Look) -> Reading:
    """Its own list says what is in memory; ``/v1/models`` would not. Asking for lists loads nothing."""
    reading, answer = await health(ask, "/api/v1/models", "lmstudio", look)
    if answer is None:
        return reading
    found = studio(answer)
    if found is None and not answer.refused:
        found = studio(await ask.answer("/api/v0/models"))
    if found is None:
        reading.mistaken = not answer.refused
        return reading
    reading.models = tuple(_offered(name, one) for name, one in found.items())
    reading.loaded = tuple(loaded for name, one in found.items() for loaded in _instances(name, one))
    return reading


def studio(answer: Answer | None) -> dict[str, Studio] | None:
    """LM Studio's models of either list; None for any other.

    Unknown paths give 200 and an error, so the status says nothing.
    """
    raw = answer.json() if answer is not None and answer.ok else None
    second, first = decoding.member(raw, "models"), decoding.member(raw, "data")
    if isinstance(second, list) and second:
        found = decoding.parts(second, Studio)
        if all(one.key and one.loaded_instances is not None for one in found):
            return {name: one for one in found if (name := decoding.name(one.key))} or None
    if isinstance(first, list) and first:
        found = decoding.parts(first, Studio)
        if all(one.id and one.state in ("loaded", "not-loaded") for one in found):
            return {name: one for one in found if (name := decoding.name(one.id))} or None
    return None


def _offered(name: str, one: Studio) -> ServedModel:
    return ServedModel(
        name, decoding.positive(one.size_bytes), decoding.name(one.architecture or one.arch, 60),
        decoding.name(one.params_string, 30), context=decoding.positive(one.max_context_length),
    )  # fmt: skip


def _instances(name: str, one: Studio) -> list[LoadedModel]:
    if one.state == "loaded":
        return [LoadedModel(name, context=decoding.positive(one.loaded_context_length))]
    lengths = [(one.config or {}).get("context_length") for one in one.loaded_instances or ()]
    return [LoadedModel(name, context=decoding.positive(n if isinstance(n, int) else None)) for n in lengths]
