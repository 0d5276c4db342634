"""With --ascii no letter above U+007F is drawn: not by us, not by Textual's frames, not by a foreign name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from stackops.console.text.cleaning import TWINS, ascii_cells, cells, clean_line
from stackops.screens.registry import PLACES
from support import stage
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

ROOT = Path(__file__).resolve().parents[2]


def plain(running: Stage) -> str:
    """The screen, of which every letter is ASCII."""
    strange = sorted({letter for letter in running.text if not letter.isascii()})
    assert strange == [], f"{strange}\n{running.text}"
    return running.text


async def _walk(running: Stage, ways: dict[str, tuple[str, ...]]) -> None:
    """Each way from the overview, and back."""
    for seen, keys in ways.items():
        await running.press(*keys)
        await running.until(seen)
        plain(running)
        for _ in range(4):
            await running.press("escape")
        await running.press("1")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_every_place_of_the_practice_machine_is_drawn_in_ascii(tmp_path: Path, size: tuple[int, int]) -> None:
    desk = desk_on(open_demo(clock=FakeClock()), Journal(tmp_path), Settings(ascii=True))
    async with console(desk, size) as running:
        await running.until(lambda _: running.app.judgement is not None)
        plain(running)
        for place in PLACES:
            if place.key:
                await running.press(place.key)
                await running.until(lambda text: "Reading" not in text and "Looking" not in text)
                assert running.app.current_mode == place.name
                plain(running)
        await running.press("1", "g", "j")
        await _walk(running, {
            "esc closes": ("?",), "Copied": ("y",), "esc": ("/", "m"), "theme: ansi": (":", *"theme: ansi"),
            "Looking again": ("r",), "Cancel": ("R",), "local": ("L",), "Nothing has been changed yet": ("F",),
        })  # fmt: skip
        await running.press("enter", "enter")
        plain(running)


async def test_what_is_selected_and_what_is_peeked_at_too(tmp_path: Path) -> None:
    desk = desk_on(open_demo(clock=FakeClock()), Journal(tmp_path), Settings(ascii=True))
    async with console(desk, (120, 40)) as running:
        await running.until(lambda _: running.app.judgement is not None)
        for key in ("j", "j", "space", "space", "tab", "j", "h", "v", "j", "j"):
            await running.press(key)
            plain(running)


async def test_a_foreign_name_takes_as_many_cells_as_before() -> None:
    full = stage.full()
    named = replace(full.containers[0], name="深度求索-模型", project=None, service=None)
    async with console(stage.desk(replace(full, containers=(named,))), (120, 40), ascii_only=True) as running:
        await running.until("????????-????")
        plain(running)


@given(st.text(max_size=40))
def test_the_text_stays_as_wide_as_it_was(text: str) -> None:
    line = clean_line(text, 100)
    drawn = ascii_cells(line)
    assert drawn.isascii()
    assert abs(len(drawn) - cells(line)) <= sum(cells(each) == 0 or ord(each) > 0xFF for each in line)


@pytest.mark.parametrize("letter", [chr(letter) for letter in TWINS], ids=ascii)
def test_a_twin_takes_one_cell_as_what_it_stands_for(letter: str) -> None:
    assert cells(letter) == 1 == len(ascii_cells(letter))
    assert ascii_cells(letter) != "?"


def test_every_letter_that_the_screens_draw_with_has_a_twin() -> None:
    for path in (ROOT / "screens").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        told = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                assert "?" not in ascii_cells(node.value.replace("?", "")), f"{path.name}:{node.lineno}"
