"""Stands where an Engine's address cannot even be used (ssh, a broken docker context): says why, whatever is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from .. import HostError
from .address import Address
from .client import Query
from .wire import Head

# ruff: noqa: ARG002


class ClosedClient:
    """Has the client's doors, all of them closed for the same reason."""

    def __init__(self, url: str, reason: HostError) -> None:
        self.address = Address(url)
        self._reason = reason

    async def ping(self) -> None:
        """Raises the reason."""
        raise self.reason()

    async def api(self) -> str:
        """Raises the reason."""
        raise self.reason()

    async def get(
        self, path: str, *, total: float | None = None, versioned: bool = True, query: Query | None = None
    ) -> bytes:
        """Raises the reason."""
        raise self.reason()

    def open(
        self, path: str, *, first: float | None = None, query: Query | None = None
    ) -> AbstractAsyncContextManager[tuple[Head, AsyncIterator[bytes]]]:
        """Raises the reason."""
        raise self.reason()

    def reason(self) -> HostError:
        """The reason, as a new exception each time."""
        return type(self._reason)(str(self._reason), self._reason.remedy)
