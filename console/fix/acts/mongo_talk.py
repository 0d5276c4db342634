"""Talking to one mongod from a step: find it, log in with what the stack itself uses, ask, act. One view at a time.

Steps run in worker threads, so the asynchronous doors get a short-lived event loop of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ...hosts import (
    Databases,
    DatabaseTarget,
    Engine,
    Host,
    HostError,
    MongoLogin,
    MongoRefused,
    MongoUnreachable,
    NotFound,
)
from ...hosts.call import run
from ...model import Container
from ...products.mongo import clients, credentials
from ...text import _
from .base import StepFailed, StepMoved

_ASK = 15.0
_ACT = 60.0
"""fact: "is this host me?" resolves, then connects for up to 30 s (repl_set_config_checks.cpp, isSelfSlowPath)."""
PRIMARY_WITHIN = 30.0
"""Seconds. fact: initiate answers before the election ends (mongo repl_set_commands.cpp)"""
ALREADY, NO_REPLICATION, NOT_INITIATED, UNAUTHORIZED = 23, 76, 94, (13, 18)
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
    74: "mongod finds itself in no member of it, or a member does not answer: {host} has to lead from each to each",
    76: "mongod was started without --replSet, or is in its first boot: look again, and never initiate that one",
    91: "mongod is shutting down",
    93: "mongod refuses the configuration: {host} does not lead to this mongod from inside its own container",
    94: "The set was never initiated",
    103: "mongod refuses the new configuration beside the one that it or another member has",
    110: "Another of {host} holds data already: in a new set only the one that is asked may",
    109: "Another change of the configuration is in progress",
    10107: "There is no primary to take the change",
}
"""fact: mongo src/mongo/base/error_codes.yml"""


class LoginUnknown(StepFailed):
    """mongod wants a login, and none that is known does."""


class View(Struct, frozen=True):
    """One mongod at one moment."""

    set_name: str | None = None
    primary: bool = False
    led: bool = False
    """It knows a primary, itself or another."""
    ghost: bool = False
    """With --replSet, and without a configuration that it is in."""
    code: int = _NO_STATUS
    """Of replSetGetStatus."""
    config: dict[str, Any] | None = None

    @property
    def says(self) -> str:
        """The code in words."""
        return SAYS.get(self.code, _("error {code}", code=self.code))


@dataclass(frozen=True)
class MongodDialogue:
    """One mongod and whoever may hold a login of it. Every method raises StepFailed, StepMoved or HostError."""

    host: Host
    container: str
    """Id."""
    name: str
    owners: Sequence[str] = ()
    """Containers whose environment may hold a login, read at the moment of asking."""
    typed: MongoLogin | None = None
    """A login that was typed, in place of them."""

    def look(self, *, status: bool = True) -> View:
        """Ask hello, and the status with whatever login works."""
        return _run(_look(self, status=status), _ASK)

    def peek(self) -> View:
        """The same of a mongod that need not let anybody in: its refusal of every login is what it says."""
        try:
            return self.look()
        except LoginUnknown:
            return replace(self.look(status=False), code=UNAUTHORIZED[0])

    def order(self, command: Mapping[str, object], hosts: str) -> bool:
        """Send an act; False where somebody was faster, which is fact 23. StepFailed with mongod's reason, in words."""
        code = _run(_order(self, command), _ACT + _ASK)
        if code not in (0, ALREADY):
            reason = ANSWERS.get(code, _("mongod answers with error {code}", code=code)).format(host=hosts)
            raise StepFailed(reason, _("the log of mongod says more"))
        return code != ALREADY

    def await_primary(self) -> None:
        """Until hello names a primary, itself or another member. Raises StepFailed when it does not in time."""
        clock = self.host.clock
        end = clock.monotonic() + PRIMARY_WITHIN
        while not self.look(status=False).led:
            if clock.monotonic() >= end:
                raise StepFailed(
                    _(
                        "The set of {it} has no primary after {primary_within:g} s",
                        it=self.name,
                        primary_within=PRIMARY_WITHIN,
                    )
                )
            clock.sleep(0.5)


