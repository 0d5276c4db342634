"""llama.cpp's server, with one model or as a router of many.

Never ``/slots``, which wakes a sleeping model, and never ``?model=``, which loads one. ``/metrics`` sets the averages
back that it keeps between two scrapes: it is asked at slow looks only, and only totals are read from it.
fact: ggml-org/llama.cpp tools/server: ``/v1/models`` and ``/props`` answer from memory while the model sleeps
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ...model import LoadedModel, ServedModel
from ...text import N_
from ..descriptor import LISTED, Descriptor, ModelServer, ReaderContext, Reading, ServerVerdict, paths
from ..servers import decoding, replies
from ..servers.asking import Ask, ServerAnswer

SERIES = {
    "running": ("llamacpp:requests_processing",),
    "waiting": ("llamacpp:requests_deferred",),
    "kv_cache": ("llamacpp:kv_cache_usage_ratio",),  # older releases only
    "prompt_tokens": ("llamacpp:prompt_tokens_total",),
    "generated_tokens": ("llamacpp:tokens_predicted_total",),
}
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


def is_loading(answer: ServerAnswer) -> bool:
    """The 503 that every path gives while the model is loaded."""
    return answer.status == 503 and "Loading model" in answer.words


def names_itself(first: ServerAnswer) -> str | None:
    """Its header stands on every answer, whatever the status."""
    if first.headers.get("server", "").lower() == "llama.cpp":
        return f"{LISTED}: header Server: llama.cpp"
    return f'{LISTED}: 503 "Loading model"' if is_loading(first) else None


async def read(ask: Ask, look: ReaderContext, reading: Reading, answer: ServerAnswer) -> bool:
    """``/health`` and the list each time: of a router it says what is loaded, and it wakes nobody."""
    if is_loading(answer):
        reading.says(
            ServerVerdict(
                "loading", N_("loading its model (503 Loading model)"), N_("wait; its log tells how far it is")
            )
        )
        return True
    if not answer.ok or decoding.member(answer.json(), "status") != "ok":
        return False
    await _lists(ask, reading, look)
    return True


async def _lists(ask: Ask, reading: Reading, look: ReaderContext) -> None:
    answer = await ask.answer("/v1/models")
    found = replies.cards(answer)
    raw = answer.json() if answer is not None and answer.ok else None
    routed = [one for one in decoding.parts(decoding.member(raw, "data"), _Routed) if one.status is not None]
    reading.models = None if found is None else replies.served(found)
    if routed:
        _router(reading, routed)
    if not look.lists_due:
        return
    props = decoding.part(await ask.json("/props"), _Props)
    reading.version = decoding.name(props.build_info, 60) if props else None
    if not routed and (props is None or props.role != "router"):
        _single(reading, props)
        await replies.scrape(ask, reading, SERIES)


def _router(reading: Reading, routed: list[_Routed]) -> None:
    """Which models of a router are in memory, and which died."""
    states = {decoding.name(one.id): one.status or {} for one in routed}
    reading.loaded = tuple(LoadedModel(n) for n, status in states.items() if n and _is_loaded(status))
    failed = [f"{n} (exit code {_code(status)})" for n, status in states.items() if status.get("failed")]
    if failed:
        reading.reason = decoding.name(N_(f"could not load {', '.join(failed[:3])}"), 300)
        reading.remedy = N_("its log has the cause")


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
        reading.loaded, reading.reason = (), N_("asleep: the next request loads its model")
    elif reading.models is not None:
        reading.loaded = tuple(_loaded(one, context) for one in reading.models)


def _loaded(model: ServedModel, context: int | None) -> LoadedModel:
    return LoadedModel(model.name, size=model.size, context=context or model.context)


DESCRIPTORS = (
    Descriptor(
        role="model_server",
        images="llama.cpp llama-cpp-python",
        image_words="llama[-_.]?cpp",
        programs=("llama-server",),
        modules=r"llama_cpp\.server",
        apps=r"llama_cpp\.server\.app",
        server=ModelServer(
            product="llamacpp",
            image=r"llama\.cpp|llamacpp|llama-server",
            command=r"(?:^|[\s/])llama-server\b",
            any_name=True,
            port=8080,
            native_ports=(8080, 9931),
            port_variables=("LLAMA_ARG_PORT", "PORT", "UVICORN_PORT"),
            key_variables=("LLAMA_API_KEY",),
            allowed=paths("/health", keyed="/props /metrics /v1/models"),
            alive="/health",
            read=read,
            memory="fixed",
            loads_when_asked=True,
            names_itself=names_itself,
            owner="llamacpp",
        ),
    ),
)
