"""Infinity: embeddings and reranking with the depth of the queue in the list of models.

fact: michaelfeil/infinity infinity_server.py
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from ..descriptor import Counted, Descriptor, ModelServer, ReaderContext, Reading, Recognised, paths
from ..servers import decoding
from ..servers.asking import Ask, ServerAnswer


class Queue(Struct, frozen=True):
    """``stats`` of one of Infinity's models."""

    queue_absolute: float | None = None
    results_pending: float | None = None


class Infinite(Struct, frozen=True):
    """One of Infinity's models."""

    id: str
    owned_by: str | None = None
    device: str | None = None
    dtype: str | None = None
    stats: Queue | None = None


async def sign(ask: Ask) -> Recognised | None:
    """By its list, which stands at ``/models``, or ``Unauthorized`` in FastAPI's way where its image says the same."""
    answer = await ask.answer("/models")
    if infinite(answer):
        return Recognised("infinity", ('GET /models: owned_by "infinity"',))
    refused = answer is not None and answer.refused and decoding.member(answer.json(), "detail") == "Unauthorized"
    if refused and ask.candidate.hint == "infinity":
        return Recognised("infinity", ('GET /models: "Unauthorized"',))
    return None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:  # noqa: ARG001
    """``/health`` is a clock; the list has the queue, so it is read each time."""
    if not answer.ok or not isinstance(decoding.member(answer.json(), "unix"), int | float):
        return False
    listed = await ask.answer("/models")
    found = infinite(listed)
    if found is None and listed is not None and not listed.refused:
        found = infinite(await ask.answer("/v1/models"))  # started with --url-prefix /v1
    if found is not None:
        reading.models = tuple(ServedModel(n, quantization=decoding.name(one.dtype, 30)) for n, one in found.items())
        reading.loaded = tuple(LoadedModel(n, device=decoding.name(one.device, 30)) for n, one in found.items())
        queues = [one.stats for one in found.values() if one.stats is not None]
        running, waiting = _sum(one.results_pending for one in queues), _sum(one.queue_absolute for one in queues)
        reading.counted = Counted(running, waiting) if queues else None
    return True


def infinite(answer: ServerAnswer | None) -> dict[str, Infinite] | None:
    """Infinity's models by name; None for any other list."""
    data = decoding.member(answer.json() if answer is not None and answer.ok else None, "data")
    found = decoding.parts(data, Infinite)
    if not found or any(one.owned_by != "infinity" and one.stats is None for one in found):
        return None
    return {name: one for one in found if (name := decoding.name(one.id))}


def _sum(numbers: Any) -> float | None:  # noqa: ANN401 - numbers and None
    known = [number for number in numbers if decoding.count(number) is not None]
    return sum(known) if known else None


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="infinity",
        image_words="infinity",
        programs=("infinity_emb",),
        modules="infinity_emb",
        apps=r"infinity_emb\S*",
        server=ModelServer(
            product="infinity",
            image="(?:michaelf34/)infinity|infinity[-_]emb",
            command=r"\binfinity_emb\b",
            port=7997,
            key_variables=("INFINITY_API_KEY",),
            allowed=paths("/health", keyed="/models /v1/models"),
            alive="/health",
            read=read,
            memory="fixed",
            vectors=True,
            sign=sign,
            sign_paths=paths(keyed="/models"),
            sign_after={"wall": 8, "other": 3},
            owner="infinity",
            shut=(401, 403),
            loads_first=True,
        ),
    ),
)
