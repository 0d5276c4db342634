"""A fix from preview to undo: nothing before consent, everything after it, and all of it back again."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.engine import Progress, Refused
from stackops.console.fix.plan import Plan, Question
from stackops.console.fix.steps import Chmod, Chown, ComposeUp, CreateFile, RandomKey, ReplaceFile, StepFailed, Text
from support.workshop import OVERRIDE, SIXTH, Workshop, never


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_preparing_changes_nothing_at_all(shop: Workshop) -> None:
    before, containers = shop.tree(), shop.world.load()["containers"]

    prepared = shop.fixer().prepare(shop.plan())

    assert [type(row.step).__name__ for row in prepared.steps] == [
        "EditFile", "ReplaceDirectoryByFile", "CreateFile", "ReplaceFile", "Chmod", SIXTH, "ComposeUp",
    ]  # fmt: skip
    assert shop.tree() == before
    assert shop.world.load()["containers"] == containers
    assert not shop.state.exists()


def test_the_preview_shows_text_as_a_diff_and_keys_not_at_all(shop: Workshop) -> None:
    prepared = shop.fixer().prepare(shop.plan())
    diffs = [row.diff for row in prepared.steps]

    assert any(line.startswith("+") and "librechat.yaml" in line for line in diffs[0].splitlines())
    assert "- A=…" in diffs[0], "what stands beside a change is shown without its value"
    assert "+version: 1.2.1" in diffs[1]
    assert "1,024 bytes of random base64, not shown" in diffs[2]
    assert "not a key!" not in diffs[3]
    assert diffs[4].endswith("mode 0644 → 0400")
    assert ("owner 0:0 → 999:0" if SIXTH == "Chown" else "mode 0644 → 0600") in diffs[5]
    assert diffs[6].startswith("$ docker compose -p chat --project-directory")
    for name, content in prepared.contents.items():
        assert name not in repr(prepared) or content.decode() not in repr(prepared)
    key = next(c for c in prepared.contents.values() if len(c) == 1024)
    assert key.decode()[:60] not in repr(prepared)


def test_compose_is_asked_about_the_files_as_they_would_be(shop: Workshop) -> None:
    shop.fixer().prepare(shop.plan())

    assert shop.world.calls == []
    assert "/app/librechat.yaml" in shop.world.load()["checked"][1]


def test_a_file_that_compose_refuses_is_refused_at_the_preview(shop: Workshop) -> None:
    shop.world.say(config_exit=15, output="services.api.volumes.0 is nonsense")

    with pytest.raises(StepFailed, match="is nonsense"):
        shop.fixer().prepare(shop.plan())


def test_a_project_reached_through_a_link_is_repaired_checked_by_compose_and_undone(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to("disk")
    shop = Workshop(tmp_path / "home")
    Path(shop.override).unlink()  # so that Compose is given a file that is only going to be made
    before = shop.tree()
    prepared = shop.fixer().prepare(shop.plan())
    assert "/app/librechat.yaml" in shop.world.load()["checked"][1]
    assert {fact.path.startswith(f"{tmp_path}/disk/") for fact in prepared.was} == {True}

    done = shop.fixer().run(prepared)
    assert done.name == "done", done
    assert "/app/librechat.yaml" in Path(shop.override).read_text()
    assert shop.fixer().undo(done.entry or "").name == "done"
    assert shop.tree() == before


def test_what_was_done_on_one_engine_is_not_taken_back_on_another(shop: Workshop) -> None:
    fixer = shop.fixer()
    fixer.host.engine.address = f"unix://{shop.base}/run/docker.sock"  # type: ignore[union-attr]
    (shop.base / "run").mkdir()
    (shop.base / "var").symlink_to("run")
    done = fixer.run(fixer.prepare(shop.plan()))
    assert done.name == "done", done
    left = shop.tree()

    other = shop.fixer()
    other.host.engine.address = "unix:///run/second.sock"  # type: ignore[union-attr]
    refused = other.undo(done.entry or "")
    assert (refused.name, refused.remedy) == (
        "refused", f"say which Engine is meant: stackops --host unix://{shop.base}/run/docker.sock",
    )  # fmt: skip
    assert shop.tree() == left
    same = shop.fixer()
    same.host.engine.address = f"unix://{shop.base}/var/docker.sock"  # type: ignore[union-attr]
    assert same.undo(done.entry or "").name == "done"


def test_a_fix_does_all_of_it_and_looks_again_until_it_has_settled(shop: Workshop) -> None:
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    seen: list[Progress] = []

    outcome = fixer.run(prepared, seen.append)

    assert (outcome.name, outcome.code) == ("done", ExitCode.OK)
    tree = shop.tree()
    assert tree["librechat.yaml"][1:2] == (oct(0o100640),)
    assert tree["librechat.yaml"][4] == b"version: 1.2.1\n"
    assert tree["bad.key"][1] == oct(0o100400)
    assert len(tree["new.key"][4].split()) == 16
    assert all(len(line) <= 64 for line in tree["new.key"][4].split())
    assert tree["docker-compose.override.yml"][4].startswith(OVERRIDE.encode())
    assert [*map(str, fixer.host.clock.slept)] == ["1.0"] * 3
    assert [p.state for p in seen if p.phase == "step"] == ["running", "done"] * 7
    assert shop.world.calls[-1][2:] == ["up", "-d", "--no-deps", "--no-build", "--pull", "never", "api"]


def test_running_twice_writes_nothing_and_asks_only_to_read(shop: Workshop) -> None:
    fixer = shop.fixer()
    fixer.run(
        fixer.prepare(Plan("c", "s", "t", steps=shop.plan().steps[:2] + shop.plan().steps[4:], lock=str(shop.project)))
    )
    files = shop.tree()
    inodes = {p: p.stat().st_ino for p in shop.project.iterdir()}
    state = {p: p.read_bytes() for p in shop.state.rglob("*") if p.is_file()}
    calls = shop.world.calls

    steps = (*shop.plan().steps[:1], *shop.plan().steps[4:])
    again = fixer.prepare(Plan("c", "s", "t", steps=steps, lock=str(shop.project)))
    outcome = fixer.run(again)

    assert again.empty
    assert (outcome.name, outcome.sentence) == ("nothing", "Nothing to do")
    assert shop.tree() == files
    assert {p: p.stat().st_ino for p in shop.project.iterdir()} == inodes
    assert {p: p.read_bytes() for p in shop.state.rglob("*") if p.is_file()} == state
    assert shop.world.calls == calls


def test_undo_puts_every_byte_mode_and_owner_back_and_recreates_the_service_last(shop: Workshop) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    entry = fixer.run(fixer.prepare(shop.plan())).entry
    assert entry is not None

    outcome = fixer.undo(entry)

    assert outcome.name == "done", outcome
    assert shop.tree() == before
    assert shop.world.calls[-1] == [
        shop.compose, shop.override, "up", "-d", "--no-deps", "--no-build", "--pull", "never", "--force-recreate",
        "api",
    ]  # fmt: skip
    assert {e.kind: e.state for e in fixer.journal.entries()} == {"undo": "done", "fix": "undone"}
    assert fixer.undo(entry).sentence.endswith("is undone already")


def test_the_preview_of_an_undo_shows_what_would_come_back(shop: Workshop) -> None:
    fixer = shop.fixer()
    entry = fixer.run(fixer.prepare(shop.plan())).entry
    after = shop.tree()

    prepared = fixer.prepare_undo(entry or "")

    assert prepared.kind == "undo"
    assert [type(row.step).__name__ for row in prepared.steps] == [
        SIXTH, "Chmod", "RestoreFile", "RemoveFile", "RestoreDirectory", "RestoreFile", "ComposeUp",
    ]  # fmt: skip
    assert any("mode 0400 → 0644" in row.diff for row in prepared.steps)
    assert shop.tree() == after


def test_taking_back_does_not_name_an_override_that_the_fix_created(shop: Workshop) -> None:
    Path(shop.override).unlink()
    shop.world.set("api", files=[])
    before = shop.tree()
    fixer = shop.fixer()

    outcome = fixer.run(fixer.prepare(shop.plan()))

    assert fixer.undo(outcome.entry or "").name == "done"
    assert shop.world.calls[-1][:2] == [shop.compose, "up"]
    assert shop.tree() == before


@pytest.mark.parametrize("how", ["content", "mode", "gone"])
def test_undo_refuses_when_something_changed_since_and_says_what(shop: Workshop, how: str) -> None:
    fixer = shop.fixer()
    entry = fixer.run(fixer.prepare(shop.plan())).entry
    target = shop.project / "librechat.yaml"
    if how == "content":
        target.write_text("version: 2\n")
    elif how == "mode":
        target.chmod(0o600)
    else:
        target.unlink()
    after, calls = shop.tree(), shop.world.calls

    outcome = fixer.undo(entry or "")

    assert (outcome.name, outcome.code) == ("refused", ExitCode.REFUSED)
    assert str(target) in outcome.sentence
    assert {"content": "has changed", "mode": "is 0600, not 0640", "gone": "is not there"}[how] in outcome.sentence
    assert (shop.tree(), shop.world.calls) == (after, calls)


def test_an_entry_of_another_host_is_refused(shop: Workshop) -> None:
    fixer = shop.fixer()
    entry = fixer.run(fixer.prepare(shop.plan())).entry
    other = shop.fixer()
    other.host.name = "elsewhere"

    assert "was made on workshop, and this is elsewhere" in other.undo(entry or "").sentence


def test_later_steps_are_prepared_on_what_earlier_ones_leave(shop: Workshop) -> None:
    path = shop.compose
    plan = Plan(
        "c", "s", "t", steps=(ReplaceFile(path, Text("one\n")), ReplaceFile(path, Text("two\n")), Chmod(path, 0o400))
    )

    prepared = shop.fixer().prepare(plan)

    assert "-one" in prepared.steps[1].diff
    assert "+two" in prepared.steps[1].diff
    assert len(prepared.was) == 1
    assert prepared.will[0].mode == 0o400


def test_a_plan_that_needs_an_answer_says_how_to_give_it(shop: Workshop) -> None:
    plan = shop.plan(questions=(Question("lan", "The address of this machine", choices=("10.0.0.1",)),))
    with pytest.raises(Refused, match="It has to be told") as refusal:
        shop.fixer().prepare(plan)
    assert refusal.value.remedy == "--set lan=VALUE"
    with pytest.raises(Refused, match="is one of"):
        shop.fixer().prepare(plan, {"lan": "x"})
    assert not shop.fixer().prepare(plan, {"lan": "10.0.0.1"}).empty


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (lambda s: CreateFile(s.path("bad.key"), RandomKey()), "exists already"),
        (lambda s: CreateFile(s.path("no/such/file"), Text("x")), "folder .* is missing"),
        (lambda s: Chmod(s.path("librechat.yaml"), 0o400), "is a directory, not a regular file"),
        (lambda s: Chown("relative/path", 1), "not a plain absolute path"),
        (lambda s: Chown(s.path("../escape"), 1), "not a plain absolute path"),
        (lambda s: ReplaceFile(s.path("gone"), Text("x")), "is missing, not a regular file"),
        (lambda s: ComposeUp("chat", s.path(""), (s.path("gone.yml"),), "api"), "files are not there"),
        (lambda s: ComposeUp("chat", s.path(""), (s.compose,), "--rm"), "is no name"),
    ],
)
def test_what_cannot_be_done_is_said_at_the_preview(shop: Workshop, step: object, sentence: str) -> None:
    plan = Plan("c", "s", "t", steps=(step(shop),))  # type: ignore[operator]
    with pytest.raises(StepFailed, match=sentence):
        shop.fixer(never).prepare(plan)


def test_a_container_that_was_recreated_since_the_finding_is_not_touched(shop: Workshop) -> None:
    step = ComposeUp("chat", str(shop.project), (shop.compose,), "api", container="f" * 64)
    with pytest.raises(StepFailed, match="another container"):
        shop.fixer(never).prepare(Plan("c", "s", "t", steps=(step,)))


def test_the_journal_and_the_audit_hold_hashes_and_no_content(shop: Workshop) -> None:
    (shop.project / ".env").write_text("JWT_SECRET=correct-horse-battery\n")
    steps = (ReplaceFile(shop.path(".env"), Text("JWT_SECRET=another-long-secret\nPORT=1\n")), *shop.plan().steps[2:3])
    fixer = shop.fixer(lambda: shop.look().__class__("c", "s", "ok", "t"))
    outcome = fixer.run(fixer.prepare(Plan("c", "s", "t", steps=steps, lock=str(shop.project))))
    key = (shop.project / "new.key").read_text()

    assert outcome.name == "done"
    lines = b"".join(p.read_bytes() for p in (*(shop.state / "journal").glob("*.jsonl"), shop.state / "audit.jsonl"))
    for secret in ("correct-horse-battery", "another-long-secret", key[:20]):
        assert secret.encode() not in lines
    for path in shop.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    audit = [json.loads(line) for line in (shop.state / "audit.jsonl").read_text().splitlines()]
    assert [line["event"] for line in audit] == ["begin", "end"]
    assert audit[1]["outcome"] == "done"
    assert audit[0]["who"]["pid"] == __import__("os").getpid()
    assert audit[0]["before"][shop.path(".env")] != audit[0]["after"][shop.path(".env")]


def test_a_stop_between_two_steps_leaves_a_named_state_that_can_be_resumed(shop: Workshop) -> None:
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    stop = threading.Event()

    def tell(progress: Progress) -> None:
        if progress.phase == "step" and progress.index == 2 and progress.state == "running":
            stop.set()

    outcome = fixer.run(prepared, tell, stop)

    assert (outcome.name, outcome.code) == ("stopped", ExitCode.REFUSED)
    assert outcome.sentence == "Stopped after 3 of 7 steps"
    (entry,) = fixer.journal.open_entries()
    assert fixer.resume(entry).name == "done"
    assert fixer.journal.open_entries() == ()


def test_a_stop_before_the_first_step_leaves_nothing_open(shop: Workshop) -> None:
    before = shop.tree()
    stop = threading.Event()
    stop.set()
    fixer = shop.fixer()

    outcome = fixer.run(fixer.prepare(shop.plan()), None, stop)

    assert outcome.sentence == "Stopped before the first step; nothing was changed"
    assert shop.tree() == before
    assert fixer.journal.open_entries() == ()


def test_an_entry_of_a_release_that_kept_no_definitions_is_read_and_taken_back(shop: Workshop) -> None:
    before, fixer = shop.tree(), shop.fixer()
    outcome = fixer.run(fixer.prepare(shop.plan()))
    (path,) = fixer.journal.directory.glob("*.jsonl")
    first, _, rest = path.read_bytes().partition(b"\n")
    entry = json.loads(first)
    for row in entry["steps"]:
        for step in (row["step"], row["inverse"]):
            for key in ("env_files", "makes", "replaces"):
                step.pop(key, None)
    path.write_bytes(json.dumps(entry).encode() + b"\n" + rest)

    undone = shop.fixer().undo(outcome.entry or "")

    assert undone.sentence.startswith("Undone"), undone
    assert shop.tree() == before
