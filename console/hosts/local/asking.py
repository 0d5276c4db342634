"""Programs of our own that ask where an answer may be anything: each a process that can be ended at any moment.

One JSON list on its standard input, one line of JSON for each of them on its output; logins go in there and nowhere
else. What hangs, floods or breaks a driver costs that process, never the console.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from ...model import PostgresAnswer
from .. import DatabaseTarget, HostError, PostgresLogin, Wire, WireReading

T = TypeVar("T")
TRYING, DATABASES = 10.0, 8.0
"""Seconds for a whole pass; each program ends before that by itself."""


def wires(asked: Sequence[Wire]) -> tuple[WireReading, ...]:
    """Let connections be tried from containers' networks: only a thread of another process may enter those."""
    return _answers("wire_child.py", msgspec.json.encode(asked), WireReading, ("-S",), "tries connections", TRYING)


def ask_postgres(asked: Sequence[tuple[DatabaseTarget, PostgresLogin]]) -> tuple[PostgresAnswer, ...]:
    """What each database says of itself; the driver is never loaded here, where it would stay."""
    told = [{"host": to.host, "port": to.port, "user": login.user, "password": login.password, "name": login.name}
            for to, login in asked]  # fmt: skip
    found = _answers("postgres_child.py", msgspec.json.encode(told), PostgresAnswer, (), "asks databases", DATABASES)
    if len(found) != len(asked):
        raise HostError("The program that asks databases ended too early", "is psycopg there? install stackops anew")
    return found


def _answers(
    program: str, said: bytes, kind: type[T], options: Sequence[str], does: str, seconds: float
) -> tuple[T, ...]:
    argv = [sys.executable, "-I", *options, str(Path(__file__).with_name(program))]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    # libpq goes where PGHOSTADDR or PGSERVICE says, whatever host it is given: the login would go there
    env = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    try:
        child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=nothing, env=env, start_new_session=True)
    except OSError as error:
        raise HostError(f"The program that {does} cannot be started: {error.strerror}") from error
    with child:
        try:
            out, _ = child.communicate(said, timeout=seconds)
            return tuple(msgspec.json.decode(line, type=kind) for line in out.splitlines())
        except (subprocess.TimeoutExpired, msgspec.MsgspecError):
            child.kill()
            raise HostError(f"The program that {does} did not end within {seconds:g} s") from None
