"""Model servers: what answers at an address, which models it has, how busy it is. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

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
