"""Waiting as a step: nothing is changed, only looked at, until a container has come up and stayed up, or time is over.

fact: fastgpt-stack 5, One API retries nothing by itself; Docker starts it again until its database takes connections.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from .base import Prepared, State, Step, StepFailed, StepMoved, Workbench
from .standing import Standing, of_container

LONGEST = 300.0
"""Seconds that a wait may last."""
PERIOD = 1.0


class WaitFor(Step, frozen=True):
    """Wait until a container runs and has not started anew for a while. There is nothing to take back."""

    settles: ClassVar[bool] = True
    changes_nothing: ClassVar[bool] = True
    deadline: ClassVar[float] = LONGEST + 30.0

    container: str
    name: str
    what: str
    """What is waited for, for people: ``MySQL takes connections``."""
    seconds: float
    """At most; not more than 300."""
    steady: float = 8.0
    """Seconds it has to stay up. A crash loop is "running" between crashes."""

    @property
    def target(self) -> str:
        """The container's name."""
        return self.name

    def describe(self) -> str:
        """One sentence: what it does."""
        return f"Wait at most {self._limit:.0f} s until {self.what}; nothing is changed"

    @property
    def _limit(self) -> float:
        return min(max(self.seconds, 1.0), LONGEST)

    def prepare(self, bench: Workbench) -> Prepared:
        """Find the container. Raises StepMoved when it is gone."""
        there = of_container(bench.host, self.container)
        if there is None:
            raise StepMoved(f"The container {self.name} is gone", "look again")
        return Prepared(replace(self, container=there.id), None, "")

    def state(self, bench: Workbench) -> State:
        """A container that is there can be waited for, as often as one likes."""
        return "before" if of_container(bench.host, self.container) else "moved"

    def act(self, bench: Workbench) -> None:
        """Look once a second and tell how long it may still take. Raises StepFailed when time is over."""
        clock = bench.host.clock
        end, up_since = clock.monotonic() + self._limit, None
        last: Standing | None = None
        while True:
            now, left = clock.monotonic(), end - clock.monotonic()
            there = of_container(bench.host, self.container)
            if there is None:
                raise StepMoved(f"The container {self.name} is gone", "look again")
            same = last is not None and there.started_at == last.started_at
            if there.state != "running" or not same:
                up_since = now if there.state == "running" else None
            last = there
            if up_since is not None and now - up_since >= self.steady:
                return
            if left <= 0 and up_since is None:
                raise StepFailed(
                    f"{self.name} has not come up within {self._limit:.0f} s", "look again: it may be said why"
                )
            if left <= -self.steady:
                raise StepFailed(f"{self.name} does not stay up", "look again: it may be said why")
            bench.tell(_words(there, max(0.0, left)))
            clock.sleep(PERIOD)


def _words(there: Standing, left: float) -> str:
    state = "it runs, does it stay?" if there.state == "running" else f"it is {there.state}"
    return f"{state} ({left:.0f} s left)"
