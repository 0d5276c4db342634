from __future__ import annotations

import json

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.model.findings import Result
from support.saying import saying

KEY = "/srv/fastgpt/mongodb.key"
FIX = ("fix", "mongo.keyfile", "--yes", "--disruptive")


def mode(doors) -> int:
    return doors.host.files.stat(KEY).mode


def test_undo_takes_the_newest_fix_back(stackops, doors) -> None:
    assert stackops(*FIX).code == 0
    answer = stackops("undo", "--yes")
    assert answer.code == 0, answer.err
    assert mode(doors) == 0o644
    assert stackops("undo", "--yes").out == "nothing to undo\n"


def test_undo_without_a_terminal_needs_yes(stackops, doors) -> None:
    stackops(*FIX)
    answer = stackops("undo")
    assert answer.code == 5
    assert "--yes" in answer.err.splitlines()[-1]
    assert mode(doors) == 0o400


def test_undo_is_refused_when_the_file_changed_since(stackops, doors) -> None:
    stackops(*FIX)
    doors.host.files.chmod(KEY, 0o600)
    answer = stackops("undo", "--yes")
    assert answer.code == 5
    assert "since the fix" in answer.err
    assert mode(doors) == 0o600


def test_an_entry_can_be_named_by_its_beginning_and_an_unknown_one_is_a_usage_error(stackops, state) -> None:
    stackops(*FIX)
    entry = Journal(state).entries()[0].id
    assert stackops("undo", "nope", "--yes").code == 2
    assert stackops("undo", entry[:17], "--yes").code == 0


def test_read_only_refuses_undo(stackops, doors) -> None:
    stackops(*FIX)
    assert stackops("undo", "--yes", "--read-only").code == 5
    assert mode(doors) == 0o400


def test_the_journal_lists_what_was_done(stackops) -> None:
    assert stackops("journal").out == ""
    stackops(*FIX)
    stackops("undo", "--yes")
    rows = json.loads(stackops("journal", "--json").out)["entries"]
    assert [(row["kind"], row["state"], row["check"]) for row in rows] == [
        ("undo", "done", "mongo.keyfile"),
        ("fix", "undone", "mongo.keyfile"),
    ]
    words = [line.split("\t")[0] for line in stackops("journal", "--plain").out.splitlines()]
    assert words == ["done", "undone"]
    assert "fix mongo.keyfile mongo" in stackops("journal").out


def test_one_entry_shows_its_steps(stackops) -> None:
    stackops(*FIX)
    entry = json.loads(stackops("journal", "--json").out)["entries"][0]["entry"]
    whole = json.loads(stackops("journal", entry, "--json").out)["entry"]
    assert [step["kind"] for step in whole["steps"]][:2] == ["Chmod", "Chown"]
    assert all(step["done"] for step in whole["steps"])
    assert "mode 0644 → 0400" in stackops("journal", entry).out
    assert stackops("journal", entry, "--plain").out.startswith("done\t")


@pytest.fixture
def interrupted(stackops, state, doors) -> str:
    """A fix whose process vanished after its first step: the end of its journal is cut off, the rest put back."""
    stackops(*FIX)
    path = next((state / "journal").glob("*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    intent = json.loads(lines[0])
    intent["who"] = {**intent["who"], "pid": 2**22 - 1, "started": 1}
    path.write_bytes(json.dumps(intent).encode() + b"\n" + b"".join(lines[1:3]))
    files = doors.host.files
    files.chown(KEY, 0, 0)
    return path.stem


def test_every_start_tells_about_an_interrupted_fix(stackops, interrupted) -> None:
    answer = stackops("check", "--fail-on", "never")
    assert answer.code == 0
    assert f"stackops resume {interrupted}" in answer.err
    assert f"stackops rollback {interrupted}" in answer.err


def test_rollback_takes_an_interrupted_fix_back(stackops, doors, interrupted) -> None:
    answer = stackops("rollback", "--yes")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("Rolled back")
    assert mode(doors) == 0o644
    assert stackops("rollback", "--yes").out == "nothing was interrupted\n"


@pytest.mark.parametrize("way", [("rollback", 0o644), ("resume", 0o400)], ids=lambda way: way[0])
def test_a_project_that_is_gone_does_not_keep_an_interrupted_fix_open(stackops, doors, interrupted, way) -> None:
    """A recreate that was killed may have left its project without a container."""
    answer = stackops(way[0], "--yes", "--project", "gone")
    assert (answer.code, mode(doors)) == (0, way[1]), answer.err


def test_a_project_in_which_nothing_of_the_fix_is_seen_proves_nothing(
    stackops, doors, interrupted, monkeypatch
) -> None:
    """The trouble is there still; with ``--project`` of another stack it would seem gone."""
    from stackops.checks import registry

    check = registry.find("mongo.keyfile")

    def stays(snapshot, _settings):
        there = [container.name for container in snapshot.containers if container.name == "mongo"]
        return [Result(check.id, name, "finding", "It is there still", severity="error") for name in there]

    monkeypatch.setattr(registry, "ALL", (saying(check, stays),))
    answer = stackops("resume", "--yes", "--project", "librechat")
    assert (answer.code, mode(doors)) == (4, 0o644), answer.err


def test_of_a_project_that_the_settings_name_and_that_is_gone_the_record_can_be_used(stackops, doors, tmp_path) -> None:
    stackops(*FIX)
    file = tmp_path / "x.toml"
    file.write_text('project = "gone"\n')
    assert "mongo.keyfile" in stackops("journal", "--config", str(file)).out
    answer = stackops("undo", "--yes", "--config", str(file))
    assert (answer.code, mode(doors)) == (0, 0o644), answer.err


def test_resume_finishes_an_interrupted_fix(stackops, doors, interrupted) -> None:
    answer = stackops("resume", "--yes")
    assert answer.code == 0, answer.err
    assert mode(doors) == 0o400
    assert stackops("resume", "--yes").out == "nothing was interrupted\n"


def test_resume_asks_and_without_a_terminal_needs_yes(stackops, doors, interrupted) -> None:
    answer = stackops("resume")
    assert answer.code == 5
    assert "--yes" in answer.err.splitlines()[-1]
    assert stackops("resume", "--yes", "--read-only").code == 5


def test_a_finished_entry_has_nothing_to_resume(stackops, state) -> None:
    stackops(*FIX)
    entry = Journal(state).entries()[0].id
    assert stackops("resume", entry, "--yes").code == 5
