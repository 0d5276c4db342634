"""QUANTIZE_BIT in the guide's chat servers, with and without knowing what the GPU holds."""

from __future__ import annotations

from typing import Any

from stackops.console.model import GpuProcess, Snapshot

from examples import Example
from examples.server.wrong_key import BAICHUAN, GUIDE, one
from examples.snapshots import container_id

GIB = 1 << 30
BIG = f"{GUIDE}baichuan2-13b-chat.openai-api:v1"
GLM = f"{GUIDE}chatglm2-6b.openai-api:v2"


def _holds(snapshot: Snapshot, *gib: float | None) -> Snapshot:
    """The same with processes on GPUs that hold so much each."""
    found = tuple(
        GpuProcess(f"GPU-{n}", 100 + n, None if held is None else int(held * GIB), container=container_id("baichuan"))
        for n, held in enumerate(gib)
    )
    whole = {name: getattr(snapshot, name) for name in snapshot.__struct_fields__}
    return Snapshot(**{**whole, "gpu_processes": found})


def _given(image: str, bits: str | None = None, **more: Any) -> Snapshot:
    pairs = (("QUANTIZE_BIT", bits),) if bits is not None else ()
    return one(image, *pairs, name="baichuan", **more)


EXAMPLES = (
    Example("4 bits for a card of 8 GB", _holds(_given(f"{BAICHUAN}:v1", "4"), 14.9), "finding", "fp16", ()),
    Example("8 bits on two cards", _holds(_given(BIG, "8"), 13.2, 13.9), "finding", "fp16", ()),
    Example("what it holds is not known", _given(f"{BAICHUAN}:v2", "8"), "finding", "fp16", ()),
    Example("ChatGLM2", _holds(_given(GLM, "4"), 12.4), "finding", "fp16", ()),
    Example("half of what it holds is not known", _holds(_given(BIG, "4"), 5.0, None), "finding", "fp16", ()),
    Example("before anything runs", _given(f"{BAICHUAN}:v1", "4", started=False), "finding", "fp16", ()),
    Example("13B on one card of 32 GB", _holds(_given(BIG, "4"), 26.9), "finding", "fp16", ()),
    Example("spaces around it", _given(f"{BAICHUAN}:v1", " 4 "), "finding", "fp16", ()),
    Example("of an image of one's own", _given("baichuan2.openai-api:mine", "8"), "finding", "fp16", ()),
    Example("stopped", _given(GLM, "8", container={"state": "exited"}), "finding", "fp16", ()),
    Example("32 bits is no quantisation", _given(f"{BAICHUAN}:v1", "32"), "ok"),
    Example("an empty value", _given(f"{BAICHUAN}:v1", ""), "ok"),
    Example("a word", _given(GLM, "int8"), "ok"),
    Example("a patched script of the 13B model", _holds(_given(BIG, "8"), 7.9, 8.4), "ok"),
    Example("ChatGLM2, patched", _holds(_given(GLM, "4"), 5.1), "ok"),
    Example("16 bits, as published", _holds(_given(f"{BAICHUAN}:v1", "16"), 14.9), "ok"),
    Example("not set", _given(f"{BAICHUAN}:v1"), "ok"),
    Example("a patched script", _holds(_given(f"{BAICHUAN}:v1", "4"), 5.8), "ok"),
    Example("an embedding server has no such variable", _given(f"{GUIDE}m3e-large.openai-api:v1", "4"),
            "not_applicable"),
    Example("another server with a variable of that name", _given("registry.example.com/llm/qwen:1", "4"),
            "not_applicable"),
)  # fmt: skip
