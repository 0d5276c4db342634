"""Leaving while a fix runs: it is asked, the running step ends, the journal says where it stopped."""

from __future__ import annotations

import re
import signal
import threading

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from stackops.screens.fixwork import FixWork
from support import entries
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
        if "up" in args[1]:
            self.began.set()
            assert self.go_on.wait(20)
        return self._control.compose(*args, **kwargs)


@pytest.fixture
def held(tmp_path):
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    host.control = HeldControl(host.control)
    yield host, Journal(tmp_path)
    host.control.go_on.set()


def _states(stage: Stage) -> list[str]:
    """What is said of each step of the plan."""
    return [found[1].strip() for each in stage.text.splitlines() if (found := re.match(r" +(\S \D+?) +\d\. ", each))]


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
        await stage.press("escape", "tab", "enter")
        host.control.go_on.set()
        await stage.until("Stopped: ")
        assert journal.entries()[0].state == "open"
        await stage.press("escape", "3")
        await stage.until("▲ interrupted")
        await stage.press("enter")
        await stage.until("A fix was interrupted")
        await stage.press("tab", "tab", "enter")
        await stage.until("✓ Done")
        assert journal.entries()[0].state == "done"
        assert _states(stage) == ["✓ done", "✓ done"]


async def test_a_fix_that_is_rolled_back_after_a_stop_says_of_each_step_what_became_of_it(held) -> None:
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        await _apply(stage, host.control)
        await stage.press("escape", "tab", "enter")
        host.control.go_on.set()
        await stage.until("Stopped: ")
        assert _states(stage) == ["✓ done", "✓ done"]
        await stage.press("escape", "3")
        await stage.until("▲ interrupted")
        await stage.press("enter")
        await stage.until("A fix was interrupted")
        await stage.press("tab", "enter")
        await stage.until("Failed, and rolled back")
        assert journal.entries()[0].state == "rolled-back"
        assert _states(stage) == ["↻ taken back", "↻ taken back"]
        assert "U undo" not in stage.text


async def test_what_a_killed_process_had_done_is_done_before_this_one_begins(held, monkeypatch) -> None:
    """What was done by the process that was killed is done, although this one has not done it."""
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        monkeypatch.setattr(FixWork, "resume", lambda *_: None)
        entry = entries.interrupted(journal.state).entries()[0]
        stage.app.open("plan", interrupted=(entry, "resume"))
        await stage.until("Starting")
        assert _states(stage) == ["✓ done", "▲ begun"]


@pytest.mark.parametrize("how", ["q", "signal"])
async def test_leaving_waits_for_the_running_step(held, how) -> None:
    host, journal = held
    async with console(desk_on(host, journal)) as stage:
        await _apply(stage, host.control)
        if how == "q":
            await stage.press("q")
            assert "A fix is running" in stage.text
            await stage.press("tab", "enter")
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
