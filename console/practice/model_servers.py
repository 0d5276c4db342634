"""How the practice stack's model servers answer HTTP, and which of their processes run. Their words only.

What is asked of a model is answered in ``completions``.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping
from typing import Any

from .apps import (
    OLLAMA_MODEL,
    OLLAMA_SPARE,
    ollama_loaded,
    ollama_model,
    ollama_posted,
    openai_completion,
    openai_embeddings,
    vllm_posted,
)
from .containers import Instance
from .stand import (
    Answer,
    Definition,
    Fate,
    Request,
    Serve,
    Stand,
    decoded,
    option,
    stamp,
    token_of,
    told,
    wave,
)

RUNNER = (
    "/usr/lib/ollama/runners/cuda_v11/ollama_llama_server", "--model", "/models/blobs/sha256-43f7a214e532",
    "--ctx-size", "8192", "--n-gpu-layers", "29", "--port", "36233",
)  # fmt: skip
RUNNER_ON_CPU = ("/usr/lib/ollama/runners/cpu_avx2/ollama_llama_server", *RUNNER[1:5], "--port", "36233")
SPARE_RUNNER = (RUNNER[0], "--model", "/models/blobs/sha256-970aa74c0a90", "--n-gpu-layers", "13", "--port", "36311")
OLLAMA_DISK = 5_011_853_225
OLLAMA_MEMORY = 5_842 << 20
"""Bytes of the model on the disk, and loaded."""
DIGEST = "a72c7f4d0a15522df81486d13ce432c79e191bda2558d024fbad4362c4f7cbf8"
_DETAILS = {"format": "gguf", "family": "gemma", "parameter_size": "9B", "quantization_level": "Q4_0"}
SPARE, SPARE_DISK, SPARE_MEMORY = OLLAMA_SPARE, 274_302_450, 566 << 20
"""A model that lies on the disk, and is loaded by an Ollama for embeddings alone."""
SPARE_DIGEST = "0a109f422b47e3a30ba2b10eca18548e944e8a23073ee3f3e947efcf3c45e59f"
_SPARE_DETAILS = {"format": "gguf", "family": "nomic-bert", "parameter_size": "137M", "quantization_level": "F16"}
USED = 97.0
"""Seconds between two times that somebody talks to the loaded model."""
VLLM_TOKENS = 41.0
"""Generated per second when the day is average."""


CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
_TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/app/openai_api.py", line 123, in <module>',
    '    uvicorn.run(app, host="0.0.0.0", port=8002, workers=os.environ.get("NUM_WORKERS"))',
    '  File "/usr/local/lib/python3.10/site-packages/uvicorn/main.py", line 564, in run',
    "    if (config.reload or config.workers > 1) and not isinstance(app, str):",
    "TypeError: '>' not supported between instances of 'str' and 'int'",
)

NO_GPU = "no gpu"
"""In the memory of an Ollama whose container has lost its GPU while it ran."""
LOOPBACK = ("127.0.0.1", "localhost")


def ollama_start(stand: Stand) -> Fate:
    """Where it listens, and the devices it sees. fact: ollama discover/types.go, ``library=cpu`` without any."""
    at = f"time={stamp(stand.now, '%Y-%m-%dT%H:%M:%S')}.114Z level=INFO"
    host = stand.env("OLLAMA_HOST") or "[::]"
    lines = [f'{at} source=routes.go:1052 msg="Listening on {host}:11434 (version {stand.tag})"']
    lines += [
        f'{at} source=types.go:71 msg="inference compute" id={card} library=cuda compute=8.9 driver=12.4 '
        'name="NVIDIA GeForce RTX 4090" total="23.6 GiB"'
        for card in stand.cards
    ]
    if not stand.cards:
        lines.append(f'{at} source=types.go:71 msg="inference compute" id="" library=cpu compute="" total="125.6 GiB"')
    return Fate(tuple(lines))


def ollama_listed(instance: Instance) -> tuple[tuple[str, ...], ...]:
    """Its own process, and a runner for the model it has loaded."""
    loaded = ollama_loaded(instance.definition, instance.memory)
    runner = SPARE_RUNNER if SPARE in loaded else RUNNER
    if not _on_gpu(instance.definition, instance.memory):
        runner = RUNNER_ON_CPU
    return (("/bin/ollama", "serve"), *((runner,) if loaded else ()))


def _on_gpu(definition: Definition, memory: Mapping[str, Any]) -> bool:
    return bool(definition.device_requests) and not memory.get(NO_GPU)


def ollama(stand: Stand, request: Request) -> Answer | None:
    """What an Ollama answers; nothing to anybody outside where it listens on the container's own loopback."""
    if (stand.env("OLLAMA_HOST") or "").partition(":")[0] in LOOPBACK:
        return None
    if request.method == "POST":
        return ollama_posted(stand, request) or _missing()
    return _get(request, _OLLAMA_ROUTES, stand)


