"""Rows around a mongod that are no matter of its set's configuration, on small projects of their own.

fact: mongo-docker-db 1.1 (hello), 2.2 (which image has which shell), 2.4 (how each version ends, and on what);
fastgpt-stack 3 (the start script), 4 (which release tries its database again)
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from .pitfall_rows import Row
from .stacks import Stack, docker, printed_by_this_run, wait_for

IMAGE = "stackops-test/mongo"
APP = "stackops-test/fastgpt"
SCRIPT = """\
openssl rand -base64 128 > /data/mongodb.key
chmod 400 /data/mongodb.key
chown 999:999 /data/mongodb.key
echo 'const isInited = rs.status().ok === 1
if(!isInited){
  rs.initiate({ _id: "rs0", members: [ { _id: 0, host: "mongo:27017" } ] })
}' > /data/initReplicaSet.js
exec docker-entrypoint.sh "$$@" &
until mongo --eval "print('waited for connection')" > /dev/null 2>&1; do
  echo "Waiting for MongoDB to start..."
  sleep 2
done
mongo /data/initReplicaSet.js
wait $$!
"""
"""The start script of FastGPT's compose files from v4.7 on, in its own order."""
URI = "mongodb://mongo:27017/fastgpt"


class Small(Stack):
    """A mongod, its app, and whatever else a row wants, in a project of its own."""

    def __init__(self, base: Path, key: str) -> None:
        super().__init__(base, "fastgpt/none", ())
        self.key = key
        self.mongo = f"forms-{key}-mongo"
        self.app = f"forms-{key}-app"

    def declare(
        self,
        version: str = "5.0.18",
        command: Sequence[str] = ("mongod", "--replSet", "rs0"),
        *,
        script: str | None = None,
        env: dict[str, str] | None = None,
        app: str | None = None,
        uri: str = URI,
        inside: dict[str, Any] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        """Write the compose file; JSON is YAML."""
        common = {"stop_grace_period": "1s", "labels": {"stackops.test": "1"}}
        mongo = {
            "image": f"{IMAGE}:{version}", "container_name": self.mongo, "command": list(command),
            "volumes": ["./mongo:/data/db"], "ports": ["127.0.0.1::27017"], "environment": env or {}, **common,
            **({"entrypoint": ["bash", "-c", script, "script"]} if script else {}), **(inside or {}),
        }  # fmt: skip
        services: dict[str, Any] = {"mongo": mongo}
        if app is not None:
            services["fastgpt"] = {"image": f"{APP}:{app}", "container_name": self.app, **common,
                                   "environment": {"MONGODB_URI": uri}}  # fmt: skip
        for name, one in (more or {}).items():
            services[name] = {**common, **one}
        (self.folder / "mongo").mkdir(exist_ok=True)
        self.write("docker-compose.yml", json.dumps({"services": services}, indent=2))

    # ---- from outside ------------------------------------------------------------------------------------------------

    def ask(self, command: str, value: Any = 1, **login: Any) -> dict[str, Any]:
        """mongod's own answer; nothing while it does not answer."""
        try:
            port = int(docker("port", self.mongo, "27017").rpartition(":")[2])
            with MongoClient(
                "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=600, connectTimeoutMS=600, **login
            ) as one:
                return dict(one.admin.command(command, value))
        except (PyMongoError, AssertionError, ValueError):
            return {}

    def alive(self) -> bool:
        """Whether a mongod runs in the container."""
        return any("/usr/local/bin/mongod" in words for words in self.processes())

    def processes(self) -> list[str]:
        """The command lines in the container of mongod; the start script's many lines are one."""
        told = docker("top", self.mongo, "-o", "pid,args", check=False).splitlines()[1:]
        return [line.split(None, 1)[1] for line in told if line.strip()[:1].isdigit() and " " in line.strip()]

    def exit_code(self) -> int:
        """Of the mongod's container, once it has ended."""
        wait_for(lambda: self.inspect(self.mongo)["State"]["Status"] == "exited")
        return int(self.inspect(self.mongo)["State"]["ExitCode"])

    def age(self) -> float:
        """Seconds since the start of the mongod's container."""
        started = self.inspect(self.mongo)["State"]["StartedAt"]
        return time.time() - datetime.fromisoformat(started[:19] + "+00:00").timestamp()


def initiated(stack: Small, *hosts: str) -> None:
    """A set, as an operator initiates it."""
    wait_for(lambda: stack.ask("hello"))
    members = [{"_id": number, "host": host} for number, host in enumerate(hosts or ("mongo:27017",))]
    stack.ask("replSetInitiate", {"_id": "rs0", "members": members})
    wait_for(lambda: stack.ask("hello").get("isWritablePrimary"))


def primary(stack: Small) -> None:
    told = wait_for(lambda: (one := stack.ask("hello")).get("isWritablePrimary") and one)
    assert (told["setName"], told["hosts"][0]) == ("rs0", "mongo:27017")


# ---- the shell -------------------------------------------------------------------------------------------------------


def newer_image(stack: Small) -> None:
    """mongo:7 under the start script of v4.7."""
    stack.declare("7.0.9", script=SCRIPT)
    stack.up()
    wait_for(lambda: stack.ask("hello"))
    assert "mongo: not found" in docker("exec", stack.mongo, "sh", "-c", "mongo --eval 1 2>&1; true")


def loop_ended(stack: Small) -> None:
    """The shell is there, and the script is past its loop."""
    wait_for(lambda: docker("exec", stack.mongo, "mongo", "--eval", "1", check=False) == "")
    docker("exec", stack.mongo, "mongo", "--eval", "1")
    wait_for(lambda: "sleep 2" not in stack.processes() and stack.alive())
    time.sleep(0.3)
    assert "sleep 2" not in stack.processes(), "the loop would sleep again"


# ---- dead behind the script ------------------------------------------------------------------------------------------


def will_be_killed(stack: Small) -> None:
    """The loop never ends, since its password is wrong; mongod is killed meanwhile, as for want of memory."""
    stack.declare(script=SCRIPT.replace("until mongo", "until false && mongo"), inside={"stop_signal": "SIGKILL"})
    stack.up()
    wait_for(stack.alive)
    pid = docker("exec", stack.mongo, "sh", "-c", "pidof python3 || pidof mongod")
    docker("exec", stack.mongo, "kill", "-9", *pid.split())


def files_of_a_newer_one(stack: Small) -> None:
    """mongod ends with 62 at files of 7.0; the script waits for it."""
    stack.declare("5.0.18", script=SCRIPT)
    stack.path("mongo").joinpath("featureCompatibilityVersion").write_text("7.0")
    stack.up()
    wait_for(lambda: "20573" in stack.logs(stack.mongo))


def ten_seconds_old(stack: Small) -> None:
    wait_for(lambda: stack.age() > 10.5)
    assert not stack.alive()
    assert stack.inspect(stack.mongo)["State"]["Status"] == "running"


def lives(stack: Small) -> None:
    wait_for(stack.alive)


# ---- processor, kernel, files ----------------------------------------------------------------------------------------


def no_avx(stack: Small) -> None:
    stack.declare("5.0.18", env={"STANDIN_PROCESSOR": "no-avx"})
    stack.up()
    assert stack.exit_code() == 132


def bad_kernel(stack: Small) -> None:
    stack.declare("8.0.28", env={"STANDIN_KERNEL": "6.19.3-061903-generic"})
    stack.up()
    assert stack.exit_code() == 1


def jumped(stack: Small) -> None:
    """4.4 ran here, then the tag was changed to 7."""
    stack.declare("4.4.29")
    stack.up()
    wait_for(lambda: stack.ask("hello"))
    stack.declare("7.0.9")
    stack.up()
    assert stack.exit_code() == 62


def on(version: str, **more: Any) -> Callable[[Small], None]:
    """The operator writes another image into the compose file, as the text says."""

    def by_hand(stack: Small) -> None:
        stack.declare(version, **more)
        stack.up()

    return by_hand


def old_processor_old_image(stack: Small) -> None:
    """... with an empty data folder."""
    docker("rm", "-f", stack.mongo)
    shutil.rmtree(stack.path("mongo"))
    on("4.4.29", env={"STANDIN_PROCESSOR": "no-avx"})(stack)


def serves(version: int) -> Callable[[Small], None]:
    """A mongod of this wire version answers."""

    def proof(stack: Small) -> None:
        wait_for(lambda: stack.ask("hello").get("maxWireVersion") == version)

    return proof


# ---- the set and its apps --------------------------------------------------------------------------------------------


def second_member_down(stack: Small) -> None:
    """A set of two; somebody stopped the second container."""
    second = f"forms-{stack.key}-second"
    stack.declare(more={"second": {
        "image": f"{IMAGE}:5.0.18", "container_name": second, "command": ["mongod", "--replSet", "rs0"],
    }})  # fmt: skip
    stack.up()
    wait_for(lambda: "23016" in stack.logs(second))
    initiated(stack, "mongo:27017", "second:27017")
    docker("stop", "-t", "1", second)


def a_minute_old(stack: Small) -> None:
    """In its first minute a set without a primary may be electing it."""
    wait_for(lambda: stack.age() > 61, 65)
    assert stack.ask("hello")["isWritablePrimary"] is False


def will_give_up(stack: Small) -> None:
    """FastGPT v4.7 came up before anybody had initiated the set; then somebody did."""
    stack.declare(app="v4.7")
    stack.up()
    wait_for(lambda: "mongo connect error" in stack.logs(stack.app))
    initiated(stack)


def two_minutes_old(stack: Small) -> None:
    wait_for(lambda: stack.age() > 121, 125)
    assert "mongo connected" not in stack.logs(stack.app)


def connected(stack: Small) -> None:
    wait_for(lambda: "mongo connected" in printed_by_this_run(stack.app))
    primary(stack)


def with_users(stack: Small) -> None:
    """FastGPT v4.8.20 on a mongod with the image's root user, without --replSet, and no key file far and wide."""
    root = {"MONGO_INITDB_ROOT_USERNAME": "myname", "MONGO_INITDB_ROOT_PASSWORD": "mypassword"}
    stack.declare(
        command=["mongod"], env=root, app="v4.8.20",
        uri="mongodb://myname:mypassword@mongo:27017/fastgpt?authSource=admin",
    )  # fmt: skip
    stack.up()
    wait_for(lambda: stack.ask("ping", username="myname", password="mypassword"))


def alone_again(stack: Small) -> None:
    """Without --replSet mongod does not use the set's configuration, which stays in its folder."""
    told = wait_for(lambda: stack.ask("hello"))
    assert ("setName" in told, told["isWritablePrimary"]) == (False, True)


def shell_gone_again(stack: Small) -> None:
    assert "mongo: not found" in docker("exec", stack.mongo, "sh", "-c", "mongo --eval 1 2>&1; true")


def form(name: str, key: str, break_it: Any, check: str, says: str, proof: Any, **more: Any) -> Row:
    return Row(name, key, break_it, check, f"forms-{key}-mongo", says, proof, **more)


SET, DEAD = "mongo.replica-set", "mongo.dead-behind-wrapper"
EARLY: dict[str, Callable[[Small], None]] = {
    "gave-up": will_give_up, "member": second_member_down, "killed": will_be_killed, "of-a-cause": files_of_a_newer_one,
}  # fmt: skip
"""Made wrong first of all, since their findings want a container of some age."""
ROWS = (
    form("an image without mongo under the script", "shell", newer_image, "mongo.shell-missing",
         "calls mongo, which its image does not have", loop_ended, undone=shell_gone_again),
    form("no AVX", "cpu", no_avx, "mongo.cpu", "cannot run here: the processor has no AVX", serves(9),
         by_hand=old_processor_old_image, advice="mongo:4.4.29"),
    form("MongoDB 8 on a kernel it does not run on", "kernel", bad_kernel, "mongo.kernel", "refuses to start",
         serves(21), by_hand=on("7.0.9"), advice="mongo:7.0"),
    form("files of another version", "files", jumped, "mongo.version-files", "does not open it", serves(9),
         by_hand=on("4.4.29"), advice="Do not delete the data folder"),
    form("standalone with users and no key file", "users", with_users, SET, "runs without a replica set", primary,
         undone=alone_again),
    form("mongod was killed", "killed", ten_seconds_old, DEAD, "runs without a mongod in it", lives,
         restarts_only=True),
    form("mongod died of its files", "of-a-cause", ten_seconds_old, DEAD, "runs without a mongod in it", lives,
         by_hand=on("7.0.9", script=SCRIPT), advice="mongo.version-files"),
    form("a member is down", "member", a_minute_old, SET, "has no primary", primary, restarts_only=True),
    form("the app gave up on it", "gave-up", two_minutes_old, SET, "gave up on", connected, severity="warning",
         restarts_only=True),
)  # fmt: skip
