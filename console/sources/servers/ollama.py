"""Ollama: models on disk, models in memory with their VRAM and when they leave. Never loads one (only POSTs do).

fact: gpu-model-servers 4.2: ``/api/ps`` figures can be far too low; there are no metrics; a full queue is 503.
"""

from __future__ import annotations

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from . import decoding
from .asking import Ask
from .reading import Look, Reading, Verdict, health

WRONG_NAME = Verdict(
    "up", "refuses the name in its address (403): it listens on loopback and takes local names only",
    "set OLLAMA_HOST=0.0.0.0",
)  # fmt: skip


class _Details(Struct, frozen=True):
    family: str | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None


class _Model(Struct, frozen=True):
    name: str | None = None
    model: str | None = None
    size: int | None = None
    size_vram: int | None = None
    expires_at: str | None = None
    context_length: int | None = None
    details: _Details | None = None


async def read(ask: Ask, look: Look) -> Reading:
    """``/api/ps`` each time; the version and ``/api/tags`` when due."""
    reading, answer = await health(ask, "/api/ps", "ollama", look)
    if answer is None:
        return reading
    if answer.status == 503:
        return reading.says(Verdict("busy", "its queue is full", "wait, or raise OLLAMA_MAX_QUEUE"))
    if answer.status == 403:
        return reading.says(WRONG_NAME)
    loaded = decoding.member(answer.json() if answer.ok else None, "models")
    if isinstance(loaded, list):
        reading.loaded = tuple(_loaded(one, look.now) for one in decoding.parts(loaded, _Model) if _name(one))
    elif answer.status != 404:  # fact: releases before 0.1.33 have no /api/ps
        reading.mistaken = True
        return reading
    else:
        reading.loaded = None
    if look.lists_due or reading.loaded is None:
        await _lists(ask, reading)
    return reading


async def _lists(ask: Ask, reading: Reading) -> None:
    reading.version = decoding.name(decoding.member(await ask.json("/api/version"), "version"), 60)
    found = decoding.member(await ask.json("/api/tags"), "models")
    if isinstance(found, list):
        reading.models = tuple(_served(one) for one in decoding.parts(found, _Model) if _name(one))
    elif reading.version is None:
        reading.mistaken = True


def _name(model: _Model) -> str:
    return decoding.name(model.name) or decoding.name(model.model) or ""


def _served(model: _Model) -> ServedModel:
    details = model.details or _Details()
    return ServedModel(
        _name(model), decoding.count(model.size), family=decoding.name(details.family, 60),
        parameters=decoding.name(details.parameter_size, 30),
        quantization=decoding.name(details.quantization_level, 30),
    )  # fmt: skip


def _loaded(model: _Model, now: float) -> LoadedModel:
    size, vram = decoding.count(model.size), decoding.count(model.size_vram)
    device = None
    if size and vram is not None:
        device = "CPU" if vram == 0 else "GPU" if vram >= size else f"{round(100 * vram / size)}% GPU"
    return LoadedModel(
        _name(model),
        size,
        vram,
        decoding.moment(model.expires_at, now),
        decoding.positive(model.context_length),
        device,
    )