def _tagged(stand: Stand) -> list[dict[str, object]]:
    if ollama_model(stand.definition) is None:
        return []
    return [
        {"name": OLLAMA_MODEL, "model": OLLAMA_MODEL, "size": OLLAMA_DISK, "digest": DIGEST, "details": _DETAILS},
        {"name": SPARE, "model": SPARE, "size": SPARE_DISK, "digest": SPARE_DIGEST, "details": _SPARE_DETAILS},
    ]


def _ps(stand: Stand) -> object:
    rows = []
    for name in ollama_loaded(stand.definition, stand.memory):
        spare = name == SPARE
        size = SPARE_MEMORY if spare else OLLAMA_MEMORY
        rows.append({
            "name": name, "model": name, "size": size, "digest": SPARE_DIGEST if spare else DIGEST,
            "size_vram": size if _on_gpu(stand.definition, stand.memory) else 0,
            "details": _SPARE_DETAILS if spare else _DETAILS, "expires_at": _expiry(stand),
        })  # fmt: skip
    return {"models": rows}


def _expiry(stand: Stand) -> str:
    """fact: ``OLLAMA_KEEP_ALIVE=-1`` is answered with an end three hundred years ahead, else each use puts it off."""
    minutes = (stand.env("OLLAMA_KEEP_ALIVE") or "5m").removesuffix("m")
    if not minutes.isdecimal():
        return "2318-09-04T19:32:14.9Z"
    at = stand.now - stand.now % USED + 60 * int(minutes)
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat().replace("+00:00", "Z")


_OLLAMA_ROUTES: Mapping[str, Callable[[Stand], object]] = {
    "/": lambda _: "Ollama is running",
    "/api/version": lambda stand: {"version": stand.tag},
    "/api/tags": lambda stand: {"models": _tagged(stand)},
    "/api/ps": _ps,
    "/v1/models": lambda stand: {
        "object": "list",
        "data": [{"id": one["name"], "object": "model", "owned_by": "library"} for one in _tagged(stand)],
    },
}  # fmt: skip


def vllm(stand: Stand, request: Request) -> Answer | None:
    """What a vLLM answers."""
    if request.method == "POST":
        return vllm_posted(_model(stand), request) or _missing()
    return _get(request, _VLLM_ROUTES, stand)


def _model(stand: Stand) -> str:
    """The model that its arguments name, by the option of its kind."""
    named = (option(stand.command, name) for name in ("--model", "--model-path", "--model-id"))
    return next(filter(None, named), "")


def _metrics(stand: Stand) -> object:
    """What Prometheus is told, by the names of its release; later ones renamed some."""
    tokens, requests = wave("vllm tokens", 0.9), wave("vllm requests", 0.85)
    made = VLLM_TOKENS * tokens.total(stand.started_at, stand.now)
    level = requests.level(stand.now)
    figures = {
        "num_requests_running": round(2.2 * level), "num_requests_waiting": max(0, round(3 * level - 3.6)),
        "gpu_cache_usage_perc": round(min(0.97, 0.31 * level), 3), "prompt_tokens_total": round(6.5 * made),
        "generation_tokens_total": round(made), "request_success_total": round(made / 310),
    }  # fmt: skip
    of = f'model_name="{_model(stand)}"'
    kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in figures}
    return "".join(
        f"# TYPE vllm:{name} {kinds[name]}\nvllm:{name}{{{of}}} {value}\n" for name, value in figures.items()
    )


_VLLM_ROUTES: Mapping[str, Callable[[Stand], object]] = {
    "/metrics": _metrics,
    "/health": lambda _: "",
    "/version": lambda stand: {"version": stand.tag.removeprefix("v")},
    "/v1/models": lambda stand: {
        "object": "list",
        "data": [
            {"id": _model(stand), "object": "model", "owned_by": "vllm", "root": _model(stand), "max_model_len": 8192}
        ],
    },
}


