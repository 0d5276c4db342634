"""SIGKILL while a real Engine is stopping a service that takes its time: afterwards there is one container, running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.exit_codes import ExitCode
from support.busybox import busybox
from support.slow_stop import SlowStop

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def image() -> Iterator[None]:
    with busybox("slow-stop"):
        yield


@pytest.fixture
def service(image: None, tmp_path: Path) -> Iterator[SlowStop]:
    made = SlowStop(tmp_path)
    made.up()
    yield made
    made.down()


def whole(service: SlowStop, *, fixed: bool) -> None:
    """What docker says: one container of the service, under its own name, running, with the mounts of its files."""
    assert service.standing() == [("NAME-api", "running", fixed)]
    assert service.override.exists() is fixed
    assert service.journal.open_entries() == ()


ALL_OF_IT = pytest.mark.parametrize("all_of_it", [False, True], ids=["console", "console and compose"])
WAYS = pytest.mark.parametrize("way", ["resume", "roll_back"])


@ALL_OF_IT
@WAYS
def test_a_recreate_killed_at_the_stop_is_finished_and_taken_back(service: SlowStop, way: str, all_of_it: bool) -> None:
    service.killed_at_stop("recreate", "run", all_of_it=all_of_it)
    outcome = service.act("recreate", way)
    assert outcome.name == ("done" if way == "resume" else "rolled-back"), outcome
    whole(service, fixed=way == "resume")


@ALL_OF_IT
@WAYS
def test_a_roll_back_killed_at_its_stop_is_finished(service: SlowStop, way: str, all_of_it: bool) -> None:
    service.killed_at_stop("recreate", "run", "never", stops=2, all_of_it=all_of_it)
    outcome = service.act("recreate", way)
    assert outcome.name == "rolled-back", outcome
    whole(service, fixed=False)


@ALL_OF_IT
@WAYS
def test_an_undo_killed_at_its_stop_is_finished_and_taken_back(service: SlowStop, way: str, all_of_it: bool) -> None:
    assert service.act("recreate", "run").name == "done"
    service.killed_at_stop("recreate", "undo", all_of_it=all_of_it)
    outcome = service.act("recreate", way)
    assert outcome.name == ("done" if way == "resume" else "rolled-back"), outcome
    whole(service, fixed=way == "roll_back")


@WAYS
@pytest.mark.parametrize("stops", [1, 2], ids=["forward", "back"])
def test_a_restart_killed_at_the_stop_is_finished_and_taken_back(service: SlowStop, way: str, stops: int) -> None:
    before = service.containers()[0]
    service.killed_at_stop("restart", "run", "look" if stops == 1 else "never", stops=stops)
    outcome = service.act("restart", way)
    forward = way == "resume" and stops == 1
    assert outcome.name == ("done" if forward else "rolled-back"), outcome
    whole(service, fixed=False)
    after = service.containers()[0]
    assert (after["Id"], after["Mounts"]) == (before["Id"], before["Mounts"])
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"]
    assert service.key.stat().st_mode & 0o777 == (0o400 if forward else 0o644)


def test_a_compose_that_is_killed_alone_is_taken_back_at_once(service: SlowStop) -> None:
    with service.stop_signals() as signals, service.acting("recreate", "run") as process:
        signals.wait(1)
        for program in process.children(recursive=True):
            program.kill()
        assert process.wait() == ExitCode.ROLLED_BACK
    whole(service, fixed=False)
