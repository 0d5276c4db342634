"""Ollama: models on disk, models in memory with their VRAM and when they leave. Never loads one (only POSTs do).

``/api/ps`` figures can be far too low (ollama issue 17251); there are no metrics; a full queue is 503.
fact: ollama/ollama server/routes.go, envconfig
"""

from __future__ import annotations

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from ...text import N_
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, ServerVerdict, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

WRONG_NAME = ServerVerdict(
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


async def sign(ask: Ask) -> Recognised | None:
    """By two of its paths. Its list owns by ``library`` or a part of the name, and every name has a tag."""
    listed = replies.cards(await ask.answer("/v1/models")) or []
    if not all(":" in card.id and (card.owned_by or "library") in ("library", *card.id.split("/")) for card in listed):
        return None
    version = await replies.version(ask, "/api/version")
    if version is None:
        return None
    tags = await ask.json("/api/tags")
    if isinstance(tags, dict) and "models" in tags and isinstance(tags["models"], list | None):
        return Recognised("ollama", (f'GET /api/version: "{version}"', "GET /api/tags: models"))
    return None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/api/ps`` each time; the version and ``/api/tags`` when due."""
    if answer.status in (403, 503):
        full = ServerVerdict("busy", N_("its queue is full"), N_("wait, or raise OLLAMA_MAX_QUEUE"))
        reading.says(full if answer.status == 503 else WRONG_NAME)
        return True
    loaded = decoding.member(answer.json() if answer.ok else None, "models")
    if isinstance(loaded, list):
        reading.loaded = tuple(_loaded(one, look.now) for one in decoding.parts(loaded, _Model) if _name(one))
    elif answer.status != 404:  # fact: releases before 0.1.33 have no /api/ps
        return False
    else:
        reading.loaded = None
    if not look.lists_due and reading.loaded is not None:
        return True
    reading.version = await replies.version(ask, "/api/version")
    found = decoding.member(await ask.json("/api/tags"), "models")
    if isinstance(found, list):
        reading.models = tuple(_served(one) for one in decoding.parts(found, _Model) if _name(one))
    return isinstance(found, list) or reading.version is not None


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


DESCRIPTORS = (
    Descriptor(
        role="ollama",
        images="ollama",
        names="ollama",
        programs=("ollama serve",),
        clients="pull create cp rm run",
        servers="serve",
        server=ModelServer(
            product="ollama",
            image="ollama",
            command=r"(?:^|[\s/])ollama serve\b",
            port=11434,
            port_options=(),
            address_variables=("OLLAMA_HOST",),
            port_variables=(),
            host_variable="OLLAMA_HOST",
            keyless=True,
            allowed=paths("/api/version /api/tags /api/ps"),
            alive="/api/ps",
            read=read,
            memory="by-model",
            loads_when_asked=True,
            sign=sign,
            sign_paths=paths("/api/version /api/tags"),
            sign_after={"list": 3, "other": 5},
            shut=(403,),
            shut_verdict=WRONG_NAME,
        ),
    ),
)
