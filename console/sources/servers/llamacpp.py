"""llama.cpp's server, with one model or as a router of many.

Never ``/slots``, which wakes a sleeping model, and never ``?model=``, which loads one. ``/metrics`` sets the averages
back that it keeps between two scrapes: it is asked at slow looks only, and only totals are read from it.
fact: gpu-model-servers 4.2; llama.cpp: ``/v1/models`` and ``/props`` answer from memory while the model sleeps
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from . import decoding, lists, metrics
from .asking import Answer, Ask
from .reading import Counted, Look, Reading, Verdict, health

RUNNING, WAITING = "llamacpp:requests_processing", "llamacpp:requests_deferred"
PROMPT, GENERATED = "llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total"
CACHE = "llamacpp:kv_cache_usage_ratio"
"""Older releases only."""
WANTED = frozenset({RUNNING, WAITING, PROMPT, GENERATED, CACHE})
LOADED = frozenset({"loaded", "sleeping"})


class _Settings(Struct, frozen=True):
    n_ctx: int | None = None


class _Props(Struct, frozen=True):
    build_info: str | None = None
    role: str | None = None
    is_sleeping: bool = False
    default_generation_settings: _Settings | None = None


class _Routed(Struct, frozen=True):
    id: str
    status: dict[str, Any] | None = None


def is_loading(answer: Answer) -> bool:
    """The 503 that every path gives while the model is loaded."""
    return answer.status == 503 and "Loading model" in answer.words


async def read(ask: Ask, look: Look) -> Reading:
    """``/health`` and the list each time: of a router it says what is loaded, and it wakes nobody."""
    reading, answer = await health(ask, "/health", "llamacpp", look)
    if answer is None:
        return reading
    if is_loading(answer):
        return reading.says(
            Verdict("loading", "loading its model (503 Loading model)", "wait; its log tells how far it is")
        )
    if not answer.ok or decoding.member(answer.json(), "status") != "ok":
        reading.mistaken = True
        return reading
    await _lists(ask, reading, look)
    return reading


async def _lists(ask: Ask, reading: Reading, look: Look) -> None:
    answer = await ask.answer("/v1/models")
    found = lists.cards(answer)
    raw = answer.json() if answer is not None and answer.ok else None
    routed = [one for one in decoding.parts(decoding.member(raw, "data"), _Routed) if one.status is not None]
    reading.models = None if found is None else lists.served(found)
    if routed:
        _router(reading, routed)
    if not look.lists_due:
        return
    props = decoding.part(await ask.json("/props"), _Props)
    reading.version = decoding.name(props.build_info, 60) if props else None
    if not routed and (props is None or props.role != "router"):
        _single(reading, props)
        await _figures(ask, reading)


def _router(reading: Reading, routed: list[_Routed]) -> None:
    """Which models of a router are in memory, and which died."""
    states = {decoding.name(one.id): one.status or {} for one in routed}
    reading.loaded = tuple(LoadedModel(n) for n, status in states.items() if n and _is_loaded(status))
    failed = [f"{n} (exit code {_code(status)})" for n, status in states.items() if status.get("failed")]
    if failed:
        reading.reason = decoding.name(f"could not load {', '.join(failed[:3])}", 300)
        reading.remedy = "its log has the cause"


def _is_loaded(status: dict[str, Any]) -> bool:
    value = status.get("value")
    return isinstance(value, str) and value in LOADED


def _code(status: dict[str, Any]) -> str:
    code = status.get("exit_code")
    return str(code) if isinstance(code, int) and abs(code) < decoding.MOST else "unknown"


def _single(reading: Reading, props: _Props | None) -> None:
    settings = props.default_generation_settings if props else None
    context = decoding.positive(settings.n_ctx) if settings else None
    if props is not None and props.is_sleeping:
        reading.loaded, reading.reason = (), "asleep: the next request loads its model"
    elif reading.models is not None:
        reading.loaded = tuple(_loaded(one, context) for one in reading.models)


def _loaded(model: ServedModel, context: int | None) -> LoadedModel:
    return LoadedModel(model.name, size=model.size, context=context or model.context)


async def _figures(ask: Ask, reading: Reading) -> None:
    answer = await ask.answer("/metrics")
    found = metrics.samples(answer.body, WANTED) if answer is not None and answer.ok else {}
    reading.counted = None
    if found:
        reading.counted = Counted(
            metrics.total(found, RUNNING), metrics.total(found, WAITING), metrics.share(found, CACHE),
            metrics.total(found, PROMPT), metrics.total(found, GENERATED),
        )  # fmt: skip
