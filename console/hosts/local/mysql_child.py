"""A program of its own that asks MySQL and MariaDB through PyMySQL, and gateways' SQLite files: read-only, and short.

Started by its path; one JSON list of logins on its standard input, one line of JSON for each on its output, in order.
Another process for the reasons of ``postgres_child``; each login has a thread of its own, as PyMySQL waits. What one
server may send is bounded, and so is how long all of them may take: whoever is late is told as silent, and the program
ends. Only the statements of this file and the selects of ``asking`` are ever sent, in a session that only reads; no
file of this machine is ever given away, and no password goes out as plain text: over TLS where the server has it,
whoever it says it is, as the stack's own programs take it for.

A file of SQLite is read where it lies, for a second at most: One API waits 3 s. No link is followed. One with a
write-ahead log is left alone, as even a reader writes beside it; a hot journal is refused, not rolled back.

fact: MySQL's server error reference; MariaDB's error codes; MySQL's manual, caching_sha2_password and
mysql_clear_password; PyMySQL 1.2 (TLS where the server offers it, ``cryptography`` for its public key where not);
sqlite.org, fileformat2 (bytes 18 and 19: 2 is a write-ahead log) and lockingv3.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import resource
import sqlite3
import ssl
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pymysql
from pymysql.connections import Connection

WITHIN, BRIEF = 5.0, 1.0
"""Seconds for all logins together, as they are asked side by side, and for one file."""
SLOW = f"no answer within {WITHIN:g} s"
MEMORY, STACK = 1 << 30, 1 << 19
LIMIT, MORE = 1 << 18, 1 << 21
"""Bytes that one server may send, and those that rows of tables may take besides."""
WORDS = 300
ASKED = (
    "set session transaction read only",
    "select version(), @@max_connections, current_user()",
    "show global status like 'Threads_connected'",
    "select plugin from mysql.user where concat(user, '@', host) = current_user()",
)
HAS = (
    "select concat(table_name, '.', column_name) from information_schema.columns "
    "where table_schema = database() and table_name in ('channels', 'tokens', 'users') limit 1000"
)
COLUMNS = ("set session lock_wait_timeout = 2", HAS)
"""Else a select waits a year for whoever changes the table."""
FILE_COLUMNS = ("select m.name || '.' || p.name from sqlite_master m, pragma_table_info(m.name) p limit 1000",)
BOUNDED = "/*M! set statement max_statement_time = 2 for */ select /*+ max_execution_time(2000) */ "
"""Two seconds in the words of each: MySQL takes the first for a comment, MariaDB the second."""
TROUBLES = {
    1045: "login", 1698: "login", 1049: "no-database", 1044: "no-right", 1524: "plugin", 1251: "driver", 2059: "driver",
    **dict.fromkeys((1040, 1203, 1226), "full"),
    **dict.fromkeys((1129, 1130, 1820, 1862, 3118, 3955, 4151), "barred"),
}  # fmt: skip
"""By error number: 1129 and 1130 are about our address, the others under ``barred`` about the account: its password is
over, or it is locked."""
NONSENSE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError, struct.error,
)  # fmt: skip
"""What PyMySQL ends with where a server sends what is none of the protocol: it reads without looking."""
STARTING = frozenset({1053, 1927})
"""It goes down, or has cut this connection."""


class EndlessAnswer(Exception):
    """The server sent more than any answer holds."""


class Unwilling(Exception):
    """The server wants the password in a way that gives it away."""


class Bounded(Connection):
    """A connection that takes no more than all answers together need, whatever the server says of their length."""

    left = LIMIT

    def _read_bytes(self, num_bytes: int) -> Any:  # noqa: ANN401 - as PyMySQL has it
        self.left -= num_bytes
        if self.left < 0:
            raise EndlessAnswer
        return super()._read_bytes(num_bytes)  # type: ignore[misc]


class Refusing:
    """What answers a server that wants the password as it is. fact: go-sql-driver/mysql refuses these as well."""

    names = ("mysql_clear_password", "dialog", "mysql_old_password")

    def __init__(self, connection: object) -> None:
        pass

    def authenticate(self, _packet: object) -> object:
        """Nothing is sent."""
        raise Unwilling


def ask(login: dict[str, Any]) -> dict[str, Any]:
    """What one database tells; never raises."""
    try:
        try:
            return _told(login)
        except pymysql.OperationalError as error:
            # before any login: a server whose TLS is older than ours. It is asked as one that has none.
            if not isinstance(getattr(error, "original_exception", None), ssl.SSLError):
                raise
            return _told(login, plain=True)
    except pymysql.MySQLError as error:
        return _why(error)
    except EndlessAnswer:
        return {"trouble": "another", "said": "it sent more than any answer holds"}
    except Unwilling:
        return {"trouble": "driver", "said": "it wants the password in a way that gives it away, so it was not sent"}
    except NONSENSE as error:
        lacks = "cryptography" in str(error)
        said = "its password needs TLS or the package cryptography, and neither is there" if lacks else (
            f"it does not speak as MySQL does ({type(error).__name__})"
        )  # fmt: skip
        return {"trouble": "driver" if lacks else "another", "said": said}


def read_file(login: dict[str, Any]) -> dict[str, Any]:
    """What a SQLite file tells; never raises."""
    end, path = time.monotonic() + BRIEF, login["name"]
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(opened, "rb") as file:
            head = file.read(20) if stat.S_ISREG(os.fstat(opened).st_mode) else b""
        if os.path.realpath(path) != path or head[:16] != b"SQLite format 3\0" or 2 in head[18:]:
            raise ValueError("no plain database, or one with a write-ahead log, or a link leads there")
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=BRIEF / 3)) as connection:
            connection.set_progress_handler(lambda: int(time.monotonic() > end), 1000)
            connection.create_function("sha256", 1, lambda key: hashlib.sha256(str(key).encode()).hexdigest())
            connection.executescript("pragma query_only = on; pragma trusted_schema = off; pragma cell_size_check = on")
            return _tables(connection.cursor(), login["reads"], FILE_COLUMNS, "select ")
    except (*NONSENSE, sqlite3.Error) as error:
        return {"lacks": {read[0]: f"its SQLite file cannot be read: {_why_not(error)}" for read in login["reads"]}}


def _told(login: dict[str, Any], *, plain: bool = False) -> dict[str, Any]:
    connection = Bounded(
        host=login["host"], port=login["port"], user=login["user"], password=login["password"].encode(),
        database=login["name"] or None, connect_timeout=WITHIN, read_timeout=WITHIN, write_timeout=WITHIN,
        autocommit=None, program_name="stackops", local_infile=False,
        auth_plugin_map=dict.fromkeys(Refusing.names, Refusing), ssl_disabled=plain,
    )  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(ASKED[0])
            version, most, account = _row(cursor, ASKED[1])
            told = {"version": _number(str(version)), "most": int(most), "account": str(account)[:WORDS]}
            told["used"] = max(0, int(_row(cursor, ASKED[2])[1]) - 1)
            try:
                told["plugin"] = str(_row(cursor, ASKED[3])[0])[:WORDS]
            except (pymysql.MySQLError, ValueError):
                told["plugin"] = None  # only an administrator may see it
            if login["reads"]:
                login["told"] = told | {"lacks": {read[0]: SLOW for read in login["reads"]}}
                connection.left += MORE
                told |= _tables(cursor, login["reads"])
            return told
    finally:
        connection.close()


def _tables(cursor: Any, reads: list[Any], names: tuple[str, ...] = COLUMNS, begin: str = BOUNDED) -> dict[str, Any]:  # noqa: ANN401
    """Rows of tables, of the columns that are there. What cannot be read changes nothing of what was told before."""
    rows: dict[str, Any] = {}
    lacks: dict[str, str] = {}
    wrong: tuple[type[Exception], ...] = (pymysql.MySQLError, sqlite3.Error, EndlessAnswer, *NONSENSE)
    try:
        for statement in names:
            cursor.execute(statement)
        have = {_cell(one) for (one,) in cursor.fetchall()}
    except wrong as error:
        return {"rows": {}, "lacks": {read[0]: _why_not(error) for read in reads}}
    for name, needs, parts, conditions, rest in reads:
        missing = next((one for one in needs if one not in have), None)
        if missing is not None:
            lacks[name] = f"it has no {missing}"
            continue
        chosen = [told if have.issuperset(wants) else "null" for wants, told in parts]
        where = " and ".join(["1 = 1", *(told for wants, told in conditions if have.issuperset(wants))])
        statement = begin + ", ".join(chosen) + rest.replace("{where}", where)
        try:
            cursor.execute(statement.replace('"', "`"))
            rows[name] = [[_cell(one) for one in row] for row in cursor.fetchall()]
        except wrong as error:
            lacks[name] = _why_not(error)
    return {"rows": rows, "lacks": lacks}


def _cell(value: object) -> str | None:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return None if value is None else text.encode("utf-8", "replace").decode()


def _why_not(error: Exception) -> str:
    if isinstance(error, EndlessAnswer):
        return "more than is read"
    return (
        str(_why(error)["said"]) if isinstance(error, pymysql.MySQLError) else str(error)[:WORDS] or "a strange answer"
    )


def _row(cursor: Any, statement: str) -> tuple[Any, ...]:  # noqa: ANN401 - PyMySQL's
    cursor.execute(statement)
    row = cursor.fetchone()
    if not row:
        raise ValueError(statement)
    return tuple(row)


def _number(version: str) -> int:
    """``8.0.36`` as 80036, ``10.11.6-MariaDB-1`` as 101106."""
    numbers = re.match(r"(\d{1,3})\.(\d{1,2})\.(\d{1,2})", version)
    if numbers is None:
        raise ValueError(version)
    major, minor, patch = map(int, numbers.groups())
    return major * 10000 + minor * 100 + patch


def _why(error: pymysql.MySQLError) -> dict[str, Any]:
    """By the server's number where it told one, else by what the system said."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = " ".join(str(error.args[-1] if error.args else error).split())
    cause = getattr(error, "original_exception", None)
    if cause is not None or number in (2003, 2006, 2013):
        return {"trouble": _of_the_system(cause, text), "said": text[:WORDS]}
    trouble = "starting" if number in STARTING else TROUBLES.get(number, "unreachable" if number else "another")
    return {"trouble": trouble, "said": f"{number} {text}"[:WORDS] if number else text[:WORDS]}


def _of_the_system(cause: object, text: str) -> str:
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, TimeoutError) or "timed out" in text:
        return "silent"
    if isinstance(cause, ConnectionError) or cause is None:
        return "reset"
    away = isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
    return "no-route" if away else "unreachable"


def main() -> None:
    """Ask all, and tell them in order; whoever hangs is left behind."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    threading.stack_size(STACK)
    logins, answers = json.load(sys.stdin), {}

    def asked(place: int) -> Callable[[], None]:
        told = read_file if logins[place]["kind"] == "sqlite" else ask
        return lambda: answers.update({place: told(logins[place])})

    threads = [threading.Thread(target=asked(place), daemon=True) for place in range(len(logins))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + WITHIN
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    silent = {"trouble": "silent", "said": SLOW}
    for place, login in enumerate(logins):
        print(json.dumps(answers.get(place) or login.get("told", silent)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
