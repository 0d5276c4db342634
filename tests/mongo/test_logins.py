"""Whose login mongod accepts, which were tried and how often, and what is said where nobody has one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from stackops.console.model.findings import Result
from support.fake_engine import container, container_id
from support.mongo_stack import APP, MONGO, MongoStack, initiated
from support.mongod import Mongod
from support.mongod_bench import in_thread

BITNAMI = {"MONGODB_ROOT_USER": "root", "MONGODB_ROOT_PASSWORD": "hush-one", "MONGODB_REPLICA_SET_MODE": "primary"}
ADVERTISED = "MONGODB_ADVERTISED_HOSTNAME"


def lost(users: dict[tuple[str, str], str]) -> Mongod:
    """A set of one whose stored host is the id of an older container."""
    mongod = Mongod(repl_set="rs0", names={"mongo"}, users=users)
    mongod.set.election = 0.0
    initiated(mongod, "0f3b2a1c4d5e:27017")
    return mongod


def told(found: Result) -> str:
    rows = "; ".join(f"{row.label}: {row.value}" for row in found.evidence)
    return f"{found.title}. {found.because}. {rows}"


@pytest.mark.parametrize("user", [{}, {"MONGODB_ROOT_USER": "admin"}])
def test_bitnamis_root_user_is_tried_and_its_variable_named(tmp_path: Path, user: dict[str, str]) -> None:
    env = {**BITNAMI, **user}
    mongod = lost({("admin", env["MONGODB_ROOT_USER"]): "hush-one"})
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, env=env, uri=None, mongo_image="bitnami/mongodb:4.4.14", command=())
        found = made.judge()
        assert (found.severity, found.form) == ("error", "removed")
        assert f"login: {env['MONGODB_ROOT_USER']}, authSource=admin: accepted" in told(found)
        assert f"{ADVERTISED} is not set" in told(found)
        assert made.fix().name == "done"
        assert made.stored == ["mongo:27017"]
        assert "hush-one" not in told(found) + made.journal_text()


def test_a_login_that_is_refused_is_no_login_that_is_unknown(tmp_path: Path) -> None:
    mongod = lost({("admin", "root"): "another"})
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, env=BITNAMI, uri=None, mongo_image="bitnami/mongodb:4.4.14", command=())
        found = made.judge()
    assert (found.form, mongod.logins) == ("login", 1)
    assert "login: root, authSource=admin: refused" in told(found)
    assert "no login is known" not in told(found)
    assert "refuses every login of the stack" in found.title


@pytest.mark.parametrize("prefix", ["MONGO_INITDB_ROOT", "MONGODB_ROOT"])
def test_a_password_in_a_secret_file_is_read_and_tried(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "root password").write_text("of-a-file\n")
    bitnami = prefix == "MONGODB_ROOT"
    env = {f"{prefix}_{'USER' if bitnami else 'USERNAME'}": "boss", f"{prefix}_PASSWORD_FILE": "/run/secrets/pw"}
    mongod = Mongod(repl_set="rs0", names={"mongo"}, users={("admin", "boss"): "of-a-file"})
    mongod.set.election = 0.0
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, env=env, uri=None)
        secret = {
            "Type": "bind",
            "Source": str(tmp_path / "root password"),
            "Destination": "/run/secrets/pw",
            "RW": False,
        }
        made.engine.containers_by_id[MONGO]["Mounts"] = [secret]
        assert made.judge().form == "never-initiated"
        assert made.fix().name == "done"
        assert made.stored == ["mongo:27017"]
        assert "of-a-file" not in made.journal_text()


@pytest.mark.parametrize(
    ("root", "password", "says", "tried"),
    [
        ("root", "abc123", "MONGO_INITDB_ROOT_USERNAME of mongo says root, which mongod accepts", 2),
        ("root", "older", "MONGO_INITDB_ROOT_USERNAME of mongo says root, which mongod refuses as well", 2),
        ("username", "abc123", "Its password is not that of MONGO_INITDB_ROOT_PASSWORD, which mongod accepts", 2),
    ],
)
def test_two_places_that_name_one_login_are_compared_and_each_is_tried_once(
    tmp_path: Path, root: str, password: str, says: str, tried: int
) -> None:
    mongod = Mongod(names={"mongo"}, users={("admin", root): password})
    env = {"MONGO_INITDB_ROOT_USERNAME": root, "MONGO_INITDB_ROOT_PASSWORD": "abc123"}
    uri = "mongodb://username:hush-two@mongo:27017/fastgpt?authSource=admin"
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, env=env, uri=uri, release="v4.6.7", command=("mongod",))
        found = made.judge()
    assert (found.severity, found.form, mongod.logins) == ("error", "app-login", tried)
    assert says in told(found)
    assert "MONGODB_URI" in told(found)
    assert "only on an empty data folder" in told(found)
    assert "abc123" not in told(found)
    assert "hush-two" not in told(found)


@pytest.mark.parametrize(
    ("password", "source", "tried"), [("abc", "fastgpt", 2), ("other", "admin", 2), ("abc", "admin", 1)]
)
def test_a_login_that_several_have_is_sent_once(tmp_path: Path, password: str, source: str, tried: int) -> None:
    mongod = Mongod(names={"mongo"}, users={("admin", "root"): "abc"})
    env = {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": "abc"}
    uri = f"mongodb://root:{password}@mongo:27017/fastgpt?authSource={source}"
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, env=env, uri=uri, release="v4.6.7", command=("mongod",))
        first = made.engine.containers_by_id[APP]
        for name in ("second", "third"):
            other = container(name, image=first["Config"]["Image"], env={"MONGODB_URI": uri}, project="fastgpt")
            made.engine.containers_by_id[other["Id"]] = {**other, "NetworkSettings": first["NetworkSettings"]}
        trials = made.state.trials
    assert mongod.logins == tried
    assert {APP, container_id("second"), container_id("third")} <= {trial.owner for trial in trials}
    assert [trial.accepted for trial in trials if trial.owner == MONGO] == ([True] if password == "other" else [])


def without_users(folder: Path) -> Mongod:
    """It wants a login of everybody, and has no user."""
    key = folder / "k"
    key.write_text("QSBrZXkgb2YgYSB0ZXN0")
    key.chmod(0o400)
    return Mongod(repl_set="rs0", names={"mongo"}, key_file=str(key), uid=os.getuid())


SCRIPT = "openssl rand -base64 756 > /data/k && chmod 600 /data/k && exec mongod --keyFile /data/k --replSet rs0"


@pytest.mark.parametrize(
    "command", [("/bin/bash", "-c", SCRIPT), ("numactl", "--interleave=all", "mongod", "--auth", "--replSet", "rs0")]
)
def test_where_no_user_was_ever_made_the_way_is_from_inside(tmp_path: Path, command: tuple[str, ...]) -> None:
    mongod = without_users(tmp_path)
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, command=command)
        found = made.judge()
        assert (found.severity, found.form) == ("error", "no-user")
        assert "password" not in f"{found.title} {found.fix}"
        says = " ".join(made.plan().says)
        assert "localhost exception" in says
        assert 'rs.initiate({_id: "rs0", members: [{_id: 0, host: "mongo:27017"}]})' in says
        assert made.judge("mongo.root-user").form == "never-made"


def test_nobody_is_said_to_be_refused_who_was_not_tried(tmp_path: Path) -> None:
    mongod = without_users(tmp_path)
    more: dict[str, Any] = {"env": {}, "uri": "mongodb://mongo:27017/fastgpt"}
    with in_thread(mongod):
        made = MongoStack(tmp_path, mongod, **more)
        found = made.judge()
    assert (found.form, mongod.logins) == ("login", 0)
    assert "no login is known" in found.title
    assert "Nothing in the stack holds a login" in found.because
    assert "refuse" not in told(found)
