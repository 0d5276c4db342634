"""From counters to rates: what a container used between two samples. Pure.

Times come from the monotonic clock only. Whatever cannot be told (the first sample, a counter that went backwards, a
gap in which the machine slept) is None and never 0.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from ..hosts import CgroupSample, SystemSample
from ..hosts.engine_api import BlockStats, ContainerStats, InterfaceStats, MemoryStats, decode
from ..model import Disk, Figures, Gpu, GpuProcess, LogFile, ServerFigures, System


def figures(
    before: CgroupSample | None,
    now: CgroupSample,
    *,
    at: float,
    limit: int | None = None,
    longest_gap: float | None = None,
) -> Figures:
    """Figures at Unix time ``at``. ``limit`` (bytes) is the container's own and beats the cgroup's.

    Rates need a sample before; after a gap of more than ``longest_gap`` seconds they are left out once.
    """
    seconds = _elapsed(before, now, longest_gap)
    base = before or CgroupSample(at_ns=0)  # says nothing, and without elapsed seconds is not asked
    return Figures(
        at=at,
        cpu_percent=_scaled(_rate(base.cpu_ns, now.cpu_ns, seconds), 100 / 1e9),
        memory=now.memory,
        memory_limit=limit or now.memory_limit,
        net_rx=_rate(base.rx_bytes, now.rx_bytes, seconds),
        net_tx=_rate(base.tx_bytes, now.tx_bytes, seconds),
        block_read=_rate(base.read_bytes, now.read_bytes, seconds),
        block_write=_rate(base.write_bytes, now.write_bytes, seconds),
        pids=now.pids,
    )


def _elapsed(before: CgroupSample | None, now: CgroupSample, longest: float | None) -> float | None:
    if before is None:
        return None
    seconds = (now.at_ns - before.at_ns) / 1e9
    return seconds if seconds > 0 and (longest is None or seconds <= longest) else None


def _rate(before: int | None, now: int | None, seconds: float | None) -> float | None:
    """Per second; None for a counter that went backwards. fact: counters begin at 0 again with every start."""
    if before is None or now is None or seconds is None or now < before:
        return None
    return (now - before) / seconds


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def sample_of_stats(raw: bytes) -> CgroupSample | None:
    """One-shot stats as counters; None for a container that does not run. Raises EngineFailed.

    The time is the Engine's own, at which it read the counters. fact: an Engine of the 20.10 line answers up to a
    second later, and any Engine answers for a stopped container with zeros and the year 1, not with an error.
    """
    stats = decode(raw, ContainerStats, "stats")
    at_ns = _nanoseconds(stats.read)
    if at_ns is None:
        return None
    usage = stats.cpu_stats.cpu_usage if stats.cpu_stats else None
    memory = stats.memory_stats or MemoryStats()
    received, sent = _network(stats.networks)
    return CgroupSample(
        at_ns=at_ns,
        cpu_ns=(usage.total_usage if usage else None) or None,
        memory=_working_set(memory),
        memory_limit=memory.limit or None,
        read_bytes=_blocks(stats.blkio_stats, "r"),
        write_bytes=_blocks(stats.blkio_stats, "w"),
        pids=(stats.pids_stats.current if stats.pids_stats else None) or None,
        rx_bytes=received,
        tx_bytes=sent,
    )


def _nanoseconds(text: str | None) -> int | None:
    if not text or text.startswith("0001-"):
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return None


def _working_set(memory: MemoryStats) -> int | None:
    """Usage without the inactive file cache. fact: ``total_inactive_file`` on cgroup v1, ``inactive_file`` on v2."""
    if not memory.usage:
        return None
    stats = memory.stats or {}
    cache = stats.get("total_inactive_file", stats.get("inactive_file")) or 0
    return memory.usage - cache if cache < memory.usage else memory.usage


def _blocks(block: BlockStats | None, letter: str) -> int | None:
    """Sum over the devices; None where the list is empty or null, as with no I/O controller."""
    rows = (block.io_service_bytes_recursive if block else None) or []
    values = [row.value for row in rows if row.value is not None and (row.op or "").lower().startswith(letter)]
    return sum(values) if values else None


def _network(networks: dict[str, InterfaceStats | None] | None) -> tuple[int | None, int | None]:
    """Sums over the interfaces; None for a container in the host's network or in none."""
    ends = [end for end in (networks or {}).values() if end is not None]
    if not ends:
        return None, None
    return sum(end.rx_bytes or 0 for end in ends), sum(end.tx_bytes or 0 for end in ends)


