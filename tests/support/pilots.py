"""A console without a terminal: keys go in, the screen comes out as text."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from stackops.console.app import Registry
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.fix.journal import Journal
from stackops.console.hosts import Host
from stackops.console.model import Snapshot
from stackops.console.settings import Settings
from stackops.screens.app import StackopsApp
from stackops.screens.desk import Desk
from stackops.screens.widgets.table import Table
from textual.pilot import Pilot

QUICK = Cadence(second_sample=0.01)


class Stage:
    """A running console and what a test wants of it."""

    def __init__(self, app: StackopsApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """The screen, trailing blanks cut off."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    @property
    def notices(self) -> str:
        """What the toasts say, unbroken."""
        return "\n".join(notice.message for notice in self.app._notifications)

    async def press(self, *keys: str) -> str:
        """Press keys one after another and wait until everything has been drawn."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()
        return self.text

    async def type(self, text: str) -> str:
        """Type letters."""
        return await self.press(*text)

    def finds(self, check: str) -> bool:
        """Whether the check has a finding now."""
        return any(each.check == check and each.status == "finding" for each in self.app.results or ())

    async def select(self, check: str) -> None:
        """Go to the doctor and put the cursor on a finding, by keys."""
        await self.until(lambda _: self.finds(check))
        await self.press("2", "g")
        for _ in range(50):
            selected = self.app.screen.selected_finding()  # type: ignore[attr-defined]
            if selected is not None and selected.check == check and selected.status == "finding":
                return
            await self.press("j")
        raise AssertionError(f"no finding of {check}:\n{self.text}")

    async def stacks(self, key: str = "") -> None:
        """Put the cursor on a row of the overview's stacks, or on the first service."""
        self.app.keys.untouched = False  # whoever goes there by hand has touched something
        table = self.app.screen.query_one("#stacks", Table)
        table.focus()
        await self.settle()
        table.select(key) if key else table.action_top()
        await self.settle()

    async def consent(self) -> None:
        """Apply the plan that is shown; where a name is asked for, type it, where only consent is, give it."""
        await self.press("A")
        word = getattr(self.app.screen, "_typed", None)
        if word:
            await self.type(word)
            await self.press("enter", "enter")
        elif self.app.screen.is_modal:
            await self.press("A")

    async def settle(self) -> None:
        """Let keys, messages and quick workers end; what follows a log for ever is not waited for."""
        await self.pilot.pause()
        await self.app.keys.settled()

    async def until(self, wanted: str | Callable[[str], bool], seconds: float = 60.0) -> str:
        """Wait for a text on the screen."""
        test = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await self.settle()
            if test(self.text):
                return self.text
            await asyncio.sleep(0.02)
        raise AssertionError(f"{wanted!r} did not appear:\n{self.text}")


@asynccontextmanager
async def console(desk: Desk, size: tuple[int, int] = (80, 24), *, ascii_only: bool = False) -> AsyncIterator[Stage]:
    """Open it, wait for the first drawing."""
    app = StackopsApp(desk, ascii_only=ascii_only)
    async with app.run_test(size=size, notifications=True) as pilot:
        stage = Stage(app, pilot)
        await stage.until(lambda text: any(each in text for each in ("Overview", "Too small", "总览", "窗口太小")))
        if desk.feed.__class__.__name__ == "FrozenFeed" and desk.feed.snapshot is not None:  # type: ignore[attr-defined]
            await stage.until(lambda _: app.results is not None)
        await stage.settle()
        yield stage


class LookingFeed:
    """Looks at a host when asked, one look at a time, in a thread."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host, self._settings = host, settings
        self._publish: Any = None
        self.looks = 0
        self.kept = None
        self._again = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def listen(self, publish: Any) -> None:
        self._publish = publish
        self._again.set()
        self._thread.start()

    def complete(self) -> None:
        pass

    def _look(self) -> None:
        while not self._ended.is_set():
            if self._again.wait(0.05):
                self._again.clear()
                snapshot = look(self._host, self._settings)
                self.looks += 1
                if not self._ended.is_set():
                    self._publish(snapshot)

    def remember(self, check: object) -> None:
        pass

    def request(self) -> None:
        self._again.set()

    def stop(self) -> None:
        self._ended.set()

    def curve(self, key: str) -> tuple[()]:
        return ()


def look(host: Host, settings: Settings, on_request: Sequence[str] = ()) -> Snapshot:
    """One whole look, without waiting for rates."""
    return asyncio.run(collect(host, settings, cadence=QUICK, on_request=on_request))


def desk_on(host: Host, journal: Journal | None, settings: Settings | None = None) -> Desk:
    """A desk on a real or a practice host, with the real checks."""
    settings = settings or Settings()
    return Desk(
        host=host,
        settings=settings,
        feed=LookingFeed(host, settings),
        checks=Registry(settings),
        open_journal=lambda: journal,
        look=lambda on_request: look(host, settings, on_request),
    )
