"""A fix as data: what would be done, in which order, at what risk.

A Plan is made by a check from its finding, purely from the Snapshot; nothing is read or touched while planning. ``fixing``
prepares, shows, applies, verifies and takes back; a check only describes.
"""

from __future__ import annotations

from msgspec import Struct

from .findings import Safety
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
