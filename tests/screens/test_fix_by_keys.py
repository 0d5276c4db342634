"""Both pitfalls of the practice stack, repaired and undone by keys alone."""

from __future__ import annotations

import pytest
from stackops.console.hosts.demo import open_demo
from stackops.console.journal import Journal
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

OVERRIDE = "/srv/librechat/docker-compose.override.yml"


def _clean(host, path: str) -> bytes:
    return host.files.read(path)


async def _select(stage: Stage, check: str) -> None:
    """Put the cursor of the doctor on the finding."""
    await stage.press("2", "g")
    for _ in range(10):
        selected = stage.app.screen.selected_finding()
        if selected is not None and selected.check == check and selected.status == "finding":
            return
        await stage.press("j")
    raise AssertionError(f"no finding of {check}:\n{stage.text}")


async def _consent(stage: Stage) -> None:
    """Apply; where a name is asked for, type it."""
    await stage.press("A")
    dialog = stage.app.screen
    if getattr(dialog, "_typed", None):
        await stage.type(dialog._typed)
        await stage.press("enter", "enter")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_librechats_config_mount_is_repaired_and_undone(tmp_path, size) -> None:
    host = open_demo(clock=FakeClock())
    before = None
    async with console(desk_on(host, Journal(tmp_path)), size) as stage:
        await stage.until("problems")
        before = _clean(host, OVERRIDE)
        await _select(stage, "librechat.config-mount")
        shown = await stage.press("F")
        shown = await stage.until("Nothing has been changed yet")
        assert "disruptive" in shown
        assert _clean(host, OVERRIDE) == before
        await _consent(stage)
        await stage.until("✓ Done")
        assert _clean(host, OVERRIDE) != before
        await stage.press("escape", "1")
        await stage.until("1 problem")
        await stage.press("3")
        await stage.until("✓ done")
        await stage.press("U")
        await stage.until("Nothing has been changed yet")
        await _consent(stage)
        await stage.until("✓ Done")
        assert _clean(host, OVERRIDE) == before
        await stage.press("escape")
        await stage.until("○ undone")
        await stage.press("1")
        await stage.until("2 problems")


async def test_mongos_key_file_is_repaired_and_undone_right_where_it_was_fixed(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    key = "/srv/fastgpt/mongodb.key"
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.until("problems")
        before = host.files.stat(key)
        await _select(stage, "mongo.keyfile")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await _consent(stage)
        await stage.until("✓ Done")
        after = host.files.stat(key)
        assert (after.mode, after.uid) == (0o400, 999)
        assert (before.mode, before.uid) != (after.mode, after.uid)
        await stage.press("U")
        await stage.until("Nothing has been changed yet")
        await _consent(stage)
        await stage.until("✓ Done")
        assert (host.files.stat(key).mode, host.files.stat(key).uid) == (before.mode, before.uid)


async def test_cancel_is_what_enter_means_first(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.until("problems")
        await _select(stage, "librechat.config-mount")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.press("enter")
        assert "Checks" in stage.text
        assert Journal(tmp_path).entries() == ()


async def test_the_wrong_word_does_not_apply_a_disruptive_fix(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.until("problems")
        await _select(stage, "librechat.config-mount")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.press("A")
        await stage.type("librechat")
        await stage.press("enter", "enter")
        assert Journal(tmp_path).entries() == ()
        assert "Nothing has been changed yet" in stage.text


async def test_read_only_shows_the_plan_and_applies_nothing(tmp_path) -> None:
    host = open_demo(clock=FakeClock(), read_only=True)
    async with console(desk_on(host, Journal(tmp_path), Settings(read_only=True))) as stage:
        await stage.until("problems")
        assert "READ-ONLY" in stage.text
        await _select(stage, "librechat.config-mount")
        await stage.press("F")
        shown = await stage.until("this is only shown")
        assert "docker-compose.override.yml" in shown
        before = _clean(host, OVERRIDE)
        await stage.press("A", "U", "tab", "enter")
        assert Journal(tmp_path).entries() == ()
        assert _clean(host, OVERRIDE) == before
