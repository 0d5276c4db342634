"""From a fresh console on a machine with one fault: what is down and why in one sentence, three keys to its repair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.practice import DemoHost, open_demo
from stackops.screens.app import ResultsReady
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on
from support.practice import has_set, mounted


def _mysql_runs(host: DemoHost) -> bool:
    return host.world.find("mysql").state == "running"


FAULTS: dict[str, tuple[list[str], str, str, Callable[[DemoHost], bool]]] = {
    "an uninitiated set": (["mongo.replica-set"], "The replica set of staging-mongo was never initiated",
                           "mongo.replica-set", has_set),
    "a stopped MySQL": ([], "oneapi is down: mysql is stopped, and oneapi needs it", "container.needed", _mysql_runs),
    "an unmounted librechat.yaml": (["librechat.config-mount"], "librechat.yaml exists, but nothing is mounted at",
                                    "librechat.config-mount", mounted),
}  # fmt: skip


def _broken(fault: str) -> DemoHost:
    host = open_demo(clock=FakeClock(), scenarios=FAULTS[fault][0])
    host.build()
    if fault == "a stopped MySQL":
        host.control.stop("mysql")
    return host


@pytest.mark.parametrize("fault", FAULTS)
async def test_three_keys_after_the_first_full_frame_it_is_repaired(tmp_path: Path, fault: str) -> None:
    """At 80x24, of the very first look at the machine: nothing has to settle and no second look is waited for."""
    _, says, check, repaired = FAULTS[fault]
    host = _broken(fault)
    desk = desk_on(host, Journal(tmp_path))
    assert not repaired(host)
    async with console(desk, (80, 24)) as stage:
        shown = await stage.until(lambda _: stage.app.judgement is not None)
        assert desk.feed.looks == 1  # type: ignore[attr-defined]
        assert says in shown.splitlines()[1]
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        assert not repaired(host)
        await stage.press("A")
        if stage.app.screen.is_modal:
            await stage.press("A")
        await stage.until("✓ Done, and proven")
    assert repaired(host)
    (entry,) = Journal(tmp_path).entries()
    assert (entry.check, entry.state) == (check, "done")


async def test_the_first_selected_row_is_the_one_of_the_verdict_until_somebody_presses_a_key(tmp_path: Path) -> None:
    host = _broken("a stopped MySQL")
    async with console(desk_on(host, Journal(tmp_path)), (80, 60)) as stage:  # no stack is folded
        await stage.until(lambda _: stage.app.judgement is not None)
        first = _selected(stage)
        assert first == stage.app.judgement.troubles[0].result.subject == "mysql"
        assert stage.app.focused.id == "needs"
        await stage.press("j", "j")
        below = _selected(stage)
        assert below not in ("", first)
        host.control.stop("vectordb")
        stage.app.desk.feed.request()
        await stage.until(lambda text: any("vectordb" in row and "exited" in row for row in text.splitlines()))
        assert _selected(stage) == below


async def test_a_row_that_was_clicked_stays_the_selected_one(tmp_path: Path) -> None:
    host = _broken("a stopped MySQL")
    async with console(desk_on(host, Journal(tmp_path)), (120, 60)) as stage:
        await stage.until(lambda _: stage.app.judgement is not None)
        table = stage.app.screen.query_one("#stacks")
        row = next(y for y, text in enumerate(stage.text.splitlines()) if " vectordb " in text)
        await stage.pilot.click("#stacks", offset=(6, row - table.region.y))
        assert _selected(stage) == "vectordb"
        host.control.stop("chat-mongodb")  # the service is called mongodb
        stage.app.desk.feed.request()
        await stage.until(lambda text: any(" mongodb " in row and "exited" in row for row in text.splitlines()))
        assert _selected(stage) == "vectordb"


async def test_what_the_verdict_says_first_of_no_container_is_selected_too(tmp_path: Path) -> None:
    """``F`` must not repair another trouble that happens to be a container's."""
    host = open_demo(clock=FakeClock(), scenarios=["gpu.driver", "server.default-key"])
    async with console(desk_on(host, Journal(tmp_path)), (120, 40)) as stage:
        await stage.until(lambda _: stage.app.judgement is not None)
        first = stage.app.judgement.troubles[0].result
        assert first.check == "gpu.driver"
        assert stage.app.screen.focused.id == "needs"
        assert stage.app.screen.selected_trouble().result == first
        assert stage.app.screen.to_fix() == first


def _selected(stage: Stage) -> str:
    container = stage.app.screen.selected_container()  # type: ignore[attr-defined]
    return container.name if container else ""


async def test_checks_that_end_while_the_console_closes_are_no_crash(tmp_path: Path) -> None:
    async with console(desk_on(_broken("a stopped MySQL"), Journal(tmp_path)), (80, 24)) as stage:
        await stage.until(lambda _: stage.app.judgement is not None)
        app = stage.app
    assert not app.screen_stack
    app._results_ready(ResultsReady(app.results, app.judgement))
    assert app.judgement is not None
