"""The replica set on a real Engine: a stand-in mongod in a container, the installed command, judged from outside.

The container sees this machine's files read-only and runs its Python from there; its name, ports and network are real.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from support import mongod as standin
from support.busybox import OURS, busybox
from support.stacks import Stack, docker, wait_for

pytestmark = pytest.mark.engine
CHECK = "mongo.replica-set"
MONGO_IMAGE, APP_IMAGE = f"{OURS}/mongo:5.0.18", f"{OURS}/fastgpt:v4.8.20"
COMPOSE = """services:
  mongo:
    image: {mongo}
    entrypoint: ["/busybox", "chroot", "/host", "{python}", "{script}"]
    command: ["mongod", "--replSet", "{name}", "--names", "mongo", "--dbpath", "{data}", "--first-boot", "1"]
    environment:
      MONGO_INITDB_ROOT_USERNAME: myname
      MONGO_INITDB_ROOT_PASSWORD: mypassword
    ports: ["127.0.0.1::27017"]
    stop_grace_period: 1s
    labels: {{stackops.test: "1"}}
    volumes: ["/:/host:ro", "{data}:/host{data}"]
  fastgpt:
    image: {app}
    command: ["sleep", "900"]
    environment:
      MONGODB_URI: mongodb://myname:mypassword@mongo:27017/fastgpt?authSource=admin
    stop_grace_period: 1s
    labels: {{stackops.test: "1"}}
"""


@pytest.fixture(scope="module")
def images() -> Iterator[None]:
    with busybox("mongo:5.0.18"), busybox("fastgpt:v4.8.20"):
        yield


class Project(Stack):
    """A mongod and an app."""

    @property
    def mongo(self) -> str:
        return f"{self.name}-mongo-1"

    def declare(self, name: str = "rs0") -> None:
        data = self.folder / "mongo"
        data.mkdir(exist_ok=True)
        self.write("docker-compose.yml", COMPOSE.format(
            mongo=MONGO_IMAGE, app=APP_IMAGE, python=sys.executable, script=standin.__file__, name=name, data=data,
        ))  # fmt: skip

    def ask(self, command: str | dict[str, Any], **more: Any) -> dict[str, Any]:
        """From outside, through the published port."""
        port = int(docker("port", self.mongo, "27017").rpartition(":")[2])
        with MongoClient(
            "127.0.0.1", port, directConnection=True, username="myname", password="mypassword",
            serverSelectionTimeoutMS=1000,
        ) as client:  # fmt: skip
            return dict(client.admin.command(command, **more))

    def ready(self) -> None:
        """Past the temporary mongod of the first start."""
        wait_for(lambda: "init process complete" in self.logs(self.mongo) or "21405" in self.logs(self.mongo))
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("hello"))
        except PyMongoError:
            return False

    def found(self) -> dict[str, Any]:
        return self.result(CHECK, self.mongo)


@pytest.fixture
def project(images: None, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path, "fastgpt/none", ())
    made.declare()
    yield made
    made.down()


def test_a_set_is_initiated_by_one_command_and_proven_from_outside(project: Project) -> None:
    project.up()
    project.ready()
    found = project.found()
    assert (found["status"], found["fix"]["safety"]) == ("finding", "disruptive")
    assert "never initiated" in found["title"]
    before, app = project.tree(), project.inspect(f"{project.name}-fastgpt-1")["State"]["StartedAt"]

    done = project.stackops("fix", CHECK, "--yes", "--disruptive")
    assert done.returncode == 0, done.stderr

    assert project.ask("replSetGetStatus")["myState"] == 1
    assert project.ask("hello")["hosts"] == ["mongo:27017"]
    assert project.found()["status"] == "ok"
    assert project.tree() == before
    assert project.inspect(f"{project.name}-fastgpt-1")["State"]["StartedAt"] == app
    assert "mypassword" not in done.stdout + done.stderr
    again = project.stackops("fix", CHECK, "--yes", "--disruptive")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    undone = project.stackops("undo", "--yes")
    assert (undone.returncode, "cannot be undone" in undone.stderr) == (5, True)


def test_a_set_tied_to_its_container_dies_with_it_and_is_repaired(project: Project) -> None:
    project.up()
    project.ready()
    project.ask("replSetInitiate")
    wait_for(lambda: project.ask("hello")["isWritablePrimary"])
    found = project.found()
    assert (found["severity"], "tied to the id" in found["title"]) == ("warning", True)

    project.compose("up", "-d", "--force-recreate", "--no-deps", "mongo")
    project.ready()
    assert "does not know this mongod" in project.found()["title"]
    done = project.stackops("fix", CHECK, "--yes", "--disruptive")
    assert done.returncode == 0, done.stderr

    config = project.ask("replSetGetConfig")["config"]
    assert [(m["_id"], m["host"]) for m in config["members"]] == [(0, "mongo:27017")]
    assert project.ask("hello")["isWritablePrimary"] is True
    assert project.found()["status"] == "ok"


def test_a_renamed_set_gets_its_old_name_back_and_undo_takes_it_away_again(project: Project) -> None:
    project.up()
    project.ready()
    project.ask({"replSetInitiate": {"_id": "rs0", "members": [{"_id": 0, "host": "mongo:27017"}]}})
    wait_for(lambda: project.ask("hello")["isWritablePrimary"])
    project.declare("rs1")
    project.up("mongo")
    wait_for(lambda: "21406" in project.logs(project.mongo))
    wait_for(project._answers)
    assert "another replica set name" in project.found()["title"]

    done = project.stackops("fix", CHECK, "--yes", "--disruptive")
    assert done.returncode == 0, done.stderr
    assert project.ask("hello")["setName"] == "rs0"
    assert "--replSet" in project.path("docker-compose.override.yml").read_text()

    undone = project.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert not project.path("docker-compose.override.yml").exists()


def test_the_first_start_is_waited_for(project: Project) -> None:
    """In the first seconds the published port hangs up, and nothing may be found or done."""
    project.up()
    found = project.found()
    if found["status"] != "finding":  # a slow machine may be past it
        assert found["status"] == "unknown"
        assert "wait and look again" in found["because"]
    project.ready()
    assert project.found()["status"] == "finding"
