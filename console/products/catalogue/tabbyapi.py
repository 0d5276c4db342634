"""TabbyAPI: its health is open to everybody, its models to who has the key.

fact: theroyallab/tabbyAPI endpoints/core/router.py, common/auth.py
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel
from ...text import N_
from ..descriptor import LISTED, Descriptor, ModelServer, ReaderContext, Reading, Recognised, ServerVerdict, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer


class Tabby(Struct, frozen=True):
    """TabbyAPI's current model."""

    id: str
    owned_by: str | None = None
    parameters: dict[str, Any] | None = None


async def sign(ask: Ask) -> Recognised | None:
    """By the owner of its current model, or by its words about keys."""
    first = await ask.answer("/v1/models")
    detail = decoding.member(first.json(), "detail") if first is not None and first.refused else None
    if first is not None and detail in ("Please provide an API key", "Invalid API key"):
        return Recognised("tabbyapi", (f'{LISTED}: {first.status} "{detail}"',))
    one = decoding.part(await ask.json("/v1/model"), Tabby)
    owned = one is not None and one.owned_by == "tabbyAPI"
    return Recognised("tabbyapi", ('GET /v1/model: owned_by "tabbyAPI"',)) if owned else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/health`` each time, open to everybody; model and list when due, for who has the key."""
    status = decoding.member(answer.json(), "status")
    if status == "unhealthy":
        reading.says(ServerVerdict("engine_dead", N_("says that it is unhealthy"), N_("read its log")))
        return True
    if not answer.ok or status != "healthy":
        return False
    if look.lists_due:
        current = await ask.answer("/v1/model")
        one = decoding.part(current.json(), Tabby) if current is not None and current.ok else None
        name = decoding.name(one.id) if one else None
        reading.models = await replies.models(ask)
        if one is not None and name:
            length = (one.parameters or {}).get("max_seq_len")
            reading.loaded = (
                LoadedModel(name, context=decoding.positive(length if isinstance(length, int) else None)),
            )
        elif current is not None and not current.refused:
            reading.loaded = ()  # fact: without a model the path is an error
    return True


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="tabbyapi",
        server=ModelServer(
            product="tabbyapi",
            image="tabbyapi",
            port=5000,
            keyless=True,
            allowed=paths("/health", keyed="/v1/model /v1/models"),
            alive="/health",
            read=read,
            memory="fixed",
            sign=sign,
            sign_paths=paths(keyed="/v1/model"),
            sign_after={"list": 8, "wall": 2},
            owner="tabbyAPI",
            shut=(401, 403),
            loads_first=True,
        ),
    ),
)
