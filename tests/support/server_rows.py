"""Containers, processes and a web that model servers stand in, for tests of finding and asking them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from stackops.console.hosts import HttpFailed, HttpReply
from stackops.console.model import Container, EnvVar, NativeProcess, NetworkLink, Port


def box(name: str, image: str, **kwargs: Any) -> Container:
    """A running container in the network ``net``; ``env`` is a dict, ``ports`` are numbers or (inside, outside)."""
    env = tuple(EnvVar(key, value) for key, value in kwargs.pop("env", {}).items())
    ports = tuple(
        Port(each) if isinstance(each, int) else Port(each[0], "tcp", "0.0.0.0", each[1])
        for each in kwargs.pop("ports", ())
    )
    networks = kwargs.pop("networks", (NetworkLink("net", "172.18.0.9", (name,)),))
    given: dict[str, Any] = {"state": "running", "started_at": 1000.0, **kwargs}
    ident = sha256(name.encode()).hexdigest()
    return Container(id=ident, name=name, image=image, env=env, ports=ports, networks=networks, **given)


def process(pid: int, *command: str) -> NativeProcess:
    return NativeProcess(pid, command[0].rpartition("/")[2], command, 1000.0)


class Web:
    """An Http whose servers are functions of the path, by ``host:port``. Notes what was asked."""

    def __init__(self, **servers: Callable[[str, Mapping[str, str]], Any]) -> None:
        self.servers: dict[str, Callable[[str, Mapping[str, str]], Any]] = dict(servers)
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.hang: set[str] = set()
        self.pause = 0.0

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, **_: Any
    ) -> HttpReply:
        parts = urlsplit(url)
        self.asked.append(url)
        self.headers.append(dict(headers or {}))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.pause)
            if parts.netloc in self.hang:
                await asyncio.Event().wait()
        finally:
            self.at_once -= 1
        server = self.servers.get(parts.netloc)
        if server is None:
            raise HttpFailed("refused", f"http://{parts.netloc}: nobody listens there")
        told = server(parts.path, dict(headers or {}))
        if told is None:
            return HttpReply(404, url, {"content-type": "text/plain"}, b"404 page not found", seconds=0.002)
        body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        return HttpReply(200, url, {"content-type": "application/json"}, body, seconds=0.002)

    async def head(self, url: str, **kwargs: Any) -> HttpReply:
        return await self.get(url, **kwargs)

    def asked_of(self, netloc: str) -> int:
        """How many requests one of them had."""
        return sum(1 for url in self.asked if urlsplit(url).netloc == netloc)


def ollama(path: str, _: Mapping[str, str]) -> Any:
    """A small Ollama with one model, loaded."""
    model = {"name": "qwen2:7b", "size": 4 << 30, "size_vram": 4 << 30}
    return {
        "/": "Ollama is running", "/api/version": {"version": "0.5.7"}, "/api/tags": {"models": [model]},
        "/api/ps": {"models": [model]}, "/v1/models": {"data": [{"id": "qwen2:7b", "owned_by": "library"}]},
    }.get(path)  # fmt: skip
