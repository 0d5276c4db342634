"""The rows of the replica set, on FastGPT v4.6.8's own compose file with a mongod that speaks.

fact: mongo-docker-db 1 (states and codes), 7 (which form is which); fastgpt-stack 3 (what the app's string names).
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
from typing import Any

import bson
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from .corpus import CORPUS
from .pitfall_rows import Row
from .stacks import Stack, docker, wait_for

CHECK, MONGO, GROUP = "mongo.replica-set", "mongo", "fastgpt/v4.6.8"
URI = "mongodb://myname:mypassword@mongo:27017/fastgpt?authSource=admin"
OVERRIDE = "docker-compose.override.yml"


def client() -> MongoClient[dict[str, Any]]:
    return MongoClient(
        "127.0.0.1", 27017, username="myname", password="mypassword", authSource="admin", directConnection=True,
        serverSelectionTimeoutMS=800, connectTimeoutMS=800,
    )  # fmt: skip


def hello() -> dict[str, Any]:
    """mongod's own words, without a login; nothing while it does not answer."""
    with MongoClient("127.0.0.1", 27017, directConnection=True, serverSelectionTimeoutMS=800) as one:
        try:
            return one.admin.command("hello")
        except PyMongoError:
            return {}


def say(command: str, value: Any = 1, **more: Any) -> dict[str, Any]:
    """A command as an operator types it into the shell."""
    with client() as one:
        return one.admin.command(command, value, **more)


def status_code() -> int | None:
    """The number of mongod's refusal to tell the state of its set."""
    try:
        say("replSetGetStatus")
    except OperationFailure as error:
        return error.code
    return None


def answers() -> bool:
    """Whether the real mongod, not the temporary one, takes a login."""
    try:
        return bool(say("ping")["ok"])
    except PyMongoError:
        return False


def primary(_stack: Stack) -> None:
    """From outside: a writable primary by the name that the app uses."""
    told = wait_for(lambda: (one := hello()).get("isWritablePrimary") and one)
    assert told["setName"] == "rs0"
    assert told["hosts"] == ["mongo:27017"]


def fresh(stack: Stack) -> None:
    """An empty data folder, upstream's file, a good key, mongod and the app up, nobody initiated the set."""
    stack.compose("rm", "-sf", "mongo", "fastgpt")
    shutil.rmtree(stack.path("mongo"), ignore_errors=True)
    shutil.copyfile(CORPUS / GROUP / "docker-compose.yml", stack.path("docker-compose.yml"))
    stack.path(OVERRIDE).unlink(missing_ok=True)
    path = stack.path("mongodb.key")
    if not path.exists():
        path.write_bytes(base64.encodebytes(secrets.token_bytes(756)))
        path.chmod(0o400)
        os.chown(path, 999, 999)


def start(stack: Stack) -> None:
    stack.up("mongo", "fastgpt")
    wait_for(answers)


def initiated(stack: Stack, host: str = "mongo:27017", *, bare: bool = False) -> None:
    """A set that works."""
    fresh(stack)
    start(stack)
    config = {} if bare else {"_id": "rs0", "members": [{"_id": 0, "host": host}]}
    say("replSetInitiate", config)
    wait_for(lambda: hello().get("isWritablePrimary"))


def rewrite(stack: Stack, old: str, new: str) -> None:
    """Edit the compose file."""
    path = stack.path("docker-compose.yml")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# ---- how people break it ---------------------------------------------------------------------------------------------


def never(stack: Stack) -> None:
    fresh(stack)
    start(stack)
    assert status_code() == 94


def bare(stack: Stack) -> None:
    """rs.initiate() without a word, as the seeds advise."""
    initiated(stack, bare=True)
    assert stack.inspect(MONGO)["Id"].startswith(hello()["hosts"][0].partition(":")[0])


def bare_and_made_anew(stack: Stack) -> None:
    """The container's id in the set, then docker compose up --force-recreate."""
    bare(stack)
    stack.compose("up", "-d", "--no-deps", "--force-recreate", "-t", "1", "mongo")
    wait_for(answers)
    assert status_code() == 93


def renamed(stack: Stack) -> None:
    """The service had another name when the set was initiated: a data folder from elsewhere."""
    initiated(stack)
    docker("stop", "-t", "1", MONGO)
    path = stack.path("mongo") / "data" / "stand-in.bson"
    kept = bson.decode(path.read_bytes())
    kept["config"]["members"][0]["host"] = "mongodb_old:27017"
    path.write_bytes(bson.encode(kept))
    docker("start", MONGO)
    wait_for(answers)


