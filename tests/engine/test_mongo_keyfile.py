"""mongo.keyfile on the real FastGPT compose files: broken by hand, repaired by the command, judged from outside."""

from __future__ import annotations

import base64
import os
import secrets

import pytest
from support.stacks import docker, wait_for

CHECK, MONGO = "mongo.keyfile", "mongo"
WAITING = "Waiting for connections"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a file can only be given away by root")
pytestmark = needs_root


@pytest.fixture
def fastgpt(stack):
    """FastGPT v4.6.8: the key file is a bind mount that the operator has to make."""
    return stack("fastgpt/v4.6.8", "docker-compose.yml", "config.json")


def new_key(stack, mode: int, uid: int, size: int = 756) -> bytes:
    path = stack.path("mongodb.key")
    path.write_bytes(base64.encodebytes(secrets.token_bytes(size)))
    path.chmod(mode)
    os.chown(path, uid, uid)
    return path.read_bytes()


def assert_key(stack, content: bytes | None = None) -> bytes:
    """From outside: what mongod demands of the file, and a mongod that runs with it."""
    stat = stack.path("mongodb.key").lstat()
    assert oct(stat.st_mode) == "0o100400"
    assert stat.st_uid == 999
    found = stack.path("mongodb.key").read_bytes()
    if content is None:
        assert len(base64.b64decode(found)) == 756
    else:
        assert found == content
    state = stack.inspect(MONGO)["State"]
    assert (state["Status"], state["Restarting"]) == ("running", False)
    assert WAITING in stack.logs(MONGO).splitlines()[-1], "the last thing it said"
    mounted = stack.mount(MONGO, "/data/mongodb.key")
    assert mounted is not None
    assert mounted["Source"] == str(stack.path("mongodb.key"))
    assert docker("exec", MONGO, "stat", "-c", "%F %u", "/data/mongodb.key") == "regular file 999"
    return found


def dead(stack):
    return wait_for(lambda: stack.inspect(MONGO)["State"]["Status"] == "exited")


def no_key(stack) -> None:
    """Compose started without making a key: the Engine makes a directory."""
    stack.up("mongo")
    dead(stack)
    assert stack.path("mongodb.key").is_dir()


def left_open(stack) -> bytes:
    """openssl rand -base64 756 > mongodb.key, and nothing more."""
    content = new_key(stack, 0o644, 0)
    stack.up("mongo")
    dead(stack)
    return content


def root_owned(stack) -> bytes:
    """chmod 400, but no chown."""
    content = new_key(stack, 0o400, 0)
    stack.up("mongo")
    dead(stack)
    return content


def deleted(stack) -> None:
    """A good key that somebody tidied away while mongo was stopped."""
    new_key(stack, 0o400, 999)
    stack.up("mongo")
    wait_for(lambda: WAITING in stack.logs(MONGO))
    docker("stop", "-t", "5", MONGO)
    stack.path("mongodb.key").unlink()


def unusable(stack) -> None:
    """A pass phrase in place of a key."""
    stack.write("mongodb.key", "correct horse battery staple!\n").chmod(0o400)
    os.chown(stack.path("mongodb.key"), 999, 999)
    stack.up("mongo")
    dead(stack)


PITFALLS = [
    pytest.param(no_key, "directory", "too open", id="a directory"),
    pytest.param(left_open, "0644", "too open", id="mode 644"),
    pytest.param(root_owned, "0:0", "bad file", id="400, owned by root"),
    pytest.param(deleted, "missing", None, id="missing"),
    pytest.param(unusable, "0400", "invalid char", id="a pass phrase"),
]


