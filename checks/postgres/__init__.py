"""Pitfalls of PostgreSQL, and the commands that people are told for it."""

from __future__ import annotations

import shlex

from ...console.model import DatabaseState


def psql(name: str, state: DatabaseState, statement: str, *, of: str | None = None) -> str:
    """The command that runs a statement inside a server's container; ``of``: an identifier for its ``{}``.

    Names come from databases and settings, so they are quoted as SQL and as a shell want it.
    """
    sql = statement if of is None else statement.format('"' + of.replace('"', '""') + '"')
    return shlex.join(("docker", "exec", name, "psql", "-U", state.user, "-d", state.database, "-c", sql))


def dump(name: str, state: DatabaseState) -> str:
    """The command that makes a backup of one database."""
    return shlex.join(("docker", "exec", name, "pg_dump", "-U", state.user, state.database)) + " > backup.sql"
