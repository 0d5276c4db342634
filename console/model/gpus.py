"""GPUs, who holds their memory, how containers are granted them; and model servers. Data only.

Every field but a key may be unknown.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

GpuHealth = Literal["ok", "lost", "reset_required", "no_permission", "stale", "unreadable"]
"""``stale``: the last value of a read that has not come back since."""


class GpuInstance(Struct, frozen=True):
    """One MIG instance of a GPU."""

    uuid: str
    gpu_instance: int | None = None
    compute_instance: int | None = None
    name: str | None = None
    """The profile, for example ``1g.10gb``."""
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None


class Gpu(Struct, frozen=True):
    """One GPU, of any vendor. Memory in bytes, temperature in degrees Celsius, power in watts, clocks in MHz."""

    uuid: str
    """The key: an index may change at the next start. A GPU lost before its UUID was read has ``index:N``."""
    index: int | None = None
    vendor: str | None = "nvidia"
    name: str | None = None
    bus: str | None = None
    """PCI address, ``00000000:01:00.0``."""
    memory_total: int | None = None
    memory_used: int | None = None
    """Allocated by somebody, without what the driver keeps, where the driver tells them apart (NVML memory v2)."""
    memory_free: int | None = None
    memory_reserved: int | None = None
    """Kept by the driver; None where it is a part of ``memory_used`` (drivers before 510)."""
    utilisation: float | None = None
    """Percent of the time in which a kernel ran; 100 does not mean saturated."""
    memory_utilisation: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    fan: float | None = None
    clock: int | None = None
    clock_max: int | None = None
    memory_clock: int | None = None
    performance_state: int | None = None
    throttling: tuple[str, ...] | None = None
    """Why the clock is held back, alarms first, in words; empty when nothing holds it."""
    ecc: bool | None = None
    ecc_pending: bool | None = None
    ecc_uncorrected: int | None = None
    """Since the driver was loaded."""
    pcie_generation: int | None = None
    """Drops to 1 when idle; no fault."""
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    persistence: bool | None = None
    mig: bool | None = None
    instances: tuple[GpuInstance, ...] = ()
    health: GpuHealth = "ok"
    trouble: str | None = None
    """One sentence, when ``health`` is not ``ok``."""
    remedy: str | None = None
    read_at: float | None = None
    """When its figures were read; Unix seconds."""


class GpuProcess(Struct, frozen=True):
    """One process that holds memory of one GPU. The same process on two GPUs is two of these."""

    gpu: str
    """The GPU's ``uuid``."""
    pid: int
    memory: int | None = None
    """Bytes; None where the driver does not tell (WSL, MIG from the parent)."""
    name: str | None = None
    kind: Literal["compute", "graphics", "both"] | None = None
    instance: str | None = None
    """``uuid`` of the MIG instance."""
    utilisation: float | None = None
    """Percent of the GPU's time, in the last second."""
    container: str | None = None
    """Container id."""
    service: str | None = None
    """Name of the service that plays a role in that container, or natively."""
    server: str | None = None
    """``Server.key`` of the model server that this process belongs to."""
    models: tuple[str, ...] = ()
    """What that server has loaded, as far as it is known to sit in this process."""
    command: tuple[str, ...] = ()
    parent: int | None = None
    user: str | None = None
    started_at: float | None = None
    visible: bool | None = None
    """Whether the process table that is read here has it; False for one of another pid namespace, or just gone."""
    orphan: str | None = None
    """Why nobody answers for it any more, in one sentence; None when somebody does, or nothing tells."""


class GpuDriver(Struct, frozen=True):
    """The driver and its library, as far as they could be asked."""

    state: Literal["ok", "no_library", "not_loaded", "mismatch", "no_permission", "stalled", "crashed", "unknown"]
    version: str | None = None
    nvml: str | None = None
    cuda: str | None = None
    """The newest CUDA it supports, ``12.4``."""
    module: str | None = None
    """Version of the kernel module that is loaded."""
    cards: int | None = None
    """NVIDIA display controllers on the PCI bus, whatever the driver says; None when the bus cannot be read."""
    same_namespace: bool | None = None
    """Whether process ids from the driver can be found in the process table read here."""
    code: int | None = None
    """NVML's number: nvml.h, nvmlReturn_t."""
    sentence: str | None = None
    remedy: str | None = None


