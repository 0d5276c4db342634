"""LiteLLM's proxy: alive, ready, and which names it offers.

Never ``/health``, which calls every model there is, and never ``/health/drain``. fact: gpu-model-servers 4.2
"""

from __future__ import annotations

from . import decoding, lists
from .asking import Answer, Ask
from .reading import Look, Reading, Verdict, health

ALIVE = "I'm alive!"


def is_alive(answer: Answer | None) -> bool:
    """The words of ``/health/liveliness``."""
    return answer is not None and answer.ok and answer.words.strip('" ') == ALIVE


async def read(ask: Ask, look: Look) -> Reading:
    """``/health/liveliness`` each time; readiness and names when due."""
    reading, answer = await health(ask, "/health/liveliness", "litellm", look)
    if answer is None:
        return reading
    if not is_alive(answer):
        reading.mistaken = True
        return reading
    if look.lists_due:
        ready = await ask.answer("/health/readiness")
        if ready is not None:
            _ready(reading, ready)
        reading.models = await lists.models(ask)
    return reading


def _ready(reading: Reading, ready: Answer) -> None:
    raw = ready.json()
    reading.version = decoding.name(decoding.member(raw, "litellm_version"), 60)
    if ready.status == 503 or decoding.member(raw, "db") == "disconnected":
        reading.says(Verdict("up", "alive, but not ready: its database does not answer", "look at its database"))
