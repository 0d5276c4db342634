"""mongod asked in its own protocol, through PyMongo: one short-lived client per call, direct, bounded. No other driver.

Only the three reads and the two acts of the protocol leave this file, and a login that was refused is not tried again
for a minute. Replies are mongod's documents as relaxed extended JSON values; errors keep mongod's numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...text import N_, _
from ...text.traces import caught
from .. import (
    Clock,
    CommandResult,
    DatabaseTarget,
    HostError,
    MongoLogin,
    MongoRefused,
    MongoReply,
    MongoTrouble,
    MongoUnreachable,
    ReadOnlyRefused,
)
from ..call import call_async
from .asking import ask_databases

_SENTENCES: dict[MongoTrouble, tuple[str, str | None]] = {
    "refused": (N_("Nobody listens at {at} ({via})"), N_("is mongod running inside? see its log")),
    "reset": (
        N_("{at} ({via}) accepts and hangs up: the port is published, but no mongod is behind it yet"),
        N_("on the first start this lasts until the user has been made; look again"),
    ),
    "silent": (N_("{at} ({via}) does not answer within {seconds:g} s"), N_("a firewall, or a frozen mongod")),
    "no-route": (N_("There is no route to {at} ({via})"), N_("the container's network is not this machine's")),
    "name": (N_("The name in {at} is not known here"), None),
    "not-mongo": (N_("What answers at {at} ({via}) is not mongod"), N_("another program has taken the port")),
    "too-old": (N_("The mongod at {at} ({via}) is too old for this console, which speaks to 4.4 and later"), None),
    "unreachable": (N_("{at} ({via}) cannot be asked"), None),
}


def connecting(error: BaseException, target: DatabaseTarget, seconds: float) -> MongoUnreachable:
    """For a TCP connection that could not be made in time."""
    return _made(_of_connection(error), target, seconds)


def selecting(error: BaseException, target: DatabaseTarget, seconds: float = 1.0) -> MongoUnreachable:
    """For a connection that was made and led to no answer. fact: PyMongo 4.20 keeps the cause of each failed hello."""
    from pymongo.errors import ConfigurationError, ConnectionFailure, NetworkTimeout, ProtocolError

    if isinstance(error, ConfigurationError):
        return _made("too-old", target, seconds)
    for one in _chain(error):
        if isinstance(one, NetworkTimeout | TimeoutError):
            return _made("silent", target, seconds)
        if isinstance(one, ProtocolError):
            return _made("not-mongo", target, seconds)
        if isinstance(one, OSError):
            return _made(_of_connection(one), target, seconds)
    lost = isinstance(error, ConnectionFailure)  # it was made, as somebody accepts there
    return _made("reset" if lost else "unreachable", target, seconds)


def _of_connection(error: BaseException) -> MongoTrouble:
    if isinstance(error, TimeoutError):
        return "silent"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, socket.gaierror):
        return "name"
    if isinstance(error, OSError) and error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return "no-route"
    return "reset" if isinstance(error, ConnectionError | EOFError | OSError) else "unreachable"


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what it was raised from."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _made(trouble: MongoTrouble, target: DatabaseTarget, seconds: float) -> MongoUnreachable:
    sentence, remedy = _SENTENCES[trouble]
    return MongoUnreachable(_(sentence, at=target.address, via=_(target.via), seconds=seconds), trouble, remedy)


Commands = Sequence[Mapping[str, object]]
Execute = Callable[[str, Sequence[str], Mapping[str, str], float], CommandResult]
MARK = "stackops:"
MISSING = (126, 127)
"""fact: exec of a missing binary ends with 126 (measured with Engine 20.10)"""
SHELL_REFUSED = (11, 18)
_COMMON = """
var login = env('STACKOPS_USER') ? encodeURIComponent(env('STACKOPS_USER')) + ':' +
  encodeURIComponent(env('STACKOPS_PASSWORD')) + '@' : '';
var uri = 'mongodb://' + login + '127.0.0.1:' + env('STACKOPS_PORT') + '/?directConnection=true&authSource=' +
  encodeURIComponent(env('STACKOPS_SOURCE') || 'admin');
