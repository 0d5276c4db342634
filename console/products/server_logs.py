"""What programs print in their logs, each line by what it means: model servers, and who keeps a container running.

Of model servers and Ollama what they print of memory, of GPUs and of themselves. A mark's name begins with its meaning:
``gpu.oom.`` too little memory of the card, ``host-memory.`` too little of the machine, ``gpu.lost.`` no GPU is
reachable, ``gpu.too-old-card.`` and ``gpu.too-old-driver.`` an image, a precision or a CUDA for something newer.
Patterns are looked for anywhere in the line; the first that fits ends the search. A warning after which the server goes
on with something slower has no mark.

A keeper keeps a container running when the program in it is gone: nodemon, `node --watch`, supervisord, pm2, s6,
uvicorn's reloader and a start script outlive what they start: the Engine sees a process 1 that runs, its restart policy
never acts.

fact: nodemon lib/monitor/run.js; supervisor/process.py; pm2 lib/God.js; uvicorn supervisors; s6-overlay's s6-rc; bash
jobs.c; LibreChat issue 3220
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from msgspec import Struct

from ..model import Role
from ..text import N_


class Pattern(Struct, frozen=True, dict=True):
    """One line that means something."""

    name: str
    source: str
    only_match: bool = False
    """Keep what the pattern matched and nothing else: the rest of the line is a secret, or noise."""
    alone: bool = True
    """Whether a line that fits means only this."""
    kept: int = 1
    """How many different lines of this name are kept, told apart by the group ``key``."""
    stands: bool = False
    """Said once, at the start: true until the next start, however far behind later lines have left it."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Compiled by the first line it is looked for in: all of them take 9 ms, which the first frame would wait."""
        return re.compile(self.source)


OOM, HOST, LOST = "gpu.oom.", "host-memory.", "gpu.lost."
OLD_CARD, OLD_DRIVER, SHM = "gpu.too-old-card.", "gpu.too-old-driver.", "model.shm"
FAILURES = (OOM, HOST, LOST, OLD_CARD, OLD_DRIVER, SHM)
"""How marks begin after which a model is not loaded."""
REST = r"[^\n]{0,280}"

# fact: PyTorch's note on shared memory; NCCL's shm transport; vLLM issue 1710, xorbitsai/inference issue 1622
_SHM = (
    Pattern(
        SHM,
        r"out of shared memory|raise your shared memory limit|[Bb]us error.*shared memory"
        r"|shared memory segment.*(?:/dev/shm|failed)"
        r"|No space left on device.*(?:/dev/shm|torch_|nccl)|(?:/dev/shm|nccl).*No space left on device"
        r"|failed to extend /dev/shm|Fatal Python error: Bus error|DataLoader worker[^\n]{0,60}Bus error"
        r"|(?:</torch_\w{1,60}>|posix_fallocate failed)[^\n]{0,40}No space left on device",
    ),
)

# fact: ollama server/sched.go and llm/server.go; ggml-cpu; PyTorch alloc_cpu.cpp; numpy; Rust's allocator; vLLM 0.3 to
# 0.6 (swap space); SGLang memory_pool_host.py. A buffer that cannot be locked (mlock) only warns
_HOST_MEMORY = (
    Pattern(
        "host-memory.llamacpp",
        r"cpu_buffer_type_alloc_buffer: failed to allocate|(?:failed|unable) to allocate C(?:PU|UDA_Host)\w* buffer"
        r"|ggml_aligned_malloc: insufficient memory",
    ),
    Pattern("host-memory.swap-space", rf"Too large swap space\.{REST}|lack of CPU swap space|Not enough host memory"),
    Pattern(
        "host-memory.program",
        r"DefaultCPUAllocator: (?:can't allocate|not enough) memory|Unable to allocate [\d.]+ [KMGT]iB for an array"
        r"|\bMemoryError\b|std::bad_alloc|memory allocation of \d+ bytes failed|^(?!.*mlock).*Cannot allocate memory",
    ),
)

