"""Three mongods of one set in three containers, as a guide starts them: one command to one of them, and one set.

What was sent is read from the mongods' own logs, what became of it from each of them over its published port.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from support import python_image
from support.stacks import Stack, docker, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mongod's data folder belongs to another user")
CHECK, IMAGE, APP = "mongo.replica-set", "stackops-test/mongo:5.0.8", "stackops-test/fastgpt:v4.9.0"
URI = "mongodb://mongo1:27017,mongo2:27017,mongo3:27017/fastgpt?replicaSet=app"
HOSTS = ["mongo1:27017", "mongo2:27017", "mongo3:27017"]
SENT = "stand-in: asked replSetInitiate"


class Three(Stack):
    """The guide's file, with ports so that they can be asked from outside."""

    def __init__(self, base: Path) -> None:
        super().__init__(base, "fastgpt/none", ())
        common = {"stop_grace_period": "1s", "labels": {"stackops.test": "1"}}
        services: dict[str, Any] = {
            f"mongo{number}": {
                "image": IMAGE, "command": "--replSet app --bind_ip_all", "container_name": self.member(number),
                "ports": ["127.0.0.1::27017"], **common,
            }
            for number in (1, 2, 3)
        }  # fmt: skip
        services["fastgpt"] = {
            "image": APP, "entrypoint": ["sleep", "900"], "environment": {"MONGODB_URI": URI}, **common,
        }  # fmt: skip
        self.write("docker-compose.yml", json.dumps({"services": services}, indent=2))

    def member(self, number: int) -> str:
        return f"{self.name}-mongodb{number}"

    @property
    def members(self) -> list[str]:
        return [self.member(number) for number in (1, 2, 3)]

    def ask(self, member: str, command: str, value: Any = 1) -> dict[str, Any]:
        try:
            port = int(docker("port", member, "27017").rpartition(":")[2])
            with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=800) as client:
                return dict(client.admin.command(command, value))
        except (PyMongoError, AssertionError, ValueError):
            return {}

    def sent(self) -> int:
        """How many acts reached any of the three."""
        return sum(self.logs(member).count(SENT) for member in self.members)


@pytest.fixture(scope="module")
def images() -> Iterator[None]:
    try:
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Docker Engine with Compose v2 is reachable")
    python_image.build({IMAGE: "5.0.18", APP: "5.0.18"})
    yield
    docker("image", "rm", "--force", IMAGE, APP, check=False)


@pytest.fixture
def three(images: None, tmp_path: Path) -> Iterator[Three]:
    made = Three(tmp_path)
    made.up()
    for member in made.members:
        wait_for(lambda member=member: made.ask(member, "hello"))
    yield made
    made.down()


def test_three_members_become_one_set_by_one_command(three: Three) -> None:
    shown = three.stackops("fix", CHECK, three.member(2), "--dry-run")
    assert all(host in shown.stdout for host in HOSTS), shown.stdout + shown.stderr
    assert three.sent() == 0

    done = three.stackops("fix", CHECK, "--yes", "--disruptive")
    assert done.returncode == 0, done.stdout + done.stderr
    assert three.sent() == 1
    configs = [three.ask(member, "replSetGetConfig")["config"] for member in three.members]
    assert [[m["host"] for m in config["members"]] for config in configs] == [HOSTS] * 3
    assert len({config["settings"]["replicaSetId"] for config in configs}) == 1
    hello = [three.ask(member, "hello") for member in three.members]
    assert [one["isWritablePrimary"] for one in hello].count(True) == 1
    assert {one["primary"] for one in hello} == {"mongo1:27017"}

    again = three.stackops("fix", CHECK, three.member(3), "--yes", "--disruptive")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr
    assert three.sent() == 1


def test_while_one_is_down_and_after_one_was_initiated_alone_nothing_is_sent(three: Three) -> None:
    docker("stop", "-t", "1", three.member(3))
    down = three.stackops("fix", CHECK, three.member(1), "--yes", "--disruptive")
    assert f"{three.member(3)} is exited: start it first" in " ".join((down.stdout + down.stderr).split())
    assert three.sent() == 0

    docker("start", three.member(3))
    wait_for(lambda: three.ask(three.member(3), "hello"))
    config = {"_id": "app", "members": [{"_id": 0, "host": "mongo2:27017"}]}
    three.ask(three.member(2), "replSetInitiate", config)
    wait_for(lambda: three.ask(three.member(2), "hello").get("isWritablePrimary"))
    assert three.sent() == 1, "our own"
    for member in three.members:
        told = three.stackops("fix", CHECK, member, "--yes", "--disruptive")
        assert "was initiated without" in " ".join((told.stdout + told.stderr).split())
    assert three.sent() == 1
    assert three.ask(three.member(1), "hello").get("isreplicaset") is True
