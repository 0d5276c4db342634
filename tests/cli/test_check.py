from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from stackops.checks import registry
from stackops.console.hosts import EngineUnreachable
from stackops.console.practice import open_demo
from support.clock import FakeClock
from support.practice import FORMS
from support.saying import saying

ON_A_FRESH_STACK = set(FORMS) & {check.id for check in registry.ALL}
PROJECT = "services:\n  web:\n    image: nginx:1.27\n"


def test_the_document_has_exactly_the_promised_shape(stackops) -> None:
    answer = stackops("check", "--json")
    document = json.loads(answer.out)
    assert list(document) == ["schema", "host", "taken_at", "judgement", "results", "faults"]
    assert document["schema"] == "stackops/1"
    assert document["host"] == "gpu-box-01"
    for row in document["results"]:
        assert list(row) == [
            "check", "subject", "also", "status", "severity", "title", "evidence", "because", "fix", "form", "note",
        ]  # fmt: skip
        assert row["status"] in {"ok", "finding", "unknown", "not_applicable", "crashed", "ignored"}
        assert row["severity"] in {"error", "warning", "info", None}
        assert row["fix"] is None or list(row["fix"]) == ["safety", "summary"]
        assert all(list(evidence) == ["label", "value", "source"] for evidence in row["evidence"])


def test_findings_at_the_level_make_the_exit_code_1(stackops) -> None:
    assert stackops("check").code == 1
    assert stackops("check", "--fail-on", "never").code == 0


def test_nothing_found_is_exit_code_0(stackops, doors) -> None:
    doors.host = open_demo(clock=FakeClock(), scenarios=[])
    answer = stackops("check", "--fail-on", "info")
    assert answer.code == 0
    assert "finding" not in stackops("check", "--plain").out


def test_plain_says_one_fact_per_line_with_the_status_word_first(stackops) -> None:
    answer = stackops("check", "--plain")
    words = {line.split("\t")[0] for line in answer.out.splitlines()}
    statuses = {"ok", "finding", "unknown", "not_applicable", "crashed", "ignored"}
    assert words <= {"verdict", "trouble", *statuses, "evidence", "because", "fix", "fault"}
    assert answer.out.startswith("verdict\tnot-well\t")
    findings = [line.split("\t") for line in answer.out.splitlines() if line.startswith("finding\t")]
    of_others = ("container.", "wiring.broken", "server.unreachable")
    generic = {row[1] for row in findings if row[1].startswith(of_others)} - ON_A_FRESH_STACK
    assert {row[1] for row in findings} - generic == ON_A_FRESH_STACK
    troubles = {line.split("\t")[1] for line in answer.out.splitlines() if line.startswith("trouble\t")}
    assert troubles == ON_A_FRESH_STACK, "what a check of its own explains is no trouble of its own"
    assert all(row[3] in {"error", "warning", "info"} and len(row) == 5 for row in findings)


def test_the_report_names_cause_evidence_and_the_command_that_repairs(stackops) -> None:
    report = stackops("check").out
    assert report.startswith("VERDICT  ")
    assert "ERROR    mongo.keyfile  mongo" in report
    assert "because mongod refuses" in report
    assert "seen    mode: 0644" in report
    assert "fix mongo.keyfile mongo --dry-run" in report
    assert re.match(r"\d+ errors, ", report.rstrip().splitlines()[-1])


def test_only_the_named_checks_are_run(stackops) -> None:
    rows = json.loads(stackops("check", "mongo.keyfile", "--json").out)["results"]
    assert {row["check"] for row in rows} == {"mongo.keyfile"}


def test_an_unknown_check_names_the_nearest(stackops) -> None:
    answer = stackops("check", "mongo.keyfil")
    assert answer.code == 2
    assert 'unknown check "mongo.keyfil"; did you mean "mongo.keyfile"?' in answer.err
    assert answer.out == ""


def test_a_check_that_raises_is_a_row_and_the_others_are_judged(stackops, doors, monkeypatch) -> None:
    def breaks(_snapshot, _settings):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(registry, "ALL", (saying(registry.ALL[0], breaks), *registry.ALL[1:]))
    answer = stackops("check", "--json")
    status = {row["check"]: row["status"] for row in json.loads(answer.out)["results"]}
    assert status[registry.ALL[0].id] == "crashed"
    assert "finding" in status.values()
    assert "secret detail" not in answer.out + answer.err
    assert f"could not judge: {registry.ALL[0].id}" in answer.err


def test_an_engine_that_does_not_answer_is_exit_code_3_with_one_sentence(stackops, doors, monkeypatch) -> None:
    host = open_demo(clock=FakeClock())
    doors.host = host

    async def gone(*_arguments, **_options):
        raise EngineUnreachable("no Engine at /run/x.sock", "start it")

    for call in ("version", "info", "containers", "inspect", "ping"):
        monkeypatch.setattr(host.engine, call, gone)
    answer = stackops("check", "--json")
    assert answer.code == 3
    assert answer.err == "stackops: no Engine at /run/x.sock; start it\n"
    assert json.loads(answer.out)["faults"][0]["sentence"] == "no Engine at /run/x.sock"


# ---- a folder, before anything runs


@pytest.fixture
def local(doors, monkeypatch):
    """The real host; its Engine must never be asked."""
    from stackops.console import cli
    from stackops.console.settings import Settings

    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    doors.host = cli.LazyDoors().open_host(Settings())
    return doors.host


def test_a_folder_is_judged_without_an_engine(stackops, local, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(PROJECT)
    answer = stackops("check", "--project-dir", str(tmp_path), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["faults"] == []


def test_a_key_file_that_is_a_directory_is_found_in_a_folder(stackops, local, tmp_path: Path) -> None:
    (tmp_path / "mongodb.key").mkdir()
    (tmp_path / "docker-compose.yml").write_text(
        "services:\n  mongo:\n    image: mongo:5.0.18\n    command: mongod --keyFile /data/mongodb.key --replSet rs0\n"
        "    volumes:\n      - ./mongodb.key:/data/mongodb.key\n"
    )
    answer = stackops("check", "--project-dir", str(tmp_path), "--json")
    rows = [row for row in json.loads(answer.out)["results"] if row["check"] == "mongo.keyfile"]
    assert answer.code == 1
    assert rows[0]["status"] == "finding"
    assert "is a directory" in rows[0]["title"]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (None, "there is no such folder"),
        ({}, "no compose file"),
        ({"compose.yaml": "services:\n\tweb: x\n"}, "compose.yaml"),
        ({"compose.yaml": "services: [1, 2]\n"}, "compose.yaml"),
    ],
)
def test_a_folder_that_cannot_be_judged_is_exit_code_2(stackops, local, tmp_path: Path, make, sentence) -> None:
    folder = tmp_path / "stack"
    if make is not None:
        folder.mkdir()
        for name, text in make.items():
            (folder / name).write_text(text)
    answer = stackops("check", "--project-dir", str(folder))
    assert answer.code == 2
    assert sentence in answer.err
    assert len(answer.err.splitlines()) == 1
