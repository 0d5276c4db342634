"""The fix engine on a real Docker Engine, judged from outside: ``docker inspect``, ``docker exec``, the files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stackops.console.fix.engine import Fixer
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import AddVolume, ComposeUp, EditFile, ReplaceDirectoryByFile, RestartContainer, Text
from stackops.console.hosts.local import open_local
from stackops.console.model.findings import Result
from stackops.console.settings import Settings
from support.busybox import OURS, busybox
from support.workshop import tree

IMAGE = f"{OURS}/fix"
COMPOSE = f"""services:
  api:
    image: {IMAGE}
    command: ["sleep", "600"]
    stop_grace_period: 1s
    network_mode: none
    labels:
      stackops.test: "1"
    volumes:
      - ./librechat.yaml:/app/librechat.yaml
"""
pytestmark = pytest.mark.engine


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def image() -> Iterator[None]:
    with busybox("fix"):
        yield


class Stack:
    """One running service whose config file Docker has made a directory of."""

    def __init__(self, base: Path) -> None:
        self.folder = base / "project"
        self.folder.mkdir()
        self.name = f"so{abs(hash(str(base))) % 10**8}"
        self.compose = str(self.folder / "docker-compose.yml")
        self.override = str(self.folder / "docker-compose.override.yml")
        self.config = str(self.folder / "librechat.yaml")
        Path(self.compose).write_text(COMPOSE)
        self.up()
        self.fixer = Fixer(open_local(Settings()), Journal(base / "state"), self.look)

    def up(self, *more: str) -> None:
        docker("compose", "-p", self.name, "--project-directory", str(self.folder), "up", "-d", *more)

    def inspect(self) -> dict[str, Any]:
        return json.loads(docker("inspect", f"{self.name}-api-1"))[0]

    def inside(self, path: str) -> str:
        return docker("exec", f"{self.name}-api-1", "/busybox", "cat", path)

    def look(self) -> Result:
        try:
            good = self.inside("/app/librechat.yaml").startswith("version")
        except subprocess.CalledProcessError:
            good = False
        return Result("test", "api", "ok" if good else "finding", "The container has no librechat.yaml")

    def up_step(self, **given: Any) -> ComposeUp:
        return ComposeUp(self.name, str(self.folder), (self.compose,), "api", **given)

    def plan(self, *steps: Any) -> Plan:
        return Plan("test", "api", "t", steps=steps, lock=str(self.folder), settle=1.0, deadline=5.0, restarts=("api",))


@pytest.fixture
def stack(image: None, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path)
    yield made
    docker("compose", "-p", made.name, "--project-directory", str(made.folder), "down", "-t", "0")


def test_a_directory_becomes_a_file_in_a_new_container_and_undo_brings_the_old_state_back(stack: Stack) -> None:
    assert Path(stack.config).is_dir()
    before, old = tree(stack.folder), stack.inspect()["Id"]
    directory = ReplaceDirectoryByFile(stack.config, Text("version: 1.2.1\n"))
    prepared = stack.fixer.prepare(stack.plan(directory, stack.up_step(force_recreate=True, container=old)))
    assert tree(stack.folder) == before

    outcome = stack.fixer.run(prepared)

    assert outcome.name == "done", outcome
    assert stack.inspect()["Id"] != old
    assert stack.inside("/app/librechat.yaml") == "version: 1.2.1"
    undone = stack.fixer.undo(outcome.entry or "")
    assert undone.name == "done", undone
    assert tree(stack.folder) == before
    assert stack.inspect()["State"]["Running"]


def test_a_mount_in_a_new_override_arrives_and_goes_again(stack: Stack) -> None:
    (stack.folder / "extra.yaml").write_text("version: extra\n")
    before = tree(stack.folder)
    edit = EditFile(stack.override, (AddVolume("api", "./extra.yaml", "/app/extra.yaml"),), create=True)
    up = ComposeUp(stack.name, str(stack.folder), (stack.compose, stack.override), "api")
    stack.fixer.look = lambda: Result("test", "api", "ok" if Path(stack.override).exists() else "finding", "t")

    outcome = stack.fixer.run(stack.fixer.prepare(stack.plan(edit, up)))

    assert outcome.name == "done", outcome
    assert stack.inside("/app/extra.yaml") == "version: extra"
    mounts = {m["Destination"]: m["Source"] for m in stack.inspect()["Mounts"]}
    assert mounts["/app/extra.yaml"] == str(stack.folder / "extra.yaml")
    assert stack.fixer.undo(outcome.entry or "").name == "done"
    assert tree(stack.folder) == before
    assert "/app/extra.yaml" not in {m["Destination"] for m in stack.inspect()["Mounts"]}


def test_compose_refuses_a_broken_candidate_at_the_preview(stack: Stack) -> None:
    Path(stack.override).write_text("services:\n  api:\n    nonsense: 1\n")
    before = tree(stack.folder)
    edit = EditFile(stack.override, (AddVolume("api", "./extra.yaml", "/app/extra.yaml"),))
    up = ComposeUp(stack.name, str(stack.folder), (stack.compose, stack.override), "api")

    with pytest.raises(Exception, match="Compose refuses the files as they would be") as refusal:
        stack.fixer.prepare(stack.plan(edit, up))
    assert "nonsense" in str(refusal.value)
    assert tree(stack.folder) == before


def test_a_container_that_exits_at_once_is_rolled_back_to_the_one_that_ran(stack: Stack) -> None:
    before = tree(stack.folder)
    stack.fixer.look = lambda: Result("test", "api", "ok", "t") if Path(stack.config).is_file() else Result(
        "test", "api", "finding", "t"
    )  # fmt: skip
    from stackops.console.fix.steps import ReplaceFile

    broken = ReplaceFile(stack.compose, Text(COMPOSE.replace('"sleep", "600"', '"false"')))
    directory = ReplaceDirectoryByFile(stack.config, Text("version: 1\n"))

    outcome = stack.fixer.run(stack.fixer.prepare(stack.plan(broken, directory, stack.up_step())))

    assert outcome.name == "rolled-back", outcome
    assert "ran before and is" in outcome.sentence
    assert tree(stack.folder) == before
    assert stack.inspect()["State"]["Running"]


def test_a_restart_starts_the_same_container_anew(stack: Stack) -> None:
    was = stack.inspect()
    stack.fixer.look = iter([Result("t", "a", "finding", "t"), *[Result("t", "a", "ok", "t")] * 99]).__next__

    outcome = stack.fixer.run(stack.fixer.prepare(stack.plan(RestartContainer(was["Id"], was["Name"].lstrip("/")))))

    assert outcome.name == "done", outcome
    now = stack.inspect()
    assert (now["Id"], now["State"]["StartedAt"] > was["State"]["StartedAt"]) == (was["Id"], True)
    assert "nothing to take back" in stack.fixer.undo(outcome.entry or "").sentence
