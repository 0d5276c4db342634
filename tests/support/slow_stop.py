"""A service that is slow to stop, on a real Engine, and repairs of it in processes that a test may kill.

As a program: ``python -m support.slow_stop PLAN ACT BASE LOOK`` runs one act of the fix engine, on the Engine that
``DOCKER_HOST`` names, and ends with the outcome's code.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from stackops.console.fix.engine import Fixer, Outcome
from stackops.console.fix.journal import Journal
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import AddVolume, Chmod, ComposeUp, EditFile, RestartContainer
from stackops.console.hosts import HostError
from stackops.console.hosts.local import open_local
from stackops.console.model.findings import Result
from stackops.console.settings import Settings

from .busybox import OURS

IMAGE = f"{OURS}/slow-stop"
TARGET = "/app/extra.yaml"
COMPOSE = f"""services:
  api:
    image: {IMAGE}
    container_name: NAME-api
    command: ["sh", "-c", "trap '' TERM; while :; do /busybox sleep 1; done"]
    stop_grace_period: 4s
    restart: unless-stopped
    network_mode: none
    labels:
      stackops.test: "1"
    volumes:
      - /anonymous
"""


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """Run the docker client; its standard output."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


class SlowStop:
    """One such service, of a project of its own."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.folder = base / "project"
        self.name = f"slow-{base.name[-30:].replace('_', '-').lower()}{base.stat().st_ino}"
        self.compose = self.folder / "docker-compose.yml"
        self.override = self.folder / "docker-compose.override.yml"
        self.key = self.folder / "a.key"
        self.journal = Journal(base / "state")

    def up(self) -> None:
        self.folder.mkdir()
        self.compose.write_text(COMPOSE.replace("NAME", self.name))
        (self.folder / "extra.yaml").write_text("version: 1\n")
        self.key.write_text("a key\n")
        self.key.chmod(0o644)
        docker("compose", "-p", self.name, "--project-directory", str(self.folder), "up", "-d")

    def down(self) -> None:
        docker("compose", "-p", self.name, "--project-directory", str(self.folder), "down", "-v", "-t", "0")

    # what the world looks like

    def containers(self) -> list[dict[str, Any]]:
        """All containers of the service, as the Engine tells them, stopped ones too."""
        ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}").split()
        return json.loads(docker("inspect", *ids)) if ids else []

    def standing(self) -> list[tuple[str, str, bool]]:
        """Name, state, and whether the mount is there, of each of them."""
        return [
            (
                row["Name"].lstrip("/").replace(self.name, "NAME"),
                row["State"]["Status"],
                TARGET in {mount["Destination"] for mount in row["Mounts"]},
            )
            for row in self.containers()
        ]

    def mounted(self) -> bool:
        return any(mount for _, state, mount in self.standing() if state == "running")

    # the repairs

    def plan(self, kind: str) -> Plan:
        row = next(row for row in self.containers() if row["Name"] == f"/{self.name}-api")
        if kind == "restart":
            name = f"{self.name}-api"
            steps = (Chmod(str(self.key), 0o400), RestartContainer(row["Id"], name))
        else:
            edit = EditFile(str(self.override), (AddVolume("api", "./extra.yaml", TARGET),), create=True)
            files = (str(self.compose), str(self.override))
            steps = (edit, ComposeUp(self.name, str(self.folder), files, "api", container=row["Id"]))
        return Plan(
            "test.slow", "api", "It is wrong", steps=steps, lock=str(self.folder), settle=0.5, deadline=2.0,
            restarts=("api",),
        )  # fmt: skip

    def fixer(self, kind: str, look: str = "look") -> Fixer:
        def see() -> Result:
            try:
                good = self.mounted() if kind == "recreate" else self.key.stat().st_mode & 0o777 == 0o400
            except AssertionError as error:
                raise HostError(str(error)) from error
            status = "ok" if good and look == "look" else "finding"
            return Result("test.slow", "api", status, "It is wrong")

        return Fixer(open_local(Settings()), self.journal, see)

    def act(self, kind: str, act: str, look: str = "look") -> Outcome:
        """One act of the fix engine, in this process."""
        fixer = self.fixer(kind, look)
        if act == "run":
            return fixer.run(fixer.prepare(self.plan(kind)))
        if act == "undo":
            return fixer.undo(self.journal.entries()[0].id)
        (entry,) = self.journal.open_entries()
        return fixer.resume(entry) if act == "resume" else fixer.roll_back(entry)

    @contextlib.contextmanager
    def acting(self, kind: str, act: str, look: str = "look") -> Iterator[psutil.Process]:
        """The same in a process of its own, killed at the end with whatever it has started since."""
        command = [sys.executable, "-m", "support.slow_stop", kind, act, str(self.base), look]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        process = psutil.Popen(command, env=env)
        try:
            yield process
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
            process.wait()

    def killed_at_stop(
        self, kind: str, act: str, look: str = "look", *, stops: int = 1, all_of_it: bool = False
    ) -> None:
        """Run an act in a process, and kill it as soon as the Engine has begun the so many-th stop of the service.

        With ``all_of_it`` the compose client it has started dies too.
        """
        with self.stop_signals() as signals, self.acting(kind, act, look) as process:
            signals.wait(stops)
            programs = process.children(recursive=True)
            process.kill()
            for program in programs if all_of_it else ():
                with contextlib.suppress(psutil.NoSuchProcess):
                    program.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL

    @contextlib.contextmanager
    def stop_signals(self) -> Iterator[Any]:
        """The SIGTERMs that the Engine sends to the project's containers from now on, a line each.

        fact: an Engine keeps 256 events, and others use this one too: older ones may be gone.
        """
        command = [
            "docker", "events", "--filter", f"label=com.docker.compose.project={self.name}",
            "--filter", "event=kill", "--since", f"{time.time():.6f}", "--format", "{{.Actor.Attributes.signal}}",
        ]  # fmt: skip
        listener = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert listener.stdout is not None
        try:
            yield _Terms(listener.stdout)
        finally:
            listener.kill()
            listener.wait()
            listener.stdout.close()


class _Terms:
    """Without the signals that end a stop by force."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines

    def wait(self, stops: int) -> None:
        for _ in range(stops):
            while (line := self._lines.readline()) and line.strip() != "15":
                pass
            assert line, "no stop was begun"


if __name__ == "__main__":
    sys.exit(SlowStop(Path(sys.argv[3])).act(sys.argv[1], sys.argv[2], sys.argv[4]).code)
