"""The overview by keys: cursor, order, filter, faults, and acts that ask first."""

from __future__ import annotations

import dataclasses
import re

import pytest
from msgspec.structs import replace
from stackops.console.hosts import HostError
from stackops.console.paths import Memory
from stackops.console.settings import Settings
from stackops.screens.acts import refusal
from stackops.screens.desk import Desk
from stackops.screens.widgets.table import Table
from support import stage
from support.pilots import console


def _table(running) -> Table:
    return running.app.screen.query_one("#stacks", Table)


async def test_the_cursor_stays_on_its_container_when_rows_move_come_and_go() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        table = _table(running)
        await running.stacks()
        while table.cursor != stage.ONEAPI.id:
            await running.press("j")
        full = stage.full()
        desk.feed.push(replace(full, containers=(stage.container(20, "aaa", project="aaa"), *full.containers)))
        await running.until("aaa")
        assert table.cursor == stage.ONEAPI.id
        await running.press("o")
        assert table.cursor == stage.ONEAPI.id
        gone = tuple(each for each in full.containers if each.id != stage.ONEAPI.id)
        desk.feed.push(replace(full, containers=gone))
        await running.until(lambda text: "oneapi" not in text)
        assert table.cursor is None
        await running.press("R")
        assert "The selected row is gone" in running.notices
        desk.feed.push(full)
        await running.until(lambda _: table.cursor == stage.ONEAPI.id)
        following = (*table.keys, table.keys[-2])[table.keys.index(stage.ONEAPI.id) + 1]
        desk.feed.push(replace(full, containers=gone))
        await running.until(lambda _: table.cursor is None)
        await running.press("j")
        assert table.cursor == following


async def test_ordering_by_cpu_puts_the_busiest_stack_and_service_first() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        assert "NAME↑" in running.text
        await running.press("o", "o", "o")
        keys = _table(running).keys
        assert next(key for key in keys if not key.startswith("group:")) == stage.FASTGPT.id
        assert "CPU↓" in running.text
        await running.press("i")
        assert "CPU↑" in running.text
        assert _table(running).keys != keys
        await running.press("less_than_sign", "less_than_sign", "less_than_sign")
        assert "NAME↑" in running.text


async def test_a_filter_narrows_and_esc_shows_all_again() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("slash")
        await running.type("mongo")
        assert _table(running).keys == ("group:librechat", stage.MONGO.id)
        await running.press("enter")
        assert running.app.screen.query_one("#needs").has_focus, "it was begun there, and something is found there"
        await running.press("escape")
        assert len([key for key in _table(running).keys if not key.startswith("group:")]) == 9


async def test_a_filter_without_a_match_says_so() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("slash")
        await running.type("nosuch")
        assert "Nothing here has nosuch; esc shows all again" in running.text


async def test_enter_on_a_trouble_goes_to_what_the_doctor_says_of_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("j", "enter")
        assert running.app.screen.PLACE == "doctor"
        assert running.app.screen.selected_finding().check == "mongo.keyfile"


@pytest.mark.parametrize(
    ("key", "verb", "call"),
    [
        ("R", "Restart", "restart"),
        ("S", "Stop", "stop"),
        ("A", "Start", "start"),
        ("Z", "Pause", "pause"),
        ("K", "Kill", "kill"),
    ],
)
async def test_an_act_names_its_target_and_waits_on_cancel(key: str, verb: str, call: str) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await running.stacks()
        shown = await running.press(key)
        assert f"{verb} fastgpt?" in shown
        assert stage.FASTGPT.id[:12] in shown
        await running.press("enter")
        assert desk.host.control.calls == []
        await running.press(key, "tab", "enter")
        await running.until(lambda _: desk.host.control.calls)
        assert desk.host.control.calls == [(call, stage.FASTGPT.id)]
        await running.until(f"{verb} fastgpt: done")


async def test_a_paused_container_is_let_go_on() -> None:
    full = stage.full()
    containers = tuple(replace(c, state="paused") if c.id == stage.FASTGPT.id else c for c in full.containers)
    desk = stage.desk(replace(full, containers=containers), stage.RESULTS)
    async with console(desk, (120, 40)) as running:
        await running.press("/")
        await running.type("fastgpt")
        await running.press("enter")
        assert "Unpause fastgpt?" in await running.press("Z")
        await running.press("tab", "enter")
        await running.until("Unpause fastgpt: done")
        assert desk.host.control.calls == [("unpause", stage.FASTGPT.id)]
    desk = stage.desk(
        replace(full, containers=containers), stage.RESULTS, settings=Settings(confirm={"container.pause": "none"})
    )
    async with console(desk, (120, 40)) as running:
        await running.press("/")
        await running.type("fastgpt")
        await running.press("enter", "Z")  # asked for not at all, in either direction
        await running.until(lambda _: desk.host.control.calls == [("unpause", stage.FASTGPT.id)])


@pytest.mark.parametrize(
    ("verb", "state", "allowed"),
    [("pause", "exited", False), ("kill", "created", False), ("kill", "restarting", True), ("pause", "paused", True)],
)
def test_only_what_runs_is_held_or_killed(verb, state, allowed) -> None:
    assert (refusal(verb, replace(stage.FASTGPT, state=state)) == "") is allowed


async def test_removing_wants_the_name_typed() -> None:
    desk, name = stage.desk(stage.full(), stage.RESULTS), stage.RAG.name
    async with console(desk) as running:
        await running.stacks(stage.RAG.id)
        await running.press("D")
        await running.press(*("underscore" if each == "_" else each for each in name[:-1]), "enter", "enter")
        assert f"That is not {name}" in running.text
        assert desk.host.control.calls == []
        await running.type(name[-1])
        assert "That is not" not in running.text
        await running.press("enter", "enter")
        await running.until(f"Remove {name}: done")
        assert desk.host.control.calls == [("remove", stage.RAG.id)]


