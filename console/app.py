"""The way to the screen: the collector first, then Textual, then the console until it is left.

Nothing here draws and nothing here reads the machine; it wires host, collector, checks, journal and screens together.
It is one of the two doors through which ``console`` reaches ``checks`` and ``screens``.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..screens.desk import Desk
    from .collect.collector import Past
    from .fix.journal import Journal
    from .fix.plan import Plan
    from .fix.proving import Judge
    from .hosts import Host
    from .model import DeepCheck, Snapshot
    from .model.findings import Result
    from .report.store import Kept
    from .settings import Settings


class CollectorFeed:
    """The collector as the screens see it: the latest Snapshot kept until somebody listens."""

    def __init__(self, host: Host, settings: Settings) -> None:
        from .collect.collector import Collector

        self.kept: Kept | None = None
        self._host, self._project = host, settings.project
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._listener: Callable[[Snapshot], None] | None = None
        self._collector = Collector(host, settings, self._publish, engine_first=True)
        self._collector.start_in_thread()

    def _publish(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._latest, listener = snapshot, self._listener
        if listener is not None:
            listener(snapshot)

    def listen(self, publish: Callable[[Snapshot], None]) -> None:
        """Hand every Snapshot on, the latest one at once."""
        with self._lock:
            self._listener, latest = publish, self._latest
        if latest is not None:
            publish(latest)

    def complete(self) -> None:
        """Read the rest too: the first frame stands, and their import no longer delays it."""
        self._collector.complete()
        if self._host.kind != "demo":
            threading.Thread(target=self._read_kept, name="stackops watch's store", daemon=True).start()

    def _read_kept(self) -> None:
        from .paths import state_directory
        from .report.store import folder, load

        kept = load(folder(state_directory(), self._host, self._project), self._host.clock.now())
        self._collector.history.fill(kept.past)
        self.kept = kept

    def request(self) -> None:
        """Look again now."""
        self._collector.request()

    def look(self, on_request: Sequence[str] = ()) -> Snapshot:
        """A Snapshot in which everything was read after this call, by the sources that run."""
        return self._collector.look(on_request)

    def remember(self, check: DeepCheck) -> None:
        """Keep the result of a question to a model server."""
        self._collector.remember(check)

    def stop(self) -> None:
        """End the looking."""
        with self._lock:
            self._listener = None
        self._collector.stop()

    def curve(self, key: str) -> Past:
        """The last figures of the host, a container, a model server or a GPU, newest last."""
        return self._collector.history.curve(key)


class Registry:
    """The checks as the screens see them."""

    def __init__(self, settings: Settings, look_for: Callable[[Sequence[str]], Snapshot] | None = None) -> None:
        self._settings = settings
        self._look_for = look_for

    def examine(self, snapshot: Snapshot, only: Collection[str] | None = None) -> Sequence[Result]:
        """What every enabled check says, or those with these ids."""
        from ..checks import registry

        return registry.examine(snapshot, self._settings, only)

    def find(self, check: str) -> Judge | None:
        """What a check reads to judge."""
        from ..checks import registry

        return registry.find(check)

    def plan(self, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan | None:
        """The plan of a finding's repair; where it needs what is only collected on request, from a look of its own."""
        from ..checks import registry
        from .fix.plan import settling
        from .fix.wishes import WISHES

        if (wish := WISHES.get(result.check)) is not None:  # no check found it: somebody asks for it
            return wish.asked(result.subject, snapshot)
        check = registry.find(result.check)
        if check is None or check.plan is None:
            return None
        if check.needs and self._look_for is not None:
            snapshot = self._look_for(check.needs)
        return settling(check.plan(result, snapshot, self._settings, answers), self._settings.fix.settle)

    def explain(self, check: str) -> str:
        """The text of a check."""
        from ..checks import registry

        found = registry.find(check)
        return found.explained if found else ""


def run_app(host: Host, settings: Settings, offer_demo: bool = False) -> int:
    """Open the console and return its exit code. Raises what broke it, with the terminal put back."""
    from ..screens.desk import DEMO

    code, result = _run_once(host, settings, offer_demo=offer_demo)
    if result != DEMO:
        return code
    from .practice import open_demo

    return _run_once(open_demo(read_only=settings.read_only), settings, offer_demo=False)[0]


def _run_once(host: Host, settings: Settings, *, offer_demo: bool) -> tuple[int, str | None]:
    gc.disable()  # until the first frame stands: start-up only makes things that stay
    feed = CollectorFeed(host, settings)  # its first reads run while Textual is imported
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    try:
        from ..screens.app import StackopsApp
        from ..screens.driver import ConsoleDriver

        app = StackopsApp(_desk(host, settings, feed, offer_demo=offer_demo), driver_class=ConsoleDriver)
        result = app.run()
    finally:
        gc.enable()
        feed.stop()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0, result


def _desk(host: Host, settings: Settings, feed: CollectorFeed, *, offer_demo: bool) -> Desk:
    from ..screens.desk import Desk
    from .paths import Memory, state_directory

    return Desk(
        host=host,
        settings=settings,
        feed=feed,
        checks=Registry(settings, feed.look),
        open_journal=lambda: _journal(host),
        look=feed.look,
        offer_demo=offer_demo,
        memory=Memory(state_directory()),
    )


def _journal(host: Host) -> Journal:
    """Where this host's fixes are recorded; the practice stack's journal dies with the process, as the stack does."""
    from .fix.journal import Journal

    if host.kind != "demo":
        return Journal()
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="stackops-demo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Journal(folder)
