"""Signs by which each product is known, one function each: what it asks, and the evidence it brings back.

The order matters, as servers imitate one another: SGLang and LocalAI serve Ollama's routes, gateways pass on the
``owned_by`` of whom they stand before, and Open WebUI has an ``/api/version`` too. fact: gpu-model-servers 4.1, 4.2
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from ...model import Product
from . import decoding, gateways, guide, huggingface, litellm, llamacpp, lmstudio, localai
from .asking import Answer, Ask
from .candidate import Candidate
from .infinity import infinite
from .lists import Card


class Found(NamedTuple):
    """Who it is, and how that is known, strongest first."""

    product: Product
    evidence: tuple[str, ...]


Sign = Callable[[Ask, Candidate, list[Card]], Awaitable[Found | None]]
Kind = Literal["list", "wall", "page", "broken", "other"]
"""What ``GET /v1/models`` gave: a list, a wish for a key, a web page, an error of its own, something else."""

OWNERS: dict[str, Product] = {
    "vllm": "vllm", "sglang": "sglang", "llamacpp": "llamacpp", "xinference": "xinference", "fastchat": "fastchat",
    "infinity": "infinity", "tabbyAPI": "tabbyapi",
}  # fmt: skip
LISTED = "GET /v1/models"


def kind_of(first: Answer, listed: list[Card] | None) -> Kind:
    """What the first answer is."""
    if listed is not None:
        return "list"
    if first.refused:
        return "wall"
    if first.status == 200 and first.words[:1] == "<":
        return "page"
    return "broken" if first.status >= 500 else "other"


def at_once(first: Answer, listed: list[Card] | None) -> Found | None:
    """Who names himself in the first answer, so that nothing else need be asked."""
    if first.headers.get("server", "").lower() == "llama.cpp":
        return Found("llamacpp", (f"{LISTED}: header Server: llama.cpp",))
    if llamacpp.is_loading(first):
        return Found("llamacpp", (f'{LISTED}: 503 "Loading model"',))
    if is_gateway(first) or is_litellm(first):
        return None  # whose lists may name others as owners
    owners = {card.owned_by for card in listed or ()}
    owner = owners.pop() if len(owners) == 1 else None
    if owner in OWNERS:
        return Found(OWNERS[owner], (f'{LISTED}: owned_by "{owner}"',))
    error = decoding.member(decoding.member(first.json(), "detail"), "error")
    if first.refused and decoding.member(error, "code") == "invalid_api_key":
        return Found("fastchat", (f'{LISTED}: {first.status} detail.error.code "invalid_api_key"',))
    return None


def is_gateway(first: Answer) -> bool:
    """Speaks as One API and its kin do."""
    error = decoding.member(first.json(), "error")
    kind = decoding.member(error, "type")
    return "x-oneapi-request-id" in first.headers or kind in ("one_api_error", "new_api_error", "aiproxy_error")


def is_litellm(first: Answer) -> bool:
    """Speaks as LiteLLM does."""
    return any(name.startswith("x-litellm-") for name in first.headers) or "Authentication Error, " in first.words


async def gateway(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """One API, New API, AI Proxy."""
    which = gateways.which_of(await ask.json("/api/status"))
    return Found(which, ("GET /api/status: as it answers",)) if which else None


async def lite(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """LiteLLM."""
    alive = litellm.is_alive(await ask.answer("/health/liveliness"))
    return Found("litellm", (f'GET /health/liveliness: "{litellm.ALIVE}"',)) if alive else None


async def walled(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """Two that want a key, vLLM and SGLang: both say ``Unauthorized``, but vLLM tells its version to everybody."""
    first = await ask.answer("/v1/models")
    if first is None or decoding.member(first.json(), "error") != "Unauthorized":
        return None
    said = f'{LISTED}: {first.status} {{"error":"Unauthorized"}}'
    if decoding.name(decoding.member(await ask.json("/version"), "version")):
        return Found("vllm", (said, "GET /version: open to everybody"))
    ready = await ask.answer("/ready")
    if ready is not None and ready.status in (200, 503):
        return Found("sglang", (said, f"GET /ready: {ready.status}"))
    return None


async def sglang(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """SGLang by its own path."""
    raw = await ask.json("/model_info")
    if isinstance(decoding.member(raw, "model_path"), str) and "is_generation" in raw:
        return Found("sglang", ("GET /model_info: model_path, is_generation",))
    return None


async def local_ai(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """LocalAI, before Ollama, whose routes it serves."""
    known = await ask.json("/.well-known/localai.json")
    document = isinstance(known, dict) and known and "error" not in known
    system = await ask.answer("/system")
    if system is None:
        return None
    if system.ok and localai.is_system(system.json()):
        return Found("localai", ("GET /system: backends, loaded_models",))
    if document and system.refused:
        return Found("localai", ("GET /.well-known/localai.json", f"GET /system: {system.status}"))
    return None


async def ollama(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """Ollama by two of its paths. Its list owns by ``library`` or a part of the name, and every name has a tag."""
    if not all(":" in card.id and (card.owned_by or "library") in ("library", *card.id.split("/")) for card in listed):
        return None
    version = decoding.name(decoding.member(await ask.json("/api/version"), "version"), 60)
    if version is None:
        return None
    tags = await ask.json("/api/tags")
    if isinstance(tags, dict) and "models" in tags and isinstance(tags["models"], list | None):
        return Found("ollama", (f'GET /api/version: "{version}"', "GET /api/tags: models"))
    return None


async def huggingfaces(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """TGI and TEI."""
    which = huggingface.which_of(await ask.json("/info"))
    told = {"tgi": "model_id, model_sha or max_total_tokens", "tei": "model_id, model_type or tokenization_workers"}
    return Found(which, (f"GET /info: {told[which]}",)) if which else None


async def infinity(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """Infinity, whose list stands at ``/models``, and which says ``Unauthorized`` in FastAPI's way."""
    if infinite(await ask.answer("/models")):
        return Found("infinity", ('GET /models: owned_by "infinity"',))
    answer = await ask.answer("/models")
    refused = answer is not None and answer.refused and decoding.member(answer.json(), "detail") == "Unauthorized"
    if refused and candidate.hint == "infinity":
        return Found("infinity", ('GET /models: "Unauthorized"',))
    return None


