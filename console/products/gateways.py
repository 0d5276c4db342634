"""Where FastGPT sends its model requests, and where databases are, and as whom, by environments. Pure.

The values hold passwords and keys: what is made of them never shows one. What is wrong with the writing of a database's
address, of whatever product, and where, is told here too: URLs (PostgreSQL, Redis, MySQL of other languages) and Go's
form of a MySQL DSN, which One API takes. MongoDB's have a reader of their own, since they are repaired as well. A fault
names a character and its place, never what stands around it: that may be the password.

fact: go-sql-driver/mysql dsn.go (the last ``/`` divides, the last ``@``, an address in brackets, nothing is decoded);
WHATWG URL (``/ ? #`` end the login, the last ``@`` divides); libpq (the first ``@`` divides); go-redis and Go's net/url
(scheme wanted, a bad ``%`` refused); One API takes ``postgres://`` for PostgreSQL, everything else for Go's MySQL
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from ..model import Container
from ..text.cleaning import clean_line
from .mongo_uri import UriFault, parse
from .registry import by_role

_MYSQL = re.compile(r"@(?:tcp[46]?)?\((?P<address>[^()]*)\)/(?P<name>[^?]*)")
_PORTS = {kind: by_role(kind).port or 0 for kind in ("mysql", "postgres")}
_HOST_NAMES = frozenset({"host.docker.internal", "gateway.docker.internal", "172.17.0.1"})
PROXY_ALONE = (4, 17)
"""The first FastGPT that knows no other gateway than AI Proxy.

fact: labring/FastGPT docs, V4.17.0: OPENAI_BASE_URL, CHAT_API_KEY, systemEnv.oneapiUrl and chatApiKey have no effect
"""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Dsn:
    """The part of ``SQL_DSN`` that is no secret."""

    kind: Literal["mysql", "postgres"]
    host: str
    port: int
    name: str
    """Of the database."""

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def usual(self) -> int:
        """The port that the database listens on where nobody changed it."""
        return _PORTS[self.kind]


def dsn_of(value: str | None) -> Dsn | None:
    """The parts of a ``SQL_DSN``; None for SQLite (an empty value), a socket, and what is not understood.

    fact: One API takes ``postgres://`` for PostgreSQL and everything else for MySQL.
    """
    if not value:
        return None
    if value.startswith("postgres://"):
        try:
            parts = urlsplit(value)
            return Dsn(
                "postgres",
                _clean(parts.hostname or ""),
                parts.port or _PORTS["postgres"],
                _clean(parts.path.strip("/")),
            )
        except ValueError:
            return None
    found = list(_MYSQL.finditer(value))
    if not found:
        return None
    host, port = _split(found[-1]["address"])
    return Dsn("mysql", _clean(host), port or _PORTS["mysql"], _clean(found[-1]["name"])) if host else None


def _clean(text: str) -> str:
    return clean_line(text, 120)


def _split(address: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"\[?([^\]]*?)\]?(?::(\d{1,5}))?", address)
    return (match[1], int(match[2]) if match[2] else None) if match else ("", None)


@dataclass(frozen=True)
class Gateway:
    """Where one FastGPT sends its requests, and with which key."""

    url: str
    """With ``/v1``."""
    variable: str
    """The variable that decided."""
    key_variable: str | None = None
    key: str | None = field(default=None, repr=False)


def gateway_of(env: Mapping[str, str], version: str | None = None) -> Gateway | None:
    """What FastGPT makes of its environment; None when it says nothing. Address and key are chosen separately.

    fact: FastGPT packages/service/core/ai/config.ts:
    AIPROXY_API_ENDPOINT beats OPENAI_BASE_URL, which ONEAPI_URL beats from v4.7 to v4.8.19.
    """
    alone = (release(version) or ()) >= PROXY_ALONE
    keys = [name for name in ("AIPROXY_API_TOKEN", "CHAT_API_KEY")[: 1 if alone else 2] if env.get(name)]
    key_name = keys[0] if keys else None
    key = env.get(key_name) if key_name else None
    if env.get("AIPROXY_API_ENDPOINT"):
        url = env["AIPROXY_API_ENDPOINT"].rstrip("/") + "/v1"
        return Gateway(url, "AIPROXY_API_ENDPOINT", key_name, key)
    names = ("ONEAPI_URL", "OPENAI_BASE_URL") if _reads_oneapi_url(version) else ("OPENAI_BASE_URL",)
    for name in names if not alone else ():
        if env.get(name):
            return Gateway(env[name], name, key_name, key)
    return None


def token_left(env: Mapping[str, str]) -> bool:
    """Whether the token of an AI Proxy that is not used goes to the other gateway in place of its own key."""
    left = env.get("AIPROXY_API_TOKEN") and not env.get("AIPROXY_API_ENDPOINT") and env.get("OPENAI_BASE_URL")
    return bool(left) and env.get("CHAT_API_KEY") not in (None, "", env["AIPROXY_API_TOKEN"])


def _reads_oneapi_url(version: str | None) -> bool:
    numbers = release(version)
    return numbers is not None and (4, 7) <= numbers < (4, 8, 20)


def release(version: str | None) -> tuple[int, ...] | None:
    """``v0.6.11-preview`` as (0, 6, 11); None for what is no number."""
    match = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", version or "")
    return tuple(int(part) for part in match[1].split(".")) if match else None


def names_of(container: Container) -> frozenset[str]:
    """Names under which others in its networks may reach it."""
    aliases = {alias for link in container.networks for alias in link.aliases}
    return frozenset(filter(None, {container.name, container.service, *aliases}))


def share_network(one: Container, other: Container) -> bool | None:
    """Whether two containers can reach each other by name; None when the networks of one are not known."""
    ours, theirs = ({link.network for link in c.networks} for c in (one, other))
    if not ours or not theirs:
        return None
    return bool(ours & theirs)


def leads_to(url: str, caller: Container, target: Container) -> bool:
    """Whether an address in the environment of ``caller`` is that of ``target``: by name, address or published port."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    if host in names_of(target):
        return share_network(caller, target) is not False
    if host in {link.address for link in target.networks if link.address}:
        return True
    outside = host in _HOST_NAMES or re.fullmatch(r"[\d.]+", host) is not None
    return outside and host not in LOOPBACK and port in {p.host_port for p in target.ports if p.host_port}


