"""dockerd itself is killed in the midst of a fix, and comes back: the fix goes on or back, and leaves one container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.exit_codes import ExitCode
from support.busybox import busybox
from support.second_engine import CannotStart, SecondEngine
from support.slow_stop import SlowStop

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def engine() -> Iterator[SecondEngine]:
    try:
        with SecondEngine() as made, pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", made.url)
            with busybox("slow-stop"):
                yield made
    except CannotStart as error:
        pytest.skip(str(error))


@pytest.fixture
def service(engine: SecondEngine, tmp_path: Path) -> Iterator[SlowStop]:
    made = SlowStop(tmp_path)
    made.up()
    yield made
    engine.start()
    made.down()


def lose_the_engine(
    engine: SecondEngine, service: SlowStop, kind: str, look: str, stops: int, *, gently: bool = False
) -> None:
    """End dockerd while it stops the service for a fix; that one ends by itself, and says so by its exit code."""
    with service.stop_signals() as signals, service.acting(kind, "run", look) as process:
        signals.wait(stops)
        (engine.stop if gently else engine.kill)()
        assert process.wait() == ExitCode.UNREACHABLE


@pytest.mark.parametrize("way", ["resume", "roll_back"])
@pytest.mark.parametrize("stops", [1, 2], ids=["forward", "back"])
def test_a_recreate_goes_on_or_back_when_dockerd_is_there_again(
    engine: SecondEngine, service: SlowStop, way: str, stops: int
) -> None:
    lose_the_engine(engine, service, "recreate", "look" if stops == 1 else "never", stops)
    still_away = service.act("recreate", way)
    assert (still_away.name, still_away.code) == ("engine-away", ExitCode.UNREACHABLE)

    engine.start()
    assert "created" in {state for _, state, _ in service.standing()}, "Compose had made the new container"
    outcome = service.act("recreate", way)

    forward = way == "resume" and stops == 1
    assert outcome.name == ("done" if forward else "rolled-back"), outcome
    assert any("which Compose had made and not started" in line for line in outcome.says), outcome
    assert service.standing() == [("NAME-api", "running", forward)]
    assert service.override.exists() is forward
    assert service.journal.open_entries() == ()


@pytest.mark.parametrize("way", ["resume", "roll_back"])
def test_a_restart_goes_on_or_back_when_dockerd_is_there_again(
    engine: SecondEngine, service: SlowStop, way: str
) -> None:
    before = service.containers()[0]["Id"]
    lose_the_engine(engine, service, "restart", "look", 1)

    engine.start()
    outcome = service.act("restart", way)

    assert outcome.name == ("done" if way == "resume" else "rolled-back"), outcome
    assert service.standing() == [("NAME-api", "running", False)]
    assert service.containers()[0]["Id"] == before
    assert service.key.stat().st_mode & 0o777 == (0o400 if way == "resume" else 0o644)


@pytest.mark.parametrize("way", ["resume", "roll_back"])
def test_a_recreate_goes_on_or_back_after_dockerd_was_stopped_by_its_unit(
    engine: SecondEngine, service: SlowStop, way: str
) -> None:
    """What is left when dockerd stops its containers itself differs from one time to the next; the end does not."""
    lose_the_engine(engine, service, "recreate", "look", 1, gently=True)

    engine.start()
    outcome = service.act("recreate", way)

    assert outcome.name == ("done" if way == "resume" else "rolled-back"), outcome
    assert service.standing() == [("NAME-api", "running", way == "resume")]
    assert service.journal.open_entries() == ()
