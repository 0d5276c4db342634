"""librechat.config-mount on the real LibreChat v0.7.2 compose file: broken by hand, repaired by the command."""

from __future__ import annotations

import os
import shutil

import pytest
from support.corpus import CORPUS
from support.stacks import docker, wait_for

CHECK, API, TARGET = "librechat.config-mount", "LibreChat", "/app/librechat.yaml"
RELEASE = "librechat/v0.7.2"
OVERRIDE = """# our changes, please keep
services:
  api:   # the web server
    environment:
      - TITLE=我们的聊天  # shown on top

  mongodb:
    logging: {driver: json-file}
"""
MOUNT = """services:
  api:
    volumes:
      - ./librechat.yaml:/app/librechat.yaml
"""


@pytest.fixture
def librechat(stack):
    """A checkout of v0.7.2 as the guide leaves it: .env copied from the example."""
    made = stack(RELEASE, "docker-compose.yml", "librechat.example.yaml", ".env.example")
    shutil.copyfile(made.path(".env.example"), made.path(".env"))
    return made


def write_config(stack) -> bytes:
    shutil.copyfile(stack.path("librechat.example.yaml"), stack.path("librechat.yaml"))
    return stack.path("librechat.yaml").read_bytes()


def assert_mounted(stack, config: bytes) -> None:
    """From outside: a file bind at the config path, and the process sees these bytes."""
    mount = stack.mount(API, TARGET)
    assert mount is not None
    assert mount["Type"] == "bind"
    assert mount["Source"] == str(stack.path("librechat.yaml"))
    assert stack.path("librechat.yaml").is_file()
    assert docker("exec", API, "cat", TARGET).encode() == config.rstrip(b"\n")
    assert stack.inspect(API)["State"]["Running"] is True
    wait_for(lambda: "Custom config file loaded:" in stack.logs(API))


