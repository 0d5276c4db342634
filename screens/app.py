"""The Textual App: holds Snapshot, results, modes and theme. It decides nothing about the machine."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events, on, work
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import Screen

from .. import themes
from ..console.actions import clashes, find, unknown
from ..console.findings import Result
from ..console.hosts import Control, HostError
from ..console.model import Container, Snapshot
from ..console.text import SECRETS, clean_line
from .desk import Desk
from .errands import Errands
from .frugal import FrugalUpdate
from .glyphs import wants_ascii
from .inventory import inventory, moved
from .keys import bindings
from .messages import ActEnded, HungUp, Repaint, ResultsReady, SnapshotTaken
from .overview import Overview
from .palette import Actions
from .place import Place

SPARK_SECONDS = 2.0
REJUDGE_SECONDS = 10.0
"""After which figures that some check reads are judged again though nothing else happened."""


def _place(module: str, name: str) -> Screen[Any]:
    """A place that is not imported before somebody goes there."""
    screen: Screen[Any] = getattr(import_module(f".{module}", __package__), name)()
    return screen


class StackopsApp(Errands, App[str], inherit_bindings=False):
    """One console on one machine."""

    TITLE = "stackops"
    CSS = themes.sheet("base", "overview")
    BINDINGS = bindings("app")
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "overview": Overview,
        "doctor": lambda: _place("doctor", "Doctor"),
        "journal": lambda: _place("journal", "JournalScreen"),
        "gpus": lambda: _place("gpus", "GpuScreen"),
        "servers": lambda: _place("servers", "ServersScreen"),
        "fit": lambda: _place("fit", "FitScreen"),
    }
    DEFAULT_MODE = "overview"
    COMMANDS = {Actions}  # noqa: RUF012 - Textual's own form
    ENABLE_COMMAND_PALETTE = True

    snapshot: reactive[Snapshot | None] = reactive(None, init=False, repaint=False)

    def __init__(self, desk: Desk, *, ascii_only: bool | None = None, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self.desk = desk
        self.ascii = wants_ascii() if ascii_only is None else ascii_only
        self.results: tuple[Result, ...] | None = None
        self.animation_level = "none"
        self._judging = False
        self._judged_moving: tuple[float, tuple[object, ...]] = (0.0, ())
        self._last_size: Size | None = None
        self._sparks: dict[str, tuple[float, tuple[float | None, ...]]] = {}
        self._leaving = False
        self.set_keymap(desk.settings.keymap)
        for name in themes.PALETTES:
            self.register_theme(themes.palette(name))
        wanted = desk.settings.theme
        self.theme = themes.theme_name(wanted if wanted in themes.PALETTES else themes.PALETTES[0])

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colour names, for palettes that lack one."""
        return themes.palette(themes.PALETTES[0]).variables

    # Start and end

    def on_mount(self) -> None:
        """Theme, signals, the first Snapshot, what the settings had wrong, what was interrupted."""
        self.set_class(self.ascii, "-ascii")
        if self.desk.settings.theme not in themes.PALETTES:
            self.say(
                f"There is no theme {self.desk.settings.theme}; there are {', '.join(themes.PALETTES)}.", warning=True
            )
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, partial(self._leave, 128 + number))
        self.desk.feed.listen(self._publish)
        for action_id in unknown(self.desk.settings.keymap):
            self.say(f"keymap: there is no action {action_id}", warning=True)
        for key, one, other in clashes(self.desk.settings.keymap):
            self.say(f"keymap: {one} and {other} were given the same key {key}", warning=True)
        self.call_after_refresh(self._first_frame)

    def _first_frame(self) -> None:
        """What could wait: collecting garbage, and fixes that were interrupted."""
        gc.freeze()
        gc.enable()
        self._look_for_open_entries()

    def use_theme(self, name: str) -> None:
        """Draw in this palette."""
        self.theme = themes.theme_name(name)

    def _leave(self, code: int) -> None:
        """Leave as soon as no fix runs any more; the step that runs now ends first."""
        if not self._leaving:
            self._leaving = True
            self._finish_and_exit(code)

    @work(exit_on_error=False)
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
        """Draw anew even at the old size: the terminal had others in between and has lost what it showed."""
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
        super()._display(screen, FrugalUpdate.of(renderable) if type(renderable) is ChopsUpdate else renderable)

    @property
    def failure(self) -> Exception | None:
        """What ended the console, when it was a mistake of ours."""
        return self._exception

    # Snapshot and results

    def _publish(self, snapshot: Snapshot) -> None:
        """From the collector's thread."""
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
        if now != self._judged or self._moved_since(snapshot):
            self._judged, self._judging = now, True
            self._judged_moving = (snapshot.taken_at, moved(snapshot))
            self._judge(snapshot)

    def _moved_since(self, snapshot: Snapshot) -> bool:
        at, before = self._judged_moving
        return not 0 <= snapshot.taken_at - at < REJUDGE_SECONDS and moved(snapshot) != before

    @work(thread=True, group="judge", exit_on_error=False)
    def _judge(self, snapshot: Snapshot) -> None:
        try:
            SECRETS.learn_snapshot(snapshot)
            results = self.desk.checks.examine(snapshot)
        except Exception as error:  # noqa: BLE001 - a monitor outlives whatever it watches; the failure becomes a row
            because = f"{type(error).__name__} while judging; please report it"
            results = (Result("stackops.self", "", "crashed", "The checks could not be run", because=because),)
        self.post_message(ResultsReady(results))

    @on(ResultsReady)
    def _results_ready(self, message: ResultsReady) -> None:
        self._judging = False
        same, self.results = self.results == message.results, message.results
        self._judge_changed(self.snapshot)
        if not same:
            self._draw_visible()

    def _draw_visible(self) -> None:
        place = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Place)), None)
        if place is not None:
            place.redraw()

    @property
    def machine(self) -> str:
        """What the header calls the machine."""
        return self.snapshot.host.name if self.snapshot is not None else self.desk.host.name

    def container(self, key: str | None) -> Container | None:
        """The container with this id, as it is now."""
        if self.snapshot is None or key is None:
            return None
        return next((each for each in self.snapshot.containers if each.id == key), None)

    def spark(self, key: str, values: Sequence[float | None]) -> tuple[float | None, ...]:
        """Values of a curve, held for two seconds: a curve that moves all the time costs more than it tells."""
        now = self.snapshot.taken_at if self.snapshot else 0.0
        held = self._sparks.get(key)
        if held is None or not 0 <= now - held[0] < SPARK_SECONDS:
            held = self._sparks[key] = (now, tuple(values))
        return held[1]

    # Saying and doing

    def do(self, what: str, act: Callable[[Control], object]) -> None:
        """Do something to a container in a thread, and tell how it went."""
        self.say(f"{what} ...")
        self._do(what, act)

    @work(thread=True, group="act", exit_on_error=False)
    def _do(self, what: str, act: Callable[[Control], object]) -> None:
        try:
            act(self.desk.host.control)
            self.post_message(ActEnded(f"{what}: done", failed=False))
        except HostError as error:
            remedy = f" {error.remedy}" if error.remedy else ""
            self.post_message(ActEnded(f"{what} failed: {error}{remedy}", failed=True))
        self.desk.feed.request()

    @on(ActEnded)
    def _act_ended(self, message: ActEnded) -> None:
        self.say(message.sentence, warning=message.failed)

    # Keys

    def perform(self, action_id: str) -> None:
        """Do what the key of this action would do."""
        action = find(action_id)
        if action is not None:
            namespace = "app" if "app" in action.places else "screen"
            self.call_later(self.run_action, f"{namespace}.{action.verb}")

    def action_overview(self) -> None:
        """The overview."""
        self._go("overview")

    def action_doctor(self) -> None:
        """The doctor."""
        self._go("doctor")

    def action_journal(self) -> None:
        """The journal."""
        self._go("journal")

    def action_gpus(self) -> None:
        """The GPUs."""
        self._go("gpus")

    def action_servers(self) -> None:
        """The model servers."""
        self._go("servers")

    def action_fit(self) -> None:
        """Which models would fit."""
        self._go("fit")

    def action_look(self) -> None:
        """Look at everything again."""
        self.desk.feed.request()
        self.say("Looking again.")

    def action_copy(self) -> None:
        """Copy the name of what is selected, and say what was copied, for terminals that refuse it."""
        name = self.screen.copied() if isinstance(self.screen, Place) else None
        if name and (text := clean_line(name, 4096)):
            self.copy_to_clipboard(text)
            self.say(f"Copied: {text}")

    async def action_back(self) -> None:
        """One step out."""
        if isinstance(self.screen, Place):
            self.screen.back()

    def action_next_pane(self) -> None:
        """The next pane."""
        self.screen.focus_next()

    def action_previous_pane(self) -> None:
        """The pane before."""
        self.screen.focus_previous()

    def action_palette(self) -> None:
        """Everything that can be done here."""
        self.action_command_palette()

    def action_help(self) -> None:
        """The keys of this place."""
        from .help import Help

        place = getattr(self.screen, "PLACE", "overview")
        self.push_screen(Help(place, self.desk.settings.keymap, read_only=self.desk.read_only))

    async def action_quit(self) -> None:
        """Leave; in the middle of a fix that is a question."""
        if not self._busy():
            self.exit(return_code=0)
            return
        from .dialogs import Choose
        from .widgets.paint import line

        def chosen(how: str | None) -> None:
            if how == "leave":
                self._leave(0)

        body = [
            line(
                "A fix is running. Leave after the step that runs now, and find it in the journal; or wait for its end."
            )
        ]
        self.push_screen(
            Choose("A fix is running", body, [("leave", "Leave after this step"), ("wait", "Wait")]), chosen
        )
