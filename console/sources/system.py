"""The host's own figures, from two samples of its counters. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..hosts import SystemSample
from ..model import Disk, System


def system(
    before: SystemSample | None,
    now: SystemSample,
    *,
    at: float,
    disks: tuple[Disk, ...] = (),
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
