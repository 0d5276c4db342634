"""MySQL servers with and without room, and what ``mysql.connections`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.mysql.told import LOGIN, answer, own, state, told

FULL = answer("full", "1040 Too many connections")
OF_USER = answer("full", "1203 User root already has more than 'max_user_connections' active connections")
REFUSED = answer("login", LOGIN)

FINDS = (
    Example("let a pool take everything", told(FULL), "finding", "full", ()),
    Example("gave the user a limit of its own", told(OF_USER), "finding", "full", ()),
    Example("is refused by another server", told(None, state("oneapi", FULL, "mysql2")), "finding", "full", ()),
    Example("is nearly there", told(answer(used=140)), "finding", "nearly-full", ()),
    Example("is at nine tenths exactly", told(answer(used=90, most=100)), "finding", "nearly-full", ()),
    Example("is one beyond, which is kept for administrators", told(answer(used=152)), "finding", "nearly-full", ()),
    Example("is nearly there with a second login", told(answer(used=4), state("oneapi", answer(used=145),
            variable="LOG_SQL_DSN")), "finding", "nearly-full", ()),
    Example("has set max_connections very low", told(answer(used=6, most=6)), "finding", "nearly-full", ()),
    Example("has reached what one hour allows", told(answer("full", "1226 User 'root' has exceeded the "
            "'max_connections_per_hour' resource")), "finding", "full", ()),
    Example("has filled it with others, and its own user sees that", told(REFUSED, own(answer(used=150))), "finding",
            "nearly-full", ()),
)  # fmt: skip
FINDS_NOT = (
    Example("has room", told(answer(used=100)), "ok"),
    Example("has a little room left", told(answer(used=89, most=100)), "ok"),
    Example("has nobody in it", told(None, own(answer(used=0))), "ok"),
    Example("has set it very high", told(answer(used=900, most=4000)), "ok"),
    Example("is refused by it", told(REFUSED), "not_applicable"),
    Example("has just started it", told(answer("starting", "1053 Server shutdown in progress")), "not_applicable"),
    Example("has nobody at the port", told(answer("refused", "Connection refused")), "not_applicable"),
    Example("has one that does not answer", told(answer("silent", "no answer")), "not_applicable"),
    Example("has taken the server down since", told(None, state("oneapi", FULL, "gone")), "not_applicable"),
    Example("was not asked", told(), "not_applicable"),
)  # fmt: skip
EXAMPLES = (*FINDS, *FINDS_NOT)
