"""Marks in the logs of model servers: memory that was not had, GPUs that were lost, what Ollama found at its start."""

# ruff: noqa: E501 - recorded lines stay whole

from __future__ import annotations

import pytest
from stackops.console.collect.sources.logs import log_role, marks, standing
from stackops.console.model import Container, DeviceRequest, LogMark, Role

ID = "d" * 64
CUDA = 'time=2024-05-30T08:11:02.1Z level=INFO source=types.go:71 msg="inference compute" id=GPU-5d0a7c1e library=cuda compute=8.9 driver=12.4 name="NVIDIA GeForce RTX 4090" total="23.6 GiB" available="22.1 GiB"'
NEWER = 'time=2026-05-30T08:11:02.1Z level=INFO source=types.go:131 msg="inference compute" id=GPU-b1f6e920 filter_id="" library=CUDA compute=8.9 name=CUDA1 description="NVIDIA GeForce RTX 4090" total="24.0 GiB" available="23.5 GiB"'
CPU = 'time=2024-05-30T08:11:02.1Z level=INFO source=types.go:71 msg="inference compute" id=0 library=cpu compute="" driver=0.0 name="" total="125.7 GiB" available="117.9 GiB"'
TORCH = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.25 GiB. GPU 1 has a total capacity of 93.02 GiB of which 1.18 GiB is free. Process 2752205 has 91.82 GiB memory in use. Of the allocated memory 90.63 GiB is allocated by PyTorch, and 120.54 MiB is reserved by PyTorch but unallocated."
OLD_TORCH = "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.93 GiB total capacity; 6.3 GiB already allocated)"
VLLM = "(EngineCore_0 pid=87) ERROR 11-21 10:00:00 [core.py:700] ValueError: Free memory on device cuda:0 (2.1/23.5 GiB) on startup is less than desired GPU memory utilization (0.92, 21.6 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."
LENGTH = "ValueError: To serve at least one request with the model's max seq len (32768), (4.00 GiB KV cache is needed, which is larger than the available KV cache memory (1.20 GiB). Based on the available memory, the estimated maximum model length is 9824."

LINES: list[tuple[Role, str, str]] = [
    ("model_server", TORCH, "gpu.oom.torch"),
    ("model_server", OLD_TORCH, "gpu.oom.torch"),
    ("model_server", VLLM, "gpu.oom.vllm-start"),
    ("model_server", LENGTH, "gpu.oom.vllm-length"),
    ("model_server", "ValueError: No available memory for the cache blocks. Try increasing", "gpu.oom.vllm-cache"),
    ("model_server", "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.", "gpu.oom.sglang-static"),
    ("model_server", "Decode out of memory. Try to lower your batch size.", "gpu.oom.sglang-run"),
    ("model_server", "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory", "gpu.oom.llamacpp"),
    ("ollama", "ggml_cuda_init: cudaMalloc failed: unknown", "gpu.oom.ollama"),
    ("model_server", "alloc_tensor_range: failed to allocate CUDA0 buffer of size 4294967296", "gpu.oom.llamacpp"),
    ("model_server", "llama_kv_cache_init: failed to allocate buffer for kv cache", "gpu.oom.llamacpp"),
    ("model_server", "RuntimeError: CUDA error: out of memory", "gpu.oom.cuda"),
    ("model_server", '{"text": "...", "error_code": 50002}', "gpu.oom.fastchat"),
    ("model_server", "Failed to initialize NVML: Unknown Error", "gpu.lost.nvml-unknown"),
    ("model_server", "Failed to initialize NVML: Driver/library version mismatch", "gpu.lost.nvml-mismatch"),
    ("model_server", "Failed to initialize NVML: Driver Not Loaded", "gpu.lost.nvml-not-loaded"),
    ("model_server", "No devices were found", "gpu.lost.no-device"),
    ("model_server", "Engine core initialization failed. See root cause above.", "model.engine-dead"),
    ("model_server", "RuntimeError: No available slot found for the model", "model.no-slot"),
    ("model_server", "INFO:     Application startup complete.", "model.ready"),
    ("model_server", "INFO 01-23 [gpu_model_runner.py:2602] Starting to load model Qwen/Qwen3-8B...", "model.loading"),
    ("model_server", "[2026-01-02 12:01:17] Load weight begin. avail mem=92.50 GB", "model.loading"),
    ("model_server", "Loading safetensors checkpoint shards:  20% Completed | 1/5 [00:00<00:00]", "model.loading"),
    ("model_server", "Loading checkpoint shards:  50%|#####     | 1/2 [00:03<00:03,  3.10s/it]", "model.loading"),
    ("ollama", 'level=INFO source=routes.go:1052 msg="Listening on [::]:11434 (version 0.1.38)"', "ollama.started"),
    ("ollama", CUDA, "ollama.inference-gpu"),
    ("ollama", NEWER, "ollama.inference-gpu"),
    ("ollama", CPU, "ollama.inference-cpu"),
    ("ollama", "ggml-cuda.cu: cudaMalloc failed: out of memory", "gpu.oom.llamacpp"),
    ("ollama", "ErrorOutOfMemory: vk::Device::allocateMemory", "gpu.oom.ollama"),
    ("ollama", 'msg="error loading llama server" error="llama-server process has terminated: exit status 2"', "ollama.runner-ended"),
    ("ollama", "cudaMalloc failed: out of memory; retrying without pipeline parallelism", "ollama.oom-retried"),
]  # fmt: skip


