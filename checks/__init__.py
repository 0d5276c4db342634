"""The checks: one pitfall per file, each a pure function of the Snapshot.

A check never touches the machine: what it needs to know, a source has collected. It returns results; a finding may
carry a fix, planned from the same Snapshot. A check that raises becomes a ``crashed`` result, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps

from msgspec.structs import replace

from ..console.findings import Result, Severity, Status
from ..console.model import Snapshot
from ..console.plan import Plan
from ..console.settings import Settings

Examine = Callable[[Snapshot, Settings], Iterable[Result]]
MakePlan = Callable[[Result, Snapshot, Settings, Mapping[str, str]], Plan]


@dataclass(frozen=True)
class Example:
    """A small Snapshot and what the check must say of it."""

    name: str
    """A sentence: what a person did."""
    snapshot: Snapshot
    status: Status
    form: str | None = None
    plan_kinds: tuple[str, ...] | None = None
    """Kinds of the planned steps in order; None: not compared."""


@dataclass(frozen=True)
class Check:
    """One pitfall: how to see it, what to say of it, how to plan its repair."""

    id: str
    """``area.pitfall``, as the file is called."""
    title: str
    severity: Severity
    """The worst it reports; a finding carries its own."""
    doc: str
    """The module's docstring: What it does, Why it matters, Fix, Sources. ``stackops explain`` prints it."""
    examine: Examine
    plan: MakePlan | None
    examples: tuple[Example, ...]
    needs: tuple[str, ...] = ()
    """What a Snapshot has only on request, and a plan of this check is made from."""
    proves: tuple[str, ...] = ()
    """What a Snapshot has only on request, and this check judges better with: asked for when it is called by its name,
    and while it repairs."""

    def __post_init__(self) -> None:
        """Every plan says which fault of the finding it repairs: that one has to be gone afterwards."""
        if self.plan is not None:
            object.__setattr__(self, "plan", _of_its_finding(self.plan))


def _of_its_finding(make: MakePlan) -> MakePlan:
    @wraps(make)
    def plan(result: Result, snapshot: Snapshot, settings: Settings, answers: Mapping[str, str]) -> Plan:
        return replace(make(result, snapshot, settings, answers), fault=result.fault)

    return plan
