"""What lines of model servers and of Ollama mean: memory of the card or of the machine, a GPU that is gone, too old."""

# ruff: noqa: E501 - recorded lines stay whole

from __future__ import annotations

from pathlib import Path

import pytest
from stackops.console.collect.sources.logs import log_role, marks
from stackops.console.model import Container, DeviceRequest, Role
from support.corpus import CORPUS

_BEGINNINGS = {
    "gpu.oom.": "gpu-memory", "host-memory.": "host-memory", "gpu.lost.": "gpu-lost",
    "gpu.too-old-card.": "too-old-card", "gpu.too-old-driver.": "too-old-driver",
}  # fmt: skip
IMAGES = {
    "vllm": "vllm/vllm-openai:v0.8.5", "sglang": "lmsysorg/sglang:v0.4.6", "ollama": "ollama/ollama:0.6.2",
    "tgi": "ghcr.io/huggingface/text-generation-inference:3.2", "llamacpp": "ghcr.io/ggml-org/llama.cpp:server-cuda",
    "tei": "ghcr.io/huggingface/text-embeddings-inference:86-1.7", "mine": "registry.example.com/team/answers:3",
}  # fmt: skip

ROWS = """\
vllm	gpu-memory	(EngineCore_DP0 pid=131) ERROR 10-02 09:12:44 [core.py:708] ValueError: Free memory on device (5.10/15.77 GiB) on startup is less than desired GPU memory utilization (0.9, 14.19 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
vllm	gpu-memory	ValueError: Free memory on device cuda:3 (0.62/79.15 GiB) on startup is less than desired GPU memory utilization (0.85, 67.28 GiB).
vllm	gpu-memory	ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (41200). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.
vllm	gpu-memory	ValueError: To serve at least one request with the models's max seq len (40960), (5.62 GiB KV cache is needed, which is larger than the available KV cache memory (0.31 GiB).
vllm	gpu-memory	ValueError: To serve at least one request with the model's max seq len (8192), 1.00 GiB KV cache is needed, which is larger than the available KV cache memory (0.65 GiB). Based on the available memory, the estimated maximum model length is 5312.
vllm	gpu-memory	ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.
vllm	gpu-memory	AssertionError: Error in memory profiling. Initial free memory 22.1 GiB, current free memory 23.4 GiB. This happens when other processes sharing the same container release GPU memory while vLLM is profiling during initialization.
vllm	gpu-memory	torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of 15.77 GiB of which 81.88 MiB is free.
vllm	gpu-memory	RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.
vllm	gpu-memory	torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 19.98 GiB
vllm	host-memory	RuntimeError: Too large swap space. 16.00 GiB out of the 15.54 GiB total CPU memory is allocated for the swap space.
vllm	nothing	INFO 03-01 10:10:10 model_runner.py:1518] CUDA graphs can take additional 1~3 GiB memory per GPU. If you are running out of memory, consider decreasing `gpu_memory_utilization` or enforcing eager mode.
vllm	nothing	WARNING 03-01 10:10:10 scheduler.py:1481] Sequence group cmpl-1 is preempted by PreemptionMode.RECOMPUTE mode because there is not enough KV cache space.
vllm	nothing	INFO 03-01 10:10:10 [gpu_worker.py:276] Available KV cache memory: 5.51 GiB
vllm	nothing	INFO 03-01 10:10:10 cuda.py:190] Cannot use FlashAttention-2 backend for Volta and Turing GPUs.
vllm	nothing	WARNING 03-01 10:10:10 config.py:1674] Your device 'Tesla T4' (with compute capability 7.5) doesn't support torch.bfloat16. Falling back to torch.float16 for compatibility.
vllm	nothing	WARNING 03-01 [marlin_utils_fp8.py:54] Your GPU does not have native support for FP8 computation but FP8 quantization is being used.
sglang	gpu-memory	RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: mem_fraction_static=0.6
sglang	gpu-memory	ValueError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes. pre_model_load_memory=9.1, local_gpu_memory=22.7
sglang	gpu-memory	[2025-06-02 07:11:35] Prefill out of memory. Try to lower your batch size.
sglang	gpu-memory	Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate 3.00 GiB.
sglang	host-memory	ValueError: Not enough host memory available. Requesting 96.00 GB but only have 51.20 GB free.
sglang	nothing	[2025-06-02 07:12:01] KV cache pool is full. Retract requests. #retracted_reqs: 1
sglang	gpu-lost	RuntimeError: No accelerator (CUDA, XPU, HPU, NPU, MUSA, MPS) is available.
sglang	too-old-card	triton.compiler.errors.CompilationError: type fp8e4nv not supported in this architecture. The supported fp8 dtypes are ('fp8e4b15', 'fp8e5')
vllm	gpu-lost	RuntimeError: No HIP GPUs are available
vllm	gpu-memory	RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED
vllm	too-old-card	ValueError: FP8 quantized models is only supported on GPUs with compute capability >= 8.9 (i.e 4090/H100), actual = `8.6`
vllm	too-old-card	ValueError: Attention sinks are only supported on Hopper, capability >= 9.0
vllm	too-old-card	RuntimeError: Found Tesla P40 which is too old to be supported by the triton GPU compiler, which is used as the backend. Triton only supports devices of CUDA Capability >= 7.0, but your device is of CUDA capability 6.1
vllm	too-old-card	ptxas fatal   : Value 'sm_120' is not defined for option 'gpu-name'
vllm	too-old-driver	nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4, please update your driver to a newer version
sglang	too-old-card	RuntimeError: SGLang only supports sm75 and above.
sglang	too-old-card	RuntimeError: FlashAttention: Only Ampere GPUs or newer are supported by flashinfer
tgi	gpu-memory	RuntimeError: Not enough memory to handle 2048 prefill tokens. You need to decrease `--max-batch-prefill-tokens`
tgi	gpu-memory	torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU
tgi	nothing	Error: ShardCannotStart
tgi	nothing	ERROR text_generation_launcher: Shard complete standard error output:
tgi	gpu-lost	RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx
tgi	too-old-card	FlashAttention only supports Ampere GPUs or newer.
tei	gpu-memory	Error: Model backend is not healthy Caused by: DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")
tei	too-old-card	Could not start backend: Runtime compute cap 61 is not compatible with compile time compute cap 75
tei	too-old-card	    Could not start backend: runtime compute cap 86 is not compatible with compile time compute cap 90
tei	gpu-lost	WARN text_embeddings_backend_candle: backends/candle/src/lib.rs:155: Could not find a compatible CUDA device on host: CUDA is not available
tei	nothing	WARN text_embeddings_router: router/src/lib.rs:211: The input sequences will be truncated to 512 tokens
llamacpp	gpu-memory	ggml_backend_cuda_buffer_type_alloc_buffer: allocating 10240.00 MiB on device 0: cudaMalloc failed: out of memory
llamacpp	gpu-memory	ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 1073741824
llamacpp	gpu-memory	llama_init_from_model: failed to initialize the context: failed to allocate compute pp buffers
llamacpp	gpu-memory	/app/ggml/src/ggml-cuda/ggml-cuda.cu:88: CUDA error: out of memory
llamacpp	host-memory	ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 34359738400
llamacpp	host-memory	llama_model_load: error loading model: mmap failed: Cannot allocate memory
llamacpp	nothing	ggml_cuda_host_malloc: failed to allocate 512.00 MiB of pinned memory: out of memory
llamacpp	nothing	warning: failed to mlock 4683534336-byte buffer (after previously locking 0 bytes): Cannot allocate memory
llamacpp	gpu-lost	ggml_cuda_init: failed to initialize CUDA: unknown error
llamacpp	too-old-driver	ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version
llamacpp	too-old-card	CUDA error: no kernel image is available for execution on the device
ollama	host-memory	time=2025-02-11T18:30:02.871Z level=INFO source=sched.go:731 msg="error loading model" error="model requires more system memory (38.2 GiB) than is available (14.9 GiB)"
ollama	host-memory	time=2025-02-11T18:30:02.871Z level=WARN source=server.go:170 msg="model request too large for system" requested="21.5 GiB" available="11.2 GiB"
ollama	gpu-memory	llama_model_load: error loading model: unable to allocate CUDA0 buffer
ollama	gpu-memory	time=2025-03-09T11:20:00Z level=ERROR source=sched.go:456 msg="error loading llama server" error="llama runner process has terminated: cudaMalloc failed: out of memory"
ollama	nothing	time=2025-03-09T11:20:00Z level=WARN source=sched.go:648 msg="gpu VRAM usage didn't recover within timeout" seconds=5.1
ollama	nothing	ggml_cuda_host_malloc: failed to allocate 288.00 MiB of pinned memory: out of memory
llamacpp	too-old-card	ERROR: CUDA kernel mul_mat_vec has no device code compatible with CUDA arch 520. ggml-cuda.cu was compiled for: 700,750
ollama	gpu-memory	time=2025-10-01T08:00:00Z level=INFO source=sched.go:470 msg="Load failed" error="memory layout cannot be allocated"
ollama	gpu-lost	cuda driver library failed to get device context 999
ollama	gpu-lost	time=2025-01-14T20:45:10.120Z level=WARN source=gpu.go:449 msg="error looking up nvidia GPU memory" error="cuda driver library failed to get device context 801"
ollama	gpu-lost	time=2024-09-01T08:00:00Z level=INFO source=gpu.go:624 msg="Unable to load cudart library /usr/lib/libcuda.so.560.35: cuda driver library init failure: 999"
ollama	gpu-lost	time=2025-01-14T20:45:10Z level=WARN source=gpu.go:605 msg="unknown error initializing cuda driver library /usr/lib/libcuda.so.550.1: cuda driver library init failure: 999. see https://github.com/ollama/ollama/blob/main/docs/troubleshooting.md for more information"
ollama	gpu-lost	ggml_cuda_init: failed to initialize CUDA: operation not permitted
ollama	too-old-driver	time=2024-09-01T08:00:00Z level=INFO source=gpu.go:612 msg="Unable to load cudart library: cudart init failure: 35"
ollama	too-old-driver	time=2025-05-01T08:00:00Z level=WARN source=cuda_common.go:65 msg="old CUDA driver detected - please upgrade to a newer driver" version=11.4
ollama	nothing	time=2025-11-01T08:00:00Z level=WARN source=cuda_common.go:65 msg="old CUDA driver detected - please upgrade to a newer driver for best performance" version=12.8
ollama	too-old-card	time=2024-05-01T08:00:00Z level=INFO source=gpu.go:127 msg="[0] CUDA GPU is too old. Compute Capability detected: 3.5"
vllm	gpu-lost	RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 802: system not yet initialized
vllm	gpu-lost	RuntimeError: CUDA error: operation not permitted
vllm	gpu-lost	pynvml.NVMLError_DriverNotLoaded: Driver Not Loaded
vllm	gpu-lost	RuntimeError: Failed to infer device type, please set the environment variable `VLLM_LOGGING_LEVEL=DEBUG` to turn on verbose logging
vllm	gpu-lost	/usr/lib/python3/site-packages/torch/cuda/__init__.py:734: UserWarning: Can't initialize NVML
vllm	gpu-lost	Failed to initialize NVML: Unknown Error
vllm	gpu-lost	Failed to initialize NVML: Driver/library version mismatch
mine	gpu-lost	E0000 cuda_diagnostics.cc: failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error
mine	gpu-lost	onnxruntime: CUDA failure 100: no CUDA-capable device is detected ; GPU=0
mine	gpu-memory	RuntimeError: CUDA failed with error out of memory
mine	gpu-memory	onnxruntime: CUDA failure 2: out of memory ; GPU=0 ; hostname=box
mine	gpu-memory	RuntimeError: Insufficient VRAM in split for model and cache
mine	host-memory	RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 90177536 bytes.
mine	host-memory	memory allocation of 4294967296 bytes failed
mine	too-old-card	NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation.
mine	too-old-driver	UserWarning: CUDA initialization: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility was attempted on non supported HW
mine	too-old-driver	RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain.
vllm	too-old-card	ValueError: The quantization method awq_marlin is not supported for the current GPU. Minimum capability: 80. Current capability: 75.
vllm	too-old-card	RuntimeError: Quantization scheme is not supported for the current GPU. Min capability: 89. Current capability: 86.
vllm	too-old-card	ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Quadro RTX 8000 GPU has compute capability 7.5.
vllm	too-old-driver	RuntimeError: The NVIDIA driver on your system is too old (found version 11070). Please update your GPU driver by downloading and installing a new version
vllm	gpu-lost	RuntimeError: CUDA error: CUDA-capable device(s) is/are busy or unavailable
vllm	gpu-lost	pynvml.nvml.NVMLError_NoPermission: Insufficient Permissions
vllm	nothing	WARNING: lower max_num_seqs to avoid CUDA out of memory.
sglang	gpu-memory	RuntimeError: Not enough memory. Please try increasing --mem-fraction-static.
sglang	nothing	Decode out of memory happened. #retracted_reqs: 2, #new_token_ratio: 0.62
tgi	gpu-memory	ERROR warmup: text_generation_client: router/client/src/lib.rs:33: Server error: CUDA out of memory
tei	too-old-card	panicked at 'called Result::unwrap() on an Err value: DriverError(CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed")'
ollama	gpu-lost	cuda driver library failed to get device context 802time=2025-02-01T01:02:03Z level=WARN
ollama	gpu-memory	msg="error loading llama server" error="llama runner process has terminated: error loading model: unable to allocate backend buffer"
ollama	nothing	msg="requested context size too large for model" num_ctx=8192 num_parallel=1 n_ctx_train=4096
llamacpp	gpu-lost	warning: no usable GPU found, --gpu-layers option will be ignored
mine	gpu-lost	RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False.
mine	gpu-memory	RuntimeError: HIP error: hipErrorOutOfMemory
mine	nothing	INFO:     10.0.0.7:43210 - "POST /v1/chat/completions HTTP/1.1" 200 OK
mine	nothing	question: what does CUDA mean, and how is memory of a GPU laid out?
"""


