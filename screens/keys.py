"""The gate that lets one key through at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from ..console.text import _
from .registry import find

PATIENCE = 5.0
"""Seconds after which a widget that does not answer, or a screen that is not painted, holds no key back any longer."""
Typed = events.Key | events.Paste
Where = tuple[Screen[Any], Widget | None]
"""A screen, and what has the focus in it."""


def open_palette(app: App[Any]) -> None:
    """Textual's palette, with words of ours where one types."""
    if not CommandPalette.is_open(app):
        hint = _("Search everything that can be done here")
        app.push_screen(CommandPalette(placeholder=hint, id="--command-palette"))


class KeyGate:
    """Keys wait here until the key before them is done and the screen that it opened is painted.

    Textual sends all keys of a burst to the widget that has the focus now. The input, dialog or screen that the first
    key opens comes a few turns of the loop later, so the other keys would act on the row below it. Keys that were typed
    before a screen or focus came are "typed ahead": an input takes them as text, a place lets them move around, and
    anything else drops them, together with all keys typed ahead after them.
    """

    def __init__(self, app: App[Any], deliver: Callable[[Typed], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: asyncio.Queue[Typed | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._painted = asyncio.Event()
        self._since = 0.0
        """When what is on the screen now had come; what was typed before was typed at something else."""
        self._asked, self._come = 1, 0
        """How often something new was asked for on the screen, and how much of that has come."""
        self._shown: tuple[Where, float] | None = None
        """When the screen was first painted with the focus that it had then."""
        self._cut = False
        self._sent_to: Screen[Any] | None = None
        self.untouched = True
        """Whether nobody has pressed a key or a button of the mouse yet."""

    def put(self, event: Typed) -> None:
        """A key or a paste has arrived."""
        self.untouched = False
        self._waiting.put_nowait(event)

    def renew(self) -> None:
        """The screen will ask something new. Keys that arrive before it is painted are typed ahead."""
        self._asked += 1
        self._shown = None
        self._waiting.put_nowait(None)

    def change(self, _screen: object = None) -> None:
        """Another screen comes, and has to be painted first."""
        self._painted.clear()
        self.renew()

    def painting(self) -> None:
        """The top screen is painted now. Only keys typed after this moment answer to it."""
        self._painted.set()
        if self._shown is None or self._shown[0] != self._where():
            self._shown = (self._where(), time.monotonic())

    def ahead(self, event: events.Event) -> bool:
        """Whether the event is older than what the screen shows now."""
        return self._come < self._asked or event.time < self._since

    def astray(self) -> bool:
        """Whether the screen has changed since the last key was delivered."""
        return self._sent_to is not self._app.screen

    async def settled(self) -> None:
        """Wait until no key waits."""
        await self._waiting.join()

    def start(self) -> None:
        """Let keys through from now on. No Textual Worker: Textual waits for those, and this never ends."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Let no key through any longer."""
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._app._handle_exception(error)

    async def _run(self) -> None:
        """The first screen has to come first."""
        await self._arrive()
        while True:
            event = await self._waiting.get()
            try:
                await self._let_through(event)
            finally:
                self._waiting.task_done()

    async def _let_through(self, event: Typed | None) -> None:
        await self._arrive()
        if event is None or not self._meant(event):
            return
        before = self._where()
        self._sent_to = before[0]
        await self._turn(self._app, partial(self._deliver, event))
        await self._calm()
        self._asked += self._where() != before
        await self._arrive()

    def _meant(self, event: Typed) -> bool:
        if self.ahead(event) and not self._cut:
            self._cut = not self._belongs(event)
        return not self.ahead(event) or not self._cut

    def _belongs(self, event: Typed) -> bool:
        """Whether something typed ahead may go to what is on the screen now."""
        screen, focused = self._where()
        if isinstance(screen, CommandPalette):
            return isinstance(event, events.Paste) or event.is_printable
        if screen.is_modal:
            return False
        if isinstance(focused, Input):
            return True
        active = screen.active_bindings.get(event.key) if isinstance(event, events.Key) else None
        action = find(active.binding.id) if active and active.binding.id else None
        return action is not None and bool({"app", "list"} & {*action.places}) and action.verb not in {"open", "quit"}

    def _where(self) -> Where:
        return self._app.screen, self._app.screen.focused

    async def _arrive(self) -> None:
        """Wait until the new screen or focus is there and painted."""
        while self._come < self._asked:
            asked = self._asked
            await self._calm()
            await self._wait(self._painted)
            seen = asyncio.Event()
            if self._app.screen.call_after_refresh(seen.set):
                await self._wait(seen)
            shown = self._shown[1] if self._shown and self._shown[0] == self._where() else time.monotonic()
            self._come, self._since, self._cut = asked, shown, False

    async def _calm(self) -> None:
        """Wait for queued messages from the focused widget up to the app, until two rounds changed nothing."""
        quiet = 0
        while quiet < 2:  # one round for the key, one for what its action told
            before = self._where()
            for node in (before[1] or before[0]).ancestors_with_self:
                await self._turn(node)
            quiet = quiet + 1 if self._where() == before else 0

    async def _turn(self, node: MessagePump, do: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait until the widget has handled all its queued messages, then do something there."""
        reached = asyncio.Event()

        async def reach() -> None:
            if do is not None:
                await do()
            reached.set()

        if node.call_later(reach):
            await self._wait(reached)

    @staticmethod
    async def _wait(event: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await event.wait()
