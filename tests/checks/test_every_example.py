"""Every Example of every check says what it promises, and its plan is made of the promised steps."""

from __future__ import annotations

from string import Formatter
from typing import Any

import pytest
from examples import Example, examples_of
from msgspec.structs import replace
from stackops.checks.api import Case, Check
from stackops.checks.registry import ALL, examine, find
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import ComposeUp, EditFile, RenameVariable, RestartContainer
from stackops.console.settings import CheckSettings, Settings

SETTINGS = Settings()
CASES = [
    pytest.param(check, example, id=f"{check.id}: {example.name}") for check in ALL for example in examples_of(check)
]


FINDINGS = [case for case in CASES if case.values[1].status == "finding"]
EACH = pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)


def found_of(check: Check) -> list[Example]:
    return [one for one in examples_of(check) if one.status == "finding"]


def planned(check: Check, example: Example) -> Plan:
    (result,) = check.examine(example.snapshot, SETTINGS)
    assert check.plan is not None
    return check.plan(result, example.snapshot, SETTINGS, {})


@pytest.mark.parametrize(("check", "example"), CASES)
def test_the_check_says_what_the_example_promises(check, example):
    (result,) = examine(example.snapshot, SETTINGS, only=[check.id])
    assert (result.status, result.form) == (example.status, example.form), result
    found = result.status == "finding"
    assert ((result.severity is not None), (result.fix is not None)) == (found, found)
    if result.status in ("finding", "unknown"):
        assert result.because
    if found:
        assert result.evidence
        assert all(row.value and row.source for row in result.evidence)
    else:
        assert example.plan_kinds is None


@pytest.mark.parametrize(("check", "example"), FINDINGS)
def test_a_finding_is_planned_as_the_example_promises(check, example):
    plan = planned(check, example)
    assert example.plan_kinds is not None, "every finding says how it is repaired"
    assert tuple(type(step).__name__ for step in plan.steps) == example.plan_kinds
    assert (plan.safety == "manual") == (not plan.steps)
    assert plan.says, "a plan says something"
    (result,) = examine(example.snapshot, SETTINGS, only=[check.id])
    assert result.fix.safety == plan.safety, "the summary and the plan agree"
    settles = [step for step in plan.steps if isinstance(step, ComposeUp | RestartContainer)]
    assert bool(settles) == bool(plan.restarts)
    if settles:
        assert plan.safety == "disruptive"
        following = [step for step in plan.steps if step.is_service_step]
        assert plan.steps[-len(following) :] == tuple(following), "services follow when all files are written"
        assert len({step.target for step in settles}) == len(settles) == len(plan.restarts)


@EACH
def test_no_plan_touches_the_base_compose_file(check):
    for example in found_of(check):
        for step in planned(check, example).steps:
            if isinstance(step, EditFile):
                # a misspelt name is put right where it stands: the override would need the secret behind it once more
                renames = all(isinstance(edit, RenameVariable) for edit in step.edits)
                own = ("librechat.yaml", "/.env", "/daemon.json")
                assert renames or "override" in step.path or step.path.endswith(own), example.name
            if isinstance(step, ComposeUp):
                assert step.files, example.name
                assert all(path.startswith("/") for path in step.files), example.name
                assert step.directory, example.name


@EACH
def test_a_check_shows_ten_things_it_finds_and_ten_it_leaves_alone(check):
    finds = [one for one in examples_of(check) if one.status == "finding"]
    others = [one for one in examples_of(check) if one.status != "finding"]
    assert len(finds) >= 10
    assert len(others) >= 10
    assert len({one.name for one in examples_of(check)}) == len(examples_of(check))


def cases_of(check: Check) -> list[Case[Any]]:
    """What the check finds in its examples."""
    found = (one for example in examples_of(check) for one in check.find(example.snapshot, SETTINGS))
    return [one for one in found if isinstance(one, Case)]


def test_every_message_has_an_id_of_its_own():
    texts = [message for check in ALL for message in check.messages()]
    assert len({name for name, _ in texts}) == len(texts) >= 3 * sum(len(check.forms) for check in ALL)
    assert all(text for _, text in texts)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_case_fills_the_placeholders_of_its_form(check):
    for case in cases_of(check):
        for _, text in case.form.messages():
            assert {name for _, name, _, _ in Formatter().parse(text) if name is not None} <= {"subject", *case.words}


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_form_is_listed_and_found_by_an_example(check):
    found = {case.form for case in cases_of(check)}
    assert found <= set(check.forms)
    assert {form.id for form in found} == {form.id for form in check.forms}


@EACH
def test_explain_has_its_four_headings(check):
    headings = [line for line in check.doc.splitlines() if line and not line.startswith(" ")]
    assert headings[1:] == ["What it does", "Why it matters", "Fix", "Sources"]
    assert find(check.id) is check


@EACH
def test_planning_a_finding_that_is_gone_says_so(check):
    healthy = next(one for one in examples_of(check) if one.status == "ok")
    for example in found_of(check):
        (result,) = check.examine(example.snapshot, SETTINGS)
        plan = check.plan(replace(result, subject="gone"), healthy.snapshot, SETTINGS, {})
        assert (plan.steps, plan.safety) == ((), "manual"), example.name


def test_a_disabled_check_says_nothing():
    settings = Settings(checks=CheckSettings(disable=("mongo.keyfile",)))
    snapshot = examples_of(find("mongo.keyfile"))[0].snapshot
    assert "mongo.keyfile" not in {one.check for one in examine(snapshot, settings)}


def test_a_severity_from_the_settings_is_used_for_findings_only():
    settings = Settings(checks=CheckSettings(severity={"mongo.keyfile": "info"}))
    by_id = {one.check: one for one in examine(examples_of(find("mongo.keyfile"))[0].snapshot, settings)}
    assert by_id["mongo.keyfile"].severity == "info"
    assert by_id["librechat.config-mount"].severity is None


def test_a_check_that_raises_is_a_row(monkeypatch):
    def explode(*_):
        raise ZeroDivisionError

    broken = Check("area.broken", "Broken", "", (), explode, explode, reads=())
    monkeypatch.setattr("stackops.checks.registry.ALL", (broken,))
    (row,) = examine(examples_of(ALL[0])[0].snapshot, SETTINGS)
    assert row.status == "crashed"
    assert "ZeroDivisionError" in (row.because or "")