function told(error) { return {ok: 0, code: error.code === undefined ? -1 : error.code}; }
var replies;
try {
  var admin = new Mongo(uri).getDB('admin');
  replies = JSON.parse(env('STACKOPS_COMMANDS')).map(function (command) {
    try { return admin.runCommand(revived(command)); } catch (error) { return told(error); }
  });
} catch (error) { replies = told(error); }
"""
SCRIPTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("mongosh", ("--quiet", "--norc", "--nodb", "--eval", (
        "function env(name) { return process.env[name] || ''; }\n"
        "function revived(command) { return EJSON.deserialize(command); }\n"
        f"{_COMMON}\nprint('{MARK}' + EJSON.stringify(replies));"))),
    ("mongo", ("--quiet", "--norc", "--nodb", "--eval", (
        "function env(name) { return _getEnv(name) || ''; }\n"
        "function revived(value) {\n"
        "  if (value && value['$oid']) { return ObjectId(value['$oid']); }\n"
        "  if (value && value['$numberLong']) { return NumberLong(value['$numberLong']); }\n"
        "  if (Array.isArray(value)) { return value.map(revived); }\n"
        "  if (value && typeof value === 'object') {\n"
        "    var made = {};\n"
        "    Object.keys(value).forEach(function (key) { made[key] = revived(value[key]); });\n"
        "    return made;\n"
        "  }\n"
        "  return value;\n}\n"
        f"{_COMMON}\nprint('{MARK}' + JSON.stringify(replies));"))),
)  # fmt: skip


class MongoShell:
    """Asks through whichever shell the image has."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._known: dict[str, int] = {}
        """Container -> which of the two it has."""

    def ask(
        self, target: DatabaseTarget, commands: Commands, login: MongoLogin | None, deadline: float
    ) -> Sequence[MongoReply]:
        """The replies, in order. Blocks. Raises MongoUnreachable, MongoRefused, ReadOnlyRefused."""
        replies: Any = self._replies(target, self._run(target, _environment(target, commands, login), deadline))
        if isinstance(replies, dict):
            code = replies.get("code")
            if isinstance(code, int) and code in SHELL_REFUSED:
                raise MongoRefused(N_(f"mongod in the container refuses the login (error {code})"), code)
            raise MongoUnreachable(N_("mongod does not answer inside its container"), "refused")
        for reply in replies:
            if login is not None and reply.get("code") in SHELL_REFUSED:
                raise MongoRefused(N_(f"mongod in the container refuses the login (error {reply['code']})"), 18)
        return list(replies)

    def _run(self, target: DatabaseTarget, environment: Mapping[str, str], deadline: float) -> str:
        first = self._known.get(target.container)
        for number, (program, arguments) in enumerate(SCRIPTS):
            if first is not None and number != first:
                continue
            done = self._execute(target.container, (program, *arguments), environment, deadline)
            if done.exit_code not in MISSING:
                self._known[target.container] = number
                return done.output
        self._known.pop(target.container, None)
        raise MongoUnreachable(N_("The container has no shell that could ask mongod"), "unreachable")

    def _replies(self, target: DatabaseTarget, output: str) -> Any:  # noqa: ANN401 - foreign JSON
        line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
        try:
            replies = json.loads(line.removeprefix(MARK)) if line is not None else None
        except ValueError:
            replies = None
        if isinstance(replies, dict):
            return replies
        if isinstance(replies, list) and all(isinstance(reply, dict) for reply in replies):
            return [_hello(reply) for reply in replies]
        raise HostError(N_(f"The shell in the container {target.container[:12]} said nothing that could be read"))


def _hello(reply: dict[str, Any]) -> MongoReply:
    return {**reply, "isWritablePrimary": reply["ismaster"]} if "ismaster" in reply else reply


def _environment(target: DatabaseTarget, commands: Commands, login: MongoLogin | None) -> dict[str, str]:
    """Only what the script reads."""
    found = {"STACKOPS_PORT": str(target.port), "STACKOPS_COMMANDS": json.dumps(list(commands))}
    if login is not None:
        found |= {
            "STACKOPS_USER": login.user, "STACKOPS_PASSWORD": login.password, "STACKOPS_SOURCE": login.source,
        }  # fmt: skip
    return found


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
"""Seconds before a login that was refused may be tried again, so that no account is locked."""
NO_COMMAND = 59
REFUSED = (11, 18, 334)
"""UserNotFound, AuthenticationFailed, MechanismUnavailable. fact: mongo error_codes.yml"""


