"""How a database's address is written, of whatever product: what is wrong with the writing, and where. Pure.

URLs (PostgreSQL, Redis, MySQL of other languages) and Go's form of a MySQL DSN, which One API takes. MongoDB's have a
reader of their own, since they are repaired as well. A fault names a character and its place, never what stands around
it: that may be the password.

fact: go-sql-driver/mysql dsn.go (the last ``/`` divides, the last ``@``, an address in brackets, nothing is decoded);
WHATWG URL (``/ ? #`` end the login, the last ``@`` divides); libpq (the first ``@`` divides); go-redis and Go's net/url
(scheme wanted, a bad ``%`` refused); One API takes ``postgres://`` for PostgreSQL, everything else for Go's MySQL
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from .mongo_uri import UriFault, parse

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
