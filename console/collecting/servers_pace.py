"""How often each model server is asked: often while something happens, seldom while nothing does. Pure.

fact: gpu-model-servers 4.4: health and figures every 5 s, lists and versions every minute.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..model import Server
from .cadence import Cadence

GATEWAYS = frozenset({"oneapi", "newapi", "aiproxy", "litellm"})
"""They hold no model themselves, and count requests against those who ask. fact: fastgpt-stack 5."""
SELDOM = 3.0
"""How much seldomer these are asked."""
YOUNG = 600.0
"""Seconds after its start in which a server that does not answer yet is still asked often: loading takes minutes."""
CALM = 5.0
"""How much seldomer lists are read at the most while they stay the same."""


@dataclass
class Known:
    """What is remembered of one life of one server. Times are monotonic seconds."""

    life: object
    """Changes when the server was started again or moved: then nothing that was known counts."""
    server: Server
    asked_at: float = -1e9
    slow_at: float = -1e9
    calm: float = 1.0
    failures: int = 0
    looking: bool = False
    """Somebody asks it at this moment; nobody else does."""
    waiting: bool = False
    """It is to be asked, and others are asked before it."""

    def due(self, now: float, cadence: Cadence, *, young: bool) -> bool:
        """Whether it is to be asked now."""
        return not self.looking and now - self.asked_at >= self.period(cadence, young=young)

    def period(self, cadence: Cadence, *, young: bool) -> float:
        """Seconds from one look to the next."""
        base = cadence.servers
        if self.failures:
            longest = base * 2 if young else cadence.servers_dead
            return min(base * 2.0 ** min(self.failures - 1, 10), longest)
        if self.server.product in GATEWAYS or (self.server.product == "unknown" and self.server.state != "loading"):
            return base * SELDOM
        return base

    def slow_due(self, now: float, cadence: Cadence) -> bool:
        """Whether lists and versions are to be read too."""
        return now - self.slow_at >= cadence.servers_slow * self.calm

    def take(self, server: Server, now: float, *, slow: bool) -> None:
        """What a look gave."""
        before, self.server = self.server, server
        came_up = server.state == "up" and before.state != "up"
        self.failures = self.failures + 1 if server.state in {"down", "unknown"} else 0
        if came_up and not slow:
            self.slow_at = -1e9  # what it serves may be another thing than before
        elif slow:
            same = (before.version, before.models) == (server.version, server.models)
            self.calm = min(CALM, self.calm * 2) if same else 1.0
            self.slow_at = now
