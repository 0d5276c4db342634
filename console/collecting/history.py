"""The last minutes of every container, of the host and of the GPUs, for the small curves. Read from any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..model import Figures, Gpu, System

LENGTH = 120


class Curve(NamedTuple):
    """Values oldest first; None where nothing could be told."""

    cpu: tuple[float | None, ...] = ()
    """Percent: of one core for containers, of all cores for the host; of a GPU's time."""
    memory: tuple[int | None, ...] = ()
    """Bytes."""


class _Ring:
    def __init__(self, length: int) -> None:
        self.cpu: deque[float | None] = deque(maxlen=length)
        self.memory: deque[int | None] = deque(maxlen=length)

    def add(self, cpu: float | None, memory: int | None) -> None:
        self.cpu.append(cpu)
        self.memory.append(memory)

    def curve(self) -> Curve:
        return Curve(tuple(self.cpu), tuple(self.memory))


class History:
    """Rings by container id, by UUID of a GPU, and one for the host."""

    def __init__(self, length: int = LENGTH) -> None:
        self._length = length
        self._lock = threading.Lock()
        self._host = _Ring(length)
        self._containers: dict[str, _Ring] = {}
        self._gpus: dict[str, _Ring] = {}
        self._servers: dict[str, deque[float | None]] = {}

    def add(self, system: System | None, figures: Mapping[str, Figures]) -> None:
        """One sweep. Containers that have none any more are forgotten."""
        with self._lock:
            if system is not None:
                total, available = system.memory_total, system.memory_available
                used = None if total is None or available is None else total - available
                self._host.add(system.cpu_percent, used)
            for gone in self._containers.keys() - figures.keys():
                del self._containers[gone]
            for container, now in figures.items():
                self._containers.setdefault(container, _Ring(self._length)).add(now.cpu_percent, now.memory)

    def add_gpus(self, gpus: Iterable[Gpu]) -> None:
        """One look at the GPUs. What was not read anew is a gap; GPUs that are not told of any more are forgotten."""
        now = {gpu.uuid: gpu for gpu in gpus}
        with self._lock:
            for gone in self._gpus.keys() - now.keys():
                del self._gpus[gone]
            for uuid, gpu in now.items():
                fresh = gpu.health == "ok"
                ring = self._gpus.setdefault(uuid, _Ring(self._length))
                ring.add(gpu.utilisation if fresh else None, gpu.memory_used if fresh else None)

    def gpu(self, uuid: str) -> Curve:
        """A GPU's curve, empty for an unknown one."""
        with self._lock:
            ring = self._gpus.get(uuid)
            return ring.curve() if ring else Curve()

    def add_server(self, server: str, tokens_per_second: float | None) -> None:
        """One look at a model server."""
        with self._lock:
            self._servers.setdefault(server, deque(maxlen=self._length)).append(tokens_per_second)

    def keep_servers(self, servers: Collection[str]) -> None:
        """Forget those that are gone."""
        with self._lock:
            for gone in self._servers.keys() - set(servers):
                del self._servers[gone]

    def server(self, server: str) -> tuple[float | None, ...]:
        """Generated tokens per second of a model server, a value for each look, empty for an unknown one."""
        with self._lock:
            return tuple(self._servers.get(server, ()))

    def host(self) -> Curve:
        """The host's curve."""
        with self._lock:
            return self._host.curve()

    def container(self, container: str) -> Curve:
        """A container's curve, empty for an unknown one."""
        with self._lock:
            ring = self._containers.get(container)
            return ring.curve() if ring else Curve()
