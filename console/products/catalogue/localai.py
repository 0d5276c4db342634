"""LocalAI: which models it offers and which of its backends are running, with their memory where it says so.

It serves Ollama's routes too; since 4.9 everything but a few paths wants the key.
fact: mudler/LocalAI core/http/routes, core/http/auth
"""

from __future__ import annotations

from msgspec import Struct

from ...model import LoadedModel
from ..descriptor import Descriptor, ModelServer, ReaderContext, Reading, Recognised, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer


class _Loaded(Struct, frozen=True):
    id: str
    size_vram: int | None = None


async def sign(ask: Ask) -> Recognised | None:
    """By its own document and its backends."""
    known = await ask.json("/.well-known/localai.json")
    document = isinstance(known, dict) and known and "error" not in known
    system = await ask.answer("/system")
    if system is None:
        return None
    raw = system.json() if system.ok else None
    if isinstance(raw, dict) and isinstance(raw.get("backends"), list) and "loaded_models" in raw:
        return Recognised("localai", ("GET /system: backends, loaded_models",))
    if document and system.refused:
        return Recognised("localai", ("GET /.well-known/localai.json", f"GET /system: {system.status}"))
    return None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/readyz`` and the running backends each time."""
    if not (answer.ok or answer.refused) or answer.body.lstrip()[:1] == b"<":
        return False
    loaded = decoding.member(await ask.json("/system"), "loaded_models")
    if isinstance(loaded, list):
        reading.loaded = tuple(_loaded(one) for one in decoding.parts(loaded, _Loaded))
    if look.lists_due:
        reading.version = await replies.version(ask)
        reading.models = await replies.models(ask)
    return True


def _loaded(one: _Loaded) -> LoadedModel:
    return LoadedModel(decoding.name(one.id) or "?", size_vram=decoding.positive(one.size_vram))


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="localai local-ai",
        image_words="localai",
        names="localai",
        programs=("local-ai",),
        server=ModelServer(
            product="localai",
            image="localai|local-ai",
            command=r"(?:^|[\s/])local-ai\b",
            port=8080,
            address_option="--address",
            address_variables=("LOCALAI_ADDRESS", "ADDRESS"),
            key_variables=("LOCALAI_API_KEY", "API_KEY"),
            allowed=paths("/readyz", keyed="/version /system /v1/models"),
            alive="/readyz",
            read=read,
            memory="by-model",
            loads_when_asked=True,
            sign=sign,
            sign_paths=paths("/.well-known/localai.json", keyed="/system"),
            sign_after={"list": 2, "wall": 6, "other": 9},
            imitates=("ollama",),
            shut=(401, 403),
        ),
    ),
)
