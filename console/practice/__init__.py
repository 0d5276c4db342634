"""A practice stack inside the process: a GPU box with every pitfall that has a check, broken to be repaired.

Behind the same doors as a real machine, with the Engine's own JSON: sources, checks and fixes run on it unchanged. It
touches no disk, network, Engine or GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..hosts import Clock, Control, Databases, Engine, Files, Gpus, Http, HttpActs, Kernel, Locks, Rights
from ..hosts.protocols import SystemClock
from . import files as stacks
from . import kernel as dockerd
from .compose import DemoControl
from .files import DemoFiles
from .kernel import DemoGpus, DemoKernel
from .network import DemoDatabases, DemoHttp, DemoHttpActs, initiated
from .replies import DemoEngine
from .scenarios import SCENARIOS, Hands
from .stand import Definition
from .world import World

NAME = "gpu-box-01"
SEED = "practice"
DAY = 86400.0
SET_UP = 12 * DAY
"""Seconds ago: when the operator set the stack up, in order."""
BROKEN = 2 * 3600.0
"""Seconds ago: when he did what he should not have."""


STRANGER = Definition(
    name="scratchpad-7f", image="registry.invalid/team/scratchpad:1", service="",
    labels={
        "maintainer": "[/etc/x]", "org.opencontainers.image.title": "\x1b]52;c;cm0gLXJmIC8=\x07[red]实验 \u202egnp.exe",
        "org.opencontainers.image.description": "長" * 300,
    },
)  # fmt: skip
"""A permanent test of cleaning: its label, command, environment and log hold all that foreign text may."""


class DemoHost:
    """A GPU box inside the process. ``read_only`` refuses every act but those of its operator's ``hands``."""

    name: str = NAME
    kind: Literal["local", "demo", "replay"] = "demo"
    rights: Rights = Rights()
    locks: Locks | None = None

    def __init__(
        self, clock: Clock, *, read_only: bool, seed: str = SEED, scenarios: Sequence[str] | None = None
    ) -> None:
        self.read_only = read_only
        self.clock: Clock = clock
        self.world = World(clock, seed)
        self.hands = Hands(self.world, DemoFiles(self.world.tree, read_only=False))
        self._scenarios = scenarios
        self._built = False
        self.files: Files = DemoFiles(self.world.tree, read_only=read_only, ready=self.build)
        kernel = DemoKernel(self.world, NAME, self.build)
        self.kernel: Kernel | None = kernel
        self.engine: Engine | None = DemoEngine(self.world, kernel, NAME, self.build)
        self.control: Control = DemoControl(self.world, self.files, self.build, read_only=read_only)
        self.gpus: Gpus | None = DemoGpus(self.world, self.build)
        self.http: Http | None = DemoHttp(self.world, self.build)
        self.http_acts: HttpActs | None = DemoHttpActs(self.world, self.build, read_only=read_only)
        self.databases: Databases | None = DemoDatabases(self.world, self.build, read_only=read_only)
        with self.world.ago(SET_UP):
            stacks.lay_out(self.world.tree, seed)
            dockerd.lay_out(self.world.tree)

    def build(self) -> None:
        """Bring the stack up in the past, in order, then let its operator do his mistakes. Does it once."""
        with self.world.lock:
            if self._built:
                return
            self._built = True
            with self.world.ago(SET_UP):
                for folder in (stacks.MODELS, stacks.FASTGPT, stacks.LIBRECHAT):
                    self.hands.compose(folder, "up", "-d")
                self.world.start(self.world.create(STRANGER))
                initiated(self.world, "mongo", "mongo:27017")
                dockerd.read(self.world)
            with self.world.ago(BROKEN):
                for check in SCENARIOS if self._scenarios is None else self._scenarios:
                    SCENARIOS[check][1](self.hands)


def open_demo(
    *,
    read_only: bool = False,
    clock: Clock | None = None,
    seed: str = SEED,
    scenarios: Sequence[str] | None = None,
) -> DemoHost:
    """A fresh practice stack. Nothing is built before the first look, which parses YAML for about a tenth of a second.

    ``scenarios`` names the checks whose pitfalls are on it; None means all, an empty list a stack in order.
    """
    return DemoHost(clock or SystemClock(), read_only=read_only, seed=seed, scenarios=scenarios)
