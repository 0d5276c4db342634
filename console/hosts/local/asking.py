"""Programs of our own that ask where an answer may be anything: each a process that can be ended at any moment.

One JSON list on its standard input, one line of JSON for each of them on its output; logins go in there and nowhere
else. What hangs, floods or breaks a driver costs that process, never the console.

What gateways keep in their databases is asked for by the columns that a release has. Their channels' keys are in none
of these statements. A token's key is compared in there, by its SHA-256, so that neither side tells the other a key.

fact: songquanpeng/one-api model/channel.go, token.go, user.go of v0.5.0 to main; QuantumNous/new-api model/channel.go,
token.go (model_limits, group, deleted_at); labring/aiproxy core/model/channel.go (lists and mappings
are JSON as text, what is deleted keeps its row); MySQL compares keys without regard to case, and so do these programs.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import field

from ...model import DatabaseAnswer, OneApiChannel, OneApiToken
from ...text import N_
from .. import DatabaseLogin, DatabaseTarget, HostError, Wire, WireReading

T = TypeVar("T")
TRYING, DATABASES = 10.0, 8.0
"""Seconds for a whole pass; each program ends before that by itself."""
DRIVERS = {"postgres": "psycopg", "mysql": "PyMySQL", "mongo": "PyMongo", "sqlite": "PyMySQL"}
MOST, NAMES, WORDS, LIST = 200, 1000, 300, 16000
"""Rows of a table, names of one list, characters of a word and of a list."""
Part = tuple[tuple[str, ...], str]  # something to select, behind the columns without which it is left out
Read = tuple[str, tuple[str, ...], tuple[Part, ...], tuple[Part, ...], str]
"""A table, the columns that it needs, what is selected, its conditions, and what stands behind them."""
Row = list[str | None]


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


class _Told(DatabaseAnswer, frozen=True, kw_only=True):
    """What a program says of one database, with rows of tables as they are."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)


def _ask(asked: Sequence[tuple[DatabaseTarget, DatabaseLogin]]) -> Iterator[DatabaseAnswer]:
    kind = asked[0][1].kind
    told = [{"kind": kind, "host": to.host, "port": to.port, "user": login.user, "password": login.password,
             "name": login.name, "source": login.source, "kept": login.kept, "reads": reads(login)}
            for to, login in asked]  # fmt: skip
    program = "mysql" if kind == "sqlite" else kind  # rows are read by the same code
    found = _answers(f"{program}_child.py", msgspec.json.encode(told), _Told, (), N_("asks databases"), DATABASES)
    if len(found) != len(asked):
        remedy = N_(f"is {DRIVERS[kind]} there? install stackops anew")
        raise HostError(N_("The program that asks databases ended too early"), remedy)
    return (_whole(one, login) for one, (_, login) in zip(found, asked, strict=True))


def reads(login: DatabaseLogin) -> list[Read]:
    """The selects for what a gateway keeps there, in the words of its database; none for who is no gateway."""
    made = [_of_channels(login)] if login.channels else []
    return [*made, _of_tokens(login)] if login.channels == "oneapi" else made


def _of_channels(login: DatabaseLogin) -> Read:
    groups, *times = "group", "created_time", "test_time", "response_time", "balance_updated_time"
    own: list[Part] = [((f"channels.{name}",), f'c."{name}"') for name in times]
    if login.channels == "aiproxy":  # SQLite has times as text that Go wrote, with a zone that no function there reads
        made = 'extract(epoch from c."created_at")::float8' if login.kind == "postgres" else "null"
        groups, own = "sets", [(("channels.created_at",), made), *[((), "null")] * 3]
    texts: list[Part] = [((f"channels.{name}",), f'substr(c."{name}", 1, {LIST + 1})')
             for name in ("name", "models", groups, "base_url", "model_mapping")]  # fmt: skip
    plain = [((f"channels.{name}",), f'c."{name}"') for name in ("id", "status", "type", "priority", "balance")]
    gone = ((("channels.deleted_at",), 'c."deleted_at" is null'),)
    rest = f' from channels c where {{where}} order by c."id" limit {MOST}'
    return "channels", ("channels.id", "channels.status", "channels.models"), (*plain, *texts, *own), gone, rest


