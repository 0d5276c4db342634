"""What a key acts on: the selected row of the focused pane, named in the dialog, or nothing and a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from stackops.console.compose.places import CONFIG_FILES, WORKING_DIR
from stackops.console.fix.journal import Journal
from stackops.console.fix.steps import ComposeUp
from stackops.console.model import ConfigFile
from stackops.console.model.findings import Result
from stackops.screens.dialogs import Confirm
from stackops.screens.widgets.paint import plain
from support import stage
from support.pilots import Stage, console
from textual.events import Key

ACTS = {"R": "Restart", "S": "Stop", "A": "Start", "C": "Recreate", "D": "Remove"}


async def _focus(running: Stage, pane: str) -> None:
    for _ in range(5):
        if running.app.focused is not None and running.app.focused.id == pane:
            return
        await running.press("tab")
    raise AssertionError(f"{pane} cannot have the focus")


async def _select(running: Stage, key: str) -> None:
    table = running.app.screen.query_one("#stacks")
    await running.stacks()
    while table.cursor != key:  # type: ignore[attr-defined]
        await running.press("j")


def _dialog(running: Stage) -> str | None:
    """What the dialog on the screen says; None when there is none."""
    screen = running.app.screen
    return plain(screen.query_one(".words").lines) if screen.is_modal else None  # type: ignore[attr-defined]


def _shells(desk: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    monkeypatch.setattr(
        "stackops.screens.app.StackopsApp.open_shell", lambda _, container: opened.append(container.name)
    )
    return opened


@pytest.mark.parametrize("target", [stage.PG, stage.RAG, stage.OLLAMA], ids=lambda each: each.name)
async def test_every_act_names_the_selected_row(target, monkeypatch) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    opened = _shells(desk, monkeypatch)
    monkeypatch.setattr(ComposeUp, "prepare_alone", lambda step, _: (step, ()))
    async with console(desk) as running:
        await _select(running, target.id)
        for key, verb in ACTS.items():
            await running.press(key)
            said = _dialog(running)
            if key == "C" and target.project is None:
                assert said is None
                assert "Only a service of a compose project" in running.notices
                continue
            if key == "D" and target.state == "running":
                assert said is None
                assert f"{target.name} runs, and only a stopped container is removed" in running.notices
                continue
            if key == "C":
                await running.until(lambda _: "Type " in (_dialog(running) or ""))
                said = _dialog(running)
            assert said is not None
            assert said.startswith(f"{verb} {target.name}?")
            assert target.id[:12] in said
            assert key not in "CD" or f"Type {target.name} to go on" in said
            await running.press("escape")
        await running.press("s")
        assert opened == ([target.name] if target.state == "running" else [])
        await running.press("l")
        assert running.app.screen._wanted == [target.id]  # type: ignore[attr-defined]
    assert desk.host.control.calls == []


@pytest.mark.parametrize("key", [*ACTS, "s", "l"])
@pytest.mark.parametrize("list_", ["needs", "stacks"])
async def test_no_act_of_what_is_read_touches_the_container_under_the_cursor(list_, key, monkeypatch) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    opened = _shells(desk, monkeypatch)
    async with console(desk, (120, 40)) as running:
        await _focus(running, list_)
        await running.press("space")
        await _focus(running, "peek")
        await running.press(key)
        assert _dialog(running) is None
        assert running.app.screen.PLACE == "overview"
        assert "No container is selected in this pane" in running.notices
    assert (desk.host.control.calls, opened) == ([], [])


@pytest.mark.parametrize("key", ["R", "S", "A"])
@pytest.mark.parametrize(("down", "target"), [(0, stage.LIBRECHAT), (1, stage.MONGO)], ids=["first", "second"])
async def test_an_act_on_a_trouble_is_one_on_its_own_container(key, down, target) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await running.stacks(stage.PG.id)
        await _focus(running, "needs")
        await running.press("g", *"j" * down, key)
        assert (_dialog(running) or "").startswith(f"{ACTS[key]} {target.name}?")
        assert target.id[:12] in (_dialog(running) or "")
        await running.press("escape", "l")
        assert running.app.screen._wanted == [target.id]  # type: ignore[attr-defined]
    assert desk.host.control.calls == []


@pytest.mark.parametrize("down", [0, 1])
async def test_f_on_a_trouble_and_on_what_is_read_of_it_is_about_that_one(down) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await running.stacks(stage.LIBRECHAT.id)
        await _focus(running, "needs")
        await running.press("g", *"j" * down, "space")
        assert running.app.screen.to_fix() == stage.FINDINGS[down]
        await running.press("shift+tab")
        assert running.app.focused.id == "peek"
        assert running.app.screen.to_fix() == stage.FINDINGS[down]
        await running.stacks(stage.LIBRECHAT.id)
        await _focus(running, "peek")
        assert running.app.screen.to_fix() == stage.FINDINGS[0]


async def test_of_two_faults_in_one_service_that_one_check_finds_the_selected_one_is_meant() -> None:
    one, other = (
        replace(stage.FINDINGS[1], form="mode"),
        replace(stage.FINDINGS[1], form="owner", title="Another owner"),
    )
    async with console(stage.desk(stage.full(), (one, other))) as running:
        await running.press("j")
        assert running.app.screen.to_fix() == other
        await running.press("enter")
        assert running.app.screen.PLACE == "doctor"
        assert running.app.screen.selected_finding() == other


@pytest.mark.parametrize("key", [*ACTS, "s", "l", "F"])
async def test_a_trouble_that_is_gone_gives_its_place_to_no_other(key, monkeypatch) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    opened = _shells(desk, monkeypatch)
    async with console(desk) as running:
        await running.press("j", "k")
        desk.checks.results = stage.RESULTS[1:]  # type: ignore[attr-defined]
        desk.feed.push(replace(stage.full(), containers=stage.full().containers[:-1]))
        await running.until("Needs you 1")
        await running.press(key)
        assert _dialog(running) is None
        assert running.app.screen.PLACE == "overview"
        assert "The selected row is gone" in running.notices
    assert (desk.host.control.calls, opened) == ([], [])


async def test_when_the_last_trouble_goes_what_was_typed_for_it_is_dropped() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await running.press("j")
        typed = Key("R", "R")
        desk.checks.results = stage.RESULTS[2:]  # type: ignore[attr-defined]
        desk.feed.push(replace(stage.full(), containers=stage.full().containers[:-1]))
        await running.until(lambda text: "Needs you" not in text)
        running.app.keys.put(typed)
        await running.settle()
        assert running.app.focused.id == "stacks"
        assert _dialog(running) is None
        await running.press("R")
        assert (_dialog(running) or "").startswith("Restart fastgpt?")


@pytest.mark.parametrize("key", [*ACTS, "s", "l"])
async def test_a_trouble_of_the_machine_has_no_container_to_act_on(key) -> None:
    about = replace(stage.FINDINGS[0], subject="/etc/docker/daemon.json")
    async with console(stage.desk(stage.full(), (about,))) as running:
        await running.press(key)
        assert _dialog(running) is None
        assert "This trouble is about no container" in running.notices


@pytest.mark.parametrize("key", [*ACTS, "s", "l", "F"])
async def test_a_row_that_is_no_container_is_told_so(key) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.stacks()
        await running.press("G")
        await running.press(key)
        assert _dialog(running) is None
        assert running.app.screen.PLACE == "overview"
        assert "The selected service has no container" in running.notices


async def test_nothing_is_repaired_for_a_row_without_a_finding() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await _select(running, stage.PG.id)
        await running.press("F")
        assert running.app.screen.PLACE == "overview"
        assert "Nothing to fix in pg" in running.notices


async def test_a_finding_without_a_fix_says_so_and_opens_no_plan() -> None:
    about = replace(stage.FINDINGS[1], fix=None)
    async with console(stage.desk(stage.full(), (about,))) as running:
        await _select(running, stage.MONGO.id)
        await running.press("F")
        assert running.app.screen.PLACE == "overview"
        assert "has no fix" in running.notices


@pytest.mark.parametrize("worst_first", [False, True])
async def test_of_several_findings_about_a_row_the_worst_is_repaired(worst_first, monkeypatch, tmp_path) -> None:
    mild = replace(stage.FINDINGS[1], title="A mild one")
    worse = replace(mild, check="mongo.replica-set", severity="error", title="A worse one")
    planned: list[Result] = []
    monkeypatch.setattr(stage.FrozenChecks, "plan", lambda _, result, *__: planned.append(result))
    results = (worse, mild) if worst_first else (mild, worse)
    async with console(stage.desk(stage.full(), results, journal=Journal(tmp_path))) as running:
        await _select(running, stage.MONGO.id)
        await running.press("F")
        await running.until(lambda _: running.app.screen.PLACE == "plan" and planned)  # type: ignore[attr-defined]
    assert planned == [worse]


OWN_LIST = ("/srv/fastgpt/base.yml", "/srv/fastgpt/gpu.yml")
BY_ITSELF, OVERRIDE = "/srv/fastgpt/docker-compose.yml", "/srv/fastgpt/docker-compose.override.yml"


@pytest.mark.parametrize(
    ("labelled", "wanted"), [(OWN_LIST, OWN_LIST), ((BY_ITSELF,), (BY_ITSELF, OVERRIDE))], ids=["own list", "by itself"]
)
async def test_a_recreate_gives_compose_the_files_that_made_the_container(labelled, wanted, monkeypatch) -> None:
    """With an own list of ``-f`` Compose reads no override by itself; without one it does, also one that came later."""
    steps: list[ComposeUp] = []
    monkeypatch.setattr(ComposeUp, "prepare_alone", lambda step, _: steps.append(step) or (step, ()))
    labels = {CONFIG_FILES: ",".join(labelled), WORKING_DIR: "/srv/fastgpt"}
    full, pg = stage.full(), replace(stage.PG, labels=labels)
    files = (*(ConfigFile(path) for path in labelled), ConfigFile(OVERRIDE, automatic_override=True))
    snapshot = replace(
        full, containers=tuple(pg if each == stage.PG else each for each in full.containers),
        projects=tuple(replace(each, files=files) if each.name == "fastgpt" else each for each in full.projects),
    )  # fmt: skip
    async with console(stage.desk(snapshot, ())) as running:
        await _select(running, pg.id)
        await running.press("C")
        await running.until(lambda _: "Type " in (_dialog(running) or ""))
    (step,) = steps
    assert (step.files, step.directory, step.service) == (wanted, "/srv/fastgpt", "pg")


async def test_a_finding_about_a_container_is_not_one_of_a_service_of_the_same_name_elsewhere() -> None:
    other = stage.container(30, "other-mongodb-1", project="other", service="mongodb")
    mongo = replace(stage.MONGO, name="mongodb", service=None, project=None)
    about = replace(stage.FINDINGS[1], subject="mongodb")
    full = stage.full()
    snapshot = replace(full, containers=(other, mongo, *(each for each in full.containers if each != stage.MONGO)))
    async with console(stage.desk(snapshot, (about,))) as running:
        await _select(running, other.id)
        await running.press("F")
        assert running.app.screen.PLACE == "overview"
        assert "Nothing to fix in other-mongodb-1" in running.notices
        await _select(running, mongo.id)
        await running.press("F")
        assert running.app.screen.PLACE == "plan"


@pytest.mark.parametrize("key", [*ACTS, "s", "l", "F"])
async def test_the_row_that_takes_the_place_of_one_that_is_gone_is_not_acted_on(key, monkeypatch) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    opened = _shells(desk, monkeypatch)
    async with console(desk) as running:
        full = stage.full()
        await running.stacks(stage.LIBRECHAT.id)
        desk.feed.push(replace(full, containers=tuple(each for each in full.containers if each != stage.LIBRECHAT)))
        running.app.keys.put(Key(key, key))
        await running.until(lambda _: running.notices)
        assert _dialog(running) is None
        assert running.app.screen.PLACE == "overview"
        assert "The selected row is gone" in running.notices
    assert (desk.host.control.calls, opened) == ([], [])


async def test_an_act_keeps_its_container_while_the_table_changes_under_the_dialog() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        await _select(running, stage.PG.id)
        await running.press("R")
        assert (_dialog(running) or "").startswith("Restart pg?")
        full = stage.full()
        first = stage.container(40, "aaa", project="aaa")
        desk.feed.push(replace(full, containers=(first, *(each for each in full.containers if each != stage.PG))))
        await running.until(lambda _: running.app.container(first.id) is not None)
        await running.press("tab", "enter")
        await running.until(lambda _: desk.host.control.calls)
        assert desk.host.control.calls == [("restart", stage.PG.id)]


async def test_a_row_that_comes_above_takes_no_act() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk) as running:
        full = stage.full()
        desk.feed.push(replace(full, containers=(stage.container(40, "aaa", project="aaa"), *full.containers)))
        await running.until("aaa")
        await running.press("R")
        assert (_dialog(running) or "").startswith("Restart LibreChat?")


async def test_the_first_match_of_a_filter_is_selected() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("slash")
        await running.type("mongo")
        await running.press("enter", "R")
        assert (_dialog(running) or "").startswith("Restart chat-mongodb?")


async def test_a_shell_in_a_restarting_container_says_why_there_is_none(monkeypatch) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    opened = _shells(desk, monkeypatch)
    async with console(desk) as running:
        await _select(running, stage.MONGO.id)
        await running.press("s")
        assert "No shell in chat-mongodb: it keeps restarting" in running.notices
    assert opened == []


@pytest.mark.parametrize("key", [*ACTS, "s"])
async def test_read_only_answers_with_a_sentence(key) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, read_only=True)
    async with console(desk) as running:
        await running.press(key)
        assert "Read-only: this console looks and changes nothing." in running.notices
        assert not isinstance(running.app.screen, Confirm)
    assert desk.host.control.calls == []
