"""A PostgreSQL has no connection left for its apps, or soon will not.

What it does
    Reads how many connections there are and how many ordinary users may have: max_connections without those that are
    kept for superusers. From nine tenths on it says so.

Why it matters
    The next app gets `sorry, too many clients already`, or `remaining connection slots are reserved`, and looks as if
    its database were gone. Whoever wants to look into it gets the same.

Fix
    Explained: see who has them, and raise max_connections or lower the app's pool.

Sources
    PostgreSQL's manual, Connections and Authentication, and its error code 53300; FastGPT's DB_MAX_LINK.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import DatabaseState
from ..api import Check, Form, Found, Settings, Snapshot, by_hand
from ..databases import connections
from . import psql

_ADVICE = (
    "See who has them: {see}\n"
    "Raise the number in its compose file: command: postgres -c max_connections={more}\n"
    "Or lower the apps' pools: FastGPT's is DB_MAX_LINK."
)
SEE = "select usename, client_addr, state, count(*) from pg_stat_activity group by 1, 2, 3"
FULL = Form(
    "full", "{subject} has no connection left",
    "Whoever asks for one is refused, and takes the database for gone.", "free some, or allow more", advice=_ADVICE,
)  # fmt: skip
NEARLY_FULL = Form(
    "nearly-full", "{subject} has {used} of {most} connections in use",
    "The next ones will be refused, and who asked takes the database for gone.", "allow more, or lower the pools",
    "warning", _ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each server that told, or that refused for want of connections."""
    yield from connections(snapshot, "postgres", (FULL, NEARLY_FULL), _words)


def _words(server: str, state: DatabaseState) -> dict[str, str]:
    return {"see": psql(server, state, SEE)}


CHECK = Check(
    "postgres.connections", "PostgreSQL has connections left", __doc__ or "", (FULL, NEARLY_FULL), find, by_hand,
    reads=("containers", "databases"),
)  # fmt: skip
