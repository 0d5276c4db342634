"""Xinference: its list holds running models only, with the GPUs they sit on.

Only GETs: a POST to the very path of the list launches a model. fact: gpu-model-servers 4.2
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from . import decoding, metrics
from .asking import Answer, Ask
from .reading import Counted, Look, Reading, health

MEMORY, SERVING = "xinference:model_gpu_memory_used_bytes", "xinference:model_serve_count"
REQUESTS = "xinference:model_request_total"
WANTED = frozenset({MEMORY, SERVING, REQUESTS})
NAMES = ("model_uid", "uid", "model", "model_name")
"""Labels under which a series may name its model."""


class _Model(Struct, frozen=True):
    id: str | None = None
    model_type: str | None = None
    model_size_in_billions: float | None = None
    quantization: str | None = None
    context_length: int | None = None
    accelerators: list[Any] | None = None


async def read(ask: Ask, look: Look) -> Reading:
    """The list of running models each time."""
    reading, answer = await health(ask, "/v1/models", "xinference", look)
    if answer is None:
        return reading
    running = models(answer)
    if running is None:
        reading.mistaken = not answer.refused
        return reading
    memory = await _figures(ask, reading) if look.figures_due else {}
    reading.models = tuple(_served(name, one) for name, one in running.items())
    reading.loaded = tuple(_loaded(name, one, memory) for name, one in running.items())
    return reading


def models(answer: Answer) -> dict[str, _Model] | None:
    """Running models by uid, of today's list and of the older object by uid; None for neither."""
    raw = answer.json() if answer.ok else None
    data = decoding.member(raw, "data")
    if isinstance(data, list):
        return {uid: one for one in decoding.parts(data, _Model) if (uid := decoding.name(one.id))}
    if not isinstance(raw, dict) or not all(isinstance(one, dict) and "model_type" in one for one in raw.values()):
        return None
    entries = list(raw.items())[: decoding.ENTRIES]
    found = {decoding.name(uid): decoding.part(one, _Model) for uid, one in entries}
    return {uid: one for uid, one in found.items() if uid and one is not None}


def _served(name: str, one: _Model) -> ServedModel:
    billions = one.model_size_in_billions
    return ServedModel(
        name, family=decoding.name(one.model_type, 60),
        parameters=decoding.parameters(billions * 1e9 if billions else None),
        quantization=decoding.name(one.quantization, 30), context=decoding.positive(one.context_length),
    )  # fmt: skip


def _loaded(name: str, one: _Model, memory: dict[str, int]) -> LoadedModel:
    cards = [str(card) for card in one.accelerators or () if isinstance(card, int | str)][:16]
    device = decoding.name(f"GPU {', '.join(cards)}", 60) if cards else None
    return LoadedModel(name, size_vram=memory.get(name), context=decoding.positive(one.context_length), device=device)


async def _figures(ask: Ask, reading: Reading) -> dict[str, int]:
    """Reads the metrics; bytes on GPUs by model."""
    answer = await ask.answer("/metrics")
    found = metrics.samples(answer.body, WANTED) if answer is not None and answer.ok else {}
    reading.counted = None
    if found:
        reading.counted = Counted(metrics.total(found, SERVING), requests=metrics.total(found, REQUESTS))
    held: dict[str, float] = {}
    for labels, value in found.get(MEMORY, ()):
        name = decoding.name(next((labels[label] for label in NAMES if label in labels), None))
        if name:
            held[name] = held.get(name, 0.0) + value
    return {name: size for name, value in held.items() if (size := decoding.positive(value)) is not None}
