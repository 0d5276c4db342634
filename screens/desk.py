"""What the screens work with, handed in from outside: machine, settings, checks, Snapshots.

It does not import Textual, so tests can fill it with fixed values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ..console.paths import Memory

if TYPE_CHECKING:
    from ..console.collect.collector import Past
    from ..console.fix.journal import Journal
    from ..console.fix.plan import Plan
    from ..console.fix.proving import Judge
    from ..console.hosts import Host
    from ..console.model import DeepCheck, Snapshot
    from ..console.model.findings import Result
    from ..console.report.store import Kept
    from ..console.settings import Settings


DEMO = "demo"
"""What the console answers when the practice stack is wanted."""
Publish = Callable[["Snapshot"], None]


class Feed(Protocol):
    """Where Snapshots come from: the collector's thread, or frozen ones in a test."""

    kept: Kept | None
    """What `stackops watch` kept of the time before, once it has been read."""

    def listen(self, publish: Publish) -> None:
        """Hand every Snapshot to ``publish``, the latest one at once. Called from whatever thread it was made in."""

    def complete(self) -> None:
        """The first frame stands: read all there is from now on; thread-safe."""

    def request(self) -> None:
        """Look again now; thread-safe."""

    def remember(self, check: DeepCheck) -> None:
        """Keep the result of a question to a model server, for the Snapshots to come; thread-safe."""
        ...

    def stop(self) -> None:
        """End the looking and wait for it."""

    def curve(self, key: str) -> Past:
        """The figures of something with their times, newest last, by its name in the ``History``."""


class Checks(Protocol):
    """The checks, as far as screens need them."""

    def examine(self, snapshot: Snapshot, only: Collection[str] | None = None) -> Sequence[Result]:
        """What every enabled check says, or those with these ids."""

    def find(self, check: str) -> Judge | None:
        """What a check reads to judge; None when there is none of this id."""

    def plan(self, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan | None:
        """The plan that would repair a finding; None when the check has none."""

    def explain(self, check: str) -> str:
        """The text of a check: what it does, why it matters, the fix, the sources."""


@dataclass(frozen=True)
class Desk:
    """Everything a screen works with."""

    host: Host
    settings: Settings
    feed: Feed
    checks: Checks
    open_journal: Callable[[], Journal | None]
    """Opened when first needed, so that the first frame does not wait for what the journal knows of steps."""
    look: Callable[[Sequence[str]], Snapshot]
    """One whole look at the machine, with these parts that are only collected on request; slow, called from worker
    threads only."""
    offer_demo: bool = False
    memory: Memory = field(default_factory=lambda: Memory(None))
    """What this user's consoles remember from one time to the next."""

    @cached_property
    def journal(self) -> Journal | None:
        """None where no state folder can be named: then nothing can be fixed, and the screens say so."""
        return self.open_journal()

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return self.host.read_only or self.settings.read_only


class HasDesk(Protocol):
    """The application, as far as a dialog needs it."""

    desk: Desk
