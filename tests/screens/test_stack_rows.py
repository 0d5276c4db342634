"""A stack's own row: acts on all of it by name, folding, one flat list."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from stackops.console import text as language
from stackops.console.compose.places import CONFIG_FILES, WORKING_DIR
from stackops.console.fix import audit
from stackops.console.fix.journal import Journal
from stackops.console.hosts.local.locking import LocalLocks
from stackops.console.judge import judge
from stackops.console.model import Container, Health
from stackops.console.model.findings import Judgement, Result, ServiceJudgement
from stackops.console.practice import open_demo
from stackops.console.text import _
from stackops.console.text.redaction import SECRETS
from stackops.screens.render.details import document
from stackops.screens.render.stacks import StackView, rows
from stackops.screens.widgets.paint import plain
from stackops.screens.widgets.table import Table
from support import stage
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

LABELS = {CONFIG_FILES: "/srv/librechat/docker-compose.yml", WORKING_DIR: "/srv/librechat"}
CALLS = {
    "R": ("restart",), "S": ("stop",), "A": ("up", "-d", "--no-build", "--pull", "never"),
    "C": ("up", "-d", "--force-recreate", "--no-build", "--pull", "never"), "D": ("down",),
}  # fmt: skip
TYPED = "CDS"


def made_by_compose():
    full = stage.full()
    labelled = [replace(c, labels=c.labels | LABELS) if c.project == "librechat" else c for c in full.containers]
    return replace(full, containers=tuple(labelled))


async def _stack(running: Stage, name: str) -> None:
    running.app.screen.set_focus(running.app.screen.query_one("#stacks"))
    running.app.screen.query_one("#stacks", Table).select(f"group:{name}")
    await running.settle()


def _dialog(running: Stage) -> str:
    return plain(running.app.screen.query_one(".words").lines) if running.app.screen.is_modal else ""


@pytest.mark.parametrize("key", CALLS)
async def test_an_act_on_a_stack_names_it_and_its_services_and_is_composes(key, tmp_path) -> None:
    desk = stage.desk(made_by_compose(), stage.RESULTS)
    async with console(desk, (100, 40)) as running:
        await _stack(running, "librechat")
        await running.press(key)
        said = _dialog(running)
        assert "all of librechat?" in said
        assert "rag_api (exited)" in said
        assert desk.host.control.calls == []
        if key in TYPED:
            await running.press("enter")
            assert desk.host.control.calls == [], "without the word nothing is done"
            await running.type("librechat")
            await running.press("enter", "enter")
        else:
            await running.press("A")
        await running.until(lambda _: bool(desk.host.control.calls))
    (call,) = desk.host.control.calls
    assert call[0] == "compose"
    assert (call[1].name, call[1].directory) == ("librechat", "/srv/librechat")
    assert call[2] == CALLS[key]


async def test_what_compose_refuses_is_told(monkeypatch) -> None:
    desk = stage.desk(made_by_compose(), stage.RESULTS)
    failed = lambda *_, **__: SimpleNamespace(exit_code=14, output="open x\nno such file\n")  # noqa: E731
    monkeypatch.setattr(type(desk.host.control), "compose", failed, raising=False)
    async with console(desk, (100, 40)) as running:
        await _stack(running, "librechat")
        await running.press("R", "A")
        await running.until(lambda _: "Compose ended with 14: no such file" in running.notices)


async def test_one_container_s_acts_are_refused_for_a_stack() -> None:
    async with console(stage.desk(made_by_compose(), stage.RESULTS)) as running:
        await _stack(running, "librechat")
        await running.press("s")
        assert "librechat is a whole stack" in running.notices


@pytest.mark.parametrize("key", CALLS)
async def test_read_only_refuses_every_act_on_a_stack(key) -> None:
    desk = stage.desk(made_by_compose(), stage.RESULTS, read_only=True)
    async with console(desk) as running:
        await _stack(running, "librechat")
        await running.press(key)
        assert "Read-only" in running.notices
        assert not running.app.screen.is_modal
    assert desk.host.control.calls == []


def _audit(state: Path) -> list[dict[str, object]]:
    return [json.loads(each) for each in (state / "audit.jsonl").read_text().splitlines()]


async def _restarted(running: Stage) -> str:
    await running.until(lambda _: running.app.judgement is not None)
    await _stack(running, "librechat")
    await running.press("R", "A")
    await running.until(lambda _: "Restart librechat: " in running.notices or "failed" in running.notices)
    return running.notices


async def test_an_act_on_a_stack_is_in_the_audit_log_before_and_after(tmp_path) -> None:
    host, journal = open_demo(clock=FakeClock(), scenarios=[]), Journal(tmp_path)
    async with console(desk_on(host, journal), (120, 40)) as running:
        assert "Restart librechat: done" in await _restarted(running)
    begin, end = _audit(journal.state)
    assert (begin["event"], begin["act"], begin["subject"]) == ("begin", "restart", "librechat")
    assert any(str(each).startswith("LibreChat ") for each in begin["targets"])
    assert (end["event"], end["outcome"], end["targets"]) == ("end", "done", begin["targets"])


async def test_an_act_that_fails_is_in_the_audit_log_as_failed(tmp_path, monkeypatch) -> None:
    host, journal = open_demo(clock=FakeClock(), scenarios=[]), Journal(tmp_path)
    failed = lambda *_, **__: SimpleNamespace(exit_code=14, output="no such file")  # noqa: E731
    monkeypatch.setattr(type(host.control), "compose", failed)
    async with console(desk_on(host, journal), (120, 40)) as running:
        assert "Compose ended with 14" in await _restarted(running)
    written = [(each["event"], each.get("outcome")) for each in _audit(journal.state)]
    assert written == [("begin", None), ("end", "failed")]


async def test_an_act_whose_record_cannot_be_written_is_done_and_says_so(tmp_path, monkeypatch) -> None:
    host, journal = open_demo(clock=FakeClock(), scenarios=[]), Journal(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(audit, "write_all", full)
    async with console(desk_on(host, journal), (120, 40)) as running:
        told = await _restarted(running)
    assert "Restart librechat: done, but it is not in the audit log: No space left on device" in told


async def test_a_stack_that_another_console_works_on_is_left_alone(tmp_path) -> None:
    folder = tmp_path / "librechat"
    folder.mkdir()
    host, journal = open_demo(clock=FakeClock(), scenarios=[]), Journal(tmp_path / "state")
    host.locks, calls = LocalLocks(), []
    host.control.compose = lambda *arguments, **_: calls.append(arguments)  # type: ignore[method-assign]
    labels = {CONFIG_FILES: str(folder / "docker-compose.yml"), WORKING_DIR: str(folder)}
    desk = desk_on(host, journal)
    async with console(desk, (120, 40)) as running:
        await running.until(lambda _: running.app.judgement is not None)
        monkey = [replace(c, labels=c.labels | labels) for c in running.app.snapshot.containers]
        running.app.snapshot = replace(running.app.snapshot, containers=tuple(monkey))
        with host.locks.hold(str(folder), lambda: "somebody else", lambda _: None, None):
            told = await _restarted(running)
    assert "Restart librechat failed" in told
    assert calls == []


@pytest.mark.parametrize("key", ["l", "L"])
async def test_the_logs_of_a_stack_are_those_of_all_its_containers(key) -> None:
    async with console(stage.desk(made_by_compose(), stage.RESULTS), (100, 40)) as running:
        await _stack(running, "librechat")
        await running.press(key)
        assert running.app.screen.PLACE == "logs"


async def test_f_on_a_stack_repairs_what_counts_first_in_it() -> None:
    async with console(stage.desk(made_by_compose(), stage.RESULTS)) as running:
        await _stack(running, "librechat")
        assert running.app.screen.to_fix().check == "librechat.config-mount"


def _told(*ill: str) -> Judgement:
    each = [ServiceJudgement(c.id, c.name, c.project, "ill" if c.name in ill else "well", "")
            for c in stage.full().containers]  # fmt: skip
    return Judgement("", green=not ill, services=tuple(each))


def _whole(name: str = "healthy"):
    """Two stacks in which everything runs."""
    full = stage.full()
    running = [replace(c, state="running", health=Health(name)) if c.project else c for c in full.containers]
    return replace(full, containers=tuple(running))


def test_a_folded_stack_is_one_line_and_others_show_all() -> None:
    made = rows(_whole(), (), StackView(folded=frozenset({"librechat"})), _told("oneapi"))
    keys = [row.key for row in made]
    assert stage.PG.id in keys
    assert stage.MONGO.id not in keys
    assert stage.OLLAMA.id in keys, "what has no row of its own to unfold it stays open"
    (folded,) = [row for row in made if row.key == "group:librechat"]
    assert plain([folded.heading or ()]).split()[1:4] == ["librechat", "4", "well"]


@pytest.mark.parametrize(
    ("snapshot", "results", "view", "told"),
    [
        (_whole(), (), StackView(folded=frozenset({"fastgpt"})), _told()),
        (_whole(), (), StackView(words="mongo", folded=frozenset({"librechat"})), _told()),
        (_whole(), (), StackView(), None),
        (_whole("unhealthy"), (), StackView(), _told()),
        (_whole("starting"), (), StackView(), _told()),
        (stage.full(), (), StackView(), _told()),
        (_whole(), stage.RESULTS, StackView(), _told()),
    ],
    ids=["another is folded", "filtered", "not judged", "unhealthy", "starting", "one stopped", "a finding"],
)
def test_a_stack_stays_open(snapshot, results, view, told) -> None:
    assert stage.MONGO.id in [row.key for row in rows(snapshot, results, view, told)]


@pytest.mark.parametrize(
    ("room", "opened", "told", "open_"),
    [
        (0, (), _told(), True), (40, (), _told(), True), (8, (), _told(), False), (8, (), None, True),
        (8, ("librechat",), _told(), True), (8, (), _told("chat-mongodb"), True),
    ],
    ids=["no size yet", "room for all", "full", "not judged", "opened", "one of it is ill"],
)  # fmt: skip
def test_a_well_stack_folds_to_a_line_where_there_is_no_room_for_all(room, opened, told, open_) -> None:
    made = rows(_whole(), (), StackView(opened=frozenset(opened)), told, room=room)
    assert (stage.MONGO.id in [row.key for row in made]) is open_
    if not open_:
        (heading,) = [row.heading for row in made if row.key == "group:librechat"]
        assert "librechat  4 well" in plain([heading or ()])
        assert "  mem " in plain([heading or ()])


def test_of_a_stack_with_a_finding_only_what_is_well_folds_and_nothing_under_the_cursor() -> None:
    def shown(room: int, **view: object) -> tuple[set[str], str]:
        made = rows(_whole(), stage.RESULTS, StackView(**view), _told(), room=room)  # type: ignore[arg-type]
        heading = next(plain([row.heading or ()]) for row in made if row.key == "group:librechat")
        return {row.key for row in made} & {c.id for c in stage.full().containers if c.project == "librechat"}, heading

    ill = {stage.LIBRECHAT.id, stage.MONGO.id}
    whole = ill | {stage.SEARCH.id, stage.RAG.id}
    assert shown(40) == (whole, "▾ librechat  4 well  /srv/librechat")
    assert shown(10)[0] == whole, "the well stack beside it folds first"
    assert shown(9) == (ill, "▸ librechat  4 well, 2 folded  /srv/librechat")
    assert shown(1, at=stage.RAG.id)[0] == ill | {stage.RAG.id}
    assert shown(1, opened=frozenset({"librechat"}))[0] == whole
    assert shown(1, words="x")[0] == whole
    assert shown(40, folded=frozenset({"librechat"}))[0] == set()


async def test_enter_on_a_stack_of_which_some_is_folded_opens_it_then_folds_it() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (80, 15)) as running:
        table = running.app.screen.query_one("#stacks", Table)
        await running.press("tab")
        await running.stacks("group:librechat")
        assert stage.RAG.id in table.keys
        assert stage.SEARCH.id not in table.keys, "it is well"
        await running.press("enter")
        assert stage.SEARCH.id in table.keys
        await running.press("enter")
        assert stage.RAG.id not in table.keys
        await running.press("enter")
        assert stage.SEARCH.id in table.keys


async def test_enter_opens_a_stack_that_folded_by_itself_and_folds_it_again() -> None:
    async with console(stage.desk(_whole(), ()), (100, 15)) as running:
        table = running.app.screen.query_one("#stacks", Table)
        await running.until(lambda _: running.app.judgement is not None)
        await _stack(running, "librechat")
        running.app.screen.draw()
        assert stage.MONGO.id not in table.keys
        await running.press("enter")
        assert stage.MONGO.id in table.keys
        await running.press("enter")
        assert stage.MONGO.id not in table.keys
        await running.press("slash", *"mongodb")
        assert stage.MONGO.id in table.keys, "nothing that is looked for is folded"


async def test_enter_folds_and_unfolds_and_v_makes_one_list() -> None:
    async with console(stage.desk(made_by_compose(), stage.RESULTS), (100, 40)) as running:
        table = running.app.screen.query_one("#stacks", Table)
        await _stack(running, "librechat")
        await running.press("enter")
        assert stage.MONGO.id not in table.keys
        assert table.cursor == "group:librechat"
        await running.press("enter")
        assert stage.MONGO.id in table.keys
        shown = await running.press("v")
        assert "librechat/mongodb" in shown
        assert not [key for key in table.keys if key.startswith("group:")]


async def test_down_on_the_practice_machine_takes_all_of_the_stack_away(tmp_path) -> None:
    host = open_demo(clock=FakeClock(), scenarios=[])
    async with console(desk_on(host, Journal(tmp_path)), (120, 40)) as running:
        await running.until(lambda _: running.app.judgement is not None)
        await _stack(running, "librechat")
        await running.press("D")
        await running.type("librechat")
        await running.press("enter", "enter")
        await running.until(lambda _: not any(c.project == "librechat" for c in running.app.snapshot.containers))
        assert any(c.project == "fastgpt" for c in running.app.snapshot.containers)


def _crash_loop(*, ignored: bool) -> tuple[Result, ...]:
    found = Result(check="container.crash-loop", subject="chat-mongodb", status="finding", severity="error",
                   title="mongodb ends again and again")  # fmt: skip
    note = "Ignored until 2026-12-31: moved to another machine"
    return (replace(found, status="ignored", note=note) if ignored else found,)


@pytest.mark.parametrize(
    ("ignored", "state", "tone", "heading"),
    [(True, "○ ignored", "muted", "2 of 4 well, 1 ignored"), (False, "↻ restarting", "error", "2 of 4 well")],
)
def test_an_ignored_crash_loop_is_drawn_as_ignored_in_a_word_too(ignored, state, tone, heading) -> None:
    snapshot, results = stage.full(), _crash_loop(ignored=ignored)
    made = rows(snapshot, results, StackView(), judge(snapshot, results))
    row = next(each for each in made if each.key == stage.MONGO.id)
    assert row.cells["state"] == (state, tone)
    assert row.mark.text == ("" if ignored else "✖")
    said = next(plain([each.heading or ()]) for each in made if each.key == "group:librechat")
    assert f"librechat  {heading}  /srv" in said
    if ignored:
        assert row.cells["health"] == ("restarting", "muted"), "how it is can still be read"
        assert "error" not in {span.tone for span in row.cells.values()}
        assert "○ ignored  Ignored until 2026-12-31" in plain(document(stage.MONGO, snapshot, results))


def test_it_is_drawn_so_in_another_language_too() -> None:
    language.use("zh")
    snapshot, results = stage.full(), _crash_loop(ignored=True)
    made = rows(snapshot, results, StackView(), judge(snapshot, results))
    row = next(each for each in made if each.key == stage.MONGO.id)
    assert row.cells["state"] == (f"○ {_('ignored')}", "muted")
    assert _("ignored") != "ignored"


def test_a_stack_with_only_well_and_ignored_services_folds() -> None:
    snapshot = replace(_whole(), containers=tuple(
        replace(c, health=Health("unhealthy", 3, ())) if c.id == stage.MONGO.id else c for c in _whole().containers
    ))  # fmt: skip
    told = Judgement("", green=True, services=tuple(
        ServiceJudgement(each.id, each.name, each.project, *_put_aside(each)) for each in snapshot.containers
    ))  # fmt: skip
    made = rows(snapshot, (), StackView(), told, room=3)
    assert stage.MONGO.id not in [row.key for row in made]
    (heading,) = [each.heading for each in made if each.key == "group:librechat"]
    assert "librechat  3 of 4 well, 1 ignored" in plain([heading or ()])
    assert {span.tone for span in heading or ()} <= {"muted", "strong"}


def _put_aside(container: Container) -> tuple[str, str]:
    return ("stopped", "ignored") if container.id == stage.MONGO.id else ("well", "")


async def test_where_all_stacks_are_folded_the_cursor_starts_on_the_first_of_them() -> None:
    many = tuple(stage.container(30 + n, f"svc{n}", project=f"stack{n:02}", service="web") for n in range(30))
    alone = stage.container(70, "alone")
    snapshot = replace(_whole(), containers=(*many, alone), services=(), projects=(), figures={})
    async with console(stage.desk(snapshot, ())) as running:
        await running.until(lambda _: running.app.judgement is not None)
        table = running.app.screen.query_one("#stacks", Table)
        assert table.cursor == "group:stack00"
        assert "▌▸ stack00" in running.text
        await running.press("G", "g")
        assert table.cursor == "group:stack00"
        assert "▌▸ stack00" in running.text


def test_a_row_is_made_again_where_a_secret_was_learned_or_another_language_is_spoken() -> None:
    full = stage.full()
    process = replace(full.processes[0], command=("vllm", "serve", "lighthouse-7731"))
    snapshot = replace(full, processes=(process,))

    def shown() -> str:
        (row,) = (each for each in rows(snapshot, (), StackView()) if each.key == f"pid:{process.pid}")
        return " ".join(span.text for span in row.cells.values())

    assert "running" in shown()
    assert "lighthouse-7731" in shown()
    SECRETS.learn("VLLM_API_KEY", "lighthouse-7731")
    assert "lighthouse-7731" not in shown()
    language.use("zh")
    assert "运行中" in shown()
