"""What somebody asks for without a finding, on the Engine of this machine, with containers of our own."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.app import Registry
from stackops.console.fix.engine import Fixer, Outcome, PreparedPlan
from stackops.console.fix.journal import Journal
from stackops.console.fix.proving import Look
from stackops.console.fix.wishes import SCALE, WISHES, scale_of
from stackops.console.hosts import Host, HostError
from stackops.console.hosts.local import open_local
from stackops.console.model import Container, Snapshot
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support.busybox import busybox
from support.pilots import look

pytestmark = pytest.mark.engine
SETTINGS = Settings()


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with busybox("wishes") as name:
        yield name


class Stack:
    """A project with one service of which there can be several, and one of which there cannot."""

    def __init__(self, base: Path, image: str) -> None:
        self.folder = base / "project"
        self.folder.mkdir()
        self.name = f"so-wish-{uuid.uuid4().hex[:8]}"
        self.settings = Settings(project=self.name)
        common = f'image: {image}, command: ["sleep", "600"], stop_grace_period: 0s, network_mode: none'
        (self.folder / "docker-compose.yml").write_text(
            f"services:\n  web: {{{common}}}\n  one: {{{common}, container_name: {self.name}-only}}\n"
        )
        self.journal = Journal(base / "state")
        self.host: Host = open_local(SETTINGS)
        docker("compose", "-p", self.name, "--project-directory", str(self.folder), "up", "-d")

    def look(self) -> Snapshot:
        return look(self.host, self.settings)

    def container(self, service: str) -> Container:
        return next(each for each in self.look().containers if (each.project, each.service) == (self.name, service))

    def fixer(self, wish: Result) -> Fixer:
        checks = Registry(self.settings)
        proof = Look(wish.check, wish.subject, checks.find, lambda _: self.look(), checks.examine, str(self.folder))
        return Fixer(self.host, self.journal, proof)

    def prepare(self, wish: Result) -> PreparedPlan:
        plan = WISHES[wish.check].asked(wish.subject, self.look())
        assert plan is not None
        return self.fixer(wish).prepare(plan)

    def grant(self, wish: Result) -> Outcome:
        return self.fixer(wish).run(self.prepare(wish))

    def running(self) -> list[str]:
        names = docker("ps", "--format", "{{.Names}}", "--filter", f"label=com.docker.compose.project={self.name}")
        return sorted(names.split())

    def down(self) -> None:
        docker("compose", "-p", self.name, "down", "-v", "-t", "0")


@pytest.fixture
def stack(image: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, image)
    yield made
    made.down()


def test_a_service_is_scaled_up_and_down_and_undo_brings_the_former_number(stack: Stack) -> None:
    only, first = f"{stack.name}-only", f"{stack.name}-web-1"
    was = docker("inspect", "--format", "{{.Id}}{{.State.StartedAt}}", first)
    up = stack.grant(scale_of(stack.container("web"), 3))
    assert up.name == "done", up
    assert stack.running() == [only, first, f"{stack.name}-web-2", f"{stack.name}-web-3"]
    assert docker("inspect", "--format", "{{.Id}}{{.State.StartedAt}}", first) == was, "the first one goes on"
    undone = stack.fixer(Result(SCALE, "", "ok", "")).undo(up.entry or "")
    assert (undone.name, stack.running()) == ("done", [only, first]), undone
    with pytest.raises(HostError, match=f"fixed name {only}"):
        stack.prepare(scale_of(stack.container("one"), 2))
