"""A dockerd that vanishes or hangs after the last step: the fix is not proven, by the console as by the command.

What counts is what is left outside: the journal on disk, and the key file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stackops.checks import registry
from stackops.console import app, cli
from stackops.console.collect.collector import collect
from stackops.console.fix.engine import Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.records import Entry
from stackops.console.hosts.local import open_local
from stackops.console.model import Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from stackops.screens.fixwork import Ended, FixWork, Moved, Prepared
from support.fake_engine import FakeEngine, container

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a file can only be given away by root")
COMPOSE = """services:
  mongo:
    image: mongo:5.0.18
    command: mongod --keyFile /data/mongodb.key --replSet rs0
    volumes:
      - ./mongodb.key:/data/mongodb.key
"""
HANGS = {
    "all": ".",
    "info": "/info",
    "list": "/containers/json",
    "inspect": "/mongo|/[0-9a-f]{64}/json",
    "logs": "/logs",
}
"""What an Engine may leave without an answer."""
TROUBLES = ["vanishes", *HANGS]


class Troubled(FakeEngine):
    """Leaves requests without an answer, or is gone, from a moment on."""

    hanging: str | None = None

    async def _answer(self, method: str, target: str, writer: asyncio.StreamWriter) -> None:
        if self.hanging and re.search(self.hanging, target):
            with contextlib.suppress(asyncio.CancelledError):  # the test is over
                await asyncio.Event().wait()
            return
        await super()._answer(method, target, writer)

    def _act(self, verb: str, one: dict[str, Any]) -> None:
        super()._act(verb, one)
        one["State"]["StartedAt"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def begin(self, trouble: str) -> None:
        self.hanging = HANGS.get(trouble)
        if trouble == "vanishes":
            Path(self.socket).rename(f"{self.socket}.away")

    def end(self) -> None:
        """It is there again, and answers."""
        self.hanging = None
        away = Path(f"{self.socket}.away")
        if away.exists():
            away.rename(self.socket)


class Hasty:
    """Real time in which a second that is slept is more than a minute."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def monotonic_ns(self) -> int:
        return int(self.monotonic() * 1e9)

    def sleep(self, seconds: float) -> None:
        self._ahead += 70 * seconds


class Stack:
    """A mongod that dies of its key file's mode, on an Engine inside the test."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "chat"
        self.project.mkdir()
        self.key = self.project / "mongodb.key"
        self.key.write_text("abcdefgh" * 8 + "\n")
        self.key.chmod(0o644)
        files = self.project / "docker-compose.yml"
        files.write_text(COMPOSE)
        mount = {"Type": "bind", "Source": str(self.key), "Destination": "/data/mongodb.key", "Mode": "", "RW": True}
        self.engine = Troubled(
            container(
                "mongo", image="mongo:5.0.18", state="restarting", project="chat", mounts=[mount],
                command=["mongod", "--keyFile", "/data/mongodb.key", "--replSet", "rs0"],
                working_dir=str(self.project), config_files=[str(files)],
            )
        )  # fmt: skip
        self.settings = Settings(host=self.engine.url)
        self.host = open_local(self.settings, clock=Hasty())
        self.trouble: str | None = None

    def told(self, phase: str, state: str) -> None:
        """The Engine breaks when all steps are done, and is well again when the proof has failed."""
        if self.trouble and (phase, state) == ("verify", "running"):
            self.engine.begin(self.trouble)
        if state == "failed":
            self.engine.end()

    def look(self) -> tuple[Result, Snapshot]:
        snapshot = asyncio.run(collect(self.host, self.settings))
        (found,) = registry.examine(snapshot, self.settings, ["mongo.keyfile"])
        return found, snapshot

    @property
    def mode(self) -> int:
        return self.key.stat().st_mode & 0o777


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = Stack(tmp_path)
    with made.engine.in_thread():
        yield made


def entry(folder: Path) -> Entry:
    (one,) = Journal(folder / "state").entries()
    return one


class Listening:
    """What a screen would be told."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._told = stack, queue.Queue[Any]()

    def post_message(self, message: Any) -> bool:
        if isinstance(message, Moved):
            self._stack.told(message.progress.phase, message.progress.state)
        self._told.put(message)
        return True

    def until(self, kind: type) -> Any:
        while not isinstance(message := self._told.get(timeout=120), kind):
            pass
        return message


def fix_by_keys(stack: Stack) -> Outcome:
    """As in the console: proven by the sources that run there."""
    feed = app.CollectorFeed(stack.host, stack.settings)
    try:
        desk = app._desk(stack.host, stack.settings, feed, offer_demo=False)
        listening = Listening(stack)
        work = FixWork(desk, "mongo.keyfile", "mongo", listening)
        work.prepare(*stack.look(), {})
        prepared = listening.until(Prepared)
        assert prepared.prepared is not None, prepared.trouble
        work.wait()
        work.run(prepared.prepared)
        return listening.until(Ended).outcome
    finally:
        feed.stop()


class Doors(cli.LazyDoors):
    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def open_host(self, settings: Settings) -> Any:
        return self._stack.host


def fix_by_command(stack: Stack) -> int:
    arguments = ["--host", stack.engine.url, "fix", "mongo.keyfile", "mongo", "--yes", "--disruptive"]
    return cli.run(arguments, Doors(stack))


def require_not_done(stack: Stack, folder: Path) -> None:
    """Neither recorded as done nor left in a state that the record does not tell."""
    one = entry(folder)
    assert one.state != "done"
    assert not any('"done"' in line and '"end"' in line.lower() for line in _lines(folder))
    assert stack.mode == (0o644 if one.state == "rolled-back" else 0o400)


def _lines(folder: Path) -> list[str]:
    (file,) = (folder / "state" / "journal").glob("*.jsonl")
    return file.read_text().splitlines()


def test_with_an_engine_that_answers_the_fix_is_done(stack: Stack, tmp_path: Path) -> None:
    assert fix_by_keys(stack).name == "done"
    assert (entry(tmp_path).state, stack.mode) == ("done", 0o400)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_console_does_not_take_what_it_cannot_see_for_proof(stack: Stack, tmp_path: Path, trouble: str) -> None:
    stack.trouble = trouble
    outcome = fix_by_keys(stack)
    assert outcome.name != "done", outcome
    require_not_done(stack, tmp_path)


def test_the_command_is_done_where_the_engine_answers(stack: Stack, tmp_path: Path) -> None:
    assert fix_by_command(stack) == 0
    assert (entry(tmp_path).state, stack.mode) == ("done", 0o400)


@pytest.mark.parametrize("trouble", ["vanishes", "all", "logs"])
def test_neither_does_the_command(stack: Stack, tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.trouble = trouble
    write = sys.stderr.write

    def heard(text: str) -> int:
        if found := re.match(r"(running|failed) +(verify)", text):
            stack.told(found[2], found[1])
        return write(text)

    monkeypatch.setattr(sys.stderr, "write", heard)
    assert fix_by_command(stack) != 0
    require_not_done(stack, tmp_path)
