"""A stand-in for mongod: its wire protocol, logins, replica set, start and log, over real sockets. Holds a few rows.

    async with Mongod(repl_set="rs0", names={"mongo:27017"}, users={("admin", "root"): "pw"}) as mongod:
        ... mongod.port, mongod.set.state, mongod.commands, mongod.logins

As a program: ``python mongod.py --port 27017 --replSet rs0 --keyFile /data/mongodb.key --dbpath /data/db``, with the
entrypoint's first boot when MONGO_INITDB_ROOT_USERNAME and _PASSWORD are set and the folder is empty.
Each behaviour copies a fact of mongo-docker-db; what mongod does besides (data, copying them) is not here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

if __package__ in (None, "") and __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bson
from support import mongod_wire as wire
from support.mongod_find import found, kept_in
from support.mongod_peers import ask, resolves_to_here, watch
from support.mongod_scram import MECHANISMS, Conversation, LoginFailed
from support.mongod_set import Document, Refusal, ReplicaSet
from support.mongod_start import WIRE, Ended, Log, is_first_boot, take_files, take_key, take_machine, take_options

OPEN = {"hello", "ismaster", "isMaster", "ping", "buildInfo", "endSessions", "saslStart", "saslContinue",
        "replSetHeartbeat"}  # fmt: skip
"""Commands that need no login."""
PORT = 27017


class Mongod:
    """One process. ``users`` maps (database, name) to a password; with users or a key file a login is needed."""

    def __init__(
        self,
        *,
        version: str = "5.0.18",
        repl_set: str | None = None,
        key_file: str | None = None,
        auth: bool | None = None,
        users: dict[tuple[str, str], str] | None = None,
        readers: set[str] | None = None,
        names: set[str] | None = None,
        hostname: str = "3f2a9c1b7d4e",
        data: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        uid: int = 999,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.users = dict(users or {})
        self.readers = set(readers or ())
        """Users without a right to look at the set: 13, although logged in."""
        self.auth = bool(key_file or self.users) if auth is None else auth
        self._auth_option = auth is True
        self.version = version
        self.wire_version = WIRE[".".join(version.split(".")[:2])]
        self.key_file, self.data, self.host, self.port, self.uid = key_file, data, host, port, uid
        self.log = Log(say or (lambda _line: None))
        self.names = names if names is not None else {"localhost", "127.0.0.1"}
        self.set = ReplicaSet(repl_set, self.is_me, f"{hostname}:{PORT}", log=self.log)
        self.set.has_data = lambda: bool(self.users)
        self.router = False
        """A mongos: ``msg`` is ``isdbgrid``, and it knows no command of a set."""
        self.asked: list[Document] = []
        """Every replSetInitiate and replSetReconfig, whole."""
        self.finds: list[Document] = []
        self.commands: list[str] = []
        """Names of everything asked, logins included."""
        self.rows: dict[str, list[Document]] = {}
        """What collections hold, whatever the database; else a file of that name in the data folder."""
        self.logins = 0
        """Login attempts."""
        self.refused = 0
        """Those that were turned down."""
        self.localhost_exception = False
        """Set for connections from inside the container while there is no user: the config actions need no login."""
        self.stalled = False
        """Connections are accepted and nothing is answered."""
        self.slow: dict[str, float] = {}
        """Seconds before a command is answered."""
        self.inside_port = 0
        """Of the temporary mongod of a first boot."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._load()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Read files and listen. Raises Ended with mongod's exit code."""
        take_options(repl_set=self.set.name, key_file=self.key_file, auth=self._auth_option)
        take_key(self.key_file, self.uid, self.log)
        take_files(self.data, self.version, self.log)
        self.log("I", "CONTROL", 4615611, "MongoDB starting", pid=os.getpid(), port=self.port, dbPath=str(self.data))
        self.set.loaded()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.log("I", "NETWORK", 23016, "Waiting for connections", port=self.port, ssl="off")

    async def stop(self) -> None:
        """End, as on SIGTERM."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.close()

    async def first_boot(self, user: str, password: str, lasts: Awaitable[object]) -> None:
        """The entrypoint's temporary mongod on loopback, without --auth, --keyFile and --replSet; then the real one."""
        inside = Mongod(version=self.version, hostname="temporary")
        inside.log = self.log
        async with inside:
            self.inside_port = inside.port
            await lasts
            self.users[("admin", user)] = password
            self.auth = True
        self._save()
        self.log.plain("MongoDB init process complete; ready for start up.")
        await self.start()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._writers)

    @property
    def first_boot_needed(self) -> bool:
        """Whether the entrypoint would begin with its temporary mongod."""
        return is_first_boot(self.data)

    # ---- files -----------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        stored = self.data / "stand-in.bson" if self.data else None
        if stored is not None and stored.exists():
            kept = bson.decode(stored.read_bytes())
            self.set.config = kept["config"]
            self.users |= {(row["db"], row["user"]): row["pwd"] for row in kept["users"]}
            self.auth = self.auth or bool(self.users)

    def _save(self) -> None:
        if self.data is None:
            return
        users = [{"db": db, "user": user, "pwd": password} for (db, user), password in self.users.items()]
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "stand-in.bson").write_bytes(bson.encode({"config": self.set.config, "users": users}))

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def is_me(self, host: str) -> bool:
        """Whether this is the mongod that a member's name means."""
        name, _, port = host.rpartition(":")
        return host in self.names or (name in self.names and int(port) in (self.port, PORT))

    # ---- connections -----------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        connection = _Connection(self)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    try:
                        request = await wire.read(reader)
                    except wire.NotMongo as error:
                        writer.write(error.answer)
                        await writer.drain()
                        break
                    if self.stalled:
                        await asyncio.Event().wait()
                    await asyncio.sleep(self.slow.get(request.name, 0))
                    answer = connection.answer(request)
                    if not request.silent:
                        writer.write(wire.reply(request, answer))
                        await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    def saved(self, reply: Document) -> Document:
        """After a change of the set's configuration."""
        self._save()
        return reply


