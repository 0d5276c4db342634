"""TabbyAPI: its health is open to everybody, its models to who has the key.

fact: gpu-model-servers 4.2
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel
from . import decoding, lists
from .asking import Ask
from .reading import Look, Reading, Verdict, health


class Tabby(Struct, frozen=True):
    """TabbyAPI's current model."""

    id: str
    owned_by: str | None = None
    parameters: dict[str, Any] | None = None


async def read(ask: Ask, look: Look) -> Reading:
    """``/health`` each time, open to everybody; model and list when due, for who has the key."""
    reading, answer = await health(ask, "/health", "tabbyapi", look)
    if answer is None:
        return reading
    status = decoding.member(answer.json(), "status")
    if status == "unhealthy":
        return reading.says(Verdict("engine_dead", "says that it is unhealthy", "read its log"))
    if not answer.ok or status != "healthy":
        reading.mistaken = True
        return reading
    if look.lists_due:
        current = await ask.answer("/v1/model")
        one = decoding.part(current.json(), Tabby) if current is not None and current.ok else None
        name = decoding.name(one.id) if one else None
        reading.models = await lists.models(ask)
        if one is not None and name:
            length = (one.parameters or {}).get("max_seq_len")
            reading.loaded = (
                LoadedModel(name, context=decoding.positive(length if isinstance(length, int) else None)),
            )
        elif current is not None and not current.refused:
            reading.loaded = ()  # fact: without a model the path is an error
    return reading
