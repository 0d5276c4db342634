"""Whether systemd knows of the NVIDIA devices of each container that was granted a GPU, and what the toolkit has here.

Reads small files through the ``Files`` door alone, seldom, and only where somebody asks for a GPU.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from ..hosts import Files, Host, HostError
from ..model import Container, DeviceRules, Snapshot
from ..stacks.gpu_grants import grant_of, grant_of_service
from .board import Board
from .cadence import Cadence
from .worker import Worker, pause

DROP_IN = "/run/systemd/transient/docker-{id}.scope.d/50-DeviceAllow.conf"
"""fact: gpu-model-servers 3.3"""
PERIOD = 30.0
LIMIT = 64 * 1024
_NVIDIA = re.compile(rb"^\s*DeviceAllow=\s*(?:/dev/char/195:|/dev/nvidia|char-nvidia|char-\*)", re.MULTILINE)
"""Major 195 is that of NVIDIA's nodes; the others are the ways systemd has of writing the same."""
FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/usr/local/nvidia/toolkit")
"""Where the PATH of a dockerd looks, and where NVIDIA's operator puts it."""
PROGRAMS = ("nvidia-container-runtime-hook", "nvidia-cdi-hook", "nvidia-container-runtime", "nvidia-ctk")
"""The first is what an Engine looks for when it starts. fact: gpu-model-servers 3.1 and 3.2"""


class DeviceRulesOf:
    """The parts ``device_rules`` and ``gpu_programs``."""

    def __init__(self, host: Host, board: Board, cadence: Cadence) -> None:
        self._host = host
        self._board = board
        self._cadence = cadence
        self._worker = Worker("The folder /run/systemd")
        self._wake = asyncio.Event()
        self._seen: tuple[tuple[str, float | None], ...] = ()

    def request(self) -> None:
        """Look again now."""
        self._wake.set()

    def containers_changed(self) -> None:
        """Look again when a container with a GPU came, went or was started anew."""
        seen = tuple((c.id, c.started_at) for c in _running(self._board.parts.containers))
        if seen != self._seen:
            self._seen = seen
            self._wake.set()

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await self.read()
            await asyncio.sleep(min(1.0, PERIOD))
            await pause(self._wake, PERIOD)

    async def read(self) -> None:
        """One look; nothing where no GPU is asked for, or where the Engine is on another machine."""
        parts, engine = self._board.parts, self._host.engine
        if engine is None or not engine.local or self._host.kernel is None or not _asked(parts):
            self._board.put(device_rules=(), gpu_programs=None)
            self._board.forget("device-rules")
            return
        systemd = parts.engine is not None and parts.engine.cgroup_driver == "systemd"
        containers = _running(parts.containers) if systemd else ()
        with self._board.catch("device-rules"):
            rules, programs = await self._worker.call(self._cadence.files_deadline, _look, self._host.files, containers)
            self._board.good("device-rules", device_rules=rules, gpu_programs=programs)

    def close(self) -> None:
        """Let the thread go."""
        self._worker.close()


def _running(containers: Sequence[Container]) -> tuple[Container, ...]:
    return tuple(c for c in containers if c.state == "running" and grant_of(c) is not None)


def _asked(parts: Snapshot) -> bool:
    services = (service for project in parts.projects for service in project.services)
    return any(map(grant_of, parts.containers)) or any(map(grant_of_service, services))


def _look(files: Files, containers: Sequence[Container]) -> tuple[tuple[DeviceRules, ...], tuple[str, ...]]:
    return tuple(rules_of(files, container.id) for container in containers), toolkit_programs(files)


def rules_of(files: Files, container: str) -> DeviceRules:
    """What the container's drop-in allows; not known where it is missing or cannot be read."""
    path = DROP_IN.format(id=container)
    try:
        content = files.read(path, limit=LIMIT)
    except HostError:
        return DeviceRules(container, path, None)
    return DeviceRules(container, path, _NVIDIA.search(content) is not None)


def toolkit_programs(files: Files) -> tuple[str, ...]:
    """Paths of the toolkit's programs, as far as they lie where an Engine would look."""
    paths = (f"{folder}/{name}" for name in PROGRAMS for folder in FOLDERS)
    return tuple(path for path in paths if files.stat(path).kind == "file")
