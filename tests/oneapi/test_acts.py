"""Waiting and proving, run by the real engine on the practice stack: countdown, stop, time over, tokens, read-only."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from stackops.checks.oneapi.restart import CHECK
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.running import Progress
from stackops.console.fix.steps import StepMoved
from stackops.console.hosts import ReadOnlyRefused
from stackops.console.hosts.local.http import LocalHttpActs
from stackops.console.model import Snapshot
from stackops.console.model.findings import Result
from stackops.console.practice import DemoHost, open_demo
from stackops.console.practice import files as stacks
from stackops.console.practice.apps import FIRST_START
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.oneapi_server import one_api
from support.practice import break_again

SETTINGS = Settings()


class Desk:
    """The practice stack with one thing wrong, and a hand to repair it."""

    def __init__(self, folder: Path, form: str) -> None:
        self.clock = FakeClock()
        self.host: DemoHost = open_demo(clock=self.clock, scenarios=())
        break_again(self.host, "oneapi.restart", form)
        self.clock.advance(5.0)
        self.journal = Journal(folder)
        self.fixer = Fixer(self.host, self.journal, self.judge)
        self.told: list[Progress] = []
        self.stop = threading.Event()

    def look(self) -> Snapshot:
        return asyncio.run(collect(self.host, SETTINGS, cadence=Cadence(second_sample=0.0)))

    def judge(self) -> Result:
        return next(result for result in CHECK.examine(self.look(), SETTINGS) if result.subject == "oneapi")

    def run(self, **answers: str) -> Outcome:
        plan = CHECK.plan(self.judge(), self.look(), SETTINGS, answers)
        return self.fixer.run(self.fixer.prepare(plan, answers), self.told.append, self.stop)

    def log(self) -> str:
        return "\n".join(line.text for line in self.host.world.find("oneapi").log)


def test_it_waits_with_a_countdown_until_one_api_stays_up_and_changes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "database-not-ready")
    assert desk.judge().severity == "info"
    case = next(each for each in CHECK.find(desk.look(), SETTINGS) if each.subject == "oneapi")
    assert 0 < case.facts.left < 200
    assert case.facts.until == pytest.approx(desk.clock.now() + case.facts.left, abs=1)
    before = desk.clock.monotonic()
    outcome = desk.run()
    assert outcome.name == "done", (outcome.sentence, outcome.says)
    assert FIRST_START - 10 < desk.clock.monotonic() - before < 120
    counted = [p.detail for p in desk.told if p.phase == "step" and p.state == "running" and "left" in p.detail]
    assert len(counted) > 20
    assert len(set(counted)) == len(counted), "each second says how long it may still take"
    assert "nothing to take back" in desk.fixer.undo(outcome.entry or "").sentence


def test_when_time_is_over_it_says_so_and_has_nothing_to_take_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "database-not-ready")
    desk.host.control.stop("mysql")
    restarts = desk.host.world.find("oneapi").restart_count
    plan = CHECK.plan  # made while MySQL was still starting
    desk.host.control.start("mysql")
    made = plan(desk.judge(), desk.look(), SETTINGS, {})
    prepared = desk.fixer.prepare(made)
    desk.host.control.stop("mysql")
    outcome = desk.fixer.run(prepared, desk.told.append)
    assert outcome.name == "rolled-back"
    assert "has not come up within" in outcome.sentence
    assert outcome.says == ("Everything is as it was before",)
    assert desk.host.world.find("oneapi").restart_count > restarts, "Docker went on, stackops did nothing"


def test_a_wait_can_be_stopped_at_any_second(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "database-not-ready")
    slept = desk.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        if len(desk.clock.slept) == 5:
            desk.stop.set()

    desk.clock.sleep = sleep  # type: ignore[method-assign]
    outcome = desk.run()
    assert outcome.name == "stopped"
    assert "nothing was changed" in outcome.sentence
    assert len(desk.clock.slept) == 5
    assert not desk.journal.open_entries()


def test_the_restart_is_proven_by_the_new_start_and_by_nothing_that_costs(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "stale-channels")
    old = desk.look().oneapis[0].start_time
    outcome = desk.run()
    assert outcome.name == "done"
    assert (desk.look().oneapis[0].start_time or 0) > (old or 0)
    after = desk.log().rpartition("One API v0.6.8 started")[2]
    assert "/v1/embeddings" not in after


def test_asked_for_it_sends_one_real_request_with_fastgpts_key(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "stale-channels")
    outcome = desk.run(prove="yes")
    assert outcome.name == "done", (outcome.sentence, outcome.says)
    after = desk.log().rpartition("One API v0.6.8 started")[2]
    assert after.count("POST /v1/embeddings") == 1
    assert "| 200 |" in after
    written = "".join(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*.json*"))
    assert "CHAT_API_KEY" in written
    assert "sk-fastgpt" not in written


def test_a_request_that_fails_is_told_with_one_apis_own_words(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "stale-channels")
    plan = CHECK.plan
    made = plan(desk.judge(), desk.look(), SETTINGS, {"prove": "yes"})
    exact = desk.fixer.prepare(made, {"prove": "yes"})
    stacks.channels(desk.host.world.tree, stacks.FASTGPT, "[]")
    outcome = desk.fixer.run(exact)
    assert outcome.name == "rolled-back"
    assert "503" in outcome.sentence
    assert "无可用渠道" in outcome.sentence


def test_a_plan_for_a_finding_that_became_another_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "database-not-ready")
    plan = CHECK.plan
    made = plan(desk.judge(), desk.look(), SETTINGS, {})
    desk.host.control.stop("mysql")
    with pytest.raises(StepMoved, match="another finding by now"):
        desk.fixer.prepare(made)


def test_the_preview_shows_the_request_and_not_the_key(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "stale-channels")
    plan = CHECK.plan
    assert [q.default for q in plan(desk.judge(), desk.look(), SETTINGS, {}).questions] == ["no"]
    made = plan(desk.judge(), desk.look(), SETTINGS, {"prove": "yes"})
    before = desk.log()
    diffs = "\n".join(row.diff for row in desk.fixer.prepare(made, {"prove": "yes"}).steps)
    assert "POST http://127.0.0.1:3001/v1/embeddings" in diffs
    assert "sk-fastgpt" not in diffs
    assert desk.log() == before, "a preview sends nothing"


def test_read_only_sends_nothing() -> None:
    host = open_demo(clock=FakeClock(), read_only=True)
    with pytest.raises(ReadOnlyRefused):
        asyncio.run(host.http_acts.post("http://127.0.0.1:3001/v1/embeddings", {}))


def test_a_post_over_a_socket_carries_key_and_body() -> None:
    with one_api() as gateway:
        gateway.add_channel("m3e")
        gateway.sync()
        url, body = f"{gateway.url}/v1/embeddings", {"model": "m3e", "input": ["x"]}
        acts = LocalHttpActs(read_only=False)
        reply = asyncio.run(acts.post(url, body, headers={"Authorization": "Bearer sk-fastgpt"}))
        assert (reply.status, json.loads(reply.body)["model"]) == (200, "m3e")
        assert asyncio.run(acts.post(url, body)).status == 401