def log(*lines: str) -> bytes:
    return "".join(f"2026-11-21T10:00:{n:02d}.5Z {line}\n" for n, line in enumerate(lines)).encode()


@pytest.mark.parametrize(("role", "line", "mark"), LINES)
def test_a_line_is_found_by_its_own_words_and_means_one_thing(role: Role, line: str, mark: str) -> None:
    assert [found.mark for found in marks(ID, role, log(line))] == [mark]


def test_what_a_line_says_of_sizes_and_processes_is_kept() -> None:
    (mark,) = marks(ID, "model_server", log(f"(Worker_TP1 pid=214) ERROR {TORCH}"))
    assert mark.text.startswith("CUDA out of memory. Tried to allocate 1.25 GiB. GPU 1 has a total capacity of 93.02")
    assert "Process 2752205 has 91.82 GiB" in mark.text
    (mark,) = marks(ID, "model_server", log(LENGTH))
    assert "estimated maximum model length is 9824" in mark.text


@pytest.mark.parametrize(
    "line",
    [
        "INFO: user asked: how do I solve an allocation problem",
        "Model loading took 8.9 GiB memory",
        "WARNING memory usage is high, out of 24 GiB",
        'msg="model request too large for system" requested="8.1 GiB" available=7654321',
        "POST /v1/embeddings 200 OK",
    ],
)
def test_ordinary_lines_of_a_model_server_mean_nothing(line: str) -> None:
    assert marks(ID, "model_server", log(line)) == ()


def test_each_gpu_that_ollama_found_is_kept() -> None:
    found = marks(ID, "ollama", log('msg="Listening on [::]:11434 (version 0.1.38)"', CUDA, NEWER))
    assert [mark.mark for mark in found] == ["ollama.started", "ollama.inference-gpu", "ollama.inference-gpu"]


def test_a_new_run_of_ollama_forgets_what_the_one_before_found() -> None:
    again = 'msg="Listening on [::]:11434 (version 0.1.38)"'
    assert [m.mark for m in marks(ID, "ollama", log(again, CPU, again, CUDA))] == [
        "ollama.started", "ollama.inference-gpu",
    ]  # fmt: skip


def test_what_was_said_at_the_start_stands_when_it_has_gone_out_of_sight() -> None:
    start, cpu, oom = (
        LogMark(ID, name, "x", 1.0) for name in ("ollama.started", "ollama.inference-cpu", "gpu.oom.torch")
    )
    newer = LogMark(ID, "gpu.oom.ollama", "y", 2.0)

    assert standing((start, cpu, oom), (newer,)) == (start, cpu, newer)
    assert standing((start, cpu), (start,)) == (start,), "a new start says everything anew"


def test_a_container_of_unknown_role_with_a_gpu_is_read_as_a_model_server() -> None:
    plain = Container("a" * 64, "mine", "example/mine:1", "running")
    granted = Container(
        "a" * 64, "mine", "example/mine:1", "running", device_requests=(DeviceRequest("nvidia", 1, (), ("gpu",)),)
    )
    assert (log_role(plain), log_role(granted)) == ("unknown", "model_server")
