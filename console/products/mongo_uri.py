"""A MongoDB connection string: what drivers read in it, what is wrong with its writing, the change of one part. Pure.

Strict: a string that is not understood whole has a fault, and one with a fault is not edited but for that fault itself.
Written by hand beside PyMongo's parser, which was measured: it takes ``/fastgpt&authSource=admin`` for a database of
that name, says neither which character is wrong nor where, and costs every look the driver's import. Tests hold the two
against each other.

fact: MongoDB manual, connection strings (authSource, directConnection) and naming restrictions; FastGPT issue 1269;
the Node driver, which the apps use, refuses unescaped ``: / ? # [ ] @`` in user and password, dot, dollar, slash,
backslash and space in a database's name, and options without a value
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import quote, unquote

from msgspec import Struct, field
from msgspec.structs import replace

PORT = 27017
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - a name in somebody's settings
Kind = Literal[
    "quotes", "unescaped", "separator", "database", "host", "srv", "option", "unclear", "wide", "scheme", "number",
    "go-scheme", "value", "bracket", "slash", "network",
]  # fmt: skip
"""Those from ``wide`` on are told by ``dsn`` alone."""
_SCHEME = re.compile(r"mongodb(\+srv)?://(.*)", re.DOTALL)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?")
_LOOSE_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]]*))(?::(\d{1,5}))?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_LOGIN = re.compile(r"[/?#\[\]@:\s]|%(?![0-9A-Fa-f]{2})")
_REFUSED, _DOUBTFUL = ' ./\\$"', "*<>:|?&#"
"""In a database's name: by driver and server; by some servers, or never meant."""
_OPTION = re.compile(r"[A-Za-z0-9_.]+=[^=]+")
_STRAY = re.compile(r"[?](?=[A-Za-z]+=)")
LONGEST_NAME = 63


class UriFault(Struct, frozen=True):
    """What is wrong with the writing, where, and what it should be."""

    kind: Kind
    at: int
    """Place of the first wrong character, from 0."""
    found: tuple[str, ...] = ()
    """The wrong characters, each once; never what stands around them."""
    should: tuple[str, ...] = ()
    """What has to stand in place of each."""
    fixed: str | None = None
    """The whole string with that put right, where only one can be meant. Holds the password."""

    def __repr__(self) -> str:
        return f"Fault({self.kind!r}, {self.at}, {self.found!r})"

    __str__ = __repr__

    @property
    def certain(self) -> bool:
        """Whether drivers refuse it or read something else than was meant; else it is only not understood here."""
        return self.kind != "unclear"

    @property
    def swaps(self) -> str:
        """``@ as %40, # as %23``."""
        return ", ".join(f"{old} as {new or 'nothing'}" for old, new in zip(self.found, self.should, strict=False))


class MongoUri(Struct, frozen=True):
    """One connection string, as a driver reads it or, where it would refuse it, as it was most likely meant."""

    hosts: tuple[tuple[str, int], ...]
    user: str | None = None
    password: str | None = None
    database: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    srv: bool = False
    fault: UriFault | None = None

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

    @property
    def meant(self) -> MongoUri:
        """The string as it will be read when its fault is put right; itself where that is not certain."""
        fixed = self.fault.fixed if self.fault else None
        return (parse(fixed) or self) if fixed else self


def parse(text: str) -> MongoUri | None:
    """The parts, and the first fault; None for what is no MongoDB connection string at all."""
    bare = text.strip().strip("\"'")
    scheme = _SCHEME.fullmatch(bare)
    if scheme is None:
        return None
    at, places = text.index(bare) + scheme.start(2), _places(scheme[2])
    place = places[0] if places else scheme[2].rfind("@")
    login, rest = scheme[2][: max(place, 0)], scheme[2][place + 1 :]
    found = _parts(login, rest, srv=bool(scheme[1]))
    if found is None:
        return None
    if place >= 0 and not login.partition(":")[0]:
        return replace(found, fault=UriFault("unclear", at, ("@",)))
    if len(places) > 1:
        return replace(found, fault=UriFault("unclear", at + places[1], ("@",)))
    if bare != text:
        return replace(found, fault=_quoted(text, bare))
    head = f"{bare[: scheme.start(2)]}"
    return replace(found, fault=_login_fault(head, login, rest) or _rest_fault(f"{head}{scheme[2][: place + 1]}", rest))


