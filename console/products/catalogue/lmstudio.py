"""LM Studio: what is downloaded and what is in memory, by both generations of its own list.

fact: LM Studio's documentation of its REST API, v0 and v1
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, paths
from ..servers import decoding
from ..servers.asking import Ask, ServerAnswer


class LoadedInstance(Struct, frozen=True):
    """A model of LM Studio in memory."""

    id: str
    config: dict[str, Any] | None = None


class Studio(Struct, frozen=True):
    """A model of LM Studio: ``id`` and ``state`` in its first list, ``key`` and ``loaded_instances`` in the second."""

    id: str | None = None
    key: str | None = None
    state: str | None = None
    arch: str | None = None
    architecture: str | None = None
    params_string: str | None = None
    size_bytes: int | None = None
    max_context_length: int | None = None
    loaded_context_length: int | None = None
    loaded_instances: list[LoadedInstance] | None = None


async def sign(ask: Ask) -> Recognised | None:
    """By either of its own lists."""
    for path, told in (("/api/v1/models", "key, loaded_instances"), ("/api/v0/models", "state")):
        if studio(await ask.answer(path)):
            return Recognised("lmstudio", (f"GET {path}: {told}",))
    return None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:  # noqa: ARG001
    """Its own list says what is in memory; ``/v1/models`` would not. Asking for lists loads nothing."""
    found = studio(answer)
    if found is None and not answer.refused:
        found = studio(await ask.answer("/api/v0/models"))
    if found is None:
        return answer.refused
    reading.models = tuple(_offered(name, one) for name, one in found.items())
    reading.loaded = tuple(loaded for name, one in found.items() for loaded in _instances(name, one))
    return True


def studio(answer: ServerAnswer | None) -> dict[str, Studio] | None:
    """LM Studio's models of either list; None for any other.

    Unknown paths give 200 and an error, so the status says nothing.
    """
    raw = answer.json() if answer is not None and answer.ok else None
    second, first = decoding.member(raw, "models"), decoding.member(raw, "data")
    if isinstance(second, list) and second:
        found = decoding.parts(second, Studio)
        if all(one.key and one.loaded_instances is not None for one in found):
            return {name: one for one in found if (name := decoding.name(one.key))} or None
    if isinstance(first, list) and first:
        found = decoding.parts(first, Studio)
        if all(one.id and one.state in ("loaded", "not-loaded") for one in found):
            return {name: one for one in found if (name := decoding.name(one.id))} or None
    return None


def _offered(name: str, one: Studio) -> ServedModel:
    return ServedModel(
        name, decoding.positive(one.size_bytes), decoding.name(one.architecture or one.arch, 60),
        decoding.name(one.params_string, 30), context=decoding.positive(one.max_context_length),
    )  # fmt: skip


def _instances(name: str, one: Studio) -> list[LoadedModel]:
    if one.state == "loaded":
        return [LoadedModel(name, context=decoding.positive(one.loaded_context_length))]
    lengths = [(one.config or {}).get("context_length") for one in one.loaded_instances or ()]
    return [LoadedModel(name, context=decoding.positive(n if isinstance(n, int) else None)) for n in lengths]


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        server=ModelServer(
            product="lmstudio",
            port=1234,
            keyless=True,
            allowed=paths(keyed="/api/v1/models /api/v0/models /v1/models"),
            alive="/api/v1/models",
            read=read,
            memory="by-model",
            loads_when_asked=True,
            sign=sign,
            sign_paths=paths(keyed="/api/v1/models /api/v0/models"),
            sign_after={"list": 5, "other": 8},
            shut=(401, 403),
        ),
    ),
)
