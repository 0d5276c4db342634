from __future__ import annotations

import io
import json
import re
import sys

import pytest
from stackops.console.commands import acting
from stackops.console.practice import open_demo
from stackops.console.practice.mongod import place
from support.clock import FakeClock
from support.practice import break_again
from support.saying import saying

KEY = "/srv/fastgpt/mongodb.key"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
AGREED = ("--yes", "--disruptive")


def mode(doors) -> int:
    return doors.host.files.stat(KEY).mode


def test_a_plan_is_told_in_chinese_and_to_programs_in_english(stackops) -> None:
    told = stackops("--lang", "zh", "fix", "mongo.keyfile", "--dry-run").out
    assert "密钥文件" in told
    assert "权限" in told
    assert "重启容器" in told or "启动" in told
    assert "Set the mode" not in told
    for programs in ("--json", "--plain"):
        assert not CHINESE.search(stackops("--lang", "zh", programs, "fix", "mongo.keyfile", "--dry-run").out)


@pytest.fixture
def terminal(monkeypatch):
    """Somebody sits there and types this."""

    def types(text: str) -> None:
        monkeypatch.setattr(acting, "interactive", lambda: True)
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return types


def test_the_plan_has_exactly_the_promised_shape_and_nothing_is_changed(stackops, doors) -> None:
    answer = stackops("fix", "mongo.keyfile", "--dry-run", "--json")
    document = json.loads(answer.out)
    assert answer.code == 0
    assert list(document) == ["schema", "plan"]
    assert list(document["plan"]) == ["check", "subject", "safety", "steps", "restarts", "questions"]
    assert list(document["plan"]["steps"][0]) == ["kind", "target", "describe", "diff"]
    assert document["plan"]["restarts"] == ["mongo"]
    assert mode(doors) == 0o644


def test_a_dry_run_is_allowed_in_read_only_mode(stackops) -> None:
    assert stackops("fix", "mongo.keyfile", "--dry-run", "--read-only").code == 0


def test_a_fix_is_applied_verified_and_the_second_time_there_is_nothing_to_do(stackops, doors, state) -> None:
    first = stackops("fix", "mongo.keyfile", *AGREED)
    assert first.code == 0, first.err
    assert mode(doors) == 0o400
    assert "done    verify" in first.err
    second = stackops("fix", "mongo.keyfile", *AGREED)
    assert (second.code, second.out) == (0, "mongo.keyfile: nothing to do\n")
    assert len(list((state / "journal").glob("*.jsonl"))) == 1


def test_the_answer_of_a_fix_is_one_document(stackops) -> None:
    document = json.loads(stackops("fix", "mongo.keyfile", *AGREED, "--json").out)
    assert list(document) == ["schema", "plan", "outcome"]
    assert document["outcome"]["name"] == "done"
    assert list(document["outcome"]) == ["name", "sentence", "says", "entry", "remedy"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--disruptive"),
        (("--yes",), "--disruptive"),
        (("--disruptive",), "--yes"),
        ((*AGREED, "--read-only"), "read-only"),
    ],
)
def test_without_consent_nothing_is_changed(stackops, doors, options, says) -> None:
    answer = stackops("fix", "mongo.keyfile", *options)
    assert answer.code == 5
    assert says in answer.err.splitlines()[-1]
    assert mode(doors) == 0o644


@pytest.mark.parametrize(("typed", "code", "left"), [("\n", 5, 0o644), ("mongo\nn\n", 5, 0o644), ("y\n", 0, 0o400)])
def test_what_restarts_is_agreed_to_and_refused_by_default(stackops, doors, terminal, typed, code, left) -> None:
    terminal(typed)
    answer = stackops("fix", "mongo.keyfile")
    assert answer.code == code, answer.err
    assert "This is disruptive: it restarts mongo. Do it?" in answer.err
    assert mode(doors) == left


def stored(doors) -> bytes:
    """The configuration of the set that lost its host, as its mongod keeps it."""
    return doors.host.world.tree.get(place(doors.host.world.find("staging-mongo").definition)).content


@pytest.mark.parametrize("typed", ["", "\n", "y\n", "yes\n", "mongod\n"])
def test_a_habit_does_not_get_past_what_cannot_be_taken_back(stackops, doors, terminal, typed) -> None:
    doors.host = open_demo(clock=FakeClock(), scenarios=[])
    break_again(doors.host, "mongo.replica-set", "removed")
    before = stored(doors)
    terminal(typed)
    answer = stackops("fix", "mongo.replica-set")
    assert answer.code in {5, 130}
    assert "This cannot be taken back: Force mongo:27017" in answer.err
    assert stored(doors) == before


