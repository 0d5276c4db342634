"""Each mongod of the stacks asked for its state, slowly: every ten seconds, and at once when its container changed.

A hung mongod costs nobody else anything: each has a deadline of its own, and all are asked side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from ..hosts import Databases, Engine, Host, HostError
from ..model import Container, MongoState
from ..stacks.mongo import meant_for
from ..stacks.services import role_of_container
from .board import Board
from .cadence import Cadence
from .rounds import Rounds
from .worker import Worker


class Mongos:
    """The part ``mongos``, and the processor's features where a mongod wants to know them."""

    def __init__(self, databases: Databases, engine: Engine, host: Host, board: Board, cadence: Cadence) -> None:
        from ..sources.mongo import Memory

        self._databases = databases
        self._engine = engine
        self._host = host
        self._board = board
        self._cadence = cadence
        self._memory = Memory(host.clock)
        self._worker = Worker("The processor's description")
        self._featured = False
        rounds = Rounds(self.read, lambda: cadence.mongo, self._of_interest)
        self.request, self.containers_changed, self.watch = rounds.request, rounds.containers_changed, rounds.watch

    def _of_interest(self) -> dict[str, tuple[object, ...]]:
        """A mongod, or an app that uses one, came, went or started."""
        return {c.id: (c.state, c.started_at) for c in self._board.parts.containers if c.detailed}

    async def read(self) -> None:
        """One look at all of them."""
        containers = self._board.parts.containers
        mongos = [c for c in containers if c.detailed and role_of_container(c) == "mongo"]
        running = [c for c in mongos if c.state == "running"]
        self._memory.forget_all_but({(c.id, c.started_at) for c in running})
        if not mongos:
            if self._board.parts.mongos:
                self._board.put(mongos=())
            return
        with self._board.catch("mongo"):
            await self._read_features()
            found = await asyncio.gather(*(self._one(c, containers) for c in running))
            states = tuple(sorted(found, key=lambda state: state.container))
            if states != self._board.parts.mongos:
                self._board.put(mongos=states)
            self._board.good("mongo")

    async def _one(self, container: Container, containers: Sequence[Container]) -> MongoState:
        from ..sources.mongo import read, targets

        ways = targets(container, address=self._engine.address, local=self._engine.local)
        try:
            async with asyncio.timeout(self._cadence.mongo_deadline):
                state = await read(self._databases, container, meant_for(container, containers), ways, self._memory)
        except TimeoutError:
            seconds = self._cadence.mongo_deadline
            state = MongoState(container.id, trouble="silent", sentence=f"mongod did not answer within {seconds:g} s")
        if state.alive is None:
            state = replace(state, alive=await self._alive(container))
        return state

    async def _alive(self, container: Container) -> bool | None:
        """Whether a mongod process is there at all, asked only where it does not answer."""
        from ..sources.mongo import alive

        try:
            async with asyncio.timeout(self._cadence.logs_deadline):
                return alive(await self._engine.top(container.id))
        except (HostError, TimeoutError):
            return None

    async def _read_features(self) -> None:
        kernel = self._host.kernel
        if self._featured or kernel is None or not self._engine.local:
            return
        self._featured = True
        found = await self._worker.call(self._cadence.kernel_deadline, kernel.features)
        if found:
            self._board.put(host=replace(self._board.parts.host, cpu_features=tuple(sorted(found))))

    def close(self) -> None:
        """Let the thread go."""
        self._worker.close()
