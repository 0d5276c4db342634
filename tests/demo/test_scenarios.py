"""Every pitfall of the practice stack is found by its real check, repaired by the real engine, and taken back again."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.checks import registry
from stackops.console.collect.collector import Collector, collect
from stackops.console.collect.source import Cadence
from stackops.console.collect.sources.wiring import TRIED
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.proving import Look
from stackops.console.judge import judge as judge_all
from stackops.console.model import Snapshot
from stackops.console.model.findings import Result
from stackops.console.practice import DemoHost, open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.practice import APART, FORMS, break_again

SETTINGS = Settings()
EVERY = [(check, form) for check, forms in {**FORMS, **APART}.items() for form in forms]
RESTART_ONLY = {
    "changed", "not-applied", "override-not-in-use", "not-restarted", "stale-values", "definition", "env-changed",
    "no-mongod", "stale-channels", "database-not-ready", "start-again", "database-down", "config-changed",
    "lost", "squeezed",
}  # fmt: skip
"""Forms whose repair changes no file."""
SOURCE_GONE = {"source-missing": "/srv/librechat/librechat.yaml"}
"""Forms in which the way back starts a service without its mount's source, of which the Engine makes a directory."""
NO_WAY_BACK = {"never-initiated", "removed"}
"""Forms whose repair cannot be taken back, and says so."""
REWRITES = {"server.wrong-key"}
"""The one check whose repair writes docker-compose.yml itself, as the README says."""
SILENT = {"container.needed"}
"""Checks that have nothing to say of a machine on which no container lies stopped."""
WORST = ("not_applicable", "ok", "unknown", "finding", "crashed")
AT_ONCE = Cadence(second_sample=0.0)


def look(host: DemoHost, on_request: Sequence[str] = (TRIED,)) -> Snapshot:
    return asyncio.run(collect(host, SETTINGS, cadence=AT_ONCE, on_request=on_request))


def judge(host: DemoHost, check: str, snapshot: Snapshot | None = None) -> Result:
    """The one finding of the check, else the worst it says of any subject."""
    results = registry.examine(snapshot or look(host), SETTINGS, only=[check])
    findings = [result for result in results if result.status == "finding"]
    assert len(findings) <= 1, findings
    return findings[0] if findings else max(results, key=lambda result: WORST.index(result.status))


def judge_again(host: DemoHost, plan: Plan) -> Look:
    """The look that proves a repair, as the console and the command take it."""
    return Look(
        plan.check, plan.subject, registry.find, lambda on_request: look(host, on_request),
        lambda snapshot, only: registry.examine(snapshot, SETTINGS, only), plan.lock,
    )  # fmt: skip


def planned(host: DemoHost, found: Result, seen: Snapshot) -> Plan:
    """Made from what was seen, unless the check needs what is only read on request."""
    check = registry.find(found.check)
    assert check is not None
    assert check.plan is not None
    plan = check.plan(found, look(host, check.needs) if check.needs else seen, SETTINGS, {})
    assert plan.says
    assert (not plan.steps) == (plan.safety == "manual")
    return plan


def repair(host: DemoHost, plan: Plan, journal: Journal, settle: float = 1.0) -> tuple[Fixer, Outcome]:
    assert plan.steps, plan.says
    plan = replace(plan, settle=settle)
    fixer = Fixer(host, journal, judge_again(host, plan))
    return fixer, fixer.run(fixer.prepare(plan))


def tree(host: DemoHost) -> dict[str, tuple[object, ...]]:
    nodes = host.world.tree
    return {
        path: (node.kind, node.mode, node.uid, node.gid, node.content)
        for path in nodes.below("/srv")
        if (node := nodes.get(path)) is not None
    }


