"""A clock that tests own: it stands still until it is slept on or moved."""

from __future__ import annotations


class FakeClock:
    """Wall and monotonic time, moved by ``sleep`` and ``advance``; ``jump`` moves the wall clock alone."""

    def __init__(self, now: float = 1_700_000_000.0, monotonic: float = 1000.0) -> None:
        self._now = now
        self._monotonic_ns = int(monotonic * 1e9)
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic_ns / 1e9

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic_ns += int(seconds * 1e9)

    def jump(self, seconds: float) -> None:
        self._now += seconds
