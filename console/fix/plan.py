"""A fix as data: what would be done, in which order, at what risk.

A Plan is made by a check from its finding, purely from the Snapshot; nothing is read or touched while planning.
``fix.engine`` prepares, shows, applies, verifies and takes back; a check only describes. What the operator asks for
without a finding stands here too: a model of an Ollama unloaded, with preview, proof and journal.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..model import FileFact, LoadedModel, Server, Snapshot
from ..model.findings import Evidence, FixSummary, Result, Safety
from ..text import N_, _
from ..text.cleaning import clean_line, size
from .acts.base import PreparedStep, Step
from .steps import AnyStep, UnloadModel


class Question(Struct, frozen=True):
    """Something only the operator can decide. The default is taken from the evidence."""

    key: str
    """Name for ``--set KEY=VALUE``."""
    prompt: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


class Plan(Struct, frozen=True):
    """Everything a fix would do. A plan without steps only says something (safety ``manual``)."""

    check: str
    subject: str
    title: str
    steps: tuple[AnyStep, ...] = ()
    questions: tuple[Question, ...] = ()
    safety: Safety = "safe"
    restarts: tuple[str, ...] = ()
    """Names of the services that are restarted or recreated."""
    says: tuple[str, ...] = ()
    """What the operator should know: risks, what is left alone, what cannot be taken back."""
    lock: str | None = None
    """Folder that is locked (flock) while the plan runs: the project's folder."""
    settle: float = 10.0
    """Seconds the finding must stay gone before the fix counts as verified."""
    deadline: float = 60.0
    """Seconds after the last step within which the finding must be gone."""
    fault: str | None = None
    """``Result.fault`` of the finding it repairs: this must be gone. Every check's plan gets it from its finding."""
    uncovers: tuple[str, ...] = ()
    """Forms of the same check, or whole faults, that lie behind the repaired one and may come to light by the repair,
    which they say nothing against. Any other that is there afterwards counts as the same fault moved elsewhere."""


def settling(plan: Plan, seconds: float | None) -> Plan:
    """The plan with the operator's own patience in place of its check's; None: as it is."""
    return plan if seconds is None or not plan.steps else replace(plan, settle=seconds)


@dataclass(frozen=True)
class PreparedPlan:
    """A plan made exact. The object that was shown is the object that is run; nothing is computed again."""

    plan: Plan
    steps: tuple[PreparedStep, ...]
    """Those that change something, in order, exact."""
    was: tuple[FileFact, ...]
    """The paths that are touched, as they are."""
    will: tuple[FileFact, ...]
    """The same paths, as they will be."""
    notes: tuple[str, ...]
    """What the operator should know besides the plan's own ``says``."""
    hash: str
    """SHA-256 over the exact steps."""
    kind: Literal["fix", "undo"] = "fix"
    of: str | None = None
    """For an undo: the entry that is taken back."""
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """By SHA-256. Never shown."""
    when_dropped: list[weakref.finalize[[], PreparedPlan]] = field(default_factory=list, repr=False, compare=False)
    """What forgets typed logins when it was only looked at; whoever runs it detaches them."""

    @property
    def lasting(self) -> tuple[Step, ...]:
        """Steps that nothing takes back."""
        return tuple(row.step for row in self.steps if row.step.lasts(row.inverse))

    @property
    def harms(self) -> bool:
        """Whether one of them is done while a service may be in use, or loses something: consent is a typed word."""
        return any(step.harms_for_good for step in self.lasting) or any(row.step.loses for row in self.steps)

    @property
    def word(self) -> str:
        """The word that is typed for it: the name of what it is done to."""
        return self.plan.restarts[0] if self.plan.restarts else self.plan.subject.rpartition("/")[2]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps


ACTION = "server.unload"
"""In place of a check's id, where no check but the operator asks for it."""
READS = ("servers",)
"""Parts of the Snapshot that tell whether it is done."""
SAYS = (
    N_("Nothing is lost: the model stays on the disk, and the next request for it loads it again"),
    N_("A request that is being worked on is finished first"),
    N_("It cannot be taken back, and need not be. Who asks for the model all the time has it loaded again at once"),
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
    gain = (_("Frees about {freed} of GPU memory, by Ollama's own account", freed=size(freed)),) if freed else ()
    return Plan(
        check=check, subject=subject or subject_of(server, models),
        title=_("Unload {names} from {key}", names=names, key=server.key), steps=steps(server, models),
        safety="disruptive", says=(*gain, *map(_, SAYS)), settle=0.0, deadline=30.0,
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
        why = _("the server is gone") if server is None else _("the server does not tell which models are loaded")
        return Result(
            ACTION, subject, "unknown", _("Whether {key} still has the model loaded is not known", key=key), because=why
        )
    there = [model for model in server.loaded if model.name in models]
    if not there:
        return Result(ACTION, subject, "ok", _("{key} has none of the models loaded", key=key))
    evidence = tuple(
        Evidence(
            _("loaded"),
            _("{model}, {size_vram} on GPUs", model=clean_line(model.name, 80), size_vram=size(model.size_vram)),
            f"{server.address}/api/ps",
        )
        for model in there
    )
    return Result(
        ACTION, subject, "finding", _("{key} has {count} of the models loaded", key=key, count=len(there)), "info",
        evidence,
        _("it was loaded by a request"), FixSummary("disruptive", "unload"), "loaded",
    )  # fmt: skip
