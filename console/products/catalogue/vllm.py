"""vLLM: engine health, queue, KV cache, counters, by both generations of metric names.

``/health`` generates nothing and is 503 when the engine is dead; with ``--api-key`` only ``/v1`` wants the key; while
loading the port refuses. fact: vllm 0.33 (entrypoints/openai/api_server.py, v1/metrics/loggers.py)
"""

from __future__ import annotations

from ...model import LoadedModel
from ...text import N_
from ..descriptor import LISTED, Descriptor, ModelServer, ReaderContext, Reading, Recognised, ServerVerdict, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

SLEEP = "vllm:engine_sleep_state"
SERIES = {
    "running": ("vllm:num_requests_running",),
    "waiting": ("vllm:num_requests_waiting",),
    "kv_cache": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
    "prompt_tokens": ("vllm:prompt_tokens_total",),
    "generated_tokens": ("vllm:generation_tokens_total",),
    "requests": ("vllm:request_success_total",),
}


async def sign(ask: Ask) -> Recognised | None:
    """Two that want a key, vLLM and SGLang: both say ``Unauthorized``, but vLLM tells its version to everybody."""
    first = await ask.answer("/v1/models")
    if first is None or decoding.member(first.json(), "error") != "Unauthorized":
        return None
    said = f'{LISTED}: {first.status} {{"error":"Unauthorized"}}'
    if decoding.name(decoding.member(await ask.json("/version"), "version")):
        return Recognised("vllm", (said, "GET /version: open to everybody"))
    ready = await ask.answer("/ready")
    if ready is not None and ready.status in (200, 503):
        return Recognised("sglang", (said, f"GET /ready: {ready.status}"))
    return None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/health`` each time, metrics where they are, the version and the models when due."""
    if answer.status == 503:
        reason = N_("the server answers, but its engine is dead (GET /health: 503)")
        reading.says(
            ServerVerdict("engine_dead", reason, N_("its log has the cause above the last error; then restart it"))
        )
        return True
    if not answer.ok or answer.body.strip():
        return False
    found = await replies.scrape(ask, reading, SERIES, SLEEP) if look.figures_due else {}
    if look.lists_due:
        reading.version = await replies.version(ask)
        cards = replies.cards(await ask.answer("/v1/models"))
        if cards is not None:
            reading.models = replies.served(cards)
            base = replies.served([card for card in cards if card.parent is None])  # a LoRA names its parent
            reading.loaded = tuple(LoadedModel(one.name, context=one.context) for one in base)
    asleep = {labels.get("sleep_state") for labels, value in found.get(SLEEP, ()) if value == 1}
    if asleep & {"weights_offloaded", "discard_all"}:
        reading.loaded, reading.reason = (), N_("asleep: its weights are not on the GPU")
    return True


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="vllm vllm-openai vllm-openai-rocm vllm-ascend",
        image_words="vllm",
        names="vllm",
        programs=("vllm serve",),
        modules=r"vllm\.entrypoints",
        scripts="api_server",
        apps="api_server",
        server=ModelServer(
            product="vllm",
            image=r"vllm(?:[-_](?:openai|ascend|cpu|rocm|tpu|xpu))*",
            command=r"(?:^|[\s/])vllm serve\b|\bvllm\.entrypoints\.",
            port=8000,
            port_variables=(),
            key_variables=("VLLM_API_KEY",),
            allowed=paths("/health /version /metrics", keyed="/v1/models"),
            alive="/health",
            read=read,
            memory="fixed",
            shares_memory=True,
            sign=sign,
            sign_paths=paths("/version /ready"),
            sign_after={"wall": 1},
            owner="vllm",
            shut=(401, 403),
            loads_first=True,
        ),
    ),
)