def test_an_override_without_the_mount_is_seen_shown_repaired_and_taken_back(librechat):
    config = write_config(librechat)
    override = librechat.write("docker-compose.override.yml", OVERRIDE)
    librechat.up("mongodb", "api")
    wait_for(lambda: "ENOENT" in librechat.logs(API))

    result = librechat.result(CHECK, API)
    assert (result["status"], result["severity"]) == ("finding", "error")
    evidence = {row["label"]: row["value"] for row in result["evidence"]}
    assert evidence["on the host"] == "file"
    assert evidence[f"mounted at {TARGET}"] == "nothing"
    assert "ENOENT" in evidence["log"]

    before, containers = librechat.tree(), librechat.containers()
    shown = librechat.stackops("fix", CHECK, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "target: /app/librechat.yaml" in shown.stdout
    assert "--- " in shown.stdout
    assert librechat.tree() == before
    assert librechat.containers() == containers

    refused = librechat.stackops("fix", CHECK, "--yes")
    assert refused.returncode == 5
    assert (librechat.tree(), librechat.containers()) == (before, containers)

    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    assert_mounted(librechat, config)
    assert librechat.result(CHECK, API)["status"] == "ok"
    text = override.read_text(encoding="utf-8")
    assert all(line in text.splitlines() for line in OVERRIDE.splitlines()), "every old line is still there"
    others = {one: was for one, was in librechat.containers().items() if one in containers}
    assert len(others) == len(containers) - 1, "only the one service was made anew"
    assert all(containers[one] == was for one, was in others.items())

    repaired, again = librechat.tree(), librechat.containers()
    assert librechat.fix(CHECK, API).returncode == 0
    assert (librechat.tree(), librechat.containers()) == (repaired, again)

    undone = librechat.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert librechat.tree() == before
    assert librechat.mount(API, TARGET) is None
    assert librechat.inspect(API)["State"]["Running"] is True


def test_what_an_env_file_gave_is_there_after_the_fix_and_after_its_undo(librechat):
    write_config(librechat)
    librechat.write(
        "docker-compose.override.yml",
        """services:
  api:
    environment: {MONGO_URI: "mongodb://root:${MONGO_PASSWORD}@mongodb/x", PLACE: "${PLACE:-usual}"}
    volumes: ["${DATA:-./usual}:/data"]
""",
    )
    secret, data = "Hq4Vn8Zt2Kx", str(librechat.path("prod"))
    env = librechat.path(".env").read_text(encoding="utf-8")
    librechat.write("prod.env", f"{env}\nMONGO_PASSWORD={secret}\nDATA={data}\nPLACE=prod\n")
    librechat.compose("--env-file", "prod.env", "up", "-d", "--no-deps", "mongodb", "api")
    before = made_of(librechat)
    assert f"MONGO_URI=mongodb://root:{secret}@mongodb/x" in before["env"]
    assert before["mounts"]["/data"] == data

    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    fixed = made_of(librechat)
    assert fixed["mounts"].pop(TARGET) == str(librechat.path("librechat.yaml"))
    assert fixed == before
    assert secret not in done.stdout + done.stderr

    undone = librechat.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert made_of(librechat) == before


def test_a_stack_of_a_shell_that_is_gone_is_left_as_it_runs(librechat, monkeypatch):
    write_config(librechat)
    librechat.write(
        "docker-compose.override.yml",
        """services:
  api:
    environment: {MONGO_URI: "mongodb://root:${MONGO_PASSWORD}@mongodb/x"}
""",
    )
    monkeypatch.setenv("MONGO_PASSWORD", "Hq4Vn8Zt2Kx")
    librechat.up("mongodb", "api")
    monkeypatch.delenv("MONGO_PASSWORD")
    before, tree = librechat.containers(), librechat.tree()

    refused = librechat.fix(CHECK, API)

    assert refused.returncode == 5
    assert "another value of MONGO_PASSWORD" in refused.stderr
    assert "export it" in refused.stderr
    assert "Hq4Vn8Zt2Kx" not in refused.stdout + refused.stderr
    assert (librechat.containers(), librechat.tree()) == (before, tree)


def made_of(stack):
    """What the Engine says that LibreChat is made with."""
    one = stack.inspect(API)
    mounts = {mount["Destination"]: mount.get("Name") or mount["Source"] for mount in one["Mounts"]}
    return {"env": sorted(one["Config"]["Env"]), "mounts": mounts, "command": one["Config"]["Cmd"],
            "image": one["Image"], "ports": one["HostConfig"]["PortBindings"], "user": one["Config"]["User"],
            "networks": sorted(one["NetworkSettings"]["Networks"])}  # fmt: skip


@pytest.mark.parametrize("example", [False, True], ids=["none", "upstream's example, all comments"])
def test_the_mount_gets_an_override_where_there_is_none_to_speak_of(librechat, example):
    config = write_config(librechat)
    if example:
        source = CORPUS / RELEASE / "docker-compose.override.yml.example"
        shutil.copyfile(source, librechat.path("docker-compose.override.yml"))
    librechat.up("api")
    before = librechat.tree()
    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    assert_mounted(librechat, config)
    librechat.up("api")  # what the operator types next must not lose it
    assert_mounted(librechat, config)
    assert librechat.stackops("undo", "--yes").returncode == 0
    assert librechat.tree() == before


def test_a_directory_that_docker_made_becomes_a_file_and_the_service_is_made_anew(librechat):
    librechat.write("docker-compose.override.yml", MOUNT)
    librechat.up("api")
    assert librechat.path("librechat.yaml").is_dir(), "the Engine made it"
    wait_for(lambda: "EISDIR" in librechat.logs(API))
    result = librechat.result(CHECK, API)
    assert result["status"] == "finding"
    assert "directory" in result["title"]
    before = librechat.tree()
    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    assert_mounted(librechat, librechat.path("librechat.example.yaml").read_bytes())
    assert librechat.stackops("undo", "--yes").returncode == 0
    assert librechat.tree() == before


def test_a_directory_with_something_in_it_is_left_to_the_operator(librechat):
    librechat.write("docker-compose.override.yml", MOUNT)
    librechat.up("api")
    librechat.write("librechat.yaml/notes.txt", "mine\n")
    before, containers = librechat.tree(), librechat.containers()
    done = librechat.fix(CHECK, API)
    assert done.returncode == 5, done.stderr
    assert "notes" not in done.stdout
    assert (librechat.tree(), librechat.containers()) == (before, containers)


def test_a_mount_that_was_added_and_only_restarted_is_applied(librechat):
    config = write_config(librechat)
    librechat.up("api")
    override = librechat.write("docker-compose.override.yml", MOUNT)
    librechat.compose("restart", "-t", "0", "api")
    assert librechat.mount(API, TARGET) is None
    before = override.read_bytes()
    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    assert_mounted(librechat, config)
    assert override.read_bytes() == before


def test_a_file_saved_by_rename_is_read_again(librechat):
    write_config(librechat)
    librechat.write("docker-compose.override.yml", MOUNT)
    librechat.up("api")
    assert librechat.result(CHECK, API)["status"] == "ok"
    new = librechat.write("librechat.yaml.new", "version: 1.0.9\ncache: false\n")
    new.rename(librechat.path("librechat.yaml"))
    assert docker("exec", API, "cat", TARGET) != "version: 1.0.9\ncache: false", "the container holds the old file"
    assert librechat.result(CHECK, API)["severity"] == "warning"
    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    assert_mounted(librechat, b"version: 1.0.9\ncache: false\n")


def test_a_deleted_file_comes_back_from_the_example(librechat):
    write_config(librechat)
    librechat.write("docker-compose.override.yml", MOUNT)
    librechat.up("api")
    librechat.path("librechat.yaml").unlink()
    assert librechat.result(CHECK, API)["status"] == "finding"
    done = librechat.fix(CHECK, API)
    assert done.returncode == 0, done.stderr
    assert_mounted(librechat, librechat.path("librechat.example.yaml").read_bytes())


def test_a_folder_is_judged_before_anything_runs(librechat):
    write_config(librechat)
    before = librechat.tree()
    done = librechat.stackops("check", "--plain", "--project-dir", str(librechat.folder))
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("finding\tlibrechat.config-mount")
    assert librechat.tree() == before
    assert not librechat.containers()


def test_read_only_changes_nothing_whatever_is_asked(librechat):
    write_config(librechat)
    librechat.up("api")
    before, containers = librechat.tree(), librechat.containers()
    done = librechat.stackops("fix", CHECK, "--yes", "--disruptive", "--read-only")
    assert done.returncode == 5
    assert (librechat.tree(), librechat.containers()) == (before, containers)
    assert wait_for(lambda: librechat.inspect(API)["State"]["Running"])
    assert not os.path.lexists(librechat.path("docker-compose.override.yml"))
