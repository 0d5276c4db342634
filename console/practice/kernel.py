"""The kernel's side of the practice stack: counters that grow, a host that breathes, a process table.

Counters are integrals of waves (``walks``) over the time since the container started: the same seed and clock give the
same figures, however often and from whichever thread one looks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec.structs import replace

from ..hosts import CgroupSample, CommandResult, NotFound, ProcessRow, SystemSample, Wire, WireReading
from ..hosts.readings import GpuReading
from ..model import Gpu, GpuDriver, GpuProcess, Hop
from ..products.dockerd import MIRRORS, refusal
from ..text import N_, _
from ..text.json_text import JsonError, load
from . import files as stacks
from .containers import MODEL, OWN, RESERVED, TOTAL, Instance, PracticeCard
from .files import Tree
from .mongod import release
from .stand import wave
from .world import World

FILE = "/etc/docker/daemon.json"
PID, UNIT, MACHINE = 955, "docker.service", "gpu-box-01"


def lay_out(tree: Tree) -> None:
    """The file as the toolkit of the GPU driver leaves it, with a mirror that works; where the kernel says it runs."""
    tree.put(FILE, stacks.text("daemon.json").encode())
    tree.put(f"/proc/{PID}/cgroup", f"0::/system.slice/{UNIT}\n".encode(), mode=0o444)


def reload(world: World, pid: int, unit: str | None = None) -> CommandResult:
    """What SIGHUP does. NotFound for any other process."""
    if pid != PID:
        raise NotFound(N_(f"The process {pid} is no dockerd"), N_("look again"))
    read(world)
    argv = ("systemctl", "reload", "--", unit) if unit else ("kill", "-HUP", str(pid))
    return CommandResult(argv, 0, "")


def read(world: World) -> None:
    """Take over what the file says, where it says something that can be taken over."""
    with world.lock:
        node = world.tree.get(FILE)
        try:
            data = load(node.content).data if node is not None else None
        except JsonError:
            data = None
        if data is None or refused(data) is not None:
            return
        if MIRRORS in data:
            world.mirrors = tuple(f"{one.rstrip('/')}/" for one in data[MIRRORS])
        world.emit_daemon("reload", name=MACHINE, **{MIRRORS: json.dumps(world.mirrors)})


def validate(content: bytes) -> CommandResult:
    """``dockerd --validate``."""
    argv = ("dockerd", "--validate")
    try:
        reason = refused(load(content).data)
    except JsonError as error:
        reason = str(error)
    if reason is not None:
        return CommandResult(argv, 1, f"unable to configure the Docker daemon with file {FILE}: {reason}")
    return CommandResult(argv, 0, "configuration OK")


def refused(data: dict[str, object]) -> str | None:
    """Why dockerd does not take this; None when it does."""
    mirrors = data.get(MIRRORS, [])
    if not isinstance(mirrors, list):
        return "json: cannot unmarshal string into Go struct field Config.registry-mirrors of type []string"
    reasons = (refusal(one) if isinstance(one, str) else "not a string" for one in mirrors)
    return next((f"invalid mirror: {reason}" for reason in reasons if reason), None)


MIB = 1 << 20
SYSTEM, CPUS, MEMORY = "Ubuntu 22.04.4 LTS", 32, 128 << 30
WARM_UP = 25.0
"""Seconds in which a started program fills its memory."""
OWN_CORES, OWN_MEMORY = 0.4, 3_400 * MIB
"""What the host itself uses."""
UPTIME = 41 * 86400.0
DISKS = {"/": (1_920 * 10**9, 1_110 * 10**9), "/srv": (7_680 * 10**9, 640 * 10**9)}
"""Total and free bytes of the two file systems when the demo starts; the second fills slowly."""
NATIVE: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (1, "root", ("/sbin/init",)), (812, "root", ("/usr/sbin/sshd", "-D")),
    (901, "root", ("/usr/bin/containerd",)), (PID, "root", ("/usr/bin/dockerd", "-H", "fd://")),
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
        mount = "/srv" if (path + "/").startswith("/srv/") else "/"
        total, free = DISKS[mount]
        written = int(2e5 * (self._world.clock.monotonic() - self._opened)) if mount == "/srv" else 0
        return total, max(0, free - written)

    def processes(self) -> Sequence[ProcessRow]:
        self._ready()
        rows = [
            ProcessRow(pid, min(pid - 1, 1), _name(argv), argv, self._boot, user, None) for pid, user, argv in NATIVE
        ]
        with self._world.lock:
            for container in self._world.containers():
                rows += [
                    ProcessRow(pid, PID if pid == container.pid else container.pid, _name(argv), argv,
                               container.started_at, "root", container.id)
                    for pid, argv in container.processes()
                ]  # fmt: skip
            rows += [
                ProcessRow(one.pid, 1, _name(one.argv), one.argv, one.started_at, "root", None)
                for one in self._world.cards.left
            ]
        return rows

    def listening(self, pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        """Its native processes listen on nothing that matters here."""
        return {}

    def listener(self, address: str) -> int | None:
        """Its dockerd."""
        return PID

    def wires(self, asked: Sequence[Wire]) -> Sequence[WireReading]:
        """As far as names, networks and ports of the practice stack tell."""
        self._ready()
        with self._world.lock:
            return [self._wire(wire) for wire in asked]

    def _wire(self, wire: Wire) -> WireReading:
        running = [c for c in self._world.containers() if c.state == "running"]
        source = next((c for c in running if c.id == wire.container), None)
        if source is None:
            return WireReading(wire.key, refused="its process has ended")
        network = source.definition.network
        near = [c for c in running if wire.host in (*c.answers_to, c.address) and c.definition.network == network]
        near = self._world.far.get(wire.host, near)
        machine = wire.host in self.addresses() or any(
            e.startswith(f"{wire.host}:") for e in source.definition.extra_hosts
        )
        if wire.host in ("localhost", "127.0.0.1"):
            near = [source]
        elif machine:
            near = [c for c in running if wire.port in c.published]
        elif not near:
            reason = f"Docker's name server knows no {wire.host}"
            return WireReading(wire.key, (Hop("name", "failed", reason),))
        name = Hop("name", "ok", near[0].address if near and not machine else None)
        there = next((c for c in near if c.processes() and c.inside and (machine or wire.port in c.inside)), None)
        at = f"{near[0].address if near and not machine else wire.host}:{wire.port}"
        if there is None:
            return WireReading(wire.key, (name, Hop("port", "failed", f"nobody listens at {at}")))
        return WireReading(wire.key, (name, Hop("port", "ok"), Hop("protocol", "ok")), at)

    def addresses(self) -> frozenset[str]:
        return frozenset({"127.0.0.1", "192.0.2.10", "172.17.0.1"})

    def features(self) -> frozenset[str]:
        """A processor of some years ago, with all that the stack's images ask for."""
        return frozenset({"fpu", "sse4_2", "avx", "avx2"})

    def replaced_mounts(self, pid: int) -> frozenset[str]:
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

    def program_log(self, pid: int, *, unit: str | None = None, limit: int = 1 << 18) -> bytes:
        """What dockerd has said; the other programs keep quiet."""
        self._ready()
        return self._world.daemon_log[-limit:] if pid == PID else b""

    def host(self) -> tuple[str, str, str, str, int, float]:
        self._ready()
        return self._name, SYSTEM, release(self._world.tree), "x86_64", CPUS, self._boot


