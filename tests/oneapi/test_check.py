"""What the check says beyond its Examples: secrets, hostile names, the words for people, several at once."""

from __future__ import annotations

import pytest
from examples import examples_of
from examples.oneapi import restart as made
from msgspec.structs import replace
from stackops.checks.oneapi.one_api import NEXT_TRY, PATIENCE
from stackops.checks.oneapi.restart import CHECK
from stackops.console.fix.plan import Plan
from stackops.console.model import EnvVar, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings

SETTINGS = Settings()
FINDINGS = [pytest.param(one, id=one.name) for one in examples_of(CHECK) if one.status == "finding"]


def judged(snapshot: Snapshot) -> Result:
    (result,) = CHECK.examine(snapshot, SETTINGS)
    return result


def left(snapshot: Snapshot) -> float:
    """Seconds of the countdown."""
    (case,) = CHECK.find(snapshot, SETTINGS)
    return case.facts.left


def planned(snapshot: Snapshot, **answers: str) -> Plan:
    return CHECK.plan(judged(snapshot), snapshot, SETTINGS, answers)


@pytest.mark.parametrize("example", FINDINGS)
def test_no_finding_and_no_plan_shows_the_database_s_password_or_a_key(example) -> None:
    said = repr(judged(example.snapshot)) + repr(planned(example.snapshot))
    assert made.PASSWORD not in said
    assert "sk-fastgpt" not in said


@pytest.mark.parametrize("example", FINDINGS)
def test_every_word_is_filled_in_and_every_evidence_has_a_source(example) -> None:
    result, plan = judged(example.snapshot), planned(example.snapshot)
    words = " ".join((result.title, result.because or "", result.fix.summary if result.fix else "", *plan.says))
    assert "{" not in words
    assert "  " not in words
    assert all(row.source for row in result.evidence)


def test_no_evidence_is_named_like_a_secret_and_masked_as_one() -> None:
    from stackops.console.text.cleaning import is_secret_name

    labels = {row.label for example in examples_of(CHECK) for row in evidence(example.snapshot)}
    assert "looks for its database at" in labels
    assert not [label for label in labels if is_secret_name(label)]


def evidence(snapshot: Snapshot):
    return [row for result in CHECK.examine(snapshot, SETTINGS) for row in result.evidence]


def test_every_form_that_is_found_has_words_and_every_word_an_example() -> None:
    shown = {example.form for example in examples_of(CHECK) if example.status == "finding"}
    assert shown == {form.id for form in CHECK.forms}


def test_the_countdown_runs_down_with_the_age_of_the_database() -> None:
    for age in (5, 100):
        assert left(made.refused(mysql=made.young(age), mysql_marks=())) == PATIENCE + NEXT_TRY - age
    assert judged(made.refused(mysql=made.young(PATIENCE + 1), mysql_marks=())).form == "database-stuck"


def test_waiting_becomes_a_warning_when_it_takes_more_starts_than_usual() -> None:
    many = made.refused(mysql=made.young(25), mysql_marks=(), container={**made.LOOP, "restart_count": 9})
    assert judged(many).severity == "warning"


def test_the_time_left_is_shown_as_evidence_too() -> None:
    snapshot = made.refused(mysql=made.young(25), mysql_marks=())
    assert f"{left(snapshot):.0f} s" in [row.value for row in judged(snapshot).evidence]
    assert judged(snapshot).title.endswith(f": at most {left(snapshot):.0f} s more")


def test_a_restart_count_alone_is_history() -> None:
    assert judged(made.gateway(container={"restart_count": 60}, mysql={}, state=made.says())).status == "ok"


@pytest.mark.parametrize("status", ["unhealthy", "healthy"])
def test_dockers_own_health_changes_nothing(status) -> None:
    from stackops.console.model import Health

    for snapshot in (made.gateway(mysql={}, state=made.says()), made.refused(container=made.ENDED)):
        ours = replace(snapshot.containers[0], health=Health(status))
        changed = replace(snapshot, containers=(ours, *snapshot.containers[1:]))
        assert judged(changed).status == judged(snapshot).status