async def test_an_act_that_fails_says_why_and_what_to_try() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    desk.host.control.error = HostError("The Engine refused: [/x] is in use", "stop it first")
    async with console(desk) as running:
        await running.press("R", "tab", "enter")
        await running.until("[/x]")
        assert "stop it first" in running.notices


@pytest.mark.parametrize("key", ["R", "S", "A", "C", "D", "s"])
async def test_read_only_does_nothing_and_asks_nothing(key: str) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, read_only=True)
    async with console(desk) as running:
        await running.press(key)
        assert running.app.screen.PLACE == "overview"
        assert "READ-ONLY" in running.text
        assert desk.host.control.calls == []


async def test_the_demo_is_offered_only_where_it_is_meant_to_be() -> None:
    async with console(stage.desk(stage.failed(), offer_demo=True)) as running:
        assert "opens the practice stack" in running.text
        await running.press("d")
        assert running.app.return_value == "demo"
    async with console(stage.desk(stage.full(), offer_demo=True)) as running:
        await running.press("d")
        assert running.app.return_value is None
    async with console(stage.desk(stage.failed())) as running:
        assert "practice stack" not in running.text
        await running.press("d")
        assert running.app.return_value is None


async def test_figures_alone_do_not_judge_again() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    judged: list[object] = []
    examine = desk.checks.examine
    desk.checks.examine = lambda snapshot: judged.append(1) or examine(snapshot)  # type: ignore[method-assign]
    async with console(desk) as running:
        assert len(judged) == 1
        full = stage.full()
        desk.feed.push(replace(full, taken_at=stage.NOW + 1, figures={stage.FASTGPT.id: stage.figures(55.0, 1)}))
        await running.until("55%")
        assert len(judged) == 1
        desk.feed.push(replace(full, containers=full.containers[:3]))
        await running.until(lambda _: len(judged) == 2)


async def test_a_hidden_place_is_up_to_date_when_it_is_seen_again() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("2")
        desk.feed.push(replace(stage.full(), figures={stage.FASTGPT.id: stage.figures(77.0, 1)}))
        await running.settle()
        assert "77%" not in running.text
        await running.press("1")
        assert "77%" in running.text


async def test_looking_again_asks_the_collector() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        before = desk.feed.requests
        await running.press("r")
        assert desk.feed.requests == before + 1


async def test_every_state_has_a_word_without_colour(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        for word in ("running", "restarting", "exited 137", "unhealthy", "healthy", "error", "warning"):
            assert word in running.text


async def test_ascii_terminals_get_ascii_only() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40), ascii_only=True) as running:
        for keys in ((), ("2",), ("1", "enter"), ("escape", "question_mark"), ("escape", "R")):
            shown = await running.press(*keys)
            assert shown.isascii(), re.findall(r"[^\x00-\x7f]", shown)


def _counted(running, folder: str) -> str:
    """The line of the stack in this folder, up to the folder."""
    return next(each for each in running.text.splitlines() if f" well  {folder}" in each).split("/")[0].lstrip("▌ ")


async def test_how_much_of_a_stack_is_well_is_the_same_whatever_is_filtered() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        before = _counted(running, "/srv/fastgpt")
        await running.press("slash")
        await running.type("pg")
        assert _counted(running, "/srv/fastgpt") == before
        assert "chat-mongodb" not in running.text


async def test_nothing_painted_is_kept_of_containers_that_came_and_went() -> None:
    full = stage.full()
    desk = stage.desk(full)
    async with console(desk, (120, 60)) as running:
        table = _table(running)
        for wave in range(60):
            guests = tuple(stage.container(100 + 5 * wave + n, f"guest-{wave}-{n}") for n in range(5))
            at = full.taken_at + 10.0 * wave
            desk.feed.push(replace(full, containers=(*full.containers, *guests), taken_at=at))
            await running.until(f"guest-{wave}-0")
            assert {guest.id for guest in guests} & {key for key, _ in list(table._strips.keys())}
            running.app.spark(f"container:{guests[0].id}")
            desk.feed.push(replace(full, taken_at=at + 5.0))
            await running.until(lambda text: "guest" not in text)
        assert {key for key, _ in list(table._strips.keys())} <= {row.key for row in table.rows}
        running.app.spark("host")
        assert set(running.app._curves[1]) == {"host"}


def _welcomed(memory: Memory) -> Desk:
    return dataclasses.replace(stage.desk(stage.full(), stage.RESULTS), memory=memory)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_welcome_is_four_lines_and_gone_for_ever_by_one_key(tmp_path, size) -> None:
    memory = Memory(tmp_path)
    async with console(_welcomed(memory), size) as running:
        assert "Welcome." in running.text
        lines = running.text.splitlines()
        first = next(number for number, each in enumerate(lines) if "Welcome." in each)
        assert "closes these lines for ever" in lines[first + 3]
        assert "takes it back." in lines[first + 1]
        assert "lists the keys." in lines[first + 2]
        assert "Welcome." not in await running.press("x")
        assert "Welcome." not in await running.press("2", "1")
    async with console(_welcomed(memory), size) as running:
        assert "Welcome." not in running.text


async def test_where_nothing_can_be_kept_the_welcome_is_gone_for_this_run(tmp_path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file")
    async with console(_welcomed(memory)) as running:
        assert "Welcome." in running.text
        assert "Welcome." not in await running.press("x")
    async with console(_welcomed(memory)) as running:
        assert "Welcome." in running.text


async def test_the_key_of_the_welcome_does_nothing_once_it_is_gone(tmp_path) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        before = running.text
        assert await running.press("x") == before
