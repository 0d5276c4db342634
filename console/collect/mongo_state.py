"""What a mongod says of itself: hello first, without a login; the set's status only where hello cannot tell.

Reads only. A login is tried when it is needed, one try a minute after a refusal (the door sees to that), and whether an
app may log in at all is asked once and then seldom.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from ..hosts import (
    Clock,
    Databases,
    DatabaseTarget,
    Files,
    HostError,
    Kernel,
    MongoLogin,
    MongoRefused,
    MongoReply,
    MongoUnreachable,
    ReadOnlyRefused,
)
from ..model import Container, EnvVar, MongoMember, MongoState, MongoTrial, NativeProcess
from ..products.mongo import Client, Credentials, credentials, port_of, secret_files
from ..products.roles import role_of_program
from ..text.cleaning import SECRETS, clean, clean_line

ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - as the Engine writes a published port
UNAUTHORIZED, REFUSED = 13, 18
ROUTER = "isdbgrid"
"""What a mongos says of itself. fact: MongoDB manual, hello"""
ELECTION = 2.0
"""Seconds after which a set without a primary is asked once more. fact: a lone member elects itself within one."""
SECRET_LIMIT = 4096
SECURE_FOR = 600.0
"""Seconds for which a login that worked is taken to work."""


class MongoMemory:
    """What was learned of the mongods before: who wants a login, which logins worked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.closed: set[tuple[str, float | None]] = set()
        """Container and start: replSetGetStatus wants a login there."""
        self._worked: dict[tuple[object, ...], float] = {}

    def worked(self, life: tuple[str, float | None], login: Credentials) -> bool:
        """Whether this login worked a short while ago, whoever has it."""
        at = self._worked.get((*life, as_login(login)))
        return at is not None and self._clock.monotonic() - at < SECURE_FOR

    def remember(self, life: tuple[str, float | None], login: Credentials) -> None:
        """It has worked just now."""
        self._worked[(*life, as_login(login))] = self._clock.monotonic()

    def forget_all_but(self, lives: set[tuple[str, float | None]]) -> None:
        """Containers that are gone or were started anew."""
        self.closed &= lives
        self._worked = {key: at for key, at in self._worked.items() if key[:2] in lives}


def targets(container: Container, *, address: str, local: bool, port: int | None = None) -> tuple[DatabaseTarget, ...]:
    """The ways to a database server, best first: published port, container address, exec.

    ``address`` is the Engine's; without a ``port`` it is a mongod's.
    """
    port, found = port or port_of(container), []
    for published in container.ports:
        if published.container_port == port and published.protocol == "tcp" and published.host_port:
            host = _published_at(published.host_ip or "", address, local=local)
            if host:
                found.append(DatabaseTarget("published port", host, published.host_port, container.id))
    if local and container.network_mode == "host":
        found.append(DatabaseTarget("container address", "127.0.0.1", port, container.id))
    if local:
        own = [link.address for link in container.networks if link.address]
        found += [DatabaseTarget("container address", address, port, container.id) for address in own]
    found.append(DatabaseTarget("exec", "127.0.0.1", port, container.id))
    return tuple(dict.fromkeys(found))


def _published_at(host_ip: str, address: str, *, local: bool) -> str | None:
    """Where a port that the Engine published is reached from here."""
    if local:
        return "127.0.0.1" if host_ip in ANYWHERE else host_ip
    if not address.startswith("tcp://") or host_ip not in ANYWHERE:
        return None
    host = address.removeprefix("tcp://").rpartition(":")[0]
    return host.strip("[]") or None


def opened(files: Files, container: Container) -> Container:
    """The container with the logins that its variables name files for, where those can be read on this machine."""
    found = []
    for name, path in secret_files(container):
        try:
            value = files.read(path, limit=SECRET_LIMIT).decode().rstrip("\r\n")
        except (HostError, ValueError):
            continue
        SECRETS.learn(name, value)
        found.append(EnvVar(name, value))
    return replace(container, env=(*container.env, *found)) if found else container


async def read(
    databases: Databases,
    container: Container,
    apps: Sequence[Client],
    ways: Sequence[DatabaseTarget],
    memory: MongoMemory,
) -> MongoState:
    """The state of one mongod. Never raises for a mongod that does not answer: that is a state."""
    state, target = await _hello(databases, container, ways)
    if target is None:
        return state
    life = (container.id, container.started_at)
    if _electing(state):
        await asyncio.sleep(ELECTION)
        state, target = await _hello(databases, container, (target,))
        if target is None:
            return state
    if state.ghost or _electing(state):
        state = await _status(databases, target, state, credentials(container, apps), memory, life)
    if not state.ghost:
        state = replace(state, trials=await _trials(databases, target, container, apps, memory, life))
    return state