def loopback(stack: Stack) -> None:
    """Initiated with localhost: mongod is content, the app is sent to itself."""
    initiated(stack, "localhost:27017")


def another_set_name(stack: Stack) -> None:
    initiated(stack)
    rewrite(stack, "--replSet rs0", "--replSet rs1")
    stack.up("mongo")
    wait_for(answers)


def standalone(stack: Stack) -> None:
    fresh(stack)
    rewrite(stack, "command: mongod --keyFile /data/mongodb.key --replSet rs0", "command: mongod")
    rewrite(stack, "ghcr.io/labring/fastgpt:latest", "registry.cn-hangzhou.aliyuncs.com/fastgpt/fastgpt:v4.6.9")
    start(stack)


def uri(text: str) -> Any:
    """The app gets another connection string; the set works."""

    def break_it(stack: Stack) -> None:
        initiated(stack)
        rewrite(stack, URI, text)
        stack.up("fastgpt")

    return break_it


def needs_encoding(stack: Stack) -> None:
    """A user whose password holds an @, written as it is into the connection string."""
    initiated(stack)
    docker("stop", "-t", "1", MONGO)
    path = stack.path("mongo") / "data" / "stand-in.bson"
    kept = bson.decode(path.read_bytes())
    kept["users"].append({"db": "admin", "user": "other", "pwd": "my@password"})
    path.write_bytes(bson.encode(kept))
    docker("start", MONGO)
    wait_for(answers)
    rewrite(stack, URI, URI.replace("myname:mypassword", "other:my@password"))
    stack.up("fastgpt")


def told_to_use(text: str) -> Any:
    """From outside: what the app's container has in its environment, and the set as it was."""

    def proof(stack: Stack) -> None:
        assert f"MONGODB_URI={text}" in stack.inspect("fastgpt")["Config"]["Env"]
        primary(stack)

    return proof


def no_login_is_known(stack: Stack) -> None:
    """Never initiated, and the compose file's password was changed after the first start; the app is gone."""
    fresh(stack)
    start(stack)
    rewrite(stack, "mypassword", "another")
    stack.compose("rm", "-sf", "fastgpt")
    stack.up("mongo")
    wait_for(answers)


def first_start(stack: Stack) -> None:
    """The temporary mongod of a slow first start."""
    fresh(stack)
    rewrite(stack, "      - MONGO_INITDB_ROOT_PASSWORD=mypassword\n",
            "      - MONGO_INITDB_ROOT_PASSWORD=mypassword\n      - STANDIN_FIRST_BOOT=25\n")  # fmt: skip
    stack.up("mongo", "fastgpt")


def replica(name: str, break_it: Any, says: str, **more: Any) -> Row:
    return Row(name, GROUP, break_it, CHECK, MONGO, says, **{"proof": primary, **more})


def app(name: str, text: str, says: str, good: str = URI) -> Row:
    return replica(name, uri(text), says, proof=told_to_use(good))


ROWS = (
    replica("never initiated", never, "was never initiated", undo=False),
    replica("tied to the container's id", bare, "tied to the id of its container", severity="warning"),
    replica("container's id, made anew: 93", bare_and_made_anew, "does not know this mongod any more", undo=False),
    replica("the service was renamed: 93", renamed, "does not know this mongod any more", undo=False),
    replica("initiated with localhost", loopback, "is then sent to localhost:27017"),
    replica("another --replSet than stored", another_set_name, "another replica set name"),
    replica("standalone", standalone, "runs without a replica set"),
    replica("no login is known", no_login_is_known, "refuses every login of the stack", undo=False,
            options=("--set", "user=myname", "--set", "password=mypassword")),
    replica("temporary mongod of the first start", first_start, "cannot be told", status="unknown", severity=None),
    app("the app lacks authSource", URI.partition("?")[0], "authSource=admin is missing"),
    app("the app's password is wrong", URI.replace("mypassword", "wrong"), "cannot log in"),
    app("the app looks on its own loopback", URI.replace("@mongo", "@127.0.0.1"), "looks for MongoDB"),
    app("the app names nobody", URI.replace("@mongo:", "@mongodb:"), "looks for MongoDB"),
    app("the app's first option follows &", URI.replace("?", "&"), "& stands where ? belongs"),
    app("and an earlier release appended it once more", f"{URI.replace('?', '&')}?authSource=admin",
        "& stands where ? belongs"),
    app("the app asks for another set", f"{URI}&replicaSet=rs9", "asks for another replica set",
        f"{URI}&replicaSet=rs0"),
    replica("a character that is not encoded", needs_encoding, "percent-encoded",
            proof=told_to_use(URI.replace("myname:mypassword", "other:my%40password"))),
)  # fmt: skip