UNPLAYED = {
    "mongo.root-user", "mongo.data-folder", "wiring.login", "container.unhealthy", "container.permission",
    "server.too-old-card", "server.shm", "data.other-release", "container.cpu", "container.dead-inside",
    "container.not-started", "librechat.env-file", "librechat.rag-api", "librechat.meilisearch",
    "librechat.azure", "compose.networks", "compose.port-conflict", "docker.disk", "postgres.connections",
    "postgres.index", "postgres.collation", "host.file-limits", "host.clock", "mysql.connections",
}  # fmt: skip
"""Not broken on the practice machine: their examples judge them, and what plays them on a real Engine, or why nothing
does, is said in NO_ENGINE_NEEDED of tests/engine/test_pitfalls.py."""
FOLLOW = {"container.crash-loop", "container.ended", "wiring.broken", "server.unreachable"}
"""What containers, arrows and servers tell of themselves when something else is broken: a trouble of no scenario's own.
That a server on another machine is gone is told where other machines may be asked."""


def test_every_check_has_a_scenario_that_tells_what_went_wrong() -> None:
    played = {**FORMS, **APART}
    assert set(played) | UNPLAYED | FOLLOW == {check.id for check in registry.ALL}
    assert not set(played) & (UNPLAYED | FOLLOW)
    assert not set(FORMS) & set(APART)
    stories = [scenario.story for forms in played.values() for scenario in forms.values()]
    assert min(len(story) for story in stories) > 60
    assert len(set(stories)) == len(stories)


def test_a_fresh_stack_has_every_finding(demo: DemoHost) -> None:
    snapshot = look(demo)
    results = registry.examine(snapshot, SETTINGS)
    troubles = [trouble.result for trouble in judge_all(snapshot, results).troubles]
    assert {(r.check, r.form) for r in troubles} == {(check, next(iter(forms))) for check, forms in FORMS.items()}
    assert {r.check for r in results if r.status == "finding" and r not in troubles} == FOLLOW
    assert all(result.evidence and result.fix for result in results if result.status == "finding")


def test_an_orderly_stack_has_none(orderly: DemoHost) -> None:
    snapshot = look(orderly)
    results = registry.examine(snapshot, SETTINGS)
    assert {r.status for r in results} <= {"ok", "not_applicable"}, results
    assert {r.check for r in results} == {check.id for check in registry.ALL}
    assert snapshot.faults == ()


@pytest.mark.parametrize(("check", "form"), EVERY)
def test_a_scenario_is_found_repaired_and_taken_back(clock: FakeClock, tmp_path: Path, check: str, form: str) -> None:
    host = open_demo(clock=clock, scenarios=())
    break_again(host, check, form)
    clock.advance(5.0)
    seen = look(host)
    found, broken = judge(host, check, seen), tree(host)
    assert (found.status, found.form) == ("finding", form)
    plan = planned(host, found, seen)
    if not plan.steps:
        return

    fixer, done = repair(host, plan, Journal(tmp_path))
    assert done.name == "done", (done.sentence, done.says)
    itself = [
        path for path, node in broken.items() if path.endswith("/docker-compose.yml") and tree(host)[path] != node
    ]
    assert bool(itself) == (check in REWRITES), itself
    assert judge(host, check).status == ("not_applicable" if check in SILENT else "ok")
    assert {c.state for c in host.world.containers()} == {"running"}

    undone = fixer.undo(done.entry or "")
    if form in RESTART_ONLY:
        assert undone.name == "refused"
        assert "nothing to take back" in undone.sentence
        return
    if form in NO_WAY_BACK:
        assert undone.name == "refused"
        assert "cannot be undone" in undone.sentence
        return
    assert undone.name == "done", (undone.sentence, undone.says)
    assert judge(host, check).status == "finding"
    if form in SOURCE_GONE:
        broken = {**broken, SOURCE_GONE[form]: ("directory", 0o755, 0, 0, b"")}
    assert tree(host) == broken