def environment(container: Container) -> dict[str, str]:
    """Its variables; the last of a name counts."""
    return {variable.name: variable.value for variable in container.env}


_WIDE = {"：": ":", "／": "/", "＠": "@", "？": "?", "＆": "&", "（": "(", "）": ")", "＝": "=", "．": ".", "　": " "}
"""Punctuation of a Chinese or Japanese keyboard."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:@/\[\]]*)(?::(?:0*(\d{1,5}))?)?")
_FOLLOWS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?=[/?]|$)")
"""What stands behind a login: a host, and then the end, a path or options."""
_IN_LOGIN = re.compile(r"[/?#\[\]@\s]|%(?![0-9A-Fa-f]{2})")
_OPTION = re.compile(r"[A-Za-z_][\w.]*=[^=&?]*")
_NETWORKS = ("", "tcp", "tcp4", "tcp6", "unix")


def fault_of(value: str, schemes: Sequence[str] = (), *, go: bool = False) -> UriFault | None:
    """The first fault; None where there is none, or where it is not known how it should be written.

    ``schemes`` are those that the variable has to begin with; ``go``: what has none of them is Go's MySQL DSN.
    """
    text = value.strip()
    login = text.rfind("@") if "://" in text or go else -1  # a password may hold any character
    wide = next((at for at, one in enumerate(text) if one in _WIDE and at > login), None)
    if wide is not None:
        return UriFault("wide", wide, (text[wide],), (_WIDE[text[wide]],))
    url = _URL.fullmatch(text)
    scheme = url[1].lower() if url else ""
    if go and scheme not in schemes:
        return _of_go(text, scheme)
    if schemes and scheme not in schemes:
        return UriFault("scheme", 0, (f"{scheme}://" if scheme else "nothing",), (f"{schemes[0]}://",))
    if scheme.startswith("mongodb"):
        uri = parse(text)
        return uri.fault if uri is not None and uri.fault is not None and uri.fault.certain else None
    return _of_url(text, url.start(2), scheme) if url else None


def _of_url(text: str, start: int, scheme: str) -> UriFault | None:
    body = text[start:]
    ends = [at for at, one in enumerate(body) if one == "@" and _FOLLOWS.match(body, at + 1)]
    place = ends[-1] if ends else re.split(r"[/?#]", body, maxsplit=1)[0].rfind("@")
    login = body[: max(place, 0)]
    wrong = list(_IN_LOGIN.finditer(login))
    if wrong:
        found = tuple(dict.fromkeys(one[0] for one in wrong))
        return UriFault("unescaped", start + wrong[0].start(), found, tuple(quote(one, safe="") for one in found))
    at = start + place + 1
    authority = re.split(r"[/?#]", text[at:], maxsplit=1)[0]
    for host in authority.split(","):
        bad = _host_fault(host, at)
        if bad is not None:
            return bad
        at += len(host) + 1
    rest = start + place + 1 + len(authority)
    return _tail_fault(text, rest, numbered=scheme in ("redis", "rediss"))


def _host_fault(host: str, at: int) -> UriFault | None:
    shape = _HOST.fullmatch(host)
    if shape is None or (shape[1] and not 0 < int(shape[1]) < 65536):
        return UriFault("host", at, (":",))
    return None


def _tail_fault(text: str, start: int, *, numbered: bool = False) -> UriFault | None:
    """Of the database's name and the options behind it."""
    path, mark, query = text[start:].partition("?")
    name, ampersand, options = path.partition("&")
    if ampersand and all(_OPTION.fullmatch(each) for each in options.split("&")):
        return UriFault("separator", start + len(name), ("&",), ("?",))
    if numbered and not re.fullmatch(r"(?:/\d*)?", path):
        return UriFault("number", start, (path[:1],))
    stray = re.search(r"[?](?=[A-Za-z_]+=)", query) if mark else None
    return UriFault("separator", start + len(path) + 1 + stray.start(), ("?",), ("&",)) if stray else None


