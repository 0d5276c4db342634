"""Where FastGPT sends its model requests and One API keeps its data, as their environments say. Pure.

The values hold passwords and keys: what is made of them never shows one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from ..model import Container
from ..text.cleaning import clean_line
from .registry import by_role

_MYSQL = re.compile(r"@(?:tcp[46]?)?\((?P<address>[^()]*)\)/(?P<name>[^?]*)")
_PORTS = {kind: by_role(kind).port or 0 for kind in ("mysql", "postgres")}
_HOST_NAMES = frozenset({"host.docker.internal", "gateway.docker.internal", "172.17.0.1"})
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
    keys = [name for name in ("AIPROXY_API_TOKEN", "CHAT_API_KEY") if env.get(name)]
    key_name = keys[0] if keys else None
    key = env.get(key_name) if key_name else None
    if env.get("AIPROXY_API_ENDPOINT"):
        url = env["AIPROXY_API_ENDPOINT"].rstrip("/") + "/v1"
        return Gateway(url, "AIPROXY_API_ENDPOINT", key_name, key)
    names = ("ONEAPI_URL", "OPENAI_BASE_URL") if _reads_oneapi_url(version) else ("OPENAI_BASE_URL",)
    for name in names:
        if env.get(name):
            return Gateway(env[name], name, key_name, key)
    return None


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
