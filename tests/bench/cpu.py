"""Processor time of a process tree and of the Engine, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
ENGINE = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "docker-proxy")


def _stat(pid: int) -> tuple[str, int, float] | None:
    """Name, parent, seconds used, its reaped children included."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return name, int(fields[1]), sum(int(field) for field in fields[11:15]) / TICK


def _table() -> dict[int, tuple[str, int, float]]:
    rows = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return {pid: row for pid, row in rows.items() if row is not None}


def engine_seconds() -> float:
    """Of the Engine, containerd and all shims."""
    return sum(used for name, _, used in _table().values() if name.startswith(tuple(n[:15] for n in ENGINE)))


def tree_seconds(root: int) -> float:
    """Of a process and its living descendants."""
    table = _table()
    members = {root}
    while True:
        more = {pid for pid, (_, parent, _) in table.items() if parent in members} - members
        if not more:
            return sum(table[pid][2] for pid in members if pid in table)
        members |= more


def children_seconds(root: int) -> float:
    """Of the living descendants of a process alone."""
    table = _table()
    return tree_seconds(root) - (table[root][2] if root in table else 0.0)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
