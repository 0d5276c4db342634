"""Both pitfalls of the practice stack, repaired and undone by keys alone."""

from __future__ import annotations

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.practice import open_demo
from stackops.console.practice.mongod import place
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.pilots import console, desk_on
from support.practice import break_again, has_set, mounted

OVERRIDE = "/srv/librechat/docker-compose.override.yml"
KEY = "/srv/fastgpt/mongodb.key"


def _stored(host) -> bytes:
    """The configuration of the set that lost its host, as its mongod keeps it."""
    return host.world.tree.get(place(host.world.find("staging-mongo").definition)).content


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
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.until(lambda _: stage.finds("mongo.keyfile"))
        before = host.files.stat(KEY)
        await stage.select("mongo.keyfile")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.consent()
        await stage.until("✓ Done")
        after = host.files.stat(KEY)
        assert (after.mode, after.uid) == (0o400, 999)
        assert (before.mode, before.uid) != (after.mode, after.uid)
        await stage.press("U")
        await stage.until("Nothing has been changed yet")
        await stage.consent()
        await stage.until("✓ Done")
        assert (host.files.stat(KEY).mode, host.files.stat(KEY).uid) == (before.mode, before.uid)


async def test_undo_is_not_offered_where_it_would_be_refused(tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.select("librechat.config-mount")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.consent()
        await stage.until("✓ Done")
        assert "U undo" in stage.text
        await stage.press("escape", "3")
        await stage.until("U undo")
        await stage.press("1")
        host.world.tree.put(OVERRIDE, _clean(host, OVERRIDE) + b"# mine\n")
        await stage.press("3")
        await stage.until(lambda text: "✓ done" in text and "U undo" not in text)
        await stage.press("U")
        assert stage.app.screen.PLACE == "journal"
        assert "Not undone, because since the fix" in stage.notices
        assert _clean(host, OVERRIDE).endswith(b"# mine\n")


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
    break_again(host, "mongo.replica-set", "removed")
    before = _stored(host)
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.select("mongo.replica-set")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.press("A")
        assert "Cannot be taken back: Force" in stage.text
        await stage.type("librechat")
        await stage.press("enter", "enter")
        assert "That is not " in stage.text
        assert stage.app.focused is stage.app.screen.query_one("#typed")
        await stage.press("tab", "A", "tab", "A")
        assert Journal(tmp_path).entries() == ()
        assert _stored(host) == before


def _closed(host) -> bool:
    key = host.files.stat(KEY)
    return (key.mode, key.uid) == (0o400, 999)


REPAIRED = {"librechat.config-mount": mounted, "mongo.keyfile": _closed, "mongo.replica-set": has_set}
"""What the machine itself shows."""


@pytest.mark.parametrize("last", ["A", "right+enter"])
@pytest.mark.parametrize("check", REPAIRED)
async def test_from_finding_to_proven_repair_are_three_keys(tmp_path, check, last) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[check])
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.select(check)
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        await stage.press("A")
        assert "Apply this fix to" in stage.text
        assert Journal(tmp_path).entries() == ()
        assert not REPAIRED[check](host)
        await stage.press(*last.split("+"))
        await stage.until("✓ Done")
    (entry,) = Journal(tmp_path).entries()
    assert (entry.state, entry.check) == ("done", check)
    assert {each.state for each in host.world.containers()} == {"running"}
    assert REPAIRED[check](host)


@pytest.mark.parametrize("keys", ["enter", "escape", "tab+escape"])
async def test_what_restarts_is_not_done_without_the_one_key(tmp_path, keys) -> None:
    host = open_demo(clock=FakeClock(), scenarios=["librechat.config-mount"])
    async with console(desk_on(host, Journal(tmp_path))) as stage:
        await stage.select("librechat.config-mount")
        await stage.press("F")
        await stage.until("Nothing has been changed yet")
        started = host.world.find("LibreChat").started_at
        await stage.press("A", *keys.split("+"))
        assert "Nothing has been changed yet" in stage.text
    assert host.world.find("LibreChat").started_at == started
    assert Journal(tmp_path).entries() == ()


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
