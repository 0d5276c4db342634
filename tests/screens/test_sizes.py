"""From far too small to huge, in any order."""

from __future__ import annotations

import dataclasses

import pytest
from stackops.console.paths import Memory
from stackops.screens.registry import PLACES
from support import stage
from support.pilots import console

SIZES = ((20, 5), (400, 100), (1, 1), (80, 24), (59, 15), (60, 14), (60, 15), (200, 50), (80, 24))


async def test_any_size_is_lived_through_and_small_ones_are_told() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        for keys in ((), ("2",), ("3",), ("1", "enter"), ("question_mark",), ("escape", "escape", "R")):
            await running.press(*keys)
            for width, height in SIZES:
                await running.pilot.resize_terminal(width, height)
                await running.settle()
        assert running.app.is_running


@pytest.mark.parametrize("size", [(40, 10), (59, 24), (80, 14)])
async def test_below_the_least_size_one_line_says_so(size) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), size) as running:
        await running.until("Too small")
        assert "Stacks" not in running.text


async def test_nothing_else_is_seen_on_a_tall_narrow_screen_either(tmp_path) -> None:
    desk = dataclasses.replace(stage.desk(stage.full(), stage.RESULTS), memory=Memory(tmp_path))
    async with console(desk, (59, 40)) as running:
        shown = await running.until("Too small")
        await running.settle()
        assert running.text.strip() == shown.strip() == "Too small: 60x15 is needed"


@pytest.mark.parametrize("place", ["1", "2", "3"])
async def test_at_the_least_size_everything_is_there(place: str) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (60, 15)) as running:
        shown = await running.press(place)
        assert "Too small" not in shown
        assert "q quit" in shown


async def test_growing_back_shows_everything_again() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        before = running.text
        await running.pilot.resize_terminal(20, 5)
        await running.until("Too small")
        await running.pilot.resize_terminal(80, 24)
        await running.until(lambda text: text == before)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40)])
async def test_the_header_names_every_place_that_has_a_digit(size) -> None:
    """The names of the program and of the machine go first: who goes somewhere needs the places."""
    async with console(stage.desk(stage.full(), stage.RESULTS), size) as running:
        for key in ("1", "3", "e"):
            header = (await running.press(key)).splitlines()[0]
            for place in PLACES:
                if place.key.isdigit():
                    assert f"{place.key} {place.short or place.title}" in header, (key, header)
        assert "› timeline" in header
