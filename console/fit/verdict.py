"""Whether models fit on the GPUs as they are now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from ..model import Gpu, GpuProcess, Server
from .catalogue import free_memory
from .need import Need

Answer = Literal["fits", "tight", "after_unload", "too_large", "unknown"]


class Verdict(Struct, frozen=True):
    """One model against one GPU, or one MIG instance of it."""

    gpu: str
    index: int | None
    name: str | None
    answer: Answer
    free: int | None
    left: int | None
    """Bytes free afterwards, with the higher need; negative when that much is missing."""
    says: str


_ILL = {
    "lost": "the card is lost", "reset_required": "the card needs a reset", "stale": "the driver does not answer",
    "no_permission": "the card may not be looked at",
}  # fmt: skip


def verdicts(
    need: Need, gpus: Sequence[Gpu], processes: Sequence[GpuProcess] = (), servers: Sequence[Server] = ()
) -> tuple[Verdict, ...]:
    """One for each GPU; a GPU that is cut into MIG instances has one for each of those."""
    found = []
    for gpu in gpus:
        if gpu.health != "ok":
            says = f"Not known: {_ILL.get(gpu.health, 'its memory cannot be read now')}"
            found.append(Verdict(gpu.uuid, gpu.index, gpu.name, "unknown", None, None, says))
            continue
        if gpu.mig:  # nothing runs on the card itself then
            for part in gpu.instances:
                label = " ".join(filter(None, (gpu.name, part.name)))
                found.append(_verdict(need, part.uuid, gpu.index, label, part.memory_free, 0))
            if not gpu.instances:
                says = "Not known: the card is in MIG mode, and none of its instances can be seen"
                found.append(Verdict(gpu.uuid, gpu.index, gpu.name, "unknown", None, None, says))
            continue
        idle = unloadable(gpu, processes, servers)
        found.append(_verdict(need, gpu.uuid, gpu.index, gpu.name, free_memory(gpu), idle))
    return tuple(found)


def unloadable(gpu: Gpu, processes: Sequence[GpuProcess], servers: Sequence[Server]) -> int:
    """Bytes that Ollama would give back at once: it unloads what is not in use when another model is asked for."""
    keys = {server.key for server in servers if server.product == "ollama" and server.loaded}
    return sum(p.memory or 0 for p in processes if p.gpu == gpu.uuid and p.server in keys and p.models)


def _verdict(need: Need, uuid: str, index: int | None, name: str | None, free: int | None, idle: int) -> Verdict:
    if free is None or need.low is None or need.high is None:
        return Verdict(
            uuid,
            index,
            name,
            "unknown",
            free,
            None,
            "It is not known how much is free" if free is None else "Not known",
        )
    left = free - need.high
    if left >= 0:
        return Verdict(uuid, index, name, "fits", free, left, "Fits")
    if free >= need.low:
        return Verdict(
            uuid, index, name, "tight", free, left, "Tight: the estimate's lower end fits, its upper end does not"
        )
    if free + idle >= need.high:
        return Verdict(uuid, index, name, "after_unload", free, left, "Fits once Ollama's loaded models are unloaded")
    return Verdict(uuid, index, name, "too_large", free, left, "Does not fit")


def placed(needs: Sequence[Need], gpus: Sequence[Gpu]) -> dict[int, tuple[str, ...]] | None:
    """Which GPUs each model would go to if all are to run together, by position; None where no such place was found.

    The largest first, each on the GPUs with the least room that still holds it: good, not always the best.
    """
    room = dict(each for gpu in gpus if gpu.health == "ok" for each in _rooms(gpu))
    slices = {part.uuid for gpu in gpus for part in gpu.instances}
    chosen: dict[int, tuple[str, ...]] = {}
    for position in sorted(range(len(needs)), key=lambda n: -(needs[n].high or 0)):
        wanted = needs[position]
        if wanted.high is None:
            return None
        split = {uuid: free for uuid, free in room.items() if wanted.split == 1 or uuid not in slices}
        fitting = sorted((free, uuid) for uuid, free in split.items() if free >= wanted.high)[: wanted.split]
        if len(fitting) < wanted.split:
            return None
        chosen[position] = tuple(uuid for _, uuid in fitting)
        for uuid in chosen[position]:
            room[uuid] -= wanted.high
    return chosen


def _rooms(gpu: Gpu) -> list[tuple[str, int]]:
    """Where on a card something can run, and the bytes that are free there.

    Of a card cut by MIG its instances, those that share their memory as one; a model is not split over instances.
    """
    if not gpu.mig:
        free = free_memory(gpu)
        return [] if free is None else [(gpu.uuid, free)]
    found: dict[object, tuple[str, int]] = {}
    for part in gpu.instances:
        if part.memory_free is not None:
            key = part.uuid if part.gpu_instance is None else part.gpu_instance
            found.setdefault(key, (part.uuid, part.memory_free))
    return list(found.values())
