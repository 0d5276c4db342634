"""Programs of our own that ask where an answer may be anything: each a process that can be ended at any moment.

One JSON list on its standard input, one line of JSON for each of them on its output; logins go in there and nowhere
else. What hangs, floods or breaks a driver costs that process, never the console.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from ...model import DatabaseAnswer
from ...text import N_
from .. import DatabaseLogin, DatabaseTarget, HostError, Wire, WireReading

T = TypeVar("T")
TRYING, DATABASES = 10.0, 8.0
"""Seconds for a whole pass; each program ends before that by itself."""
DRIVERS = {"postgres": "psycopg", "mysql": "PyMySQL", "mongo": "PyMongo"}


def wires(asked: Sequence[Wire]) -> tuple[WireReading, ...]:
    """Let connections be tried from containers' networks: only a thread of another process may enter those."""
    return _answers("wire_child.py", msgspec.json.encode(asked), WireReading, ("-S",), N_("tries connections"), TRYING)


def ask_databases(asked: Sequence[tuple[DatabaseTarget, DatabaseLogin]]) -> tuple[DatabaseAnswer, ...]:
    """What each database says of itself; the drivers are never loaded here, where they would stay."""
    kinds = tuple(dict.fromkeys(login.kind for _, login in asked))
    with ThreadPoolExecutor(len(kinds) or 1) as pool:
        told = dict(zip(kinds, pool.map(lambda kind: _ask([one for one in asked if one[1].kind == kind]), kinds),
                        strict=True))  # fmt: skip
    return tuple(next(told[login.kind]) for _, login in asked)


def _ask(asked: Sequence[tuple[DatabaseTarget, DatabaseLogin]]) -> Iterator[DatabaseAnswer]:
    kind = asked[0][1].kind
    told = [{"host": to.host, "port": to.port, "user": login.user, "password": login.password, "name": login.name,
             "channels": login.channels, "source": login.source, "kept": login.kept}
            for to, login in asked]  # fmt: skip
    found = _answers(f"{kind}_child.py", msgspec.json.encode(told), DatabaseAnswer, (), N_("asks databases"), DATABASES)
    if len(found) != len(asked):
        remedy = N_(f"is {DRIVERS[kind]} there? install stackops anew")
        raise HostError(N_("The program that asks databases ended too early"), remedy)
    return iter(found)


def _answers(
    program: str, said: bytes, kind: type[T], options: Sequence[str], does: str, seconds: float
) -> tuple[T, ...]:
    argv = [sys.executable, "-I", *options, str(Path(__file__).with_name(program))]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    # libpq goes where PGHOSTADDR or PGSERVICE says, whatever host it is given: the login would go there
    env = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    env["MALLOC_ARENA_MAX"] = "2"  # else each thread of a program whose memory is bounded takes 64 MiB of that bound
    try:
        child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=nothing, env=env, start_new_session=True)
    except OSError as error:
        raise HostError(N_(f"The program that {does} cannot be started: {error.strerror}")) from error
    with child:
        try:
            out, _ = child.communicate(said, timeout=seconds)
            return tuple(msgspec.json.decode(line, type=kind) for line in out.splitlines())
        except (subprocess.TimeoutExpired, msgspec.MsgspecError):
            child.kill()
            raise HostError(N_(f"The program that {does} did not end within {seconds:g} s")) from None
