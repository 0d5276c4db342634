"""The Engine's own process list of a container, for consoles that do not see the machine's. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ..hosts import ProcessRow

PS_ARGS = "-eo pid,ppid,args"
MOST = 4096
"""Rows that are looked at."""
_COMMAND = ("COMMAND", "CMD", "ARGS")


class _Top(msgspec.Struct):
    titles: list[str | None] | None = msgspec.field(name="Titles", default=None)
    processes: list[list[str | None] | None] | None = msgspec.field(name="Processes", default=None)


def rows_of(reply: bytes, container: str) -> tuple[ProcessRow, ...]:
    """The rows, by the titles of their columns, which depend on the machine's ``ps``. Nothing in a reply of no sense.

    fact: process ids are those of the Engine's machine. gpu-model-servers 2.2
    """
    try:
        told = msgspec.json.decode(reply, type=_Top)
    except msgspec.MsgspecError:
        return ()
    titles = [(title or "").strip().upper() for title in told.titles or ()]
    if "PID" not in titles:
        return ()
    found = (_row(dict(zip(titles, each or (), strict=False)), container) for each in (told.processes or ())[:MOST])
    return tuple(row for row in found if row is not None)


def _row(told: dict[str, Any], container: str) -> ProcessRow | None:
    pid, parent = _number(told.get("PID")), _number(told.get("PPID"))
    if pid is None:
        return None
    line = next((str(told[title]) for title in _COMMAND if told.get(title)), "")
    words = tuple(line.split())
    name = words[0].rpartition("/")[2][:15] if words else ""
    user = told.get("USER") or told.get("UID")
    return ProcessRow(
        pid=pid, ppid=parent or 0, name=name, command=words, started_at=None, user=str(user) if user else None,
        container=container, containers=(container,), runtime="docker",
    )  # fmt: skip


def _number(text: object) -> int | None:
    told = str(text).strip()
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else None
