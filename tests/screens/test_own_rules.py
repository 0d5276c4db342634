"""What an operator decides: read-only by a key, how acts are asked for, commands of his own."""

from __future__ import annotations

import json
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from stackops.console.fix.journal import Journal
from stackops.console.hosts import ReadOnlyRefused
from stackops.console.practice import open_demo
from stackops.console.settings import CommandSettings, Settings
from stackops.screens.app import StackopsApp
from stackops.screens.widgets.paint import plain
from support import stage
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

# Read-only


async def test_one_key_refuses_every_change_and_only_a_question_allows_them_again(tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    async with console(desk_on(host, Journal(tmp_path)), (120, 40)) as running:
        await running.until(lambda _: running.app.judgement is not None)
        await running.stacks()
        assert "READ-ONLY" in await running.press("j", "W")
        await running.press("R")
        assert "Read-only" in running.notices
        assert not running.app.screen.is_modal
        name = running.app.screen.selected_container().id
        with pytest.raises(ReadOnlyRefused):
            host.control.stop(name)
        with pytest.raises(ReadOnlyRefused):
            host.files.remove("/srv/librechat/.env", expect="0")
        assert "Allow changes again?" in await running.press("W")
        await running.press("enter")
        assert host.read_only, "Cancel has the focus"
        await running.press("W", "A")
        assert not host.read_only
        assert "READ-ONLY" not in running.text
        await running.press("R")
        assert running.app.screen.is_modal


async def test_a_console_that_began_read_only_stays_so() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, read_only=True)) as running:
        await running.press("W")
        assert "Read-only since the start" in running.notices
        assert not running.app.screen.is_modal
        assert "READ-ONLY" in running.text


async def test_nothing_is_switched_while_a_fix_runs(monkeypatch) -> None:
    monkeypatch.setattr(StackopsApp, "busy", property(lambda _: True))
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("W")
        assert "A fix is running" in running.notices
        assert not running.app.desk.read_only
        monkeypatch.setattr(StackopsApp, "busy", property(lambda _: False))


# How acts are asked for


def _desk(**confirm: str):
    return stage.desk(
        stage.full(), stage.RESULTS, settings=Settings(confirm={f"container.{k}": v for k, v in confirm.items()})
    )  # type: ignore[arg-type, misc]


async def test_an_act_without_a_question_is_done_at_once_to_the_selected_row() -> None:
    desk = _desk(restart="none")
    async with console(desk) as running:
        await running.stacks()
        await running.press("R")
        await running.until("Restart fastgpt: done")
        assert not running.app.screen.is_modal
        await running.press("S")
        assert "Stop fastgpt?" in running.text, "only what was named"
    assert desk.host.control.calls == [("restart", stage.FASTGPT.id)]


async def test_a_word_can_be_asked_for_and_left_out_but_what_loses_something_is_always_asked_for() -> None:
    desk = _desk(stop="word", remove="none")
    async with console(desk) as running:
        await running.stacks()
        await running.press("S")
        assert "Type fastgpt to go on" in running.text
        await running.press("A", "escape", "D")
        assert "stop it first" in running.text
        full = stage.full()
        rows = tuple(replace(each, state="exited") if each.name == "fastgpt" else each for each in full.containers)
        desk.feed.push(replace(full, containers=rows, taken_at=full.taken_at + 2.0))
        await running.until(lambda _: running.app.container(stage.FASTGPT.id).state == "exited")
        await running.press("D")
        assert "Remove fastgpt?" in running.text
        assert "Type fastgpt" not in running.text
        assert desk.host.control.calls == []
        await running.press("A")
        await running.until("Remove fastgpt: done")


async def test_read_only_refuses_what_needs_no_question_too() -> None:
    desk = stage.desk(
        stage.full(),
        stage.RESULTS,
        read_only=True,
        settings=Settings(read_only=True, confirm={"container.restart": "none"}),
    )
    async with console(desk) as running:
        await running.stacks()
        await running.press("R")
        assert "Read-only" in running.notices
    assert desk.host.control.calls == []


async def test_a_name_that_is_no_act_is_told() -> None:
    async with console(_desk(explode="none")) as running:
        await running.until(lambda _: "container.explode is no act that asks" in running.notices)


# Commands of one's own

