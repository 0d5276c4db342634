from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from stackops.checks.registry import ALL
from stackops.console.cli import COMMANDS
from stackops.console.commands.output import json_ascii
from stackops.console.practice import open_demo
from support.clock import FakeClock


@pytest.mark.parametrize("arguments", [("--json", "ps"), ("ps", "--json")])
def test_a_global_option_may_stand_on_either_side(stackops, arguments) -> None:
    assert json.loads(stackops(*arguments).out)["schema"] == "stackops/1"


def test_the_last_of_two_wins(stackops, doors) -> None:
    assert stackops("--lang", "zh", "explain", "--lang", "en").code == 0
    answer = stackops("--host", "tcp://nowhere:1", "check", "--host", "demo", "--fail-on", "never")
    assert answer.code == 0
    assert "stackops --host demo fix" in answer.out


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_every_command_has_a_help_text_with_the_global_options(stackops, command) -> None:
    answer = stackops(*filter(None, [command]), "--help")
    assert answer.code == 0
    for option in (
        "--host",
        "--project",
        "--read-only",
        "--json",
        "--plain",
        "--no-color",
        "--ascii",
        "--lang",
        "--config",
        "--theme",
        "--debug",
    ):
        assert option in answer.out
    assert answer.out.isascii() or "–" in answer.out


@pytest.mark.parametrize("form", ["", "--plain", "--json"])
@pytest.mark.parametrize(
    "command", ["ps", "check", "gpu", "servers", "wiring", "journal", "fix mongo.keyfile --dry-run"]
)
def test_ascii_is_all_that_is_written_where_it_is_asked_for(stackops, tmp_path, command, form) -> None:
    settings = tmp_path / "ascii.toml"
    settings.write_text("ascii = true\n")
    for asked in (("--ascii",), ("--config", str(settings))):
        answer = stackops(*command.split(), *filter(None, [form]), *asked)
        assert (answer.out + answer.err).isascii()
        assert answer.out or command == "journal"


def test_json_in_ascii_says_the_same(stackops, doors) -> None:
    doors.host = open_demo(clock=FakeClock())
    told = [json.loads(stackops("check", "--json", *more).out) for more in ((), ("--ascii",))]
    assert {each["title"] for each in told[0]["results"]} == {each["title"] for each in told[1]["results"]}
    assert json.loads(json_ascii('{"名": "–𝔸\\n"}')) == {"名": "–𝔸\n"}
    assert json_ascii('{"名": "–𝔸"}').isascii()


