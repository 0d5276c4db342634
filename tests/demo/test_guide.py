"""The deployment guide's stack on two machines: paths lead to addresses elsewhere, which are only asked on request."""

from __future__ import annotations

import asyncio

import pytest
from stackops.checks import registry
from stackops.console.collect.collector import collect
from stackops.console.collect.source import Cadence
from stackops.console.collect.sources.wiring import TRIED
from stackops.console.hosts import HttpReply
from stackops.console.judge import judge
from stackops.console.model import Snapshot
from stackops.console.practice import DemoHost, scenarios
from stackops.console.practice import files as stacks
from stackops.console.settings import ServerSettings, Settings

ASKED, LEFT = (Settings(servers=ServerSettings(probe_declared=told)) for told in (True, False))
MODELS = ("baichuan2-13b", "m3e", "bge-reranker-base")
AT = {"guide-oneapi": {8001, 6008}, "guide-fastgpt": {6006}}


@pytest.fixture
def guide(orderly: DemoHost) -> DemoHost:
    orderly.build()
    with orderly.world.lock:
        scenarios.guide(orderly.hands)
    return orderly


def look(host: DemoHost, settings: Settings) -> Snapshot:
    return asyncio.run(collect(host, settings, cadence=Cadence(second_sample=0.0), on_request=(TRIED,)))


def ways(snapshot: Snapshot) -> dict[str, dict[str, tuple[str, str]]]:
    """Step -> state and reason, by model."""
    return {
        path.model: {step.name: (step.state, step.reason or "") for step in path.steps}
        for path in snapshot.model_paths
        if path.app_name == "guide-fastgpt"
    }


def test_the_guides_stack_in_order_has_no_trouble_and_leaves_the_other_machine_alone(guide: DemoHost) -> None:
    snapshot = look(guide, LEFT)
    results = registry.examine(snapshot, LEFT)
    assert {r.status for r in results} <= {"ok", "not_applicable"}, [r for r in results if r.status == "finding"]
    far = [edge for edge in snapshot.edges if edge.host == stacks.SECOND]
    assert {edge.source_name: {e.port for e in far if e.source == edge.source} for edge in far} == AT
    assert {(edge.where, edge.hops[0].state) for edge in far} == {("elsewhere", "unknown")}
    assert tuple(ways(snapshot)) == MODELS
    for steps in ways(snapshot).values():
        state, reason = steps["upstream"]
        assert (state, "probe_declared" in reason) == ("unknown", True)
        assert steps["server"][0] == "unknown"


def test_where_the_other_machine_may_be_asked_each_path_is_followed_to_its_end(guide: DemoHost) -> None:
    snapshot = look(guide, ASKED)
    assert {state for steps in ways(snapshot).values() for state, _ in steps.values()} <= {"ok", "none"}
    far = {one.key: (one.product, one.state) for one in snapshot.servers if one.key.startswith(stacks.SECOND)}
    assert far == {
        f"{stacks.SECOND}:8001": ("baichuan2", "up"),
        f"{stacks.SECOND}:6008": ("m3e-large-api", "up"),
        f"{stacks.SECOND}:6006": ("bge-reranker", "up"),
    }


def test_a_reranker_that_is_gone_from_the_other_machine_is_one_trouble_and_no_hop_behind_it_is_guessed(
    guide: DemoHost,
) -> None:
    next(one for one in guide.world.far[stacks.SECOND] if one.name == "reranker").state = "exited"
    snapshot = look(guide, ASKED)
    (trouble,) = judge(snapshot, registry.examine(snapshot, ASKED)).troubles
    assert (trouble.result.check, trouble.result.form) == ("server.unreachable", "absent")
    assert f"{stacks.SECOND}:6006" in trouble.result.title
    assert "this machine" not in trouble.result.title
    steps = ways(snapshot)["bge-reranker-base"]
    assert (steps["upstream"][0], steps["server"][0]) == ("failed", "none")
    assert {ways(snapshot)[name]["upstream"][0] for name in MODELS[:2]} == {"ok"}
    assert judge(look(guide, LEFT), registry.examine(look(guide, LEFT), LEFT)).troubles == ()


def test_the_channel_that_leads_into_its_own_container_fails_at_its_upstream(orderly: DemoHost) -> None:
    orderly.build()
    with orderly.world.lock:
        scenarios.tested_there(orderly.hands)
    steps = ways(look(orderly, LEFT))["m3e"]
    assert [name for name, (state, _) in steps.items() if state == "failed"] == ["upstream"]
    assert asked(orderly, "m3e", "/v1/embeddings").status == 500
    assert asked(orderly, "baichuan2-13b", "/v1/chat/completions").status == 200


def asked(host: DemoHost, model: str, path: str) -> HttpReply:
    acts, headers = host.http_acts, {"Authorization": "Bearer sk-practiceguide7c40"}
    assert acts is not None
    return asyncio.run(acts.post(f"http://127.0.0.1:3011{path}", {"model": model, "input": ["x"]}, headers=headers))
