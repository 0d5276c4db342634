"""The way of each model that an app offers, made anew from everything that was read of it; nothing is asked for it."""

from __future__ import annotations

from ...products.model_paths import model_paths
from ..board import NewParts
from ..source import Source

READ = ("containers", "edges", "config_verdicts", "json_files", "oneapis", "servers", "databases")


class ModelPaths(Source):
    """What each model passes through, and the first step that fails."""

    name = "model-paths"
    gives = ("model_paths",)
    made_of = READ
    every = "wiring"
    wakes_on = READ
    after = ("engine", "wiring", "servers", "configs", "oneapi", "files", "databases")

    def of_interest(self) -> object:
        """The paths themselves: most of what wakes it changes none."""
        return model_paths(self.parts)

    async def read(self) -> NewParts | None:
        """Make them."""
        found = model_paths(self.parts)
        return NewParts({"model_paths": found}, read=()) if found != self.parts.model_paths else None

    async def again(self) -> NewParts | None:
        """Once more at the end of a single look, when arrows and servers were read for the last time."""
        return await self.read()
