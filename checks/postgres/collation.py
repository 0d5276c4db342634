"""A PostgreSQL runs on another system library than the one that its texts were sorted with.

What it does
    Compares the release of the sorting rules that each database was made with, and the one that its image has now.

Why it matters
    After an image moves to another Debian (rag_api's went from bookworm to trixie) PostgreSQL warns at each connection:
    `database has a collation version mismatch`. Indexes over texts may be in an order that the new library does not
    share: rows are not found, and unique ones come twice.

Fix
    Explained: both commands, in their order. They are not run by a key, because they change a database.

Sources
    PostgreSQL's manual, ALTER DATABASE, REFRESH COLLATION VERSION; LibreChat issue 13353.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.text import _
from ..api import Case, Check, Evidence, Fine, Form, Found, Settings, Snapshot, by_hand
from . import dump, psql

MISMATCH = Form(
    "mismatch", "{database} in {subject} was sorted with other rules: {made}, and its system has {has}",
    "Its image moved to another release of the system. Indexes over texts may be out of order until made anew.",
    "make its indexes anew, then tell PostgreSQL so", "warning",
    "Make a backup first: {dump}\n{reindex}\n{refresh}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each database whose rules are told: PostgreSQL 15 and later, and no rules of C."""
    names = {container.id: container.name for container in snapshot.containers}
    told: set[tuple[str, str]] = set()
    for state in snapshot.databases:
        name, both = names.get(state.container), state.answer.collation
        if name is None or both is None or (name, state.database) in told:
            continue
        told.add((name, state.database))
        made, has = both
        if made == has:
            yield Fine(
                name, _("{database} in {name} is sorted as its system sorts", database=state.database, name=name)
            )
            continue
        words = {
            "database": state.database, "made": made, "has": has, "dump": dump(name, state),
            "reindex": psql(name, state, "reindex database {}", of=state.database),
            "refresh": psql(name, state, "alter database {} refresh collation version", of=state.database),
        }  # fmt: skip
        rows = (
            Evidence(_("made with"), made, _("pg_database of {database}", database=state.database)),
            Evidence(_("the system has"), has, name),
        )  # fmt: skip
        yield Case(name, MISMATCH, state, rows, words, about=state.database)


CHECK = Check(
    "postgres.collation", "PostgreSQL sorts as it did", __doc__ or "", (MISMATCH,), find, by_hand,
    reads=("containers", "databases"),
)  # fmt: skip
