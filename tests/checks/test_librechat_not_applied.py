"""What is behind, told without values, and never what another check reports of the same container."""

from __future__ import annotations

import pytest
from examples.librechat.config_mount import EXAMPLES as MOUNTS
from examples.librechat.not_applied import EXAMPLES, FINDS, api, facts, rag
from stackops.checks.librechat import config_mount, not_applied
from stackops.console.settings import CheckSettings, Settings

SETTINGS = Settings()


def judged(snapshot, settings=SETTINGS):
    (result,) = not_applied.CHECK.examine(snapshot, settings)
    return result


def test_names_are_told_and_values_never():
    snapshot = rag({"JWT_SECRET": "value-of-before"}, {"JWT_SECRET": "value-of-now"})
    result = judged(snapshot)
    told = repr(result) + repr(not_applied.CHECK.plan(result, snapshot, SETTINGS, {}))
    assert "JWT_SECRET" in told
    assert "value-of" not in told


def test_a_secret_that_two_services_do_not_share_is_an_error_until_both_are_old():
    new = judged(rag({"JWT_SECRET": "a"}, {"JWT_SECRET": "b"}))
    both_old = judged(rag({"JWT_SECRET": "a"}, {"JWT_SECRET": "b"}, main=api(files=facts("/srv/librechat/.env"))))
    assert (new.severity, both_old.severity) == ("error", "warning")


def test_librechat_comes_up_after_what_it_asks():
    snapshot = rag({"JWT_SECRET": "a"}, {"JWT_SECRET": "b"}, main=api(files=facts("/srv/librechat/.env")))
    plan = not_applied.CHECK.plan(judged(snapshot), snapshot, SETTINGS, {})
    assert [step.service for step in plan.steps] == ["rag_api", "api"]
    assert plan.restarts == ("rag_api", "LibreChat")


@pytest.mark.parametrize("example", MOUNTS, ids=lambda example: example.name)
def test_what_config_mount_reports_is_not_reported_again(example):
    mounts = config_mount.CHECK.examine(example.snapshot, SETTINGS)
    found = [one for one in not_applied.CHECK.examine(example.snapshot, SETTINGS) if one.status == "finding"]
    if any(mount.status == "finding" for mount in mounts):
        assert found == []
    assert not any("librechat.yaml" in repr(one) for one in found)


def test_without_config_mount_its_container_is_judged_here():
    example = next(one for one in MOUNTS if one.name == "added the mount and only restarted")
    settings = Settings(checks=CheckSettings(disable=("librechat.config-mount",)))
    assert judged(example.snapshot).status == "ok"
    assert judged(example.snapshot, settings).form == "override-not-in-use"


@pytest.mark.parametrize("example", FINDS, ids=lambda example: example.name)
def test_only_what_is_behind_is_made_anew_and_always_anew(example):
    result = judged(example.snapshot)
    for step in not_applied.CHECK.plan(result, example.snapshot, SETTINGS, {}).steps:
        assert step.force_recreate
        name = next(one.name for one in example.snapshot.containers if one.id == step.container)
        assert any(row.label.startswith(name) for row in result.evidence)


def test_each_form_is_among_the_examples():
    assert {one.form for one in EXAMPLES} == {*(form.id for form in not_applied.FORMS), None}
