"""PostgreSQL servers with and without room, and what ``postgres.connections`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.postgres.told import answer, state, told

FULL = answer("full", "FATAL: sorry, too many clients already")
RESERVED = answer("full", "FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute")
OF_ROLE = answer("full", 'FATAL: too many connections for role "username"')
REFUSED = answer("login", "FATAL: password authentication failed")
OTHER = {"variable": "DB_HOST", "user": "myuser", "database": "mydatabase"}

FINDS = (
    Example("let a pool take everything", told(FULL), "finding", "full", ()),
    Example("left what superusers keep", told(RESERVED, answer(used=97)), "finding", "full", ()),
    Example("gave the role a limit of its own", told(OF_ROLE), "finding", "full", ()),
    Example("is refused by another server", told(None, None, state("rag_api", FULL, "pg2", **OTHER)), "finding",
            "full", ()),
    Example("is refused with the second login", told(answer(used=96), None, state("rag_api", FULL, **OTHER)), "finding",
            "full", ()),
    Example("is nearly there", told(answer(used=92)), "finding", "nearly-full", ()),
    Example("is at nine tenths exactly", told(answer(used=90, most=100)), "finding", "nearly-full", ()),
    Example("is beyond, as superusers have some", told(answer(used=99, most=97)), "finding", "nearly-full", ()),
    Example("has set max_connections very low", told(answer(used=6, most=6)), "finding", "nearly-full", ()),
    Example("has filled it since the first login was tried", told(answer(used=4), None,
            state("rag_api", answer(used=95), **OTHER)), "finding", "nearly-full", ()),
    Example("has filled it with others, and its own user sees that", told(REFUSED, answer(used=95)), "finding",
            "nearly-full", ()),
)  # fmt: skip
FINDS_NOT = (
    Example("has room", told(answer(used=80)), "ok"),
    Example("has a little room left", told(answer(used=89, most=100)), "ok"),
    Example("has nobody in it", told(None, answer(used=0)), "ok"),
    Example("has set it very high", told(answer(used=300, most=997)), "ok"),
    Example("has two apps on it", told(answer(), None, state("rag_api", answer(used=12), **OTHER)), "ok"),
    Example("is refused by it", told(REFUSED), "not_applicable"),
    Example("has just started it", told(answer("starting", "starting up")), "not_applicable"),
    Example("has nobody at the port", told(answer("refused", "Connection refused")), "not_applicable"),
    Example("has one that does not answer", told(answer("silent", "no answer")), "not_applicable"),
    Example("has taken the server down since", told(None, None, state("fastgpt", FULL, "gone")), "not_applicable"),
    Example("was not asked", told(), "not_applicable"),
)  # fmt: skip
EXAMPLES = (*FINDS, *FINDS_NOT)
