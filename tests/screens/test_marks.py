"""Several containers marked, and one act on all of them: each is named, and no other is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.fix.journal import Journal
from stackops.console.hosts import EngineFailed
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from stackops.screens.widgets.paint import plain
from support import stage
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

SIZE = (100, 60)


async def opened(running: Stage) -> None:
    await running.until("oneapi")
    await running.until(lambda _: running.app.judgement is not None)


async def mark(running: Stage, *names: str) -> None:
    containers = running.app.snapshot.containers if running.app.snapshot else ()
    for name in names:
        await running.stacks(next(each.id for each in containers if each.name == name))
        await running.press("m")


def dialog(running: Stage) -> str:
    return plain(running.app.screen.query_one(".words").lines) if running.app.screen.is_modal else ""  # type: ignore[attr-defined]


def host() -> Any:
    return open_demo(clock=FakeClock(), scenarios=[])


async def test_marks_are_shown_counted_and_taken_away(tmp_path: Path) -> None:
    async with console(desk_on(host(), Journal(tmp_path)), SIZE) as running:
        await opened(running)
        await mark(running, "oneapi", "mysql")
        assert "Stacks, 2 marked" in running.text
        assert len([each for each in running.text.splitlines() if each[2:3] == "+"]) == 2
        await running.press("m")
        assert "Stacks, 1 marked" in running.text
        await running.press("escape")
        assert "marked" not in running.text
        assert "Overview" in running.text


async def test_one_act_stops_all_that_are_marked_and_nothing_else(tmp_path: Path) -> None:
    made, journal = host(), Journal(tmp_path)
    async with console(desk_on(made, journal), SIZE) as running:
        await opened(running)
        await mark(running, "oneapi", "mysql")
        await running.stacks(next(each.id for each in running.app.snapshot.containers if each.name == "mongo"))  # type: ignore[union-attr]
        await running.press("S")
        said = dialog(running)
        assert said.startswith("Stop 2 containers?")
        assert "mysql (running)" in said
        assert "oneapi (running)" in said
        assert "mongo" not in said
        assert made.world.find("oneapi").state == "running"
        await running.press("A")
        await running.until(lambda _: "Stop 2 containers: done" in running.notices)
        states = {each.name: each.state for each in made.world.containers()}
        assert {name for name, state in states.items() if state != "running"} == {"oneapi", "mysql"}
        assert "marked" not in running.text, "the marks are used up"
    begin, end = (json.loads(each) for each in (journal.state / "audit.jsonl").read_text().splitlines())
    assert (begin["act"], len(begin["targets"]), end["outcome"]) == ("stop", 2, "done")


async def test_what_fails_for_one_is_told_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = host()
    real = made.control.restart

    def restart(ident: str, **given: Any) -> None:
        if made.world.find(ident).name == "mysql":
            raise EngineFailed("driver failed")
        real(ident, **given)

    monkeypatch.setattr(made.control, "restart", restart)
    async with console(desk_on(made, Journal(tmp_path)), SIZE) as running:
        await opened(running)
        before = made.world.find("oneapi").started_at
        made.clock.advance(5.0)
        await mark(running, "mysql", "oneapi")
        await running.press("R", "A")
        await running.until(lambda _: "1 of 2 could not be done: mysql: driver failed" in running.notices)
        assert made.world.find("oneapi").started_at != before


async def test_removing_wants_a_word_and_leaves_out_none_silently(tmp_path: Path) -> None:
    made = host()
    made.build()
    made.control.stop("oneapi")
    made.control.stop("mysql")
    async with console(desk_on(made, Journal(tmp_path)), SIZE) as running:
        await opened(running)
        await mark(running, "oneapi", "mysql")
        await running.press("D")
        assert "Type remove 2 to go on" in dialog(running)
        await running.press("A", "enter")
        assert made.world.find("oneapi").state == "exited"
        await running.press(*["backspace"] * 3)
        await running.type("remove")
        await running.press("space", "2", "enter", "enter")
        await running.until(lambda _: "Remove 2 containers: done" in running.notices)
    assert not {"oneapi", "mysql"} & {each.name for each in made.world.containers()}


async def test_a_container_that_does_not_run_is_left_out_of_a_pause_and_named(tmp_path: Path) -> None:
    made = host()
    made.build()
    made.control.stop("oneapi")
    async with console(desk_on(made, Journal(tmp_path)), SIZE) as running:
        await opened(running)
        await mark(running, "oneapi", "mysql")
        await running.press("Z")
        assert dialog(running).startswith("Pause 1 container?")
        assert "Left out: oneapi does not run" in dialog(running)
        await running.press("A")
        await running.until(lambda _: "Pause 1 container: done" in running.notices)
        await running.until(lambda _: made.world.find("mysql").state == "paused")
        await mark(running, "mysql")
        await running.until(lambda _: any(each.state == "paused" for each in running.app.snapshot.containers))  # type: ignore[union-attr]
        await running.press("Z")
        assert dialog(running).startswith("Unpause 1 container?")


@pytest.mark.parametrize("key", ["C", "X", "I", "s"])
async def test_what_is_done_to_one_is_refused_for_many(tmp_path: Path, key: str) -> None:
    async with console(desk_on(host(), Journal(tmp_path)), SIZE) as running:
        await opened(running)
        await mark(running, "oneapi", "mysql")
        await running.press(key)
        assert not running.app.screen.is_modal
        assert "and 2 are marked" in running.notices


async def test_a_stack_s_own_row_marks_all_of_it_and_its_key_is_no_act_on_the_stack(tmp_path: Path) -> None:
    async with console(desk_on(host(), Journal(tmp_path)), SIZE) as running:
        await opened(running)
        await running.stacks("group:fastgpt")
        await running.press("m")
        assert "Stacks, 5 marked" in running.text
        await running.press("R")
        assert dialog(running).startswith("Restart 5 containers?")
        await running.press("escape", "m")
        assert "marked" not in running.text


async def test_the_logs_of_all_that_are_marked(tmp_path: Path) -> None:
    async with console(desk_on(host(), Journal(tmp_path)), SIZE) as running:
        await opened(running)
        await mark(running, "oneapi", "mysql")
        await running.press("l")
        assert len(running.app.screen._wanted) == 2  # type: ignore[attr-defined]


async def test_a_setting_without_questions_still_asks_about_many() -> None:
    settings = Settings(confirm={"container.restart": "none"})
    desk = stage.desk(stage.full(), stage.RESULTS, settings=settings)
    async with console(desk, (120, 50)) as running:
        await running.stacks(stage.PG.id)
        await running.press("m", "R")
        assert dialog(running).startswith("Restart 1 container?")
        assert desk.host.control.calls == []


async def test_read_only_refuses_and_what_is_gone_is_marked_no_more() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, read_only=True)
    async with console(desk, (120, 50)) as running:
        await running.stacks(stage.PG.id)
        await running.press("m", "R")
        assert not running.app.screen.is_modal
        assert "Read-only" in running.notices
        left = tuple(each for each in stage.full().containers if each.id != stage.PG.id)
        desk.feed.push(replace(stage.full(), containers=left))
        await running.until(lambda text: "marked" not in text)
