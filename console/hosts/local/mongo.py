"""mongod asked in its own protocol, through PyMongo: one short-lived client per call, direct, bounded. No other driver.

Only the three reads and the two acts of the protocol leave this file, and a login that was refused is not tried again
for a minute. Replies are mongod's documents as relaxed extended JSON values; errors keep mongod's numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import (
    Clock,
    HostError,
    MongoLogin,
    MongoRefused,
    MongoReply,
    MongoTarget,
    MongoUnreachable,
    ReadOnlyRefused,
)
from .mongo_reasons import connecting, selecting
from .mongo_shell import Execute, MongoShell

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

READS = frozenset({"hello", "replSetGetStatus", "replSetGetConfig"})
ACTS = frozenset({"replSetInitiate", "replSetReconfig"})
CONNECT = 1.0
"""Seconds for the TCP connection, and for the first answer on it."""
SELECT = 1.5
EXEC = 5.0
"""Seconds that a shell in the container gets at least: it starts slowly."""
AGAIN = 60.0
"""Seconds before a login that was refused may be tried again. fact: performance-and-safety S10"""
NO_COMMAND = 59
REFUSED = (11, 18, 334)
"""UserNotFound, AuthenticationFailed, MechanismUnavailable. fact: mongo error_codes.yml"""


class LocalDatabases:
    """Databases reached over TCP from this machine."""

    def __init__(self, *, read_only: bool, clock: Clock, execute: Execute | None = None) -> None:
        self._read_only = read_only
        self._shell = MongoShell(execute) if execute is not None else None
        self._clock = clock
        self._refusals: dict[tuple[str, str, str, str], float] = {}

    async def ask_mongo(
        self, target: MongoTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        """The replies, in order. Raises MongoUnreachable, MongoRefused."""
        if not READS.issuperset(commands):
            raise HostError("Only hello, replSetGetStatus and replSetGetConfig may be asked")
        asked = [{name: 1} for name in commands]
        if target.via == "exec":
            return await self._by_shell(target, asked, login, deadline)
        async with self._connected(target, login, deadline, deadline) as client:
            return [await _reply(client, command) for command in asked]

    async def command_mongo(
        self, target: MongoTarget, command: Mapping[str, object], *, login: MongoLogin | None = None, deadline: float
    ) -> MongoReply:
        """The reply to one act. Raises ReadOnlyRefused, MongoUnreachable, MongoRefused."""
        if self._read_only:
            raise ReadOnlyRefused("stackops was started read-only: nothing is changed", "start it without --read-only")
        if next(iter(command), None) not in ACTS:
            raise HostError("Only replSetInitiate and replSetReconfig may be sent")
        if target.via == "exec":
            return (await self._by_shell(target, [command], login, deadline))[0]
        async with self._connected(target, login, deadline, deadline) as client:
            return await _reply(client, command)

    async def _by_shell(
        self, target: MongoTarget, commands: Sequence[Mapping[str, object]], login: MongoLogin | None, deadline: float
    ) -> Sequence[MongoReply]:
        if self._shell is None:
            raise MongoUnreachable("There is no way into the container from here", "unreachable")
        self._refuse_again(target, login)
        try:
            return await asyncio.to_thread(self._shell.ask, target, commands, login, max(deadline, EXEC))
        except MongoRefused:
            self._remember(target, login)
            raise
        except (MongoUnreachable, ReadOnlyRefused):
            raise
        except HostError as error:
            raise MongoUnreachable(str(error), "unreachable", error.remedy) from error

    @contextlib.asynccontextmanager
    async def _connected(
        self, target: MongoTarget, login: MongoLogin | None, deadline: float, answer: float
    ) -> AsyncIterator[AsyncMongoClient[Any]]:
        """A client whose server is known to answer; whatever goes wrong with it is a HostError."""
        self._refuse_again(target, login)
        try:
            async with asyncio.timeout(deadline):
                await _knock(target)
                client = _client(target, login, answer)
                try:
                    with _explained(client, target):
                        yield client
                finally:
                    await _close(client)
        except TimeoutError:
            raise connecting(TimeoutError(), target, deadline) from None
        except MongoRefused:
            self._remember(target, login)
            raise

    def _refuse_again(self, target: MongoTarget, login: MongoLogin | None) -> None:
        at = self._refusals.get(_key(target, login)) if login else None
        if at is not None and self._clock.monotonic() - at < AGAIN:
            raise MongoRefused(f"mongod at {target.address} refused this login less than a minute ago", 18)

    def _remember(self, target: MongoTarget, login: MongoLogin | None) -> None:
        if login:
            now = self._clock.monotonic()
            self._refusals = {key: at for key, at in self._refusals.items() if now - at < AGAIN}
            self._refusals[_key(target, login)] = now


def _key(target: MongoTarget, login: MongoLogin | None) -> tuple[str, str, str, str]:
    """Names a login without holding it."""
    given = login or MongoLogin("", "")
    return (target.container, given.user, given.source, hashlib.sha256(given.password.encode()).hexdigest())


async def _knock(target: MongoTarget) -> None:
    """Whether anybody is there at all: the driver would wait its whole time out for a port that is closed."""
    try:
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError, socket.gaierror) as error:
        raise connecting(error, target, CONNECT) from error
    writer.close()


def _client(target: MongoTarget, login: MongoLogin | None, answer: float) -> AsyncMongoClient[Any]:
    from pymongo import AsyncMongoClient

    given: dict[str, Any] = {}
    if login is not None:
        given = {"username": login.user, "password": login.password, "authSource": login.source}
    return AsyncMongoClient(
        target.host, target.port, directConnection=True, appname="stackops", maxPoolSize=1, retryReads=False,
        retryWrites=False, serverMonitoringMode="poll", serverSelectionTimeoutMS=int(SELECT * 1000),
        connectTimeoutMS=int(CONNECT * 1000), socketTimeoutMS=int(answer * 1000), **given,
    )  # fmt: skip


async def _close(client: AsyncMongoClient[Any]) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CONNECT):
            await client.close()


async def _reply(client: AsyncMongoClient[Any], command: Mapping[str, object]) -> MongoReply:
    """Mongod's document, whether it says ok or not."""
    from bson import json_util
    from pymongo.errors import NotPrimaryError, OperationFailure

    sent = json_util.loads(json_util.dumps(command))
    try:
        document = await client.admin.command(sent)
    except OperationFailure as error:
        if error.code in REFUSED:  # of the login, which comes first: none of our commands answers so
            raise
        if error.code == NO_COMMAND and "hello" in command:  # fact: hello came with 4.4.2 and 5.0
            return await _reply(client, {"isMaster": 1})
        document = {**(error.details or {}), "ok": 0, "code": error.code}
    except NotPrimaryError as error:  # fact: PyMongo makes 91, 189, 10107, 11600, 13435 and 13436 a lost connection
        document = error.details if isinstance(error.details, dict) else {"ok": 0, "code": 10107}
    if "ismaster" in document:
        document = {**document, "isWritablePrimary": document["ismaster"]}
    plain: MongoReply = _plain(document)
    return plain


def _plain(document: Any) -> Any:  # noqa: ANN401 - BSON in, JSON out
    import json

    from bson import json_util

    return json.loads(json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS))


@contextlib.contextmanager
def _explained(client: AsyncMongoClient[Any], target: MongoTarget) -> Any:  # noqa: ANN401
    """Turns what PyMongo raises into one sentence, by type and number, never by text."""
    from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

    try:
        yield
    except OperationFailure as error:
        code = error.code or 0
        raise MongoRefused(f"mongod at {target.address} refuses the login (error {code})", code) from None
    except ConfigurationError as error:
        raise selecting(error, target) from None
    except ServerSelectionTimeoutError as error:
        known = client.topology_description.server_descriptions()
        first = next((d.error for d in known.values() if d.error is not None), error)
        raise selecting(first, target) from None
    except PyMongoError as error:
        raise selecting(error, target) from None
