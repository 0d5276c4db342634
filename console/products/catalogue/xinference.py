"""Xinference: its list holds running models only, with the GPUs they sit on.

Only GETs: a POST to the very path of the list launches a model.
fact: xinference 4.1 (api/restful_api.py, core/metrics.py)
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

MEMORY = "xinference:model_gpu_memory_used_bytes"
SERIES = {"running": ("xinference:model_serve_count",), "requests": ("xinference:model_request_total",)}
NAMES = ("model_uid", "uid", "model", "model_name")
"""Labels under which a series may name its model."""


class _Model(Struct, frozen=True):
    id: str | None = None
    model_type: str | None = None
    model_size_in_billions: float | None = None
    quantization: str | None = None
    context_length: int | None = None
    accelerators: list[Any] | None = None


async def sign(ask: Ask) -> Recognised | None:
    """It tells everybody whether it wants a login."""
    auth = decoding.member(await ask.json("/v1/cluster/auth"), "auth")
    return Recognised("xinference", ("GET /v1/cluster/auth: auth",)) if isinstance(auth, bool) else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """The list of running models each time."""
    running = models(answer)
    if running is None:
        return answer.refused
    memory = _held(await replies.scrape(ask, reading, SERIES, MEMORY)) if look.figures_due else {}
    reading.models = tuple(_served(name, one) for name, one in running.items())
    reading.loaded = tuple(_loaded(name, one, memory) for name, one in running.items())
    return True


def models(answer: ServerAnswer) -> dict[str, _Model] | None:
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


def _held(found: replies.Samples) -> dict[str, int]:
    """Bytes on GPUs by model."""
    held: dict[str, float] = {}
    for labels, value in found.get(MEMORY, ()):
        name = decoding.name(next((labels[label] for label in NAMES if label in labels), None))
        if name:
            held[name] = held.get(name, 0.0) + value
    return {name: size for name, value in held.items() if (size := decoding.positive(value)) is not None}


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="xinference",
        image_words="xinference",
        names="xinference",
        programs=("xinference-local", "xinference-supervisor", "xinference launch"),
        modules=r"xinference\.",
        server=ModelServer(
            product="xinference",
            image="xinference",
            command=r"\bxinference-(?:local|supervisor)\b",
            port=9997,
            port_options=("--port --http-port", "-p"),
            keyless=True,
            allowed=paths("/v1/cluster/auth /metrics", keyed="/v1/models"),
            read=read,
            memory="by-model",
            shares_memory=True,
            loads_when_asked=True,
            sign=sign,
            sign_paths=paths("/v1/cluster/auth"),
            sign_after={"list": 7, "wall": 5, "broken": 3, "other": 4},
            owner="xinference",
            shut=(401, 403),
            loads_first=True,
        ),
    ),
)
