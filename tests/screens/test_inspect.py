"""All that the Engine tells of a container: a tree whose branches open and close, searched whole."""

from __future__ import annotations

import json

import pytest
from stackops.console.hosts import EngineFailed
from support import stage
from support.pilots import Stage, console

TOLD = {
    "Id": "c1", "State": {"Status": "running", "Error": "\x1b[2Jx"}, "Empty": {}, "None": None,
    "HostConfig": {"Binds": ["/srv/data:/data:rw"], "LogConfig": {"Type": "json-file"}},
    "Config": {"Env": ["DB_PASSWORD=hunter2-long", "LANG=C"]},
}  # fmt: skip


@pytest.fixture(autouse=True)
def reply(monkeypatch: pytest.MonkeyPatch) -> None:
    async def inspect(*_: object) -> bytes:
        return json.dumps(TOLD).encode()

    monkeypatch.setattr(stage.StillEngine, "inspect", inspect)


async def _enter(running: Stage) -> str:
    running.app.open("container", stage.LIBRECHAT.id)
    await running.until("Details")
    await running.press("v")
    return await running.until("HostConfig")


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_v_opens_it_and_esc_comes_back(size: tuple[int, int]) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), size) as running:
        shown = await _enter(running)
        assert "› inspect" in shown
        assert "running" in shown
        assert "json-file" not in shown
        assert "hunter2" not in shown
        assert "\x1b" not in shown
        assert "Details" in await running.press("escape")


async def test_enter_opens_a_branch_and_closes_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await _enter(running)
        running.app.screen.table.select("HostConfig")  # type: ignore[attr-defined]
        assert "LogConfig" in await running.press("enter")
        assert "json-file" not in running.text
        running.app.screen.table.select("HostConfig/LogConfig")  # type: ignore[attr-defined]
        assert "json-file" in await running.press("enter")
        assert "json-file" not in await running.press("enter")


async def test_words_are_looked_for_in_closed_branches_too() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await _enter(running)
        await running.press("slash")
        await running.type("json-file")
        await running.until("Type")
        assert "Status" not in running.text
        await running.press("escape")
        await running.until("Status")
        assert "json-file" not in running.text


async def test_a_leaf_is_read_in_full_and_copied() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await _enter(running)
        running.app.screen.table.select("State/Status")  # type: ignore[attr-defined]
        await running.settle()
        assert "State/Status" in running.text
        assert running.app.screen.copied() == "running"  # type: ignore[attr-defined]


async def test_an_engine_that_does_not_tell_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failed(*_: object) -> bytes:
        raise EngineFailed("The Engine broke off", "Ask again with r")

    monkeypatch.setattr(stage.StillEngine, "inspect", failed)
    async with console(stage.desk(stage.full(), stage.RESULTS), (80, 24)) as running:
        running.app.open("container", stage.LIBRECHAT.id)
        await running.until("Details")
        await running.press("v")
        await running.until("The Engine broke off. Ask again with r")
