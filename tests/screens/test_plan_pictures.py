"""Pictures of the plan, before and after, on the practice stack with its clock standing still."""

from __future__ import annotations

import re
import sys

import pytest
from stackops.console.hosts.demo import open_demo
from stackops.console.journal import Journal
from support.clock import FakeClock
from support.pictures import compare
from support.pilots import console, desk_on

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_plan_of_the_config_mount(size: tuple[int, int], tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    async with console(desk_on(host, Journal(tmp_path)), size) as running:
        await running.until("1 problem")
        await running.press("2", "F")
        await running.until("Nothing has been changed yet")
        compare(f"plan-{size[0]}x{size[1]}", running.text)
        await running.press("A")
        compare(f"plan-consent-{size[0]}x{size[1]}", running.text)
        await running.type("LibreChat")
        await running.press("enter", "enter")
        await running.until("✓ Done")
        await running.until(lambda text: re.search(r"Doctor(?! 1)", text) is not None)
        compare(f"plan-done-{size[0]}x{size[1]}", running.text)
