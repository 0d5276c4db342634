"""The Databases door of the practice stack: its mongods answer as real ones do, logins included. Opens no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from .. import MongoLogin, MongoRefused, MongoReply, MongoTarget, MongoUnreachable, NotFound, ReadOnlyRefused
from . import mongod_ends as ends
from .containers import Instance
from .mongo_set import ReplicaSet, keep
from .world import World

WIRE = {4: 9, 5: 13, 6: 17, 7: 21, 8: 25}
"""By major version. fact: mongo-docker-db 2.3"""
ROOT_USER, ROOT_PASSWORD = "MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"


class DemoDatabases:
    """What PyMongo is on a real machine."""

    def __init__(self, world: World, ready: Callable[[], None], *, read_only: bool) -> None:
        self._world = world
        self._ready = ready
        self._read_only = read_only

    async def ask_mongo(
        self,
        target: MongoTarget,
        commands: Sequence[str],
        *,
        login: MongoLogin | None = None,
        deadline: float = 3.0,  # noqa: ARG002 - nothing here takes long
    ) -> Sequence[MongoReply]:
        """The replies, in order. Raises MongoUnreachable, MongoRefused."""
        await asyncio.to_thread(self._ready)
        with self._world.lock:
            return [self._reply(target, {name: 1}, login) for name in commands]

    async def command_mongo(
        self,
        target: MongoTarget,
        command: Mapping[str, object],
        *,
        login: MongoLogin | None = None,
        deadline: float,  # noqa: ARG002
    ) -> MongoReply:
        """The reply to one act. Raises ReadOnlyRefused, MongoUnreachable, MongoRefused."""
        if self._read_only:
            raise ReadOnlyRefused("Nothing is changed: the console was started with --read-only")
        await asyncio.to_thread(self._ready)
        with self._world.lock:
            return self._reply(target, command, login)

    def _reply(self, target: MongoTarget, command: Mapping[str, object], login: MongoLogin | None) -> MongoReply:
        container = self._running(target)
        env = dict(container.definition.env)
        user, password = env.get(ROOT_USER), env.get(ROOT_PASSWORD)
        if login is not None and (login.user, login.password, login.source) != (user, password, "admin"):
            raise MongoRefused(f"mongod at {target.address} refuses the login (error 18)", 18)
        if user and login is None and "hello" not in command:
            return {"ok": 0.0, "code": 13, "codeName": "Unauthorized"}
        return view(self._world, container).reply(command)

    def _running(self, target: MongoTarget) -> Instance:
        """The container, if a mongod runs in it. The practice stack has no shells to reach one by exec."""
        try:
            container = self._world.find(target.container)
        except NotFound:
            container = None
        if container is not None and target.via != "exec":
            words = [argv[0] for _, argv in container.processes()]
            if "mongod" in words:
                return container
        raise MongoUnreachable(f"Nobody listens at {target.address} ({target.via})", "refused")


def view(world: World, container: Instance) -> ReplicaSet:
    """The set as one container's mongod sees it."""
    command = container.entrypoint + container.arguments
    major = (ends.version(container.definition.image) or (5,))[0]
    return ReplicaSet(
        world.tree, container.definition, ends.option(command, "--replSet"), container.answers_to, WIRE.get(major, 13)
    )


def initiated(world: World, container: str, *hosts: str, name: str = "rs0") -> None:
    """Let a mongod's data folder hold a set with these members, as its operator made it."""
    members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
    keep(world.tree, world.find(container).definition, {"_id": name, "version": 1, "members": members})
