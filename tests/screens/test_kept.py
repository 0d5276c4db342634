"""What `stackops watch` kept, on the screen: curves from before the console, the night at first look."""

from __future__ import annotations

import sys
from dataclasses import replace as changed
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.console.app import CollectorFeed
from stackops.console.collect.figures import History
from stackops.console.model import EngineEvent, Gpu
from stackops.console.paths import Memory
from stackops.console.report import store
from stackops.console.report.timeline import TroubleChange
from stackops.console.settings import Settings
from stackops.screens.app import LAST_HERE
from support import gpu_stage, stage
from support.fake_engine import container
from support.memory_host import host_with, until
from support.pictures import compare
from support.pilots import console

NOW, HOUR = stage.NOW, 3600.0
DEATH = EngineEvent(NOW - 5 * HOUR, "die", "f" * 64, name="mysql", project="fastgpt", service="mysql", exit_code=137)


def night(place: Path, *, gap: tuple[float, float] = (9.0, 7.0)) -> store.Kept:
    """Twelve hours of a watch that did not run for two of them."""
    made = store.Store(place)
    for n in range(720):
        ago = 12.0 - n / 60
        if not gap[1] < ago < gap[0]:
            load = float(n % 97)
            made.add(
                NOW - ago * HOUR, {"vram:GPU-0": (20 + n % 9) * 1e9, "gpu:GPU-0": load, "heat:GPU-0": 40 + load / 3}
            )
    changes = [TroubleChange(NOW - hours * HOUR, came=hours > 4, result=stage.FINDINGS[0]) for hours in (5, 4)]
    made.add(0.0, {}, [DEATH], changes)
    return store.load(place, NOW)


def opened(kept: store.Kept | None, tmp_path: Path, snapshot=None):
    """A console that was opened a minute ago."""
    memory = Memory(tmp_path / "memory")
    memory.keep(LAST_HERE, f"{NOW - 9 * HOUR:.0f}")
    desk = changed(stage.desk(snapshot or gpu_stage.two(), stage.RESULTS), memory=memory)
    desk.feed.kept, history = kept, History()
    for n in range(30):
        history.add_gpus(
            (Gpu("GPU-0", utilisation=90.0, memory_used=9 << 30, temperature=60.0),), at=NOW - 60.0 + 2.0 * n
        )
    history.fill(kept.past if kept else {})
    desk.feed.curve = history.curve
    return desk


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pictures are taken on Python 3.11")
@pytest.mark.parametrize("size", [(120, 40), (200, 50)], ids=str)
async def test_curves_go_back_as_far_as_watch_ran_and_a_gap_is_a_gap(tmp_path, size) -> None:
    async with console(opened(night(tmp_path / "w"), tmp_path), size) as running:
        shown = await running.press("4", "t", "t")
        assert "24 h ago, known from" in shown
        compare(f"gpus-kept-{size[0]}x{size[1]}", shown)


async def test_the_gap_has_no_blocks_and_what_is_older_has(tmp_path) -> None:
    async with console(opened(night(tmp_path / "w"), tmp_path), (120, 40)) as running:
        shown = await running.press("4", "t", "t")
        lowest = next(line for line in shown.splitlines() if line.startswith("    0B┤"))[7:38]
        assert len(lowest.split()) == 2, lowest
        assert len(lowest) - len(lowest.lstrip()) > 12, "of the twelve hours before nothing is known"
    async with console(opened(None, tmp_path), (120, 40)) as running:
        shown = await running.press("4")
        assert "2 min ago" in shown


async def test_the_first_look_shows_the_night_though_the_engine_tells_of_nothing(tmp_path) -> None:
    calm = replace(stage.full(), events=())
    async with console(opened(night(tmp_path / "w"), tmp_path, calm), (120, 40)) as running:
        said = next(line for line in running.text.splitlines() if "Since you were last here, 9h ago" in line)
        assert "1 trouble that is over" in said
        shown = await running.press("e")
        rows = shown.splitlines()
        assert any("fastgpt/mysql" in row and "ended with exit code 137" in row for row in rows)
        assert any("No longer a trouble:" in row for row in rows)
        assert rows.index(next(row for row in rows if "No longer a trouble" in row)) < rows.index(
            next(row for row in rows if "Trouble:" in row)
        )


async def test_of_a_machine_whose_containers_are_all_gone_the_night_is_told_too(tmp_path) -> None:
    async with console(opened(night(tmp_path / "w"), tmp_path, stage.empty()), (120, 40)) as running:
        assert "Since you were last here, 9h ago: 1 death, 1 trouble that is over" in running.text


async def test_an_event_that_both_tell_stands_there_once(tmp_path) -> None:
    both = replace(stage.full(), events=(DEATH,))
    async with console(opened(night(tmp_path / "w"), tmp_path, both), (120, 40)) as running:
        assert (await running.press("e")).count("fastgpt/mysql") == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_damaged_store_is_told_on_the_overview_and_in_the_timeline(tmp_path, size) -> None:
    place = tmp_path / "w"
    night(place)
    with (place / "now.jsonl").open("ab") as file:
        file.write(b"\x1b]52;c;ZXZpbA==\x07[/red]\n{\n")
    async with console(opened(store.load(place, NOW), tmp_path, stage.full()), size) as running:
        told = "2 lines of what stackops watch kept are damaged and left out"
        assert told in running.text
        assert told in " ".join((await running.press("e", "G")).split())


async def test_a_console_reads_the_store_of_its_engine_and_project_after_the_first_frame(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path))
    host = host_with(container("a", pid=5))
    now = host.clock.now()
    for project, value in ((None, 5.0), ("other", 7.0)):
        made = store.Store(store.folder(tmp_path, host, project))
        made.add(now - 120, {"gpu:GPU-0": value}, [replace(DEATH, at=now - 100)])
    feed = CollectorFeed(host, Settings())
    try:
        assert feed.kept is None
        feed.complete()
        await until(lambda: feed.kept is not None)
        assert len(feed.kept.events) == 1
        feed._collector.history.add_gpus((Gpu("GPU-0", utilisation=1.0),), at=now)
        assert feed.curve("gpu:GPU-0") == ((now - 120, 5.0), (now, 1.0))
    finally:
        feed.stop()
