"""FastChat: the names its controller knows. Controller and workers are asked by POST only, so not at all."""

from __future__ import annotations

from . import lists
from .asking import Ask
from .reading import Look, Reading, health


async def read(ask: Ask, look: Look) -> Reading:
    """Its list asks the controller to look for workers, so it is read only when due; else its fixed document."""
    reading, answer = await health(ask, "/v1/models" if look.lists_due else "/openapi.json", "fastchat", look)
    if answer is None:
        return reading
    if look.lists_due:
        reading.models = await lists.models(ask)
        reading.mistaken = reading.models is None and not answer.refused
    else:
        reading.mistaken = not answer.ok
    return reading
