"""Leaving while a fix runs: it is asked, the running step ends, the journal says where it stopped."""

from __future__ import annotations

import signal
import threading

import pytest
from stackops.console.hosts.demo import open_demo
from stackops.console.journal import Journal
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on


class HeldControl:
    """Compose waits until the test lets it go on."""

    def __init__(self, control) -> None:
        self._control = control
        self.began = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str):
        return getattr(self._control, name)

    def compose(self, *args, **kwargs):
        if "up" in args[3]:
            self.began.set()
            assert self.go_on.wait(20)
        return self._control.compose(*args, **kwargs)


@pytest.fixture
def held(tmp_path):
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    host.control = HeldControl(host.control)
    yield host, Journal(tmp_path)
    host.control.go_on.set()


async def _apply(stage: Stage, control: HeldControl) -> None:
    await stage.select("librechat.config-mount")
    await stage.press("F")
    await stage.until("Nothing has been changed yet")
    await stage.consent()
    await stage.until(lambda _: control.began.is_set())


async def test_esc_asks_and_waiting_lets_it_finish(held) -> None:
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        await _apply(stage, host.control)
        assert "Step 2 of 2" in await stage.until("Step 2 of 2")
        shown = await stage.press("escape")
        assert "A fix is running" in shown
        await stage.press("enter")
        host.control.go_on.set()
        await stage.until("✓ Done")
        assert journal.entries()[0].state == "done"


async def test_stopping_ends_after_the_running_step_and_leaves_an_open_entry(held) -> None:
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        await _apply(stage, host.control)
        await stage.press("escape", "shift+tab", "enter")
        host.control.go_on.set()
        await stage.until("Stopped: ")
        assert journal.entries()[0].state == "open"
        await stage.press("escape", "3")
        await stage.until("▲ interrupted")
        await stage.press("enter")
        await stage.until("A fix was interrupted")
        await stage.press("shift+tab", "shift+tab", "enter")
        await stage.until("✓ Done")
        assert journal.entries()[0].state == "done"


@pytest.mark.parametrize("how", ["q", "signal"])
async def test_leaving_waits_for_the_running_step(held, how) -> None:
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        await _apply(stage, host.control)
        if how == "q":
            await stage.press("q")
            assert "A fix is running" in stage.text
            await stage.press("shift+tab", "enter")
        else:
            stage.app._leave(128 + signal.SIGTERM)
        await stage.settle()
        assert stage.app.is_running
        host.control.go_on.set()
        for _ in range(200):
            await stage.pilot.pause(0.02)
            if stage.app.return_code is not None:
                break
        assert stage.app.return_code == (0 if how == "q" else 143)
    entry = journal.entries()[0]
    assert entry.state == "open"
    assert len(entry.done) == 2


async def test_other_places_can_be_visited_meanwhile(held) -> None:
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        await _apply(stage, host.control)
        assert "Stacks" in await stage.press("1")
        host.control.go_on.set()
        await stage.press("2")
        await stage.until("✓ Done")
