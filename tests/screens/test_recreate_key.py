"""``C`` shows what a new container would have otherwise before it asks, and makes none that loses something."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stackops.console.fix.journal import Journal
from stackops.console.hosts.local import docker_command
from stackops.console.hosts.local.locking import LocalLocks, Locked
from stackops.console.practice import open_demo
from stackops.screens.acts import ContainerActs
from support.clock import FakeClock
from support.pilots import Stage, console, desk_on

ENV = "/srv/librechat/.env"
NEW_KEY = "Vn4Kq8Zt2Lx7"


@pytest.fixture
def host() -> Any:
    return open_demo(clock=FakeClock(), scenarios=[])


def set_line(host: Any, name: str, line: str | None) -> None:
    """The operator's editor."""
    lines = [each for each in host.files.read(ENV).decode().splitlines() if not each.startswith(f"{name}=")]
    host.world.tree.put(ENV, "\n".join([*lines, *([line] if line else []), ""]).encode(), mode=0o600)


async def inspect(host: Any) -> dict[str, Any]:
    return json.loads(await host.engine.inspect("chat-meilisearch"))


async def on_meilisearch(running: Stage) -> None:
    await running.until("meilisearch")
    await running.press("g")
    for _ in range(40):
        container = running.app.screen.selected_container()
        if container is not None and container.name == "chat-meilisearch":
            return
        await running.press("j")
    raise AssertionError("no such row")


async def test_an_edit_that_waits_is_shown_masked_before_the_name_is_typed(host: Any, tmp_path: Any) -> None:
    was = await inspect(host)
    set_line(host, "MEILI_MASTER_KEY", f"MEILI_MASTER_KEY={NEW_KEY}")
    async with console(desk_on(host, Journal(tmp_path)), (100, 60)) as running:  # no stack is folded
        await on_meilisearch(running)
        await running.press("C")
        shown = await running.until("The new container differs in")
        assert "variable MEILI_MASTER_KEY:" in shown
        assert NEW_KEY not in shown
        assert (await inspect(host))["Id"] == was["Id"]
        await running.type("chat-meilisearch")
        await running.press("enter", "enter")
        await running.until("Recreate chat-meilisearch: done")
    now = await inspect(host)
    assert now["Id"] != was["Id"]
    assert f"MEILI_MASTER_KEY={NEW_KEY}" in now["Config"]["Env"]


async def test_nothing_else_changes_is_said_too(host: Any, tmp_path: Any) -> None:
    async with console(desk_on(host, Journal(tmp_path)), (100, 60)) as running:  # no stack is folded
        await on_meilisearch(running)
        await running.press("C")
        await running.until("Nothing else about it changes")


async def test_a_value_that_no_file_gives_any_more_is_not_lost(host: Any, tmp_path: Any) -> None:
    was = await inspect(host)
    set_line(host, "MEILI_MASTER_KEY", None)
    async with console(desk_on(host, Journal(tmp_path)), (100, 60)) as running:  # no stack is folded
        await on_meilisearch(running)
        await running.press("C")
        shown = await running.until("another value of MEILI_MASTER_KEY")
        assert ENV in shown
        await running.type("chat-meilisearch")
        await running.press("enter", "enter")
        await running.press("escape")
    assert await inspect(host) == was


class Recreated(ContainerActs):
    """The act of ``C`` alone, with a step that starts a program as Compose is started."""

    desk: Any = None  # type: ignore[assignment]

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.ran: list[str] = []
        self.folder = folder
        self.desk = SimpleNamespace(journal=journal)

    def recreate(self, program: list[str]) -> None:
        bench = SimpleNamespace(host=SimpleNamespace(kind="local", locks=LocalLocks()))
        self._locked(SimpleNamespace(directory=str(self.folder)), bench, lambda: self._run(program))  # type: ignore[arg-type]

    def _run(self, program: list[str]) -> None:
        self.ran.append(docker_command.run(program, os.environ, 30.0, acts=True).output.strip())


def free(folder: Path) -> bool:
    """Whether another process could lock the folder."""
    return subprocess.run(["flock", "--nonblock", str(folder), "true"], check=False).returncode == 0


def test_compose_holds_the_lock_of_the_project_and_nobody_recreates_beside_a_fix(tmp_path: Path) -> None:
    folder, journal = tmp_path / "project", Journal(tmp_path / "state")
    folder.mkdir()
    acts = Recreated(folder, journal)
    acts.recreate(["sh", "-c", f"flock --nonblock {folder} true && echo free || echo held; ls -l /proc/self/fd"])
    assert acts.ran[0].startswith("held")
    assert f"-> {folder}" in acts.ran[0], "Compose holds the lock itself"
    assert free(folder)
    with LocalLocks().hold(str(folder)), pytest.raises(Locked):
        acts.recreate(["echo", "never"])
    assert len(acts.ran) == 1