def test_typing_the_name_that_is_asked_for_is_consent(stackops, doors, terminal) -> None:
    doors.host = open_demo(clock=FakeClock(), scenarios=[])
    break_again(doors.host, "mongo.replica-set", "removed")
    terminal("staging-mongo\n")
    answer = stackops("fix", "mongo.replica-set")
    assert answer.code == 0, answer.err
    assert b'"mongo:27017"' in stored(doors)


@pytest.mark.parametrize(("typed", "code", "left"), [("\n", 5, 0o644), ("n\n", 5, 0o644), ("y\n", 0, 0o400)])
def test_the_default_answer_is_no(stackops, doors, terminal, typed, code, left) -> None:
    terminal(typed)
    assert stackops("fix", "mongo.keyfile", "--disruptive").code == code
    assert mode(doors) == left


def test_the_plan_is_shown_before_anybody_is_asked_for_a_document(stackops, doors, terminal) -> None:
    terminal("n\n")
    answer = stackops("fix", "mongo.keyfile", "--disruptive", "--json")
    assert (answer.code, answer.out) == (5, "")
    assert "mode 0644 → 0400" in answer.err


def test_nothing_found_is_nothing_to_do(stackops, doors) -> None:
    doors.host = open_demo(clock=FakeClock(), scenarios=[])
    answer = stackops("fix", "mongo.keyfile", *AGREED)
    assert (answer.code, answer.out) == (0, "mongo.keyfile: nothing to do\n")
    assert json.loads(stackops("fix", "mongo.keyfile", *AGREED, "--json").out)["outcome"]["name"] == "nothing"


def test_an_unknown_check_names_the_nearest(stackops) -> None:
    answer = stackops("fix", "mongo.keyfiles", *AGREED)
    assert answer.code == 2
    assert 'did you mean "mongo.keyfile"?' in answer.err


def test_an_unknown_subject_names_those_there_are(stackops) -> None:
    answer = stackops("fix", "mongo.keyfile", "mongoo", *AGREED)
    assert answer.code == 2
    assert 'did you mean "mongo"?' in answer.err


def test_several_findings_are_listed_and_one_must_be_named(stackops, doors, monkeypatch) -> None:
    from stackops.checks import registry
    from stackops.console.model.findings import Result

    def two(_snapshot, _settings):
        return [
            Result("mongo.keyfile", name, "finding", f"{name} is bad", severity="error") for name in ("first", "second")
        ]

    monkeypatch.setattr(registry, "ALL", (saying(registry.find("mongo.keyfile"), two),))
    answer = stackops("fix", "mongo.keyfile", *AGREED)
    assert answer.code == 2
    assert "first  first is bad" in answer.err
    assert "2 findings; name one of them" in answer.err


def test_what_cannot_be_told_is_not_called_nothing_to_do(stackops, monkeypatch) -> None:
    from stackops.checks import registry
    from stackops.console.model.findings import Result

    def blind(_snapshot, _settings):
        return [Result("mongo.keyfile", "mongo", "unknown", "cannot see", because="the file cannot be read")]

    monkeypatch.setattr(registry, "ALL", (saying(registry.find("mongo.keyfile"), blind),))
    answer = stackops("fix", "mongo.keyfile", *AGREED)
    assert answer.code == 5
    assert "the file cannot be read" in answer.err


def test_a_fix_that_is_not_proven_is_rolled_back_and_says_so(stackops, doors, monkeypatch) -> None:
    from stackops.checks import registry

    check = registry.find("mongo.keyfile")
    host = doors.open_host
    first: list = []

    def always(snapshot, settings):
        first[:] = first or [r for r in check.examine(snapshot, settings) if r.status == "finding"]
        return first

    monkeypatch.setattr(registry, "ALL", (saying(check, always),))
    answer = stackops("fix", "mongo.keyfile", *AGREED)
    assert host
    assert answer.code == 4, answer.err
    assert "did not go away" in answer.err.splitlines()[-1]
    assert mode(doors) == 0o644


@pytest.mark.parametrize(("answer", "says"), [("nonsense", "KEY=VALUE"), ("moon=1", 'does not ask for "moon"')])
def test_an_answer_nobody_asked_for_is_a_usage_error(stackops, answer, says) -> None:
    result = stackops("fix", "mongo.keyfile", "--dry-run", "--set", answer)
    assert result.code == 2
    assert says in result.err


def test_an_engine_that_does_not_answer_is_exit_code_3(stackops, doors, monkeypatch) -> None:
    from stackops.console.hosts import EngineUnreachable

    doors.host = open_demo(clock=FakeClock())

    async def gone(*_arguments, **_options):
        raise EngineUnreachable("no Engine at /run/x.sock", "start it")

    for call in ("version", "info", "containers", "inspect", "ping"):
        monkeypatch.setattr(doors.host.engine, call, gone)
    answer = stackops("fix", "mongo.keyfile", *AGREED)
    assert answer.code == 3
    assert answer.err == "stackops: no Engine at /run/x.sock; start it\n"
