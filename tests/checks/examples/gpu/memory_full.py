"""Model servers that ran out of memory, and those that did not, and what ``gpu.memory-full`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import Container, LastWords, LoadedModel, LogMark, Server, Snapshot

from examples import Example
from examples.gpu.machines import ALL, GIB, box, gpu, holds, ids, machine
from examples.snapshots import NOW, STARTED, container_id

TORCH = (
    "gpu.oom.torch",
    "CUDA out of memory. Tried to allocate 1.25 GiB. GPU 0 has a total capacity of 24 GiB of which 418 MiB is free.",
)
ON_SECOND = ("gpu.oom.torch", TORCH[1].replace("GPU 0", "GPU 1") + " Process 99 has 20.00 GiB memory in use.")
VLLM = (
    "gpu.oom.vllm-start",
    "Free memory on device cuda:0 (9.40/23.64 GiB) on startup is less than desired GPU memory utilization (0.92)",
)
LENGTH = (
    "gpu.oom.vllm-length",
    (
        "To serve at least one request with the model's max seq len (32768), (4.0 GiB KV cache is needed, which is"
        " larger than the available KV cache memory (1.2 GiB). the estimated maximum model length is 9824."
    ),
)
LLAMA = ("gpu.oom.llamacpp", "allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory")
DIED: dict[str, Any] = {"state": "exited", "exit_code": 1, "finished_at": STARTED + 70}
LOOP: dict[str, Any] = {"state": "restarting", "exit_code": 1, "finished_at": STARTED + 70, "restart_count": 4}
FULL, HALF = (gpu(0, 23.6), gpu(1, 1)), (gpu(0, 12), gpu(1, 1))
OLLAMA = box("ollama", "ollama/ollama", ALL)
OTHER = box("vllm", "vllm/vllm-openai", ALL)
AGAIN: dict[str, Any] = {"started_at": NOW - 20, "finished_at": NOW - 20.2, "restart_count": 3}
UP = Server("m3e:6008", "vllm", "http://127.0.0.1:6008", "up", container=container_id("m3e"))
NO_RAM = ("host-memory.ollama", "model requires more system memory (9 GiB) than is available (3 GiB)")
SERVER = Server(
    "ollama:11434", "ollama", "http://127.0.0.1:11434", "up", container=container_id("ollama"),
    loaded=(LoadedModel("qwen2:7b", 5 * GIB, 5 * GIB),),
)  # fmt: skip
BY_OLLAMA: dict[str, Any] = {"gpu_processes": (holds(0, "ollama", 18, server="ollama:11434"),), "servers": (SERVER,)}
BY_VLLM: dict[str, Any] = {
    "gpu_processes": (holds(0, "vllm", 21.5, server="vllm:8000"),),
    "servers": (Server("vllm:8000", "vllm", "http://127.0.0.1:8000", "up", container=container_id("vllm")),),
}


def m3e(*requests: Any, **more: Any) -> Container:
    """Who wants memory."""
    return box("m3e", "stawky/m3e-large-api", *(requests or (ALL,)), **more)


def on(victim: Container, *others: Container, log: tuple[str, str] = TORCH, ago: float = 300, **more: Any) -> Snapshot:
    """The victim said this so many seconds ago."""
    at = NOW - ago if victim.state == "running" else STARTED + 60
    return machine(victim, *others, **{"gpus": FULL, "marks": (log,), "at": at, **more})


def _finds(name: str, form: str, snapshot: Snapshot, kinds: tuple[str, ...] = ()) -> Example:
    return Example(name, snapshot, "finding", form, kinds)


FINDS = (
    _finds("has an Ollama that fills the card", "squeezed", on(m3e(), OLLAMA, **BY_OLLAMA), ("UnloadModel",)),
    _finds("started a server beside an Ollama that fills the card", "squeezed", on(m3e(**DIED), OLLAMA, **BY_OLLAMA),
           ("UnloadModel", "RestartContainer")),
    _finds("has a loop of starts beside an Ollama", "squeezed", on(m3e(**LOOP), OLLAMA, **BY_OLLAMA),
           ("UnloadModel", "RestartContainer")),
    _finds("knows which of Ollama's models sits there", "squeezed",
           on(m3e(), OLLAMA, **{**BY_OLLAMA, "gpu_processes": (holds(0, "ollama", 18, models=("qwen2:7b",)),)}),
           ("UnloadModel",)),
    _finds("has an Ollama whose runner ended of it beside another model", "squeezed",
           on(OLLAMA, OTHER, **{**BY_VLLM, "servers": (SERVER,), "log_marks": (
               LogMark(OLLAMA.id, *LLAMA, NOW - 300),
               LogMark(OLLAMA.id, "ollama.runner-ended", "llama-server process has terminated: exit 2", NOW - 299))})),
    _finds("has an Ollama that does not answer", "squeezed",
           on(m3e(), OLLAMA, **{**BY_OLLAMA, "servers": (replace(SERVER, state="down"),)})),
    _finds("started a server on a card that vLLM has taken", "squeezed", on(m3e(**DIED), OTHER, **BY_VLLM)),
    _finds("started a second vLLM on the card of the first", "squeezed", on(m3e(**DIED), OTHER, log=VLLM, **BY_VLLM)),
    _finds("has a process outside of containers on the card", "squeezed",
           on(m3e(), gpu_processes=(holds(0, None, 20, name="python3"),))),
    _finds("has a process that does not tell how much it holds", "squeezed",
           on(m3e(), gpu_processes=(holds(0, None, None),))),
    _finds("was told the process that holds the memory", "squeezed",
           on(m3e(ids("1"), **DIED), OTHER, log=ON_SECOND, gpus=(gpu(0), gpu(1, 23)),
              gpu_processes=(holds(1, "vllm", 20, pid=99),))),
    _finds("sees its one card as card 0 inside", "squeezed",
           on(m3e(ids("1"), **DIED), OTHER, gpus=(gpu(0, 1), gpu(1, 23)), gpu_processes=(holds(1, "vllm", 20),))),
    _finds("chose a model that the card cannot hold", "too-big", on(m3e(**DIED), gpus=HALF)),
    _finds("runs batches that are too long", "too-big", on(m3e(), gpu_processes=(holds(0, "m3e", 23),))),
    _finds("has a loop of starts, and it loads again just now", "too-big",
           on(m3e(started_at=NOW - 30, restart_count=3), ago=60, gpus=HALF)),
    _finds("has a loop of starts whose pause is a tenth of a second", "too-big",
           on(m3e(**AGAIN), log=VLLM, ago=20.3, gpus=HALF)),
    _finds("has a loop of starts of a card that is not seen", "too-big",
           on(m3e(**AGAIN), log=VLLM, ago=20.3, gpus=(), driver=None)),
    _finds("has last words alone that say so", "too-big",
           on(m3e(**LOOP), marks=(), gpus=HALF, last_words=(LastWords(container_id("m3e"), (TORCH[1], "exit")),))),
    _finds("has an Ollama with a GPU that wants more main memory", "host-memory",
           on(OLLAMA, log=NO_RAM)),
    _finds("has llama.cpp that cannot allocate", "too-big", on(m3e(**DIED), log=LLAMA, gpus=HALF)),
    _finds("wants a longer context than the card has room for", "too-long", on(m3e(**DIED), log=LENGTH, gpus=HALF)),
    _finds("runs out on a machine whose cards are not known", "too-big", on(m3e(**DIED), gpus=(), driver=None)),
    _finds("gave the container too little main memory", "host-memory",
           on(m3e(**{**DIED, "exit_code": 137, "oom_killed": True, "memory_limit": 2 * GIB}))),
    _finds("runs Ollama on the processor, and a model was too big", "host-memory",
           on(box("ollama", "ollama/ollama"), gpus=(), driver=None,
              log=("gpu.oom.ollama", "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer"))),
    _finds("has a machine with too little main memory", "host-memory",
           on(m3e(**{**LOOP, "exit_code": 137, "oom_killed": True}), marks=())),
)  # fmt: skip

FINDS_NOT = (
    Example("has a vLLM that fills the card by design", machine(OTHER, gpus=FULL, **BY_VLLM), "ok"),
    Example("has an Ollama that fills the card, and nobody who wants more",
            machine(OLLAMA, gpus=FULL, **BY_OLLAMA), "ok"),
    Example("ran out, and there is room again", on(m3e(), OLLAMA, gpus=HALF, **BY_OLLAMA), "ok"),
    Example("had a loop of starts, and serves now",
            on(m3e(**AGAIN), log=VLLM, ago=20.3, gpus=HALF, servers=(UP,)), "ok"),
    Example("ran out yesterday", on(m3e(started_at=NOW - 9e4), OLLAMA, ago=8e4, **BY_OLLAMA), "ok"),
    Example("ran out before the last start", on(m3e(started_at=NOW - 100), ago=400), "ok"),
    Example("stopped a server that had run out an hour before",
            on(m3e(**{**DIED, "exit_code": 143, "finished_at": NOW})), "ok"),
    Example("stopped a server", machine(m3e(state="exited", exit_code=137, finished_at=NOW), gpus=FULL), "ok"),
    Example("ended a server that ended well", on(m3e(**{**DIED, "exit_code": 0})), "ok"),
    Example("has an Ollama that wanted more of its card, and went on with less",
            on(OLLAMA, log=LLAMA, **{**BY_OLLAMA, "gpu_processes": (holds(0, "ollama", 23),)}), "ok"),
    Example("had a helper killed by the kernel, and stopped the server long after",
            machine(m3e(state="exited", exit_code=143, oom_killed=True, finished_at=NOW), gpus=FULL), "ok"),
    Example("has a server that found another way",
            on(m3e(), log_marks=(LogMark(container_id("m3e"), *LLAMA, NOW - 300),
                                 LogMark(container_id("m3e"), "ollama.oom-retried", "x", NOW - 299))), "ok"),
    Example("has a server that got ready after all",
            on(m3e(), log_marks=(LogMark(container_id("m3e"), *LLAMA, NOW - 300),
                                 LogMark(container_id("m3e"), "model.ready", "x", NOW - 200))), "ok"),
    Example("looks at a server on another machine", on(m3e(), gpus=(), driver=None), "unknown"),
    Example("has a card that does not tell its memory",
            on(m3e(), gpus=(gpu(0, memory_used=None, memory_free=None),)), "unknown"),
    Example("runs no models", machine(box("pg", "pgvector/pgvector"), roles={"pg": "postgres"}, gpus=FULL),
            "not_applicable"),
    Example("runs nothing", machine(gpus=FULL), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