@pytest.mark.timeout(600)  # twenty seconds of a processor that others want too
def test_all_findings_go_but_those_for_people_and_the_stack_is_healthy(demo: DemoHost, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    left = set()
    for check in FORMS:
        seen = look(demo)
        found = judge(demo, check, seen)
        plan = planned(demo, found, seen)
        if not plan.steps:
            left.add(found.subject)
            continue
        assert repair(demo, plan, journal)[1].name == "done"
    assert {c.name for c in look(demo).containers if c.state != "running"} <= left
    results = registry.examine(look(demo), SETTINGS)
    found = [r for r in results if r.status not in ("ok", "not_applicable") and r.check not in FOLLOW]
    assert {r.subject for r in found} == left


def test_a_read_only_stack_shows_its_findings_and_keeps_them(tmp_path: Path, clock: FakeClock) -> None:
    host = open_demo(clock=clock, read_only=True)
    seen, before = look(host), tree(host)
    found = judge(host, "mongo.keyfile", seen)
    assert found.status == "finding"
    assert repair(host, planned(host, found, seen), Journal(tmp_path))[1].name == "refused"
    assert tree(host) == before


def test_gpu_processes_are_joined_to_the_containers_that_own_them(orderly: DemoHost) -> None:
    snapshot = look(orderly)
    names = {container.id: container.name for container in snapshot.containers}
    assert sorted(names[process.container or ""] for process in snapshot.gpu_processes) == ["m3e", "ollama", "vllm"]


def test_a_process_that_was_left_on_a_card_belongs_to_nobody(demo: DemoHost) -> None:
    (left,) = [process for process in look(demo).gpu_processes if process.container is None]
    assert left.orphan is not None


def test_services_are_recognised(demo: DemoHost) -> None:
    roles = {service.name: service.role for service in look(demo).services}
    assert roles["fastgpt"] == "fastgpt"
    assert roles["LibreChat"] == "librechat"
    assert roles["vllm"] == "model_server"
    assert roles["scratchpad-7f"] == "unknown"
    assert set(roles) == {c.name for c in demo.world.containers()}


def test_files_alone_show_the_pitfalls_that_files_can_show(demo: DemoHost) -> None:
    snapshot = asyncio.run(collect(demo, SETTINGS, project_dirs=["/srv/fastgpt"], files_only=True))
    results = registry.examine(snapshot, SETTINGS, only=["mongo.keyfile"])
    assert [(r.status, r.form) for r in results] == [("finding", "too-open")]


def test_a_collector_at_work_sees_what_an_act_changes() -> None:
    """Acts in this thread, the collector in its own: the events carry the news, not the next sweep."""
    host = open_demo()
    seen: queue.Queue[Snapshot] = queue.Queue()
    collector = Collector(host, SETTINGS, seen.put)
    collector.start_in_thread()
    try:
        states = await_state(seen, "oneapi", "running")
        assert states["mongo"] == "exited"
        host.control.stop("oneapi")
        await_state(seen, "oneapi", "exited")
        host.control.start("oneapi")
        await_state(seen, "oneapi", "running")
    finally:
        collector.stop()


def await_state(seen: queue.Queue[Snapshot], name: str, state: str) -> dict[str, str]:
    while True:
        states = {container.name: container.state for container in seen.get(timeout=60).containers}
        if states.get(name) == state:
            return dict(states)


@pytest.mark.parametrize(
    ("check", "form", "told"),
    [
        ("fastgpt.token", "unknown-key", "/srv/fastgpt/docker-compose.yml"),
        ("oneapi.channel", "doubled", "base URL http://192.0.2.10:8001"),
        ("oneapi.channel", "loopback", "the model server's service name"),
        ("fastgpt.models", "missing", "/srv/fastgpt/config.json"),
    ],
)
def test_one_line_of_its_own_is_one_trouble_and_names_its_place(
    clock: FakeClock, check: str, form: str, told: str
) -> None:
    host = open_demo(clock=clock, scenarios=())
    break_again(host, check, form)
    clock.advance(5.0)
    snapshot = look(host)
    troubles = judge_all(snapshot, registry.examine(snapshot, SETTINGS)).troubles
    (trouble,) = [each for each in troubles if each.result.severity != "info"]
    assert trouble.result.check == check
    assert any(told in line for line in planned(host, trouble.result, snapshot).says)
