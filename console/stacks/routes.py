"""How the Engine reaches an address: through which proxy, and whether it verifies the certificate. Pure."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from ..model import EngineInfo


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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
