"""Where a connection string leads, and as whom. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from .gateways import fault_of
from .mongo_uri import parse

_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306}
_BARE = r"[A-Za-z0-9][\w.-]*(?::\d{1,5})?"
_NEXT = re.compile(rf"[;,](?=\s*(?:\w+://|{_BARE}\s*(?:[;,]|$)))")
"""Between two addresses; a password may hold the same characters."""
_URL = re.compile(r"[A-Za-z][\w+.-]*://")
_ENDS_LOGIN = frozenset("/?#")
_DSN = re.compile(
    r"(?:(?P<user>[^:@/]+)(?::(?P<password>.*))?@)?(?:tcp[46]?)?\((?P<host>[^:()]+)(?::(?P<port>\d{1,5}))?\)"
)
"""fact: go-sql-driver/mysql, as One API has it: ``user:password@tcp(host:port)/name``"""


@dataclass(frozen=True)
class DeclaredLogin:
    """One place that a value leads to."""

    host: str
    port: int | None
    scheme: str = ""
    user: str = ""
    password: str = field(default="", repr=False)


def connections(value: str) -> Iterator[DeclaredLogin]:
    """Every place in a value; nothing for what is not understood, or stands in quotes: those are wiring.quotes'.

    Nor for a login that a character of its own ends too early: what looks like a host there is a part of a password.
    """
    value = value.strip()
    if value[:1] in ("'", '"'):
        return
    if value.startswith("mongodb"):
        uri = parse(value)
        if uri is not None and not uri.fault and not uri.srv:
            hosts = ((host, port) for host, port in uri.hosts)
            yield from (
                DeclaredLogin(host, port, "mongodb", uri.user or "", uri.password or "") for host, port in hosts
            )
    elif not _URL.match(value) and (dsn := _DSN.match(value)):
        if fault_of(value, go=True) is not None:
            return
        port = int(dsn["port"]) if dsn["port"] else 3306
        yield DeclaredLogin(dsn["host"], port, "mysql", dsn["user"] or "", dsn["password"] or "")
    else:
        for part in _NEXT.split(value):
            yield from _of_url(part.strip())


def _of_url(text: str) -> Iterator[DeclaredLogin]:
    if "://" not in text:
        if re.fullmatch(_BARE, text):
            name, _, number = text.partition(":")
            yield DeclaredLogin(name, int(number) if number else None)
        return
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return
    fault = fault_of(text)
    cut = fault is not None and fault.kind == "unescaped" and not _ENDS_LOGIN.isdisjoint(fault.found)
    if parts.scheme in _PORTS and host and not cut:
        yield DeclaredLogin(host, port, parts.scheme, unquote(parts.username or ""), unquote(parts.password or ""))
