"""Disks with and without room, and what ``docker.disk`` must say of them."""

from __future__ import annotations

from stackops.console.model import Disk, HostInfo, Snapshot, System

from examples import Example
from examples.snapshots import ENGINE, NOW

MIB, GIB = 1 << 20, 1 << 30


def disk(free: int | None, total: int | None, path: str = "/var/lib/docker") -> Snapshot:
    """A machine with this file system."""
    return Snapshot(NOW, HostInfo("x"), engine=ENGINE, system=System(NOW, disks=(Disk(path, "Docker", total, free),)))


FINDS = (
    Example("filled it to the last byte", disk(0, 100 * GIB), "finding", "full", ()),
    Example("has some megabytes left", disk(300 * MIB, 100 * GIB), "finding", "full", ()),
    Example("has 1 % of a large one left", disk(9 * GIB, 900 * GIB), "finding", "full", ()),
    Example("filled a small one", disk(100 * MIB, 8 * GIB), "finding", "full", ()),
    Example("filled the project's disk", disk(0, 20 * GIB, "/srv/fastgpt"), "finding", "full", ()),
    Example("filled a tiny one", disk(10 * MIB, 512 * MIB), "finding", "full", ()),
    Example("has 5 GiB of 100 left", disk(5 * GIB, 100 * GIB), "finding", "low", ()),
    Example("has 2 GiB of 40 left", disk(2 * GIB, 40 * GIB), "finding", "low", ()),
    Example("has 9 GiB of 200 left", disk(9 * GIB, 200 * GIB), "finding", "low", ()),
    Example("has 8 GiB of 100 left on the root", disk(8 * GIB, 100 * GIB, "/"), "finding", "low", ()),
    Example("has little left on the data disk", disk(3 * GIB, 60 * GIB, "/data"), "finding", "low", ()),
)

FINDS_NOT = (
    Example("has half of it", disk(50 * GIB, 100 * GIB), "ok"),
    Example("has all of it", disk(100 * GIB, 100 * GIB), "ok"),
    Example("has 1 % of a huge one, which is much", disk(100 * GIB, 10_000 * GIB), "ok"),
    Example("has 11 GiB left", disk(11 * GIB, 500 * GIB), "ok"),
    Example("has a fifth of a small one", disk(2 * GIB, 10 * GIB), "ok"),
    Example("has an eighth of a tiny one", disk(64 * MIB, 512 * MIB), "ok"),
    Example("has enough on the project's disk", disk(40 * GIB, 80 * GIB, "/srv/fastgpt"), "ok"),
    Example("could not ask", disk(None, None), "unknown"),
    Example("could not ask how much is free", disk(None, 100 * GIB), "unknown"),
    Example("has a file system without a size", disk(0, 0, "/proc"), "unknown"),
    Example("measures nothing", Snapshot(NOW, HostInfo("x")), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
