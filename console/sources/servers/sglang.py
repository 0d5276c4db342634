"""SGLang: readiness without work, queue, KV cache, and the memory it says it holds.

Never ``/health``: it generates a token and takes a second at least. Releases without ``/ready`` are asked for
``/model_info``. Its GETs that flush, pause or slow down are on no list. fact: gpu-model-servers 4.1, 4.2
"""

from __future__ import annotations

from . import decoding, lists, metrics
from .asking import Ask
from .reading import Counted, Look, Reading, Verdict, health

RUNNING, WAITING, CACHE = "sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:token_usage"
PROMPT, GENERATED = "sglang:prompt_tokens_total", "sglang:generation_tokens_total"
REQUESTS = "sglang:num_requests_total"
WEIGHTS, KV = "sglang:weight_memory_usage_gb", "sglang:kv_cache_memory_usage_gb"
WANTED = frozenset({RUNNING, WAITING, CACHE, PROMPT, GENERATED, REQUESTS, WEIGHTS, KV})
GB = 1 << 30
"""SGLang divides bytes by 2**30."""


async def read(ask: Ask, look: Look) -> Reading:
    """``/ready`` each time, or ``/model_info`` where there is none."""
    reading, answer = await health(ask, "/ready", "sglang", look)
    if answer is None:
        return reading
    if answer.status == 503:
        return reading.says(_not_ready(look))
    if answer.status == 404:
        reading, answer = await health(ask, "/model_info", "sglang", look)
        if answer is None:
            return reading
        known = isinstance(decoding.member(answer.json(), "model_path"), str)
        reading.mistaken = not (answer.refused or (answer.ok and known))
    elif not answer.ok:
        reading.mistaken = True
    if reading.mistaken:
        return reading
    if look.figures_due:
        await _figures(ask, reading)
    if look.lists_due:
        reading.models = await lists.models(ask)
        reading.loaded = lists.in_memory(reading.models)
    return reading


def _not_ready(look: Look) -> Verdict:
    """503 from ``/ready``: before the first time it is loading, after it the engine is gone."""
    was_up = look.before is not None and look.before.state in ("up", "busy", "wrong_key", "engine_dead")
    if was_up or (look.age is not None and not look.young):
        return Verdict("engine_dead", "the server answers, but is no longer ready (GET /ready: 503)", "read its log")
    return Verdict("loading", "not ready yet (GET /ready: 503)", "wait; its log tells how far it is")


async def _figures(ask: Ask, reading: Reading) -> None:
    answer = await ask.answer("/metrics")
    found = metrics.samples(answer.body, WANTED) if answer is not None and answer.ok else {}
    reading.counted = counted(found) if found else None


def counted(found: metrics.Samples) -> Counted:
    """Figures of all ranks together; of the caches the fullest."""
    return Counted(
        metrics.total(found, RUNNING), metrics.total(found, WAITING), metrics.share(found, CACHE),
        metrics.total(found, PROMPT), metrics.total(found, GENERATED), metrics.total(found, REQUESTS),
        _bytes(metrics.total(found, WEIGHTS)), _bytes(metrics.total(found, KV)),
    )  # fmt: skip


def _bytes(gigabytes: float | None) -> int | None:
    return decoding.positive(gigabytes * GB) if gigabytes is not None else None
