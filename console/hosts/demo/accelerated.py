"""Model servers of the practice stack that care for the memory of their card: SGLang, and TEI for embeddings.

Their words only. Whether a server comes up follows from what is free on the card it was given.
"""

from __future__ import annotations

import itertools
import json
import random

from .stand import Answer, Appetite, Fate, OnGpu, Program, Request, Stand

SGLANG = ("python3", "-m", "sglang.launch_server", "--model-path", "Qwen/Qwen2-7B-Instruct", "--port", "30000")
WANTS = 18_400
"""MiB that SGLang takes of its card."""
MODEL = "Qwen/Qwen2-7B-Instruct"
TEI = ("text-embeddings-router", "--model-id", "BAAI/bge-small-zh-v1.5")
RERANKERS = ("reranker",)
"""Parts of names of models that TEI serves for ranking; the others make embeddings."""
CAPACITY = "23.99 GiB"
LOADED = "Load weight end. type=Qwen2ForCausalLM, dtype=torch.bfloat16, mem usage=14.25 GB."


def sglang_start(stand: Stand) -> Fate:
    """It ends when its card has less than it takes. fact: gpu-model-servers 3.4, PyTorch's own words."""
    if stand.room is None or stand.room >= WANTS:
        return Fate((LOADED, "The server is fired up and ready to roll!"))
    free = max(12, stand.room - WANTS + 500)  # what its weights have left when the cache is asked for
    error = (
        f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.46 GiB. GPU 0 has a total capacity of"
        f" {CAPACITY} of which {free}.00 MiB is free."
    )
    traceback = "Scheduler hit an exception: Traceback (most recent call last):"
    return Fate((LOADED, traceback, error), exit_code=1)


def sglang(_stand: Stand, request: Request) -> Answer | None:
    """What an SGLang answers to a look."""
    told: dict[str, object] = {
        "/ready": {},
        "/model_info": {"model_path": MODEL, "is_generation": True},
        "/v1/models": {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "sglang"}]},
    }
    return _said(told, request)


def tei(stand: Stand, request: Request) -> Answer | None:
    """What a text-embeddings-inference answers to a look."""
    model = tei_model(stand.command)
    ranks = any(part in model for part in RERANKERS)
    kind = {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}} if ranks else _EMBEDS
    told: dict[str, object] = {
        "/health": {},
        "/info": {
            "model_id": model, "model_dtype": "float16", "model_type": kind,
            "max_batch_tokens": 16384, "tokenization_workers": 8, "version": "1.2.3",
        },
    }  # fmt: skip
    return _said(told, request)


_EMBEDS: dict[str, object] = {"embedding": {"pooling": "cls"}}


def tei_model(command: tuple[str, ...]) -> str:
    """The model that its arguments name."""
    pairs = itertools.pairwise(command)
    return next((value for name, value in pairs if name == "--model-id"), TEI[-1])


def tei_start(_stand: Stand) -> Fate:
    """Up and ready."""
    return Fate(("INFO text_embeddings_router: Starting FlashBert model on Cuda", "INFO text_embeddings_router: Ready"))


def tei_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """An embedding, or a ranking."""
    verb = "rerank" if any(part in tei_model(stand.command) for part in RERANKERS) else "embed"
    return (f'INFO {verb}{{total_time="{dice.uniform(2, 30):.3f}ms"}}: text_embeddings_router::http::server: Success',)


def _said(told: dict[str, object], request: Request) -> Answer:
    path = request.path.partition("?")[0]
    if request.method not in ("GET", "HEAD") or path not in told:
        return Answer(404, b'{"detail":"Not Found"}')
    body = b"" if path == "/health" else json.dumps(told[path]).encode()  # fact: gpu-model-servers 4.2, 200 and empty
    return Answer(200, body)


PROGRAMS = {
    "sglang": Program(
        command=SGLANG, env=(("PATH", "/usr/local/bin:/usr/bin:/bin"),), exposed=("30000/tcp",), size=11_400,
        appetite=Appetite(0.4, 3_900, 4_000, 8_000, 0, 0, 96), start=sglang_start, on_gpu=(OnGpu(0, WANTS, SGLANG),),
        serve=sglang,
    ),
    "text-embeddings-inference": Program(
        command=TEI[1:], entrypoint=TEI[:1], env=(("PATH", "/usr/local/bin:/usr/bin:/bin"), ("PORT", "80")),
        exposed=("80/tcp",), size=1_640, appetite=Appetite(0.05, 410, 2_000, 3_000, 0, 0, 24), start=tei_start,
        chat=tei_chat, pace=20, on_gpu=(OnGpu(0, 640, TEI[:1]),), serve=tei,
    ),
}  # fmt: skip
