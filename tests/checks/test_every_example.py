"""Every Example of every check says what it promises, and its plan is made of the promised steps."""

from __future__ import annotations

import pytest
from stackops.checks import Check, Example
from stackops.checks.registry import ALL, examine, find
from stackops.console.plan import Plan
from stackops.console.settings import CheckSettings, Settings
from stackops.console.steps import ComposeUp, EditFile, RenameVariable, RestartContainer

SETTINGS = Settings()
CASES = [pytest.param(check, example, id=f"{check.id}: {example.name}") for check in ALL for example in check.examples]


def planned(check: Check, example: Example) -> Plan:
    (result,) = check.examine(example.snapshot, SETTINGS)
    assert check.plan is not None
    return check.plan(result, example.snapshot, SETTINGS, {})


@pytest.mark.parametrize(("check", "example"), CASES)
def test_the_check_says_what_the_example_promises(check, example):
    (result,) = examine(example.snapshot, SETTINGS, only=[check.id])
    assert (result.status, result.form) == (example.status, example.form), result
    assert (result.severity is not None) == (result.status == "finding")
    if result.status in ("finding", "unknown"):
        assert result.because
    if result.status == "finding":
        assert result.evidence
        assert all(row.value and row.source for row in result.evidence)


@pytest.mark.parametrize(("check", "example"), CASES)
def test_a_finding_is_planned_as_the_example_promises(check, example):
    if example.status != "finding":
        assert example.plan_kinds is None
        return
    plan = planned(check, example)
    assert example.plan_kinds is not None, "every finding says how it is repaired"
    assert tuple(type(step).__name__ for step in plan.steps) == example.plan_kinds
    assert (plan.safety == "manual") == (not plan.steps)
    assert plan.says, "a plan says something"
    settles = [step for step in plan.steps if isinstance(step, ComposeUp | RestartContainer)]
    assert bool(settles) == bool(plan.restarts)
    if settles:
        assert plan.safety == "disruptive"
        following = [step for step in plan.steps if step.settles]
        assert plan.steps[-len(following) :] == tuple(following), "services follow when all files are written"
        assert len({step.target for step in settles}) == len(settles) == len(plan.restarts)


@pytest.mark.parametrize(("check", "example"), CASES)
def test_the_summary_and_the_plan_agree_on_safety(check, example):
    (result,) = examine(example.snapshot, SETTINGS, only=[check.id])
    if result.status != "finding":
        assert result.fix is None
        return
    assert result.fix is not None
    assert result.fix.safety == planned(check, example).safety


@pytest.mark.parametrize(("check", "example"), CASES)
def test_no_plan_touches_the_base_compose_file(check, example):
    if example.status != "finding":
        return
    for step in planned(check, example).steps:
        if isinstance(step, EditFile):
            # a misspelt name is put right where it stands: the override would need the secret behind it once more
            renames = all(isinstance(edit, RenameVariable) for edit in step.edits)
            own = ("librechat.yaml", "/.env", "/daemon.json")
            assert renames or "override" in step.path or step.path.endswith(own)
        if isinstance(step, ComposeUp):
            assert step.files
            assert all(path.startswith("/") for path in step.files)
            assert step.directory


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_check_shows_ten_things_it_finds_and_ten_it_leaves_alone(check):
    finds = [one for one in check.examples if one.status == "finding"]
    others = [one for one in check.examples if one.status != "finding"]
    assert len(finds) >= 10
    assert len(others) >= 10
    assert len({one.name for one in check.examples}) == len(check.examples)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_explain_has_its_four_headings(check):
    headings = [line for line in check.doc.splitlines() if line and not line.startswith(" ")]
    assert headings[1:] == ["What it does", "Why it matters", "Fix", "Sources"]
    assert find(check.id) is check


@pytest.mark.parametrize(("check", "example"), CASES)
def test_planning_a_finding_that_is_gone_says_so(check, example):
    if example.status != "finding" or check.plan is None:
        return
    healthy = next(one for one in check.examples if one.status == "ok")
    (result,) = check.examine(example.snapshot, SETTINGS)
    elsewhere = type(result)(**{**{f: getattr(result, f) for f in result.__struct_fields__}, "subject": "gone"})
    plan = check.plan(elsewhere, healthy.snapshot, SETTINGS, {})
    assert plan.steps == ()
    assert plan.safety == "manual"


def test_a_disabled_check_says_nothing():
    settings = Settings(checks=CheckSettings(disable=("mongo.keyfile",)))
    snapshot = find("mongo.keyfile").examples[0].snapshot
    assert "mongo.keyfile" not in {one.check for one in examine(snapshot, settings)}


def test_a_severity_from_the_settings_is_used_for_findings_only():
    settings = Settings(checks=CheckSettings(severity={"mongo.keyfile": "info"}))
    by_id = {one.check: one for one in examine(find("mongo.keyfile").examples[0].snapshot, settings)}
    assert by_id["mongo.keyfile"].severity == "info"
    assert by_id["librechat.config-mount"].severity is None


def test_a_check_that_raises_is_a_row(monkeypatch):
    def explode(*_):
        raise ZeroDivisionError

    broken = Check("area.broken", "Broken", "error", "", explode, None, ())
    monkeypatch.setattr("stackops.checks.registry.ALL", (broken,))
    (row,) = examine(ALL[0].examples[0].snapshot, SETTINGS)
    assert row.status == "crashed"
    assert "ZeroDivisionError" in (row.because or "")
