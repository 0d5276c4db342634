"""A container that somebody stopped: it is no alarm, and no repair starts it."""

from __future__ import annotations

import pytest
from examples import examples_of
from examples.container.common import app
from examples.gpu.machines import box
from examples.snapshots import bind as mount
from msgspec.structs import replace
from stackops.checks.compose import put_away
from stackops.checks.container import permission
from stackops.checks.ollama import bind, host_gateway
from stackops.checks.server import crash_num_workers, wrong_key
from stackops.console.fix.steps import ComposeUp
from stackops.console.settings import Settings

SETTINGS = Settings()
CASES = [
    pytest.param(check.CHECK, example, id=f"{check.CHECK.id}: {example.name}")
    for check in (bind, host_gateway, wrong_key, crash_num_workers)
    for example in examples_of(check.CHECK)
    if example.plan_kinds and "ComposeUp" in example.plan_kinds
]


def stopped(snapshot, **how):
    facts = {"state": "exited", "exit_code": 143, **how}
    return replace(snapshot, containers=tuple(replace(c, **facts) for c in snapshot.containers))


def planned(check, snapshot):
    (result,) = check.examine(snapshot, SETTINGS)
    plan = check.plan(result, snapshot, SETTINGS, {})
    return result, plan, [step for step in plan.steps if isinstance(step, ComposeUp)]


@pytest.mark.parametrize(("check", "example"), CASES)
def test_no_repair_starts_what_somebody_stopped(check, example):
    result, plan, (up,) = planned(check, stopped(example.snapshot))
    assert result.severity == "info"
    assert not up.start
    assert "--no-start" in up.arguments()
    assert any("left so" in line for line in plan.says)
    assert not any("cut off" in line or "starts anew" in line for line in plan.says)


@pytest.mark.parametrize(("check", "example"), CASES)
def test_what_died_is_started(check, example):
    result, plan, (up,) = planned(check, stopped(example.snapshot, exit_code=1))
    assert result.severity != "info"
    assert up.start
    assert not any("left so" in line for line in plan.says)


@pytest.mark.parametrize(
    ("facts", "away"),
    [
        ({"state": "exited", "exit_code": 0}, True),
        ({"state": "exited", "exit_code": 137}, True),
        ({"state": "exited", "exit_code": 137, "oom_killed": True}, False),
        ({"state": "exited", "exit_code": 0, "error": "no such device"}, False),
        ({"state": "exited", "exit_code": None}, False),
        ({"state": "exited", "exit_code": 1}, False),
        ({"state": "running", "exit_code": 0}, False),
        ({"state": "created", "exit_code": 0}, False),
        ({"state": "restarting", "exit_code": 143}, False),
    ],
)
def test_it_is_told_from_one_that_failed(facts, away):
    assert put_away(box(**facts)) is away


def test_nothing_is_not_put_away():
    assert not put_away(None)


@pytest.mark.parametrize(
    ("source", "path", "wanted"),
    [
        ("/var/run/docker.sock", "/var/run/docker.sock", False), ("/etc", "/host/etc/x", False),
        ("/", "/host/x", False),
        ("/home/me", "/me/x", False), ("/data", "/data/x", False), ("/srv/chat/logs", "/logs/x", True),
        ("/home/me/chat/logs", "/logs/x", True), ("/root/fastgpt/mysql", "/db/x", True), ("/root", "/me/x", False),
        ("/usr/local/fastgpt/pg", "/db/x", True), ("/usr/local/bin", "/b/x", False), ("/usr/share/x", "/s/x", False),
        ("/var/lib/librechat/data", "/db/x", True), ("/var/lib/docker/volumes", "/v/x", False),
        ("/var/lib", "/v/x", False), ("/mnt/disk", "/disk/x", False), ("/data/mysql", "/db/x", True),
    ],
)  # fmt: skip
def test_no_advice_gives_away_what_is_the_machine_s(source: str, path: str, wanted: bool) -> None:
    target = path if source.endswith(".sock") else path.rpartition("/")[0]
    snapshot = app(lines=(f"EACCES: permission denied, open '{path}'",), mounts=(mount(source, target),),
                   state="restarting", restart_count=9, exit_code=1, user="1001")  # fmt: skip
    (result,) = (one for one in permission.CHECK.examine(snapshot, SETTINGS) if one.status == "finding")
    said = " ".join(permission.CHECK.plan(result, snapshot, SETTINGS, {}).says)
    assert ("chown" in said, "chmod" in said) == (wanted, False)
