"""The kernel's side of the practice stack: counters that grow, a host that breathes, a process table.

Counters are integrals of waves (``walks``) over the time since the container started: the same seed and clock give the
same figures, however often and from whichever thread one looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

from .. import CgroupSample, ProcessRow, SystemSample
from .containers import Instance
from .dockerd import PID as DOCKERD
from .mongod_ends import release
from .replies import CPUS, MEMORY, SYSTEM
from .walks import wave
from .world import World

MIB = 1 << 20
WARM_UP = 25.0
"""Seconds in which a started program fills its memory."""
OWN_CORES, OWN_MEMORY = 0.4, 3_400 * MIB
"""What the host itself uses."""
UPTIME = 41 * 86400.0
DISKS = {"/": (1_920 * 10**9, 1_110 * 10**9), "/srv": (7_680 * 10**9, 640 * 10**9)}
"""Total and free bytes of the two file systems when the demo starts; the second fills slowly."""
NATIVE: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (1, "root", ("/sbin/init",)), (812, "root", ("/usr/sbin/sshd", "-D")),
    (901, "root", ("/usr/bin/containerd",)), (DOCKERD, "root", ("/usr/bin/dockerd", "-H", "fd://")),
    (1033, "root", ("/usr/bin/nvidia-persistenced", "--user", "nvidia-persistenced")),
)  # fmt: skip


class DemoKernel:
    """Counters of the practice stack."""

    def __init__(self, world: World, name: str, ready: Callable[[], None]) -> None:
        self._world = world
        self._ready = ready
        self._name = name
        self._boot = world.clock.now() - UPTIME
        self._opened = self._worked = world.clock.monotonic()
        self._busy = 1e5

    def sample(self, pids: Mapping[str, int]) -> Mapping[str, CgroupSample]:
        """Counters of the running containers among those asked for; one that was restarted meanwhile is left out."""
        with self._world.lock:
            running = {c.id: c for c in self._world.containers() if c.state == "running"}
            return {
                ident: self.counters(running[ident])
                for ident, pid in pids.items()
                if ident in running and running[ident].pid == pid
            }

    def counters(self, container: Instance) -> CgroupSample:
        """One container's counters now."""
        clock, wants = self._world.clock, container.program.appetite
        end = clock.monotonic()
        start = container.started_mono

        def grown(what: str, rate: float) -> int:
            return int(rate * wave(f"{self._world.seed}:{container.id}:{what}").total(start, end))

        level = wave(f"{self._world.seed}:{container.id}:memory", 0.12).level(end / 4)
        warm = 1.0 - 0.6 * math.exp(-(end - start) / WARM_UP)
        return CgroupSample(
            at_ns=clock.monotonic_ns(), cpu_ns=grown("cpu", wants.cores * 1e9),
            memory=int(wants.memory * MIB * level * warm), memory_limit=None,
            read_bytes=grown("read", wants.read), write_bytes=grown("write", wants.write), pids=wants.pids,
            rx_bytes=grown("rx", wants.rx), tx_bytes=grown("tx", wants.tx), oom_kills=0,
        )  # fmt: skip

    def system(self) -> SystemSample:
        """The host's counters: its own and those of everything that runs on it."""
        self._ready()
        with self._world.lock:
            running = [c for c in self._world.containers() if c.state == "running"]
            used = sum(self.counters(c).memory or 0 for c in running) + OWN_MEMORY
            cores = OWN_CORES + sum(c.program.appetite.cores for c in running)
            self._work(running)
        clock, seed = self._world.clock, self._world.seed
        since = clock.monotonic() - self._opened
        load = tuple(cores * wave(f"{seed}:host:load", 0.4).level(since / slow) for slow in (1, 5, 15))
        return SystemSample(
            at_ns=clock.monotonic_ns(), cpu_busy=self._busy, cpu_total=CPUS * (UPTIME + since),
            load=(load[0], load[1], load[2]), memory_total=MEMORY, memory_available=MEMORY - used,
            swap_total=8 << 30, swap_used=412 * MIB,
        )  # fmt: skip

    def _work(self, running: list[Instance]) -> None:
        """Add what everybody used since the last look: the host's counter is the sum of theirs and never falls."""
        now, before, seed = self._world.clock.monotonic(), self._worked, self._world.seed
        self._worked = now
        self._busy += OWN_CORES * wave(f"{seed}:host:cpu", 0.5).total(before, now)
        for container in running:
            own = wave(f"{seed}:{container.id}:cpu")
            start = min(now, max(before, container.started_mono))
            self._busy += container.program.appetite.cores * own.total(start, now)

    def disk(self, path: str) -> tuple[int, int]:
        """Total and free bytes of the file system that holds the path."""
        mount = "/srv" if (path + "/").startswith("/srv/") else "/"
        total, free = DISKS[mount]
        written = int(2e5 * (self._world.clock.monotonic() - self._opened)) if mount == "/srv" else 0
        return total, max(0, free - written)

    def processes(self) -> Sequence[ProcessRow]:
        """The process table: the host's own and everything that runs in containers."""
        self._ready()
        rows = [
            ProcessRow(pid, min(pid - 1, 1), _name(argv), argv, self._boot, user, None) for pid, user, argv in NATIVE
        ]
        with self._world.lock:
            for container in self._world.containers():
                rows += [
                    ProcessRow(pid, DOCKERD if pid == container.pid else container.pid, _name(argv), argv,
                               container.started_at, "root", container.id)
                    for pid, argv in container.processes()
                ]  # fmt: skip
            rows += [
                ProcessRow(one.pid, 1, _name(one.argv), one.argv, one.started_at, "root", None)
                for one in self._world.cards.left
            ]
        return rows

    def listening(self, pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:  # noqa: ARG002
        """Its native processes listen on nothing that matters here."""
        return {}

    def addresses(self) -> frozenset[str]:
        """One in the LAN, and the gateway of the default bridge."""
        return frozenset({"127.0.0.1", "192.0.2.10", "172.17.0.1"})

    def features(self) -> frozenset[str]:
        """A processor of some years ago, with all that the stack's images ask for."""
        return frozenset({"fpu", "sse4_2", "avx", "avx2"})

    def replaced_mounts(self, pid: int) -> frozenset[str]:
        """Mount points whose file was replaced by another inode since the container started."""
        with self._world.lock:
            for container in self._world.containers():
                if pid and container.pid == pid:
                    return frozenset(
                        b.target for b in container.definition.binds if self._replaced(container, b.target, b.source)
                    )
        return frozenset()

    def _replaced(self, container: Instance, target: str, source: str) -> bool:
        pinned = container.pinned.get(target)
        node = self._world.tree.get(source)
        return pinned is not None and (node is None or node.inode != pinned)

    def program_log(self, pid: int, *, unit: str | None = None, limit: int = 1 << 18) -> bytes:  # noqa: ARG002
        """What dockerd has said; the other programs keep quiet."""
        self._ready()
        return self._world.daemon_log[-limit:] if pid == DOCKERD else b""

    def host(self) -> tuple[str, str, str, str, int, float]:
        """Name, OS, kernel release, architecture, number of CPUs, boot time."""
        self._ready()
        return self._name, SYSTEM, release(self._world.tree), "x86_64", CPUS, self._boot


def _name(argv: tuple[str, ...]) -> str:
    """fact: the kernel keeps 15 characters of a process name."""
    return argv[0].split(" ")[0].rpartition("/")[2][:15]
