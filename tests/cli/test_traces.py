"""What was caught is not lost: --debug and crash reports show it without a secret; no broad catch hides it."""

from __future__ import annotations

import ast
import asyncio
import gc
import json
import logging
import stat
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import stackops
from stackops.checks import registry
from stackops.console.collect.board import SnapshotBuilder
from stackops.console.fix.journal import Journal
from stackops.console.hosts import HostError
from stackops.console.hosts.call import NotAnsweringError, call_async
from stackops.console.hosts.protocols import SystemClock
from stackops.console.model import HostInfo
from stackops.console.practice import open_demo
from stackops.console.text import traces
from stackops.screens.fixwork import Ended, FixWork
from stackops.screens.places.servers import ServersScreen
from support import stage
from support.memory_host import until
from support.pilots import console, desk_on
from support.saying import saying

SECRET = "wintermute-7731-straylight"
WHOLE = Path(stackops.__file__).parent


@pytest.fixture(autouse=True)
def ring() -> Iterator[traces.Ring]:
    """An empty ring, and the logging of the tests as it was."""
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    traces._RING._kept.clear()
    yield traces._RING
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        handler.close()
    traces._RING._kept.clear()


@pytest.fixture
def broken_check(monkeypatch: pytest.MonkeyPatch) -> str:
    """The first check raises, with a secret in what it says."""

    def breaks(_snapshot, _settings):
        raise ValueError(f"cannot read MONGO_INITDB_ROOT_PASSWORD={SECRET} in /srv/stack/.env")

    monkeypatch.setattr(registry, "ALL", (saying(registry.ALL[0], breaks), *registry.ALL[1:]))
    return registry.ALL[0].id


def test_the_traceback_of_a_check_that_raises_is_in_the_file_of_debug_without_its_secret(
    stackops, state, broken_check
) -> None:
    answer = stackops("check", "--json", "--debug")
    status = {row["check"]: row["status"] for row in json.loads(answer.out)["results"]}
    assert status[broken_check] == "crashed"
    path = state / "debug.log"
    assert f"tracebacks are written to {path}" in answer.err
    text = path.read_text()
    assert f"check {broken_check}" in text
    assert 'in breaks\n    raise ValueError(f"cannot read' in text
    assert "ValueError: cannot read MONGO_INITDB_ROOT_PASSWORD=•••" in text
    assert SECRET not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_crash_report_tells_what_was_caught_before_without_its_secret(
    stackops, state, broken_check, monkeypatch
) -> None:
    def breaks(_output, _body) -> None:
        raise RuntimeError(f"redis://:{SECRET}@redis:6379 in the answer")

    monkeypatch.setattr("stackops.console.commands.output.Output.document", breaks)
    answer = stackops("check", "--json")
    assert answer.code == 70
    text = next(state.glob("crash-*.txt")).read_text()
    before, _, after = text.partition("Caught before")
    assert "RuntimeError" in before
    assert f"check {broken_check}" in after
    assert "ValueError: cannot read" in after
    assert SECRET not in text + answer.out + answer.err
    assert not (state / "debug.log").exists()


def test_without_anything_caught_a_crash_report_says_so(stackops, state, monkeypatch) -> None:
    def breaks(*_arguments) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("stackops.console.commands.output.Output.document", breaks)
    assert stackops("ps", "--json").code == 70
    assert "Caught before, newest last:\n\nnothing" in next(state.glob("crash-*.txt")).read_text()