class _Connection:
    """What one connection may do, and its login in progress."""

    def __init__(self, mongod: Mongod) -> None:
        self._mongod = mongod
        self._user: tuple[str, str] | None = None
        self._login: Conversation | None = None
        self._proven = b""

    def answer(self, request: wire.Request) -> Document:
        """The reply document, ``ok: 0`` included."""
        name = request.name
        self._mongod.commands.append(name)
        try:
            self._require_right(name, request.opcode)
            return self._do(name, request.document)
        except Refusal as refusal:
            return refusal.document
        except LoginFailed:
            return self._refused()

    def _require_right(self, name: str, opcode: int) -> None:
        mongod = self._mongod
        if opcode == wire.OP_QUERY and name.lower() not in ("hello", "ismaster"):
            # fact: from 5.1 on OP_QUERY is only for the handshake
            raise Refusal(352, "UnsupportedOpQueryCommand", f"Unsupported OP_QUERY command: {name}.")
        if name in OPEN or not mongod.auth or (mongod.localhost_exception and not mongod.users):
            return
        if self._user is None:
            letter = "C" if mongod.wire_version >= WIRE["6.0"] else "c"
            raise Refusal(13, "Unauthorized", f"{letter}ommand {name} requires authentication")
        if self._user[1] in mongod.readers:
            raise Refusal(13, "Unauthorized", f"not authorized on admin to execute command {{ {name}: 1 }}")

    def _do(self, name: str, asked: Document) -> Document:
        if name in ("hello", "isMaster", "ismaster"):
            return self._hello(name, asked)
        if name.startswith("replSet") and not self._mongod.router:
            return self._of_set(name, asked)
        if name == "find":
            return self._find(asked)
        if name == "saslStart":
            return self._sasl_start(asked)
        if name == "saslContinue":
            return self._sasl_continue(asked)
        if name in ("ping", "endSessions", "buildInfo"):
            return {"ok": 1.0, **({"version": self._mongod.version} if name == "buildInfo" else {})}
        raise Refusal(59, "CommandNotFound", f"no such command: '{name}'")

    def _find(self, asked: Document) -> Document:
        """fact: mongo error_codes.yml: who is no member that works answers 13436, whatever is asked for."""
        state, mongod = self._mongod.set.hello(), self._mongod
        if not state["isWritablePrimary"] and not state["secondary"]:
            raise Refusal(13436, "NotPrimaryOrSecondary", "node is not in primary or recovering state")
        mongod.finds.append(asked)
        return found(mongod.rows.get(asked["find"]) or kept_in(mongod.data, asked["find"]), asked)

    def _of_set(self, name: str, asked: Document) -> Document:
        group, mongod = self._mongod.set, self._mongod
        if name == "replSetGetStatus":
            return group.status()
        if name == "replSetGetConfig":
            return group.stored()
        if name == "replSetHeartbeat":
            return mongod.saved(group.heartbeat(asked))
        mongod.asked.append({name: asked[name]})
        mongod.log.plain(f"stand-in: asked {name}")
        if name == "replSetInitiate":
            return mongod.saved(group.initiate(asked[name]))
        return mongod.saved(group.reconfig(asked[name], force=bool(asked.get("force"))))

    def _hello(self, name: str, asked: Document) -> Document:
        mongod = self._mongod
        if name == "hello" and mongod.version.startswith("4.2."):
            raise Refusal(59, "CommandNotFound", "no such command: 'hello'")
        told = mongod.set.hello() | ({"msg": "isdbgrid"} if mongod.router else {})
        if name != "hello":
            told["ismaster"] = told.pop("isWritablePrimary")
        told |= {
            "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
            "localTime": dt.datetime.now(dt.UTC), "logicalSessionTimeoutMinutes": 30, "connectionId": 1,
            "minWireVersion": 0, "maxWireVersion": mongod.wire_version, "readOnly": False, "ok": 1.0,
        }  # fmt: skip
        if asked.get("helloOk") and not mongod.version.startswith("4.2."):
            told["helloOk"] = True
        database, _, user = str(asked.get("saslSupportedMechs", "")).partition(".")
        if (database, user) in mongod.users:
            told["saslSupportedMechs"] = list(MECHANISMS)
        if "speculativeAuthenticate" in asked:
            with contextlib.suppress(LoginFailed):  # fact: a failed speculation is left out, the real attempt fails
                told["speculativeAuthenticate"] = self._sasl_start(asked["speculativeAuthenticate"], speculative=True)
        return told

    # ---- logins ----------------------------------------------------------------------------------------------------

    def _sasl_start(self, asked: Document, *, speculative: bool = False) -> Document:
        database = asked.get("db") or asked.get("$db", "admin")
        known = {user: password for (db, user), password in self._mongod.users.items() if db == database}
        self._login = Conversation(asked["mechanism"])
        try:
            payload = self._login.first(bytes(asked["payload"]), known)
        except LoginFailed:
            self._login = None
            self._mongod.logins += not speculative
            raise
        self._proven = b""
        self._database = database
        return {"conversationId": 1, "done": False, "payload": payload, "ok": 1.0}

    def _sasl_continue(self, asked: Document) -> Document:
        if self._login is None:
            raise LoginFailed
        if not self._proven:
            self._mongod.logins += 1
            self._proven = self._login.final(bytes(asked["payload"]))
            self._user = (self._database, self._login.user)
            return {"conversationId": 1, "done": True, "payload": self._proven, "ok": 1.0}
        return {"conversationId": 1, "done": True, "payload": b"", "ok": 1.0}

    def _refused(self) -> Document:
        self._mongod.refused += 1
        old = self._mongod.wire_version < WIRE["6.0"]
        self._mongod.log("I", "ACCESS", 20249 if old else 5286307,
                         "Authentication failed" if old else "Failed to authenticate")  # fmt: skip
        return {"ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed"}


