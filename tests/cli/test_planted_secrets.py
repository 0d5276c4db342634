"""Secrets planted in every text from outside, and every command asked in every form: none is ever printed or kept."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.console import cli
from stackops.console.commands import session as sessions
from stackops.console.fix.journal import Journal
from stackops.console.hosts import HostError
from stackops.console.model.findings import Result
from stackops.console.text.cleaning import SECRETS
from support import planted

FORMS = ((), ("--json",), ("--plain",))
COMMANDS = (("check",), ("ps",), ("gpu",), ("servers",), ("wiring",))


@pytest.fixture
def garden(monkeypatch: pytest.MonkeyPatch, doors, state: Path) -> planted.Garden:
    """Every look sees the planted machine, every check finds what was planted."""
    garden = planted.Garden()
    results = planted.results(garden)
    snapshot = planted.snapshot(garden)

    def look(self: object, **_: object) -> object:
        SECRETS.learn_snapshot(snapshot)
        return snapshot

    monkeypatch.setattr(sessions.Session, "look", look)
    monkeypatch.setattr(type(doors), "examine", lambda *_: results)
    return garden


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "".join(form) or "readable")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_answer_holds_a_planted_secret(command, form, stackops, garden) -> None:
    answer = stackops(*command, *form)
    assert answer.out
    assert not garden.leaked(answer.out + answer.err)
    if form == ("--json",):
        json.loads(answer.out)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_narrow_answer_breaks_a_secret_in_two(width, stackops, garden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for command in COMMANDS:
        answer = stackops(*command)
        assert not garden.leaked(answer.out + answer.err)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "".join(form) or "readable")
def test_no_entry_of_the_journal_shows_or_keeps_one(form, stackops, garden, state: Path, monkeypatch) -> None:
    made = planted.journal(state, garden)
    monkeypatch.setattr(sessions.Session, "journal", lambda _: Journal(state))
    shown = [stackops("journal", *form)] + [stackops("journal", entry.id, *form) for entry in made.entries()]
    assert not garden.leaked("\n".join(each.out + each.err for each in shown))
    kept = "\n".join(path.read_text() for path in state.rglob("*.jsonl")) + "\n".join(
        path.read_text() for path in (state / "journal").iterdir() if path.is_file()
    )
    assert "server.default-key" in kept
    assert not garden.leaked(kept)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "".join(form) or "readable")
def test_the_plan_of_a_fix_shows_none(form, stackops, doors, monkeypatch: pytest.MonkeyPatch) -> None:
    garden = planted.Garden()
    real = {check.id: check for check in doors.checks()}["librechat.config-mount"]

    def plan(*arguments: object) -> object:
        made = real.plan(*arguments)
        return replace(made, title=garden.form(), says=tuple(garden.form() for _ in range(40)))

    class Check:
        def __getattr__(self, name: str) -> object:
            return plan if name == "plan" else getattr(real, name)

    monkeypatch.setattr(type(doors), "checks", lambda _: [Check()])
    answer = stackops("fix", "librechat.config-mount", "--dry-run", "--host", "demo", *form)
    assert answer.code == 0, answer.err
    assert len(garden.secrets) > 40
    assert not garden.leaked(answer.out + answer.err)


@pytest.mark.parametrize("error", [HostError, RuntimeError], ids=["a sentence", "a crash"])
def test_neither_an_error_nor_a_crash_report_holds_one(error, stackops, garden, state: Path, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("\n".join(garden.form() for _ in planted.LINES))

    monkeypatch.setattr(sessions.Session, "look", fail)
    monkeypatch.setattr(sys, "argv", ["stackops", "check", "--api-key", garden.form()])
    answer = stackops("check")
    assert answer.err.startswith("stackops: ")
    reports = "\n".join(path.read_text() for path in state.rglob("crash-*.txt"))
    assert bool(reports) == (error is RuntimeError)
    assert not garden.leaked(answer.out + answer.err + reports)


def test_a_printed_command_can_be_pasted(stackops, doors, garden, monkeypatch: pytest.MonkeyPatch) -> None:
    fix = planted.results(garden)[0].fix
    mine = Result("server.wrong-key", "bluebox-chat/bluebox-web", "finding", "x", "error", fix=fix)
    monkeypatch.setattr(type(doors), "examine", lambda *_: (mine,))
    line = next(line for line in stackops("check").out.splitlines() if line.split()[:1] == ["run"])
    assert shlex.split(line)[1:] == ["stackops", "fix", "server.wrong-key", "bluebox-chat/bluebox-web", "--dry-run"]


def test_names_stay_whole_in_every_form(stackops, garden) -> None:
    for form in FORMS:
        out = stackops("ps", *form).out
        assert "bluebox-chat" in out
        assert "bluebox/web:1" in out or not form
        assert "bluebox-chat-bluebox-web-1" in out


@pytest.mark.parametrize("check", ["server.wrong-key", "server.default-key", "mongo.keyfile", "librechat.cookie"])
def test_the_id_of_a_check_is_no_secret(check: str, state: Path, tmp_path: Path, capfd) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text("services:\n  fastgpt:\n    image: ghcr.io/labring/fastgpt:v4.6.7\n")
    cli.run(["fix", check, "--project-dir", os.fspath(folder)], cli.LazyDoors())
    sys.stdout.flush()
    assert capfd.readouterr().out == f"{check}: nothing to do\n"
