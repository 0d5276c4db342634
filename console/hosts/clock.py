"""The real clock. Tests put their own in its place."""

from __future__ import annotations

import time


class SystemClock:
    """Time as this machine tells it."""

    def now(self) -> float:
        """Unix seconds; may jump, so use it for ages and records, never for rates."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go forward."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(max(0.0, seconds))
