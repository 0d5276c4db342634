"""A PostgreSQL refuses the login that an app has for it.

What it does
    Tries the login of each app of the stack once, read-only, from this machine: PG_URL, SQL_DSN, DATABASE_URL, and
    rag_api's POSTGRES_*. Where it is refused, the server's own first user is tried as well: that tells which side is
    right.

Why it matters
    POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB count on an empty data folder alone. Changed later they change
    nothing inside, and an app that was given the new password is refused for ever: FastGPT says only "Retry connect
    pg", rag_api ends.

Fix
    Explained: which place to change, or the command that gives the user the password that the app has. It is not done
    by a key, because it changes a database.

Sources
    docker-library/postgres, docker-entrypoint.sh; PostgreSQL's error codes 28P01, 28000 and 3D000; LibreChat issue
    3327; FastGPT common/vectorDB/pg.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ...console.model import DatabaseState
from ..api import Case, Check, Form, Found, Settings, Snapshot, by_hand
from ..databases import RefusedLogin, logins

_FIX = "give both sides the same login"
WRITTEN = Form(
    "password", "{subject} is refused by {server}: another user or password than it was made with",
    "{server} takes the login that its own variables name, and {subject} has another one in {variable}.",
    _FIX,
    advice="Write into {variable} of {subject} the user and the password that {server} was made with.\n"
    "In a connection string @ is written %40, # %23, : %3A and / %2F.\n"
    "Then recreate it: docker compose up -d {service}",
)  # fmt: skip
CHANGED = Form(
    "changed", "{subject} is refused by {server}, which has another password than its variables say",
    "Its variables count on an empty data folder alone: changed later, they change nothing inside.",
    "give the user the password that the app has",
    advice="Inside the server no password is needed: {inside}\n"
    "There \\password {user} asks for the password that {variable} of {subject} names.\n"
    "Or write the password of the first start into {variable}, and recreate it: docker compose up -d {service}",
)  # fmt: skip
NO_DATABASE = Form(
    "no-database", "{server} has no database {database}, which {subject} asks for",
    "POSTGRES_DB counts on an empty data folder alone; the login itself is good.",
    "make the database, or name the one that is there",
    advice="See which there are: {list}\n"
    "Make it: {make}\n"
    "Or write the right name into {variable} of {subject}, and recreate it: docker compose up -d {service}",
)  # fmt: skip
BARRED = Form(
    "barred", "{server} lets nobody in from where {subject} is",
    "Its pg_hba.conf has no line that fits, so no password is looked at.",
    "let the stack's network in",
    advice="See the lines: docker exec {server} sh -c 'cat \"$PGDATA/pg_hba.conf\"'\n"
    "The official image ends it with: host all all all scram-sha-256\n"
    "Then: docker exec -u postgres {server} pg_ctl reload",
)  # fmt: skip
FORMS = {"no-database": NO_DATABASE, "barred": BARRED}


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each app whose login was tried."""
    yield from logins(snapshot, "postgres", _case)


def _case(refused: RefusedLogin) -> Case[DatabaseState]:
    state, server = refused.state, refused.server
    form = FORMS.get(state.answer.trouble or "", WRITTEN if refused.known else CHANGED)
    return refused.case(form, {
        "inside": shlex.join(("docker", "exec", "-it", server.name, "psql", "-U", state.user, "postgres")),
        "list": shlex.join(("docker", "exec", server.name, "psql", "-U", state.user, "-l")),
        "make": shlex.join(("docker", "exec", server.name, "createdb", "-U", state.user, state.database)),
    })  # fmt: skip


CHECK = Check(
    "postgres.credentials", "PostgreSQL takes the logins of its apps", __doc__ or "",
    (WRITTEN, CHANGED, NO_DATABASE, BARRED), find, by_hand, reads=("containers", "databases"),
)  # fmt: skip
