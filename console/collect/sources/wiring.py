"""The arrows from each container to what it needs, and how far a connection gets on each."""

from __future__ import annotations

from ...products.edges import edges
from ..board import NewParts
from ..source import Source


class Wiring(Source):
    """Who is set up to reach whom."""

    name = "wiring"
    gives = ("edges",)
    made_of = ("containers", "projects", "config_verdicts", "oneapis")
    every = "wiring"
    within = "wiring_deadline"
    wakes_on = ("containers", "projects", "config_verdicts", "oneapis")
    after = ("engine", "compose", "configs", "oneapi")

    def of_interest(self) -> object:
        """A container came, went, started or ended; a file or a channel names other addresses."""
        parts = self.parts
        lives = {c.id: (c.state, c.started_at, c.detailed) for c in parts.containers}
        channels = tuple(state.channels for state in parts.oneapis)
        return lives, tuple(one.addresses for one in parts.config_verdicts), channels, id(parts.projects)

    async def read(self) -> NewParts | None:
        """One pass."""
        parts = self.parts
        found = edges(parts.containers, parts.projects, parts.config_verdicts, parts.oneapis)
        return NewParts({"edges": found}) if found or parts.edges else None
