"""A practice stack inside the process: a GPU box with every pitfall that has a check, broken to be repaired.

Behind the same doors as a real machine, with the Engine's own JSON: sources, checks and fixes run on it unchanged. It
touches no disk, network, Engine or GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import Clock

if TYPE_CHECKING:
    from .host import DemoHost


def open_demo(
    *,
    read_only: bool = False,
    clock: Clock | None = None,
    seed: str = "practice",
    scenarios: Sequence[str] | None = None,
) -> DemoHost:
    """A fresh practice stack. Nothing is built before the first look, which parses YAML for about a tenth of a second.

    ``scenarios`` names the checks whose pitfalls are on it; None means all, an empty list a stack in order.
    """
    from ..clock import SystemClock
    from .host import DemoHost

    return DemoHost(clock or SystemClock(), read_only=read_only, seed=seed, scenarios=scenarios)
