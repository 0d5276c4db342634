"""Figures that move: sums of sine waves whose shape comes from a seed. Same seed and same time, same figure; no state.

A wave stays positive, so that its integral, which is what a kernel counter shows, never falls.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache

PERIODS = (3.1, 7.7, 19.0, 53.0, 211.0, 907.0)
"""Seconds; no one a multiple of another, so that the sum looks like a walk."""


class Wave:
    """A positive figure around 1 that swings by at most ``swing`` (0 to 1)."""

    def __init__(self, seed: str, swing: float = 0.8) -> None:
        dice = random.Random(seed)  # noqa: S311 - figures for practice, not secrets
        weights = [dice.uniform(0.3, 1.0) for _ in PERIODS]
        scale = swing / sum(weights)
        self._parts = tuple(
            (weight * scale, math.tau / (period * dice.uniform(0.9, 1.1)), dice.uniform(0.0, math.tau))
            for weight, period in zip(weights, PERIODS, strict=True)
        )

    def level(self, at: float) -> float:
        """The figure at one moment, in seconds."""
        return 1.0 + sum(size * math.sin(speed * at + phase) for size, speed, phase in self._parts)

    def total(self, start: float, end: float) -> float:
        """The figure's integral over the time between: what a counter has grown by."""
        swings = sum(
            size / speed * (math.cos(speed * start + phase) - math.cos(speed * end + phase))
            for size, speed, phase in self._parts
        )
        return max(0.0, end - start + swings)


@lru_cache(maxsize=2048)
def wave(seed: str, swing: float = 0.8) -> Wave:
    """The wave of this seed, made once."""
    return Wave(seed, swing)


def dice(*parts: object) -> random.Random:
    """Dice for one purpose: the same parts give the same throws."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - practice, not secrets
