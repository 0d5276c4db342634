"""F5 to F17: what may go wrong while a fix is under way, and what must never follow from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.engine import Progress
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import Chmod, ComposeUp, RestartContainer
from stackops.console.hosts import HostError
from stackops.console.model.findings import Result
from support.workshop import Workshop, broken, never

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts and other users")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _good() -> Result:
    return Result("test.all", "api", "ok", "It is right")


def _holder(shop: Workshop, uid: int | None = None) -> subprocess.Popen[bytes]:
    """Another console in the middle of a fix: it hangs in its look until it is killed."""
    code = (
        "import os, sys, time; from pathlib import Path; from support.workshop import Workshop\n"
        "shop = Workshop(Path(sys.argv[1])); uid = int(sys.argv[2])\n"
        "if uid: shop.state = shop.base / 'theirs'; shop.state.mkdir(); os.chown(shop.state, uid, -1); os.setuid(uid)\n"
        "fixer = shop.fixer(lambda: (print('held', flush=True), time.sleep(60)))\n"
        "from stackops.console.fix.plan import Plan; from stackops.console.fix.steps import CreateFile, Text\n"
        "step = CreateFile(shop.path('shared/note'), Text('x'))\n"
        "fixer.run(fixer.prepare(Plan('c', 's', 't', steps=(step,), lock=str(shop.project))))"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    (shop.project / "shared").mkdir()
    (shop.project / "shared").chmod(0o777)
    argv = [sys.executable, "-c", code, str(shop.base), str(uid or 0)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=env)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_console_is_told_who_holds_the_project_and_a_killed_holder_holds_nothing(shop: Workshop) -> None:
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    holder = _holder(shop)
    try:
        refused = fixer.run(prepared)
        open_while_alive = fixer.journal.open_entries()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()  # type: ignore[union-attr]

    assert refused.code == ExitCode.REFUSED
    assert f"pid {holder.pid} since " in refused.sentence
    assert open_while_alive == ()
    (half_done,) = fixer.journal.open_entries()
    beside_it = fixer.run(prepared)
    assert beside_it.code == ExitCode.REFUSED
    assert f"stackops rollback {half_done.id}" in (beside_it.remedy or "")
    assert fixer.roll_back(half_done).name == "rolled-back"
    assert fixer.run(fixer.prepare(shop.plan())).name == "done"


@needs_root
def test_another_user_who_holds_the_project_is_named_though_his_journal_is_not_ours(tmp_path: Path) -> None:
    base = Path("/tmp") / f"stackops-test-{os.getpid()}-{time.monotonic_ns()}"
    shop = Workshop(base)
    for folder in (base, shop.project):
        folder.chmod(0o755)
    shop.world.path.chmod(0o644)
    holder = _holder(shop, uid=65534)
    try:
        refused = shop.fixer().run(shop.fixer().prepare(shop.plan()))
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()  # type: ignore[union-attr]
        shutil.rmtree(base)

    assert f"held by nobody pid {holder.pid}" in refused.sentence


@pytest.mark.parametrize("when", ["before the start", "in the middle"])
def test_somebody_elses_compose_up_stops_the_fix(shop: Workshop, when: str) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())

    def meddle(progress: Progress | None = None) -> None:
        if progress is None or (progress.index == 5 and progress.state == "done"):
            shop.world.run("api", [shop.compose])

    if when == "before the start":
        meddle()
    outcome = fixer.run(prepared, meddle if when == "in the middle" else None)

    assert shop.tree() == before
    assert (outcome.name, "up" in [c[2] for c in shop.world.calls]) == (
        ("refused", False) if when == "before the start" else ("rolled-back", False)
    )


@pytest.mark.parametrize("change", ["content", "mode", "kind"])
def test_a_file_that_changed_since_the_preview_refuses_before_anything_is_written(shop: Workshop, change: str) -> None:
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    key = shop.project / "bad.key"
    if change == "content":
        key.write_text("another")
    elif change == "mode":
        key.chmod(0o600)
    else:
        (shop.project / "librechat.yaml" / "surprise").write_text("mine")
    before = shop.tree()

    outcome = fixer.run(prepared)

    assert outcome.code == ExitCode.REFUSED
    assert outcome.sentence.startswith("Changed since the preview: ")
    assert shop.tree() == before
    assert not (shop.state / "audit.jsonl").exists()
    assert fixer.journal.entries() == ()


def test_a_file_that_changes_in_the_middle_is_left_alone_and_the_rest_taken_back(shop: Workshop) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    override = Path(shop.override)

    def meddle(progress: Progress) -> None:
        if progress.index == 2 and progress.state == "running":
            (shop.project / "new.key").write_text("somebody was faster")

    outcome = fixer.run(prepared, meddle)

    assert outcome.name == "rollback-failed"
    tree = shop.tree()
    assert tree.pop("new.key")[4] == b"somebody was faster"
    assert tree == before
    assert override.read_bytes() == before["docker-compose.override.yml"][4]
    assert "new.key" in " ".join(outcome.says)


def test_a_service_is_never_made_to_follow_files_that_somebody_changed_after_us(shop: Workshop) -> None:
    fixer = shop.fixer()

    def meddle(progress: Progress) -> None:
        if progress.index == 5 and progress.state == "done":
            Path(shop.override).write_text("services: {}\n")

    outcome = fixer.run(fixer.prepare(shop.plan()), meddle)

    assert outcome.name == "rollback-failed"
    assert f"the content of {shop.override} has changed" in outcome.sentence
    assert Path(shop.override).read_text() == "services: {}\n"
    assert not any("up" in call for call in shop.world.calls)


@pytest.mark.parametrize("look", [never, broken])
def test_a_finding_that_does_not_go_away_takes_everything_back_and_recreates_the_service(
    shop: Workshop, look: Any
) -> None:
    before = shop.tree()
    fixer = shop.fixer(look)
    seen: list[Progress] = []

    outcome = fixer.run(fixer.prepare(shop.plan()), seen.append)

    assert (outcome.name, outcome.code) == ("rolled-back", ExitCode.ROLLED_BACK)
    assert shop.tree() == before
    assert "--force-recreate" in shop.world.calls[-1]
    back = [p.index for p in seen if p.phase == "roll back" and p.state == "done"]
    assert back == [5, 4, 3, 2, 1, 0, 6]
    assert fixer.journal.entries()[0].state == "rolled-back"
    assert sum(fixer.host.clock.slept) == 5.0


def test_a_finding_that_comes_back_while_it_settles_is_not_fixed(shop: Workshop) -> None:
    answers = iter(["finding", "ok", "ok", *["finding"] * 20])
    fixer = shop.fixer(lambda: Result("c", "s", next(answers), "It is wrong"))
    before = shop.tree()

    outcome = fixer.run(fixer.prepare(shop.plan()))

    assert outcome.name == "rolled-back"
    assert shop.tree() == before


@pytest.mark.parametrize(
    ("state", "why"), [("exited", "ran before and is exited now"), ("restarting", "is restarting")]
)
def test_a_container_that_dies_after_the_start_is_a_failed_fix(shop: Workshop, state: str, why: str) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    shop.world.say(state=state)

    outcome = fixer.run(prepared)

    assert outcome.name == "rolled-back"
    assert why in outcome.sentence
    assert shop.tree() == before


def test_a_container_that_keeps_restarting_is_a_failed_fix_though_it_runs_at_every_look(shop: Workshop) -> None:
    def look() -> Result:
        shop.world.set("api", started=os.urandom(4).hex())
        return _good()

    fixer = shop.fixer(look)
    outcome = fixer.run(fixer.prepare(shop.plan()))

    assert outcome.name == "rolled-back"
    assert "api keeps restarting" in outcome.sentence


def test_compose_that_fails_before_it_changed_anything_needs_no_way_back(shop: Workshop) -> None:
    before, container = shop.tree(), shop.world.container("api")
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    shop.world.say(fail_from=1, output="line\nError: no such image: x\n")

    outcome = fixer.run(prepared)

    assert outcome.code == ExitCode.ROLLED_BACK
    assert "Error: no such image: x" in outcome.sentence
    assert (shop.tree(), shop.world.container("api")) == (before, container)
    assert len([call for call in shop.world.calls if "up" in call]) == 1


def test_compose_that_fails_is_rolled_back_with_its_words(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    shop.world.say(fail_from=1, output="line\nError: no such image: x\n")
    real = fixer.host.control.compose

    def stops_and_fails(*args: Any, **kwargs: Any) -> Any:
        shop.world.set("api", state="exited")
        return real(*args, **kwargs)

    monkeypatch.setattr(fixer.host.control, "compose", stops_and_fails)
    outcome = fixer.run(prepared)

    assert (
        outcome.code == ExitCode.ROLLBACK_FAILED
    )  # the service cannot be started again either: that must be said loudly
    assert "Error: no such image: x" in outcome.sentence
    assert any(
        line.startswith("by hand: docker compose -p chat") and "--force-recreate" in line for line in outcome.says
    )
    assert shop.tree() == before


def test_a_service_that_did_not_run_before_need_not_run_after_the_roll_back(shop: Workshop) -> None:
    shop.world.set("api", state="exited")
    before = shop.tree()
    fixer = shop.fixer(never)
    prepared = fixer.prepare(shop.plan())
    shop.world.say(fail_from=2)

    outcome = fixer.run(prepared)

    assert outcome.code == ExitCode.ROLLED_BACK
    assert "did not run before and does not start now" in " ".join(outcome.says)
    assert shop.tree() == before


def test_a_read_only_console_previews_and_changes_nothing(shop: Workshop) -> None:
    done = shop.fixer(_good).run(shop.fixer().prepare(shop.plan(steps=shop.plan().steps[4:5])))
    before, state = shop.tree(), sorted(shop.state.rglob("*"))
    calls = len(shop.world.calls)
    fixer = shop.fixer(read_only=True)
    prepared = fixer.prepare(shop.plan(steps=shop.plan().steps[:4]))

    outcomes = [fixer.run(prepared), fixer.undo(done.entry or "")]

    assert {o.code for o in outcomes} == {ExitCode.REFUSED}
    assert {o.sentence for o in outcomes} == {"The console is read-only"}
    assert shop.tree() == before
    assert sorted(shop.state.rglob("*")) == state
    assert len(shop.world.calls) == calls


@pytest.mark.parametrize("how", ["audit is a directory", "state is a file", "journal is a file"])
def test_without_an_audit_line_and_a_journal_nothing_starts(shop: Workshop, how: str) -> None:
    if how == "audit is a directory":
        (shop.state / "audit.jsonl").mkdir(parents=True)
    elif how == "state is a file":
        shop.state.write_text("")
    else:
        shop.state.mkdir()
        (shop.state / "journal").write_text("")
    before = shop.tree()
    fixer = shop.fixer()

    outcome = fixer.run(fixer.prepare(shop.plan()))

    assert outcome.code == ExitCode.REFUSED
    assert str(shop.state) in outcome.sentence
    assert shop.tree() == before


@needs_root
@pytest.mark.parametrize("act", ["run", "undo"])
def test_a_journal_that_others_may_write_is_not_acted_upon(shop: Workshop, act: str) -> None:
    fixer = shop.fixer()
    entry = fixer.run(fixer.prepare(shop.plan())).entry
    prepared = fixer.prepare_undo(entry or "")
    os.chown(shop.state / "journal", 65534, 0)
    (shop.state / "journal").chmod(0o777)
    after = shop.tree()

    outcome = fixer.run(prepared) if act == "run" else fixer.undo(entry or "")

    assert outcome.code == ExitCode.REFUSED
    assert "Others may write the journal" in outcome.sentence
    assert shop.tree() == after


def test_a_step_that_does_not_end_is_unknown_and_taken_back_when_it_ends_after_all(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    real = fixer.host.control.compose
    monkeypatch.setattr(ComposeUp, "deadline", 0.1)
    waits = iter([0.4, 0.0])

    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(next(waits))
        return real(*args, **kwargs)

    monkeypatch.setattr(fixer.host.control, "compose", slow)
    outcome = fixer.run(prepared)

    assert outcome.name == "rolled-back"
    assert "no end after 0.1 s; what it did is not known" in outcome.sentence
    assert shop.tree() == before
    assert "--force-recreate" in shop.world.calls[-1]


def test_nothing_is_taken_back_behind_the_back_of_a_step_that_hangs(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    monkeypatch.setattr(ComposeUp, "deadline", 0.05)
    monkeypatch.setattr("stackops.console.fix.rollback._GRACE", 0.05)
    monkeypatch.setattr(fixer.host.control, "compose", lambda *a, **k: release.wait(10) and None)

    outcome = fixer.run(prepared)
    release.set()

    assert outcome.name == "rollback-failed"
    assert "may still change something" in outcome.says[0]
    assert any(line.startswith("by hand: cp -- ") for line in outcome.says)


def test_the_container_stackops_runs_in_is_refused(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    own = shop.world.container("api")
    assert own is not None
    monkeypatch.setattr("stackops.console.fix.preparing.own_container", lambda: own["id"])
    plan = Plan("c", "s", "t", steps=(RestartContainer(own["id"], "api"),))

    with pytest.raises(HostError, match="runs inside api and would end itself"):
        shop.fixer(never).prepare(plan)


def test_a_restart_is_done_again_when_the_files_behind_it_are_put_back(shop: Workshop) -> None:
    container = shop.world.container("api")
    assert container is not None
    steps = (Chmod(shop.path("bad.key"), 0o400), RestartContainer(container["id"], "api"))
    fixer = shop.fixer(_good)
    outcome = fixer.run(fixer.prepare(Plan("c", "s", "t", steps=steps, lock=str(shop.project), settle=0)))

    assert fixer.undo(outcome.entry or "").name == "done"
    assert [call for call in shop.world.calls if call[0] == "restart"] == [["restart", container["id"]]] * 2


def test_a_bug_in_a_step_still_takes_everything_back(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    real, bugs = fixer.host.control.compose, iter([True, False])
    monkeypatch.setattr(fixer.host.control, "compose", lambda *a, **k: 1 / 0 if next(bugs) else real(*a, **k))

    outcome = fixer.run(prepared)

    assert outcome.name == "rolled-back"
    assert "stackops itself failed (ZeroDivisionError)" in outcome.sentence
    assert shop.tree() == before