def _electing(state: MongoState) -> bool:
    """In a set, and nobody knows a primary: for a moment after each start and change, or for ever."""
    return state.set_name is not None and not state.primary and not state.primary_host


async def _hello(
    databases: Databases, container: Container, ways: Sequence[DatabaseTarget]
) -> tuple[MongoState, DatabaseTarget | None]:
    """The first way that answers. Where none does, what the best of them said."""
    first: MongoUnreachable | None = None
    at: DatabaseTarget | None = None
    troubles: list[tuple[str, str]] = []
    for target in ways:
        if target.via == "exec" and not may_help(troubles):
            continue
        try:
            (reply,) = await databases.ask_mongo(target, ("hello",))
        except MongoUnreachable as error:
            troubles.append((target.via, error.trouble))
            if first is None:
                first, at = error, target
            continue
        except (ReadOnlyRefused, MongoRefused):
            continue
        return _told(container, target, reply), target
    if first is None:
        return MongoState(container.id, trouble="unreachable", sentence="There is no way to mongod from here"), None
    return MongoState(
        container.id, via=at.via if at else None, address=at.address if at else None, trouble=first.trouble,
        sentence=clean(str(first)),
    ), None  # fmt: skip


def may_help(troubles: Sequence[tuple[str, str]]) -> bool:
    """Whether a shell inside may learn more: it starts slowly, and a mongod that is not there is not there inside.

    Only where the network was the trouble: no way at all, or a container's address that does not lead there from here
    (Docker Desktop, an Engine elsewhere), or a mongod too old for the driver.
    """
    return all(
        trouble in ("no-route", "name", "too-old") or (via, trouble) == ("container address", "silent")
        for via, trouble in troubles
    )


class _Hello(Struct, rename="camel"):
    set_name: str | None = None
    is_writable_primary: bool | None = None
    secondary: bool | None = None
    isreplicaset: bool = False
    hosts: list[str] = field(default_factory=list)
    primary: str | None = None
    me: str | None = None
    msg: str | None = None
    max_wire_version: int | None = None


def _told(container: Container, target: DatabaseTarget, reply: MongoReply) -> MongoState:
    hello = _converted(reply, _Hello)
    return MongoState(
        container.id, via=target.via, address=target.address, alive=True, set_name=_line(hello.set_name),
        primary=hello.is_writable_primary, secondary=hello.secondary, ghost=hello.isreplicaset,
        hosts=tuple(clean_line(host) for host in hello.hosts), primary_host=_line(hello.primary),
        me=_line(hello.me), router=hello.msg == ROUTER, wire_version=hello.max_wire_version,
    )  # fmt: skip


async def _status(
    databases: Databases,
    target: DatabaseTarget,
    state: MongoState,
    logins: Sequence[Credentials],
    memory: MongoMemory,
    life: tuple[str, float | None],
) -> MongoState:
    """Ask without a login where that may work, then with those of the stack, one after the other."""
    asked = ("replSetGetStatus", "replSetGetConfig")
    if life not in memory.closed:
        try:
            replies = await databases.ask_mongo(target, asked)
        except MongoUnreachable as error:
            return replace(state, sentence=clean(str(error)))
        if _code(replies[0]) != UNAUTHORIZED:
            return _with_status(state, replies)
        memory.closed.add(life)
    state = replace(state, status_code=UNAUTHORIZED)
    for login in logins:
        try:
            replies = await databases.ask_mongo(target, asked, login=as_login(login))
        except MongoRefused:
            trial = MongoTrial(login.owner, clean_line(login.user), clean_line(login.source), accepted=False)
            state = replace(state, status_code=REFUSED, trials=(*state.trials, trial))
            continue
        except MongoUnreachable as error:
            return replace(state, sentence=clean(str(error)))
        trial = MongoTrial(login.owner, clean_line(login.user), clean_line(login.source), accepted=True)
        state = _with_status(replace(state, trials=(*state.trials, trial)), replies)
        if state.status_code != UNAUTHORIZED:
            break
    return state


def as_login(login: Credentials) -> MongoLogin:
    """For the door."""
    return MongoLogin(login.user, login.password, login.source)


class _Member(Struct):
    id: int | None = field(default=None, name="_id")
    name: str = ""
    host: str = ""
    state: int | None = None
    itself: bool = field(default=False, name="self")


class _Status(Struct):
    my_state: int | None = field(default=None, name="myState")
    members: list[_Member] = field(default_factory=list)


class _Config(Struct):
    id: str | None = field(default=None, name="_id")
    version: int | None = None
    members: list[_Member] = field(default_factory=list)


