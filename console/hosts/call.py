"""The one way to make a call that blocks: in a thread of a pool, with a deadline, never waited for at the end.

A thread that hangs in the kernel (a dead NFS mount, a stuck driver, a resolver with no network) cannot be ended. It is
left behind, it takes no place in the pool, and until it comes back nothing more is sent the same way: no second call
piles up behind it. The threads are daemons, so none keeps the program alive; ``concurrent.futures`` joins its own when
Python ends, and is not used for that reason.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from ..text import _, told
from ..text.traces import caught
from .protocols import HostError

T = TypeVar("T")
IDLE = 4
"""Threads that are kept for the next calls."""
ENDING = 0.5
"""Seconds that tasks get to end in, once they are cancelled."""
MOST_HANGING = 64
"""Calls left behind at the most; beyond that nothing is called whose like has not come back."""


class NotAnsweringError(HostError):
    """The call is past its deadline, or one before it on the same way still is."""


class _Pool(ThreadPoolExecutor):
    """Daemon threads, as many as are needed. An executor by its type alone, since event loops take no other."""

    def __init__(self) -> None:
        self.begin_anew()
        os.register_at_fork(after_in_child=self.begin_anew)

    def begin_anew(self) -> None:
        """With no thread: a forked process has none of those that its parent had."""
        self._free: list[SimpleQueue[Callable[[], None]]] = []
        self._guard = threading.Lock()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401
        """Run it in an idle thread, or in a new one."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
                future.set_exception(error)

        with self._guard:
            box = self._free.pop() if self._free else None
        if box is None:
            box = SimpleQueue()
            threading.Thread(target=self._work, args=(box,), name="stackops call", daemon=True).start()
        box.put(job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing: whoever ends first leaves the threads to the others."""

    def _work(self, box: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            box.get()()
            with self._guard:
                if len(self._free) >= IDLE:
                    return
                self._free.append(box)


_pool = _Pool()
_lock = threading.Lock()
_left: dict[Hashable, dict[Future[Any], float]] = {}
"""Way -> calls that were given up and have not come back, and when they began."""


def call(function: Callable[[], T], deadline: float, what: str, *, way: Hashable, late: HostError | None = None) -> T:
    """What ``function`` returns or raises, for a thread that may wait. Raises ``late``, or NotAnsweringError.

    ``what`` it is that answers, in words; ``way`` is what all calls have in common that one hanging call would hold up.
    None: each is on a way of its own.
    """
    _refuse(what, way, late)
    began, future = time.monotonic(), _pool.submit(function)
    try:
        return future.result(deadline)
    except TimeoutError:
        if future.done():  # it raised that itself, or has just come back
            return future.result()
        _given_up(future, began, what, way)
        raise late or _too_late(what, deadline) from None


async def call_async(function: Callable[[], T], deadline: float | None, what: str, *, way: Hashable = None) -> T:
    """The same for an event loop; with no deadline until nobody waits any more."""
    _refuse(what, way, None)
    began, future = time.monotonic(), _pool.submit(function)
    try:
        async with asyncio.timeout(deadline) as limit:
            return await asyncio.wrap_future(future)
    except TimeoutError:
        if not limit.expired():  # it raised that itself
            raise
        raise _too_late(what, deadline or 0.0) from None
    finally:
        if not future.done():
            _given_up(future, began, what, way)


def leave(function: Callable[[], object]) -> None:
    """Start a call that nobody waits for."""
    _pool.submit(function)


class Loop:
    """An event loop for calls from a thread that has none, and for what lives from one such call to the next.

    Its threads are the pool's: unlike ``asyncio.run`` it waits for none that hangs, such as a name that is looked up.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_pool)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in this thread."""
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Nothing that was begun is left half done, but for what will not end."""
        self._loop.run_until_complete(_all_ended())
        self._loop.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in this thread, in a loop of its own."""
    loop = Loop()
    try:
        return loop.run(work)
    finally:
        loop.close()


async def _all_ended() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=ENDING)
    await asyncio.get_running_loop().shutdown_asyncgens()


def _refuse(what: str, way: Hashable, late: HostError | None) -> None:
    with _lock:
        since = min(_left[way].values()) if way in _left else None
        if since is None and sum(map(len, _left.values())) < MOST_HANGING:
            return
    if late is not None:
        raise late
    waited = "" if since is None else _(" for {monotonic:.0f} s", monotonic=time.monotonic() - since)
    raise NotAnsweringError(
        _("{what} has not answered{waited}", what=told(what), waited=waited), _("it is asked again when it does")
    )


def _too_late(what: str, deadline: float) -> NotAnsweringError:
    return NotAnsweringError(_("{what} did not answer within {deadline:g} s", what=told(what), deadline=deadline))


def _given_up(future: Future[Any], began: float, what: str, way: Hashable) -> None:
    """Nobody waits any more: remember the way until the call comes back; an error in it is nobody's answer then."""
    way, left = future if way is None else way, _left
    with _lock:
        left.setdefault(way, {})[future] = began

    def back(ended: Future[Any]) -> None:
        with _lock:
            left[way].pop(ended)
            if not left[way]:
                del left[way]
        error = None if ended.cancelled() else ended.exception()
        if error is not None and not isinstance(error, HostError):
            caught(f"{what}, after its deadline", error)

    future.add_done_callback(back)
