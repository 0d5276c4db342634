"""What answers on the practice machine's network: its services, its mongods, and a few registries as in the wild.

Which name behaves how is part of the practice stack's story, not of the real world.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec.structs import replace

from ..hosts import (
    DatabaseLogin,
    DatabaseTarget,
    HttpFailed,
    HttpReply,
    MongoLogin,
    MongoRefused,
    MongoReply,
    MongoUnreachable,
    NotFound,
    ReadOnlyRefused,
)
from ..model import DatabaseAnswer, OfferedModel, OneApiChannel
from ..products.roles import role_of
from ..text import N_, _
from . import files as stacks
from . import mongod as ends
from .containers import Instance
from .mongod import ReplicaSet, keep
from .stand import Answer, Request, option
from .world import World

Manner = Literal["healthy", "slow", "allow-list", "hangs", "gone", "page", "busy"]
TOKEN = "practice-token"  # noqa: S105 - it opens nothing
MANNERS: dict[str, Manner] = {
    "registry-1.docker.io": "hangs",
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

    def __init__(self, world: World, ready: Callable[[], None]) -> None:
        self._world = world
        self._ready = ready

    async def _own(self, method: str, url: str, headers: dict[str, str]) -> HttpReply | None:
        """What a service of the stack answers, or of its second machine; None for an address of somewhere else."""
        host = urlsplit(url).hostname or ""
        await asyncio.to_thread(self._ready)
        there = host in HERE or self._world.is_there(host)
        if not there and not host.startswith("172."):
            return None
        if not there:
            raise HttpFailed("unreachable", f"http://{host} cannot be reached: No route to host")
        answer = _answered(self._world, method, url, headers)
        return HttpReply(answer.status, url, {"content-type": answer.kind}, answer.body, seconds=answer.seconds)

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        limit: int = 1 << 20,
        proxy: str | None = None,
        connect: float | None = None,
        redirects: int = 3,
        public: bool = False,
    ) -> HttpReply:
        own = await self._own("GET", url, dict(headers or {}))
        reply = own or _answer(url, dict(headers or {}), deadline)
        return HttpReply(reply.status, url, reply.headers, reply.body[:limit], seconds=reply.seconds)

    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline: float = 5.0, proxy: str | None = None
    ) -> HttpReply:
        own = await self._own("HEAD", url, dict(headers or {}))
        reply = own or _answer(url, dict(headers or {}), deadline)
        return HttpReply(reply.status, url, reply.headers, seconds=reply.seconds)


def _answered(world: World, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """What listens behind a published port, or at a container's address. Raises HttpFailed where nobody does."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    host = None if parts.hostname in HERE else parts.hostname
    answer = world.request(parts.port or 80, Request(method, path, headers, body), host)
    if answer is None:
        raise HttpFailed("refused", f"{_where(url)}: nobody listens there")
    return answer


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


class DemoHttpActs:
    """What can be sent to the practice stack."""

    def __init__(self, world: World, ready: Callable[[], None], *, read_only: bool) -> None:
        self._world = world
        self._ready = ready
        self.read_only = read_only

    async def post(
        self,
        url: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        limit: int = 1 << 20,
        on_chunk: Callable[[bytes, float], None] | None = None,
    ) -> HttpReply:
        if self.read_only:
            raise ReadOnlyRefused(N_("stackops was started read-only: nothing is sent"))
        await asyncio.to_thread(self._ready)
        host = urlsplit(url).hostname or ""
        if host not in HERE and not self._world.is_there(host):
            raise HttpFailed("dns", f"{_where(url)}: the name is not known here", "does the machine's DNS work?")
        answer = _answered(self._world, "POST", url, headers or {}, msgspec.json.encode(body))
        pieces = answer.body.splitlines(keepends=True) if answer.pace else [answer.body]
        seconds = answer.seconds + answer.pace * (len(pieces) - 1)
        if seconds > deadline:
            raise HttpFailed("timeout", f"{_where(url)} did not answer within {deadline:g} s")
        room = limit
        for number, piece in enumerate(pieces):
            if piece[:room] and on_chunk is not None:
                on_chunk(piece[:room], answer.seconds + answer.pace * number)
            room = max(0, room - len(piece))
        cut = len(answer.body) > limit
        return HttpReply(answer.status, url, {"content-type": answer.kind}, answer.body[:limit], cut=cut,
                         seconds=seconds)  # fmt: skip


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


WIRE = {4: 9, 5: 13, 6: 17, 7: 21, 8: 25}
"""By major version. fact: mongodb/mongo src/mongo/db/wire_version.h"""
ROOT_USER, ROOT_PASSWORD = "MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"


