"""What model servers log of GPUs and memory: out of memory, a lost GPU, what Ollama found when it started.

Data only. These lines are looked for in every Ollama and model server, and in any other container with a GPU grant.
Marks named ``gpu.oom.…`` mean that memory for a model was asked for and not had, ``gpu.nvml-…`` that the GPU cannot be
reached from in there, ``model.…`` and ``ollama.…`` what the server says of itself.
"""

from __future__ import annotations

from .log_pattern import Pattern, pattern

OOM = "gpu.oom."
"""How the marks of all out-of-memory lines begin."""
REST = r"[^\n]{0,280}"

# fact: gpu-model-servers 3.4; PyTorch before 2.x put "(GPU 0; 7.93 GiB total capacity" into brackets
_OUT_OF_MEMORY = (
    pattern("gpu.oom.torch", rf"CUDA out of memory\. Tried to allocate {REST}", only_match=True),
    pattern(
        "gpu.oom.vllm-start",
        rf"Free memory on device \S+ \([\d.]+/[\d.]+ GiB\) on startup is less than desired{REST}",
        only_match=True,
    ),
    pattern(
        "gpu.oom.vllm-length", rf"To serve at least one request with the model's max seq len{REST}", only_match=True
    ),
    pattern("gpu.oom.vllm-cache", rf"No available memory for the cache blocks{REST}", only_match=True),
    pattern("gpu.oom.sglang-static", rf"Not enough memory\. Please try to increase --mem-fraction-static{REST}"),
    pattern("gpu.oom.sglang-run", r"(?:Prefill|Decode) out of memory\. Try to lower your batch size"),
    pattern(
        "gpu.oom.llamacpp",
        r"(?:cuda|hip)Malloc failed: out of memory|(?:failed|unable) to allocate CUDA\d+ buffer"
        r"|failed to allocate buffer for kv cache|failed to allocate compute pp buffers",
    ),
    pattern("gpu.oom.cuda", r"CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY"),
    pattern("gpu.oom.fastchat", r"[\"']error_code[\"']: ?50002\b"),
)

# fact: gpu-model-servers 3.2 and 3.3
_LOST = (
    pattern("gpu.nvml-unknown", r"Failed to initialize NVML: Unknown Error"),
    pattern("gpu.nvml-mismatch", r"Failed to initialize NVML: Driver/library version mismatch"),
    pattern(
        "gpu.nvml-not-loaded",
        r"Failed to initialize NVML: Driver Not Loaded|NVIDIA-SMI has failed because it couldn't communicate with",
    ),
    pattern("gpu.no-devices", r"^No devices were found"),
)

# fact: gpu-model-servers 3.4, useful lines of success, and how the engines end; the first line is uvicorn's own
_SERVERS = (
    pattern("model.engine-dead", r"EngineCore encountered an issue|Engine core initialization failed"),
    pattern("model.no-slot", r"No available slot found for the model"),
    # fact: gpu-model-servers 4.3, a text NUM_WORKERS compared with a number by uvicorn 0.21 to 0.23
    pattern("model.workers-type-error", r"TypeError: '>' not supported between instances of 'str' and 'int'"),
    # vLLM, SGLang, and whoever loads with transformers; each bar of progress is drawn over the one before in one line
    pattern(
        "model.loading",
        r"Starting to load model\b|Load weight begin\b|Loading (?:\w+ )?checkpoint shards\b",
        only_match=True,
    ),
    pattern(
        "model.ready",
        r"Application startup complete|The server is fired up and ready to roll!|GPU KV cache size: [\d,]+ tokens",
    ),
)

# fact: gpu-model-servers 3.4; one line per device, `library=cpu` where no GPU was seen
_INFERENCE = r"\binference compute\b(?:.*?\bid=(?P<key>\S{1,80}))?.*?\blibrary=[\"']?"
_OLLAMA = (
    pattern("ollama.started", r"\bListening on \S+ \(version [\w.+-]+\)", stands=True),
    pattern("ollama.inference-cpu", rf"{_INFERENCE}(?i:cpu)", stands=True),
    pattern("ollama.inference-gpu", rf"{_INFERENCE}\w", kept=16, stands=True),
    pattern("ollama.oom-retried", r"retrying without pipeline parallelism"),
)
# fact: gpu-model-servers 3.4, what Ollama itself takes for out of memory, whatever the case
_OLLAMA_OUT_OF_MEMORY = (
    pattern(
        "gpu.oom.ollama",
        r"(?i:out of (?:device )?memory|failed to allocate|allocation failed|not enough memory|insufficient memory"
        r"|vk_error_out_of_device_memory|erroroutofmemory|(?:cuda|hip)malloc failed)",
    ),
    pattern("ollama.runner-ended", r"llama(?:-server| runner) process has terminated:"),
)

MODEL_SERVER: tuple[Pattern, ...] = (*_OUT_OF_MEMORY, *_LOST, *_SERVERS)
OLLAMA: tuple[Pattern, ...] = (*_LOST, *_OLLAMA, *_OUT_OF_MEMORY, *_OLLAMA_OUT_OF_MEMORY)
STARTS = frozenset({"ollama.started"})
"""A new run of the service begins here."""