def rewritten(
    text: str,
    *,
    hosts: str | None = None,
    login: tuple[str, str] | None = None,
    options: Mapping[str, str | None] | None = None,
) -> str | None:
    """The same connection string with a part of it changed, every other character kept, and that proven by parsing it.

    ``hosts`` is written as it is, ``login`` percent-encoded, an option that is None is taken out. None for a string
    that has a fault, for none at all, and where the new one does not read as the old one with just that change.
    """
    old = parse(text)
    if old is None or old.fault is not None:
        return None
    place, _, query = text.partition("?")
    head, _, tail = place.partition("://")
    where, slash, database = tail.partition("/")
    who, at, names = where.rpartition("@")
    if login is not None:
        who, at = ":".join(quote(part, safe="") for part in login), "@"
    query = _with_options(query, options or {})
    slash = slash or ("/" if query else "")
    new = f"{head}://{who}{at}{hosts or names}{slash}{database}{'?' if query else ''}{query}"
    return new if parse(new) == _wanted(old, hosts, login, options or {}) else None


def repaired(text: str, meant: tuple[str, str] | None = None) -> str | None:
    """The string with its fault put right, where only one can be meant. ``meant``: user and password as they are.

    What was typed may be encoded in part; where it is this very login, it is encoded as a whole.
    """
    old = parse(text)
    if old is None or old.fault is None or old.fault.fixed is None:
        return None
    raw = f"://{':'.join(meant)}@" if meant else ""
    if not raw or old.fault.kind != "unescaped" or text.count(raw) != 1:
        return old.fault.fixed
    whole = text.replace(raw, f"://{':'.join(quote(part, safe='') for part in meant or ())}@")
    again = parse(whole)
    right = again is not None and (again.user, again.password, again.hosts) == (*(meant or ()), old.hosts)
    return _settled(whole) if right else None


def _wanted(
    old: MongoUri, hosts: str | None, login: tuple[str, str] | None, options: Mapping[str, str | None]
) -> MongoUri | None:
    names = {name.lower() for name in options}
    kept = {name: value for name, value in old.options.items() if name not in names}
    new = replace(old, options=kept | {name.lower(): value for name, value in options.items() if value is not None})
    if hosts is not None:
        found = [_host(part, _HOST) for part in hosts.split(",")]
        if None in found:
            return None
        new = replace(new, hosts=tuple(host for host in found if host))
    return new if login is None else replace(new, user=login[0] or None, password=login[1])


def _with_options(query: str, options: Mapping[str, str | None]) -> str:
    wanted = {name.lower(): (name, value) for name, value in options.items()}
    pairs = [pair for pair in query.split("&") if pair and unquote(pair.partition("=")[0]).lower() not in wanted]
    return "&".join([*pairs, *(f"{name}={quote(value)}" for name, value in wanted.values() if value is not None)])


# ---- reading ---------------------------------------------------------------------------------------------------------


def _places(body: str) -> list[int]:
    """Where the login may end: every @ behind which hosts follow, and -1 for none; what a driver reads comes first."""
    found = [at for at in (-1, *(at for at, one in enumerate(body) if one == "@")) if _follows(body[at + 1 :])]
    return sorted(found, key=lambda at: (at >= 0 and next(_unescaped(body[:at]), None) is not None, at))


def _follows(rest: str) -> bool:
    """Whether this begins with hosts and goes on as what stands behind hosts does."""
    place = rest.partition("?")[0]
    names, _, database = place.partition("/")
    return all(_host(name, _HOST) for name in names.split(",")) and not set("/@") & set(database.partition("&")[0])


def _parts(login: str, rest: str, *, srv: bool) -> MongoUri | None:
    place, _, query = rest.partition("?")
    names, _, database = place.partition("/")
    user, colon, password = login.partition(":")
    hosts = [host for part in names.split(",") if (host := _host(part.strip(), _LOOSE_HOST))]
    if not hosts:
        return None
    pairs = (pair.partition("=") for pair in query.split("&"))
    return MongoUri(
        hosts=tuple(hosts), user=unquote(user) or None, password=unquote(password) if colon else None,
        database=unquote(database.partition("#")[0]) or None, srv=srv,
        options={unquote(name).lower(): unquote(value) for name, _, value in pairs if name},
    )  # fmt: skip


