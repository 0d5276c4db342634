"""The Textual App: holds Snapshot, results, modes and theme. It decides nothing about the machine."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events, on, work
from textual._compositor import ChopsUpdate
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen

from .. import themes
from ..console.hosts.acting import protect
from ..console.model import Snapshot
from ..console.model.findings import Judgement, Result
from ..console.text import _
from ..console.text.cleaning import SECRETS, clean_line, redact
from ..console.text.traces import caught
from .desk import Desk
from .driver import FrugalUpdate, HungUp, Repaint
from .keys import KeyGate, Typed, open_palette
from .navigator import Navigator, load
from .place import Place
from .registry import CONFIRMED, PLACES, bindings, clashes, of_commands, unknown
from .widgets.paint import AsciiOnly, Colourless, line, wants_ascii

LAST_HERE = "last-here"
"""Name under which is kept when this user's console was closed last."""
FOLLOW_SECONDS = 1.0
"""Between two looks at the file of somebody's own theme."""
REJUDGE_SECONDS = 10.0
"""After which figures that some check reads are judged again though nothing else happened."""


MOVING = frozenset({
    "taken_at", "events", "figures", "system", "ages", "period", "gpus", "gpu_processes", "servers", "deep_checks",
})  # fmt: skip
"""Parts that differ from look to look while nothing happens."""
JUDGED = tuple(name for name in Snapshot.__struct_fields__ if name not in MOVING)
"""All others, those to come as well: a part that is judged and not compared would be judged too late."""


def inventory(snapshot: Snapshot) -> tuple[object, ...]:
    """The parts that only change when something happens. Equal parts need no new judgement."""
    return (
        *(getattr(snapshot, name) for name in JUDGED),
        tuple((gpu.uuid, gpu.health, gpu.trouble, gpu.ecc_pending, gpu.mig) for gpu in snapshot.gpus),
        tuple((each.gpu, each.pid, each.container, each.orphan) for each in snapshot.gpu_processes),
        tuple((each.product, each.address, each.state, each.reason, each.models) for each in snapshot.servers),
    )


def moved(snapshot: Snapshot) -> tuple[object, ...]:
    """Parts that change with each look and that checks read as well: GPU memory, disks. Judged every few seconds.

    While the Engine says nothing, the verdict says for how long.
    """
    silent = 0
    if snapshot.faults:  # so that the first frame needs nothing of the judgement
        from ..console.judge import essential

        silent = int(snapshot.taken_at) if any(map(essential, snapshot.faults)) else 0
    return (snapshot.gpus, snapshot.gpu_processes, snapshot.servers, snapshot.system, silent)


@dataclass
class SnapshotTaken(Message, bubble=False):
    """The machine was looked at again."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer look replaces one that still waits."""
        return isinstance(message, SnapshotTaken)


@dataclass
class ResultsReady(Message, bubble=False):
    """The checks have judged a Snapshot."""

    results: tuple[Result, ...]
    judgement: Judgement


def _screen(where: str) -> Screen[Any]:
    screen: Screen[Any] = load(where)()
    return screen


