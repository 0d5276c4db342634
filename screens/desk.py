"""What the screens may ask for, handed in from outside: the machine, the settings, the checks, the looks.

The one thing every screen gets. It knows no Textual, so that tests can fill it with frozen values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..console.findings import Result
    from ..console.hosts import Host
    from ..console.journal import Journal
    from ..console.model import Snapshot
    from ..console.plan import Plan
    from ..console.settings import Settings


DEMO = "demo"
"""What the console answers when the practice stack is wanted."""
Publish = Callable[["Snapshot"], None]


class Feed(Protocol):
    """Where Snapshots come from: the collector's thread, or frozen ones in a test."""

    def listen(self, publish: Publish) -> None:
        """Hand every Snapshot to ``publish``, the latest one at once. Called from whatever thread it was made in."""
        ...

    def request(self) -> None:
        """Look again now; thread-safe."""
        ...

    def stop(self) -> None:
        """End the looking and wait for it."""
        ...

    def cpu_of_host(self) -> Sequence[float | None]:
        """The last figures of the host's CPU in percent, newest last."""
        ...

    def cpu_of(self, container: str) -> Sequence[float | None]:
        """The last figures of a container's CPU in percent of one core, newest last."""
        ...

    def tokens_of(self, server: str) -> Sequence[float | None]:
        """Generated tokens per second of a model server, a value for each look, newest last."""
        ...

    def busy_of_gpu(self, uuid: str) -> Sequence[float | None]:
        """The last figures of a GPU's utilisation in percent, newest last."""
        ...


class Checks(Protocol):
    """The checks, as far as screens need them."""

    def examine(self, snapshot: Snapshot) -> Sequence[Result]:
        """What every enabled check says."""
        ...

    def plan(self, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan | None:
        """The plan that would repair a finding; None when the check has none."""
        ...

    def explain(self, check: str) -> str:
        """The text of a check: what it does, why it matters, the fix, the sources."""
        ...


@dataclass(frozen=True)
class Desk:
    """Everything a screen works with."""

    host: Host
    settings: Settings
    feed: Feed
    checks: Checks
    open_journal: Callable[[], Journal | None]
    """Opened when first needed, so that the first frame does not wait for what the journal knows of steps."""
    look: Callable[[], Snapshot]
    """One whole look at the machine, for verification; slow, called from worker threads only."""
    offer_demo: bool = False

    @cached_property
    def journal(self) -> Journal | None:
        """None where no state folder can be named: then nothing can be fixed, and the screens say so."""
        return self.open_journal()

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return self.host.read_only or self.settings.read_only
