"""The console in Chinese: pictures of the places that are seen first, and letters of two cells that move no column."""

from __future__ import annotations

import sys

import pytest
from rich.cells import cell_len
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from stackops.console.text import use
from support import stage
from support.clock import FakeClock
from support.pictures import compare
from support.pilots import console, desk_on

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
PICTURES = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")


@pytest.fixture(autouse=True)
def chinese() -> None:
    use("zh")


def even(running, size: tuple[int, int]) -> bool:
    """Whether every line is as wide as the screen."""
    return {cell_len(strip.text) for strip in running.app.screen._compositor.render_strips()} == {size[0]}


@PICTURES
@SIZES
@pytest.mark.parametrize(("screen", "keys"), [("overview", ()), ("doctor", ("2",)), ("help", ("question_mark",))])
async def test_it_looks_as_it_did(screen: str, keys: tuple[str, ...], size: tuple[int, int], tmp_path) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, journal=Journal(tmp_path))
    async with console(desk, size) as running:
        await running.until(lambda text: "正在读取" not in text)
        await running.press(*keys)
        compare(f"zh-{screen}-{size[0]}x{size[1]}", running.text)
        assert even(running, size)


@PICTURES
@SIZES
async def test_the_plan_of_the_config_mount(size: tuple[int, int], tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    async with console(desk_on(host, Journal(tmp_path)), size) as running:
        await running.select("librechat.config-mount")
        await running.press("F")
        await running.until("尚未做任何更改")
        compare(f"zh-plan-{size[0]}x{size[1]}", running.text.partition("\n")[2])
        assert even(running, size)
        await running.press("A")
        assert even(running, size)
        await running.press("A")
        await running.until("✓ 已修复")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
@pytest.mark.parametrize("keys", ["1", "2", "3", "4", "5", "6", "e", "w", "colon"])
async def test_no_line_is_longer_than_the_screen(keys: str, size: tuple[int, int], tmp_path) -> None:
    desk = stage.desk(stage.full(), stage.RESULTS, journal=Journal(tmp_path))
    async with console(desk, size) as running:
        await running.press(keys)
        assert even(running, size)
