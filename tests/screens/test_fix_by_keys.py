"""Both pitfalls of the practice stack, repaired and undone by keys alone."""

from __future__ import annotations

import pytest
from stackops.console.hosts.demo import open_demo
from stackops.console.journal import Journal
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.pilots import console, desk_on

OVERRIDE = "/srv/librechat/docker-compose.override.yml"


def _clean(host, path: str) -> bytes:
    return host.files.read(path)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_librechats_config_mount_is_repaired_and_undone(tmp_path, size) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path)), size) as stage:
        await stage.until(lambda _: stage.finds("librechat.config-mount"))
        before = _clean(host, OVERRIDE)
        await stage.select("librechat.config-mount")
        shown = await stage.press("F")
        shown = await stage.until("Nothing has been changed yet")
        assert "disruptive" in shown
        assert _clean(host, OVERRIDE) == before
        await stage.consent()
        await stage.until("✓ Done")
        assert _clean(host, OVERRIDE) != before
        await stage.press("escape")
        await stage.until(lambda _: not stage.finds("librechat.config-mount"))
        await stage.press("3")
        await stage.until("✓ done")
        await stage.press("U")
        await stage.until("Nothing has been changed yet")
        await stage.consent()
        await stage.until("✓ Done")
        assert _clean(host, OVERRIDE) == before
        await stage.press("escape")
        await stage.until("○ undone")
        await stage.until(lambda _: stage.finds("librechat.config-mount"))


async def test_mongos_key_file_is_repaired_and_undone_right_where_it_was_fixed(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    key = "/srv/fastgpt/mongodb.key"
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.until(lambda _: stage.finds("mongo.keyfile"))
        before = host.files.stat(key)
        await stage.select("mongo.keyfile")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.consent()
        await stage.until("✓ Done")
        after = host.files.stat(key)
        assert (after.mode, after.uid) == (0o400, 999)
        assert (before.mode, before.uid) != (after.mode, after.uid)
        await stage.press("U")
        await stage.until("Nothing has been changed yet")
        await stage.consent()
        await stage.until("✓ Done")
        assert (host.files.stat(key).mode, host.files.stat(key).uid) == (before.mode, before.uid)


async def test_cancel_is_what_enter_means_first(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.select("librechat.config-mount")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.press("enter")
        assert "Checks" in stage.text
        assert Journal(tmp_path).entries() == ()


async def test_the_wrong_word_does_not_apply_a_disruptive_fix(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.select("librechat.config-mount")
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
        await stage.until("READ-ONLY")
        await stage.select("librechat.config-mount")
        await stage.press("F")
        shown = await stage.until("this is only shown")
        assert "docker-compose.override.yml" in shown
        before = _clean(host, OVERRIDE)
        await stage.press("A", "U", "tab", "enter")
        assert Journal(tmp_path).entries() == ()
        assert _clean(host, OVERRIDE) == before


async def test_what_people_have_to_do_by_hand_offers_nothing_to_apply(tmp_path) -> None:
    host = open_demo(clock=FakeClock())
    async with console(desk_on(host, Journal(tmp_path)), (100, 30)) as stage:
        await stage.until(lambda _: stage.finds("gpu.driver"))
        await stage.select("gpu.driver")
        await stage.press("F")
        shown = await stage.until("stackops does not do this")
        assert "Close" in shown
        assert "apply" not in shown.lower()
        await stage.press("enter")
        assert stage.app.screen.PLACE == "doctor"
