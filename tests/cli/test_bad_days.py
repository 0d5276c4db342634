"""Whatever happens: one sentence, an exit code, no traceback, no secret, no escape sequence."""

from __future__ import annotations

import json
import re

import pytest
from stackops.console.model.findings import Evidence, Result
from stackops.console.text.cleaning import SECRETS
from support.saying import saying

WAYS = [("check",), ("check", "--plain"), ("check", "--json"), ("fix", "mongo.keyfile", "nobody")]
HOSTILE = "[/etc/x]\x1b]52;c;aGk=\x07\x9b2J\u202e容器" + "x" * 300


@pytest.fixture
def hostile(monkeypatch):
    """A check that repeats what a container's owner has made up."""

    from stackops.checks import registry

    def examine(_snapshot, _settings):
        return [
            Result(
                "mongo.keyfile", HOSTILE, "finding", f"{HOSTILE}\nsecond line", severity="error",
                evidence=(Evidence(HOSTILE, "POSTGRES_PASSWORD=supersecret1", HOSTILE),),
                because="password=supersecret1",
            )
        ]  # fmt: skip

    monkeypatch.setattr(registry, "ALL", (saying(registry.find("mongo.keyfile"), examine),))


@pytest.mark.parametrize("arguments", WAYS[:3])
def test_evidence_named_like_a_secret_is_masked_whole(stackops, monkeypatch, arguments) -> None:
    from stackops.checks import registry

    evidence = (Evidence("DB_PASSWORD", "plainpw", "env"),)
    said = Result("mongo.keyfile", "x", "finding", "bad", severity="error", evidence=evidence)
    monkeypatch.setattr(registry, "ALL", (saying(registry.find("mongo.keyfile"), lambda *_: [said]),))
    assert "plainpw" not in stackops(*arguments).out


@pytest.mark.parametrize("arguments", WAYS)
def test_no_control_character_and_no_secret_leaves_the_program(stackops, hostile, arguments) -> None:
    answer = stackops(*arguments)
    everything = answer.out + answer.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", everything)
    assert "supersecret1" not in everything
    assert "[/etc/x]" in everything


def test_a_hostile_name_does_not_break_a_line_of_plain_output(stackops, hostile) -> None:
    lines = stackops("check", "--plain").out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["verdict", "trouble", "finding", "evidence", "because"]


def test_a_learned_secret_is_masked_in_json_too(stackops, doors) -> None:
    stackops("check")
    secrets = [value for value in SECRETS._values if value.isalnum() and len(value) > 7]
    assert secrets, "the practice stack has passwords"
    for arguments in (("check", "--json"), ("ps", "--json"), ("fix", "mongo.keyfile", "--dry-run", "--json")):
        out = stackops(*arguments).out
        assert not [value for value in secrets if value in out]


def test_a_mistake_of_ours_is_one_sentence_with_a_report_that_only_its_owner_reads(
    stackops, state, monkeypatch
) -> None:
    from stackops.checks import registry

    def breaks(*_arguments):
        raise ValueError("POSTGRES_PASSWORD=supersecret1")

    monkeypatch.setattr(registry, "examine", breaks)
    answer = stackops("check")
    assert answer.code == 70
    assert len(answer.err.splitlines()) == 1
    assert "Traceback" not in answer.err
    report = next(state.glob("crash-*.txt"))
    assert str(report) in answer.err
    assert report.stat().st_mode & 0o777 == 0o600
    assert "ValueError" in report.read_text()
    assert "supersecret1" not in report.read_text() + answer.err


def test_a_report_that_cannot_be_written_is_still_one_sentence(stackops, monkeypatch, tmp_path) -> None:
    from stackops.checks import registry

    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(blocked / "under"))
    monkeypatch.setattr(registry, "examine", lambda *_: 1 / 0)
    answer = stackops("check")
    assert answer.code == 70
    assert "no report could be written" in answer.err


def test_a_key_press_of_ctrl_c_is_exit_code_130(stackops, monkeypatch) -> None:
    from stackops.checks import registry

    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "examine", interrupt)
    answer = stackops("check")
    assert (answer.code, answer.err.strip()) == (130, "stackops: interrupted")


def test_a_journal_that_cannot_be_read_does_not_stop_looking(stackops, state) -> None:
    folder = state / "journal"
    folder.mkdir(parents=True)
    (folder / "20260101-000000-abcdef.jsonl").write_bytes(b"\xff\xfe nonsense\n")
    answer = stackops("check", "--json", "--fail-on", "never")
    assert answer.code == 0
    assert json.loads(answer.out)["results"]
    assert "not an entry this version understands" in stackops("journal").err