async def _main(arguments: argparse.Namespace) -> None:
    mongod = Mongod(
        version=arguments.version, repl_set=arguments.replSet, key_file=arguments.keyFile, auth=arguments.auth or None,
        hostname=socket.gethostname(), data=Path(arguments.dbpath) if arguments.dbpath else None, uid=os.geteuid(),
        host=arguments.bind_ip, port=arguments.port, say=lambda line: print(line, flush=True),
    )  # fmt: skip
    mongod.set.config_server = arguments.configsvr
    mongod.router = arguments.program == "mongos"
    own = socket.gethostname()
    if arguments.names:
        mongod.names = {*arguments.names.split(","), own, "localhost"}
    else:
        mongod.set.is_me = resolves_to_here(arguments.port)
    mongod.set.election, mongod.set.ask = arguments.election, ask
    take_machine(arguments.version, mongod.log)
    if mongod.first_boot_needed:
        user, password = (os.environ[f"MONGO_INITDB_ROOT_{name}"] for name in ("USERNAME", "PASSWORD"))
        await mongod.first_boot(user, password, asyncio.sleep(arguments.first_boot))
    else:
        await mongod.start()
    await watch(mongod.set)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mongod", exit_on_error=True)
    parser.add_argument("program", nargs="?", help="mongod, as the image's entrypoint is told")
    for name in ("--replSet", "--keyFile", "--dbpath"):
        parser.add_argument(name)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--bind_ip", default="0.0.0.0")
    for name in ("--auth", "--noauth", "--bind_ip_all", "--configsvr", "--shardsvr"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--version", default="5.0.18")
    parser.add_argument("--names", help="what a resolver would say leads here, where there is none to ask")
    parser.add_argument("--election", type=float, default=1.0)
    parser.add_argument("--first-boot", type=float, default=2.0)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run until killed; mongod's exit code when it ends by itself."""
    try:
        asyncio.run(_main(_arguments(argv)))
    except Ended as ended:
        return ended.code
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
