"""Proof by looking again: a fix worked when its finding is gone and stays gone, not when its commands say so.

A repair that worked is not taken back because a second fault came to light: another form of the same check may be there
afterwards where the plan says that it lies behind the repaired one, and always where a step cannot be taken back. A
form that is neither is the same fault moved elsewhere, and no proof.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from msgspec import Struct

from .findings import Result
from .hosts import Clock, Host, HostError
from .steps import ComposeUp, RestartContainer
from .steps.base import Step, StepFailed
from .steps.standing import Standing, of_container, of_service

PERIOD = 1.0
"""Seconds between two looks."""
Look = Callable[[], Result]


class NotVerified(StepFailed):
    """The finding did not go away, or came back."""


class Wanted(Struct, frozen=True):
    """What has to be gone, and what may be there in its place."""

    fault: str | None = None
    """``Result.fault`` that was repaired; None: nothing at all may be found."""
    uncovers: tuple[str, ...] = ()
    """Forms, or whole faults, that may come to light."""
    lasting: bool = False
    """A step cannot be taken back, so that any other form is left for a repair of its own."""

    def lets(self, result: Result) -> bool:
        """Whether a finding is another one than that which was repaired, and says nothing against the repair."""
        if self.fault is None or result.fault in (None, self.fault):
            return False
        return self.lasting or result.form in self.uncovers or result.fault in self.uncovers

    def gone(self, result: Result) -> bool:
        """Whether there is nothing to repair, or only something else."""
        if result.status == "finding":
            return self.fault is not None and result.fault not in (None, self.fault)
        return result.status in ("ok", "not_applicable")


class StopAsked(Exception):
    """Somebody wants to leave; the step that was running has ended."""


class Pulse:
    """Whether services that ran before a fix run on after it. fact: a crash loop is "running" between crashes."""

    def __init__(self, host: Host, steps: Sequence[Step]) -> None:
        self._host = host
        self._steps = [s for s in steps if isinstance(s, ComposeUp | RestartContainer) and s.was_running]
        self._started: dict[str, str | None] = {}

    def trouble(self) -> str | None:
        """A sentence when a service is not running, or has started anew since the last call."""
        for step in self._steps:
            there = self._standing(step)
            if there is None or there.state != "running":
                return f"{step.target} ran before and is {there.state if there else 'gone'} now"
            last = self._started.get(step.target)
            self._started[step.target] = there.started_at
            if last is not None and there.started_at != last:
                return f"{step.target} keeps restarting"
        return None

    def _standing(self, step: ComposeUp | RestartContainer) -> Standing | None:
        if isinstance(step, RestartContainer):
            return of_container(self._host, step.container)
        listed = of_service(self._host, step.project, step.service)
        return of_container(self._host, listed[0].id) if listed else None


def verify(
    look: Look,
    clock: Clock,
    *,
    deadline: float,
    settle: float,
    wanted: Wanted | None = None,
    trouble: Callable[[], str | None] = lambda: None,
    stop: threading.Event | None = None,
) -> Result | None:
    """Look until the finding is gone, at most ``deadline`` seconds, then see that it stays gone for ``settle`` seconds.

    Returns another finding that remains. Raises NotVerified with the last reason, StopAsked when ``stop`` is set.
    """
    end = clock.monotonic() + deadline
    good_since: float | None = None
    while True:
        if stop is not None and stop.is_set():
            raise StopAsked
        why, other = _judge(look, trouble, wanted or Wanted())
        now = clock.monotonic()
        if why is None:
            good_since = now if good_since is None else good_since
            if now - good_since >= settle:
                return other
        elif now >= end:
            raise NotVerified(f"The finding did not go away: {why}" if good_since is None else f"It came back: {why}")
        else:
            good_since = None
        clock.sleep(PERIOD)


def _judge(look: Look, trouble: Callable[[], str | None], wanted: Wanted) -> tuple[str | None, Result | None]:
    """Why it is not good yet, None when it is; and another finding that is there."""
    try:
        result = look()
        other = result if result.status == "finding" and wanted.lets(result) else None
        if other is None and result.status not in ("ok", "not_applicable"):
            return (result.title if result.status == "finding" else result.because or result.title), None
        return trouble(), other
    except HostError as error:
        return str(error), None
    except Exception as error:  # noqa: BLE001 - a look that breaks proves nothing; the fix must then be taken back
        return f"looking again failed with {type(error).__name__}", None