def _run(work: Coroutine[Any, Any, T], deadline: float) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(deadline):
            return await work

    try:
        return run(bounded())
    except TimeoutError:
        raise HostError(_("mongod did not answer within {deadline:g} s", deadline=deadline)) from None


async def _look(one: MongodDialogue, *, status: bool) -> View:
    databases, mongo, targets = await _ways(one)
    target, (hello,) = await _first(databases, targets)
    name, primary = _text(hello.get("setName")), bool(hello.get("isWritablePrimary") and hello.get("setName"))
    view = View(
        name, primary, led=primary or bool(name and hello.get("primary")), ghost=hello.get("isreplicaset") is True
    )
    if not status:
        return view
    _rest, found = await _with_login(databases, target, await _logins(one, mongo))
    code = 0 if found[0].get("ok") == 1 else found[0].get("code")
    config = found[1].get("config") if found[1].get("ok") == 1 else None
    return replace(
        view, code=code if isinstance(code, int) else _NO_STATUS,
        config=dict(config) if isinstance(config, Mapping) else None,
    )  # fmt: skip


async def _order(one: MongodDialogue, command: Mapping[str, object]) -> int:
    databases, mongo, targets = await _ways(one)
    target, _rest = await _first(databases, targets)
    login, _rest = await _with_login(databases, target, await _logins(one, mongo))
    reply = await databases.command_mongo(target, command, login=login, deadline=_ACT)
    code = reply.get("code")
    return 0 if reply.get("ok") == 1 else code if isinstance(code, int) else _NO_STATUS


async def _ways(one: MongodDialogue) -> tuple[Databases, Container, tuple[DatabaseTarget, ...]]:
    from ...collect.mongo_state import targets

    engine, databases = one.host.engine, one.host.databases
    if engine is None or databases is None:
        raise StepFailed(_("MongoDB cannot be asked without a Docker Engine"))
    mongo = await _container(engine, one.container)
    return databases, mongo, targets(mongo, address=engine.address, local=engine.local)


async def _container(engine: Engine, container: str) -> Container:
    from ...collect import containers

    try:
        return containers.container(await engine.inspect(container))
    except NotFound:
        raise StepMoved(
            _("The container of mongod is another one than when it was looked at"), _("look again")
        ) from None


async def _first(
    databases: Databases, targets: Sequence[DatabaseTarget]
) -> tuple[DatabaseTarget, Sequence[Mapping[str, object]]]:
    """The first way that answers to hello."""
    from ...collect.mongo_state import may_help

    why: HostError = HostError(_("There is no way to mongod from here"))
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


async def _logins(one: MongodDialogue, mongo: Container) -> list[MongoLogin]:
    """The typed login alone where there is one; else those of the stack, as its containers hold them now."""
    from ...collect.mongo_state import as_login, opened

    if one.typed is not None or one.host.engine is None:
        return [one.typed] if one.typed is not None else []
    if one.host.engine.local:
        mongo = opened(one.host.files, mongo)
    apps = [await _container(one.host.engine, owner) for owner in one.owners if owner != mongo.id]
    return [as_login(found) for found in credentials(mongo, clients(apps))]


async def _with_login(
    databases: Databases, target: DatabaseTarget, logins: Sequence[MongoLogin]
) -> tuple[MongoLogin | None, Sequence[Mapping[str, object]]]:
    """Status and configuration, without a login where that will do; and the login that did."""
    asked = ("replSetGetStatus", "replSetGetConfig")
    replies = await databases.ask_mongo(target, asked)
    if replies[0].get("code") not in UNAUTHORIZED:
        return None, replies
    for login in logins:
        try:
            replies = await databases.ask_mongo(target, asked, login=login)
        except MongoRefused:
            continue
        if replies[0].get("code") not in UNAUTHORIZED:
            return login, replies
    raise LoginUnknown(
        _("mongod wants a login, and none that is known here is accepted")
        if logins
        else _("mongod wants a login, and nobody in the stack holds one"),
        _("name one: --set user=NAME --set password=PASSWORD"),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
