"""Indexes that were finished and that were not, and what ``postgres.index`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.postgres.told import answer, state, told

BROKEN = answer(invalid=("vector_index",))
REFUSED = answer("login", "FATAL: password authentication failed")
OTHER = {"variable": "DB_HOST", "user": "myuser", "database": "mydatabase"}


def found(name: str, *states: object) -> Example:
    return Example(name, told(*states), "finding", "invalid", ())


FINDS = (
    found("restarted it while the index was made", BROKEN),
    found("did so twice", answer(invalid=("vector_index", "vector_index_ccnew"))),
    found("has it where only the first user looks", None, BROKEN),
    found("has it where both logins look", BROKEN, BROKEN),
    found("has it in rag_api's database", None, None, state("rag_api", BROKEN, **OTHER)),
    found("has it in another server", None, None, state("rag_api", BROKEN, "pg2", **OTHER)),
    found("has an index with a name that a shell would run", answer(invalid=("'; rm -rf / #",))),
    found("has an index with quotes in its name", answer(invalid=('we"ird',))),
    found("has one with a name of two words", answer(invalid=("my index",))),
    found("has many", answer(invalid=tuple(f"index_{n}" for n in range(20)))),
    found("is refused as an app, and its first user sees it", REFUSED, BROKEN),
    found("has an old PostgreSQL that tells", answer(version=120017, invalid=("vector_index",))),
)
FINDS_NOT = (
    Example("has whole ones", told(answer()), "ok"),
    Example("has whole ones in rag_api's database", told(None, None, state("rag_api", answer(), **OTHER)), "ok"),
    Example("has whole ones in another server", told(None, None, state("rag_api", answer(), "pg2", **OTHER)), "ok"),
    Example("has one from before PostgreSQL 12", told(answer(version=110022)), "ok"),
    Example("is refused by it", told(REFUSED), "not_applicable"),
    Example("has no connection left", told(answer("full", "too many clients")), "not_applicable"),
    Example("has just started it", told(answer("starting", "starting up")), "not_applicable"),
    Example("has nobody at the port", told(answer("refused", "Connection refused")), "not_applicable"),
    Example("has one that does not answer", told(answer("silent", "no answer")), "not_applicable"),
    Example("has taken the server down since", told(None, None, state("fastgpt", BROKEN, "gone")), "not_applicable"),
    Example("was not asked", told(), "not_applicable"),
)
EXAMPLES = (*FINDS, *FINDS_NOT)