class DemoDatabases:
    """What PyMongo is on a real machine."""

    def __init__(self, world: World, ready: Callable[[], None], *, read_only: bool) -> None:
        self._world = world
        self._ready = ready
        self.read_only = read_only

    async def ask_mongo(
        self, target: DatabaseTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        await asyncio.to_thread(self._ready)
        with self._world.lock:
            return [self._reply(target, {name: 1}, login) for name in commands]

    async def command_mongo(
        self, target: DatabaseTarget, command: Mapping[str, object], *, login: MongoLogin | None = None, deadline: float
    ) -> MongoReply:
        if self.read_only:
            raise ReadOnlyRefused
        await asyncio.to_thread(self._ready)
        with self._world.lock:
            return self._reply(target, command, login)

    def ask_databases(self, asked: Sequence[tuple[DatabaseTarget, DatabaseLogin]]) -> Sequence[DatabaseAnswer]:
        self._ready()
        with self._world.lock:
            return [self._answer(target, login) for target, login in asked]

    def _answer(self, target: DatabaseTarget, login: DatabaseLogin) -> DatabaseAnswer:
        """A database as it was made: its first user and nobody else."""
        try:
            container = self._world.find(target.container)
        except NotFound:
            return DatabaseAnswer(trouble="refused", said="Connection refused")
        env, image = dict(container.definition.env), container.definition.image
        if container.state != "running" or not container.inside or role_of(image) != login.kind:
            return DatabaseAnswer(trouble="refused", said="Connection refused")
        if login.kind == "mongo":
            good = (login.user, login.password) in ((env.get(ROOT_USER), env.get(ROOT_PASSWORD)), ("", ""))
            said = "Authentication failed."
            rows = self._rows(container, "/data/db", stacks.KEPT_MODELS)
            models = tuple(_offered(row) for row in rows if row["metadata"]["isActive"])
            return DatabaseAnswer(models=models) if good else DatabaseAnswer(trouble="login", said=said)
        if login.kind == "mysql":
            return _mysql(env, login)
        answer = _postgres(env, image, login)
        if answer.trouble or not login.channels:
            return answer
        rows = self._rows(container, "/var/lib/postgresql/data", stacks.KEPT_CHANNELS)
        return replace(answer, channels=msgspec.convert(rows, tuple[OneApiChannel, ...]))

    def _rows(self, container: Instance, target: str, named: str) -> list[dict[str, Any]]:
        """A table in a container's data folder."""
        folder = next((bind.source for bind in container.definition.binds if bind.target == target), None)
        return stacks.rows_of(self._world.tree, folder, named.rpartition("/")[2])

    def _reply(self, target: DatabaseTarget, command: Mapping[str, object], login: MongoLogin | None) -> MongoReply:
        container = self._running(target)
        env = dict(container.definition.env)
        user, password = env.get(ROOT_USER), env.get(ROOT_PASSWORD)
        if login is not None and (login.user, login.password, login.source) != (user, password, "admin"):
            raise MongoRefused(f"mongod at {target.address} refuses the login (error 18)", 18)
        if user and login is None and "hello" not in command:
            return {"ok": 0.0, "code": 13, "codeName": "Unauthorized"}
        return view(self._world, container).reply(command)

    def _running(self, target: DatabaseTarget) -> Instance:
        """The container, if a mongod runs in it. The practice stack has no shells to reach one by exec."""
        try:
            container = self._world.find(target.container)
        except NotFound:
            container = None
        if container is not None and container.inside and target.via != "exec" and _runs_mongod(container):
            return container
        raise MongoUnreachable(_("Nobody listens at {at} ({via})", at=target.address, via=_(target.via)), "refused")


def _offered(row: Mapping[str, Any]) -> OfferedModel:
    return OfferedModel(row["model"], row["metadata"].get("type", ""), row["metadata"].get("requestUrl"))


def _postgres(env: Mapping[str, str], image: str, login: DatabaseLogin) -> DatabaseAnswer:
    """With the pgvector that its image names."""
    if (login.user, login.password) != (env.get("POSTGRES_USER", "postgres"), env.get("POSTGRES_PASSWORD")):
        return DatabaseAnswer(trouble="login", said=f'password authentication failed for user "{login.user}"')
    if login.name not in (env.get("POSTGRES_DB") or login.user, "postgres"):
        return DatabaseAnswer(trouble="no-database", said=f'database "{login.name}" does not exist')
    release = re.search(r"pgvector:v?(\d+\.\d+\.\d+)", image)
    vector = release[1] if release else None
    return DatabaseAnswer(version=150004, used=4, most=97, vector=vector, packaged=vector)


def _mysql(env: Mapping[str, str], login: DatabaseLogin) -> DatabaseAnswer:
    """With the error numbers and words of MySQL's server error reference."""
    if (login.user, login.password) != ("root", env.get("MYSQL_ROOT_PASSWORD")):
        said = f"1045 Access denied for user '{login.user}'@'172.18.0.1' (using password: YES)"
        return DatabaseAnswer(trouble="login", said=said)
    if login.name not in (env.get("MYSQL_DATABASE"), "mysql", ""):
        return DatabaseAnswer(trouble="no-database", said=f"1049 Unknown database '{login.name}'")
    return DatabaseAnswer(version=80036, used=3, most=151, account="root@%", plugin="mysql_native_password")


def _runs_mongod(container: Instance) -> bool:
    return "mongod" in [argv[0] for _, argv in container.processes()]


def view(world: World, container: Instance) -> ReplicaSet:
    """The set as one container's mongod sees it."""
    command = container.entrypoint + container.arguments
    major = (ends.version(container.definition.image) or (5,))[0]

    def peer(host: str) -> ReplicaSet | None:
        name, network = host.rpartition(":")[0], container.definition.network
        for other in world.containers():
            if name in other.answers_to and other.definition.network == network and _runs_mongod(other):
                return view(world, other)
        return None

    return ReplicaSet(
        world.tree, container.definition, option(command, "--replSet"), container.answers_to, WIRE.get(major, 13),
        peer,
    )  # fmt: skip


def initiated(world: World, container: str, *hosts: str, name: str = "rs0") -> None:
    """Let a mongod's data folder hold a set with these members, as its operator made it."""
    members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
    keep(world.tree, world.find(container).definition, {"_id": name, "version": 1, "members": members})