class LocalDatabases:
    """Databases reached over TCP from this machine."""

    ask_databases = staticmethod(ask_databases)

    def __init__(self, *, read_only: bool, clock: Clock, execute: Execute | None = None) -> None:
        self.read_only = read_only
        self._shell = MongoShell(execute) if execute is not None else None
        self._clock = clock
        self._refusals: dict[tuple[str, str, str, str], float] = {}

    async def ask_mongo(
        self, target: DatabaseTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        if not READS.issuperset(commands):
            raise HostError(N_("Only hello, replSetGetStatus and replSetGetConfig may be asked"))
        asked = [{name: 1} for name in commands]
        if target.via == "exec":
            return await self._by_shell(target, asked, login, deadline)
        async with self._connected(target, login, deadline, deadline) as client:
            return [await _reply(client, command) for command in asked]

    async def command_mongo(
        self, target: DatabaseTarget, command: Mapping[str, object], *, login: MongoLogin | None = None, deadline: float
    ) -> MongoReply:
        if self.read_only:
            raise ReadOnlyRefused
        if next(iter(command), None) not in ACTS:
            raise HostError(N_("Only replSetInitiate and replSetReconfig may be sent"))
        if target.via == "exec":
            return (await self._by_shell(target, [command], login, deadline))[0]
        async with self._connected(target, login, deadline, deadline) as client:
            return await _reply(client, command)

    async def _by_shell(
        self, target: DatabaseTarget, commands: Commands, login: MongoLogin | None, deadline: float
    ) -> Sequence[MongoReply]:
        if self._shell is None:
            raise MongoUnreachable(N_("There is no way into the container from here"), "unreachable")
        self._refuse_again(target, login)
        try:
            ask = partial(self._shell.ask, target, commands, login, max(deadline, EXEC))
            return await call_async(ask, None, N_("The shell in mongod's container"), way=(self, target.container))
        except MongoRefused:
            self._remember(target, login)
            raise
        except (MongoUnreachable, ReadOnlyRefused):
            raise
        except HostError as error:
            raise MongoUnreachable(str(error), "unreachable", error.remedy) from error

    @contextlib.asynccontextmanager
    async def _connected(
        self, target: DatabaseTarget, login: MongoLogin | None, deadline: float, answer: float
    ) -> AsyncIterator[AsyncMongoClient[Any]]:
        """A client whose server is known to answer; whatever goes wrong with it is a HostError."""
        self._refuse_again(target, login)
        try:
            await _knock(target)
            await call_async(_import_driver, None, "Loading MongoDB's driver")
            async with asyncio.timeout(deadline):
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

    def _refuse_again(self, target: DatabaseTarget, login: MongoLogin | None) -> None:
        at = self._refusals.get(_key(target, login)) if login else None
        if at is not None and self._clock.monotonic() - at < AGAIN:
            raise MongoRefused(N_(f"mongod at {target.address} refused this login less than a minute ago"), 18)

    def _remember(self, target: DatabaseTarget, login: MongoLogin | None) -> None:
        if login:
            now = self._clock.monotonic()
            self._refusals = {key: at for key, at in self._refusals.items() if now - at < AGAIN}
            self._refusals[_key(target, login)] = now


def _key(target: DatabaseTarget, login: MongoLogin | None) -> tuple[str, str, str, str]:
    """Names a login without holding it."""
    given = login or MongoLogin("", "")
    return (target.container, given.user, given.source, hashlib.sha256(given.password.encode()).hexdigest())


async def _knock(target: DatabaseTarget) -> None:
    """Whether anybody is there at all: the driver would wait its whole time out for a port that is closed."""
    try:
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError, socket.gaierror) as error:
        raise connecting(error, target, CONNECT) from error
    writer.close()


def _import_driver() -> None:
    """In a thread and beside the deadline: on a busy machine it takes longer than mongod may take to answer."""
    from bson import json_util  # noqa: F401
    from pymongo import AsyncMongoClient  # noqa: F401


def _client(target: DatabaseTarget, login: MongoLogin | None, answer: float) -> AsyncMongoClient[Any]:
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
    try:
        async with asyncio.timeout(CONNECT):
            await client.close()
    except Exception as error:  # noqa: BLE001 - the answer is there already; how the connection ends changes nothing
        caught("closing a connection to mongod", error)


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
def _explained(client: AsyncMongoClient[Any], target: DatabaseTarget) -> Any:  # noqa: ANN401
    """Turns what PyMongo raises into one sentence, by type and number, never by text."""
    from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

    try:
        yield
    except OperationFailure as error:
        code = error.code or 0
        raise MongoRefused(N_(f"mongod at {target.address} refuses the login (error {code})"), code) from None
    except ConfigurationError as error:
        raise selecting(error, target) from None
    except ServerSelectionTimeoutError as error:
        known = client.topology_description.server_descriptions()
        first = next((d.error for d in known.values() if d.error is not None), error)
        raise selecting(first, target) from None
    except PyMongoError as error:
        raise selecting(error, target) from None
