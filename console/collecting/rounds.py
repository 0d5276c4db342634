"""The rhythm of a part that asks services: every so many seconds, on request, and when its containers changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .worker import pause

LEAST = 1.0
"""Seconds between two rounds, whatever happens."""


class Rounds:
    """Wakes ``read`` in time. ``of_interest`` tells two states of the world apart that are worth a look each."""

    def __init__(
        self, read: Callable[[], Awaitable[object]], period: Callable[[], float], of_interest: Callable[[], object]
    ) -> None:
        self._read = read
        self._period = period
        self._of_interest = of_interest
        self._seen: object = None
        self._wake = asyncio.Event()

    def request(self) -> None:
        """Read soon."""
        self._wake.set()

    def containers_changed(self) -> None:
        """Read soon, if it is a change that matters here."""
        seen = self._of_interest()
        if seen != self._seen:
            self._seen = seen
            self._wake.set()

    async def watch(self) -> None:
        """Read for ever."""
        while True:
            await self._read()
            period = self._period()
            await asyncio.sleep(min(LEAST, period))
            await pause(self._wake, period)