def test_a_file_that_cannot_be_written_is_one_sentence(stackops, state) -> None:
    state.parent.mkdir(exist_ok=True)
    state.write_text("a file in place of the folder")
    answer = stackops("--debug", "ps")
    assert answer.code == 2
    assert answer.err.startswith(f"stackops: --debug cannot write {state / 'debug.log'} (")
    assert "STACKOPS_STATE_DIR" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_the_file_is_bounded_and_stays_private_when_it_is_full(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(traces, "FILE_BYTES", 4096)
    path = tmp_path / "state" / "debug.log"
    path.parent.mkdir()
    path.write_text("old\n")
    path.chmod(0o644)
    traces.write_to(path)
    for number in range(200):
        traces.caught("a test", ValueError(f"number {number}"))
    files = sorted(path.parent.iterdir())
    assert [each.name for each in files] == ["debug.log", "debug.log.1"]
    assert all(each.stat().st_size <= 4096 for each in files)
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert "number 199" in path.read_text()


def test_the_ring_is_bounded_counts_what_comes_again_and_holds_no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own keep records, frames and all

    class Value:
        pass

    values: list[weakref.ref[Value]] = []

    def fails(number: int) -> None:
        value = Value()
        values.append(weakref.ref(value))
        raise ValueError(f"number {number} of {type(value).__name__}")

    for number in [*range(300), *[299] * 5]:
        try:
            fails(number)
        except ValueError as error:
            traces.caught("a test", error)
    assert len(traces.kept()) == traces.MOST
    assert "(6 times)" in traces.kept()[-1]
    assert "number 299" in traces.kept()[-1]
    gc.collect()
    assert [each() for each in values if each() is not None] == []
    traces.caught("a test", ValueError("x" * 100_000 + " the end"))
    assert len(traces.kept()[-1]) < traces.LONGEST + 100
    assert traces.kept()[-1].rstrip().endswith("the end")


def test_several_threads_may_keep_at_once() -> None:
    def keeps(name: int) -> None:
        for number in range(50):
            traces.caught(f"thread {name}", ValueError(f"number {number % 3}"))

    threads = [threading.Thread(target=keeps, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(traces.kept()) == 24
    assert all("times)" in text for text in traces.kept())


# Who catches


def test_a_source_that_breaks_is_kept_and_one_that_does_not_answer_is_not() -> None:
    board = SnapshotBuilder(SystemClock(), HostInfo(name="box"))
    for error in (HostError("refused"), TimeoutError(), ZeroDivisionError("a defect")):
        with board.catch("servers"):
            raise error
    assert [text.splitlines()[-1] for text in traces.kept()] == ["ZeroDivisionError: a defect"]
    assert "source servers" in traces.kept()[0]


async def test_a_call_that_breaks_after_its_deadline_is_kept() -> None:
    begun, go = threading.Event(), threading.Event()

    def late() -> None:
        begun.set()
        go.wait()
        raise ZeroDivisionError("nobody waits")

    while not begun.is_set():
        with pytest.raises(NotAnsweringError):
            await call_async(late, 0.01, "disk")
    assert traces.kept() == []
    go.set()
    await until(traces.kept)
    assert "disk, after its deadline" in traces.kept()[0]


async def test_what_asyncio_logs_is_kept_and_does_not_reach_the_terminal(capfd) -> None:
    traces.listen()

    async def breaks() -> None:
        raise ZeroDivisionError("never retrieved")

    task = asyncio.create_task(breaks())
    await asyncio.wait({task})
    del task
    gc.collect()
    assert any("never retrieved" in text and "ZeroDivisionError" in text for text in traces.kept())


def test_a_thread_that_ends_with_an_exception_writes_nothing_over_the_screen() -> None:
    code = (
        "import threading, logging\n"
        "from stackops.console.text import traces\n"
        "traces.listen()\n"
        "thread = threading.Thread(target=lambda: 1 / 0, name='a worker')\n"
        "thread.start(); thread.join()\n"
        "logging.getLogger('docker').warning('a driver speaks')\n"
        "print(*traces.kept(), sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "thread a worker" in done.stdout
    assert "ZeroDivisionError" in done.stdout
    assert "a driver speaks" in done.stdout


async def test_a_worker_of_a_screen_that_breaks_is_told_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_arguments, **_options) -> None:
        raise ZeroDivisionError(f"api_key={SECRET}")

    monkeypatch.setattr("stackops.screens.places.container.LogFeed", breaks)
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        running.app.open("container", stage.LIBRECHAT.id)
        await running.until(lambda _: "itself failed" in running.notices)
        assert "ZeroDivisionError in _read_log" in running.notices
        assert SECRET not in running.notices + running.text
        assert any("worker _read_log" in text for text in traces.kept())


async def test_a_judgement_that_breaks_is_kept() -> None:
    desk = stage.desk(stage.full(), stage.RESULTS)

    def breaks(_snapshot):
        raise ZeroDivisionError("judging")

    desk.checks.examine = breaks
    async with console(desk, (120, 40)) as running:
        await running.until(lambda _: bool(running.app.results))
        assert running.app.results[0].status == "crashed"
        assert any("ZeroDivisionError: judging" in text for text in traces.kept())


def test_a_fix_that_breaks_at_its_end_is_told_to_the_screen_and_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    work = FixWork(
        desk_on(open_demo(), Journal(tmp_path)), "mongo.keyfile", "", SimpleNamespace(post_message=told.append)
    )

    def breaks(*_arguments) -> None:
        raise ZeroDivisionError("after the last step")

    monkeypatch.setattr(work._fixer, "run", breaks)
    work.run(None)
    work.wait()
    assert [(type(each), each.outcome.name) for each in told] == [(Ended, "stopped")]
    assert "ZeroDivisionError" in told[0].outcome.sentence
    assert "after the last step" in traces.kept()[0]


# Over the source

TOLD_OTHERWISE = {
    ("console/collect/sources/compose.py", "_read_project"): "becomes a Fault in fault_of, which keeps defects",
    (
        "console/hosts/local/wire_child.py",
        "tried",
    ): "a program without our traces: it says the error as the hop's reason",
    ("console/hosts/local/mongo_child.py", "of_one"): "a program without our traces: it says the error as its answer",
    ("console/collect/sources/servers.py", "_ask"): "becomes a Fault in fault_of, which keeps defects",
    ("console/collect/sources/servers.py", "_catch"): "becomes a Fault in fault_of, which keeps defects",
    ("console/hosts/call.py", "job"): "handed to whoever waits for the call; kept where nobody does any more",
    (
        "console/commands/guard.py",
        "guarded",
    ): "becomes the exit code, and a crash report where it is a mistake of ours",
}
"""Broad catches that neither record nor raise in their own lines, and why."""


def _broad(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(map(_broad, node.elts))
    return node is None or (isinstance(node, ast.Name) and node.id in ("Exception", "BaseException"))


def _tells(body: list[ast.stmt]) -> bool:
    """Whether it raises on every way, or records."""
    calls = [each for stmt in body for each in ast.walk(stmt) if isinstance(each, ast.Call)]
    return isinstance(body[-1], ast.Raise) or any(
        isinstance(each.func, ast.Name) and each.func.id == "caught" for each in calls
    )


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the innermost function it stands in."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else name
            yield inner, child
            yield from walk(child, inner)

    yield from walk(tree, "")


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("console", "screens", "checks", "themes"):
        for path in sorted((WHOLE / folder).rglob("*.py")):
            yield str(path.relative_to(WHOLE)), ast.parse(path.read_text())


def test_every_broad_catch_records_or_raises() -> None:
    silent = {
        (path, function)
        for path, tree in _sources()
        for function, node in _functions(tree)
        if (isinstance(node, ast.ExceptHandler) and _broad(node.type) and not _tells(node.body))
    }
    assert silent == set(TOLD_OTHERWISE)


def test_nothing_is_suppressed_broadly_and_gathered_errors_are_looked_at() -> None:
    found = []
    for path, tree in _sources():
        for function, node in _functions(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "suppress" and any(map(_broad, node.args)):
                found.append((path, function, "suppress"))
        for statement in ast.walk(tree):  # a result that nobody names is a result that nobody looks at
            if isinstance(statement, ast.Expr) and "return_exceptions=True" in ast.unparse(statement):
                found.append((path, ast.unparse(statement), "gather"))
    assert found == []


def test_every_class_with_workers_watches_them() -> None:
    unwatched = []
    for path, tree in _sources():
        for owner in [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]:
            workers = [
                node.name
                for node in owner.body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and any(ast.unparse(each).startswith("work") for each in node.decorator_list)
            ]
            if workers and owner.name != "Errands":  # of which StackopsApp is made, which watches
                module = __import__(f"stackops.{path[:-3].replace('/', '.')}", fromlist=[owner.name])
                if not hasattr(getattr(module, owner.name), "on_worker_state_changed"):
                    unwatched.append((path, owner.name))
    assert unwatched == []
    assert hasattr(ServersScreen, "on_worker_state_changed")  # the search finds what there is