def _name(argv: tuple[str, ...]) -> str:
    """fact: the kernel keeps 15 characters of a process name."""
    return argv[0].split(" ")[0].rpartition("/")[2][:15]


POWER_LIMIT, CLOCK, MEMORY_CLOCK = 450.0, 3_105, 10_501
DRIVER = GpuDriver(
    "ok", version="550.90.07", nvml="12.550.90.07", cuda="12.4", module="550.90.07", same_namespace=True,
)  # fmt: skip


class DemoGpus:
    """The door that NVML is on a real machine. The driver knows process ids, never containers."""

    def __init__(self, world: World, ready: Callable[[], None]) -> None:
        self._world = world
        self._ready = ready

    def read(self) -> GpuReading:
        self._ready()
        at = self._world.clock.monotonic()
        with self._world.lock:
            cards = tuple(self._world.cards.all)
            processes = self._processes(cards, at)
        read = tuple(self._card(number, card, processes) for number, card in enumerate(cards))
        return GpuReading(replace(DRIVER, cards=len(cards)), read, tuple(processes))

    def close(self) -> None:
        """Nothing was started."""

    def _processes(self, cards: Sequence[PracticeCard], at: float) -> list[GpuProcess]:
        own = self._world.cards
        found = [
            GpuProcess(
                gpu=cards[held.card].uuid, pid=held.pid, memory=held.memory * MIB, name=held.argv[0], kind="compute",
                utilisation=self._busy(held.card, held.container.name, at),
            )
            for held in own.holdings(self._world.containers())
        ]  # fmt: skip
        return found + [
            GpuProcess(cards[one.card].uuid, one.pid, one.memory * MIB, one.argv[0], "compute", utilisation=0.0)
            for one in own.left
        ]

    def _busy(self, gpu: int, name: str, at: float) -> float:
        """Percent; each process swings in its own way, and none takes more than half a card."""
        return round(min(49.0, 25.0 * wave(f"{self._world.seed}:gpu:{gpu}:{name}", 0.9).level(at)))

    def _card(self, number: int, card: PracticeCard, processes: Sequence[GpuProcess]) -> Gpu:
        if card.lost:
            return Gpu(
                uuid=card.uuid, index=number, name=MODEL, bus=card.bus, health="lost", trouble=_("The GPU is lost"),
                remedy=_("Power the machine off and on"), read_at=self._world.now(),
            )  # fmt: skip
        own = [process for process in processes if process.gpu == card.uuid]
        busy = min(99.0, sum(process.utilisation or 0.0 for process in own))
        used, total = OWN * MIB + sum(process.memory or 0 for process in own), TOTAL * MIB
        return Gpu(
            uuid=card.uuid, index=number, name=MODEL, bus=card.bus, memory_total=total, memory_used=used,
            memory_reserved=RESERVED * MIB, memory_free=total - RESERVED * MIB - used, utilisation=busy,
            memory_utilisation=round(0.6 * busy), temperature=round(36 + 0.36 * busy), power=round(24 + 3.4 * busy, 1),
            power_limit=POWER_LIMIT, fan=round(30 + 0.4 * busy), clock=round(CLOCK * (0.3 + 0.6 * min(1.0, busy / 40))),
            clock_max=CLOCK, memory_clock=MEMORY_CLOCK if busy else 405, performance_state=2 if busy else 8,
            throttling=(), ecc=None, pcie_generation=4 if busy else 1, pcie_generation_max=4, pcie_width=16,
            persistence=True, mig=None, read_at=self._world.now(),
        )  # fmt: skip
