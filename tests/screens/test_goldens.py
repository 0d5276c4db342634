"""Pictures in plain text: every screen, well to failed, two sizes. STACKOPS_UPDATE_GOLDENS=1 writes them anew."""

from __future__ import annotations

import sys
import time

import pytest
from stackops.console.fix.journal import Journal
from support import entries, stage
from support.pictures import compare
from support.pilots import console

STATES = {
    "well": stage.well, "full": stage.full, "empty": stage.empty, "failed": stage.failed, "half": stage.half,
    "read-only": stage.full,
}  # fmt: skip
SCREENS = {
    "overview": (), "doctor": ("2",), "journal": ("3",), "container": ("tab", "g", *"jjjj", "enter"),
    "help": ("question_mark",), "restart": ("R",),
}  # fmt: skip
CASES = [
    (screen, state, size)
    for screen in SCREENS
    for state in STATES
    for size in ((80, 24), (120, 40))
    if state in {"full", "read-only"} or screen in {"overview", "doctor"}
]

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("screen", "state", "size"), CASES, ids=lambda value: str(value).replace(", ", "x"))
async def test_it_looks_as_it_did(screen: str, state: str, size: tuple[int, int], tmp_path) -> None:
    results = stage.RESULTS if state in {"well", "full", "half", "read-only"} else ()
    if state == "well":
        results = tuple(each for each in results if each.status in {"ok", "not_applicable"})
    journal = entries.journal(tmp_path) if state == "full" else Journal(tmp_path)
    desk = stage.desk(
        STATES[state](), results, read_only=state == "read-only", offer_demo=state == "failed", journal=journal
    )
    async with console(desk, size) as running:
        await running.until(lambda text: "Looking" not in text)
        await running.press(*SCREENS[screen])
        await running.until(lambda text: "Reading" not in text)
        if screen == "container":
            await running.until("one more")
        compare(f"{screen}-{state}-{size[0]}x{size[1]}", running.text)
