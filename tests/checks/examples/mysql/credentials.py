"""Logins that a MySQL took and refused, and what ``mysql.credentials`` must say of them."""

from __future__ import annotations

from examples import Example
from examples.mysql.told import LOGIN, answer, own, state, told

REFUSED = answer("login", LOGIN)
NOWHERE = answer("no-database", "1049 Unknown database 'oneapi'")
NO_RIGHT = answer("no-right", "1044 Access denied for user 'log'@'%' to database 'oneapi'")
BARRED = answer("barred", "1130 Host '172.18.0.1' is not allowed to connect to this MySQL server")
BLOCKED = answer("barred", "1129 Host '172.18.0.1' is blocked because of many connection errors")
LOCKED = answer("barred", "3118 Access denied for user 'root'@'%'. Account is locked.")
GONE = answer("plugin", "1524 Plugin 'mysql_native_password' is not loaded")
FULL = answer("full", "1040 Too many connections")
LOG = {"variable": "LOG_SQL_DSN", "user": "log", "database": "logs"}


def refused(name: str, form: str, *states: object, **facts: object) -> Example:
    return Example(name, told(None, *states, **facts), "finding", form, ())


FINDS = (
    refused("gave One API another password", "password", state("oneapi", REFUSED), own(answer())),
    refused("gave it a user that is not there", "password", state("oneapi", REFUSED, user="me"), own(answer())),
    refused("changed the password on both sides after the first start", "changed", state("oneapi", REFUSED),
            own(REFUSED)),
    refused("did so, and the server was gone when it was asked itself", "changed", state("oneapi", REFUSED),
            own(answer("reset"))),
    refused("did so with a server that has no password of its own", "changed", state("oneapi", REFUSED)),
    refused("changed the password of the second user, and root's is the same", "changed",
            state("oneapi", REFUSED, **LOG), own(answer()), own(REFUSED, "log")),
    refused("wrote another one for the second user, and root's was changed", "password",
            state("oneapi", REFUSED, **LOG), own(REFUSED), own(answer(), "log")),
    refused("gave the same wrong one twice", "changed", state("oneapi", REFUSED), state("oneapi", REFUSED, **LOG |
            {"user": "root"}), own(REFUSED)),
    refused("gave a wrong one beside a right one", "password", state("oneapi", answer()),
            state("oneapi", REFUSED, **LOG), own(answer(), "log")),
    refused("named another database", "no-database", state("oneapi", NOWHERE)),
    refused("named one with a name that a shell would run", "no-database", state("oneapi", NOWHERE,
            database="x`; rm -rf /")),
    refused("gave it a database that its user may not use", "no-right", state("oneapi", NO_RIGHT, user="log")),
    refused("cut off the first start: no root from outside", "barred", state("oneapi", BARRED), own(BARRED)),
    refused("is blocked after many errors", "barred", state("oneapi", BLOCKED), own(BLOCKED)),
    refused("has locked the account", "barred", state("oneapi", LOCKED), own(LOCKED)),
    refused("raised MySQL to 9 with old accounts", "plugin", state("oneapi", GONE), own(GONE), image="mysql:9.1"),
    refused("has a MariaDB", "changed", state("oneapi", REFUSED, "mysql2")),
)  # fmt: skip
FINDS_NOT = (
    Example("gave both the same", told(answer()), "ok"),
    Example("runs, and is let in", told(answer(), up=True), "ok"),
    Example("has an account that may not see how it logs in", told(answer(plugin=None)), "ok"),
    Example("has two logins", told(answer(), state("oneapi", answer(account="log@%"), **LOG)), "ok"),
    Example("has nobody who uses it", told(None, own(answer())), "not_applicable"),
    Example("has nobody who uses it, and changed its password", told(None, own(REFUSED)), "not_applicable"),
    Example("has changed root's password, which nobody uses", told(answer(), own(REFUSED)), "ok"),
    Example("has just started it", told(answer("starting", "1053 Server shutdown in progress")), "not_applicable"),
    Example("has nobody at the port, which the arrow says", told(answer("refused", "Connection refused")),
            "not_applicable"),
    Example("cannot reach its network from here", told(answer("no-route", "No route to host")), "not_applicable"),
    Example("has no connection left, which another check says", told(FULL), "not_applicable"),
    Example("has something else behind the port", told(answer("another", "it does not speak as MySQL does")),
            "unknown"),
    Example("has one that does not answer", told(answer("silent", "no answer within 5 s")), "unknown"),
    Example("has one whose way to log in is not known here", told(answer("driver", "it needs cryptography")),
            "unknown"),
    Example("refuses us, and its One API answers: the account may be for its address", told(REFUSED,
            up=True), "unknown"),
    Example("lets only One API's address in", told(BARRED, own(BARRED), up=True), "unknown"),
    Example("says an error that nobody knows", told(answer("unreachable", "4242 what")), "unknown"),
    Example("has taken the app down since", told(None, state("gone", REFUSED)), "not_applicable"),
    Example("was not asked", told(), "not_applicable"),
)  # fmt: skip
EXAMPLES = (*FINDS, *FINDS_NOT)
