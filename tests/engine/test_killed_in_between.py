"""SIGKILL at every boundary of a fix on a real Engine: nothing is torn, and resume or roll back ends it either way."""

from __future__ import annotations

import os
import shutil

import pytest

MOUNT, KEY = "librechat.config-mount", "mongo.keyfile"
TARGET = "/app/librechat.yaml"
MOUNT_POINTS = (
    "after_backup", "before_step", "after_rename", "after_step", "before_step:2", "after_step:2", "before_verify",
)  # fmt: skip
KEY_POINTS = ("before_step:2", "before_step:3", "after_step:3")
"""The boundaries between steps; the points within a step are killed in tests/plan, without an Engine."""


@pytest.fixture
def librechat(stack):
    made = stack("librechat/v0.7.2", "docker-compose.yml", "librechat.example.yaml", ".env.example")
    shutil.copyfile(made.path(".env.example"), made.path(".env"))
    shutil.copyfile(made.path("librechat.example.yaml"), made.path("librechat.yaml"))
    made.write("docker-compose.override.yml", "services:\n  api:\n    environment: [TITLE=x]\n")
    made.up("api")
    return made


@pytest.fixture
def fastgpt(stack):
    made = stack("fastgpt/v4.6.8", "docker-compose.yml", "config.json")
    made.write("mongodb.key", "a2V5" * 200 + "\n").chmod(0o644)
    made.up("mongo")
    return made


def killed(stack, check: str, subject: str, point: str) -> None:
    done = stack.fix(check, subject, failpoint=point)
    assert done.returncode == -9, f"{point} was not reached: {done.stderr}"
    assert any(stack.failpoints.iterdir())


def settled(stack) -> None:
    """Nothing is left open, nothing temporary lies about."""
    assert not [name for name in stack.tree() if "so-tmp" in name]
    assert stack.stackops("resume", "--yes").returncode != 0 or "nothing" in stack.stackops("resume", "--yes").stdout


@pytest.mark.parametrize("point", MOUNT_POINTS)
@pytest.mark.parametrize("way", ["resume", "rollback"])
def test_a_mount_fix_killed_anywhere_can_be_finished_or_taken_back(librechat, point, way):
    before = librechat.tree()
    killed(librechat, MOUNT, "LibreChat", point)
    half = librechat.tree()["docker-compose.override.yml"]
    done = librechat.stackops(way, "--yes")
    assert done.returncode == 0, done.stderr
    api = librechat.inspect("LibreChat")
    assert api["State"]["Running"] is True
    if way == "resume":
        mount = librechat.mount("LibreChat", TARGET)
        assert mount is not None
        assert mount["Type"] == "bind"
        assert librechat.path("librechat.yaml").is_file()
        assert librechat.result(MOUNT, "LibreChat")["status"] == "ok"
        after = librechat.tree()["docker-compose.override.yml"]
        assert half in (before["docker-compose.override.yml"], after), "the file was whole when the process died"
    else:
        assert librechat.tree() == before
        assert librechat.mount("LibreChat", TARGET) is None
    settled(librechat)


@pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a file can only be given away by root")
@pytest.mark.parametrize("point", KEY_POINTS)
@pytest.mark.parametrize("way", ["resume", "rollback"])
def test_a_key_fix_killed_anywhere_can_be_finished_or_taken_back(fastgpt, point, way):
    before = fastgpt.tree()
    killed(fastgpt, KEY, "mongo", point)
    half = fastgpt.path("mongodb.key").lstat()
    assert (half.st_mode & 0o777, half.st_uid) in {(0o644, 0), (0o400, 0), (0o400, 999)}
    assert fastgpt.tree()["mongodb.key"][3] == before["mongodb.key"][3], "the key itself is never touched"
    done = fastgpt.stackops(way, "--yes")
    assert done.returncode == 0, done.stderr
    if way == "resume":
        stat = fastgpt.path("mongodb.key").lstat()
        assert (stat.st_mode & 0o777, stat.st_uid) == (0o400, 999)
        assert fastgpt.inspect("mongo")["State"]["Running"] is True
    else:
        assert fastgpt.tree() == before
    settled(fastgpt)


def test_the_next_start_tells_of_a_fix_that_lies_half_done(librechat):
    killed(librechat, MOUNT, "LibreChat", "before_step:2")
    before = librechat.tree()
    done = librechat.stackops("check", "--plain")
    assert "stackops resume" in done.stderr
    assert "stackops rollback" in done.stderr
    assert librechat.tree() == before
