"""SGLang: readiness without work, queue, KV cache, and the memory it says it holds.

Never ``/health``: it generates a token and takes a second at least. Releases without ``/ready`` are asked for
``/model_info``. Its GETs that flush, pause or slow down are on no list.
fact: sglang 0.5.23 (srt/entrypoints/http_server.py, srt/metrics/collector.py)
"""

from __future__ import annotations

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
    "running": ("sglang:num_running_reqs",),
    "waiting": ("sglang:num_queue_reqs",),
    "kv_cache": ("sglang:token_usage",),
    "prompt_tokens": ("sglang:prompt_tokens_total",),
    "generated_tokens": ("sglang:generation_tokens_total",),
    "requests": ("sglang:num_requests_total",),
    "weights_memory": ("sglang:weight_memory_usage_gb",),
    "cache_memory": ("sglang:kv_cache_memory_usage_gb",),
}
GB = 1 << 30
"""SGLang divides bytes by 2**30."""


async def sign(ask: Ask) -> Recognised | None:
    """By its own path."""
    raw = await ask.json("/model_info")
    if isinstance(decoding.member(raw, "model_path"), str) and "is_generation" in raw:
        return Recognised("sglang", ("GET /model_info: model_path, is_generation",))
    return None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/ready`` each time, or ``/model_info`` where there is none."""
    if answer.status == 503:
        reading.says(_not_ready(look))
        return True
    if answer.status == 404:
        told = await health(ask, "/model_info", look, reading)
        if told is None:
            return True
        if not (told.refused or (told.ok and isinstance(decoding.member(told.json(), "model_path"), str))):
            return False
    elif not answer.ok:
        return False
    if look.figures_due:
        await replies.scrape(ask, reading, SERIES)
        if isinstance(reading.counted, Counted):
            weights, cache = reading.counted.weights_memory, reading.counted.cache_memory
            reading.counted = reading.counted._replace(weights_memory=_bytes(weights), cache_memory=_bytes(cache))
    if look.lists_due:
        reading.models = await replies.models(ask)
        reading.loaded = replies.in_memory(reading.models)
    return True


def _bytes(gigabytes: float | None) -> int | None:
    return decoding.positive(gigabytes * GB) if gigabytes is not None else None


def _not_ready(look: ReaderContext) -> ServerVerdict:
    """503 from ``/ready``: before the first time it is loading, after it the engine is gone."""
    was_up = look.before is not None and look.before.state in ("up", "busy", "wrong_key", "engine_dead")
    if was_up or (look.age is not None and not look.young):
        return ServerVerdict(
            "engine_dead", N_("the server answers, but is no longer ready (GET /ready: 503)"), N_("read its log")
        )
    return ServerVerdict("loading", N_("not ready yet (GET /ready: 503)"), N_("wait; its log tells how far it is"))


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="sglang",
        image_words="sglang",
        names="sglang",
        modules=r"sglang\.launch_server|sglang_router",
        server=ModelServer(
            product="sglang",
            image="sglang",
            command=r"\bsglang\.launch_server\b|(?:^|[\s/])sglang serve\b",
            port=30000,
            port_variables=(),
            key_variables=("SGLANG_API_KEY",),
            allowed=paths("/ready /metrics", keyed="/model_info /v1/models"),
            alive="/ready",
            read=read,
            memory="fixed",
            shares_memory=True,
            sign=sign,
            sign_paths=paths(keyed="/model_info"),
            sign_after={"wall": 7},
            owner="sglang",
            imitates=("ollama",),
            shut=(401, 403),
            loads_first=True,
        ),
    ),
)
