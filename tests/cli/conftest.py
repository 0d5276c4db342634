"""The command inside the test's process, on a practice stack whose clock the test owns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from stackops.console import cli
from stackops.console.hosts import Host
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from support.clock import FakeClock


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


class PracticeDoors(cli.LazyDoors):
    """The real checks on one practice stack that lives as long as the test."""

    def __init__(self, host: Host | None = None) -> None:
        self.host = host
        self.opened: list[bool] = []

    def open_host(self, settings: Settings) -> Host:
        if self.host is None:
            self.host = open_demo(clock=FakeClock())
        self.host.read_only = settings.read_only
        return self.host

    def run_app(self, host: Host, settings: Settings, *, offer_demo: bool) -> int:
        self.opened.append(offer_demo)
        return 0


Command = Callable[..., Answer]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder and a settings folder of the test's own."""
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("STACKOPS_CONFIG", raising=False)
    return tmp_path / "state"


@pytest.fixture
def doors() -> PracticeDoors:
    return PracticeDoors()


@pytest.fixture
def stackops(state: Path, doors: PracticeDoors, capfd: pytest.CaptureFixture[str]) -> Command:
    """``stackops(*arguments)`` runs the command and returns exit code, stdout and stderr."""

    def call(*arguments: str) -> Answer:
        capfd.readouterr()
        code = cli.run(arguments, doors)
        sys.stdout.flush()
        sys.stderr.flush()
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return call