def _of_go(text: str, scheme: str) -> UriFault | None:
    """``user:password@tcp(host:port)/name?option=value``; nothing for what is SQLite's, or a word."""
    if not set(text) & set("@/("):
        return None
    if scheme:
        return UriFault("go-scheme", 0, (f"{scheme}://",), ("nothing",))
    slash = text.rfind("/")
    bracket = text.find("(", text[: max(slash, 0)].rfind("@") + 1)
    closed = text.find(")", bracket) if bracket >= 0 else -1
    if closed >= 0 and "/" in text[closed + 1 : slash]:
        return UriFault("value", slash, ("/",), ("%2F",))
    if bracket >= 0 and closed < 0:
        return UriFault("bracket", bracket, ("(",), (")",))
    if slash < 0 or slash < closed:
        return UriFault("slash", len(text), ("/",))
    start = text.rfind("@", 0, slash) + 1
    network, inner, address = text[start:slash].partition("(")
    if network.lower() not in _NETWORKS:
        return UriFault("network", start, (network[:1] or "(",), ("tcp(host:port)",))
    if inner and not network.lower().startswith("unix"):
        bad = (
            _host_fault(address[:-1], start + len(network) + 1)
            if address.endswith(")")
            else UriFault("bracket", closed)
        )
        if bad is not None:
            return bad
    return _tail_fault(text, slash)


_USUAL_PORTS = {
    "http": 80,
    "https": 443,
    "redis": 6379,
    "rediss": 6379,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
}
_BARE = r"[A-Za-z0-9][\w.-]*(?::\d{1,5})?"
_NEXT = re.compile(rf"[;,](?=\s*(?:\w+://|{_BARE}\s*(?:[;,]|$)))")
"""Between two addresses; a password may hold the same characters."""
_IS_URL = re.compile(r"[A-Za-z][\w+.-]*://")
_ENDS_LOGIN = frozenset("/?#")
_DSN = re.compile(
    r"(?:(?P<user>[^:@/]+)(?::(?P<password>.*))?@)?(?:tcp[46]?)?\((?P<host>[^:()]+)(?::(?P<port>\d{1,5}))?\)"
    r"(?:/(?P<name>[^?/]*))?"
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
    name: str = ""
    """Of the database, where a URL or a DSN names one."""


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
    elif not _IS_URL.match(value) and (dsn := _DSN.match(value)):
        if fault_of(value, go=True) is not None:
            return
        port = int(dsn["port"]) if dsn["port"] else 3306
        yield DeclaredLogin(dsn["host"], port, "mysql", dsn["user"] or "", dsn["password"] or "", dsn["name"] or "")
    else:
        for part in _NEXT.split(value):
            yield from _connection_of_url(part.strip())


def _connection_of_url(text: str) -> Iterator[DeclaredLogin]:
    if "://" not in text:
        if re.fullmatch(_BARE, text):
            name, _, number = text.partition(":")
            yield DeclaredLogin(name, int(number) if number else None)
        return
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or _USUAL_PORTS.get(parts.scheme)
    except ValueError:
        return
    fault = fault_of(text)
    cut = fault is not None and fault.kind == "unescaped" and not _ENDS_LOGIN.isdisjoint(fault.found)
    if parts.scheme in _USUAL_PORTS and host and not cut:
        yield DeclaredLogin(host, port, parts.scheme, unquote(parts.username or ""), unquote(parts.password or ""),
                            unquote(parts.path.strip("/")))  # fmt: skip
