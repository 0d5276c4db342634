"""LocalAI: which models it offers and which of its backends are running, with their memory where it says so.

fact: gpu-model-servers 4.2: it serves Ollama's routes too; since 4.9 everything but a few paths wants the key.
"""

from __future__ import annotations

from msgspec import Struct

from ...model import LoadedModel
from . import decoding, lists
from .asking import Ask
from .reading import Look, Reading, health


class _Loaded(Struct, frozen=True):
    id: str
    backend: str | None = None
    size_vram: int | None = None


async def read(ask: Ask, look: Look) -> Reading:
    """``/readyz`` and the running backends each time."""
    reading, answer = await health(ask, "/readyz", "localai", look)
    if answer is None:
        return reading
    if not (answer.ok or answer.refused) or answer.body.lstrip()[:1] == b"<":
        reading.mistaken = True
        return reading
    loaded = decoding.member(await ask.json("/system"), "loaded_models")
    if isinstance(loaded, list):
        reading.loaded = tuple(_loaded(one) for one in decoding.parts(loaded, _Loaded))
    if look.lists_due:
        reading.version = decoding.name(decoding.member(await ask.json("/version"), "version"), 60)
        reading.models = await lists.models(ask)
    return reading


def _loaded(one: _Loaded) -> LoadedModel:
    return LoadedModel(decoding.name(one.id) or "?", size_vram=decoding.positive(one.size_vram))


def is_system(raw: object) -> bool:
    """Whether that is the ``/system`` of a LocalAI."""
    return isinstance(decoding.member(raw, "backends"), list) and "loaded_models" in (
        raw if isinstance(raw, dict) else ()
    )
