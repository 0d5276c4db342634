"""What the operator asks for without a finding: unload a model of an Ollama, with preview, proof and journal."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import LoadedModel, Server, Snapshot
from ..model.findings import Evidence, FixSummary, Result
from ..text.cleaning import clean_line, size
from .plan import Plan
from .steps import UnloadModel

ACTION = "server.unload"
"""In place of a check's id, where no check but the operator asks for it."""
READS = ("servers",)
"""Parts of the Snapshot that tell whether it is done."""
SAYS = (
    "Nothing is lost: the model stays on the disk, and the next request for it loads it again",
    "A request that is being worked on is finished first",
    "It cannot be taken back, and need not be. Who asks for the model all the time has it loaded again at once",
)


def unloadable(server: Server) -> tuple[LoadedModel, ...]:
    """Models that can be unloaded by a request, biggest share of GPU memory first; none of other products."""
    if server.product != "ollama" or server.state not in ("up", "busy") or not server.loaded:
        return ()
    return tuple(sorted(server.loaded, key=lambda model: -(model.size_vram or 0)))


def steps(server: Server, models: Sequence[str]) -> tuple[UnloadModel, ...]:
    """One step for each model."""
    return tuple(UnloadModel(server.address, model, server.key) for model in models)


def plan_unload(server: Server, models: Sequence[str], *, check: str = ACTION, subject: str | None = None) -> Plan:
    """Unload these models of an Ollama. ``disruptive``, because no step takes it back."""
    names = ", ".join(clean_line(model, 80) for model in models)
    freed = sum(model.size_vram or 0 for model in server.loaded or () if model.name in models)
    gain = (f"Frees about {size(freed)} of GPU memory, by Ollama's own account",) if freed else ()
    return Plan(
        check=check, subject=subject or subject_of(server, models), title=f"Unload {names} from {server.key}",
        steps=steps(server, models), safety="disruptive", says=(*gain, *SAYS), settle=0.0, deadline=30.0,
    )  # fmt: skip


def subject_of(server: Server, models: Sequence[str]) -> str:
    """What the action is about, for the journal."""
    return clean_line(f"{server.key} {' '.join(models)}", 200)


def asked(subject: str, snapshot: Snapshot) -> Plan | None:
    """The plan of the action, from its subject; None when the server is gone or is none that unloads."""
    key, *models = subject.split(" ")
    server = next((one for one in snapshot.servers if one.key == key and unloadable(one)), None)
    return plan_unload(server, models, subject=subject) if server is not None else None


def left(subject: str, snapshot: Snapshot) -> Result:
    """What is to be verified of the action, from its subject."""
    key, *models = subject.split(" ")
    return still_loaded(snapshot, key, models)


def still_loaded(snapshot: Snapshot, key: str, models: Sequence[str]) -> Result:
    """What a ``Fixer`` looks at for the action: a finding as long as one of the models is loaded."""
    server = next((one for one in snapshot.servers if one.key == key), None)
    subject = clean_line(f"{key} {' '.join(models)}", 200)
    if server is None or server.loaded is None:
        why = "the server is gone" if server is None else "the server does not tell which models are loaded"
        return Result(ACTION, subject, "unknown", f"Whether {key} still has the model loaded is not known", because=why)
    there = [model for model in server.loaded if model.name in models]
    if not there:
        return Result(ACTION, subject, "ok", f"{key} has none of the models loaded")
    evidence = tuple(
        Evidence("loaded", f"{clean_line(model.name, 80)}, {size(model.size_vram)} on GPUs", f"{server.address}/api/ps")
        for model in there
    )
    return Result(
        ACTION, subject, "finding", f"{key} has {len(there)} of the models loaded", "info", evidence,
        "it was loaded by a request", FixSummary("disruptive", "unload"), "loaded",
    )  # fmt: skip
