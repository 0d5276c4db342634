"""What goes on until it is ended: ``stackops`` and ``stackops demo``, the way to the screen, and ``stackops watch``."""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from ..text import _
from .session import Session, Stop, pass_session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..collect.collector import History
    from ..model import EngineEvent, Snapshot
    from ..model.findings import Judgement
    from ..report.store import Store
    from ..report.timeline import TroubleChange

TICK, MINUTE, GPUS, CALM = 15.0, 60.0, 5.0, 10.0
"""Seconds between two judgements of ``watch``, two figures that it keeps, two looks at GPUs, and at containers."""
KNOWN = 5000
"""Events that are known to be kept; a Snapshot has the newest few hundred."""


def open_console(session: Session) -> int:
    """The console on the host of the settings; offers the practice stack where no Engine is found."""
    _needs_a_terminal()
    settings = session.settings
    session.require_project()
    if session.options.get("no_color"):
        os.environ["NO_COLOR"] = "1"
    return session.doors.run_app(session.host, settings, offer_demo=not session.demo)


@click.command(short_help="The console on a practice stack with every pitfall in it.")
@pass_session
def demo(session: Session) -> int:
    """Open the console on a practice stack inside this process.

    Every pitfall is in it, broken so that it can be repaired. No Docker, network or GPU is needed, and nothing on this
    machine is read or changed.
    """
    session.options["host"] = "demo"
    return open_console(session)


@click.command(short_help="Keep what happens for the consoles opened later.")
@pass_session
def watch(session: Session) -> int:
    """Look until it is ended, and keep what happens for the consoles that are opened later.

    Kept are the highest figures of each minute (memory, load, heat and power of GPUs; tokens per second, requests and
    GPU memory of model servers), what the Engine tells, and troubles that come and go: a day or more, at most 6 MiB, in
    the state folder. The console of the same user, --host and --project fills its curves and its timeline from there.
    Prints nothing but troubles of its own. Changes nothing on the machine. Ctrl+C or SIGTERM ends it.
    """
    from ..paths import state_directory
    from ..report import store

    session.require_project()
    if session.demo:
        raise Stop(_("of the practice stack nothing is kept; watch a machine"), ExitCode.USAGE)
    host, say = session.host, session.output.say
    place = store.folder(state_directory(), host, session.settings.project)
    try:
        kept = store.Store(place)
    except OSError as error:
        why = _("nothing can be kept in {place}: {why}", place=place, why=error.strerror)
        other = _("another stackops watch keeps what happens here already")
        raise Stop(other if isinstance(error, BlockingIOError) else why, ExitCode.REFUSED) from None
    before = store.load(place, host.clock.now())
    say(_("Watching {name}; what happens is kept in {place}. Ctrl+C ends it.", name=host.name, place=place))
    if before.trouble:
        say(f"stackops: {before.trouble}")
    _look_until_ended(session, Watcher(session, kept, before.events))
    return ExitCode.OK


def _look_until_ended(session: Session, watcher: Watcher) -> None:
    import signal
    import threading

    from msgspec.structs import replace

    from ..collect.collector import Cadence, Collector

    ended, latest = threading.Event(), deque["Snapshot"](maxlen=1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    calm = replace(session.settings, period=max(CALM, session.settings.period))
    collector = Collector(session.host, calm, latest.append, cadence=Cadence(gpus=GPUS))
    collector.start_in_thread()
    while not ended.wait(TICK):
        for snapshot in tuple(latest):  # none yet, or one
            watcher.look(snapshot, collector.history, session.host.clock.now())
    collector.stop()


class Watcher:
    """What is new from one look to the next, into the store."""

    def __init__(self, session: Session, kept: Store, events: Iterable[EngineEvent] = ()) -> None:
        self._session, self._kept, self._events = session, kept, set(events)
        self._changes: deque[TroubleChange] = deque(maxlen=1000)
        self._judged: Judgement | None = None
        self._began = self._minute = 0.0
        self._failing: str | None = None

    def look(self, snapshot: Snapshot, history: History, now: float) -> None:
        """Judge, and keep what is new. What cannot be written is tried again with the next look."""
        from ..judge import judge
        from ..report.timeline import SETTLED, changed

        judged = judge(snapshot, self._session.doors.examine(snapshot, self._session.settings))
        if self._judged is None:
            self._began = now
        elif now - self._began >= SETTLED:
            self._changes += changed(self._judged, judged, now)
        self._judged = judged
        events = [each for each in snapshot.events if each not in self._events]
        begun = now // MINUTE * MINUTE - MINUTE
        figures = history.minute(begun) if begun != self._minute else {}
        try:
            self._kept.add(begun, figures, events, self._changes)
        except OSError as error:
            if self._failing != error.strerror:
                self._session.output.say(_("stackops: nothing can be kept at the moment: {why}", why=error.strerror))
            self._failing = error.strerror
        else:
            self._failing, self._minute = None, begun
            self._events.update(events)
            if len(self._events) > KNOWN:  # it runs for months
                self._events.intersection_update(snapshot.events)
            self._changes.clear()


def _needs_a_terminal() -> None:
    if os.environ.get("TERM") == "dumb" or not all(each and each.isatty() for each in (sys.stdin, sys.stdout)):
        raise Stop(_("the console needs a terminal; here use: stackops check, stackops ps"), ExitCode.USAGE)
