"""Text Generation Inference and Text Embeddings Inference, told apart by what ``/info`` says.

When the last request failed, ``/health`` of both runs a small forward pass to see whether the next one would; so after
a 503 it is not asked again before their own counters say that a request succeeded. fact: gpu-model-servers 4.2 (TEI)
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from . import decoding, metrics
from .asking import Ask
from .reading import Counted, Look, Reading, Verdict, health

RUNNING, GENERATED = "tgi_batch_current_size", "tgi_request_generated_tokens_sum"
WAITING = ("tgi_queue_size", "te_queue_size")
SUCCEEDED = ("tgi_request_success", "te_request_success")
WANTED = frozenset({RUNNING, GENERATED, *WAITING, *SUCCEEDED})
Which = Literal["tgi", "tei"]


class Info(Struct, frozen=True):
    """``/info`` of either."""

    model_id: str
    served_model_name: str | None = None
    model_dtype: str | None = None
    model_sha: str | None = None
    version: str | None = None
    max_total_tokens: int | None = None
    max_input_length: int | None = None


async def read_tgi(ask: Ask, look: Look) -> Reading:
    """TGI."""
    return await _read("tgi", ask, look)


async def read_tei(ask: Ask, look: Look) -> Reading:
    """TEI."""
    return await _read("tei", ask, look)


async def _read(which: Which, ask: Ask, look: Look) -> Reading:
    dead = look.before is not None and look.before.state == "engine_dead"
    reading, answer = await health(ask, "/metrics" if dead else "/health", which, look)
    if answer is None:
        return reading
    if dead or look.figures_due:
        await _figures(ask, reading)
    if dead and not _worked_since(look, reading):
        return reading.says(_dead())
    if dead:
        reading, answer = await health(ask, "/health", which, look)
        if answer is None:
            return reading
    if answer.status == 503:
        return reading.says(_dead())
    if not answer.ok or answer.body.strip():
        reading.mistaken = True
        return reading
    if look.lists_due:
        await _info(which, ask, reading)
    return reading


def _dead() -> Verdict:
    return Verdict(
        "engine_dead", "the server answers, but its last request failed in the model (GET /health: 503)",
        "read its log: often the GPU's memory was full; restart it",
    )  # fmt: skip


def _worked_since(look: Look, reading: Reading) -> bool:
    """A request succeeded since it was found dead, or it started anew: asking for its health costs nothing then."""
    before = look.before.figures if look.before else None
    now = reading.counted
    if before is None or before.requests is None or not isinstance(now, Counted) or now.requests is None:
        return look.slow  # it keeps no count: the only way to learn that it recovered
    return now.requests != before.requests


async def _figures(ask: Ask, reading: Reading) -> None:
    answer = await ask.answer("/metrics")
    found = metrics.samples(answer.body, WANTED) if answer is not None and answer.ok else {}
    reading.counted = None
    if found:
        reading.counted = Counted(
            metrics.total(found, RUNNING), metrics.total(found, *WAITING),
            generated_tokens=metrics.total(found, GENERATED), requests=metrics.total(found, *SUCCEEDED),
        )  # fmt: skip


async def _info(which: Which, ask: Ask, reading: Reading) -> None:
    answer = await ask.answer("/info")
    raw = answer.json() if answer is not None and answer.ok else None
    if raw is not None and which_of(raw) not in (which, None):
        reading.mistaken = True
        return
    info = decoding.part(raw, Info)
    name = decoding.name(info.served_model_name or info.model_id) if info else None
    if info is None or name is None:
        return
    reading.version = decoding.name(info.version, 60)
    context = decoding.positive(info.max_total_tokens or info.max_input_length)
    reading.models = (ServedModel(name, quantization=decoding.name(info.model_dtype, 30), context=context),)
    reading.loaded = (LoadedModel(name, context=context),)


def which_of(raw: object) -> Which | None:
    """Whose ``/info`` that is; None for anything else."""
    info = decoding.part(raw, Info)
    if info is None or not isinstance(raw, dict):
        return None
    if "model_type" in raw or "tokenization_workers" in raw:
        return "tei"
    return "tgi" if "model_sha" in raw or "max_total_tokens" in raw else None
