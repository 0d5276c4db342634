"""A model server did not get its memory: the card is full, or the model is too big for it.

What it does
    Reads the lines in which PyTorch, vLLM, SGLang, llama.cpp, Ollama and FastChat say that memory was wanting, since
    the last start and, in a loop of starts, of the run before. Finds the card that is meant and who holds its memory:
    a container, its model server, the loaded model, or a process outside of containers. A server that runs on is only
    spoken of for an hour and while the card is still full. A kill for want of main memory is told apart. A full card by
    itself is no finding: vLLM fills its card by design.

Why it matters
    "CUDA out of memory" names whoever asked last, which is seldom whoever took the memory. Requests fail one by one
    while everything seems to run.

Fix
    Where an Ollama holds the memory, unloads its models, which Ollama would do by itself some minutes later, and starts
    the server that died of it. Everything else (shares, lengths, another card, a smaller model) is explained with the
    options that the engine has for it.

Sources
    The messages as these engines write them: PyTorch, vLLM 0.33, SGLang 0.5, llama.cpp, Ollama, FastChat 0.2.36, and
    their advice; Ollama's API for unloading (keep_alive 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Server, Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.steps import AnyStep, RestartContainer, UnloadModel
from ...console.text import duration, size
from .. import Check, compose
from . import memory_words as words
from .common import place_of, with_name
from .memory import Victim, relevant, server_of, victims
from .memory_full_examples import EXAMPLES

ID = "gpu.memory-full"
ENDED = ("exited", "dead", "restarting")


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each server that ran out, else one for all."""
    found = [_result(victim, snapshot) for victim in victims(snapshot)]
    yield from found
    if not found and relevant(snapshot):
        yield Result(ID, "", "ok", "No model server has run out of memory")


def _result(victim: Victim, snapshot: Snapshot) -> Result:
    name, rows = victim.container.name, tuple(_evidence(victim, snapshot))
    if victim.form == "room-again":
        return Result(ID, name, "ok", f"{name} ran out of GPU memory, and there is room again", evidence=rows)
    if victim.form == "unclear":
        because = "it ran out of memory a while ago, and how much of its card is free now is not known"
        return Result(ID, name, "unknown", f"Whether {name} has memory now cannot be told", None, rows, because)
    severity: Severity = "error" if victim.dead else "warning"
    models = unloadable(victim, snapshot)
    fix = FixSummary("manual", "make room on the card, or ask for less")
    if models:
        again = f" and start {name}" if victim.container.state in ENDED else ""
        fix = FixSummary("disruptive", f"unload {', '.join(step.model for step in models)}{again}")
    return compose.finding(
        ID, name, victim.form, words.title(victim), severity=severity, because=words.because(victim, snapshot),
        evidence=rows, fix=fix,
    )  # fmt: skip


def _evidence(victim: Victim, snapshot: Snapshot) -> Iterator[Evidence]:
    container, gpu = victim.container, victim.gpu
    if victim.mark is not None:
        yield Evidence("log", victim.mark.text, f"docker logs {container.name}")
        ago = snapshot.taken_at - (victim.mark.at or snapshot.taken_at)
        yield Evidence("said", f"{duration(max(0.0, ago))} ago", f"docker logs {container.name}")
    if victim.killed:
        yield Evidence(
            "killed by the kernel", f"yes, exit code {container.exit_code}", f"docker inspect {container.name}"
        )
    if gpu is not None:
        yield Evidence(with_name(gpu), f"{size(gpu.memory_used)} of {size(gpu.memory_total)} used", "NVML")
    for holder in victim.others[:3]:
        yield Evidence("held", holder.words, "NVML, process table")


def unloadable(victim: Victim, snapshot: Snapshot) -> tuple[UnloadModel, ...]:
    """Models of an Ollama that holds the most of the card, where nothing but their unloading makes room."""
    if victim.form != "squeezed" or victim.culprit is None:
        return ()
    server = server_of(snapshot, victim.culprit)
    if server is None or server.product != "ollama" or server.state not in ("up", "busy"):
        return ()
    models = victim.culprit.models or _loaded(server)
    return tuple(UnloadModel(address=server.address, model=model, name=victim.culprit.name) for model in models)


def _loaded(server: Server) -> tuple[str, ...]:
    """Those of which some part is on a GPU."""
    return tuple(model.name for model in server.loaded or () if model.size_vram != 0)


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Unloads what an Ollama holds; says what to do about the rest."""
    victim = next((one for one in victims(snapshot) if one.container.name == result.subject), None)
    if victim is None or victim.form in ("room-again", "unclear"):
        return compose.manual(result, "There is nothing to repair any more.")
    models = unloadable(victim, snapshot)
    if not models:
        return compose.manual(result, *words.says(victim, snapshot))
    container, steps = victim.container, list[AnyStep](models)
    if container.state in ENDED:
        steps.append(RestartContainer(container=container.id, name=container.name))
    return Plan(
        check=ID, subject=result.subject, title=result.title, steps=tuple(steps), safety="disruptive",
        restarts=(container.name,) if container.state in ENDED else (), says=tuple(_says(victim, models)),
        settle=10.0, deadline=90.0, uncovers=("too-big", "too-long"), lock=place_of(snapshot, container).directory,
    )  # fmt: skip


def _says(victim: Victim, models: tuple[UnloadModel, ...]) -> Iterator[str]:
    ollama, name = models[0].name, victim.container.name
    yield f"{ollama} loads a model again with the next request for it: then the card is as full as it is now."
    yield "The model's files stay where they are; answers that are being written are finished first."
    if victim.container.state in ENDED:
        yield f"{name} is started and may take minutes to load its model."
    yield f"For good: set OLLAMA_KEEP_ALIVE to a short time, or give {name} and {ollama} a card each."


CHECK = Check(
    id=ID, title="Model servers have the GPU memory they need", severity="error", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
