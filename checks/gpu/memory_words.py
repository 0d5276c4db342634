"""What is said when GPU memory ran out, and what a person can do about it. Words only; pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ...console.model import Server, Snapshot
from ...console.text import size
from .common import Holder, card, free, holders
from .memory import LENGTH, Victim, server_of

BY_DESIGN = "vLLM takes its share of the card (--gpu-memory-utilization, 0.9 and more by default) when it starts"
KEEPS = "Ollama keeps a model loaded for a while after its last use (OLLAMA_KEEP_ALIVE)"


def title(victim: Victim) -> str:
    """One sentence."""
    name = victim.container.name
    where = f"on {card(victim.gpu)}" if victim.gpu else "on its GPU"
    verb = "died for want of" if victim.dead else "ran out of"
    if victim.form == "host-memory":
        limit = victim.container.memory_limit
        whose = f"its limit of {size(limit)}" if limit else "the machine's memory"
        if not victim.killed:
            return f"{name} found too little main memory for a model ({whose})"
        return f"{name} was killed for want of main memory ({whose}), not of the GPU's"
    if victim.form == "too-long":
        return f"{name} has too little GPU memory for the length of its context"
    if victim.form == "squeezed" and victim.culprit:
        return f"{name} {verb} memory {where}: {victim.culprit.name} holds {_much(victim.culprit, victim)}"
    return f"{name} {verb} memory {where}"


def _much(holder: Holder, victim: Victim) -> str:
    total = victim.gpu.memory_total if victim.gpu else None
    amount = size(holder.memory) if holder.memory is not None else "an unknown part"
    return f"{amount} of {size(total)}" if total else amount


def because(victim: Victim, snapshot: Snapshot) -> str:
    """The cause in plain language."""
    if victim.form == "host-memory" and not victim.killed:
        return "It has no GPU, so that the model and its cache lie in main memory, and there was no room left for them"
    if victim.form == "host-memory":
        return (
            "The kernel ended it: a model is read into main memory before it goes to the GPU. The GPU is not at fault"
        )
    if victim.form == "too-long":
        return "What is left beside the weights does not hold the cache for one request of the longest length"
    if victim.form == "too-big" and victim.gpu is None:
        return "Model, cache and the requests at work together do not fit; who else uses the card is not known"
    if victim.form == "too-big":
        return "Nobody else holds much of the card: model, cache and the requests at work together do not fit it"
    culprit = victim.culprit
    server = server_of(snapshot, culprit) if culprit else None
    left = f"{size(free(victim.gpu))} is left. " if victim.gpu and free(victim.gpu) is not None else ""
    if server is not None and server.product == "vllm":
        return f"{left}{BY_DESIGN}, which is no fault; two servers on one card have to agree on their shares"
    if server is not None and server.product == "ollama":
        return f"{left}{KEEPS}, and both together do not fit the card"
    return f"{left}Both together do not fit the card"


def says(victim: Victim, snapshot: Snapshot) -> Iterator[str]:
    """What a person can do, the nearest first."""
    name = victim.container.name
    if victim.form == "host-memory":
        yield from _main_memory(victim)
        return
    if victim.form == "too-long":
        yield f"Start it with a shorter context: --max-model-len {victim.longest or 'TOKENS'}"
        yield "Or give it more of the card: --gpu-memory-utilization 0.95, where nobody else needs the card."
        return
    if victim.form == "squeezed" and victim.culprit:
        yield from _of_culprit(victim.culprit, server_of(snapshot, victim.culprit))
    idle = _idle(victim, snapshot)
    if idle:
        yield f'Or give {name} another card: device_ids: ["{idle}"] in the compose file.'
    yield from _of_victim(victim)
    yield f"Then start it again: docker restart {shlex.quote(name)}"


def _main_memory(victim: Victim) -> Iterator[str]:
    limit = victim.container.memory_limit
    if limit:
        yield f"Raise its limit ({size(limit)}) in the compose file: mem_limit, or deploy.resources.limits.memory."
    else:
        yield "See what else takes main memory: docker stats; add memory or swap, or stop something."
    yield "A model needs about its file's size of main memory while it is loaded, whatever the GPU has."
    yield f"Then start it again: docker restart {shlex.quote(victim.container.name)}"


def _of_culprit(holder: Holder, server: Server | None) -> Iterator[str]:
    pids = " ".join(map(str, holder.pids))
    if server is not None and server.product == "vllm":
        yield f"Start {holder.name} with a smaller share: --gpu-memory-utilization 0.6"
    elif server is not None and server.product == "sglang":
        yield f"Start {holder.name} with a smaller share: --mem-fraction-static 0.6"
    elif holder.container:
        yield f"Stop what you do not need: docker stop {shlex.quote(holder.name)}"
    else:
        yield f"See what holds the memory: ps -o pid,ppid,user,lstart,args -p {pids}"


def _of_victim(victim: Victim) -> Iterator[str]:
    """By what the engine itself advises (fact: gpu-model-servers 3.4)."""
    kind = victim.mark.mark if victim.mark else ""
    if kind.startswith("gpu.oom.vllm") and kind != LENGTH:
        share = victim.share
        fits = f"--gpu-memory-utilization {share}" if share and share >= 0.2 else "a smaller --gpu-memory-utilization"
        yield f"Or start it with what is free: {fits}; or use a smaller or quantised model."
    elif kind.startswith("gpu.oom.sglang"):
        yield "Or change its share with --mem-fraction-static, or lower --max-running-requests."
    elif kind in ("gpu.oom.llamacpp", "gpu.oom.ollama"):
        yield "Or use a smaller quantisation, or a shorter context (Ollama: OLLAMA_CONTEXT_LENGTH; llama.cpp: -c)."
    else:
        yield "Or use a smaller model or quantisation, shorter inputs, or smaller batches."


def _idle(victim: Victim, snapshot: Snapshot) -> int | None:
    """Number of a card that nobody uses."""
    for gpu in snapshot.gpus:
        empty = not holders(snapshot, gpu.uuid) and (free(gpu) or 0) > 0.9 * (gpu.memory_total or float("inf"))
        if gpu.health == "ok" and empty and gpu.index is not None and (not victim.gpu or gpu.uuid != victim.gpu.uuid):
            return gpu.index
    return None
