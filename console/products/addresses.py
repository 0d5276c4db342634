"""Where an address leads that stands in somebody's settings, and how a container's port is reached from here. Pure.

An address means something only from where it is used: ``localhost`` inside a container is that container. Nothing here
looks a name up or opens a connection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from ..model import Container, EngineInfo, NetworkLink
from ..text.cleaning import clean_line
from .gateways import LOOPBACK, names_of, share_network

_PORTS = {"http": 80, "https": 443}
_HOST_NAMES = frozenset({"host.docker.internal", "gateway.docker.internal", "host.containers.internal"})
_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what the Engine calls every address of the machine
_API = re.compile(r"/(?:v1|v1beta|api|api/v1|openai/v1)(?:/.*)?$")
_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-fA-F:.]{2,45}")
_GATEWAY = re.compile(r"172\.(?:1[6-9]|2\d|3[01])\.\d+\.1")
Where = Literal["container", "machine", "itself", "nobody", "elsewhere", "internet"]


class Address(Struct, frozen=True):
    """One written address taken apart."""

    scheme: str
    host: str
    port: int
    path: str = ""
    """What stands in front of the API's own paths; usually empty."""

    @property
    def base(self) -> str:
        """Scheme, host, port and leading path, without user, password and query."""
        return f"{self.scheme}://{place(self.host, self.port)}{self.path}"


class Target(Struct, frozen=True):
    """Where an address leads."""

    where: Where
    port: int
    """Inside the container, or of the machine."""
    container: Container | None = None


def place(host: str, port: int) -> str:
    """``host:port``, with brackets round an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_of(text: str) -> Address | None:
    """The parts of an address; None for what cannot be one (a variable left in it, another scheme)."""
    text = text.strip()
    if "$" in text or any(c.isspace() for c in text):
        return None
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or not port:
        return None
    return Address(parts.scheme, clean_line(host), port, _prefix(parts))


def shown(text: str) -> str:
    """An address as it is written, without user, password and query: those may be secret."""
    text = clean_line(text.strip(), 300)
    head, _, _ = re.split(r"[?#]", text, maxsplit=1)[0].partition(" ")
    scheme, mark, rest = head.partition("://") if "://" in head else ("", "", head)
    where, slash, path = rest.partition("/")
    if "@" in path:  # a password may hold a slash: what stands behind it may be its rest
        slash = path = ""
    return f"{scheme}{mark}{where.rpartition('@')[2]}{slash}{path}"


def _prefix(parts: SplitResult) -> str:
    path = _API.sub("", parts.path.rstrip("/"))
    return path if re.fullmatch(r"(?:/[\w.~-]+)*", path) else ""


def lead(address: Address, caller: Container | None, containers: Iterable[Container], own: Collection[str]) -> Target:
    """Where an address leads from inside ``caller`` (None: from this machine); ``own`` are the machine's addresses."""
    host, containers = address.host.lower(), tuple(containers)
    shares = caller is None or caller.network_mode == "host"
    if host in LOOPBACK or host.endswith(".localhost") or _is_loopback(host):
        return _machine(address.port, containers) if shares else Target("itself", address.port, caller)
    if host in _HOST_NAMES or host in own or _to_gateway(host, caller) or _GATEWAY.fullmatch(host):
        return _machine(address.port, containers)
    for container in containers:
        named = address.host in names_of(container) or host in {link.address for link in container.networks}
        if named and (caller is None or share_network(caller, container) is not False):
            return Target("container", address.port, container)
    if "." not in host and ":" not in host:
        return Target("nobody", address.port)
    return Target("internet" if _is_public(address) else "elsewhere", address.port)


def _machine(port: int, containers: Sequence[Container]) -> Target:
    """A port of this machine: the container that publishes it, else whatever listens there."""
    for container in containers:
        if container.network_mode == "host":
            continue
        for published in container.ports:
            if published.host_port == port and published.protocol == "tcp":
                return Target("container", published.container_port, container)
    return Target("machine", port)


def _to_gateway(host: str, caller: Container | None) -> bool:
    extra = (entry.rpartition(":")[::2] for entry in (caller.extra_hosts if caller else ()))
    return any(name == host and to == "host-gateway" for name, to in extra)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_public(address: Address) -> bool:
    """A name of the internet over https on its usual port: a service somebody else runs."""
    try:
        return ip_address(address.host).is_global
    except ValueError:
        local = address.host.rpartition(".")[2] in {
            "local",
            "lan",
            "internal",
            "home",
            "corp",
            "intranet",
            "localdomain",
        }
        return address.scheme == "https" and address.port == 443 and not local


def reached(
    container: Container, port: int, containers: Iterable[Container], *, local: bool, own: Collection[str] = ()
) -> tuple[str, int] | None:
    """Host and port under which a container's port is reached from here: published, else its own address; or None.

    With the machine's ``own`` addresses: an address in a network that this machine is no part of (an overlay, the
    virtual machine of a desktop's Engine) may be that of a stranger here, and is none to ask at.
    """
    if not local:
        return None
    if container.network_mode == "host":
        return "127.0.0.1", port
    if (container.network_mode or "").startswith("container:"):
        owner = (container.network_mode or "").partition(":")[2]
        shared = next((c for c in containers if owner and (c.id.startswith(owner) or c.name == owner)), None)
        nested = shared is None or (shared.network_mode or "").startswith("container:")
        return None if nested or shared is None else reached(shared, port, (), local=local, own=own)
    published = [p for p in container.ports if p.container_port == port and p.host_port and p.protocol == "tcp"]
    for one in sorted(published, key=lambda p: ":" in (p.host_ip or "")):
        host = one.host_ip or ""
        return ("127.0.0.1" if host in _EVERYWHERE else host), one.host_port or 0
    inside = next((link.address for link in container.networks if link.address and _is_near(link, own)), None)
    return (inside, port) if inside else None


def _is_near(link: NetworkLink, own: Collection[str]) -> bool:
    """Whether this machine has an address in the same network; where nothing tells, it is believed."""
    if not own or not link.prefix:
        return True
    try:
        network = ip_network(f"{link.address}/{link.prefix}", strict=False)
    except ValueError:
        return True
    return any(_is_in(each, network) for each in own)


def _is_in(address: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        return False


def trusts(engine: EngineInfo, address: str) -> bool:
    """Whether the Engine does not verify the certificate there.

    fact: moby registry config: by name, by name and port, or by address range
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    for one in engine.insecure_registries:
        if one in (host, parts.netloc):
            return True
        try:
            if ip_address(host) in ip_network(one, strict=False):
                return True
        except ValueError:
            continue
    return False


def proxy_for(address: str, engine: EngineInfo) -> str | None:
    """The proxy the Engine goes through to an address; None when it goes there directly.

    fact: golang.org/x/net/http/httpproxy; loopback is never proxied
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    proxy = engine.https_proxy if parts.scheme == "https" else engine.http_proxy
    if not proxy or host == "localhost" or _is_loopback(host):
        return None
    if any(_excepted(host, parts.port, rule.strip().lower()) for rule in (engine.no_proxy or "").split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _excepted(host: str, port: int | None, rule: str) -> bool:
    if not rule:
        return False
    if rule == "*":
        return True
    name, _, only = rule.partition(":") if rule.count(":") == 1 else (rule, "", "")
    if only and only != str(port or ""):
        return False
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        bare = name.removeprefix("*").removeprefix(".")
        return host.endswith(f".{bare}") or (host == bare and not name.startswith((".", "*")))