def guide(served: tuple[str, ...], variable: str, default: str) -> Serve:
    """A FastAPI script of the guide: its routes, and the variable that holds its one key. The rest is FastAPI's own.

    Without the variable it takes a key that stands in every tutorial. fact: labring/FastGPT plugins/model
    """

    def serve(stand: Stand, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path == "/openapi.json":
            table: dict[str, object] = {one.split()[-1]: {"get" if " " in one else "post": {}} for one in served}
            return told({"openapi": "3.1.0", "info": {"title": "FastAPI", "version": "0.1.0"}, "paths": table})
        if f"GET {path}" in served and request.method == "GET":
            return told("Internal Server Error", 500)  # fact: llm-Baichuan2's declares names and gives objects
        if path not in served:
            return told({"detail": "Not Found"}, 404)
        if request.method != "POST":
            return told({"detail": "Method Not Allowed"}, 405)
        sent = token_of(request)
        if sent != (stand.env(variable) or default):
            return (
                told({"detail": "Invalid authorization code"}, 401)
                if sent
                else told({"detail": "Not authenticated"}, 403)
            )
        return _guided(path, decoded(request.body))

    return serve


def _guided(path: str, body: dict[str, Any] | None) -> Answer:
    """What each of the routes answers to whoever has the key."""
    if body is None:
        return told({"detail": []}, 422)
    model = str(body.get("model") or "")
    if path == CHAT:
        return openai_completion(model, body)
    if path == EMBEDDINGS:
        return openai_embeddings(model, body, width=1536)
    return told({"results": [{"index": 0, "relevance_score": 0.73}]})


def first_start(_stand: Stand) -> Fate:
    """A script of the guide: it loads its model, and stays."""
    return Fate(("INFO:     Started server process [1]", "INFO:     Application startup complete.",
                 "INFO:     Uvicorn running on http://0.0.0.0:8002 (Press CTRL+C to quit)"))  # fmt: skip


def second_start(stand: Stand) -> Fate:
    """The second generation: with NUM_WORKERS set, by the image or by anybody, uvicorn ends it."""
    if "NUM_WORKERS" in dict(stand.definition.env) or "NUM_WORKERS" not in stand.definition.unset:
        return Fate(_TRACEBACK, exit_code=1)
    return first_start(stand)


def _get(request: Request, routes: Mapping[str, Callable[[Stand], object]], stand: Stand) -> Answer:
    found = routes.get(request.path.partition("?")[0])
    return _missing() if found is None else told(found(stand))


def _missing() -> Answer:
    return Answer(404, b"404 page not found", kind="text/plain")


WANTS = 18_400
"""MiB that SGLang takes of its card."""
RERANKERS = ("reranker",)
"""Parts of names of models that TEI serves for ranking; the others make embeddings."""
CAPACITY = "23.99 GiB"
LOADED = "Load weight end. type=Qwen2ForCausalLM, dtype=torch.bfloat16, mem usage=14.25 GB."


def sglang_start(stand: Stand) -> Fate:
    """It ends when its card has less than it takes. The words are PyTorch's."""
    if stand.room is None or stand.room >= WANTS:
        return Fate((LOADED, "The server is fired up and ready to roll!"))
    free = max(12, stand.room - WANTS + 500)  # what its weights have left when the cache is asked for
    error = (
        f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.46 GiB. GPU 0 has a total capacity of"
        f" {CAPACITY} of which {free}.00 MiB is free."
    )
    traceback = "Scheduler hit an exception: Traceback (most recent call last):"
    return Fate((LOADED, traceback, error), exit_code=1)


def sglang(stand: Stand, request: Request) -> Answer | None:
    """What an SGLang answers to a look."""
    answers: dict[str, object] = {
        "/ready": {},
        "/model_info": {"model_path": _model(stand), "is_generation": True},
        "/v1/models": {"object": "list", "data": [{"id": _model(stand), "object": "model", "owned_by": "sglang"}]},
    }
    return _known(answers, request)


def tei(stand: Stand, request: Request) -> Answer | None:
    """What a text-embeddings-inference answers to a look."""
    model = _model(stand)
    ranks = any(part in model for part in RERANKERS)
    kind = {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}} if ranks else _EMBEDS
    answers: dict[str, object] = {
        "/health": {},
        "/info": {
            "model_id": model, "model_dtype": "float16", "model_type": kind,
            "max_batch_tokens": 16384, "tokenization_workers": 8, "version": "1.2.3",
        },
    }  # fmt: skip
    return _known(answers, request)


_EMBEDS: dict[str, object] = {"embedding": {"pooling": "cls"}}


def tei_start(_stand: Stand) -> Fate:
    """Up and ready."""
    return Fate(("INFO text_embeddings_router: Starting FlashBert model on Cuda", "INFO text_embeddings_router: Ready"))


def tei_chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """An embedding, or a ranking."""
    verb = "rerank" if any(part in _model(stand) for part in RERANKERS) else "embed"
    return (f'INFO {verb}{{total_time="{dice.uniform(2, 30):.3f}ms"}}: text_embeddings_router::http::server: Success',)


def _known(answers: Mapping[str, object], request: Request) -> Answer:
    path = request.path.partition("?")[0]
    if request.method not in ("GET", "HEAD") or path not in answers:
        return told({"detail": "Not Found"}, 404)
    return Answer(200, b"") if path == "/health" else told(answers[path])  # fact: TEI's health is 200 and empty
