"""Servers that speak the language of OpenAI without saying who they are, and those nobody knows."""

from __future__ import annotations

from ...model import Product
from . import lists
from .asking import Ask
from .reading import Look, Reading, Verdict, health


async def read(ask: Ask, look: Look) -> Reading:
    """Somebody with a list of models, or somebody unknown: the list is all there is to ask for."""
    product: Product = ask.product or "unknown"
    reading, answer = await health(ask, "/v1/models", product, look)
    if answer is None:
        return reading
    reading.models = await lists.models(ask)
    if reading.models is None and not (product == "openai-compatible" and answer.refused):
        reading.mistaken = product == "openai-compatible"
        if product == "unknown" and not ask.key_refused:
            reading.says(
                Verdict("unknown", f"answers (GET /v1/models: {answer.status}), but not as a model server known here")
            )
    return reading
