"""A thread for one blocking source: never two calls at once, each with a deadline, none that keeps the program alive.

A thread that hangs in the kernel (a dead NFS mount, a stuck driver) cannot be ended. It is a daemon thread, it is left
alone, and until it comes back its source says that it does not answer; no second call piles up behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from ..hosts import HostError
from .cadence import Backoff

P = ParamSpec("P")
T = TypeVar("T")


class NotAnsweringError(HostError):
    """The call is past its deadline, or the one before it still is."""


class Worker:
    """One daemon thread, started with the first call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: SimpleQueue[tuple[Callable[[], None]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a call has not come back yet."""
        return self._busy_since is not None

    async def call(self, deadline: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function`` returns or raises; NotAnsweringError after ``deadline`` seconds."""
        if self._busy_since is not None:
            waited = time.monotonic() - self._busy_since
            raise NotAnsweringError(
                f"{self.name} has not answered for {waited:.0f} s", "it is asked again when it does"
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        future.add_done_callback(lambda f: f.cancelled() or f.exception())
        self._busy_since = time.monotonic()
        self._put(lambda: self._run(loop, future, lambda: function(*args, **kwargs)))
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(future)
        except TimeoutError as error:
            if future.done():
                raise
            raise NotAnsweringError(f"{self.name} did not answer within {deadline:g} s") from error

    def close(self, last: Callable[[], None] | None = None) -> None:
        """Let the thread end once it is free; if it ever started, it does ``last`` before."""
        if last is not None and self._thread is not None:
            self._jobs.put((last,))
        self._jobs.put(None)

    def _put(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"stackops {self.name}", daemon=True)
            self._thread.start()
        self._jobs.put((job,))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job[0]()

    def _run(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], function: Callable[[], Any]) -> None:
        result: Any = None
        error: Exception | None = None
        try:
            result = function()
        except Exception as caught:  # noqa: BLE001 - it is handed to whoever waits
            error = caught
        self._busy_since = None
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


async def pause(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most this long, and clear it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    event.clear()


async def repeat(
    step: Callable[[], Awaitable[bool]], period: float, wake: asyncio.Event, retries: tuple[float, ...]
) -> None:
    """Take the step for ever: each ``period`` seconds, at once when woken, sooner while it fails."""
    backoff = Backoff(retries)
    while True:
        if await step():
            backoff.worked()
            await pause(wake, period)
        else:
            await pause(wake, min(period, backoff.failed()))
