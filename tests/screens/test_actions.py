"""The registry of actions: whole, without clashes, and every action has somebody who does it."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from msgspec.structs import replace
from stackops.console.fix.journal import Journal
from stackops.console.model import ServedModel, Server
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from stackops.console.text import _, use
from stackops.screens.app import StackopsApp
from stackops.screens.places.container import ContainerScreen
from stackops.screens.places.doctor import Doctor
from stackops.screens.places.fit import FitScreen
from stackops.screens.places.gpus import GpuScreen
from stackops.screens.places.help import Actions
from stackops.screens.places.help import lines as help_lines
from stackops.screens.places.inspect import InspectScreen
from stackops.screens.places.journal import JournalScreen
from stackops.screens.places.logs import LogsScreen
from stackops.screens.places.overview import Overview
from stackops.screens.places.plan import PlanScreen
from stackops.screens.places.servers import ServersScreen
from stackops.screens.places.timeline import Timeline
from stackops.screens.places.wiring import WiringScreen
from stackops.screens.registry import ACTIONS, Action, at, bindings, clashes, find, keys_of, name, unknown
from stackops.screens.widgets.paint import plain
from stackops.screens.widgets.table import Table
from stackops.screens.widgets.text import Document
from support import stage
from support.clock import FakeClock
from support.pilots import console, desk_on
from textual.binding import Binding

PLACES = {
    "app": (StackopsApp,), "overview": (Overview,), "container": (ContainerScreen,), "doctor": (Doctor,),
    "plan": (PlanScreen,), "journal": (JournalScreen,), "gpus": (GpuScreen,), "fit": (FitScreen,),
    "servers": (ServersScreen,), "timeline": (Timeline,), "logs": (LogsScreen,), "list": (Table, Document),
    "wiring": (WiringScreen,), "inspect": (InspectScreen,),
}  # fmt: skip


def test_ids_are_unique_and_name_their_place() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert all("." in action.id and action.places for action in ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_place_can_do_its_actions(action: Action) -> None:
    for place in action.places:
        for owner in PLACES[place]:
            assert callable(getattr(owner, f"action_{action.verb.partition('(')[0]}", None)), (owner, action.verb)


CHINESE = re.compile(r"[\u4e00-\u9fff]")
OVER: dict[str, set[str]] = {"logs": {"e"}, "fit": {"minus"}}
"""Keys that a place takes for its own though they lead elsewhere from everywhere else: the next error of a log, less
context."""


@pytest.mark.parametrize("place", PLACES)
def test_no_two_actions_of_a_place_share_a_key(place: str) -> None:
    here = {action.id: action for action in (*at(place), *at("list"), *at("app"))}.values()
    for one, other in combinations(here, 2):
        shared = set(one.keys) & set(other.keys) - OVER.get(place, set())
        assert not shared, f"{one.id} and {other.id} share {shared} in {place}"


def test_what_changes_the_machine_has_a_capital_letter() -> None:
    for action in ACTIONS:
        if action.changes and action.id != "container.shell":
            assert all(key.isupper() for key in action.keys), action.id
        if any(key.isupper() for key in action.keys) and not action.changes:
            assert action.id in {
                "list.bottom",
                "finding.fix",
                "journal.undo",
                "container.previous_hit",
                "container.stack_logs",
                "logs.previous_hit",
                "logs.previous_error",
                "servers.unload",
                "app.protect",
            }, action.id


def test_only_keys_that_every_terminal_sends_are_used() -> None:
    known = {"enter", "space", "escape", "tab", "shift+tab", "up", "down", "left", "right", "home", "end", "pageup",
             "pagedown", "ctrl+c", "ctrl+p", "ctrl+u", "ctrl+d", "plus", "minus", "equals_sign"}  # fmt: skip
    assert {key for action in ACTIONS for key in action.keys if len(key) > 1} <= known


def test_an_unknown_action_is_found_in_a_keymap() -> None:
    assert find("container.restart") is not None
    assert unknown({"container.restart": "x", "container.explode": "y"}) == ("container.explode",)


def test_a_clash_is_found_only_where_both_actions_can_be_done() -> None:
    assert clashes({}) == ()
    assert clashes({"app.doctor": "3"}) == (("3", "app.doctor", "app.journal"),)
    assert clashes({"journal.undo": "F"}) == ()
    assert clashes({"app.doctor": "3", "app.journal": "2"}) == ()


def test_help_shows_remapped_keys() -> None:
    action = find("app.help")
    assert action is not None
    assert keys_of(action, {}) == "?"
    assert keys_of(action, {"app.help": "f1,h"}) == "f1 h"


async def test_a_remapped_key_works_and_the_old_one_does_not() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, settings=Settings(keymap={"app.doctor": "z"}))
    async with console(desk) as running:
        await running.press("2")
        assert "Stacks" in running.text
        await running.press("z")
        assert "Checks" in running.text


async def test_a_plan_names_the_key_that_applies_it_where_somebody_gave_it_another(tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    settings = Settings(keymap={"plan.apply": "x"})
    async with console(desk_on(host, Journal(tmp_path), settings), (120, 40)) as running:
        await running.select("librechat.config-mount")
        await running.press("F")
        assert "x applies it" in await running.until("Nothing has been changed yet")
        assert "x does it" in await running.press("x")


async def test_two_actions_on_one_key_are_told() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, settings=Settings(keymap={"app.doctor": "3"}))
    async with console(desk) as running:
        await running.until(lambda _: "were given the same key" in running.notices)


async def test_a_keymap_for_an_action_that_does_not_exist_is_told() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, settings=Settings(keymap={"app.doktor": "3"}))
    async with console(desk) as running:
        await running.until(lambda _: "there is no action app.doktor" in running.notices)


async def test_help_comes_from_the_registry_and_knows_read_only() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, read_only=True), (100, 80)) as running:
        shown = await running.press("question_mark")
        assert "READ-ONLY: whatever changes the machine is refused" in shown
        await running.press("escape")
        assert "Stacks" in running.text
    assert "•" not in shown
    for action in at("overview"):
        assert any(f" {name(key)} " in shown for key in action.keys), action.id


@pytest.mark.parametrize("place", [each for each in PLACES if each not in {"app", "list"}])
async def test_all_keys_of_a_place_are_seen_at_once_on_the_smallest_usual_screen(place: str) -> None:
    """Generated from what is bound: two columns, nothing scrolled away, nothing cut."""
    actions = [action for section in (place, "list", "app") for action in at(section)]
    async with console(stage.desk(stage.full(), stage.RESULTS), (80, 24)) as running:
        running.app.open("help", place, {}, read_only=False)
        shown = await running.until("Everywhere")
    for action in actions:
        keys = [name(key) for key in action.keys]
        assert action.keys[0].isdigit() or any(f" {key} " in shown for key in keys), (action.id, shown)


def test_on_a_wide_screen_the_help_says_sentences() -> None:
    said = plain(help_lines("overview", {}, 120, read_only=False))
    assert sum(action.help in said for action in at("overview")) > 12


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("place", [each for each in PLACES if each not in {"app", "list"}])
def test_every_action_has_label_tooltip_and_help_line(place: str, language: str) -> None:
    """In the help as a line, under the cursor as a tooltip; each translated."""
    use(language)
    said = plain(help_lines(place, {}, 200, read_only=False))
    bound = {each.id: each for each in bindings(place) if isinstance(each, Binding)}
    for action in at(place):
        assert action.label
        assert bound[action.id].tooltip == action.help != ""
        assert language == "en" or CHINESE.search(_(action.help)), action.id
        assert language == "en" or CHINESE.search(_(action.label)) or action.label == "shell", action.id
        assert any(name(key) in said for key in action.keys), action.id


async def test_the_palette_has_every_action_of_each_place() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 40)) as running:
        for key in ("1", "2", "3", "4", "5", "6", "e", "w"):
            await running.press(key)
            screen = running.app.screen
            offered = [title for title, _help, _do in Actions(screen)._entries()]
            for action in (*at(screen.PLACE), *at("app")):
                refused = Actions(screen)._refused(action.verb)
                told = any(re.search(rf": {re.escape(action.label)}\b", title) for title in offered)
                assert told or refused or action.id in {"app.palette", "app.back"}, (screen.PLACE, action.id)


async def test_the_palette_offers_what_can_be_done_here() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 40)) as running:
        await running.press("colon")
        await running.type("doctor")
        shown = await running.until("Go to the doctor")
        assert "go: doctor  (2)" in shown
        await running.press("enter")
        await running.until("Checks")


@pytest.mark.parametrize(
    ("words", "title", "place", "about"),
    [
        ("container: fastgpt", "container: fastgpt", "container", stage.FASTGPT.id),
        ("logs: librechat", "logs: librechat", "logs", None),
        ("stack: librechat", "stack: librechat", "overview", "group:librechat"),
        ("check: keyfile", "check: mongo.keyfile", "doctor", None),
        ("model: bge", "model: bge-m3 on tei:80", "servers", "tei:80"),
        ("server: tei", "server: tei:80", "servers", "tei:80"),
    ],
)
async def test_the_palette_goes_to_all_that_is_known(words, title, place, about) -> None:
    server = Server("tei:80", "http://tei:80", "tei", "up", models=(ServedModel("bge-m3"),))
    async with console(stage.desk(replace(stage.full(), servers=(server,)), stage.RESULTS), (100, 40)) as running:
        await running.press("2", "colon")
        await running.type(words)
        await running.until(title)
        await running.press("down", "enter") if title not in running.text.splitlines()[3] else None
        await running.press("enter")
        await running.until(lambda _: getattr(running.app.screen, "PLACE", "") == place)
        await running.settle()
        if place == "container":
            assert running.app.screen.selected_container().id == about
        elif about:
            lists = [each.cursor for each in running.app.screen.query(Table)]
            assert about in lists


async def test_the_palette_names_what_an_act_is_done_to() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 40)) as running:
        await running.stacks()
        await running.press("colon")
        await running.type("restart")
        await running.until("container: restart fastgpt  (R)")
        await running.press("escape")
        await running.stacks("group:librechat")
        await running.press("colon")
        await running.type("restart")
        await running.until("container: restart all of librechat  (R)")


async def test_a_hostile_name_is_letters_in_the_palette() -> None:
    evil = stage.container(77, "[red]x[/red]\x1b[2J", project=None)
    full = stage.full()
    async with console(stage.desk(replace(full, containers=(*full.containers, evil))), (100, 40)) as running:
        await running.press("colon")
        await running.type("[red]")
        shown = await running.until("container: [red]x[/red]")
        assert "\x1b" not in shown


async def test_the_palette_leaves_out_what_read_only_refuses() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS, read_only=True), (100, 40)) as running:
        await running.press("colon")
        await running.type("restart")
        await running.until("No matches")


async def test_the_palette_changes_the_theme() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (100, 40)) as running:
        await running.press("colon")
        await running.type("light")
        await running.until("theme: light")
        await running.press("enter")
        assert running.app.theme == "stackops-light"
