"""Every pitfall of the practice stack is found by its real check, repaired by the real engine, and taken back again."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.checks import registry
from stackops.console.collect import Collector, collect
from stackops.console.collecting.cadence import Cadence
from stackops.console.findings import Result
from stackops.console.fixing import Fixer, Outcome
from stackops.console.hosts import HostError
from stackops.console.hosts.demo import open_demo
from stackops.console.hosts.demo.host import DemoHost
from stackops.console.hosts.demo.scenario import table
from stackops.console.journal import Journal
from stackops.console.model import Snapshot
from stackops.console.settings import Settings
from support.clock import FakeClock

SETTINGS = Settings()
FORMS = [(check, form) for check, forms in table().items() for form in forms]
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
WORST = ("not_applicable", "ok", "unknown", "finding", "crashed")
AT_ONCE = Cadence(second_sample=0.0)


def look(host: DemoHost, on_request: Sequence[str] = ()) -> Snapshot:
    return asyncio.run(collect(host, SETTINGS, cadence=AT_ONCE, on_request=on_request))


def judge(host: DemoHost, check: str) -> Result:
    """The one finding of the check, else the worst it says of any subject."""
    results = registry.examine(look(host), SETTINGS, only=[check])
    findings = [result for result in results if result.status == "finding"]
    assert len(findings) <= 1, findings
    return findings[0] if findings else max(results, key=lambda result: WORST.index(result.status))


def judge_again(host: DemoHost, found: Result) -> Result:
    """What the check says of the same subject now."""
    results = registry.examine(look(host), SETTINGS, only=[found.check])
    return next((result for result in results if result.subject == found.subject), results[0])


def by_hand(host: DemoHost, found: Result) -> bool:
    """Whether the repair is only explained."""
    check = registry.find(found.check)
    assert check is not None
    assert check.plan is not None
    plan = check.plan(found, look(host, check.needs), SETTINGS, {})
    assert plan.says
    assert (not plan.steps) == (plan.safety == "manual")
    return not plan.steps


def repair(host: DemoHost, found: Result, journal: Journal, settle: float = 1.0) -> tuple[Fixer, Outcome]:
    check = registry.find(found.check)
    assert check is not None
    assert check.plan is not None
    plan = check.plan(found, look(host, check.needs), SETTINGS, {})
    assert plan.steps, plan.says
    plan = replace(plan, settle=settle)
    fixer = Fixer(host, journal, lambda: judge_again(host, found))
    return fixer, fixer.run(fixer.prepare(plan))


def tree(host: DemoHost) -> dict[str, tuple[object, ...]]:
    nodes = host.world.tree
    return {
        path: (node.kind, node.mode, node.uid, node.gid, node.content)
        for path in nodes.below("/srv")
        if (node := nodes.get(path)) is not None
    }


def test_every_check_has_a_scenario_that_tells_what_went_wrong() -> None:
    assert set(table()) == {check.id for check in registry.ALL}
    stories = [scenario.story for forms in table().values() for scenario in forms.values()]
    assert min(len(story) for story in stories) > 60
    assert len(set(stories)) == len(stories)


def test_a_fresh_stack_has_every_finding(demo: DemoHost) -> None:
    results = registry.examine(look(demo), SETTINGS)
    assert {(r.check, r.form) for r in results if r.status == "finding"} == {
        (check, next(iter(forms))) for check, forms in table().items()
    }
    assert all(result.evidence and result.fix for result in results if result.status == "finding")


def test_an_orderly_stack_has_none(orderly: DemoHost) -> None:
    snapshot = look(orderly)
    results = registry.examine(snapshot, SETTINGS)
    assert {r.status for r in results} <= {"ok", "not_applicable"}, results
    assert {r.check for r in results} == {check.id for check in registry.ALL}
    assert snapshot.faults == ()


@pytest.mark.parametrize(("check", "form"), FORMS)
def test_a_scenario_is_found_repaired_and_taken_back(clock: FakeClock, tmp_path: Path, check: str, form: str) -> None:
    host = open_demo(clock=clock, scenarios=())
    host.break_again(check, form)
    clock.advance(5.0)
    found, broken = judge(host, check), tree(host)
    assert (found.status, found.form) == ("finding", form)
    if by_hand(host, found):
        return

    fixer, done = repair(host, found, Journal(tmp_path))
    assert done.name == "done", (done.sentence, done.says)
    assert judge(host, check).status == "ok"
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


def test_all_findings_go_but_those_for_people_and_the_stack_is_healthy(demo: DemoHost, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    left = set()
    for check in table():
        found = judge(demo, check)
        if by_hand(demo, found):
            left.add(found.subject)
            continue
        assert repair(demo, found, journal, settle=10.0)[1].name == "done"
    assert {c.name for c in look(demo).containers if c.state != "running"} <= left
    results = registry.examine(look(demo), SETTINGS)
    assert {r.subject for r in results if r.status not in ("ok", "not_applicable")} == left


def test_a_read_only_stack_shows_its_findings_and_keeps_them(tmp_path: Path, clock: FakeClock) -> None:
    host = open_demo(clock=clock, read_only=True)
    found, before = judge(host, "mongo.keyfile"), tree(host)
    assert found.status == "finding"
    assert repair(host, found, Journal(tmp_path))[1].name == "refused"
    assert tree(host) == before


def test_an_unknown_scenario_is_refused_with_those_there_are(orderly: DemoHost) -> None:
    with pytest.raises(HostError, match=r"no scenario for mongo\.nonsense") as caught:
        orderly.break_again("mongo.nonsense")
    assert "mongo.keyfile" in (caught.value.remedy or "")
    with pytest.raises(HostError, match="has no form nonsense"):
        orderly.break_again("mongo.keyfile", "nonsense")


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
        states = {container.name: container.state for container in seen.get(timeout=5).containers}
        if states.get(name) == state:
            return dict(states)