def _rows() -> list[tuple[str, str, str]]:
    told = [tuple(line.split("\t", 2)) for line in ROWS.splitlines()]
    for path in sorted((CORPUS.parent / "cases").glob("gpu-*-texts/lines.tsv")):
        told += [tuple(line.split("\t", 2)) for line in path.read_text().splitlines() if line.strip()]
    return [(who, meaning, line) for who, meaning, line in told]


@pytest.mark.parametrize(("who", "meaning", "line"), _rows())
def test_each_line_has_a_mark_of_its_meaning(who: str, meaning: str, line: str) -> None:
    request = DeviceRequest("nvidia", -1, (), ("gpu",))
    role: Role = log_role(Container("c" * 64, "it", IMAGES[who], "running", device_requests=(request,)))
    found = marks("c" * 64, role, f"2026-01-02T03:04:05.6Z {line}\n".encode())
    meant = [known for mark in found for start, known in _BEGINNINGS.items() if mark.mark.startswith(start)]
    assert meant == ([] if meaning == "nothing" else [meaning])
    if meant:
        assert found[0].text[:40] in line


def test_the_files_of_cases_are_read_where_they_lie() -> None:
    if not Path(CORPUS.parent / "cases").is_dir():
        pytest.skip("the cases are not beside the project")
    assert len(_rows()) > len(ROWS.splitlines())
