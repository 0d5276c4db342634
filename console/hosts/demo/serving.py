"""How the practice stack's model servers answer HTTP, and which of their processes run. Their words only.

fact: gpu-model-servers 4.2 and 4.3. What is asked of a model is answered in ``completions``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .completions import (
    OLLAMA_MODEL,
    OLLAMA_SPARE,
    ollama_loaded,
    ollama_model,
    ollama_posted,
    openai_embeddings,
    vllm_posted,
)
from .stand import Answer, Definition, Fate, Request, Stand
from .walks import wave

if TYPE_CHECKING:
    from .containers import Instance

RUNNER = (
    "/usr/lib/ollama/runners/cuda_v11/ollama_llama_server", "--model", "/models/blobs/sha256-43f7a214e532",
    "--ctx-size", "8192", "--n-gpu-layers", "29", "--port", "36233",
)  # fmt: skip
RUNNER_ON_CPU = ("/usr/lib/ollama/runners/cpu_avx2/ollama_llama_server", *RUNNER[1:5], "--port", "36233")
SPARE_RUNNER = (RUNNER[0], "--model", "/models/blobs/sha256-970aa74c0a90", "--n-gpu-layers", "13", "--port", "36311")
CARDS = ("GPU-5d0a7c1e-3f42-4b7e-9a61-2c8f0b9d1e34", "GPU-b1f6e920-77ad-4c05-8d3b-94e5a6f0c712")
VLLM_MODEL = "Qwen/Qwen1.5-14B-Chat-AWQ"
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


NO_GPU = "no gpu"
"""In the memory of an Ollama whose container has lost its GPU while it ran."""
LOOPBACK = ("127.0.0.1", "localhost")


def ollama_start(stand: Stand) -> Fate:
    """Where it listens, and the devices it sees. fact: gpu-model-servers 3.4, ``library=cpu`` where it sees none."""
    at = f"time={dt.datetime.fromtimestamp(stand.now, dt.UTC):%Y-%m-%dT%H:%M:%S}.114Z level=INFO"
    host = stand.env("OLLAMA_HOST") or "[::]"
    lines = [f'{at} source=routes.go:1052 msg="Listening on {host}:11434 (version 0.1.38)"']
    cards = CARDS if stand.definition.device_requests else ()
    lines += [
        f'{at} source=types.go:71 msg="inference compute" id={card} library=cuda compute=8.9 driver=12.4 '
        'name="NVIDIA GeForce RTX 4090" total="23.6 GiB"'
        for card in cards
    ]
    if not cards:
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


def _tags(stand: Stand) -> object:
    if ollama_model(stand.definition) is None:
        return {"models": []}
    return {"models": [
        {"name": OLLAMA_MODEL, "model": OLLAMA_MODEL, "size": OLLAMA_DISK, "digest": DIGEST, "details": _DETAILS},
        {"name": SPARE, "model": SPARE, "size": SPARE_DISK, "digest": SPARE_DIGEST, "details": _SPARE_DETAILS},
    ]}  # fmt: skip


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
    "/api/version": lambda _: {"version": "0.1.38"},
    "/api/tags": _tags,
    "/api/ps": _ps,
    "/v1/models": lambda _: {
        "object": "list",
        "data": [{"id": name, "object": "model", "owned_by": "library"} for name in (OLLAMA_MODEL, SPARE)],
    },
}  # fmt: skip


def vllm(stand: Stand, request: Request) -> Answer | None:
    """What a vLLM answers."""
    if request.method == "POST":
        return vllm_posted(VLLM_MODEL, request) or _missing()
    return _get(request, _VLLM_ROUTES, stand)


def _metrics(stand: Stand) -> object:
    """What Prometheus is told, by the names of its release. fact: gpu-model-servers 4.2, renamed later."""
    tokens, requests = wave("vllm tokens", 0.9), wave("vllm requests", 0.85)
    made = VLLM_TOKENS * tokens.total(stand.started_at, stand.now)
    level = requests.level(stand.now)
    figures = {
        "num_requests_running": round(2.2 * level), "num_requests_waiting": max(0, round(3 * level - 3.6)),
        "gpu_cache_usage_perc": round(min(0.97, 0.31 * level), 3), "prompt_tokens_total": round(6.5 * made),
        "generation_tokens_total": round(made), "request_success_total": round(made / 310),
    }  # fmt: skip
    of = f'model_name="{VLLM_MODEL}"'
    kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in figures}
    return "".join(
        f"# TYPE vllm:{name} {kinds[name]}\nvllm:{name}{{{of}}} {value}\n" for name, value in figures.items()
    )


_VLLM_ROUTES: Mapping[str, Callable[[Stand], object]] = {
    "/metrics": _metrics,
    "/health": lambda _: "",
    "/version": lambda _: {"version": "0.4.2"},
    "/v1/models": lambda _: {
        "object": "list",
        "data": [{"id": VLLM_MODEL, "object": "model", "owned_by": "vllm", "root": VLLM_MODEL, "max_model_len": 8192}],
    },
}


def m3e(stand: Stand, request: Request) -> Answer | None:
    """What FastGPT's m3e-large-api answers: one route, one key, the rest is FastAPI's own."""
    if request.path == "/openapi.json":
        return _said({"openapi": "3.1.0", "info": {"title": "FastAPI", "version": "0.1.0"},
                      "paths": {"/v1/embeddings": {"post": {}}}})  # fmt: skip
    if request.path != "/v1/embeddings":
        return _said({"detail": "Not Found"}, 404)
    if request.method != "POST":
        return _said({"detail": "Method Not Allowed"}, 405)
    given = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
    if not given:
        return _said({"detail": "Not authenticated"}, 403)
    if given.removeprefix("Bearer ") != m3e_key(stand):
        return _said({"detail": "Invalid authorization code"}, 401)
    try:
        body: dict[str, Any] = json.loads(request.body)
    except ValueError:
        return _said({"detail": []}, 422)
    return openai_embeddings("m3e", body, width=1536)


def m3e_key(stand: Stand) -> str:
    """The key it takes. fact: gpu-model-servers 4.3, the variable is ``sk-key``, and without it a public default."""
    return stand.env("sk-key") or "sk-aaabbbcccdddeeefffggghhhiiijjjkkk"


def _get(request: Request, routes: Mapping[str, Callable[[Stand], object]], stand: Stand) -> Answer:
    found = routes.get(request.path.partition("?")[0])
    return _missing() if found is None else _said(found(stand))


def _missing() -> Answer:
    return Answer(404, b"404 page not found", kind="text/plain")


def _said(data: object, status: int = 200) -> Answer:
    if isinstance(data, str):
        return Answer(status, data.encode(), kind="text/plain; charset=utf-8")
    return Answer(status, json.dumps(data, ensure_ascii=False).encode())
