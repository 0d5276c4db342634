"""Reports about MongoDB, played on a real Engine, and what the command says of them at every moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.played import during, played
from support.stacks import Stack, wait_for

pytestmark = pytest.mark.engine


def told(stack: Stack, check: str) -> dict[str, Any]:
    """What ``check --json`` finds of one check; it finds nothing else of it."""
    done = stack.stackops("check", "--json", check)
    assert done.returncode in (0, 1), done.stderr
    (one,) = [one for one in json.loads(done.stdout)["results"] if one["status"] != "not_applicable"]
    return one


def line(number: int, message: str, error: str, severity: str = "I") -> str:
    """A line of mongod's log."""
    attr = {"error": {"code": 30, "codeName": "InvalidPath", "errmsg": error}}
    return json.dumps({"s": severity, "c": "ACCESS", "id": number, "ctx": "main", "msg": message, "attr": attr})


def refused(path: str, why: str, *, first: str = "") -> str:
    """A script that ends as mongod does over its key file; what it does ``first`` may take its time."""
    said = line(20254, "Read security file failed", why.format(path=path))
    return f"{first}\ncat <<'LOG'\n{said}\nLOG\nsleep 1; exit 1\n"


TOO_OPEN = "permissions on {path} are too open"
NOT_THERE = "Error reading file {path}: No such file or directory"


def test_a_key_file_in_a_folder_of_its_own_that_docker_made_a_directory_of(tmp_path: Path) -> None:
    compose = """services:
  mongo:
    image: mongo:5.0.18
    restart: always
    command: --replSet rs0 --bind_ip_all --dbpath /data/mongo --keyFile /data/mongodb/keyFile
    volumes: ["./mongodb/keyFile:/data/mongodb/keyFile"]
"""
    with played(tmp_path, compose, {"mongo:5.0.18": refused("/data/mongodb/keyFile", TOO_OPEN)}) as stack:
        name = f"{stack.name}-mongo-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 1)
        found = told(stack, "mongo.keyfile")
        assert (found["status"], found["severity"], found["form"]) == ("finding", "error", "directory")
        assert "mongodb/keyFile is a directory" in found["title"]
        planned = stack.stackops("fix", "mongo.keyfile", name, "--dry-run")
        assert planned.returncode == 0, planned.stderr
        assert "mongodb/keyFile" in planned.stdout
        assert stack.path("mongodb/keyFile").is_dir(), "nothing is done"


@pytest.mark.timeout(600)  # it is asked again where its state changed meanwhile
def test_a_mongod_that_takes_its_time_to_die_of_its_key_is_an_error_all_the_while(tmp_path: Path) -> None:
    compose = """services:
  mongo:
    image: mongo:5.0.18
    restart: always
    command: mongod --keyFile /data/mongodb.key --replSet rs0
    volumes: ["./mongodb.key:/data/mongodb.key", "./pace:/pace:ro"]
"""
    script = refused("/data/mongodb.key", TOO_OPEN, first="while [ -e /pace/lives ]; do sleep 0.1; done")
    with played(tmp_path, compose, {"mongo:5.0.18": script}, {"pace/lives": ""}) as stack:
        name = f"{stack.name}-mongo-1"
        for state in ("running", "restarting", "running", "restarting", "running"):
            if state == "running":
                stack.write("pace/lives", "")
            else:
                stack.path("pace/lives").unlink()
            found = during(stack, name, state, lambda: told(stack, "mongo.keyfile"))
            assert (found["severity"], found["form"]) == ("error", "directory")
            assert "still runs" not in found["because"]


def test_a_start_script_that_copies_another_name_than_is_mounted(tmp_path: Path) -> None:
    compose = """services:
  mongodb:
    image: mongo:5.0.18
    restart: always
    volumes: ["./replica.key:/data/replica.key.devel"]
    entrypoint:
      - sh
      - -c
      - |
        cp /data/replicaset.key.devel /data/replica.key
        exec sh /entry mongod --replSet rs01 --keyFile /data/replica.key
"""
    programs = {"mongo:5.0.18": refused("/data/replica.key", NOT_THERE)}
    with played(tmp_path, compose, programs, {"replica.key": "QSBrZXkgb2YgYSB0ZXN0"}) as stack:
        wait_for(lambda: stack.inspect(f"{stack.name}-mongodb-1")["RestartCount"] >= 1)
        found = told(stack, "mongo.keyfile")
        assert (found["status"], found["severity"], found["form"]) == ("finding", "error", "refused")
        assert "/data/replica.key" in found["title"]
        assert "/data/replicaset.key.devel" in found["title"]
        assert "No such file" in found["because"]
        assert "/data/replica.key.devel" in found["because"]
        assert found["fix"]["safety"] == "manual"