TOP = CommandSettings("processes", ("docker", "top", "{container}"), key="ctrl+t", dangerous=False)
BACKUP = CommandSettings("back up", ("backup", "--of={service}", "{id}"), key="B")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was started on the terminal."""
    found: list[list[str]] = []

    def run(argv: list[str], **_: object) -> SimpleNamespace:
        found.append(list(argv))
        return SimpleNamespace(returncode=3 if argv[0] == "backup" else 0)

    monkeypatch.setattr(StackopsApp, "suspend", lambda _: nullcontext())
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(readline=lambda: "\n"))
    return found


def _with(*commands: CommandSettings, **more: object):
    return stage.desk(stage.full(), stage.RESULTS, settings=Settings(commands=commands, **more), **more)  # type: ignore[arg-type]


async def test_a_harmless_command_runs_at_once_and_a_dangerous_one_asks(ran) -> None:
    async with console(_with(TOP, BACKUP), (120, 40)) as running:
        await running.stacks()
        await running.press("ctrl+t")
        assert ran == [["docker", "top", "fastgpt"]]
        shown = await running.press("B")
        assert "back up?" in shown
        assert f"backup --of=fastgpt {stage.FASTGPT.id}" in " ".join(
            plain(running.app.screen.query_one(".words").lines).split()
        )
        await running.press("enter")
        assert len(ran) == 1
        await running.press("B", "A")
        assert ran[1:] == [["backup", "--of=fastgpt", stage.FASTGPT.id]]
        assert "back up ended with exit code 3" in running.notices


async def test_a_dangerous_command_is_refused_read_only_and_a_harmless_one_is_not(ran) -> None:
    async with console(_with(TOP, BACKUP, read_only=True), (120, 40)) as running:
        await running.stacks()
        await running.press("B")
        assert "Read-only" in running.notices
        assert not running.app.screen.is_modal
        await running.press("ctrl+t")
    assert ran == [["docker", "top", "fastgpt"]]


async def test_a_command_that_needs_a_container_says_so_where_none_is_selected(ran) -> None:
    async with console(_with(TOP)) as running:
        await running.press("2", "ctrl+t")
        assert "processes needs a container" in running.notices
    assert ran == []


async def test_a_label_that_looks_like_an_option_is_not_handed_to_a_program(ran) -> None:
    full = stage.full()
    evil = replace(stage.FASTGPT, service="--privileged")
    containers = tuple(evil if each.id == evil.id else each for each in full.containers)
    desk = stage.desk(replace(full, containers=containers), settings=Settings(commands=(
        CommandSettings("look", ("docker", "compose", "logs", "{service}"), key="ctrl+t", dangerous=False),
    )))  # fmt: skip
    async with console(desk, (120, 40)) as running:
        running.app.screen.query_one("#stacks").select(evil.id)  # type: ignore[attr-defined]
        await running.press("ctrl+t")
        assert "could be taken for an option" in running.notices
    assert ran == []


async def test_commands_are_in_the_palette_with_their_target_and_in_the_help(ran) -> None:
    async with console(_with(TOP, BACKUP), (120, 40)) as running:
        await running.stacks()
        shown = await running.press("question_mark")
        assert "Your own commands" in shown
        assert "back up" in shown
        await running.press("escape", "colon")
        await running.type("processes")
        await running.until("command: processes fastgpt  (ctrl+t)")
        await running.press("enter")
        await running.until(lambda _: bool(ran))
    assert ran == [["docker", "top", "fastgpt"]]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (CommandSettings("x", ("x",), key="R"), "the key R of x is container.restart's already"),
        (CommandSettings("x", ("x",), key="z"), "the key z of x is no capital letter"),
    ],
)
async def test_a_key_that_is_taken_or_too_easily_pressed_is_not_given_away(ran, command, says) -> None:
    async with console(_with(command)) as running:
        await running.until(lambda _: says in running.notices)
        await running.stacks()
        await running.press(command.key)
        assert "Run" not in running.text
    assert ran == []


async def test_a_dangerous_command_is_in_the_audit_log_and_none_runs_in_the_practice_stack(tmp_path, ran) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    desk = desk_on(host, Journal(tmp_path), Settings(commands=(BACKUP, TOP)))

    async def enter(running: Stage) -> None:
        await running.until(lambda _: running.app.judgement is not None)
        await running.stacks()
        await running.press("j")

    async with console(desk, (120, 40)) as running:
        await enter(running)
        await running.press("ctrl+t")
        assert "The practice stack is simulated. This would run: docker top" in running.notices
        assert ran == []
        host.kind = "local"
        await running.press("B", "A")
        assert len(ran) == 1
    begin, end = [json.loads(each) for each in (Path(tmp_path) / "audit.jsonl").read_text().splitlines()]
    assert (begin["event"], begin["act"], end["outcome"]) == ("begin", "command back up", "done")
    assert begin["targets"][0].startswith("backup --of=")


async def test_keys_of_commands_typed_ahead_are_dropped(ran) -> None:
    harmless = replace(TOP, key="z")
    async with console(_with(harmless), (120, 40)) as running:
        from textual.events import Key

        for key in ("2", "1", "z"):
            running.app.post_message(Key(key, key))
        await running.settle()
    assert ran == []
