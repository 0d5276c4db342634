"""An index of the vector database was never finished, so no search uses it.

What it does
    Reads which indexes PostgreSQL calls invalid. Nothing is said while an index is being made.

Why it matters
    FastGPT makes its indexes with CREATE INDEX CONCURRENTLY IF NOT EXISTS. When that is cut off (a restart, no shared
    memory, no disk) an invalid index stays, and IF NOT EXISTS never repairs it: each search reads the whole table, and
    each write pays for an index that nobody uses.

Fix
    Explained: the command that makes it anew while the apps go on. It is not done by a key, because it changes a
    database and may take hours.

Sources
    PostgreSQL's manual, CREATE INDEX, Building Indexes Concurrently, and pg_index.indisvalid; FastGPT
    common/vectorDB/pg.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.text import _
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from . import dump, psql

INVALID = Form(
    "invalid", "{subject} has an index that no search uses: {indexes}",
    "Its making was cut off. IF NOT EXISTS finds the name taken, so the app never repairs it.",
    "make it anew while the apps go on", "warning",
    "Make a backup first: {dump}\n"
    "{commands}\n"
    "Where the name ends in _ccnew or _ccold, it is left over from such a command: drop that one.\n"
    "See how far it is: select phase, blocks_done, blocks_total from pg_stat_progress_create_index",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each database that told."""
    names = {container.id: container.name for container in snapshot.containers}
    told: set[tuple[str, str]] = set()
    for state in snapshot.databases:
        name, answer = names.get(state.container), state.answer
        if name is None or state.kind != "postgres" or answer.version is None or (name, state.database) in told:
            continue
        told.add((name, state.database))
        if not answer.invalid:
            yield Fine(name, _("Every index of {database} in {name} is in use", database=state.database, name=name))
            continue
        commands = "\n".join(psql(name, state, "reindex index concurrently {}", of=one) for one in answer.invalid)
        words = {"indexes": ", ".join(answer.invalid), "dump": dump(name, state), "commands": commands}
        rows = tuple(
            Evidence(_("invalid index"), one, _("pg_index of {database}", database=state.database))
            for one in answer.invalid
        )
        yield Case(name, INVALID, state, rows, words, about=state.database)


CHECK = Check(
    "postgres.index", "The indexes of PostgreSQL are whole", __doc__ or "", (INVALID,), find, by_hand,
    reads=("containers", "databases"),
)  # fmt: skip
