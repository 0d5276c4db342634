"""A program of its own that asks PostgreSQL through psycopg: read-only, one short connection a login, all side by side.

Started by its path; one JSON list of logins on its standard input, one line of JSON for each on its output, in order.
It is another process so that the driver takes no memory of the console, and so that a server that floods or breaks it
harms nothing else: the memory it may take is bounded. Only the statements of this file and the selects of ``asking``
are ever sent, in a session that only reads.

fact: PostgreSQL's catalogues pg_stat_database, pg_extension, pg_available_extensions, pg_index,
pg_stat_progress_create_index (12 on), pg_database.datcollversion (15 on), reserved_connections (16 on). psycopg 3.3
tells no SQLSTATE of a connection that was refused, so its words decide there, English or Chinese.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
from typing import Any

import psycopg

WITHIN = 5.0
"""Seconds for one login and all that is asked with it."""
SLOW = f"no answer within {WITHIN:g} s"
MEMORY = 1 << 30
WORDS = 300
TROUBLES = (
    ("login", r"password authentication failed|authentication failed for user|role \"[^\"]*\" does not exist|认证失败"),
    ("barred", r"pg_hba\.conf"),
    ("no-database", r"database \"[^\"]*\" does not exist|数据库 ?[\"“].*不存在"),
    (
        "starting",
        r"database system is (?:starting up|shutting down|in recovery mode)|not (?:yet )?accepting connections",
    ),
    ("full", r"too many clients|remaining connection slots|too many connections for"),
    ("refused", r"connection refused"),
    ("no-route", r"no route to host|network is unreachable"),
    ("another", r"invalid response to ssl|expected authentication request|received invalid"),
    ("silent", r"timeout expired|timed out"),
    ("reset", r"closed the connection|connection reset"),
)
GENERAL = """
select current_setting('server_version_num')::int,
  (select coalesce(sum(numbackends), 0)::int from pg_stat_database) - 1,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0),
  (select extversion from pg_extension where extname = 'vector'),
  (select default_version from pg_available_extensions where name = 'vector')
"""
INVALID = """
select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
where not i.indisvalid and c.relkind = 'i' and not exists (select 1 from pg_stat_progress_create_index)
order by 1 limit 20
"""
COLLATION = """
select datcollversion, pg_database_collation_actual_version(oid) from pg_database where datname = current_database()
"""

COLUMNS = """
select table_name || '.' || column_name from information_schema.columns where table_schema = current_schema()
and table_name in ('channels', 'tokens', 'users') limit 1000
"""
MOST = 1 << 21
"""Characters of all rows of tables."""


async def ask(login: dict[str, Any]) -> dict[str, Any]:
    """What one database tells. Raises what a driver ends with that is sent what is none of the protocol."""
    try:
        return await _told(login)
    except MemoryError:
        return {"trouble": "another", "said": "it sent more than any answer holds"}
    except psycopg.Error as error:
        return _why(error)
    except (OSError, ValueError, UnicodeError) as error:
        return {"trouble": "unreachable", "said": type(error).__name__}


async def _told(login: dict[str, Any]) -> dict[str, Any]:
    connection = await psycopg.AsyncConnection.connect(
        host=login["host"], port=login["port"], user=login["user"], password=login["password"], dbname=login["name"],
        autocommit=True, prepare_threshold=None, connect_timeout=int(WITHIN), application_name="stackops",
        gssencmode="disable", sslcertmode="disable", passfile=os.devnull, options="", client_encoding="UTF8",
    )  # fmt: skip
    try:
        await connection.execute("set default_transaction_read_only = on")
        await connection.execute("set statement_timeout = 2000")
        row = await _row(connection, GENERAL)
        told = dict(zip(("version", "used", "most", "vector", "packaged"), row, strict=True))
        if told["version"] >= 120000:
            found = await (await connection.execute(INVALID)).fetchall()
            told["invalid"] = [str(name)[:WORDS] for (name,) in found]
        if told["version"] >= 150000:
            made, has = await _row(connection, COLLATION)
            told["collation"] = [made, has] if made and has else None
        if login["reads"]:
            login["told"] = told | {"lacks": {read[0]: SLOW for read in login["reads"]}}
            told |= await _tables(connection, login["reads"])
        return told
    finally:
        await connection.close()


async def _tables(connection: psycopg.AsyncConnection[Any], reads: list[Any]) -> dict[str, Any]:
    """Rows of tables, of the columns that are there. What cannot be read changes nothing of what was told before."""
    rows: dict[str, Any] = {}
    lacks: dict[str, str] = {}
    wrong = (psycopg.Error, ValueError, TypeError, ArithmeticError)
    try:
        have = {_cell(one) for (one,) in await (await connection.execute(COLUMNS)).fetchall()}
    except wrong as error:
        return {"lacks": {read[0]: _why_not(error) for read in reads}}
    for name, needs, columns, conditions, rest in reads:
        missing = next((one for one in needs if one not in have), None)
        if missing is not None:
            lacks[name] = f"it has no {missing}"
            continue
        chosen = [told if have.issuperset(wants) else "null" for wants, told in columns]
        where = " and ".join(["1 = 1", *(told for wants, told in conditions if have.issuperset(wants))])
        statement: Any = "select " + ", ".join(chosen) + rest.replace("{where}", where)
        try:
            told = [[_cell(one) for one in row] for row in await (await connection.execute(statement)).fetchall()]
        except wrong as error:
            lacks[name] = _why_not(error)
            continue
        if sum(len(one or "") for row in told for one in row) > MOST:
            lacks[name] = "it sent more than is read"
        else:
            rows[name] = told
    return {"rows": rows, "lacks": lacks}


def _cell(value: object) -> str | None:
    return None if value is None else str(value).encode("utf-8", "replace").decode()


def _why_not(error: Exception) -> str:
    strange = f"a strange answer ({type(error).__name__})"
    return str(_why(error)["said"]) if isinstance(error, psycopg.Error) else strange


async def _row(connection: psycopg.AsyncConnection[Any], statement: Any) -> tuple[Any, ...]:  # noqa: ANN401
    row = await (await connection.execute(statement)).fetchone()
    return row or ()


def _why(error: psycopg.Error) -> dict[str, Any]:
    said = " ".join((error.diag.message_primary or str(error)).split())
    said = re.sub(r"^connection failed: (?:connection to server [^:]*(?:, port \d+)? failed: )?", "", said)
    kinds = {"57014": "silent", "53300": "full", "57P03": "starting"}
    trouble = kinds.get(error.sqlstate or "")
    trouble = trouble or next(
        (kind for kind, words in TROUBLES if re.search(words, said, re.IGNORECASE)), "unreachable"
    )
    return {"trouble": trouble, "said": said[:WORDS]}


async def main() -> None:
    """Ask all, and tell them in order; whoever hangs is left behind.

    A task that waits for a server is not cancelled: psycopg then asks the server for some more seconds to end it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logins = json.load(sys.stdin)
    tasks = [asyncio.create_task(ask(login)) for login in logins]
    done, _ = await asyncio.wait(tasks, timeout=WITHIN)
    for login, task in zip(logins, tasks, strict=True):
        told = login.get("told", {"trouble": "silent", "said": SLOW})
        if task in done:
            wrong = task.exception()
            said = f"it does not speak as PostgreSQL does ({type(wrong).__name__})"
            told = {"trouble": "another", "said": said} if wrong else task.result()
        print(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
