"""Talking to one mongod from a step: find it, log in with what the stack itself uses, ask, act. One view at a time.

Steps run in worker threads, so the asynchronous doors get a short-lived event loop of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from ..hosts import Databases, Host, HostError, MongoLogin, MongoRefused, MongoTarget, MongoUnreachable, NotFound
from ..model import Container
from ..stacks.mongo import clients, credentials
from .base import StepFailed, StepMoved

_ASK = 15.0
_ACT = 60.0
"""fact: "is this host me?" resolves, then connects for up to 30 s (mongo-docker-db 1.3)."""
_UNAUTHORIZED = (13, 18)
_NO_STATUS = -1
T = TypeVar("T")

SAYS = {
    0: "it has a configuration and answers", 13: "it wants a login", 18: "it refuses the login",
    76: "mongod was started without --replSet, or is in its first boot",
    93: "its configuration does not name this node", 94: "it was never initiated",
}  # fmt: skip
ANSWERS = {
    13: "mongod allows it to nobody who is not logged in with enough rights",
    18: "mongod refuses the login",
    74: "mongod finds itself in no member of it, or a member does not answer: {host} has to lead to this mongod",
    76: "mongod was started without --replSet, or is in its first boot: look again, and never initiate that one",
    91: "mongod is shutting down",
    93: "mongod refuses the configuration: {host} does not lead to this mongod from inside its own container",
    94: "The set was never initiated",
    103: "mongod refuses the new configuration beside the old one",
    109: "Another change of the configuration is in progress",
    10107: "There is no primary to take the change",
}
"""fact: mongo error_codes.yml, mongo-docker-db 1.3 and 1.4"""


class View(Struct, frozen=True):
    """One mongod at one moment."""

    set_name: str | None = None
    primary: bool = False
    code: int = _NO_STATUS
    """Of replSetGetStatus."""
    config: dict[str, Any] | None = None

    @property
    def says(self) -> str:
        """The code in words."""
        return SAYS.get(self.code, f"error {self.code}")


def answer(code: int, host: str) -> str:
    """What a refusal of an act means."""
    return ANSWERS.get(code, f"mongod answers with error {code}").format(host=host)


def look(host: Host, container: str, owners: Sequence[str], typed: MongoLogin | None, *, status: bool = True) -> View:
    """Ask hello, and the status with whatever login works. Raises StepFailed, StepMoved or HostError."""
    return _run(_look(host, container, owners, typed, status=status), _ASK)


def order(
    host: Host, command: Mapping[str, object], container: str, owners: Sequence[str], typed: MongoLogin | None
) -> int:
    """Send an act; mongod's number, 0 for done."""
    return _run(_order(host, command, container, owners, typed), _ACT + _ASK)


def _run(work: Coroutine[Any, Any, T], deadline: float) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(deadline):
            return await work

    try:
        return asyncio.run(bounded())
    except TimeoutError:
        raise HostError(f"mongod did not answer within {deadline:g} s") from None


async def _look(host: Host, container: str, owners: Sequence[str], typed: MongoLogin | None, *, status: bool) -> View:
    databases, mongo, targets = await _ways(host, container)
    target, (hello,) = await _first(databases, targets)
    view = View(_text(hello.get("setName")), bool(hello.get("isWritablePrimary") and hello.get("setName")))
    if not status:
        return view
    _, found = await _with_login(databases, target, await _logins(host, mongo, owners, typed))
    code = 0 if found[0].get("ok") == 1 else found[0].get("code")
    config = found[1].get("config") if found[1].get("ok") == 1 else None
    return View(
        view.set_name, view.primary, code if isinstance(code, int) else _NO_STATUS,
        dict(config) if isinstance(config, Mapping) else None,
    )  # fmt: skip


async def _order(
    host: Host, command: Mapping[str, object], container: str, owners: Sequence[str], typed: MongoLogin | None
) -> int:
    databases, mongo, targets = await _ways(host, container)
    target, _ = await _first(databases, targets)
    login, _ = await _with_login(databases, target, await _logins(host, mongo, owners, typed))
    reply = await databases.command_mongo(target, command, login=login, deadline=_ACT)
    code = reply.get("code")
    return 0 if reply.get("ok") == 1 else code if isinstance(code, int) else _NO_STATUS


async def _ways(host: Host, container: str) -> tuple[Databases, Container, tuple[MongoTarget, ...]]:
    from ..sources.mongo import targets

    engine, databases = host.engine, host.databases
    if engine is None or databases is None:
        raise StepFailed("MongoDB cannot be asked without a Docker Engine")
    mongo = await _container(host, container)
    return databases, mongo, targets(mongo, address=engine.address, local=engine.local)


async def _container(host: Host, container: str) -> Container:
    from ..sources import docker

    if host.engine is None:
        raise StepFailed("No Docker Engine is known")
    try:
        return docker.container(await host.engine.inspect(container))
    except NotFound:
        raise StepMoved("The container of mongod is another one than when it was looked at", "look again") from None


async def _first(
    databases: Databases, targets: Sequence[MongoTarget]
) -> tuple[MongoTarget, Sequence[Mapping[str, object]]]:
    """The first way that answers to hello."""
    from ..sources.mongo import may_help

    why: HostError = HostError("There is no way to mongod from here")
    troubles: list[tuple[str, str]] = []
    for target in targets:
        if target.via == "exec" and not may_help(troubles):
            continue
        try:
            return target, await databases.ask_mongo(target, ("hello",))
        except MongoUnreachable as error:
            troubles.append((target.via, error.trouble))
            why = error if not isinstance(why, MongoUnreachable) else why
    raise StepFailed(str(why), why.remedy)


async def _logins(host: Host, mongo: Container, owners: Sequence[str], typed: MongoLogin | None) -> list[MongoLogin]:
    """The typed login alone where there is one; else those of the stack, as its containers hold them now."""
    from ..sources.mongo import as_login

    if typed is not None:
        return [typed]
    apps = [await _container(host, owner) for owner in owners if owner != mongo.id]
    return [as_login(found) for found in credentials(mongo, clients(apps))]


async def _with_login(
    databases: Databases, target: MongoTarget, logins: Sequence[MongoLogin]
) -> tuple[MongoLogin | None, Sequence[Mapping[str, object]]]:
    """Status and configuration, without a login where that will do; and the login that did."""
    asked = ("replSetGetStatus", "replSetGetConfig")
    replies = await databases.ask_mongo(target, asked)
    if replies[0].get("code") not in _UNAUTHORIZED:
        return None, replies
    for login in logins:
        try:
            replies = await databases.ask_mongo(target, asked, login=login)
        except MongoRefused:
            continue
        if replies[0].get("code") not in _UNAUTHORIZED:
            return login, replies
    raise StepFailed(
        "mongod wants a login, and none that is known here is accepted",
        "name one: --set user=NAME --set password=PASSWORD",
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
