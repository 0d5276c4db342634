"""What parts remember of one machine from look to look, so that many looks ask no more often than one.

A fix is verified by whole looks in quick succession; what a server was asked a moment ago is not asked again for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from ..hosts import Host

T = TypeVar("T")


class PerHost(Generic[T]):
    """One value for each Host, made when first wanted and forgotten with the Host."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: WeakKeyDictionary[Host, T] = WeakKeyDictionary()

    def of(self, host: Host) -> T:
        """The value of this host; a fresh one each time where the host cannot be a key."""
        try:
            return self._values.setdefault(host, self._make())
        except TypeError:
            return self._make()