class StackopsApp(Navigator, inherit_bindings=False):
    """One console on one machine."""

    TITLE = "stackops"
    CSS = themes.sheet("base", "overview")
    BINDINGS = bindings("app")
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        place.name: partial(_screen, place.where) for place in PLACES if place.key
    }
    DEFAULT_MODE = PLACES[0].name
    COMMANDS = {lambda: load("help:Actions")}  # noqa: RUF012 - Textual's own form
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, desk: Desk, *, ascii_only: bool | None = None, driver_class: type[Driver] | None = None) -> None:
        quiet = os.environ.pop("NO_COLOR", "")  # of Textual's own filter greys are left, and an empty one is no wish
        super().__init__(driver_class=driver_class)
        if quiet:
            os.environ["NO_COLOR"] = quiet  # whatever is started from here wants it too
            self._filters.append(Colourless())
        self.desk = desk
        self.ascii = desk.settings.ascii or (wants_ascii() if ascii_only is None else ascii_only)
        if self.ascii:
            self._filters.append(AsciiOnly())
        self.animation_level = "none"
        self._judging = True
        """Until the first frame stands: the checks take longer to import than all that the frame needs."""
        self._judged_moving: tuple[float, tuple[object, ...]] = (0.0, ())
        self._last_size: Size | None = None
        self._leaving = False
        self._began_read_only = desk.read_only
        for number, command, why in of_commands(desk.settings.commands):
            if not why:
                self.bind(command.key, f"screen.command({number})", description=command.name, show=False)
        self.keys = KeyGate(self, self._deliver)
        self.set_keymap(desk.settings.keymap)
        if not self.use_theme(desk.settings.theme):
            self.use_theme(themes.PALETTES[0])

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.palette(themes.PALETTES[0]).variables

    # Start and end

    def on_mount(self) -> None:
        """Theme, signals, the first Snapshot, what the settings had wrong, what was interrupted."""
        self.set_class(self.ascii, "-ascii")
        kept = self.desk.memory.get(LAST_HERE) if self.desk.host.kind != "demo" else ""
        self.last_here = float(kept) if kept.isascii() and kept.isdigit() else 0.0
        self.set_interval(FOLLOW_SECONDS, self.follow_theme)
        self.theme_changed_signal.subscribe(self, self.paint_again)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, partial(self._leave, 128 + number))
        self.screen_change_signal.subscribe(self, self.keys.change, immediate=True)
        self.keys.start()
        self.desk.feed.listen(self._publish)
        for action_id in unknown(self.desk.settings.keymap):
            self.say(_("keymap: there is no action {action_id}", action_id=action_id), warning=True)
        for _number, command, why in of_commands(self.desk.settings.commands):
            if why:
                self.say(
                    _("commands: the key {key} of {command} {why}", key=command.key, command=command.name, why=why),
                    warning=True,
                )
        for action_id in sorted(set(self.desk.settings.confirm) - CONFIRMED):
            asking = ", ".join(sorted(CONFIRMED))
            self.say(
                _("confirm: {id} is no act that asks; those are {names}", id=action_id, names=asking), warning=True
            )
        for key, one, other in clashes(self.desk.settings.keymap):
            self.say(
                _("keymap: {one} and {other} were given the same key {key}", one=one, other=other, key=key),
                warning=True,
            )
        self.call_after_refresh(self._first_frame)

    def on_unmount(self) -> None:
        self.keys.stop()
        if self.desk.host.kind == "demo":
            return
        try:
            self.desk.memory.keep(LAST_HERE, f"{time.time():.0f}")
        except OSError as error:
            caught("remembering when somebody was here last", error)

    def _first_frame(self) -> None:
        """Work that can wait for the first frame: garbage collection, and the search for interrupted fixes."""
        gc.freeze()
        gc.enable()
        self.desk.feed.complete()
        self._judging = False
        self._judge_changed(self.snapshot)
        if self.desk.journal is not None:
            self.find_open_entries(self.desk.journal)

    def _leave(self, code: int) -> None:
        """Leave once no fix runs. The running step is finished first."""
        if not self._leaving:
            self._leaving = True
            self._finish_and_exit(code)

    @work(exit_on_error=False, description="")
    async def _finish_and_exit(self, code: int) -> None:
        for fix in self._works:
            fix.stop()
        for fix in self._works:
            await asyncio.to_thread(fix.wait)
        self.exit(return_code=code)

    @on(HungUp)
    def _hung_up(self) -> None:
        self._leave(128 + signal.SIGHUP)

    def on_resize(self, event: events.Resize) -> None:
        """Draw again even at the old size: the terminal had other sizes in between and lost what it showed."""
        if event.size == self._last_size:
            self.post_message(Repaint())
        self._last_size = event.size

    @on(Repaint)
    def _repaint(self) -> None:
        self.refresh(layout=True)

    def _handle_exception(self, error: Exception) -> None:
        """Close without Textual's traceback, which shows local variables; ``run_app`` raises it again outside."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Partial updates write no cell that did not change."""
        if renderable is not None and screen is self.screen and not self._batch_count:
            self.keys.painting()
        super()._display(screen, FrugalUpdate.of(renderable) if type(renderable) is ChopsUpdate else renderable)

    @property
    def failure(self) -> Exception | None:
        """The exception that ended the console, if one did."""
        return self._exception

    # Snapshot and results

    def _publish(self, snapshot: Snapshot) -> None:
        """From the collector's thread."""
        SECRETS.learn_snapshot(snapshot)  # before anything of it is drawn
        self.post_message(SnapshotTaken(snapshot))

    @on(SnapshotTaken)
    def _snapshot_taken(self, message: SnapshotTaken) -> None:
        self.snapshot = message.snapshot

    def watch_snapshot(self, snapshot: Snapshot | None) -> None:
        """Judge what changed, draw what is seen."""
        self._judge_changed(snapshot)
        self._draw_visible()

    def _judge_changed(self, snapshot: Snapshot | None) -> None:
        if snapshot is None or self._judging:
            return
        now = inventory(snapshot)
        if now != self.judged or self._moved_since(snapshot):
            self.judged, self._judging = now, True
            self._judged_moving = (snapshot.taken_at, moved(snapshot))
            self._judge(snapshot)

    def _moved_since(self, snapshot: Snapshot) -> bool:
        at, before = self._judged_moving
        return not 0 <= snapshot.taken_at - at < REJUDGE_SECONDS and moved(snapshot) != before

    @work(thread=True, group="judge", exit_on_error=False, description="")
    def _judge(self, snapshot: Snapshot) -> None:
        from ..console.judge import judge

        try:
            results = tuple(self.desk.checks.examine(snapshot))
        except Exception as error:  # noqa: BLE001 - a monitor outlives whatever it watches; the failure becomes a row
            caught("judging", error)
            because = _("{error} while judging; please report it", error=type(error).__name__)
            results = (Result("stackops.self", "", "crashed", _("The checks could not be run"), because=because),)
        self.post_message(ResultsReady(results, judge(snapshot, results)))

    @on(ResultsReady)
    def _results_ready(self, message: ResultsReady) -> None:
        self._judging = False
        same = (self.results, self.judgement) == (message.results, message.judgement)
        self.note_changes(self.judgement, message.judgement)
        self.results, self.judgement = message.results, message.judgement
        self._judge_changed(self.snapshot)
        if not same:
            self._draw_visible()
        if self.screen_stack:  # none is left where the console ends while the checks are at work
            self.screen.refresh_bindings()

    def _draw_visible(self) -> None:
        place = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Place)), None)
        if place is not None:
            place.redraw()

    # Keys

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes go through the gate. A click on something that has gone is dropped."""
        if isinstance(event, Typed) and not event.is_forwarded:
            self.keys.put(event)
            return
        if isinstance(event, events.MouseDown | events.MouseUp):
            self.keys.untouched = False
            if self.keys.ahead(event):
                return
        await super().on_event(event)

    async def _deliver(self, event: Typed) -> None:
        await super().on_event(event)

    def on_key(self, event: events.Key) -> None:
        """Drop a key that was sent before the screen changed: it was not meant for the new screen."""
        if self.keys.astray():
            event.prevent_default()

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Say why a key of this place can do nothing now."""
        return await super()._check_bindings(key, priority) or (not priority and self._said_why_not(key))

    def _said_why_not(self, key: str) -> bool:
        for node, held in self.screen._modal_binding_chain:
            for binding in held.key_to_bindings.get(key, ()):
                if isinstance(node, Place) and (why := node.why_not(binding.action)):
                    self.say(why, warning=True)
                    self.keys.renew()  # what was typed behind it was meant for what it would have opened
                    return True
        return False

    def action_go(self, place: str) -> None:
        self.go(place)

    def action_look(self) -> None:
        self.desk.feed.request()
        if isinstance(self.screen, Place):
            self.screen.look_again()
        self.say(_("Looking again."))

    def action_copy(self) -> None:
        """Copy the name of what is selected, and say what was copied, for terminals that refuse it."""
        name = self.screen.copied() if isinstance(self.screen, Place) else None
        if name and (text := clean_line(name, 4096)):
            self.copy_to_clipboard(redact(text))
            self.say(_("Copied: {text}", text=text))

    async def action_back(self) -> None:
        if isinstance(self.screen, Place):
            self.screen.back()

    def action_last(self) -> None:
        self.go_back_and_forth()

    def action_protect(self) -> None:
        """Refuse every change from now on. They are allowed again after a question, or never: as the console began."""
        if self._began_read_only:
            self.say(_("Read-only since the start: only a console that is opened without it can change anything."))
        elif self.busy:
            self.say(_("A fix is running. It ends first."))
        elif self.desk.read_only:
            from .dialogs import Confirm

            body = [line(_("Keys for changes on {machine} will ask and act again.", machine=self.machine))]
            allow = partial(self._protect, on=False)
            self.push_screen(Confirm(_("Allow changes again?"), body, _("Allow")), lambda yes: allow() if yes else None)
        else:
            self._protect(on=True)

    def _protect(self, *, on: bool) -> None:
        host = self.desk.host
        protect((host, host.files, host.control, host.http_acts, host.databases), on=on)
        self.say(_("Read-only from now on: nothing can be changed.") if on else _("Changes are possible again."))
        self._draw_visible()
        self.screen.refresh_bindings()

    def action_next_pane(self) -> None:
        self.screen.focus_next()

    def action_previous_pane(self) -> None:
        self.screen.focus_previous()

    def action_palette(self) -> None:
        open_palette(self)

    def action_help(self) -> None:
        place = getattr(self.screen, "PLACE", PLACES[0].name)
        settings = self.desk.settings
        self.open("help", place, settings.keymap, read_only=self.desk.read_only, commands=settings.commands)

    async def action_quit(self) -> None:
        """Leave. Ask first while a fix runs."""
        if not self.busy:
            self.exit(return_code=0)
            return
        self.ask_to_end(_("Leave"), partial(self._leave, 0))
