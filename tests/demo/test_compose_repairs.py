"""Repairs of what the files say wrongly, on the practice machine: found, repaired, taken back, and repaired again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.checks import registry
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.proving import Look
from stackops.console.model import Snapshot
from stackops.console.model.findings import Result
from stackops.console.practice import DemoHost, files, open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock

SETTINGS = Settings()
BREAKS = {
    "fastgpt.base-url": (files.FASTGPT, "oneapi:3000/v1", "oneapi:3000", ("up", "-d", "--no-deps", "fastgpt")),
    "librechat.env": (files.LIBRECHAT, "HOST=0.0.0.0", "HOST=localhost", ("up", "-d", "--no-deps", "api")),
    "compose.drift": (files.FASTGPT, "THEME=default", "THEME=air", ("restart", "oneapi")),
}
"""By check: the folder, what stood in its compose file, what somebody wrote, and what they did then."""


def look(host: DemoHost) -> Snapshot:
    return asyncio.run(collect(host, SETTINGS, cadence=Cadence(second_sample=0.0)))


def found(host: DemoHost, check: str) -> list[Result]:
    return [one for one in registry.examine(look(host), SETTINGS, only=[check]) if one.status == "finding"]


def repair(host: DemoHost, result: Result, journal: Journal) -> tuple[Fixer, Outcome]:
    check = registry.find(result.check)
    assert check is not None
    plan = replace(check.plan(result, look(host), SETTINGS, {}), settle=1.0)
    assert plan.steps
    proof = Look(
        plan.check, plan.subject, registry.find, lambda _on_request: look(host),
        lambda snapshot, only: registry.examine(snapshot, SETTINGS, only), plan.lock,
    )  # fmt: skip
    fixer = Fixer(host, journal, proof)
    return fixer, fixer.run(fixer.prepare(plan))


@pytest.mark.parametrize("check", BREAKS)
def test_it_is_found_repaired_taken_back_and_repaired_again(check: str, clock: FakeClock, tmp_path: Path) -> None:
    host = open_demo(clock=clock, scenarios=())
    folder, old, new, act = BREAKS[check]
    assert found(host, check) == []
    clock.advance(60.0)
    with host.world.lock:
        host.hands.edit(f"{folder}/docker-compose.yml", old, new)
        host.hands.compose(folder, *act)
    clock.advance(5.0)
    (result,) = found(host, check)
    fixer, done = repair(host, result, Journal(tmp_path))
    assert done.name == "done", (done.sentence, done.says)
    assert found(host, check) == []
    undone = fixer.undo(done.entry or "")
    if check == "compose.drift":  # no file was changed
        assert undone.name == "refused"
        return
    assert undone.name == "done", (undone.sentence, undone.says)
    (again,) = found(host, check)
    assert repair(host, again, Journal(tmp_path))[1].name == "done"
    assert found(host, check) == []
