"""vLLM: engine health, queue, KV cache, counters, by both generations of metric names.

fact: gpu-model-servers 4.2: ``/health`` generates nothing and is 503 when the engine is dead; with ``--api-key`` only
``/v1`` wants the key; while loading the port refuses.
"""

from __future__ import annotations

from ...model import LoadedModel
from . import decoding, lists, metrics
from .asking import Ask
from .reading import Counted, Look, Reading, Verdict, health

RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
CACHE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
"""Today's name, and that of releases before the rename."""
PROMPT, GENERATED = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
REQUESTS, SLEEP = "vllm:request_success_total", "vllm:engine_sleep_state"
WANTED = frozenset({RUNNING, WAITING, *CACHE, PROMPT, GENERATED, REQUESTS, SLEEP})


async def read(ask: Ask, look: Look) -> Reading:
    """``/health`` each time, metrics where they are, the version and the models when due."""
    reading, answer = await health(ask, "/health", "vllm", look)
    if answer is None:
        return reading
    if answer.status == 503:
        reason = "the server answers, but its engine is dead (GET /health: 503)"
        return reading.says(
            Verdict("engine_dead", reason, "its log has the cause above the last error; then restart it")
        )
    if not answer.ok or answer.body.strip():
        reading.mistaken = True
        return reading
    asleep = await _figures(ask, reading) if look.figures_due else None
    if look.lists_due:
        await _lists(ask, reading)
    if asleep:
        reading.loaded, reading.reason = (), "asleep: its weights are not on the GPU"
    return reading


async def _figures(ask: Ask, reading: Reading) -> bool:
    """Reads the metrics; whether the engine sleeps."""
    answer = await ask.answer("/metrics")
    found = metrics.samples(answer.body, WANTED) if answer is not None and answer.ok else {}
    reading.counted = counted(found) if found else None
    return any(
        labels.get("sleep_state") in ("weights_offloaded", "discard_all") and value == 1
        for labels, value in found.get(SLEEP, ())
    )


def counted(found: metrics.Samples) -> Counted:
    """Figures of all models and engines together; of the caches the fullest."""
    return Counted(
        metrics.total(found, RUNNING), metrics.total(found, WAITING), metrics.share(found, *CACHE),
        metrics.total(found, PROMPT), metrics.total(found, GENERATED), metrics.total(found, REQUESTS),
    )  # fmt: skip


async def _lists(ask: Ask, reading: Reading) -> None:
    reading.version = decoding.name(decoding.member(await ask.json("/version"), "version"), 60)
    found = lists.cards(await ask.answer("/v1/models"))
    if found is not None:
        reading.models = lists.served(found)
        base = lists.served([card for card in found if card.parent is None])  # a LoRA names its parent
        reading.loaded = tuple(LoadedModel(one.name, context=one.context) for one in base)
