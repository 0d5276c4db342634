"""The Engine goes away in the midst of a fix: nothing more is done, and what was begun goes on or back later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.engine import Progress
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import RestartContainer
from stackops.console.model.findings import Result
from support.workshop import Workshop, never


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _goes_away(shop: Workshop, phase: str, index: int, state: str = "running") -> Any:
    """Told of progress, it lets the Engine go away there."""

    def told(progress: Progress) -> None:
        if (progress.phase, progress.index, progress.state) == (phase, index, state):
            shop.world.say(away=True)

    return told


WHEN = {
    "before the service is brought up": ("step", 6),
    "while it is looked at again": ("verify", -1),
}


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("when", WHEN)
def test_the_entry_stays_open_and_goes_either_way_later(shop: Workshop, when: str, way: str) -> None:
    before = shop.tree()
    fixer = shop.fixer()

    outcome = fixer.run(fixer.prepare(shop.plan()), _goes_away(shop, *WHEN[when]))

    assert (outcome.name, outcome.code) == ("engine-away", ExitCode.UNREACHABLE)
    (entry,) = fixer.journal.open_entries()
    assert f"stackops resume {entry.id}" in (outcome.remedy or "")
    assert f"stackops rollback {entry.id}" in (outcome.remedy or "")
    half = shop.tree()
    assert half != before
    assert fixer.resume(entry).name == "engine-away"
    assert shop.tree() == half
    shop.world.say(away=False)
    (entry,) = fixer.journal.open_entries()
    ended = fixer.resume(entry) if way == "resume" else fixer.roll_back(entry)
    assert ended.name == ("done" if way == "resume" else "rolled-back"), ended
    if way == "resume":
        assert fixer.undo(entry.id).name == "done"
    assert shop.tree() == before
    assert fixer.journal.open_entries() == ()


def test_compose_that_loses_the_engine_is_no_failed_fix(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    real = fixer.host.control.compose

    def lose(*args: Any, **kwargs: Any) -> Any:
        shop.world.say(away=True)
        result = real(*args, **kwargs)
        shop.world.say(away=False)  # systemd has started it again by the time that anybody asks
        return result

    monkeypatch.setattr(fixer.host.control, "compose", lose)
    outcome = fixer.run(prepared)

    assert outcome.name == "engine-away"
    assert "Cannot connect to the Docker daemon" in outcome.sentence
    monkeypatch.undo()
    (entry,) = fixer.journal.open_entries()
    assert fixer.resume(entry).name == "done"


def test_a_roll_back_that_loses_the_engine_is_gone_on_with(shop: Workshop) -> None:
    before = shop.tree()
    fixer = shop.fixer(never)

    outcome = fixer.run(fixer.prepare(shop.plan()), _goes_away(shop, "roll back", 6))

    assert (outcome.name, outcome.code) == ("engine-away", ExitCode.UNREACHABLE)
    assert shop.tree() == before, "the files do not wait for the Engine"
    (entry,) = fixer.journal.open_entries()
    assert f"stackops rollback {entry.id} goes on" in (outcome.remedy or "")
    shop.world.say(away=False)
    assert fixer.roll_back(entry).name == "rolled-back"
    assert "--force-recreate" in shop.world.calls[-1]
    assert shop.tree() == before
    assert fixer.journal.open_entries() == ()


def test_a_restart_that_did_not_help_is_not_done_again(shop: Workshop) -> None:
    container = shop.world.container("api")
    assert container is not None
    plan = Plan("c", "s", "t", steps=(RestartContainer(container["id"], "api"),), lock=str(shop.project), deadline=1.0)
    fixer = shop.fixer(lambda: Result("c", "s", "finding", "It is still wrong"))

    outcome = fixer.run(fixer.prepare(plan))

    assert (outcome.name, outcome.code) == ("rolled-back", ExitCode.ROLLED_BACK)
    assert [call for call in shop.world.calls if call[0] == "restart"] == [["restart", container["id"]]]
    assert any(line.startswith("Not done again, because no file was changed: Restart") for line in outcome.says)


def test_an_undo_is_not_done_while_nobody_can_say_whether_its_service_is_there(shop: Workshop) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    fixed = fixer.run(fixer.prepare(shop.plan()))
    assert fixed.name == "done"
    last = len(fixer.prepare_undo(fixed.entry or "").steps) - 1

    undone = fixer.undo(fixed.entry or "", _goes_away(shop, "step", last, "done"))

    assert (undone.name, undone.code) == ("engine-away", ExitCode.UNREACHABLE)
    (entry,) = fixer.journal.open_entries()
    assert (entry.intent.kind, entry.intent.of) == ("undo", fixed.entry)
    shop.world.say(away=False)
    assert fixer.resume(entry).name == "done"
    assert shop.tree() == before
    assert fixer.journal.get(fixed.entry or "").state == "undone"