def _host(text: str, shape: re.Pattern[str]) -> tuple[str, int] | None:
    found = shape.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        return None
    port = int(found[3] or PORT)
    return ((found[1] or found[2]).lower(), port) if 0 < port < 65536 or shape is _LOOSE_HOST else None


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def _unescaped(login: str) -> Iterator[tuple[int, str]]:
    """Characters of user and password that have to be encoded and are not; the first colon divides the two."""
    colon = login.find(":")
    for found in _IN_LOGIN.finditer(login):
        if found.start() != colon:
            yield found.start(), found[0]


def _quoted(text: str, bare: str) -> UriFault:
    mark = text.strip()[:1]
    if len(text) == len(bare) + 2 and mark in "\"'" and text == f"{mark}{bare}{mark}":
        return UriFault("quotes", 0, (mark,), ("",), _settled(bare))
    return UriFault("unclear", 0, (text[:1],))


def _login_fault(head: str, login: str, rest: str) -> UriFault | None:
    wrong = list(_unescaped(login))
    if not wrong:
        return None
    colon = login.find(":")
    encoded = _IN_LOGIN.sub(lambda one: one[0] if one.start() == colon else quote(one[0], safe=""), login)
    characters = tuple(dict.fromkeys(one for _, one in wrong))
    return UriFault(
        "unescaped", len(head) + wrong[0][0], characters, tuple(quote(one, safe="") for one in characters),
        _settled(f"{head}{encoded}@{rest}"),
    )  # fmt: skip


def _rest_fault(head: str, rest: str) -> UriFault | None:
    place, mark, query = rest.partition("?")
    names, slash, database = place.partition("/")
    before = f"{head}{names}{slash}"
    for name in names.split(","):
        if _host(name, _HOST) is None:
            port = re.fullmatch(r"[^:]+:(\d*)", name)  # a name that is not known to be one may be a socket's
            return UriFault("host" if port else "unclear", len(head) + names.index(name), (":" if port else name[:1],))
    if head.startswith("mongodb+srv") and ("," in names or ":" in names):
        wrong = "," if "," in names else ":"  # fact: the drivers of Node and Python refuse both
        return UriFault("srv", len(head) + names.index(wrong), (wrong,))
    return _database_fault(before, database, mark + query) or _query_fault(f"{before}{database}{mark}", query)


def _database_fault(head: str, database: str, tail: str) -> UriFault | None:
    name, ampersand, options = database.partition("&")
    if ampersand and all(_OPTION.fullmatch(each) for each in options.split("&")):
        pairs = [*options.split("&"), *(pair for pair in tail[1:].split("&") if pair)]
        fixed = f"{head}{name}?{'&'.join(dict.fromkeys(pairs))}"
        return UriFault("separator", len(head) + len(name), ("&",), ("?",), _settled(fixed))
    for at, one in enumerate(database):
        if one in _REFUSED:
            return UriFault("database", len(head) + at, (one,))
    plain = unquote(database)
    if _BAD_PERCENT.search(database) or len(plain.encode(errors="replace")) > LONGEST_NAME or not plain.isprintable():
        return UriFault("unclear", len(head), (database[:1],))
    if set(plain) & set(_REFUSED):
        return UriFault("database", len(head), ("%",))
    doubtful = next((at for at, one in enumerate(plain) if one in _DOUBTFUL), None)
    return None if doubtful is None else UriFault("unclear", len(head), (plain[doubtful],))


def _query_fault(head: str, query: str) -> UriFault | None:
    stray = _STRAY.search(query)
    if stray is not None:
        pairs = dict.fromkeys(_STRAY.sub("&", query).split("&"))
        return UriFault("separator", len(head) + stray.start(), ("?",), ("&",), _settled(f"{head}{'&'.join(pairs)}"))
    names: set[str] = set()
    at = len(head)
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if not pair:  # the Node driver takes it, PyMongo does not
            return UriFault("unclear", at, ("&",))
        if not (name and value):
            return UriFault("option", at, (pair[:1],))
        if (
            name.lower() in names
            or re.search(r"[;#\s]", pair)
            or _BAD_PERCENT.search(pair)
            or "%" in name
            or "=" in value
        ):
            return UriFault("unclear", at, (pair[:1],))
        names.add(name.lower())
        at += len(pair) + 1
    return None


def _settled(text: str) -> str | None:
    """A string in which a fault was put right, with those behind it put right as well; None where one stays."""
    again = parse(text)
    if again is None:
        return None
    return text if again.fault is None else again.fault.fixed


__all__ = ["LOOPBACK", "PORT", "MongoUri", "UriFault", "parse", "repaired", "rewritten"]