@pytest.mark.parametrize(("break_it", "seen", "said"), PITFALLS)
def test_a_bad_key_file_is_seen_shown_repaired_and_taken_back(fastgpt, break_it, seen, said):
    content = break_it(fastgpt)
    result = fastgpt.result(CHECK, MONGO)
    assert (result["status"], result["severity"]) == ("finding", "error")
    assert any(seen in row["value"] for row in result["evidence"])
    if said:
        assert any(row["label"] == "log" and said in row["value"] for row in result["evidence"])

    before, containers = fastgpt.tree(), fastgpt.containers()
    shown = fastgpt.stackops("fix", CHECK, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert str(fastgpt.path("mongodb.key")) in shown.stdout
    assert (fastgpt.tree(), fastgpt.containers()) == (before, containers)

    done = fastgpt.fix(CHECK, MONGO)
    assert done.returncode == 0, done.stderr
    key = assert_key(fastgpt, content)
    for line in key.decode().split():
        assert line not in done.stdout + done.stderr + shown.stdout, "no line of the key is ever shown"
    assert fastgpt.result(CHECK, MONGO)["status"] == "ok"

    repaired, again = fastgpt.tree(), fastgpt.containers()
    assert fastgpt.fix(CHECK, MONGO).returncode == 0
    assert (fastgpt.tree(), fastgpt.containers()) == (repaired, again)

    undone = fastgpt.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert fastgpt.tree() == before


def test_a_running_mongod_is_not_restarted_for_its_mode(fastgpt):
    content = new_key(fastgpt, 0o400, 999)
    fastgpt.up("mongo")
    wait_for(lambda: WAITING in fastgpt.logs(MONGO))
    fastgpt.path("mongodb.key").chmod(0o644)
    containers = fastgpt.containers()
    assert fastgpt.result(CHECK, MONGO)["severity"] == "warning"
    done = fastgpt.stackops("fix", CHECK, "--yes")  # safe: needs no --disruptive
    assert done.returncode == 0, done.stderr
    assert_key(fastgpt, content)
    assert fastgpt.containers() == containers


def test_a_key_that_was_repaired_by_hand_still_needs_a_start(fastgpt):
    content = left_open(fastgpt)
    fastgpt.path("mongodb.key").chmod(0o400)
    os.chown(fastgpt.path("mongodb.key"), 999, 999)
    result = fastgpt.result(CHECK, MONGO)
    assert result["status"] == "finding"
    assert "still down" in result["title"]
    done = fastgpt.fix(CHECK, MONGO)
    assert done.returncode == 0, done.stderr
    assert_key(fastgpt, content)


def test_a_file_put_in_the_directorys_place_and_restarted_is_made_anew(fastgpt):
    no_key(fastgpt)
    fastgpt.path("mongodb.key").rmdir()
    content = new_key(fastgpt, 0o400, 999)
    docker("start", MONGO, check=False)
    assert "not a directory" in fastgpt.inspect(MONGO)["State"]["Error"]
    done = fastgpt.fix(CHECK, MONGO)
    assert done.returncode == 0, done.stderr
    assert_key(fastgpt, content)


def test_the_whole_of_v4_6_8_comes_up_once_its_key_is_good(fastgpt):
    fastgpt.up()
    dead(fastgpt)
    assert fastgpt.fix(CHECK, MONGO).returncode == 0
    assert_key(fastgpt)
    results = fastgpt.stackops("check", "--plain")
    assert results.returncode == 0
    # upstream's published passwords, and a rolling FastGPT on the pgvector of then
    found = {row.split("\t")[1] for row in results.stdout.splitlines() if row.startswith("finding\t")}
    assert found <= {"docker.exposed-databases", "docker.default-secrets", "postgres.pgvector"}


def test_fastgpt_v4_7_makes_its_key_inside_and_is_left_in_peace(stack):
    fastgpt = stack("fastgpt/v4.7", "docker-compose.yml", "config.json")
    fastgpt.up()
    wait_for(lambda: WAITING in fastgpt.logs(MONGO))
    wait_for(lambda: "token encoders initialized" in fastgpt.logs("oneapi"))  # until then it is restarted by its policy
    before, containers = fastgpt.tree(), fastgpt.containers()
    assert len(containers) == 5
    assert fastgpt.result(CHECK, MONGO)["status"] == "ok"
    done = fastgpt.fix(CHECK, MONGO)
    assert done.returncode == 0, done.stderr
    assert (fastgpt.tree(), fastgpt.containers()) == (before, containers)


def test_a_folder_without_a_key_is_judged_before_anything_runs(fastgpt):
    done = fastgpt.stackops("check", "--plain", "--project-dir", str(fastgpt.folder), CHECK)
    assert done.returncode == 1, done.stderr
    assert "does not exist" in done.stdout
    assert not fastgpt.path("mongodb.key").exists()