@pytest.mark.parametrize(("said", "reason"), [(NOT_THERE, "does not exist"), (TOO_OPEN, "open to group")])
def test_a_key_file_in_a_volume_is_judged_by_the_log(tmp_path: Path, said: str, reason: str) -> None:
    compose = """services:
  mongo:
    image: mongo:7.0
    restart: always
    command: --replSet rs0 --keyFile /keys/k
    volumes: ["keys:/keys"]
volumes: {keys: {}}
"""
    with played(tmp_path, compose, {"mongo:7.0": refused("/keys/k", said)}) as stack:
        wait_for(lambda: stack.inspect(f"{stack.name}-mongo-1")["RestartCount"] >= 1)
        found = told(stack, "mongo.keyfile")
        assert (found["severity"], found["form"]) == ("error", "refused")
        assert reason in found["title"]


def test_a_server_of_another_name_is_known_by_what_its_image_sets(tmp_path: Path) -> None:
    compose = """services:
  store:
    image: our-store:3
    command: [/start, --keyFile, /data/k]
    volumes: ["./k:/data/k"]
  app:
    image: our-app:1
    environment: {MONGO_VERSION: "5.0.18", PG_MAJOR: "16"}
"""
    changes = {"our-store:3": ("ENV MONGO_VERSION=6.0.4",)}
    with played(tmp_path, compose, {}, changes=changes) as stack:
        found = told(stack, "mongo.keyfile")
        assert (found["subject"], found["form"]) == (f"{stack.name}-store-1", "directory")


IN_LOCK = "IllegalOperation: Attempted to create a lock file on a read-only directory: /data/db"
BROKEN = "Location28595: 2: No access to /data/db/WiredTiger.wt"
IN_USE = "DBPathInUse: Unable to lock the lock file: /data/db/mongod.lock (Resource temporarily unavailable)"


@pytest.mark.parametrize(
    ("said", "form", "words"),
    [
        (IN_LOCK, "not-writable", ("1000", "data-node")),
        (IN_USE, "locked", ("second",)),
        (BROKEN, "unusable", ("data-node",)),
    ],
)
def test_a_data_folder_that_mongod_cannot_use(tmp_path: Path, said: str, form: str, words: tuple[str, ...]) -> None:
    compose = """services:
  mongo:
    image: mongo:8.0.17
    user: "1000:1000"
    restart: always
    volumes: ["./data-node:/data/db"]
  second:
    image: busybox:1
    volumes: ["./data-node:/data"]
"""
    told_line = json.dumps({"s": "E", "id": 20557, "msg": "DBException in initAndListen", "attr": {"error": said}})
    script = f"cat <<'LOG'\n{told_line}\nLOG\nsleep 1; exit 100\n"
    with played(tmp_path, compose, {"mongo:8.0.17": script}) as stack:
        name = f"{stack.name}-mongo-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 1)
        found = told(stack, "mongo.data-folder")
        assert (found["severity"], found["form"], found["subject"]) == ("error", form, name)
        assert all(word in f"{found['title']} {found['because']}" for word in words), found
        assert stack.stackops("check").returncode == 1


def test_a_set_with_users_and_no_key_file_ends_for_ever(tmp_path: Path) -> None:
    compose = """services:
  mongo:
    image: mongo:7.0
    restart: always
    command: ["--replSet", "rs0", "--bind_ip_all"]
    environment: {MONGO_INITDB_ROOT_USERNAME: root, MONGO_INITDB_ROOT_PASSWORD: secret1}
"""
    said = "BadValue: security.keyFile is required when authorization is enabled with replica sets"
    with played(tmp_path, compose, {"mongo:7.0": f"echo '{said}'\nsleep 1; exit 2\n"}) as stack:
        name = f"{stack.name}-mongo-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 1)
        wait_for(lambda: stack.inspect(name)["State"]["Status"] == "restarting")
        found = told(stack, "mongo.root-user")
        assert (found["severity"], found["form"]) == ("error", "key-required")
        assert "--keyFile" in found["title"]
        assert "security.keyFile is required" in json.dumps(found["evidence"])
