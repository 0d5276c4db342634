"""A MongoDB connection string taken apart the way drivers do it, and what is wrong with its writing. Pure.

fact: mongo-docker-db 1.6 and 6.2 (authSource, directConnection); fastgpt-stack 2 (percent-encoding, FastGPT issue 1269)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from msgspec import Struct, field

PORT = 27017
_SCHEME = re.compile(r"mongodb(\+srv)?://(.*)", re.DOTALL)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]]*))(?::(\d{1,5}))?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - a name in somebody's settings


class MongoUri(Struct, frozen=True):
    """One connection string."""

    hosts: tuple[tuple[str, int], ...]
    user: str | None = None
    password: str | None = None
    database: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    srv: bool = False
    unescaped: str | None = None
    """A character of user or password that has to be percent-encoded and is not; drivers then read something else."""

    def __repr__(self) -> str:
        return f"MongoUri({self.hosts!r}, database={self.database!r})"

    __str__ = __repr__

    @property
    def source(self) -> str:
        """Database the user is looked up in. fact: authSource, else the database of the path, else admin."""
        return self.options.get("authsource") or self.database or "admin"

    @property
    def replica_set(self) -> str | None:
        """``replicaSet``."""
        return self.options.get("replicaset") or None

    @property
    def direct(self) -> bool:
        """``directConnection=true``: the driver stays with the named host, whatever the set calls it."""
        return self.options.get("directconnection", "").lower() == "true"


def parse(text: str) -> MongoUri | None:
    """The parts; None for what is no MongoDB connection string at all."""
    found = _SCHEME.fullmatch(text.strip().strip("\"'"))
    if found is None:
        return None
    who, rest = _split(found[2])
    place, _, query = rest.partition("?")
    names, _, database = place.partition("/")
    user, colon, password = who.partition(":")
    hosts = [host for part in names.split(",") if (host := _host(part))]
    if not hosts:
        return None
    return MongoUri(
        hosts=tuple(hosts), user=unquote(user) or None, password=unquote(password) if colon else None,
        database=unquote(database.partition("#")[0]) or None, srv=bool(found[1]), unescaped=_unescaped(user, password),
        options={unquote(n).lower(): unquote(v) for n, _, v in (pair.partition("=") for pair in query.split("&")) if n},
    )  # fmt: skip


def rewritten(
    text: str,
    *,
    hosts: str | None = None,
    login: tuple[str, str] | None = None,
    options: Mapping[str, str | None] | None = None,
    encode: bool = False,
) -> str | None:
    """The same connection string with a part of it changed and every other character kept; None for what is none.

    ``hosts`` is written as it is, ``login`` percent-encoded, an option that is None is taken out. ``encode`` only
    encodes the characters of user and password that have to be.
    """
    bare = text.strip().strip("\"'")
    found = _SCHEME.fullmatch(bare)
    if found is None or parse(text) is None:
        return None
    who, rest = _split(found[2])
    place, _, query = rest.partition("?")
    names, slash, database = place.partition("/")
    if login is not None:
        who = ":".join(quote(part, safe="") for part in login)
    elif encode:
        who = ":".join(_encoded(part) for part in who.split(":", 1))
    query = _with_options(query, options or {})
    tail = f"{slash or ('/' if query else '')}{database}{'?' if query else ''}{query}"
    return f"{bare[: found.start(2)]}{who}{'@' if who else ''}{hosts or names}{tail}"


def _with_options(query: str, options: Mapping[str, str | None]) -> str:
    wanted = {name.lower(): (name, value) for name, value in options.items()}
    pairs = [pair for pair in query.split("&") if pair and unquote(pair.partition("=")[0]).lower() not in wanted]
    return "&".join([*pairs, *(f"{name}={quote(value)}" for name, value in wanted.values() if value is not None)])


def _encoded(part: str) -> str:
    """Only what breaks the string; what is encoded already stays so."""
    return re.sub(r"%(?![0-9A-Fa-f]{2})|[/?#\[\]@:\s]", lambda found: quote(found[0], safe=""), part)


def _split(text: str) -> tuple[str, str]:
    """Login and the rest. The last @ divides: what stands before it was meant to be the password."""
    head, query, tail = text.partition("?") if text.rfind("@") < text.find("?") else (text, "", "")
    who, at, rest = head.rpartition("@")
    return (who if at else ""), f"{rest}{query}{tail}"


def _host(text: str) -> tuple[str, int] | None:
    found = _HOST.fullmatch(text.strip())
    if found is None or not (found[1] or found[2]):
        return None
    return (found[1] or found[2]).lower(), int(found[3] or PORT)


def _unescaped(user: str, password: str) -> str | None:
    for part in (user, password):
        bad = next((character for character in part if character in "/?#[]@:"), None)
        if bad or _BAD_PERCENT.search(part):
            return bad or "%"
    return None
