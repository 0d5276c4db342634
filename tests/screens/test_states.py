"""Every place in five states and three sizes: title, main sentence, no line too long, and keys that are true."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from stackops.console.fix.journal import Journal
from stackops.screens.registry import ACTIONS, PLACES, at, find
from stackops.screens.widgets.bars import KeyBar
from support import stage
from support.pilots import Stage, console

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
AWAY = "No Docker Engine answers at unix:///var/run/docker.sock: permission denied"
NO_SERVER, NO_ARROW = "No model server was found in containers", "No container here is set up to reach another"
NO_GPU, NO_FIX = "The GPUs cannot be looked at from here: run stackops", "Nothing was fixed from here yet"
SILENT = "the Docker Engine does not answer"
ANY = {"journal": NO_FIX, "servers": NO_SERVER, "wiring": NO_ARROW, "gpus": "2 GPUs", "fit": "too large"}
SAID = {
    "full": ANY | {"overview": "2 problems", "doctor": "LibreChat's config file is not", "timeline": "exit code 137"},
    "well": ANY | {"overview": "All well: 8 containers, 2 stacks", "doctor": "All well", "timeline": "started"},
    "empty": ANY | {"overview": "The Docker Engine runs, and there is no container on it", "doctor": "Nothing to watch",
                    "gpus": NO_GPU, "fit": "no GPU", "timeline": "Nothing has happened, as far as the Engine still"},
    "failed": ANY | {"overview": AWAY, "doctor": AWAY, "gpus": NO_GPU, "fit": "no GPU", "servers": SILENT,
                     "wiring": SILENT, "timeline": SILENT},
}  # fmt: skip
SAID["read-only"] = SAID["full"]
"""State -> place -> what it says first of all; of an empty one why it is empty, of a failed one the reason."""
SNAPSHOTS = {"full": stage.full, "well": stage.well, "empty": stage.empty, "failed": stage.failed}
OWN = [place for place in PLACES if place.key]


def is_whole(running: Stage, size: tuple[int, int]) -> None:
    """No line is longer than the screen, none holds markup, and each key of the last line does something here."""
    lines = [strip.text for strip in running.app.screen._compositor.render_strips()]
    assert {cell_len(each) for each in lines} == {size[0]}
    assert len(lines) == size[1]
    assert not re.search(r"\[/?(?:b|i|bold|dim|red|green|/)\]", running.text)
    screen = running.app.screen
    enabled = {active.binding.id for active in screen.active_bindings.values() if active.enabled}
    told = [item for item in screen.query_one(KeyBar)._items() if item[0]]
    here = {action.id for section in (screen.PLACE, "list", "app") for action in at(section)}
    assert told
    for name, key, label in told:
        action = find(name)
        assert name in here & enabled, (screen.PLACE, name)
        assert action is not None
        assert (label, bool(key)) == (action.label, True)
    assert lines[-1].rstrip().endswith("quit")


@SIZES
@pytest.mark.parametrize("state", SAID)
async def test_every_place_says_what_it_has_to_say(state: str, size: tuple[int, int], tmp_path) -> None:
    read_only = state == "read-only"
    snapshot, results = SNAPSHOTS.get(state, stage.full)(), stage.RESULTS if SAID[state] is SAID["full"] else ()
    desk = stage.desk(snapshot, results, read_only=read_only, journal=Journal(tmp_path))
    async with console(desk, size) as running:
        for place in OWN:
            shown = await running.press(place.key)
            flat = re.sub(r"\s+", " ", shown)
            assert place.name == running.app.screen.PLACE
            first = shown.splitlines()[0]
            assert f"{place.key} {place.short or place.title}" in first or first.rstrip().find(f"› {place.name}") > 0
            assert SAID[state][place.name] in flat, (place.name, shown)
            assert ("READ-ONLY" in first) is read_only, (place.name, first)
            is_whole(running, size)
        if state in {"full", "well", "read-only"}:
            await _a_container(running, size, read_only=read_only)
        await running.press("1")
        help_shown = await running.press("question_mark")
        assert ("READ-ONLY: whatever changes the machine is refused" in help_shown) is read_only


async def _a_container(running: Stage, size: tuple[int, int], *, read_only: bool) -> None:
    """Its own place and its log; what acts says why not where nothing may be changed."""
    await running.press("1")
    await running.stacks(stage.FASTGPT.id)
    acts = [action for action in ACTIONS if "container" in action.places and action.changes]
    for keys in ((), ("enter",)):
        await running.press(*keys)
        is_whole(running, size)
        offered = {item[0] for item in running.app.screen.query_one(KeyBar)._items()}
        assert read_only is offered.isdisjoint(action.id for action in acts)
        if read_only:
            before = running.notices.count("Read-only: this console looks and changes nothing")
            for action in acts[:3]:
                await running.press(action.keys[0])
            assert running.notices.count("Read-only: this console looks and changes nothing") == before + 3
    assert "fastgpt" in running.text.splitlines()[0]
    shown = await running.press("l")
    assert running.app.screen.PLACE in {"logs", "container"}, shown
    is_whole(running, size)
