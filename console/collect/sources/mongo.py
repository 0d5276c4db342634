"""Each mongod of the stacks asked for its state, slowly: every ten seconds, and at once when its container changed.

A hung mongod costs nobody else anything: each has a deadline of its own, and all are asked side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from ...hosts import Databases, Engine, Host, HostError
from ...hosts.call import call_async
from ...model import Container, MongoState
from ...products.mongo import meant_for, secret_files
from ...products.services import role_of_container
from ...text import _
from ..board import NewParts
from ..source import Site, Source


class Mongos(Source):
    """The state of each mongod, and the processor's features where a mongod wants to know them."""

    name = "mongo"
    gives = ("mongos",)
    every = "mongo"
    within = "mongo_deadline"
    wakes_on = ("containers",)

    def __init__(self, site: Site) -> None:
        from ..mongo_state import MongoMemory

        super().__init__(site)
        self._memory = MongoMemory(site.host.clock)
        self._featured = False

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where databases can be asked."""
        return host.engine is not None and host.databases is not None

    def of_interest(self) -> object:
        """A mongod, or an app that uses one, came, went or started."""
        return {c.id: (c.state, c.started_at) for c in self.parts.containers if c.detailed}

    def anew(self, *, by_key: bool) -> None:
        """Where a repair is proven, a login that has worked before proves nothing."""
        if not by_key:
            self._memory.forget_all_but(set())

    async def read(self) -> NewParts | None:
        """One look at all of them."""
        containers, engine, databases = self.parts.containers, self.host.engine, self.host.databases
        mongos = [c for c in containers if c.detailed and role_of_container(c) == "mongo"]
        running = [c for c in mongos if c.state == "running"]
        self._memory.forget_all_but({(c.id, c.started_at) for c in running})
        if not mongos or engine is None or databases is None:
            return NewParts({"mongos": ()}, read=()) if self.parts.mongos else None
        await self._read_features()
        found = await asyncio.gather(*(self._one(databases, engine, c, containers) for c in running))
        return NewParts({"mongos": tuple(sorted(found, key=lambda state: state.container))})

    async def _one(
        self, databases: Databases, engine: Engine, container: Container, containers: Sequence[Container]
    ) -> MongoState:
        from ..mongo_state import opened, read, targets

        if engine.local and secret_files(container):
            opening, what = (
                partial(opened, self.host.files, container),
                _("The secret file of {name}", name=container.name),
            )
            with suppress(HostError):  # without its login mongod says the rest all the same
                container = await call_async(opening, self.cadence.files_deadline, what, way=(self, container.id))
        ways = targets(container, address=engine.address, local=engine.local)
        try:
            async with asyncio.timeout(self.deadline):
                state = await read(databases, container, meant_for(container, containers), ways, self._memory)
        except TimeoutError:
            why = _("mongod did not answer within {deadline:g} s", deadline=self.deadline)
            state = MongoState(container.id, trouble="silent", sentence=why)
        if state.alive is None:
            state = replace(state, alive=await self._alive(engine, container))
        return state

    async def _alive(self, engine: Engine, container: Container) -> bool | None:
        """Whether a mongod process is there at all, asked only where it does not answer."""
        from ..mongo_state import alive

        try:
            async with asyncio.timeout(self.cadence.logs_deadline):
                return alive(await engine.top(container.id))
        except (HostError, TimeoutError):
            return None

    async def _read_features(self) -> None:
        kernel = self.host.kernel
        if self._featured or kernel is None or not self.site.local:
            return
        self._featured = True
        deadline, what = self.cadence.kernel_deadline, _("The processor's description")
        with suppress(HostError):
            if found := await call_async(kernel.features, deadline, what, way=self):
                host = replace(self.parts.host, cpu_features=tuple(sorted(found)))
                self.site.board.put(host=host)
