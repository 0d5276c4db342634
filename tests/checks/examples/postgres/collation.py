"""Databases whose system moved and whose did not, and what ``postgres.collation`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.postgres.told import answer, state, told

MOVED, STAYED = answer(collation=("2.36", "2.41")), answer(collation=("2.41", "2.41"))
NONE = answer(collation=None)
REFUSED = answer("login", "FATAL: password authentication failed")
OTHER = {"variable": "DB_HOST", "user": "myuser", "database": "mydatabase"}


def found(name: str, *states: object) -> Example:
    return Example(name, told(*states), "finding", "mismatch", ())


FINDS = (
    found("moved from bookworm to trixie", MOVED),
    found("moved back", answer(collation=("2.41", "2.36"))),
    found("moved to another distribution", answer(collation=("2.31", "153.120"))),
    found("moved within a release", answer(collation=("2.36", "2.36-9"))),
    found("moved, and only the first user looks", None, MOVED),
    found("moved, and the app is refused", REFUSED, MOVED),
    found("moved with rag_api's database", None, None, state("rag_api", MOVED, **OTHER)),
    found("moved another server", None, None, state("rag_api", MOVED, "pg2", **OTHER)),
    found("moved, and both logins see it", MOVED, MOVED),
    found("has a database with a name that a shell would run", None, None,
          state("fastgpt", MOVED, database="x'; rm -rf / #")),
    found("has a database with quotes in its name", None, None, state("fastgpt", MOVED, database='we"ird')),
)  # fmt: skip
FINDS_NOT = (
    Example("stayed", told(STAYED), "ok"),
    Example("made the indexes anew and said so", told(STAYED, STAYED), "ok"),
    Example("stayed with rag_api's database", told(None, None, state("rag_api", STAYED, **OTHER)), "ok"),
    Example("has rules that have no release, as Alpine's", told(NONE), "not_applicable"),
    Example("has an old PostgreSQL, which does not tell", told(answer(version=140005)), "not_applicable"),
    Example("is refused by it", told(REFUSED), "not_applicable"),
    Example("has no connection left", told(answer("full", "too many clients")), "not_applicable"),
    Example("has just started it", told(answer("starting", "starting up")), "not_applicable"),
    Example("has nobody at the port", told(answer("refused", "Connection refused")), "not_applicable"),
    Example("has taken the server down since", told(None, None, state("fastgpt", MOVED, "gone")), "not_applicable"),
    Example("was not asked", told(), "not_applicable"),
)
EXAMPLES = (*FINDS, *FINDS_NOT)