# fact: text-embeddings-inference issues 137 and 806; vLLM's config (bfloat16, quantisation); PyTorch's messages on
# capability and driver; CUDA's error texts 35, 209, 222, 803, 804; ollama discover/gpu.go
_TOO_OLD = (
    Pattern("gpu.too-old-card.image", rf"[Rr]untime compute cap \d+ is not compatible with compile time{REST}"),
    Pattern(
        "gpu.too-old-card.precision",
        rf"[Bb]f(?:loat)?16 is only supported on GPUs with compute capability{REST}"
        r"|type fp8e\w+ not supported in this architecture"
        rf"|only supported on (?!GPUs)[^\n]{{1,60}}?capability{REST}"
        rf"|FP8 quantized models (?:is|are) only supported on{REST}",
        only_match=True,
    ),
    Pattern(
        "gpu.too-old-card.quantization",
        r"[Qq]uantization (?:method \S+|scheme) is not supported for the current GPU"
        rf"|[Oo]nly (?:supports )?Ampere GPUs or newer{REST}",
    ),
    Pattern(
        "gpu.too-old-card.kernel",
        r"no kernel image is available|CUDA_ERROR_(?:NO_BINARY_FOR_GPU|INVALID_PTX)|device kernel image is invalid"
        r"|PyTorch no longer supports this GPU because it is too old|CUDA GPU is too old"
        r"|is not compatible with the current PyTorch installation|compiled without support for the current GPU arch"
        r"|Feature '[^']+' requires \.target sm_\d+|is for sm\d+-sm\d+, but was built for sm\d+"
        r"|cuda compute cap \d+ is not supported|SGLang only supports sm\d+ and above"
        r"|(?i:only supports devices of|requires) CUDA Capability >= [\d.]+"
        r"|has no device code compatible with CUDA arch|ptxas fatal\s*: Value 'sm_\d+\w?' is not defined",
    ),
    Pattern(
        OLD_DRIVER + "cuda",
        rf"NVIDIA driver on your system is too old{REST}|CUDA driver version is insufficient for CUDA runtime version"
        r"|CUDA_ERROR_INSUFFICIENT_DRIVER|cudart init failure: 35\b|provided PTX was compiled with an unsupported tool"
        r"|CUDA_ERROR_UNSUPPORTED_PTX_VERSION|forward compatibility was attempted on non supported HW"
        r"|unsupported display driver ?/ ?cuda driver combination|NVIDIA driver (?:is )?too old"
        r"|old CUDA driver detected - please upgrade to a newer driver(?! for best)"
        r"|requires (?:an )?NVIDIA [Dd]river (?:release|version)? ?[\d.]+ or (?:later|newer)"
        r"|unsatisfied condition: cuda>=",
    ),
)

