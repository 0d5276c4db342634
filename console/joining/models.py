"""Which models sit in which process of a server. Pure; what cannot be told stays empty.

In this order: what the process's own command line names; for products that keep what they serve, all of it; the only
model that is loaded; sizes, where only one way of distributing them is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from msgspec import Struct

from ..model import LoadedModel, Server
from . import commands

Models = tuple[str, ...]
Blobs = Mapping[str, frozenset[str]]
"""Digest of a file of weights -> names of the Ollama models made of it."""

KEEPS = frozenset({
    "vllm", "sglang", "tgi", "tei", "llamacpp", "infinity", "tabbyapi", "m3e-large-api", "m3e", "baichuan2",
    "chatglm2", "bge-reranker",
})  # fmt: skip
"""Products that load what they serve at their start, in whatever processes they have, and keep it."""
PER_PROCESS = frozenset({"ollama", "xinference", "localai", "lmstudio", "fastchat"})
"""Products with a process for each model."""
MOST = 7
"""Processes up to which all distributions are tried."""
CONTEXT = 1536 << 20
"""Bytes that a process holds beside its model: the CUDA context, buffers. fact: gpu-model-servers 5"""


class Holder(Struct, frozen=True):
    """One process of a server, with all that it holds on all GPUs."""

    pid: int
    memory: int | None
    command: tuple[str, ...]
    above: tuple[tuple[str, ...], ...] = ()
    """Command lines of its parents within the container, nearest first."""


def models_of(server: Server | None, holders: Sequence[Holder], blobs: Blobs) -> dict[int, Models]:
    """Process id -> models, for the processes of one server, or for processes of which no server is known."""
    if server is None:
        return {holder.pid: _from_parents(holder, blobs) for holder in holders}
    if server.product in KEEPS:
        if server.loaded is not None:  # one that sleeps tells that it has none
            return {holder.pid: tuple(model.name for model in server.loaded) for holder in holders}
        served = tuple(model.name for model in server.models)
        return {holder.pid: served or _from_parents(holder, blobs) for holder in holders}
    loaded = tuple(server.loaded or ())
    runners = [h for h in holders if server.product != "ollama" or not h.command or commands.is_runner(h.command)]
    found = {runner.pid: _told(runner, loaded, blobs) for runner in runners}
    rest = [runner for runner in runners if not found[runner.pid]]
    named = {name for names in found.values() for name in names}
    left = [model for model in loaded if model.name not in named]
    return found | _distributed(server, rest, left)


def _from_parents(holder: Holder, blobs: Blobs) -> Models:
    """What the nearest command line that names a model names."""
    for command in (holder.command, *holder.above):
        if name := commands.model(command):
            return (name,)
        if digest := commands.blob(command):
            return _of_blob(digest, blobs)
    return ()


def _told(holder: Holder, loaded: Sequence[LoadedModel], blobs: Blobs) -> Models:
    """What the process's own command line says, in the server's words where it has some for it."""
    if digest := commands.blob(holder.command):
        names = _of_blob(digest, blobs)
        return tuple(model.name for model in loaded if model.name in names) or names
    known = [model.name for model in loaded if _names(holder.command, model.name)]
    if len(known) == 1:
        return (known[0],)
    told = commands.model(holder.command)
    return (told,) if told and not loaded else ()


def _of_blob(digest: str, blobs: Blobs) -> Models:
    found = [names for known, names in blobs.items() if known.startswith(digest)]
    return tuple(sorted(found[0])) if len(found) == 1 else ()


def _names(command: Sequence[str], model: str) -> bool:
    """Whether an argument is the model's name, or a title such as ``Model: qwen-1-0`` ends with it."""
    return any(word == model or word.rstrip("/").endswith(f"/{model}") for word in commands.words(command))


def _distributed(server: Server, holders: Sequence[Holder], left: Sequence[LoadedModel]) -> dict[int, Models]:
    """Models that are loaded over processes whose command lines do not tell."""
    on_gpu = [model for model in left if model.size_vram != 0]
    if len(on_gpu) == 1 and (len(holders) == 1 or server.product not in PER_PROCESS):
        return {holder.pid: (on_gpu[0].name,) for holder in holders}
    if len(holders) != len(on_gpu) or not 1 < len(holders) <= MOST:
        return {}
    ways = list(_ways(holders, on_gpu))
    return {pid: (name,) for pid, name in ways[0].items()} if len(ways) == 1 else {}


def _ways(holders: Sequence[Holder], models: Sequence[LoadedModel]) -> Iterator[dict[int, str]]:
    """Every way in which each model fits the process it is given to; nothing where a size is not known."""
    if any(h.memory is None for h in holders) or any(m.size_vram is None for m in models):
        return
    for order in permutations(models):
        if all(_fits(holder, model) for holder, model in zip(holders, order, strict=True)):
            yield {holder.pid: model.name for holder, model in zip(holders, order, strict=True)}


def _fits(holder: Holder, model: LoadedModel) -> bool:
    """Whether a process of this size can hold just this model. The server counts less than the driver measures."""
    memory, said = holder.memory or 0, model.size_vram or 0
    return 0.9 * said <= memory <= 1.3 * said + CONTEXT