def _of_tokens(login: DatabaseLogin) -> Read:
    hashed = {
        "postgres": "encode(sha256(convert_to(rtrim(t.\"key\"::text), 'UTF8')), 'hex')",
        "mysql": 'sha2(lower(convert(t."key" using utf8mb4)), 256)',
    }.get(login.kind, 'sha256(t."key")')
    cases = " ".join(f"when '{one}' then {at}" for at, one in enumerate(_hashes(login)))
    match = f"case {hashed} {cases} end" if cases else "null"
    plain = [((f"tokens.{name}",), f't."{name}"')
             for name in ("id", "status", "expired_time", "remain_quota", "unlimited_quota")]  # fmt: skip
    user = [((f"users.{name}", "users.id", "tokens.user_id"),
             f'(select u."{name}" from users u where u."id" = t."user_id")')  # noqa: S608 - of names above
            for name in ("status", "quota", "group")]  # fmt: skip
    texts: list[Part] = [((f"tokens.{name}",), f'substr(t."{name}", 1, {LIST + 1})')
                         for name in ("name", "group", "models")]  # fmt: skip
    limits = ("tokens.model_limits", "tokens.model_limits_enabled")
    texts.append((limits, f'case when t."model_limits_enabled" then substr(t."model_limits", 1, {LIST + 1}) end'))
    gone = ((("tokens.deleted_at",), 't."deleted_at" is null'),)
    rest = f' from tokens t where {{where}} order by ({match}) is null, t."id" desc limit {MOST}'
    return "tokens", ("tokens.id", "tokens.status", "tokens.key"), (*plain, *user, *texts, ((), match)), gone, rest


def _hashes(login: DatabaseLogin) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hashed for _, hashed in login.keys))


def _whole(told: _Told, login: DatabaseLogin) -> DatabaseAnswer:
    """With what the rows say, or why they do not."""
    facts = {name: getattr(told, name) for name in DatabaseAnswer.__struct_fields__}
    if login.channels and told.trouble is None:
        facts |= _made(told, "channels", lambda row: _channel(row, login))
    if login.channels == "oneapi" and told.trouble is None:
        facts |= _made(told, "tokens", lambda row: _token(row, login))
        facts["compared"] = tuple(client for client, _ in login.keys)
    return DatabaseAnswer(**facts)


def _made(told: _Told, name: str, make: Callable[[Row], object]) -> dict[str, Any]:
    why = told.lacks.get(name)
    if why is None:
        try:
            return {name: tuple(make(row) for row in told.rows[name][:MOST])}
        except (ValueError, TypeError, LookupError, RecursionError, msgspec.MsgspecError) as error:
            kind = type(error).__name__
            why = N_(f"its {name} are not written as this gateway writes them ({kind})")
    return {f"{name}_trouble": why}


def _channel(row: Row, login: DatabaseLogin) -> OneApiChannel:
    number, status, kind, priority, balance, name, models, groups, base, mapping, made, tested, took, balanced = row
    names = _commas if login.channels == "oneapi" else _json
    return OneApiChannel(
        id=_int(number), name=(name or "")[:WORDS], status=_int(status), models=names(models), groups=names(groups),
        created_at=_time(made), base_url=base or None, type=None if kind is None else _int(kind),
        priority=_int(priority or "0"), mapping=_mapping(mapping), tested_at=_time(tested),
        test_seconds=_float(took or "0") / 1000 or None, balance=None if _time(balanced) is None else _float(balance),
        balance_at=_time(balanced),
    )  # fmt: skip


def _token(row: Row, login: DatabaseLogin) -> OneApiToken:
    number, status, expires, left, endless, of_user, quota, users, name, group, models, limits, match = row
    free = (endless or "0").lower() in ("1", "true", "t")
    hashed = _hashes(login)[_int(match)] if match is not None else None
    own = group or users or None
    return OneApiToken(
        id=_int(number), name=(name or "")[:WORDS], status=_int(status), expires_at=_time(expires),
        quota=None if free or left is None else _int(left), models=_commas(models) or _commas(limits),
        group=None if own == "auto" else own, user_status=None if of_user is None else _int(of_user),
        user_quota=None if quota is None else _int(quota),
        clients=tuple(client for client, each in login.keys if each == hashed),
    )  # fmt: skip


def _int(text: str | None) -> int:
    return int(_float(text))


def _float(text: str | None) -> float:
    number = float(text or "")
    if not math.isfinite(number) or abs(number) > 2.0**53:
        raise ValueError(text)
    return number


def _time(text: str | None) -> float | None:
    """Neither -1, which is never, nor Go's first of January of the year 1."""
    number = _float(text or "0")
    return number if number > 0 else None


def _commas(text: str | None) -> tuple[str, ...]:
    return _whole_list([part.strip() for part in (text or "").split(",") if part.strip()], text)


def _json(text: str | None) -> tuple[str, ...]:
    return _whole_list(msgspec.json.decode(text or "null", type=list[str] | None) or [], text)


def _whole_list(names: list[str], text: str | None) -> tuple[str, ...]:
    """Raises ValueError for one of which a part was left out: what it lacks would be told as missing."""
    if len(text or "") > LIST or len(names) > NAMES:
        raise ValueError(len(names))
    return tuple(name[:WORDS] for name in names)


def _mapping(text: str | None) -> tuple[tuple[str, str], ...]:
    """Nothing for what is no mapping, as where the API tells it."""
    try:
        told = msgspec.json.decode(text or "null", type=dict[str, str] | None) or {}
    except (msgspec.MsgspecError, RecursionError):
        return ()
    return tuple((name[:WORDS], other[:WORDS]) for name, other in list(told.items())[:NAMES])


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
