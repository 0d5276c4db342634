"""Jump keys: a letter before each line in sight leads there, and no key means anything else meanwhile."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from stackops.screens.widgets.jump import LETTERS, labels
from stackops.screens.widgets.table import Table
from support import gpu_stage, stage
from support.pilots import Stage, console
from textual.events import Key


def letter_of(running: Stage, words: str) -> str:
    """The letter before the line with these words."""
    line = next(each for each in running.text.splitlines() if words in each)
    return "".join(each for each in line[:2] if each in LETTERS)


def test_no_label_begins_another_and_none_is_a_capital() -> None:
    assert len(set(LETTERS)) == len(LETTERS) == 26
    for count in (1, 26, 27, 400):
        made = labels(count)
        assert len(set(made)) == len(made) >= count
        assert {len(each) for each in made} == {1 if count <= 26 else 2}
        assert all(each.islower() for each in made)


async def test_a_letter_goes_to_its_line_in_whichever_list_and_opens_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        shown = await running.press("f")
        assert "go to the line with this letter" in shown
        await running.press(letter_of(running, "oneapi"))
        assert running.app.screen.PLACE == "container"
        assert "› fastgpt › oneapi" in running.text
        await running.press("escape")
        assert "go to the line" not in running.text
        assert running.app.screen.query_one("#stacks", Table).cursor == stage.ONEAPI.id
        await running.press("f")
        await running.press(letter_of(running, "key file is open"))
        assert running.app.screen.PLACE == "doctor"
        assert running.app.screen.selected_finding().check == "mongo.keyfile"


async def test_a_letter_of_a_stack_folds_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await running.press("f")
        await running.press(letter_of(running, "librechat  1 of 4"))
        assert running.app.screen.PLACE == "overview"
        assert "▸ librechat" in running.text


@pytest.mark.parametrize("key", ["R", "S", "D", "escape", "enter", "1", "question_mark", "down"])
async def test_any_other_key_ends_it_and_does_nothing_else(key: str) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk, (120, 40)) as running:
        before = await running.stacks() or running.text
        await running.press("f")
        assert running.text != before
        await running.press(key)
        assert running.text == before
        assert desk.host.control.calls == []


async def test_with_more_lines_than_letters_two_are_typed_and_the_first_narrows() -> None:
    many = tuple(stage.container(100 + n, f"svc{n:02}") for n in range(40))
    full = replace(stage.full(), containers=many, services=(), processes=())
    async with console(stage.desk(full, ()), (120, 50)) as running:
        await running.press("f")
        wanted = letter_of(running, "svc30")
        assert len(wanted) == 2
        await running.press(wanted[0])
        assert letter_of(running, "svc30") == wanted[1]
        assert "go to the line" in running.text
        await running.press(wanted[1])
        assert "› svc30" in running.text


async def test_a_line_that_has_gone_is_not_opened_nor_the_one_in_its_place() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk, (120, 40)) as running:
        await running.press("f")
        letter = letter_of(running, "oneapi")
        full = stage.full()
        desk.feed.push(replace(full, containers=tuple(c for c in full.containers if c.id != stage.ONEAPI.id)))
        await running.until(lambda text: "oneapi" not in text)
        await running.press(letter)
        assert running.app.screen.PLACE == "overview"


async def test_letters_typed_in_one_go_and_in_ascii_too() -> None:
    async with console(stage.desk(gpu_stage.two(), stage.RESULTS), (80, 24), ascii_only=True) as running:
        await running.press("4", "f")
        assert running.text.isascii()
        letter = letter_of(running, "unattributed")
        await running.press("escape")
        for key in ("f", letter):
            await running.pilot.press(key)
        await running.settle()
        assert "belongs to no process" in running.notices


@pytest.mark.parametrize("later", ["R", "D", "s"])
async def test_a_key_typed_in_one_go_behind_the_letter_acts_on_nothing(later: str) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)
    async with console(desk, (120, 40)) as running:
        await running.press("f")
        letter = letter_of(running, "oneapi")
        await running.press("escape")
        for key in ("f", letter, later):
            running.app.post_message(Key(key, key))
        await running.settle()
        assert running.app.screen.PLACE == "container", "no dialog stands on it"
        assert desk.host.control.calls == []


async def test_whoever_comes_back_begins_again() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await running.press("f")
        running.app.go("gpus")
        await running.settle()
        running.app.go("overview")
        await running.settle()
        assert "go to the line" not in running.text
        assert running.app.screen.jumping is False


async def test_the_way_says_stack_container_and_logs_at_the_least_width() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (80, 24)) as running:
        await running.stacks(stage.MONGO.id)
        await running.press("enter")
        assert "› librechat › chat-mongodb" in running.text.splitlines()[0]
        await running.press("l")
        assert "› librechat › chat-mongodb › logs" in running.text.splitlines()[0]


async def test_of_long_names_the_end_of_the_way_is_still_there() -> None:
    long = replace(stage.MONGO, name="n" * 60, project="p" * 60)
    full = replace(stage.full(), containers=(long,), services=())
    async with console(stage.desk(full, ()), (80, 24)) as running:
        await running.stacks(long.id)
        await running.press("enter", "l")
        assert "› ppppppppppppppp… › nnnnnnnnnnnnnnn… › logs" in running.text.splitlines()[0]
