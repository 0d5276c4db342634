"""The Collector against the Engine of this machine, with one busybox container of its own."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stackops.console.collect.collector import Cadence, Collector
from stackops.console.hosts.local import open_local
from stackops.console.model import Container, Snapshot
from stackops.console.settings import Settings
from support.busybox import OURS, busybox

SOCKET = Path("/var/run/docker.sock")
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        not (SOCKET.exists() and stat.S_ISSOCK(SOCKET.stat().st_mode) and os.access(SOCKET, os.W_OK)),
        reason="no Docker Engine can be used at /var/run/docker.sock",
    ),
]


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project() -> Iterator[str]:
    """A project's name; whatever carries it is removed afterwards."""
    name = f"so-{uuid.uuid4().hex[:10]}"
    with busybox("collect"):
        yield name
        left = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={name}").split()
        if left:
            docker("rm", "-f", *left)


class Live:
    """A Collector in its thread that lists containers once: what comes later the events have told."""

    def __init__(self, project: str) -> None:
        self.published: list[Snapshot] = []
        self.project = project
        host = open_local(Settings(host=str(SOCKET)))
        self.collector = Collector(
            host, Settings(project=project), self.published.append, cadence=Cadence(lists=3600.0)
        )

    def one(self) -> Container | None:
        return next(iter(self.published[-1].containers), None) if self.published else None

    def until(self, condition: Callable[[Container | None, Snapshot], object]) -> None:
        end = time.monotonic() + 60.0
        while not (self.published and condition(self.one(), self.published[-1])):
            assert time.monotonic() < end, f"waited in vain: {self.published[-1:]}"
            time.sleep(0.01)


async def test_a_real_container_is_followed_from_its_start_to_its_end(project: str, tmp_path: Path) -> None:
    await asyncio.to_thread(_follow, project, tmp_path)


def _follow(project: str, tmp_path: Path) -> None:
    mounted = tmp_path / "app.yaml"
    mounted.write_text("one")
    live = Live(project)
    live.collector.start_in_thread()
    try:
        live.until(lambda c, s: s.engine)
        labels = ["--label", "stackops.test=1", "--label", f"com.docker.compose.project={project}"]
        ident = docker(
            "run", "-d", "--network", "none", *labels, "-v", f"{mounted}:/app.yaml", "-m", "64m", f"{OURS}/collect",
            "sh", "-c", "while :; do :; done",
        )  # fmt: skip
        live.until(lambda c, s: c and c.id == ident and c.detailed and c.pid)
        live.until(lambda c, s: ident in s.figures and (s.figures[ident].cpu_percent or 0) > 1)
        figures = live.published[-1].figures[ident]
        assert figures.memory_limit == 64 << 20
        assert figures.memory is not None
        assert 0 < figures.memory < 64 << 20
        live.until(lambda c, s: c and c.mounts[0].stale is False)

        (tmp_path / "new").write_text("two")
        (tmp_path / "new").replace(mounted)
        live.until(lambda c, s: c and c.mounts[0].stale is True)

        docker("kill", ident)
        live.until(lambda c, s: c and c.state == "exited" and c.exit_code == 137 and len(c.deaths) == 1)
        assert ident not in live.published[-1].figures
        docker("rm", ident)
        live.until(lambda c, s: c is None)
        assert live.published[-1].faults == ()
    finally:
        live.collector.stop()
