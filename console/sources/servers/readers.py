"""Which module reads which product. Loaded when the product was recognised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...model import Product
from . import (
    fastchat,
    gateways,
    guide,
    huggingface,
    infinity,
    litellm,
    llamacpp,
    lmstudio,
    localai,
    ollama,
    plain,
    sglang,
    tabbyapi,
    vllm,
    xinference,
)
from .asking import Ask
from .reading import Look, Reading

READERS: dict[Product, Callable[[Ask, Look], Awaitable[Reading]]] = {
    "ollama": ollama.read, "vllm": vllm.read, "sglang": sglang.read, "tgi": huggingface.read_tgi,
    "tei": huggingface.read_tei, "llamacpp": llamacpp.read, "localai": localai.read, "xinference": xinference.read,
    "fastchat": fastchat.read, "litellm": litellm.read, "oneapi": gateways.read, "newapi": gateways.read,
    "aiproxy": gateways.read, "infinity": infinity.read, "lmstudio": lmstudio.read, "tabbyapi": tabbyapi.read,
    "m3e-large-api": guide.read, "m3e": guide.read, "baichuan2": guide.read, "chatglm2": guide.read,
    "bge-reranker": guide.read, "openai-compatible": plain.read, "unknown": plain.read,
}  # fmt: skip
