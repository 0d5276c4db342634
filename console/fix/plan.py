"""A fix as data: what would be done, in which order, at what risk.

A Plan is made by a check from its finding, purely from the Snapshot; nothing is read or touched while planning.
``fixing`` prepares, shows, applies, verifies and takes back; a check only describes.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..model import FileFact
from ..model.findings import Safety
from .acts.base import PreparedStep, Step
from .steps import AnyStep


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
        return tuple(row.step for row in self.steps if row.inverse is None and not row.step.changes_nothing)

    @property
    def harms(self) -> bool:
        """Whether one of them is done while a service may be in use: consent to it is a typed word."""
        return any(step.harms_for_good for step in self.lasting)

    @property
    def word(self) -> str:
        """The word that is typed for it: the name of what it is done to."""
        return self.plan.restarts[0] if self.plan.restarts else self.plan.subject.rpartition("/")[2]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps
