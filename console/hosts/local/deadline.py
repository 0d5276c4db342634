"""Deadlines for calls that block: each runs in a daemon thread that is left behind when its time is up.

A blocked thread cannot be cancelled (a dead NFS server, a hung Engine), so it is abandoned, counted, and nothing more
is sent the same way while it hangs. Daemon threads never keep the process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from .. import HostError

T = TypeVar("T")
MOST_HANGING = 4


class Deadlines:
    """Runs blocking calls with a total deadline each, and remembers which ways are hanging."""

    def __init__(self, most: int = MOST_HANGING) -> None:
        self._most = most
        self._hanging: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def hanging(self) -> int:
        """How many abandoned calls have not come back yet."""
        return sum(self._hanging.values())

    def call(self, way: str, seconds: float, function: Callable[[], T], late: HostError) -> T:
        """What ``function`` returns or raises; raises ``late`` when it takes longer, or while that way still hangs."""
        with self._lock:
            if way in self._hanging or self.hanging >= self._most:
                raise late
        done = threading.Event()
        outcome: list[T] = []
        failure: list[BaseException] = []
        abandoned = [False]

        def work() -> None:
            try:
                outcome.append(function())
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread as it is
                failure.append(error)
            finally:
                with self._lock:
                    done.set()
                    if abandoned[0]:
                        self._came_back(way)

        threading.Thread(target=work, name=f"stackops-{way}"[:60], daemon=True).start()
        if not done.wait(seconds):
            with self._lock:
                if not done.is_set():
                    abandoned[0] = True
                    self._hanging[way] = self._hanging.get(way, 0) + 1
                    raise late
        if failure:
            raise failure[0]
        return outcome[0]

    def _came_back(self, way: str) -> None:
        left = self._hanging[way] - 1
        if left:
            self._hanging[way] = left
        else:
            del self._hanging[way]
