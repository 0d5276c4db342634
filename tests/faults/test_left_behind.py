"""A lock outlives the killed console that took it for as long as a program of that console is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from stackops.console.fix.journal import Journal
from stackops.console.hosts.local import locking as lock
from stackops.console.hosts.local.locking import LocalLocks, Locked

CONSOLE = """
import sys
from stackops.console.hosts.local.docker_command import run
from stackops.console.hosts.local.locking import LocalLocks
with LocalLocks().hold(sys.argv[1]):
    argv = ["sh", "-c", "echo at work > $0; read never < $1", *sys.argv[3:]]
    run(argv, {"PATH": "/usr/bin:/bin"}, 600, acts=True)
"""


class Console:
    """Another console that runs a program under the lock, which ends when it is told to."""

    def __init__(self, base: Path) -> None:
        self.folder, self.journal = base / "project", Journal(base / "state")
        self.folder.mkdir()
        began, self.end = base / "began", base / "end"
        os.mkfifo(began)
        os.mkfifo(self.end)
        argv = [str(self.folder), str(base / "state"), str(began), str(self.end)]
        self.process = subprocess.Popen([sys.executable, "-c", CONSOLE, *argv])
        assert began.read_text() == "at work\n"
        (self.program,) = psutil.Process(self.process.pid).children()

    def hold(self, *told: Any) -> AbstractContextManager[None]:
        """As a fix does it that begins now."""
        return self.journal.locked(SimpleNamespace(locks=LocalLocks()), str(self.folder), *told)

    def die(self) -> None:
        self.process.kill()
        self.process.wait()

    def let_end(self) -> None:
        with self.end.open("w"):
            pass

    def close(self) -> None:
        self.die()
        if self.program.is_running():
            os.killpg(self.program.pid, signal.SIGKILL)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


def test_a_program_of_a_killed_console_is_waited_for_with_words(console: Console) -> None:
    console.die()
    told: list[str] = []

    def tell(words: str) -> None:
        told.append(words)
        threading.Thread(target=console.let_end).start()

    with console.hold(tell):
        assert not console.program.is_running() or console.program.status() == psutil.STATUS_ZOMBIE
    assert told == [f"Waiting for `sh -c` of a killed run (pid {console.program.pid}) to end"]


def test_a_program_that_does_not_end_is_named_and_nothing_is_done(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.die()
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    with pytest.raises(Locked, match=rf"still being changed by `sh -c` of a killed run \(pid {console.program.pid}\)"):
        console.hold().__enter__()
    assert console.program.is_running()


def test_the_wait_ends_when_it_is_asked_to(console: Console) -> None:
    console.die()
    stop = threading.Event()
    with pytest.raises(Locked, match="of a killed run"):
        console.hold(lambda _: stop.set(), stop).__enter__()


def test_a_living_console_is_not_waited_for_whatever_it_runs(console: Console) -> None:
    told: list[str] = []
    with pytest.raises(Locked, match=f"held by .* pid {console.process.pid}"):
        console.hold(told.append).__enter__()
    assert told == []


def test_a_program_that_only_looks_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = CONSOLE.replace(", acts=True", "")
    end = tmp_path / "end"
    began = tmp_path / "began"
    (tmp_path / "project").mkdir()
    for path in (began, end):
        os.mkfifo(path)
    argv = [str(tmp_path / "project"), str(tmp_path / "state"), str(began), str(end)]
    process = subprocess.Popen([sys.executable, "-c", code, *argv])
    began.read_text()
    process.kill()
    process.wait()
    with LocalLocks().hold(argv[0]), end.open("w"):
        pass


def test_a_holder_that_is_just_being_ended_is_not_taken_for_another_console(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that instant /proc lists no files of the process any more, and the kernel still counts its lock."""
    console.die()
    ends = iter([console.let_end])
    monkeypatch.setattr(lock, "GLANCE", 60.0)
    monkeypatch.setattr(lock, "left_behind", lambda *_: next(ends, lambda: None)())
    with console.hold():
        pass


def test_the_glance_counts_from_when_the_program_was_last_seen(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was waited for longer than a glance already; the moment in which it ends is a glance of its own."""
    console.die()
    look = lock.left_behind
    clock, looks = [1000.0], [0]

    def see(folder: str, descriptor: int) -> lock.LockHolder | None:
        looks[0] += 1
        if looks[0] == 1:
            clock[0] += lock.GLANCE + 1.0  # the program is at work, and has been for longer than a glance
            return look(folder, descriptor)
        if looks[0] == 2:
            console.let_end()
        return None

    monkeypatch.setattr(lock, "left_behind", see)
    monkeypatch.setattr(lock.time, "monotonic", lambda: clock[0])
    with console.hold():
        assert looks[0] >= 2


def test_a_lock_whose_holder_is_never_seen_is_waited_for_as_long_as_a_glance(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.die()
    clock = [1000.0]

    def see(_folder: str, _descriptor: int) -> None:
        clock[0] += lock.GLANCE / 2

    monkeypatch.setattr(lock, "left_behind", see)
    monkeypatch.setattr(lock.time, "monotonic", lambda: clock[0])
    with pytest.raises(Locked, match="is being changed already"):
        console.hold().__enter__()
    assert clock[0] == 1000.0 + lock.GLANCE
    assert console.program.is_running()
