"""The practice stack as a Host: doors, and the building of the stack when somebody first looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .. import Clock, Control, Databases, Engine, Files, Gpus, Http, HttpActs, Kernel
from . import dockerd, stack_fastgpt, stack_librechat, stack_models
from .control import DemoControl
from .databases import DemoDatabases, initiated
from .engine import DemoEngine
from .files import DemoFiles
from .gpus import DemoGpus
from .http import DemoHttp
from .http_acts import DemoHttpActs
from .kernel import DemoKernel
from .scenario import Hands, named, table
from .world import World

NAME = "gpu-box-01"
SEED = "practice"
DAY = 86400.0
SET_UP = 12 * DAY
"""Seconds ago: when the operator set the stack up, in order."""
BROKEN = 2 * 3600.0
"""Seconds ago: when he did what he should not have."""


class DemoHost:
    """A GPU box inside the process. ``read_only`` refuses every act but ``break_again``, which is the operator's."""

    name: str = NAME
    kind: Literal["local", "demo", "replay"] = "demo"

    def __init__(
        self, clock: Clock, *, read_only: bool, seed: str = SEED, scenarios: Sequence[str] | None = None
    ) -> None:
        self.read_only = read_only
        self.clock: Clock = clock
        self.world = World(clock, seed)
        self._hands = Hands(self.world, DemoFiles(self.world.tree, read_only=False))
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
            stack_fastgpt.lay_out(self.world.tree, seed)
            stack_librechat.lay_out(self.world.tree)
            stack_models.lay_out(self.world.tree)
            dockerd.lay_out(self.world.tree)

    def build(self) -> None:
        """Bring the stack up in the past, in order, then let its operator do his mistakes. Does it once."""
        with self.world.lock:
            if self._built:
                return
            self._built = True
            with self.world.ago(SET_UP):
                for folder in (stack_models.FOLDER, stack_fastgpt.FOLDER, stack_librechat.FOLDER):
                    self._hands.compose(folder, "up", "-d")
                self.world.start(self.world.create(stack_models.STRANGER))
                initiated(self.world, "mongo", "mongo:27017")
                dockerd.read(self.world)
            with self.world.ago(BROKEN):
                for check in table() if self._scenarios is None else self._scenarios:
                    named(check).act(self._hands)

    def break_again(self, check: str, form: str | None = None) -> None:
        """Let the operator do it once more, now; without ``form`` as on a fresh stack. HostError for one unknown."""
        with self.world.lock:
            self.build()
            named(check, form).act(self._hands)
