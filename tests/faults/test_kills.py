"""F1, F2, F6: SIGKILL at every named instant of a fix; then both ways out lead to a whole state, byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stackops.console.fix.acts.content import differences
from stackops.console.hosts.local.files import LocalFiles
from support.forks import Forks
from support.workshop import Workshop

STEPS = range(1, 8)
FORWARD = [
    "after_backup", *(f"before_step:{n}" for n in STEPS), *(f"after_step:{n}" for n in STEPS),
    *(f"{at}:{n}" for n in (1, 2, 3, 4) for at in ("before_fsync", "before_rename", "after_rename")),
    "before_restart", "before_verify",
]  # fmt: skip
BACKWARD = [*(f"in_rollback:{n}" for n in STEPS), "before_restart:2", "after_rename:5", "after_rename:6"]
UNDO = ["after_backup", *(f"before_step:{n}" for n in STEPS), *(f"after_step:{n}" for n in STEPS), "before_rename:1"]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as server:
        yield server


def _untidy(shop: Workshop) -> list[str]:
    return [p.name for p in shop.project.iterdir() if p.name.endswith(".so-tmp")]


def _check_all_after(shop: Workshop) -> None:
    (entry,) = (e for e in shop.fixer().journal.entries() if e.kind == "fix")
    assert differences(LocalFiles(), entry.intent.will) == ()
    container = shop.world.container("api")
    assert container is not None
    assert int(container["id"], 16) > 1
    assert container["files"] == [shop.compose, shop.override]


def _check_whole_files(shop: Workshop, before: dict[str, Any]) -> None:
    """At every instant each file is as before or as after: never torn, whatever else is done."""
    (entry,) = (e for e in shop.fixer().journal.entries() if e.kind == "fix")
    known = entry.blob_names()
    for path in shop.project.iterdir():
        if path.is_file() and not path.name.endswith(".so-tmp"):
            unchanged = before.get(path.name, (None,) * 5)[4] == path.read_bytes()
            assert unchanged or LocalFiles().stat(str(path), digest=True).sha256 in known, path


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("point", FORWARD)
def test_a_fix_killed_anywhere_can_be_finished_and_can_be_taken_back(
    forks: Forks, tmp_path: Path, point: str, way: str
) -> None:
    shop = Workshop(tmp_path)
    before = shop.tree()

    assert forks.run("run", tmp_path, point=point) == -signal.SIGKILL

    _check_whole_files(shop, before)
    fixer = shop.fixer()
    (entry,) = fixer.journal.open_entries()
    outcome = fixer.resume(entry) if way == "resume" else fixer.roll_back(entry)
    if way == "resume":
        assert outcome.name == "done", outcome
        _check_all_after(shop)
        assert fixer.undo(entry.id).name == "done"
    else:
        assert outcome.name == "rolled-back", outcome
    assert shop.tree() == before
    assert _untidy(shop) == []
    assert fixer.journal.open_entries() == ()


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("point", BACKWARD)
def test_a_roll_back_killed_anywhere_is_finished_by_either_way(
    forks: Forks, tmp_path: Path, point: str, way: str
) -> None:
    shop = Workshop(tmp_path)
    before = shop.tree()

    assert forks.run("run", tmp_path, point=point, look="never") == -signal.SIGKILL

    _check_whole_files(shop, before)
    fixer = shop.fixer()
    (entry,) = fixer.journal.open_entries()
    outcome = fixer.resume(entry) if way == "resume" else fixer.roll_back(entry)
    assert outcome.name == "rolled-back", outcome
    assert shop.tree() == before
    assert _untidy(shop) == []


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("point", UNDO)
def test_an_undo_killed_anywhere_can_be_finished_and_can_be_taken_back(
    forks: Forks, tmp_path: Path, point: str, way: str
) -> None:
    shop = Workshop(tmp_path)
    before = shop.tree()
    assert forks.run("run", tmp_path) == 0
    after = shop.tree()

    assert forks.run("undo", tmp_path, point=point) == -signal.SIGKILL

    fixer = shop.fixer()
    (entry,) = fixer.journal.open_entries()
    outcome = fixer.resume(entry) if way == "resume" else fixer.roll_back(entry)
    assert outcome.name == ("done" if way == "resume" else "rolled-back"), outcome
    assert shop.tree() == (before if way == "resume" else after)
    states = {e.kind: e.state for e in fixer.journal.entries()}
    assert states["fix"] == ("undone" if way == "resume" else "done")


BEGUN = ("after_backup", "before_step", "before_restart", "after_step", "before_verify")


def _stopped(base: Path) -> Workshop:
    shop = Workshop(base)
    shop.world.set("api", state="exited")
    return shop


def _verbs_and_state(shop: Workshop) -> tuple[list[str], str]:
    container = shop.world.container("api")
    assert container is not None
    return [call[0] for call in shop.world.calls], container["state"]


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("point", BEGUN)
def test_a_start_killed_anywhere_can_be_finished_and_can_be_taken_back(
    forks: Forks, tmp_path: Path, point: str, way: str
) -> None:
    shop = _stopped(tmp_path)
    assert forks.run("run", tmp_path, point=point, look="runs", plan="start") == -signal.SIGKILL

    assert forks.run(way, tmp_path, look="runs") == (0 if way == "resume" else 4)

    started = way == "resume" or point in ("after_step", "before_verify")
    verbs = ["start", "stop"] if started and way == "roll_back" else ["start"] * started
    assert _verbs_and_state(shop) == (verbs, "running" if way == "resume" else "exited")
    assert shop.fixer().journal.open_entries() == ()


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("point", ["in_rollback", "before_restart:2"])
def test_the_stop_that_takes_a_start_back_killed_anywhere_is_finished(
    forks: Forks, tmp_path: Path, point: str, way: str
) -> None:
    shop = _stopped(tmp_path)
    assert forks.run("run", tmp_path, point=point, look="never", plan="start") == -signal.SIGKILL

    assert forks.run(way, tmp_path, look="never") == 4

    assert _verbs_and_state(shop) == (["start", "stop"], "exited")
    assert shop.fixer().journal.open_entries() == ()


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("point", BEGUN)
def test_the_undo_of_a_start_killed_anywhere_can_be_finished_and_can_be_taken_back(
    forks: Forks, tmp_path: Path, point: str, way: str
) -> None:
    shop = _stopped(tmp_path)
    assert forks.run("run", tmp_path, look="runs", plan="start") == 0
    assert forks.run("undo", tmp_path, point=point, look="runs") == -signal.SIGKILL

    assert forks.run(way, tmp_path, look="runs") == (0 if way == "resume" else 4)

    stopped = way == "resume" or point in ("after_step", "before_verify")
    verbs = ["stop", "start"] if stopped and way == "roll_back" else ["stop"] * stopped
    assert _verbs_and_state(shop) == (["start", *verbs], "exited" if way == "resume" else "running")
    assert {e.kind: e.state for e in shop.fixer().journal.entries()} == {
        "fix": "undone" if way == "resume" else "done", "undo": "done" if way == "resume" else "rolled-back",
    }  # fmt: skip


def test_killed_again_and_again_it_still_ends_whole(forks: Forks, tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    before = shop.tree()
    assert forks.run("run", tmp_path, point="before_step:2") == -signal.SIGKILL
    for point in ("after_rename", "after_step:2", "before_step:1", "before_restart", "before_verify"):
        assert forks.run("resume", tmp_path, point=point) == -signal.SIGKILL
    assert forks.run("roll_back", tmp_path, point="in_rollback:3") == -signal.SIGKILL
    assert forks.run("resume", tmp_path) == 4  # rolling back had begun: there is no way forward any more

    assert shop.tree() == before
    assert shop.fixer().journal.open_entries() == ()


def test_killed_at_random_moments_no_file_is_ever_torn(tmp_path: Path) -> None:
    """A real process each, so that the kill may come anywhere, in the midst of a system call too."""
    code = (
        "import sys; from pathlib import Path; from support.workshop import Workshop\n"
        "shop = Workshop(Path(sys.argv[1])); fixer = shop.fixer(); plan = fixer.prepare(shop.plan())\n"
        "print('ready', flush=True); fixer.run(plan)"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    chance = random.Random(7)
    for turn in range(12):
        shop = Workshop(tmp_path / str(turn))
        before = shop.tree()
        process = subprocess.Popen([sys.executable, "-c", code, str(shop.base)], stdout=subprocess.PIPE, env=env)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.wait()
        process.stdout.close()
        fixer = shop.fixer()
        for entry in fixer.journal.open_entries():
            _check_whole_files(shop, before)
            assert (fixer.resume(entry) if turn % 2 else fixer.roll_back(entry)).name in ("done", "rolled-back")
        done = [e for e in fixer.journal.entries() if e.state == "done"]
        assert shop.tree() == before or done
        for entry in done:
            _check_all_after(shop)
            assert fixer.undo(entry.id).name == "done"
        assert shop.tree() == before
        assert _untidy(shop) == []
