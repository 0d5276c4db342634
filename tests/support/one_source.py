"""One source alone under the Scheduler: it is read when the test says so, from a board that the test fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from stackops.console.collect.scheduler import Scheduler
from stackops.console.collect.source import Cadence, Source
from stackops.console.settings import Settings

S = TypeVar("S", bound=Source)


class OneSource(Generic[S]):
    """The source, its board and its Scheduler."""

    def __init__(
        self,
        kind: type[S],
        host: Any,
        settings: Settings | None = None,
        *,
        cadence: Cadence | None = None,
        directories: Sequence[str] = (),
        beside: Sequence[type[Source]] = (),
    ) -> None:
        self.scheduler = Scheduler(
            host, settings or Settings(), cadence=cadence, directories=directories, sources=(kind, *beside)
        )
        self.board = self.scheduler.site.board
        found = self.scheduler.site.source(kind)
        assert found is not None
        self.source: S = found

    async def read(self) -> bool:
        """Read it, and what is beside it, once. Whether that worked."""
        return all([await self.scheduler.read(source) for source in self.scheduler.site.sources.values()])

    def request(self) -> None:
        """As the key does."""
        self.scheduler.request()

    async def watch(self) -> None:
        """For ever."""
        try:
            await self.scheduler.run()
        finally:
            self.scheduler.close()