class DeviceRequest(Struct, frozen=True):
    """A GPU grant as ``inspect`` tells it."""

    driver: str = ""
    """Empty for ``--gpus``, ``nvidia`` from compose, ``cdi``."""
    count: int | None = None
    """-1 is all; N is the devices 0 to N-1."""
    ids: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


class DeviceRules(Struct, frozen=True):
    """Whether systemd knows of a container's NVIDIA devices, so that they outlive a ``daemon-reload``."""

    container: str
    path: str
    """The drop-in that was looked at."""
    nvidia: bool | None
    """Whether it allows character devices of major 195; None when it cannot be read."""


Product = str
"""A model server, as its descriptor in ``console/products/catalogue/`` names it: ``vllm``, ``m3e-large-api``."""

ServerState = Literal["up", "loading", "busy", "wrong_key", "engine_dead", "down", "unknown"]


class ServedModel(Struct, frozen=True):
    """A model that a server offers, loaded or not."""

    name: str
    size: int | None = None
    """Bytes of its weights on disk."""
    family: str | None = None
    parameters: str | None = None
    """As the server says it, for example ``7.6B``."""
    quantization: str | None = None
    context: int | None = None
    """The longest context it can be used with, in tokens."""


class LoadedModel(Struct, frozen=True):
    """A model that sits in memory."""

    name: str
    size: int | None = None
    """Bytes, all memory together, as the server says."""
    size_vram: int | None = None
    """Bytes of it on GPUs, as the server says: shown beside what the driver measures, never instead of it."""
    expires_at: float | None = None
    """When it will be unloaded if nobody asks; None when never or not known."""
    context: int | None = None
    device: str | None = None


class ServerFigures(Struct, frozen=True):
    """How busy a server is. Counters since its start; rates over the time since the look before."""

    at: float
    running: float | None = None
    waiting: float | None = None
    kv_cache: float | None = None
    """Share of the KV cache in use, 0 to 1."""
    prompt_tokens: float | None = None
    generated_tokens: float | None = None
    requests: float | None = None
    tokens_per_second: float | None = None
    """Generated tokens, from two counters; None before the second look, or after a restart."""
    weights_memory: int | None = None
    cache_memory: int | None = None


class ServerUser(Struct, frozen=True):
    """Who is set up to use a server."""

    who: str
    """For people: ``One API channel 3 (local-chat)``, ``librechat.yaml, endpoint "vLLM"``."""
    service: str | None = None
    """Name of that service."""
    address: str | None = None
    """As it is written there."""


class Server(Struct, frozen=True):
    """A model server."""

    key: str
    """Stays the same while the server does: ``container:PORT`` by the container's name, or ``host:PORT``."""
    product: Product
    address: str
    """Where it was asked, as seen from here: ``http://127.0.0.1:11434``."""
    state: ServerState
    reason: str | None = None
    """Why it is in this state, in one sentence."""
    remedy: str | None = None
    version: str | None = None
    container: str | None = None
    """Container id."""
    pid: int | None = None
    """Of a native server."""
    service: str | None = None
    models: tuple[ServedModel, ...] = ()
    loaded: tuple[LoadedModel, ...] | None = None
    """None when the product does not tell which models are in memory."""
    figures: ServerFigures | None = None
    latency: float | None = None
    """Seconds that the cheapest probe took."""
    recognised: tuple[str, ...] = ()
    """How it was recognised, strongest first: ``GET /version: {"version": ...}``, ``image vllm/vllm-openai``."""
    users: tuple[ServerUser, ...] = ()
    nowhere: bool = False
    """Its address leads to the container that asks, to nobody, or to who is no model server."""
    listens: tuple[str, ...] | None = None
    """Addresses that a native server listens on; None in a container, and where it is not known."""
    read_at: float | None = None


class DeepCheck(Struct, frozen=True):
    """One real request that somebody asked for: costs tokens, may load a model."""

    server: str
    model: str
    at: float
    seconds: float | None = None
    first_token: float | None = None
    """Seconds until the first piece of the answer."""
    tokens_per_second: float | None = None
    tokens: int | None = None
    error: str | None = None