def test_the_help_text_lists_commands_and_exit_codes(stackops) -> None:
    text = stackops("--help").out
    assert all(f"  {command} " in text for command in COMMANDS)
    assert "6 rollback failed" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("chek",), 'unknown command "chek"; did you mean "check"?'),
        (("check", "--jsn"), "--json"),
        (("--nonsense",), "no such option"),
        (("check", "--fail-on", "sometimes"), "--fail-on"),
        (("check", "--lang", "fr"), "--lang"),
        (("check", "--json", "--plain"), "ask for one"),
        (("fix",), "missing argument"),
        (("undo", "a", "b"), "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(stackops, arguments, says) -> None:
    answer = stackops(*arguments)
    assert answer.code == 2
    assert says in answer.err
    assert answer.err.startswith("stackops: ")
    assert len(answer.err.splitlines()) == 1
    assert answer.out == ""


def test_a_typo_in_the_settings_is_one_sentence_and_exit_code_2(stackops, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("# mine\nperod = 2\n")
    answer = stackops("check", "--config", str(file))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f'stackops: {file}:2: unknown key "perod" in [top level]; did you mean "period"?\n'


def test_an_unknown_check_in_the_settings_is_named(stackops, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('[checks]\ndisable = ["mongo.keyfil"]\n')
    answer = stackops("check", "--config", str(file))
    assert answer.code == 2
    assert 'did you mean "mongo.keyfile"?' in answer.err


def test_settings_switch_checks_off_and_change_their_severity(stackops, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    others = [check.id for check in ALL if check.id != "mongo.keyfile"]
    file.write_text(f'[checks]\ndisable = {json.dumps(others)}\nseverity = {{ "mongo.keyfile" = "info" }}\n')
    answer = stackops("check", "--config", str(file), "--json")
    assert answer.code == 0
    found = {(row["check"], row["severity"]) for row in json.loads(answer.out)["results"] if row["status"] == "finding"}
    assert found == {("mongo.keyfile", "info")}


def test_a_flag_overrides_the_file(stackops, doors, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('host = "unix:///nowhere"\nread_only = false\n')
    answer = stackops("fix", "mongo.keyfile", "--yes", "--disruptive", "--config", str(file), "--read-only")
    assert answer.code == 5
    assert "read-only" in answer.err


EVERY = (
    ("check",), ("check", "--json"), ("check", "mongo.keyfile"), ("fix", "mongo.keyfile", "--dry-run"), ("ps",),
    ("ps", "--plain"), ("gpu",), ("servers",), ("wiring",), ("journal",), ("undo",), ("resume",), ("rollback",),
    ("explain",), ("demo",), (),
)  # fmt: skip


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_a_project_that_is_not_there_is_one_sentence_and_exit_code_2(stackops, doors, monkeypatch, arguments) -> None:
    from stackops.console.commands import console

    monkeypatch.setattr(console, "_needs_a_terminal", lambda: None)
    answer = stackops(*arguments, "--project", "fastgp")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == 'stackops: there is no compose project "fastgp" here; did you mean "fastgpt"?\n'
    assert doors.opened == []


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_a_project_that_is_there_is_looked_at_alone(stackops, doors, monkeypatch, arguments) -> None:
    from stackops.console.commands import console

    monkeypatch.setattr(console, "_needs_a_terminal", lambda: None)
    answer = stackops(*arguments, "--project", "fastgpt")
    assert answer.code in {0, 1}, answer.err
    assert doors.opened == (["demo" not in arguments] if arguments in ((), ("demo",)) else [])


@pytest.mark.parametrize("arguments", [("ps",), ("ps", "--plain"), ("gpu",), ("check", "--json")], ids=" ".join)
def test_no_container_of_another_project_is_shown_beside_the_one_that_is_looked_at(stackops, doors, arguments) -> None:
    everything, answer = (stackops(*arguments, *more).out for more in ((), ("--project", "fastgpt")))
    projects = {
        one.name: one.definition.labels.get("com.docker.compose.project") for one in doors.host.world.containers()
    }
    others = {name for name, project in projects.items() if project != "fastgpt"}
    assert others & named(arguments, everything)
    assert others & named(arguments, answer) == set()


def named(arguments: tuple[str, ...], out: str) -> set[str]:
    """Containers that are told of, among other words; not those that a check's own title speaks of."""
    if "--json" not in arguments:
        return set(re.findall(r"[\w.-]+", out))
    told = json.loads(out)
    return {one["subject"] for one in told["results"]} | {one["name"] for one in told["judgement"]["services"]}


def test_the_folder_that_is_judged_has_a_project_of_its_own(stackops) -> None:
    asked = ("check", "wiring.address", "--project-dir", "/srv/librechat", "--host", "demo", "--project")
    assert stackops(*asked, "librechat").code in {0, 1}
    answer = stackops(*asked, "librechat2")
    assert answer.code == 2
    assert 'no compose project "librechat2" here; did you mean "librechat"?' in answer.err


def test_whether_a_project_is_there_is_not_known_where_no_engine_answers(stackops, doors, monkeypatch) -> None:
    from stackops.console.hosts import EngineUnreachable

    doors.host = open_demo(clock=FakeClock())

    async def gone(*_arguments, **_options):
        raise EngineUnreachable("no Engine at /run/x.sock", "start it")

    for call in ("version", "info", "containers", "inspect", "ping"):
        monkeypatch.setattr(doors.host.engine, call, gone)
    answer = stackops("ps", "--project", "nope")
    assert answer.code == 3
    assert "no compose project" not in answer.err


def test_the_console_needs_a_terminal(stackops, doors) -> None:
    for arguments in ((), ("demo",)):
        answer = stackops(*arguments)
        assert answer.code == 2
        assert "needs a terminal" in answer.err
    assert doors.opened == []


def test_the_console_offers_the_practice_stack_unless_it_is_on_it(stackops, doors, monkeypatch) -> None:
    from stackops.console.commands import console

    monkeypatch.setattr(console, "_needs_a_terminal", lambda: None)
    assert stackops().code == 0
    assert stackops("demo").code == 0
    assert doors.opened == [True, False]
