"""From a Host to Snapshots: one look (``collect``), several (``Looks``), or looking for ever (``Collector``).

Never raises for a source that fails: that is a Fault in the Snapshot. Reads only; may not change anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import CancelledError
from functools import partial

from ..hosts import Host, HostError
from ..hosts.call import Loop, run
from ..model import DeepCheck, Snapshot
from ..settings import Settings
from ..text import _
from ..text.cleaning import SECRETS
from ..text.traces import caught
from .figures import History, Past
from .scheduler import Scheduler
from .source import Cadence

STOP = 1.0
"""Seconds that stopping may take."""
HEARTBEAT = 2.5
"""Periods after which a Snapshot is published although nothing but its ages has changed, lest it look abandoned."""
LONGEST = 120.0
"""Seconds for one look: each source has a deadline of its own, and this is for a mistake of ours."""


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
    directories = project_dirs if files_only and project_dirs else (*settings.project_dirs, *project_dirs)
    scheduler = Scheduler(host, settings, cadence=cadence, directories=directories, files_only=files_only)
    try:
        return await scheduler.look(on_request, second_sample=scheduler.site.cadence.second_sample)
    finally:
        scheduler.close()


def look(host: Host, settings: Settings, *, on_request: Collection[str] = ()) -> Snapshot:
    """``collect`` for whoever has no event loop: without a second sample, as no check judges rates."""
    return run(collect(host, settings, cadence=Cadence(second_sample=0.0), on_request=on_request))


RUNNING, LONGER = 8, 4
"""After so many Snapshots, at each of which the next change waited already, so many gaps lie between two: all is drawn
anew for each of them, and where containers come and go all the time that is most of what watching costs."""


class Looks:
    """Looks one after another through the same sources, for a command: what they remember serves the next look."""

    def __init__(
        self, host: Host, settings: Settings, *, directories: Sequence[str] = (), files_only: bool = False
    ) -> None:
        self._loop = Loop()
        self._lock = threading.Lock()
        self._make: Callable[[], Scheduler] = partial(
            Scheduler, host, settings, directories=directories, files_only=files_only
        )
        self._scheduler: Scheduler | None = None

    def look(self, on_request: Collection[str] = (), *, second_sample: float = 0.0) -> Snapshot:
        """Look at everything. Blocks."""
        with self._lock:
            return self._loop.run(self._look(on_request, second_sample))

    async def _look(self, on_request: Collection[str], second_sample: float) -> Snapshot:
        if self._scheduler is None:
            self._scheduler = self._make()
        return await self._scheduler.look(on_request, second_sample=second_sample)

    def close(self) -> None:
        """End what was started for reading."""
        if self._scheduler is not None:
            self._scheduler.close()
        self._loop.close()


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
        engine_first: bool = False,
    ) -> None:
        self.history = History()
        self._host = host
        self._settings = settings
        self._publish = publish
        self._directories = (*settings.project_dirs, *project_dirs)
        self._cadence = cadence or Cadence()
        self._scheduler: Scheduler | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
        self._whole, self._rest = not engine_first, asyncio.Event()
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
        self._tell(lambda scheduler: scheduler.request())

    def complete(self) -> None:
        """Read all sources from now on, where only the Engine was to be read first."""
        self._whole = True
        self._tell(lambda _: self._rest.set())

    def remember(self, check: DeepCheck) -> None:
        """Keep the result of a question to a model server, for the Snapshots to come."""
        self._tell(lambda scheduler: scheduler.remember(check))

    def look(self, on_request: Collection[str] = ()) -> Snapshot:
        """A Snapshot in which everything was read after this call, through the sources that run. Blocks."""
        self._running.wait(LONGEST)
        loop, scheduler = self._loop, self._scheduler
        if loop is None or scheduler is None or self._stopped:
            raise HostError(_("The console is ending: nothing more is read"))
        looking = asyncio.run_coroutine_threadsafe(scheduler.look(on_request), loop)
        try:
            return looking.result(LONGEST)
        except (TimeoutError, CancelledError):
            looking.cancel()
            raise HostError(_("The look at the machine did not end"), _("look again")) from None

    def _tell(self, what: Callable[[Scheduler], object]) -> None:
        loop, scheduler = self._loop, self._scheduler
        if loop is not None and scheduler is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(what, scheduler)

    # -- in the loop ----------------------------------------------------------------------------------------------

    def _run_in_thread(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            run(self.run())

    async def run(self) -> None:
        """Look and publish until cancelled."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._stopped:
            return
        scheduler = self._scheduler = Scheduler(
            self._host, self._settings, cadence=self._cadence, history=self.history, directories=self._directories
        )
        self._running.set()
        if self._whole:
            self._rest.set()
        tasks = [asyncio.create_task(work) for work in (self._publish_changes(scheduler), scheduler.run(self._rest))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await _ended(tasks)
            scheduler.close()
            self._scheduler = None

    async def _publish_changes(self, scheduler: Scheduler) -> None:
        board = scheduler.site.board
        self._say(board.snapshot())
        running = 0
        while True:
            with board.catch("collector"):
                running = running + 1 if board.changed.is_set() else 0
                await self._publish_next(scheduler)
            await asyncio.sleep(self._cadence.publish_gap * (LONGER if running > RUNNING else 1))

    async def _publish_next(self, scheduler: Scheduler) -> None:
        """Wait for a change, or for the time when an unchanged Snapshot would look abandoned."""
        clock, board = self._host.clock, scheduler.site.board
        wait = HEARTBEAT * scheduler.site.pace.period - (clock.monotonic() - self._published_at)
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
        try:
            self._publish(snapshot)
        except Exception as error:  # noqa: BLE001 - who listens may be at its end; the collecting goes on
            caught("publishing a Snapshot", error)


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for cancelled tasks, but not for one that will not end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP / 2):
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    caught("the end of the collector", ended)


__all__ = ["Cadence", "Collector", "History", "Looks", "Past", "collect", "look"]
