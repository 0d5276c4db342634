"""Text Generation Inference and Text Embeddings Inference, told apart by what ``/info`` says.

When the last request failed, ``/health`` of both runs a small forward pass to see whether the next one would; so after
a 503 it is not asked again before their own counters say that a request succeeded.
fact: huggingface/text-embeddings-inference router/src/http/server.rs, text-generation-inference router/src/server.rs
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ...model import LoadedModel, Product, ServedModel
from ...text import N_
from ..descriptor import (
    Counted,
    Descriptor,
    ModelServer,
    ReaderContext,
    Reading,
    Recognised,
    ServerVerdict,
    health,
    paths,
)
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

SERIES = {
    "running": ("tgi_batch_current_size",),
    "waiting": ("tgi_queue_size", "te_queue_size"),
    "generated_tokens": ("tgi_request_generated_tokens_sum",),
    "requests": ("tgi_request_success", "te_request_success"),
}
Which = Literal["tgi", "tei"]


class ServerInfo(Struct, frozen=True):
    """``/info`` of either."""

    model_id: str
    served_model_name: str | None = None
    model_dtype: str | None = None
    version: str | None = None
    max_total_tokens: int | None = None
    max_input_length: int | None = None


async def sign(ask: Ask) -> Recognised | None:
    """Either, by what ``/info`` holds."""
    which = which_of(await ask.json("/info"))
    told = {"tgi": "model_id, model_sha or max_total_tokens", "tei": "model_id, model_type or tokenization_workers"}
    return Recognised(which, (f"GET /info: {told[which]}",)) if which else None


def _was_dead(look: ReaderContext) -> bool:
    return look.before is not None and look.before.state == "engine_dead"


async def read(ask: Ask, look: ReaderContext, reading: Reading, first: ServerAnswer) -> bool:
    """Health each time; of one that was dead the counters first, which cost nothing."""
    dead, answer = _was_dead(look), first
    if dead or look.figures_due:
        await replies.scrape(ask, reading, SERIES)
    if dead and not _worked_since(look, reading):
        reading.says(_dead())
        return True
    if dead:
        again = await health(ask, "/health", look, reading)
        if again is None:
            return True
        answer = again
    if answer.status == 503:
        reading.says(_dead())
        return True
    if not answer.ok or answer.body.strip():
        return False
    return await _info(ask, reading, look.server.product) if look.lists_due else True


def _dead() -> ServerVerdict:
    return ServerVerdict(
        "engine_dead", N_("the server answers, but its last request failed in the model (GET /health: 503)"),
        N_("read its log: often the GPU's memory was full; restart it"),
    )  # fmt: skip


def _worked_since(look: ReaderContext, reading: Reading) -> bool:
    """A request succeeded since it was found dead, or it started anew: asking for its health costs nothing then."""
    before = look.before.figures if look.before else None
    now = reading.counted
    if before is None or before.requests is None or not isinstance(now, Counted) or now.requests is None:
        return look.slow  # it keeps no count: the only way to learn that it recovered
    return now.requests != before.requests


async def _info(ask: Ask, reading: Reading, product: Product) -> bool:
    answer = await ask.answer("/info")
    raw = answer.json() if answer is not None and answer.ok else None
    if raw is not None and which_of(raw) not in (product, None):
        return False
    info = decoding.part(raw, ServerInfo)
    name = decoding.name(info.served_model_name or info.model_id) if info else None
    if info is not None and name is not None:
        reading.version = decoding.name(info.version, 60)
        context = decoding.positive(info.max_total_tokens or info.max_input_length)
        reading.models = (ServedModel(name, quantization=decoding.name(info.model_dtype, 30), context=context),)
        reading.loaded = (LoadedModel(name, context=context),)
    return True


def which_of(raw: object) -> Which | None:
    """Whose ``/info`` that is; None for anything else."""
    info = decoding.part(raw, ServerInfo)
    if info is None or not isinstance(raw, dict):
        return None
    if "model_type" in raw or "tokenization_workers" in raw:
        return "tei"
    return "tgi" if "model_sha" in raw or "max_total_tokens" in raw else None


def _server(product: Which, image: str, command: str) -> ModelServer:
    return ModelServer(
        product=product,
        image=image,
        command=command,
        any_name=True,
        port=80,
        native_ports=(3000,),
        key_variables=("API_KEY",),
        allowed=paths("/health /metrics", keyed="/info"),
        alive=lambda look: "/metrics" if _was_dead(look) else "/health",
        read=read,
        memory="fixed",
        vectors=product == "tei",
        shares_memory=product == "tgi",
        sign=sign,
        sign_paths=paths(keyed="/info"),
        sign_after={"list": 4, "broken": 2, "other": 2},
        shut=(401, 403),
        loads_first=True,
    )


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="text-generation-inference",
        programs=("text-generation-launcher", "text-generation-router"),
        server=_server("tgi", "text-generation-inference", r"\btext-generation-(?:launcher|router)\b"),
    ),
    Descriptor(
        role="model_server",
        images="text-embeddings-inference",
        programs=("text-embeddings-router",),
        server=_server("tei", "text-embeddings-inference", r"\btext-embeddings-router\b"),
    ),
)
