"""Pictures of the plan, before and after, on the practice stack with its clock standing still."""

from __future__ import annotations

import sys

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from support.clock import FakeClock
from support.pictures import compare
from support.pilots import console, desk_on

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")


def _without_count(shown: str) -> str:
    """The picture is of the plan; how many other findings there are meanwhile is not its business."""
    first, rest = shown.split("\n", 1)
    return "\n".join((first[:14], rest))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_plan_of_the_config_mount(size: tuple[int, int], tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    async with console(desk_on(host, Journal(tmp_path)), size) as running:
        await running.select("librechat.config-mount")
        await running.press("F")
        await running.until("Nothing has been changed yet")
        compare(f"plan-{size[0]}x{size[1]}", _without_count(running.text))
        await running.press("A")
        compare(f"plan-consent-{size[0]}x{size[1]}", _without_count(running.text))
        await running.press("A")
        await running.until("✓ Done")
        compare(f"plan-done-{size[0]}x{size[1]}", _without_count(running.text))
