"""Every request that may leave for a model server: GET, these paths exactly, nothing behind a question mark. Data only.

``asking.Ask`` is the one place that looks here, and it sends nothing else. Left out on purpose, as they cost or change
something (fact: gpu-model-servers 4): SGLang's ``/health`` makes a token and has GETs that flush or pause; llama.cpp's
``/slots`` wakes a sleeping model and ``?model=`` loads one; LiteLLM's ``/health`` asks every model and its
``/health/drain`` takes the worker out; One API's channel tests are real conversations.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from ...model import Product

Key = Literal["open", "keyed"]
"""Whether the server's key is sent along. Where none is asked for, none is shown."""

RECOGNISING: Mapping[str, Key] = MappingProxyType(
    {
        "/v1/models": "keyed",
        "/version": "open",
        "/ready": "open",
        "/model_info": "keyed",
        "/info": "keyed",
        "/.well-known/localai.json": "open",
        "/system": "keyed",
        "/api/version": "open",
        "/api/tags": "open",
        "/api/status": "open",
        "/models": "keyed",
        "/v1/cluster/auth": "open",
        "/health/liveliness": "open",
        "/api/v1/models": "keyed",
        "/api/v0/models": "keyed",
        "/v1/model": "keyed",
        "/openapi.json": "open",
    }
)
"""Read-only on every product known, and a plain 404 where unknown: these may be sent before it is known who is there.

No ``/health`` and no ``/metrics`` among them: for some that is work, or starts somebody's averages anew.
"""

_GUIDE: Mapping[str, Key] = MappingProxyType({"/openapi.json": "open"})
_GATEWAY: Mapping[str, Key] = MappingProxyType({"/api/status": "open", "/v1/models": "keyed"})

PRODUCTS: Mapping[Product, Mapping[str, Key]] = MappingProxyType({
    "ollama": {"/api/version": "open", "/api/tags": "open", "/api/ps": "open"},
    "vllm": {"/health": "open", "/version": "open", "/metrics": "open", "/v1/models": "keyed"},
    "sglang": {"/ready": "open", "/metrics": "open", "/model_info": "keyed", "/v1/models": "keyed"},
    "tgi": {"/health": "open", "/info": "keyed", "/metrics": "open"},
    "tei": {"/health": "open", "/info": "keyed", "/metrics": "open"},
    "llamacpp": {"/health": "open", "/props": "keyed", "/metrics": "keyed", "/v1/models": "keyed"},
    "localai": {"/readyz": "open", "/version": "keyed", "/system": "keyed", "/v1/models": "keyed"},
    "xinference": {"/v1/cluster/auth": "open", "/v1/models": "keyed", "/metrics": "open"},
    "fastchat": {"/openapi.json": "open", "/v1/models": "keyed"},
    "litellm": {"/health/liveliness": "open", "/health/readiness": "open", "/v1/models": "keyed"},
    "oneapi": _GATEWAY,
    "newapi": _GATEWAY,
    "aiproxy": _GATEWAY,
    "infinity": {"/health": "open", "/models": "keyed", "/v1/models": "keyed"},
    "lmstudio": {"/api/v1/models": "keyed", "/api/v0/models": "keyed", "/v1/models": "keyed"},
    "tabbyapi": {"/health": "open", "/v1/model": "keyed", "/v1/models": "keyed"},
    "m3e-large-api": _GUIDE,
    "m3e": _GUIDE,
    "baichuan2": _GUIDE,
    "chatglm2": _GUIDE,
    "bge-reranker": _GUIDE,
    "openai-compatible": {"/v1/models": "keyed"},
    "unknown": {"/v1/models": "keyed"},
})  # fmt: skip

_NOBODYS_WORK = frozenset({*RECOGNISING, "/api/ps", "/readyz", "/health/readiness"})
HARMLESS: frozenset[Product] = frozenset(
    product for product, paths in PRODUCTS.items() if paths.keys() <= _NOBODYS_WORK
)
"""Of whom nothing is asked that would be work for anybody else who answers in his place."""
