"""The Http door of the practice stack: its own services, and a few registries as they are in the wild. No network.

fact: mongo-docker-db 4.2 to 4.4. Which name behaves how is part of the practice stack's story, not of the real world.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from .. import HttpFailed, HttpReply
from .stand import Request
from .world import World

Manner = Literal["healthy", "slow", "allow-list", "hangs", "gone", "page", "busy"]
TOKEN = "practice-token"  # noqa: S105 - it opens nothing
HUB = "registry-1.docker.io"
MANNERS: dict[str, Manner] = {
    HUB: "hangs",
    "ghcr.io": "healthy",
    "docker.1ms.run": "healthy",
    "docker.1panel.live": "slow",
    "docker.m.daocloud.io": "allow-list",
    "hub.rat.dev": "busy",
    "docker.xuanyuan.me": "page",
    "docker.nju.edu.cn": "hangs",
    "dockerproxy.com": "gone",
}
"""By host name; every other name is unknown to the practice stack's DNS."""
ALLOWED = ("library/mongo", "library/mysql")
SECONDS: dict[str, float] = {"slow": 0.7}
DIGEST = "sha256:" + "5e" * 32


HERE = ("127.0.0.1", "localhost")


class DemoHttp:
    """Answers at once and says how long it would have taken."""

    def __init__(self, world: World | None = None, ready: Callable[[], None] = lambda: None) -> None:
        self._world = world
        self._ready = ready

    async def _own(self, method: str, url: str, headers: dict[str, str]) -> HttpReply | None:
        """What a service of the stack answers; None for an address of somewhere else."""
        if self._world is None:
            return None
        host = urlsplit(url).hostname or ""
        if host not in HERE and not host.startswith("172."):
            return None
        await asyncio.to_thread(self._ready)
        if host not in HERE and not self._world.is_own(host):
            raise HttpFailed("unreachable", f"http://{host} cannot be reached: No route to host")
        return _own_reply(self._world, method, url, headers)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        limit: int = 1 << 20,
        proxy: str | None = None,  # noqa: ARG002 - nothing leaves the process
        connect: float | None = None,  # noqa: ARG002 - whoever is there takes it at once
        redirects: int = 3,  # noqa: ARG002 - nobody sends elsewhere
    ) -> HttpReply:
        """GET."""
        own = await self._own("GET", url, dict(headers or {}))
        reply = own or _answer(url, dict(headers or {}), deadline)
        return HttpReply(reply.status, url, reply.headers, reply.body[:limit], seconds=reply.seconds)

    async def head(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        proxy: str | None = None,  # noqa: ARG002
    ) -> HttpReply:
        """HEAD."""
        own = await self._own("HEAD", url, dict(headers or {}))
        reply = own or _answer(url, dict(headers or {}), deadline)
        return HttpReply(reply.status, url, reply.headers, seconds=reply.seconds)


def _own_reply(world: World, method: str, url: str, headers: dict[str, str]) -> HttpReply:
    """What listens behind a published port answers. Raises HttpFailed where nobody does."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    host = None if parts.hostname in HERE else parts.hostname
    answer = world.request(parts.port or 80, Request(method, path, headers), host)
    if answer is None:
        raise HttpFailed("refused", f"{parts.scheme}://{parts.netloc}: nobody listens there")
    return HttpReply(answer.status, url, {"content-type": answer.kind}, answer.body, seconds=0.004)


def _answer(url: str, headers: dict[str, str], deadline: float) -> HttpReply:
    parts = urlsplit(url)
    manner = MANNERS.get(parts.hostname or "")
    where = f"{parts.scheme}://{parts.netloc}"
    if manner is None or manner == "gone":
        raise HttpFailed("dns", f"{where}: the name is not known here", "does the machine's DNS work?")
    if manner == "hangs":
        raise HttpFailed("timeout", f"{where} did not answer within {deadline:g} s")
    status, extra, body = _spoken(manner, where, parts.path, parts.query, headers)
    return HttpReply(status, url, extra, body, seconds=SECONDS.get(manner, 0.12))


def _spoken(
    manner: Manner, where: str, path: str, query: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    if manner == "page":
        return 200, {"content-type": "text/html"}, b"<!DOCTYPE html><title>Welcome</title>"
    if manner == "busy":
        return 429, {"retry-after": "60"}, b""
    if path == "/token":
        return 200, {"content-type": "application/json"}, json.dumps({"token": TOKEN, **parse_qs(query)}).encode()
    if headers.get("Authorization") != f"Bearer {TOKEN}":
        return 401, {"www-authenticate": f'Bearer realm="{where}/token",service="registry.docker.io"'}, b""
    name = path.removeprefix("/v2/").partition("/manifests/")[0]
    if manner == "allow-list" and name not in ALLOWED:
        return (
            403,
            {"content-type": "application/json"},
            "denied: 这镜像不在白名单. this image is not in the allowlist.".encode(),
        )
    kind = "application/vnd.oci.image.index.v1+json"
    return 200, {"content-type": kind, "docker-content-digest": DIGEST}, b""