_FAILED = r"(?:[Ee]rror|[Ff]ail(?:ed|ure))(?:(?!pinned)[^\n]){0,120}?\bout of memory"
# fact: PyTorch (before 2.x "(GPU 0; 7.93 GiB total capacity" in brackets); vLLM 0.3 to 0.33 (worker, kv_cache_utils);
# SGLang model_runner.py and pool_configurator.py; text-generation-inference's warm-up; llama.cpp's CUDA and Vulkan
# back ends; ONNX Runtime, CTranslate2, TensorRT-LLM, ExLlama, accelerate
_OUT_OF_MEMORY = (
    Pattern(
        "gpu.oom.torch", rf"(?<!avoid )(?:CUDA|HIP|NPU|XPU) out of memory(?:\.| occurred|\s*$){REST}", only_match=True
    ),
    Pattern(
        "gpu.oom.vllm-start",
        rf"Free memory on device(?: \S+)? \([\d.]+/[\d.]+ GiB\) on startup is less than desired{REST}",
        only_match=True,
    ),
    Pattern(
        "gpu.oom.vllm-length",
        rf"To serve at least one request with the model(?:'?s?'s)? max seq len{REST}"
        rf"|[Tt]he model's max seq len \(\d+\) is larger than the maximum number of tokens{REST}",
        only_match=True,
    ),
    Pattern(
        "gpu.oom.vllm-cache",
        rf"No available memory for the cache blocks{REST}|Error in memory profiling\.{REST}",
        only_match=True,
    ),
    Pattern(
        "gpu.oom.sglang-static",
        rf"Not enough memory[.;] Please try (?:to )?(?:in|de)creas\w+ --mem-fraction-static{REST}"
        rf"|The memory capacity is unbalanced\. Some GPUs may be occupied{REST}",
    ),
    Pattern("gpu.oom.sglang-run", r"(?:Prefill|Decode) out of memory\. Try to lower your batch size"),
    Pattern("gpu.oom.tgi", rf"Not enough memory to (?:handle|run with) {REST}", only_match=True),
    Pattern(
        "gpu.oom.llamacpp",
        r"(?:cuda|hip)Malloc failed: out of memory|(?:failed|unable) to allocate (?:CUDA|ROCm|Vulkan)\d+ buffer"
        r"|failed to allocate buffer for (?:kv|rs) cache|failed to allocate compute (?:pp )?buffers",
    ),
    Pattern(
        "gpu.oom.cuda",
        rf"(?:CUDA|Cuda|HIP|CUBLAS|NCCL|[Cc]uda\w{{1,40}})\b[^\n]{{0,40}}?{_FAILED}|CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED"
        r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|hipErrorOutOfMemory|ErrorOutOfDeviceMemory"
        r"|Insufficient VRAM"
        r"|[Oo]ut of memory error on GPU \d|amount of GPU memory \(\d+ bytes\) could not be allocated"
        r"|Make sure you have enough GPU RAM to fit",
    ),
    Pattern("gpu.oom.fastchat", r"[\"']error_code[\"']: ?50002\b"),
)

# fact: nvidia-container-toolkit issue 48; ollama issues 3930, 7765, 9531 and discover/gpu_info_*.c; PyTorch's
# c10/cuda and torch/cuda; NVML's error classes in pynvml; vLLM and SGLang where they find no device; CUDA's errors
# 100 (no device), 800 (not permitted), 801 (not supported), 802 (not initialised), 999 (unknown)
_LOST = (
    Pattern("gpu.lost.nvml-unknown", r"NVML: Unknown Error|NVMLError_(?:Unknown|OperatingSystem)"),
    Pattern(
        "gpu.lost.nvml-mismatch",
        r"Failed to initialize NVML: Driver/library version mismatch|NVMLError_LibRmVersionMismatch"
        r"|version mismatch between driver and cuda driver library",
    ),
    Pattern(
        "gpu.lost.nvml-not-loaded",
        r"Failed to initialize NVML: (?:Driver Not Loaded|Insufficient Permissions|GPU [Aa]ccess blocked)"
        r"|NVMLError_(?:DriverNotLoaded|LibraryNotFound|NoPermission)"
        r"|NVIDIA-SMI has failed because it couldn't communicate with|Can't initialize NVML",
    ),
    Pattern(
        "gpu.lost.off-the-bus", r"NVMLError_GpuIsLost|\bGPU is lost\b|fallen off the bus|cudaErrorDeviceUninitialized"
    ),
    Pattern(
        "gpu.lost.no-device",
        r"^No devices were found|No (?:CUDA|HIP) GPUs are available|no CUDA-capable device is detected"
        r"|CUDA_ERROR_NO_DEVICE|The NVIDIA Driver was not detected"
        r"|Found no NVIDIA driver on your system|No CUDA runtime is found"
        r"|no nvidia devices detected by library|libcuda\.so\.1: cannot open shared object"
        r"|Failed to infer device type|no usable GPU found"
        r"|torch\.cuda\.is_available\(\) is False|No accelerator \([^)]*\) is available"
        r"|Could not find a compatible CUDA device",
    ),
    Pattern(
        "gpu.lost.cuda",
        r"CUDA unknown error|CUDA-capable device\(s\) is/are busy or unavailable"
        r"|CUDA error: (?:unknown error|operation not permitted|system not yet initialized)"
        r"|(?i:cuda|cuinit|cudart)[^\n]{0,60}?(?:[Ee]rr(?:or)?|[Ff]ailure|returned|context)[ :=(]*"
        r"(?:100|80[012]|999)(?!\d)"
        r"|Error 802: system not yet initialized|CUDA_ERROR_(?:UNKNOWN|NOT_PERMITTED|SYSTEM_NOT_READY)"
        r"|failed call to cuInit"
        r"|unknown error initializing cuda driver library|error looking up nvidia GPU memory"
        r"|failed to initialize CUDA: (?!CUDA driver version)|CUDA driver initialization failed",
    ),
)

