"""What processes of this machine listen on, and its own addresses, through psutil. Never raises for a process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

MOST = 64
"""Processes that are asked; each costs a walk through its descriptors."""


def listening(pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
    """Addresses and ports by process; one that has ended, or that this user may not look into, is left out."""
    import psutil

    found: dict[int, Sequence[tuple[str, int]]] = {}
    for pid in sorted(pids)[:MOST]:
        try:
            rows = psutil.Process(pid).net_connections(kind="tcp")
        except (psutil.Error, OSError):
            continue
        found[pid] = tuple(sorted({(r.laddr.ip, r.laddr.port) for r in rows if r.status == psutil.CONN_LISTEN}))
    return found


def addresses() -> frozenset[str]:
    """IP addresses of all interfaces, without the zone that a link-local one carries."""
    import socket

    import psutil

    wanted = {socket.AF_INET, socket.AF_INET6}
    try:
        rows = psutil.net_if_addrs()
    except OSError:
        return frozenset()
    return frozenset(r.address.partition("%")[0] for each in rows.values() for r in each if r.family in wanted)
