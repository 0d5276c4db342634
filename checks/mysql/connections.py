"""A MySQL has no connection left for its apps, or soon will not.

What it does
    Reads how many connections there are (Threads_connected) and how many there may be (max_connections). From nine
    tenths on it says so.

Why it matters
    The next app gets `Error 1040: Too many connections`. One API fails requests then, and ends if it is just starting.

Fix
    Explained: see who has them, and raise max_connections or lower the app's pool.

Sources
    MySQL's manual, Too many connections (max_connections, by default 151); One API's README (SQL_MAX_OPEN_CONNS, by
    default 1000, and SQL_MAX_IDLE_CONNS, by default 100).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import DatabaseState
from ..api import Check, Form, Found, Settings, Snapshot, by_hand
from ..databases import connections
from . import client

_ADVICE = (
    "See who has them: {see}\n"
    "Raise the number in its compose file: command: --max-connections={more}\n"
    "Or lower the apps' pools: One API's is SQL_MAX_OPEN_CONNS, which is 1000 where nothing is said."
)
FULL = Form(
    "full", "{subject} has no connection left",
    "It refuses every app that asks for one with error 1040.", "free some, or allow more", advice=_ADVICE,
)  # fmt: skip
NEARLY_FULL = Form(
    "nearly-full", "{subject} has {used} of {most} connections in use",
    "It will soon refuse the next ones with error 1040.", "allow more, or lower the pools", "warning", _ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each server that told, or that refused for want of connections."""
    servers = {container.name: container for container in snapshot.containers}

    def words(server: str, _state: DatabaseState) -> dict[str, str]:
        return {"see": client(servers[server], "SHOW PROCESSLIST")}

    yield from connections(snapshot, "mysql", (FULL, NEARLY_FULL), words)


CHECK = Check(
    "mysql.connections", "MySQL has connections left", __doc__ or "", (FULL, NEARLY_FULL), find, by_hand,
    reads=("containers", "databases"),
)  # fmt: skip