def test_the_proof_is_asked_for_and_off() -> None:
    plan = planned(made.without("m3e"))
    (question,) = plan.questions
    assert (question.key, question.default, question.choices) == ("prove", "no", ("no", "yes"))
    assert "costs tokens" in question.prompt
    assert [type(step).__name__ for step in plan.steps] == ["RestartContainer"]
    steps = planned(made.without("m3e"), prove="yes").steps
    assert [type(step).__name__ for step in steps] == ["RestartContainer", "AskModel"]
    assert steps[-1].route == "/v1/embeddings"


def test_without_a_key_there_is_nothing_to_prove_with() -> None:
    plan = planned(made.without("m3e", client=False, state=made.says(client=None)))
    assert plan.questions == ()


def test_only_one_api_is_restarted() -> None:
    plan = planned(made.without("m3e"))
    assert plan.restarts == ("oneapi",)
    assert any("every 10m" in row.value for row in judged(made.without("m3e")).evidence)
    assert any("by itself" in line for line in plan.says)


def test_a_model_name_that_looks_like_markup_or_a_format_is_only_a_name() -> None:
    state = made.says(models=("[/etc/x]{name}",))
    result = judged(made.without("[/etc/x]{name}", state=state))
    assert result.form == "stale-channels"
    assert "[/etc/x]{name}" in result.title


def test_a_database_name_that_would_run_a_command_is_quoted() -> None:
    env = (EnvVar("SQL_DSN", f"root:{made.PASSWORD}@tcp(mysql:3306)/x';$(id)"),)
    snapshot = made.dead("oneapi.db-1049", "Error 1049: Unknown database")
    ours = replace(snapshot.containers[0], env=env)
    plan = planned(replace(snapshot, containers=(ours, *snapshot.containers[1:])))
    assert "'CREATE DATABASE `x'\"'\"';$(id)`'" in plan.says[0]


def test_the_way_out_of_a_host_port_names_the_variable_and_the_right_address_only() -> None:
    snapshot = made.refused(env=made.OTHER_PORT, mysql={"ports": made.PUBLISHED})
    says = planned(snapshot).says
    assert "In SQL_DSN put mysql:3306 in place of mysql:33066" in says[0]
    assert "docker compose -p fastgpt" in says[1]


def test_one_api_and_fastgpt_are_judged_side_by_side() -> None:
    one, other = made.without("m3e"), made.fastgpt()
    both = replace(
        one, containers=(one.containers[0], one.containers[1], *other.containers), files=other.files,
        services=(*one.services[:2], *other.services), json_files=other.json_files,
    )  # fmt: skip
    assert [result.form for result in CHECK.examine(both, SETTINGS)] == ["stale-channels", "config-changed"]
    for result in CHECK.examine(both, SETTINGS):
        assert len(CHECK.plan(result, both, SETTINGS, {}).steps) == 1


def test_a_complaint_older_than_the_next_read_of_channels_is_history() -> None:
    assert judged(made.without("m3e", ago=290)).form == "stale-channels"
    assert judged(made.without("m3e", ago=310)).status == "ok"
    assert judged(made.without("m3e", ago=290, env={"SYNC_FREQUENCY": "60"})).status == "ok"


def test_a_broken_config_json_is_never_recreated() -> None:
    plan = planned(made.fastgpt(strict="line 4, column 7: Expecting ',' delimiter"))
    assert plan.steps == ()
    assert "Do not restart fastgpt before." in plan.says[0]


def test_json5_is_broken_for_old_releases_and_fine_for_newer_ones() -> None:
    assert judged(made.fastgpt(version="v4.8.3", strict="line 1: x")).form == "config-unreadable"
    assert judged(made.fastgpt(version="v4.8.4", strict="line 1: x")).form == "config-changed"
    unsure = made.fastgpt(version="v4.8.4", strict="line 1: x", unsure=True)
    assert any("could not be judged" in line for line in planned(unsure).says)


def test_lists_of_models_that_are_not_read_any_more_are_named() -> None:
    assert any("ignored from v4.8.20 on" in line for line in planned(made.fastgpt(version="v4.8.20")).says)
    assert not any("ignored" in line for line in planned(made.fastgpt(version="v4.8.19")).says)