# fact: the first line is uvicorn's own; the others of success are vLLM's, SGLang's, TEI's and llama.cpp's
_SERVERS = (
    Pattern("model.engine-dead", r"EngineCore encountered an issue|Engine core initialization failed"),
    Pattern("model.no-slot", r"No available slot found for the model"),
    # fact: a text NUM_WORKERS compared with a number by uvicorn 0.21 to 0.23, in FastGPT's companion servers
    Pattern("model.workers-type-error", r"TypeError: '>' not supported between instances of 'str' and 'int'"),
    # vLLM, SGLang, and whoever loads with transformers; each bar of progress is drawn over the one before in one line
    Pattern(
        "model.loading",
        r"Starting to load model\b|Load weight begin\b|Loading (?:\w+ )?checkpoint shards\b",
        only_match=True,
    ),
    Pattern(
        "model.ready",
        r"Application startup complete|The server is fired up and ready to roll!|GPU KV cache size: [\d,]+ tokens"
        r"|text_embeddings_router: .*: Ready$|server is listening on http",
    ),
)

# fact: ollama discover/types.go; one line per device, `library=cpu` where no GPU was seen
_INFERENCE = r"\binference compute\b(?:.{0,200}?\bid=(?P<key>\S{1,80}+))?.{0,200}?\blibrary=[\"']?"
_OLLAMA = (
    Pattern("host-memory.ollama", r"model requires more system memory|model request too large for system"),
    Pattern("ollama.started", r"\bListening on \S+ \(version [\w.+-]+\)", stands=True),
    Pattern("ollama.inference-cpu", rf"{_INFERENCE}(?i:cpu)", stands=True),
    Pattern("ollama.inference-gpu", rf"{_INFERENCE}\w", kept=16, stands=True),
    Pattern("ollama.oom-retried", r"retrying without pipeline parallelism"),
)
# fact: llm/status.go, what Ollama itself takes for out of memory, whatever the case. Memory that is not pinned is
# taken instead of pinned memory, so that no pinned memory is no fault
_OLLAMA_OUT_OF_MEMORY = (
    Pattern(
        "gpu.oom.ollama",
        r"^(?!.*pinned memory).*(?i:out of (?:device )?memory|failed to allocate|unable to allocate backend buffer"
        r"|allocation failed|not enough memory"
        r"|insufficient memory|memory layout cannot be allocated"
        r"|vk_error_out_of_device_memory|erroroutofmemory|(?:cuda|hip)malloc failed)",
    ),
    Pattern("ollama.runner-ended", r"llama(?:-server| runner) process has terminated:"),
)

_FAULTS = (*_SHM, *_HOST_MEMORY, *_TOO_OLD)
MODEL_SERVER: tuple[Pattern, ...] = (*_FAULTS, *_OUT_OF_MEMORY, *_LOST, *_SERVERS)
OLLAMA: tuple[Pattern, ...] = (*_FAULTS, *_LOST, *_OLLAMA, *_OUT_OF_MEMORY, *_OLLAMA_OUT_OF_MEMORY)


def mark_in(role: Role, line: str) -> str | None:
    """The mark of a line in the catalogue of Ollama, or of model servers for everybody else."""
    known = OLLAMA if role == "ollama" else MODEL_SERVER
    return next((one.name for one in known if one.regex.search(line)), None)


