"""Which repair of the session cookie is offered in which release, what each writes, and what it says it costs."""

from __future__ import annotations

import pytest
from examples.librechat.cookie import ENV, EXAMPLES, FINDS, LAN, env, librechat, shown
from stackops.checks.librechat import cookie
from stackops.console.fix.steps import EditFile, EnvLine, RestartContainer, SetServiceKeys
from stackops.console.report.plain import told
from stackops.console.settings import LibreChatSettings, Settings

SETTINGS = Settings()
BOTH = {"DOMAIN_CLIENT": LAN, "DOMAIN_SERVER": LAN}
OVERRIDE = "/srv/librechat/docker-compose.override.yml"


def planned(snapshot, settings=SETTINGS, **answers):
    (result,) = cookie.CHECK.examine(snapshot, settings)
    assert result.status == "finding", result
    return cookie.CHECK.plan(result, snapshot, settings, answers)


def edits(plan):
    return {step.path: step.edits for step in plan.steps if isinstance(step, EditFile)}


# LibreChat pull requests 11782 (v0.8.3: DOMAIN_SERVER) and 13189 (v0.8.6: SESSION_COOKIE_SECURE)
@pytest.mark.parametrize(
    ("release", "choices"),
    [("0.7.2", ()), ("0.8.2", ()), ("0.8.3", ("development", "localhost")), ("0.8.5", ("development", "localhost")),
     ("0.8.6", ("setting", "development", "localhost")), ("0.8.7", ("setting", "development", "localhost")),
     (None, ())],
)  # fmt: skip
def test_what_can_be_chosen_depends_on_the_release_and_the_best_is_the_default(release, choices):
    plan = planned(librechat(release, dotenv=BOTH))
    assert tuple(question.choices for question in plan.questions) == ((choices,) if choices else ())
    assert plan == planned(librechat(release, dotenv=BOTH), repair=choices[0] if choices else "development")


def test_the_setting_goes_to_env_and_a_restart_is_enough():
    plan = planned(librechat("0.8.7", dotenv=BOTH))
    assert edits(plan) == {ENV: (EnvLine("SESSION_COOKIE_SECURE", "false"),)}
    assert isinstance(plan.steps[-1], RestartContainer)


def test_localhost_in_domain_server_keeps_the_port_and_names_the_price():
    plan = planned(librechat("0.8.4", dotenv=BOTH | {"PORT": "8080"}), repair="localhost")
    assert edits(plan) == {ENV: (EnvLine("DOMAIN_SERVER", "http://localhost:8080"),)}
    assert any("OAuth" in line for line in plan.says)


def test_development_sets_command_and_variable_of_the_main_image():
    plan = planned(librechat("0.7.2", dotenv=BOTH))
    keys = SetServiceKeys("api", ("node", "api/server/index.js"), (("NODE_ENV", "development"),))
    assert edits(plan) == {OVERRIDE: (keys,)}
    assert plan.steps[-1].force_recreate
    assert plan.steps[-1].files[-1] == OVERRIDE


def test_development_sets_only_the_variable_where_node_is_started_already():
    example = next(one for one in FINDS if one.name.startswith("runs the -api image"))
    ((keys,),) = edits(planned(example.snapshot)).values()
    assert keys == SetServiceKeys("api", (), (("NODE_ENV", "development"),))


def test_a_setting_of_the_compose_file_is_overruled_there_and_not_in_env():
    plan = planned(librechat("0.8.7", container={"env": env(SESSION_COOKIE_SECURE="true")}))
    assert edits(plan) == {OVERRIDE: (SetServiceKeys("api", (), (("SESSION_COOKIE_SECURE", "false"),)),)}


def test_a_repair_that_is_not_offered_is_refused_with_those_that_are():
    plan = planned(librechat("0.8.4", dotenv=BOTH), repair="setting")
    assert plan.safety == "manual"
    assert plan.steps == ()
    assert "development, localhost" in plan.says[0]


@pytest.mark.parametrize("example", FINDS, ids=lambda example: example.name)
def test_nodemon_is_never_proposed_and_the_price_is_always_named(example):
    (result,) = cookie.CHECK.examine(example.snapshot, SETTINGS)
    for repair in ("setting", "localhost", "development"):
        plan = cookie.CHECK.plan(result, example.snapshot, SETTINGS, {"repair": repair})
        assert "backend:dev" not in repr(plan.steps)
        if plan.steps:
            assert "in clear" in plan.says[0]
            assert any("https" in line and "better way" in line for line in plan.says)
            assert any("Undo" in line for line in plan.says)


def test_the_settings_name_the_release_where_nothing_else_does():
    settings = Settings(librechat=LibreChatSettings(release="v0.8.7"))
    (result,) = cookie.CHECK.examine(librechat(None), settings)
    assert result.status == "ok"
    assert planned(librechat(None, dotenv=BOTH), settings).questions[0].default == "setting"


def test_an_unknown_release_is_told_with_the_releases_that_break():
    (result,) = cookie.CHECK.examine(librechat(None), SETTINGS)
    assert "loses the login with up to v0.8.2" in (result.because or "")
    assert "keeps it with v0.8.3 to v0.8.5, v0.8.6 and later" in (result.because or "")


def test_an_address_that_the_settings_state_makes_it_an_error():
    severities = [
        next(iter(cookie.CHECK.examine(librechat("0.7.2", dotenv=one), SETTINGS))).severity for one in ({}, BOTH)
    ]
    assert severities == ["warning", "error"]


def test_every_variable_is_shown_with_the_place_it_was_read_at():
    (result,) = cookie.CHECK.examine(
        librechat("0.8.7", dotenv=BOTH, container={"env": env(DOMAIN_CLIENT=LAN)}), SETTINGS
    )
    rows = {row.label: (row.value, row.source) for row in result.evidence}
    assert rows["NODE_ENV"] == ("production", "command npm run backend")
    assert rows["DOMAIN_CLIENT"] == (LAN, "docker inspect LibreChat")
    assert rows["DOMAIN_SERVER"] == (LAN, ENV)
    assert rows["SESSION_COOKIE_SECURE"] == ("not set", ENV)
    assert rows["published"] == ("0.0.0.0:3080", "docker inspect LibreChat")


def test_each_form_is_among_the_examples():
    assert {one.form for one in EXAMPLES} == {*(form.id for form in cookie.FORMS), None}


def test_what_a_login_showed_is_told_and_survives_the_hiding_of_secrets():
    (result,) = cookie.CHECK.examine(shown(librechat("0.7.2"), secure=True), SETTINGS)
    row = next(row for row in result.evidence if row.label == "seen at a login")
    assert told(row) == "Secure, HttpOnly, SameSite=Strict"
    assert row.source == "POST http://127.0.0.1:3080/api/auth/login"


def test_why_a_login_showed_nothing_is_told_and_changes_nothing():
    why = "It refuses the login (404): e-mail address or password is wrong"
    for release in ("0.7.2", None):
        bare, tried = librechat(release), shown(librechat(release), secure=None, outcome="refused", sentence=why)
        (before,), (after,) = cookie.CHECK.examine(bare, SETTINGS), cookie.CHECK.examine(tried, SETTINGS)
        assert (before.status, before.form, before.because) == (after.status, after.form, after.because)
        assert [row.value for row in after.evidence if row not in before.evidence] == [why]
