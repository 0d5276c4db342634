"""Logins that a PostgreSQL took and refused, and what ``postgres.credentials`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.postgres.told import answer, state, told

REFUSED = answer("login", 'FATAL: password authentication failed for user "username"')
CHINESE = answer("login", '致命错误: 用户 "username" Password 认证失败')
NO_ROLE = answer("login", 'FATAL: role "fastgpt" does not exist')
NOWHERE = answer("no-database", 'FATAL: database "vectors" does not exist')
BARRED = answer("barred", 'FATAL: no pg_hba.conf entry for host "172.18.0.1", user "username"')
FULL = answer("full", "FATAL: sorry, too many clients already")
RAG = {"variable": "DB_HOST", "user": "myuser", "database": "mydatabase"}

FINDS = (
    Example("gave FastGPT another password", told(REFUSED, answer()), "finding", "password", ()),
    Example("gave it another user", told(NO_ROLE, answer()), "finding", "password", ()),
    Example("changed the password on both sides after the first start", told(REFUSED, REFUSED), "finding", "changed",
            ()),
    Example("did so, and the server was gone when it was asked itself", told(REFUSED, answer("reset")), "finding",
            "changed", ()),
    Example("did so with a server that has no password of its own", told(REFUSED), "finding", "changed", ()),
    Example("did so with a server that speaks Chinese", told(CHINESE, CHINESE), "finding", "changed", ()),
    Example("named another database", told(NOWHERE), "finding", "no-database", ()),
    Example("named one with a name that a shell would run", told(None, None, state("fastgpt", NOWHERE,
            database="x; rm -rf /")), "finding", "no-database", ()),
    Example("has a pg_hba.conf of its own", told(BARRED, BARRED), "finding", "barred", ()),
    Example("has that, and the server's own network may", told(BARRED, answer()), "finding", "barred", ()),
    Example("gave rag_api the wrong one", told(None, answer(), state("rag_api", REFUSED, **RAG)), "finding", "password",
            ()),
    Example("has the wrong one in a second server", told(None, answer(), state("rag_api", REFUSED, "pg2", **RAG)),
            "finding", "changed", ()),
)  # fmt: skip
FINDS_NOT = (
    Example("gave both the same", told(answer()), "ok"),
    Example("gave rag_api the right one", told(None, None, state("rag_api", answer(), **RAG)), "ok"),
    Example("has nobody who uses it", told(None, answer()), "not_applicable"),
    Example("has nobody who uses it, and changed its password", told(None, REFUSED), "not_applicable"),
    Example("has changed the first user's password, which nobody uses", told(answer(), REFUSED), "ok"),
    Example("has just started it", told(answer("starting", "FATAL: the database system is starting up")),
            "not_applicable"),
    Example("has nobody at the port, which the arrow says", told(answer("refused", "Connection refused")),
            "not_applicable"),
    Example("cannot reach its network from here", told(answer("no-route", "No route to host")), "not_applicable"),
    Example("has no connection left, which another check says", told(FULL), "not_applicable"),
    Example("has something else behind the port", told(answer("another", "received invalid response")), "unknown"),
    Example("has one that does not answer", told(answer("silent", "no answer within 5 s")), "unknown"),
    Example("has taken the app down since", told(None, None, state("gone", REFUSED)), "not_applicable"),
    Example("was not asked", told(), "not_applicable"),
)  # fmt: skip
EXAMPLES = (*FINDS, *FINDS_NOT)