class Keeper(Struct, frozen=True):
    """A program that starts another one, and stays when that has ended."""

    name: str
    gone: re.Pattern[str]
    """It says that the program has ended and that it waits; the group ``who`` where it has several."""
    back: re.Pattern[str] | None = None
    """It says that it has started it again."""
    last: int = 1000
    """How many lines may stand behind: of one whose start is not told, only the very last words count."""


_NODE = re.compile(r"^\[nodemon\] (?:starting|restarting)|^Restarting '|Completed running '")
KEEPERS = (
    Keeper("nodemon", re.compile(r"\[nodemon\] (?:app crashed|clean exit) - waiting for"), _NODE),
    Keeper("node --watch", re.compile(r"Failed running '[^']*'"), _NODE),
    Keeper(
        "supervisord",
        re.compile(r"gave up: (?P<who>[\w:.-]+) entered FATAL|exited: (?P<who2>[\w:.-]+) \([^)]*; not expected\)"),
        re.compile(r"success: (?P<who>[\w:.-]+) entered RUNNING"),
    ),
    Keeper("pm2", re.compile(r"had too many unstable restarts \(\d+\)\. Stopped")),
    Keeper("s6", re.compile(r"s6-rc: (?:warning|fatal): unable to start service (?P<who>[\w.-]+)")),
    Keeper(
        N_("the reloader of uvicorn"),
        re.compile(r"^Process SpawnProcess-\d+:"),
        # or any line of a log, as no traceback has one: a worker died, whose program goes on
        re.compile(r"Started (?:server|reloader) process|startup complete|^\W?(?:\d{4}-|DEBUG|INFO|WARN|ERROR)"),
    ),
    Keeper(
        "watchexec", re.compile(r"\[(?:Finished running\. Exit status: |Command exited with )[1-9]"),
        re.compile(r"^\[Running [':]"),
    ),
    Keeper("concurrently", re.compile(r"^\[(?P<who>[\w:.-]+)\] .{1,160} exited with code [1-9]\d*$"), last=3),
    Keeper(
        N_("the start script"),
        re.compile(r"^npm (?:ERR!|error) |^error Command failed with exit code [1-9]|\bELIFECYCLE\b.*Command failed"),
        last=2,
    ),
    Keeper(
        N_("the start script"),
        re.compile(r"^\S+: line \d+: +\d+ (?:Killed|Aborted|Segmentation fault|Bus error|Illegal instruction)\b"),
        last=2,
    ),
)  # fmt: skip


_STARTS_OTHERS = re.compile(
    r"nodemon|\b(?:npm|npx|yarn|pnpm|bun)\b|--watch|--reload|supervisord|pm2|/init\b|s6-|concurrently|watchexec"
    r"|cargo watch|foreman|honcho|(?<!\bdocker-entrypoint\.)\b(?:ba|da|z)?sh\b"
)
"""A shell or a script counts. Not the entrypoint of Docker's official images, which most databases have: it ends in
``exec``, so that nothing stays behind it. fact: docs.docker.com/build/building/best-practices, ENTRYPOINT"""


def starts_others(words: Sequence[str]) -> bool:
    """Whether what a container is started with may outlive the program in it."""
    return bool(_STARTS_OTHERS.search(" ".join(words)))


def gone(lines: Sequence[str]) -> tuple[Keeper, int] | None:
    """Who waits for a program that has ended, and which of the lines says so; None where it was started again since."""
    for keeper in KEEPERS:
        found: dict[str, int] = {}
        for index, line in enumerate(lines):
            if match := keeper.gone.search(line):
                found[_who(match)] = index
            elif keeper.back and (match := keeper.back.search(line)):
                found.pop(_who(match), None)
        if found and len(lines) - max(found.values()) <= keeper.last:
            return keeper, max(found.values())
    return None


def others_live(keeper: Keeper, lines: Sequence[str], index: int) -> bool:
    """Whether a keeper of several says that it runs another program than the one that this line is of."""
    back = keeper.back
    told = (match for line in lines if back and back.groupindex and (match := back.search(line)))
    return any(_who(match) not in lines[index] for match in told)


def _who(match: re.Match[str]) -> str:
    return next((value for value in match.groupdict().values() if value), "")
