"""Proof by looking again: a fix worked when its finding is gone and stays gone, not when its commands say so.

A repair that worked is not taken back because a second fault came to light: another form of the same check may be there
afterwards where the plan says that it lies behind the repaired one, and always where a step cannot be taken back. A
form that is neither is the same fault moved elsewhere, and no proof.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from msgspec import Struct

from ..hosts import Clock, EngineUnreachable, Host, HostError
from ..model.findings import Result
from ..text import _
from ..text.traces import caught
from .acts.base import Step, StepFailed, StopAsked

PERIOD = 1.0
"""Seconds between two looks."""
Look = Callable[[], Result]


class NotVerified(StepFailed):
    """The finding did not go away, or came back."""


class Expectation(Struct, frozen=True):
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


class Pulse:
    """Whether services that ran before a fix run on after it. fact: a crash loop is "running" between crashes."""

    def __init__(self, host: Host, steps: Sequence[Step]) -> None:
        self._host = host
        self._acted = [step for step in steps if step.needs_container]
        self._steps = [step for step in steps if step.keeps_running]
        self._started: dict[str, str | None] = {}

    def trouble(self) -> str | None:
        """A sentence when a service is not running, or has started anew since the last call."""
        for step in self._steps:
            state, started_at = step.seen(self._host) or ("gone", None)
            if state != "running":
                return _("{target} ran before and is {state} now", target=step.target, state=state)
            last = self._started.get(step.target)
            self._started[step.target] = started_at
            if last is not None and started_at != last:
                return _("{target} keeps restarting", target=step.target)
        return None

    def absence(self) -> str | None:
        """A sentence when a service that was acted on has no container; HostError where the Engine does not say."""
        for step in self._acted:
            if step.seen(self._host) is None:
                return _("{target} has no container", target=step.target)
        return None


def verify(
    look: Look,
    clock: Clock,
    *,
    deadline: float,
    settle: float,
    wanted: Expectation | None = None,
    trouble: Callable[[], str | None] = lambda: None,
    stop: threading.Event | None = None,
) -> Result | None:
    """Look until the finding is gone, at most ``deadline`` seconds, then see that it stays gone for ``settle`` seconds.

    Returns another finding that remains. Raises NotVerified with the last reason, EngineUnreachable where the last look
    could not ask the Engine at all, StopAsked when ``stop`` is set.
    """
    end = clock.monotonic() + deadline
    good_since: float | None = None
    while True:
        if stop is not None and stop.is_set():
            raise StopAsked
        why, other = _judge(look, trouble, wanted or Expectation())
        now = clock.monotonic()
        if why is None:
            good_since = now if good_since is None else good_since
            if now - good_since >= settle:
                return other
        elif now >= end:
            raise why.error(was_gone=good_since is not None)
        else:
            good_since = None
        clock.sleep(PERIOD)


class _Reason(Struct, frozen=True):
    """Why it is not good yet."""

    sentence: str
    untold: bool = False
    """Whether it is only not known."""
    unreachable: bool = False
    """Whether the Engine could not be asked at all."""
    remedy: str | None = None

    def error(self, *, was_gone: bool) -> HostError:
        """What ends the looking when time is over. What cannot be seen has neither stayed nor come back."""
        if self.unreachable:
            return EngineUnreachable(_("It cannot be proven: {sentence}", sentence=self.sentence), self.remedy)
        if self.untold and was_gone:
            return NotVerified(
                _("It can no longer be seen that the finding is gone: {sentence}", sentence=self.sentence), self.remedy
            )
        seen = _("It came back") if was_gone else _("The finding did not go away")
        return NotVerified(f"{seen}{', as far as can be told' if self.untold else ''}: {self.sentence}", self.remedy)


def _judge(look: Look, trouble: Callable[[], str | None], wanted: Expectation) -> tuple[_Reason | None, Result | None]:
    """Why it is not good yet, None when it is; and another finding that is there."""
    try:
        result = look()
        other = result if result.status == "finding" and wanted.lets(result) else None
        if other is None and result.status == "finding":
            return _Reason(result.title), None
        if other is None and result.status not in ("ok", "not_applicable"):
            return _Reason(result.because or result.title, untold=True), None
        why = trouble()
        return None if why is None else _Reason(why), other
    except HostError as error:
        lost = isinstance(error, EngineUnreachable)
        return _Reason(str(error), untold=True, unreachable=lost, remedy=error.remedy), None
    except Exception as error:  # noqa: BLE001 - a look that breaks proves nothing; the fix must then be taken back
        caught("looking again after a fix", error)
        return _Reason(_("looking again failed with {name__}", name__=type(error).__name__), untold=True), None