async def xinference(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """Xinference, which tells everybody whether it wants a login."""
    raw = await ask.json("/v1/cluster/auth")
    return (
        Found("xinference", ("GET /v1/cluster/auth: auth",)) if isinstance(decoding.member(raw, "auth"), bool) else None
    )


async def studio(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """LM Studio by either of its own lists."""
    for path, told in (("/api/v1/models", "key, loaded_instances"), ("/api/v0/models", "state")):
        if lmstudio.studio(await ask.answer(path)):
            return Found("lmstudio", (f"GET {path}: {told}",))
    return None


async def tabby(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """TabbyAPI by the owner of its current model, or by its words about keys."""
    first = await ask.answer("/v1/models")
    detail = decoding.member(first.json(), "detail") if first is not None and first.refused else None
    if first is not None and detail in ("Please provide an API key", "Invalid API key"):
        return Found("tabbyapi", (f'{LISTED}: {first.status} "{detail}"',))
    one = decoding.part(await ask.json("/v1/model"), Card)
    return Found("tabbyapi", ('GET /v1/model: owned_by "tabbyAPI"',)) if one and one.owned_by == "tabbyAPI" else None


async def scripts(ask: Ask, candidate: Candidate, listed: list[Card]) -> Found | None:  # noqa: ARG001
    """The guide's FastAPI scripts and FastGPT's images."""
    answer = await ask.answer("/openapi.json")
    product = guide.product_of(answer, candidate)
    paths = guide.paths_of(answer)
    return Found(product, (f"GET /openapi.json: {', '.join(sorted(paths))}",)) if product and paths else None
