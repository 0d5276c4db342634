"""A container that somebody needs and somebody stopped: started by a fix, proven, and stopped again by undo."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from stackops.checks.container.needed import CHECK
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import StartContainer, StepContext, StepFailed, StepMoved, StopContainer
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock

SETTINGS = Settings()


@pytest.fixture
def host():
    host = open_demo(clock=FakeClock(), scenarios=())
    host.build()
    host.control.stop("mysql")
    return host


def results(host):
    snapshot = asyncio.run(collect(host, SETTINGS, cadence=Cadence(second_sample=0.0)))
    return snapshot, {result.subject: result for result in CHECK.examine(snapshot, SETTINGS)}


def state(host, name: str = "mysql") -> str:
    return host.world.find(name).state


def test_what_somebody_needs_is_started_and_stopped_again_by_undo(host, tmp_path: Path) -> None:
    snapshot, found = results(host)
    assert found["mysql"].form == "stopped"
    assert "oneapi" in found["mysql"].title
    journal = Journal(tmp_path)
    fixer = Fixer(host, journal, lambda: results(host)[1].get("mysql", found["mysql"]))
    prepared = fixer.prepare(CHECK.plan(found["mysql"], snapshot, SETTINGS, {}))
    assert [step.diff for step in prepared.steps] == ["$ docker start mysql"]
    others = {each.name: each.state for each in host.world.containers() if each.name != "mysql"}

    def look():
        return results(host)[1].get("mysql") or found["mysql"].__class__(CHECK.id, "mysql", "ok", "runs")

    done = Fixer(host, journal, look).run(prepared)
    assert (done.name, state(host)) == ("done", "running"), done
    assert {each.name: each.state for each in host.world.containers() if each.name != "mysql"} == others
    again = Fixer(host, journal, look).prepare(CHECK.plan(found["mysql"], snapshot, SETTINGS, {}))
    assert again.empty, "a second time there is nothing to do"
    undone = Fixer(host, journal, look).undo(done.entry)
    assert (undone.name, state(host)) == ("done", "exited"), undone


def test_one_that_is_gone_is_told_and_nothing_is_done(host) -> None:
    bench = StepContext(host)
    with pytest.raises(StepMoved):
        StartContainer("0" * 64, "gone").prepare(bench)
    with pytest.raises(StepMoved):
        StopContainer("0" * 64, "gone").prepare(bench)
    assert StartContainer("0" * 64, "gone").state(bench) == "moved"


class _Careless(StartContainer, frozen=True):
    """A step that acts on the Engine and does not say so."""

    is_service_step = False


def test_a_preview_never_acts_on_a_container(host, tmp_path: Path) -> None:
    step = _Careless(host.world.find("mysql").id, "mysql")
    with pytest.raises(StepFailed):
        Fixer(host, Journal(tmp_path), lambda: None).prepare(Plan("x.y", "mysql", "t", steps=(step,)))
    assert state(host) == "exited"