def system(
    before: SystemSample | None,
    now: SystemSample,
    *,
    at: float,
    disks: tuple[Disk, ...] = (),
    logs: tuple[LogFile, ...] = (),
    longest_gap: float | None = None,
) -> System:
    """The host at Unix time ``at``; the processor's share is of all cores together, 0 to 100, None at first."""
    return System(
        at=at,
        cpu_percent=_busy(before, now, longest_gap),
        load=now.load,
        memory_total=now.memory_total,
        memory_available=now.memory_available,
        swap_total=now.swap_total,
        swap_used=now.swap_used,
        disks=disks,
        logs=logs,
    )


def _busy(before: SystemSample | None, now: SystemSample, longest: float | None) -> float | None:
    if before is None or before.cpu_busy is None or before.cpu_total is None:
        return None
    if now.cpu_busy is None or now.cpu_total is None:
        return None
    if longest is not None and (now.at_ns - before.at_ns) / 1e9 > longest:
        return None
    total, busy = now.cpu_total - before.cpu_total, now.cpu_busy - before.cpu_busy
    # fact: iowait and steal of /proc/stat may fall between two reads, so a share can come out past its ends
    return min(100.0, max(0.0, busy / total * 100)) if total > 0 and busy >= 0 else None


def one_per_file_system(disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """The first of disks that are the same: equal in size, and in free space but for what was just written."""
    kept: list[Disk] = []
    for disk in disks:
        if not any(_same(disk, other) for other in kept):
            kept.append(disk)
    return tuple(kept)


def _same(one: Disk, other: Disk) -> bool:
    if one.total is None or one.free is None or other.free is None:
        return one.path == other.path
    return one.total == other.total and abs(one.free - other.free) <= one.total / 1000


LENGTH, FINE, MINUTES = 120, 300, 1440
"""How much is kept: figures of a container, figures of a GPU or a model server, minutes behind those: a day."""
MINUTE = 60.0
Past = tuple[tuple[float, float | None], ...]
"""Unix times and figures, oldest first; None where nothing could be told."""


class _Ring:
    """The last figures one by one, and before them the highest of each minute."""

    def __init__(self, length: int, minutes: int) -> None:
        self._recent: deque[tuple[float, float | None]] = deque(maxlen=length)
        self._minutes: deque[tuple[float, float | None]] = deque(maxlen=minutes)

    def add(self, at: float, value: float | None) -> None:
        self._recent.append((at, value))
        begun = at // MINUTE * MINUTE
        if self._minutes and self._minutes[-1][0] == begun:
            known = [each for each in (value, self._minutes.pop()[1]) if each is not None]
            value = max(known, default=None)
        self._minutes.append((begun, value))

    def past(self) -> Past:
        first = self._recent[0][0] if self._recent else 0.0
        return (*(each for each in self._minutes if each[0] + MINUTE <= first), *self._recent)

    def fill(self, before: Past) -> None:
        """Put minutes that somebody else kept before the first of its own."""
        first = self._minutes[0][0] if self._minutes else float("inf")
        earlier = [each for each in before if each[0] < first]
        self._minutes = deque((*earlier, *self._minutes), self._minutes.maxlen)

    def minute(self, begun: float) -> float | None:
        """The highest figure of the minute that began then."""
        return next((value for at, value in reversed(self._minutes) if at == begun), None)


class History:
    """What was, by name.

    ``host`` and ``container:ID`` are percent of the processor, ``gpu:UUID`` of a GPU's time; ``vram:UUID`` is bytes,
    ``heat:UUID`` degrees Celsius, ``power:UUID`` watts; ``server:KEY`` is tokens per second, ``queue:KEY`` requests
    that run or wait, ``held:KEY`` bytes of GPU memory.
    """

    def __init__(self, length: int = LENGTH) -> None:
        self._length = length
        self._lock = threading.Lock()
        self._rings: dict[str, _Ring] = {}
        self._before: dict[str, Past] = {}
        """What was kept of the time before, of what has not been looked at yet."""

    def fill(self, kept: Mapping[str, Past]) -> None:
        """Take in what was kept of the time before this console: minutes, left of the first of its own."""
        with self._lock:
            self._before = {name: past for name, past in kept.items() if name not in self._rings}
            for name in kept.keys() & self._rings.keys():
                self._rings[name].fill(kept[name])

    def minute(self, begun: float) -> dict[str, float]:
        """What is known of the minute that began then, by name, of all whose minutes are kept."""
        with self._lock:
            told = {name: ring.minute(begun) for name, ring in self._rings.items()}
        return {name: value for name, value in told.items() if value is not None}

    def add(self, system: System | None, figures: Mapping[str, Figures]) -> None:
        """One sweep. Containers that have none any more are forgotten."""
        with self._lock:
            if system is not None:
                self._add("host", system.at, system.cpu_percent)
            self._keep("container", figures)
            for container, now in figures.items():
                self._add(f"container:{container}", now.at, now.cpu_percent)

    def add_gpus(self, gpus: Collection[Gpu], at: float) -> None:
        """One look at the GPUs. What was not read anew is a gap; GPUs that are not told of any more are forgotten."""
        with self._lock:
            for kind in ("gpu", "vram", "heat", "power"):
                self._keep(kind, {gpu.uuid for gpu in gpus})
            for gpu in gpus:
                told = {"gpu": gpu.utilisation, "vram": gpu.memory_used, "heat": gpu.temperature, "power": gpu.power}
                for kind, value in told.items():
                    self._add(f"{kind}:{gpu.uuid}", at, value if gpu.health == "ok" else None, FINE, MINUTES)

    def add_held(self, processes: Iterable[GpuProcess], at: float) -> None:
        """GPU memory of each model server; unknown where one of its processes does not say."""
        held: dict[str, list[int | None]] = {}
        for each in processes:
            if each.server is not None:
                held.setdefault(each.server, []).append(each.memory)
        with self._lock:
            for server, sizes in held.items():
                known = [each for each in sizes if each is not None]
                self._add(f"held:{server}", at, sum(known) if len(known) == len(sizes) else None, FINE, MINUTES)

    def add_server(self, server: str, figures: ServerFigures | None, at: float) -> None:
        """One look at a model server; one without figures leaves a gap."""
        queue = [] if figures is None else [each for each in (figures.running, figures.waiting) if each is not None]
        with self._lock:
            self._add(f"server:{server}", at, figures.tokens_per_second if figures else None, FINE, MINUTES)
            self._add(f"queue:{server}", at, sum(queue) if queue else None, FINE, MINUTES)

    def keep_servers(self, servers: Collection[str]) -> None:
        """Forget those that are gone."""
        with self._lock:
            for kind in ("server", "queue", "held"):
                self._keep(kind, servers)

    def curve(self, name: str) -> Past:
        """What is known of one, empty for an unknown one."""
        with self._lock:
            ring = self._rings.get(name)
            return ring.past() if ring else ()

    def _add(self, name: str, at: float, value: float | None, length: int = 0, minutes: int = 0) -> None:
        ring = self._rings.get(name)
        if ring is None:
            ring = self._rings[name] = _Ring(length or self._length, minutes)
            ring.fill(self._before.pop(name, ()))
        ring.add(at, value)

    def _keep(self, kind: str, names: Collection[str]) -> None:
        of_kind = [each for each in self._rings if each.startswith(f"{kind}:")]
        for gone in (each for each in of_kind if each.partition(":")[2] not in names):
            del self._rings[gone]
