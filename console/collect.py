"""From a Host to Snapshots: one look (``collect``), or looking for ever and saying what changed (``Collector``).

Never raises for a source that fails: that is a Fault in the Snapshot. Reads only; may not change anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Sequence

from .collecting.cadence import Cadence
from .collecting.history import Curve, History
from .collecting.sources import Loop, Sources
from .hosts import Host
from .model import Snapshot
from .settings import Settings
from .text import SECRETS

STOP = 1.0
"""Seconds that stopping may take."""
HEARTBEAT = 2.5
"""Periods after which a Snapshot is published although nothing but its ages has changed, lest it look abandoned."""


async def collect(
    host: Host,
    settings: Settings,
    *,
    project_dirs: Sequence[str] = (),
    files_only: bool = False,
    cadence: Cadence | None = None,
    on_request: Collection[str] = (),
) -> Snapshot:
    """One look at everything, rates included, in about a second. ``files_only``: compose files alone, no Engine.

    ``on_request`` names what is only collected when it is asked for, as a check's ``needs`` do.
    """
    cadence = cadence or Cadence()
    directories = project_dirs if files_only and project_dirs else (*settings.project_dirs, *project_dirs)
    sources = Sources(host, settings, cadence=cadence, project_dirs=directories, on_request=on_request)
    try:
        if files_only:
            await sources.read_files()
            return sources.board.snapshot()
        return await sources.once(cadence.second_sample)
    finally:
        sources.close()


class Collector:
    """Looks for ever, in one event loop, and hands every new Snapshot to ``publish`` (called in that loop's thread).

    Before a Snapshot is handed over, what is secret in it is known to ``text.redact``.
    """

    def __init__(
        self,
        host: Host,
        settings: Settings,
        publish: Callable[[Snapshot], None],
        *,
        project_dirs: Sequence[str] = (),
        cadence: Cadence | None = None,
    ) -> None:
        self.history = History()
        self._host = host
        self._settings = settings
        self._publish = publish
        self._project_dirs = (*settings.project_dirs, *project_dirs)
        self._cadence = cadence or Cadence()
        self._sources: Sources | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._published_at = 0.0
        self._stopped = False
        self._learned: tuple[object, object] = (None, None)

    # -- from any thread ------------------------------------------------------------------------------------------

    def start_in_thread(self) -> threading.Thread:
        """Run in a daemon thread with an event loop of its own."""
        self._thread = threading.Thread(target=self._run_in_thread, name="stackops collector", daemon=True)
        self._thread.start()
        return self._thread

    def stop(self) -> None:
        """End; comes back within a second, even if a source hangs."""
        self._stopped = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP)

    def request(self) -> None:
        """Look at everything again, now."""
        self._tell(lambda sources: sources.request())

    def visible(self, containers: Iterable[str] | None) -> None:
        """Which containers are on the screen: a remote Engine is asked for the figures of these only. None: of all."""
        wanted = None if containers is None else frozenset(containers)
        self._tell(lambda sources: sources.stats.visible(wanted) if sources.stats else None)

    def _tell(self, what: Callable[[Sources], object]) -> None:
        loop, sources = self._loop, self._sources
        if loop is not None and sources is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(what, sources)

    # -- in the loop ----------------------------------------------------------------------------------------------

    def _run_in_thread(self) -> None:
        loop = asyncio.new_event_loop()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(self.run())
        finally:
            loop.close()  # not asyncio.run: it would wait for threads that may hang

    async def run(self) -> None:
        """Look and publish until cancelled."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._stopped:
            return
        sources = Sources(
            self._host, self._settings, cadence=self._cadence, history=self.history, project_dirs=self._project_dirs
        )
        self._sources = sources
        loops = [self._guarded(name, loop, sources) for name, loop in sources.loops().items()]
        tasks = [asyncio.create_task(work) for work in (self._publish_changes(sources), *loops)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await _ended(tasks)
            sources.close()
            self._sources = None

    async def _guarded(self, name: str, loop: Loop, sources: Sources) -> None:
        """A defect in one part is a fault of this part; it is started again after a while."""
        while True:
            with sources.board.catch(name):
                await loop()
            await asyncio.sleep(self._cadence.retries[-1])

    async def _publish_changes(self, sources: Sources) -> None:
        board = sources.board
        self._say(board.snapshot())
        while True:
            with board.catch("collector"):
                await self._publish_next(sources)
            await asyncio.sleep(self._cadence.publish_gap)

    async def _publish_next(self, sources: Sources) -> None:
        """Wait for a change, or for the time when an unchanged Snapshot would look abandoned."""
        clock, board = self._host.clock, sources.board
        wait = HEARTBEAT * sources.meters.pace.period - (clock.monotonic() - self._published_at)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait, self._cadence.publish_gap)):
                await board.changed.wait()
        self._published_at = clock.monotonic()
        self._say(board.snapshot())

    def _say(self, snapshot: Snapshot) -> None:
        parts = (snapshot.containers, snapshot.projects)
        if any(part is not learned for part, learned in zip(parts, self._learned, strict=True)):
            SECRETS.learn_snapshot(
                snapshot
            )  # here and not on the screens' thread: it takes a quarter of a ms per container
            self._learned = parts
        with contextlib.suppress(Exception):
            self._publish(snapshot)


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for cancelled tasks, but not for one that will not end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP / 2):
            await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["Cadence", "Collector", "Curve", "History", "collect"]