def _with_status(state: MongoState, replies: Sequence[MongoReply]) -> MongoState:
    code = _code(replies[0])
    status = _converted(replies[0], _Status)
    config = _converted(replies[1].get("config"), _Config) if _code(replies[1]) == 0 else _Config()
    seen = {member.id: member for member in status.members}
    members = [
        MongoMember(m.id, clean_line(m.host), *((seen[m.id].state, seen[m.id].itself) if m.id in seen else ()))
        for m in config.members
    ] or [MongoMember(m.id, clean_line(m.name), m.state, m.itself) for m in status.members]
    return replace(
        state, status_code=code, my_state=status.my_state, config_set=_line(config.id), config_version=config.version,
        members=tuple(members),
    )  # fmt: skip


async def _trials(
    databases: Databases,
    target: DatabaseTarget,
    container: Container,
    apps: Sequence[Client],
    memory: MongoMemory,
    life: tuple[str, float | None],
) -> tuple[MongoTrial, ...]:
    """Whether each app's own login works; where it is refused, whether it would with ``authSource=admin``.

    Where neither does, whether the login works that the container was given for its first user: one try for all apps.
    """
    found: list[MongoTrial] = []
    refused = False
    for client in apps:
        uri = client.uri
        if not (uri.user and uri.password) or uri.fault is not None:
            continue
        for source in dict.fromkeys((uri.source, "admin")):
            login = Credentials(client.container.id, uri.user, uri.password, source)
            accepted = await _accepted(databases, target, login, memory, life)
            if accepted is None:
                break
            found.append(MongoTrial(login.owner, clean_line(login.user), clean_line(source), accepted))
            if accepted:
                break
        refused |= bool(found) and found[-1].owner == client.container.id and not found[-1].accepted
    if refused:
        found += await _root_trial(databases, target, container, memory, life)
    return tuple(dict.fromkeys(found))


async def _root_trial(
    databases: Databases,
    target: DatabaseTarget,
    container: Container,
    memory: MongoMemory,
    life: tuple[str, float | None],
) -> list[MongoTrial]:
    for login in credentials(container, ()):
        accepted = await _accepted(databases, target, login, memory, life)
        if accepted is not None:
            return [MongoTrial(login.owner, clean_line(login.user), clean_line(login.source), accepted)]
    return []


async def _accepted(
    databases: Databases,
    target: DatabaseTarget,
    login: Credentials,
    memory: MongoMemory,
    life: tuple[str, float | None],
) -> bool | None:
    if memory.worked(life, login):
        return True
    try:
        await databases.ask_mongo(target, ("hello",), login=as_login(login))
    except MongoRefused:
        return False
    except HostError:
        return None
    memory.remember(life, login)
    return True


def alive(top: bytes) -> bool | None:
    """Whether a process list of the Engine holds a mongod; None when it cannot be read."""
    try:
        rows = msgspec.json.decode(top, type=_Top)
    except msgspec.MsgspecError:
        return None
    at = rows.titles.index("CMD") if "CMD" in rows.titles else -1
    programs = [row[at].split()[:1] for row in rows.processes or () if row]
    return any(posixpath.basename(word) == "mongod" for words in programs for word in words)


class _Top(Struct, rename="pascal"):
    titles: list[str]
    processes: list[list[str]] | None = None


def _code(reply: MongoReply) -> int | None:
    """0 when it says ok, else mongod's number."""
    if reply.get("ok") == 1:
        return 0
    code = reply.get("code")
    return code if isinstance(code, int) else None


def _converted(value: object, kind: type[Any]) -> Any:  # noqa: ANN401
    """Foreign values as a struct; an empty one when they are of other types than mongod's."""
    try:
        return msgspec.convert(dict(value) if isinstance(value, Mapping) else {}, kind, strict=False)
    except msgspec.ValidationError:
        return kind()


def _line(text: str | None) -> str | None:
    return clean_line(text) if text else None


__all__ = ["MongoMemory", "alive", "as_login", "may_help", "opened", "read", "targets"]


def heard(
    kernel: Kernel, found: Sequence[NativeProcess], before: Sequence[NativeProcess]
) -> tuple[NativeProcess, ...]:  # fmt: skip
    """With where each mongod takes connections: asked once in its life, and again while it takes none."""
    known = {(one.pid, one.started_at): one.listens for one in before if one.listens}
    mongods = {one.pid for one in found if role_of_program(one.command) == "mongo"}
    missing = {one.pid for one in found if one.pid in mongods and (one.pid, one.started_at) not in known}
    told = {pid: tuple(ports) for pid, ports in kernel.listening(missing).items()} if missing else {}
    return tuple(
        replace(one, listens=known.get((one.pid, one.started_at), told.get(one.pid))) if one.pid in mongods else one
        for one in found
    )
