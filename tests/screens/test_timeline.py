"""The timeline: what is told of events, states and the journal, and the way there by keys."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from stackops.console.model import Container, EngineEvent, Health, HealthProbe, Snapshot
from stackops.console.paths import Memory
from stackops.console.report.timeline import Moment, TroubleChange, moments, summed
from stackops.screens.app import LAST_HERE
from stackops.screens.render.timeline import rows
from support import entries, stage
from support.pilots import console

NOW = stage.NOW
ID = "a" * 64


def event(before: float, action: str, container: str = ID, **more: object) -> EngineEvent:
    """So many seconds ago."""
    named = {"name": "mysql", "project": "fastgpt", "service": "mysql", "image": "mysql:8.0.36"} | more
    return EngineEvent(NOW - before, action, container, **named)  # type: ignore[arg-type]


def told(events: Sequence[EngineEvent], *containers: Container) -> list[tuple[str, str]]:
    snapshot = replace(stage.empty(), events=tuple(events), containers=containers)
    return [(each.kind, each.words) for each in moments(snapshot)]


def test_a_death_says_its_code_and_what_it_means() -> None:
    (found,) = moments(replace(stage.empty(), events=(event(60, "die", exit_code=139),)))
    assert (found.kind, found.subject, found.words) == ("death", "fastgpt/mysql", "ended with exit code 139")
    assert "SIGSEGV" in found.reason


def test_an_end_that_somebody_asked_for_is_no_death() -> None:
    stop = (event(61, "kill", signal="15"), event(60, "die", exit_code=143), event(60, "stop"))
    assert told(stop) == [("stop", "stopped by somebody")]
    slow = (event(71, "kill", signal="15"), event(61, "kill", signal="9"), event(60, "die", exit_code=137))
    assert told(slow) == [("stop", "stopped by somebody, killed: it did not end in time")]
    long_after = (event(600, "kill", signal="1"), event(60, "die", exit_code=1))
    assert told(long_after) == [("death", "ended with exit code 1")]


def test_a_death_after_an_oom_event_names_the_memory() -> None:
    newest, oldest = moments(replace(stage.empty(), events=(event(61, "oom"), event(60, "die", exit_code=137))))
    assert (oldest.kind, newest.kind) == ("oom", "death")
    assert "memory" in newest.reason


def test_a_crash_loop_is_one_line_with_its_count() -> None:
    loop = [each for n in range(5) for each in (event(500 - n * 60, "start"), event(490 - n * 60, "die", exit_code=1))]
    found = moments(replace(stage.empty(), events=tuple(loop)))
    assert [(each.words, each.count) for each in found] == [("ended with exit code 1", 5)]
    other = (event(300, "die", exit_code=2), event(60, "die", exit_code=1))
    assert len(told(other)) == 2, "two causes are two lines"


def test_health_is_told_when_it_flips_and_not_at_each_run() -> None:
    flips = [event(300, "health_status: healthy"), event(200, "health_status: unhealthy"),
             event(190, "health_status: unhealthy"), event(80, "health_status: healthy")]  # fmt: skip
    assert told(flips) == [("well", "healthy again"), ("health", "unhealthy")]


def test_another_image_of_one_service_is_told_with_the_one_before() -> None:
    new = "b" * 64
    events = (event(900, "start"), event(60, "create", new, image="mysql:8.4"), event(59, "die", exit_code=0),
              event(58, "destroy"), event(57, "start", new, image="mysql:8.4"))  # fmt: skip
    words = [each for each in told(events) if each[0] in {"image", "gone"}]
    assert words == [("image", "image changed to mysql:8.4")]
    assert ("start", "recreated and started") in told(events)


def test_what_happens_three_times_alike_is_one_line_with_its_count() -> None:
    events = []
    for number, ident in enumerate("bcd"):
        at = 300 - 60 * number
        events += [event(at, "create", ident * 64), event(at - 1, "die", "abc"[number] * 64, exit_code=0),
                   event(at - 2, "destroy", "abc"[number] * 64), event(at - 3, "start", ident * 64)]  # fmt: skip
    found = moments(replace(stage.empty(), events=(event(900, "start"), *events)))
    assert [(each.words, each.count) for each in found[:1]] == [("recreated and started", 3)]
    assert found[0].at == NOW - 177, "the newest of them"
    ended = event(200, "start", exit_code=None), event(100, "pause"), event(90, "unpause"), event(80, "pause")
    assert [each.count for each in moments(replace(stage.empty(), events=ended))] == [1, 1, 1, 1]


def test_a_removed_container_is_told_and_a_replaced_one_is_not() -> None:
    assert told((event(60, "destroy"),)) == [("gone", "container removed")]


@pytest.mark.parametrize("heard", [True, False])
def test_what_the_buffer_has_forgotten_is_told_by_the_container(heard: bool) -> None:
    gone = replace(stage.RAG, started_at=NOW - 4000, finished_at=NOW - 600)
    events = (event(600, "die", gone.id, exit_code=137),) if heard else ()
    found = [
        each for each in moments(replace(stage.empty(), events=events, containers=(gone,))) if each.kind == "death"
    ]
    assert len(found) == 1
    assert "137" in found[0].words


def test_of_a_running_container_no_exit_code_is_made_up() -> None:
    again = replace(
        stage.RAG, state="running", exit_code=0, oom_killed=False, started_at=NOW - 60, finished_at=NOW - 90
    )
    found = moments(replace(stage.empty(), containers=(again,)))
    assert [each.words for each in found] == ["started", "ended"]
    assert "no longer tells" in found[1].reason


def test_an_unhealthy_container_without_an_event_says_since_when() -> None:
    probes = tuple(HealthProbe(NOW - at, 1, "refused") for at in (90, 60))
    ill = replace(stage.FASTGPT, health=Health("unhealthy", 7, probes), started_at=None)
    (found,) = moments(replace(stage.empty(), containers=(ill,)))
    assert (found.at, found.kind) == (NOW - 90, "health")
    assert "7 times" in found.reason


def test_troubles_and_fixes_stand_in_their_order(tmp_path) -> None:
    (entry,) = entries.interrupted(tmp_path).entries()
    changes = (
        TroubleChange(NOW, came=True, result=stage.FINDINGS[0]),
        TroubleChange(NOW + 1, came=False, result=stage.FINDINGS[0]),
    )
    found = moments(stage.empty(), [entry], changes)
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    assert sorted(each.kind for each in found) == ["fix", "over", "trouble"]
    assert any(each.words.startswith("No longer a trouble:") for each in found)
    assert any(each.entry == entry.id for each in found)


def test_the_sum_counts_each_death_of_a_loop() -> None:
    loop = Moment(NOW, "death", "a", "ended with exit code 1", count=14)
    assert summed((loop, Moment(NOW, "oom", "b", "ran out of memory"))) == "14 deaths, 1 time out of memory"
    assert summed((Moment(NOW, "start", "a", "started"),)) == ""


def test_a_heading_parts_what_is_new_from_the_rest() -> None:
    both = (Moment(NOW - 60, "death", "a", "ended"), Moment(NOW - 9000, "start", "a", "started"))
    assert [row.heading is not None for row in rows(both, NOW - 3600, NOW)] == [True, False, True, False]
    assert [row.heading is not None for row in rows(both, 0.0, NOW)] == [False, False]


# By keys


def night() -> Snapshot:
    events = (event(7000, "start"), event(600, "die", stage.ONEAPI.id, exit_code=137, name="oneapi", service="oneapi"))
    return replace(stage.full(), events=events)


async def test_the_first_look_says_what_happened_since_and_e_shows_it(tmp_path) -> None:
    memory = Memory(tmp_path)
    memory.keep(LAST_HERE, f"{NOW - 3600:.0f}")
    desk = replace_memory(stage.desk(night(), stage.RESULTS), memory)
    async with console(desk, (110, 40)) as running:
        assert "Since you were last here, 1h ago:" in running.text
        shown = await running.press("e")
        assert "ended with exit code 137" in shown
        assert shown.index("Since you were last here") < shown.index("ended with exit code 137")
        await running.press("escape")
        assert running.app.screen.PLACE == "overview"
    assert float(memory.get(LAST_HERE)) > NOW, "the end of this visit is kept"


async def test_without_a_last_time_nothing_is_said_of_it() -> None:
    async with console(stage.desk(night(), stage.RESULTS), (110, 40)) as running:
        assert "last here" not in running.text


async def test_enter_opens_the_container_that_the_line_is_about() -> None:
    async with console(stage.desk(night(), stage.RESULTS), (110, 40)) as running:
        await running.press("e", "g")
        while running.app.screen.selected().container != stage.ONEAPI.id:
            await running.press("j")
        await running.press("enter")
        assert running.app.screen.PLACE == "container"


async def test_an_empty_timeline_and_a_hostile_one() -> None:
    async with console(stage.desk(stage.empty())) as running:
        assert "Nothing has happened" in await running.press("e")
    evil = replace(stage.empty(), events=(event(60, "die", name="[/x]\x1b[31m", project=None, exit_code=1),))
    async with console(stage.desk(evil)) as running:
        assert "[/x]" in await running.press("e")


def replace_memory(desk, memory: Memory):
    import dataclasses

    return dataclasses.replace(desk, memory=memory)
