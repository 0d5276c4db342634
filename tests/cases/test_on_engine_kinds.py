"""Kinds of faults that containers show, played on a real Engine: what the command says of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.busybox import OURS
from support.played import played
from support.stacks import Stack, docker, wait_for

pytestmark = pytest.mark.engine


def findings(stack: Stack) -> list[dict[str, Any]]:
    """The troubles of the stack, the first one first; those of the machine's Engine belong to tests beside it.

    ``check --json`` ends with 1 where there is an error.
    """
    done = stack.stackops("check", "--json")
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    rows = {(one["check"], one["subject"], one["title"]): one for one in told["results"]}
    troubles = (rows[one["check"], one["subject"], one["title"]] for one in told["judgement"]["troubles"])
    return [one for one in troubles if one["subject"] != "/etc/docker/daemon.json"]


def of(stack: Stack, service: str) -> list[dict[str, Any]]:
    """Those about one service."""
    return [one for one in findings(stack) if one["subject"] == f"{stack.name}-{service}-1"]


NAMES = """services:
  names:
    image: dnsmasq:2.90
    restart: always
    volumes: ["./conf/names.conf:/etc/resolv.conf:ro"]
"""


def test_a_file_of_which_docker_made_a_directory(tmp_path: Path) -> None:
    """The container has a file there, so that it never started; then the file is put in its place."""
    with played(tmp_path, NAMES) as stack:
        place = stack.path("conf/names.conf")
        assert place.is_dir()
        (found,) = of(stack, "names")
        assert (found["check"], found["severity"]) == ("docker.bind-directory", "error")
        assert f"{place} is a directory" in found["title"]
        place.rmdir()
        place.write_text("nameserver 127.0.0.11\n")
        name = f"{stack.name}-names-1"
        assert stack.result("docker.bind-directory", name)["severity"] == "error"
        assert stack.fix("docker.bind-directory", name).returncode == 0
        assert stack.inspect(name)["State"]["Running"]
        assert place.read_text() == "nameserver 127.0.0.11\n"
        undone = stack.stackops("undo", "--yes")
        assert (undone.returncode, "nothing to take back" in undone.stderr) == (5, True), undone.stdout + undone.stderr


def ends_again(stack: Stack, service: str) -> None:
    """Wait until the Engine has started it again twice."""
    wait_for(lambda: stack.inspect(f"{stack.name}-{service}-1")["RestartCount"] >= 2)


STORE = """services:
  store:
    image: IMAGE
    restart: always
    volumes: ["./store:DATA"]
"""
POSTGRES = """cat <<'LOG'
2025-03-02 10:00:00.000 UTC [1] FATAL:  database files are incompatible with server
2025-03-02 10:00:00.000 UTC [1] DETAIL:  The data directory was initialized by PostgreSQL version 14, which is not \
compatible with this version 17.2 (Debian 17.2-1.pgdg120+1).
LOG
sleep 1; exit 1
"""
MEILI = (
    "echo 'Error: Your database version (1.9.0) is incompatible with your current engine version (1.13.0).'; exit 1\n"
)


@pytest.mark.parametrize(
    ("image", "data", "script", "wrote", "runs"),
    [
        ("pgvector:0.8.0-pg17", "/var/lib/postgresql/data", POSTGRES.replace("\\\n", ""), "14", "17"),
        ("meilisearch:v1.13.0", "/meili_data", MEILI, "1.9.0", "1.13.0"),
    ],
)
def test_data_that_another_release_wrote(
    tmp_path: Path, image: str, data: str, script: str, wrote: str, runs: str
) -> None:
    compose = STORE.replace("IMAGE", image).replace("DATA", data)
    with played(tmp_path, compose, {image: script}, {"store/precious": "all of it"}) as stack:
        ends_again(stack, "store")
        (found,) = of(stack, "store")
        assert (found["check"], found["severity"]) == ("data.other-release", "error")
        assert wrote in found["title"]
        assert runs in found["title"]
        assert found["evidence"][0]["label"] == "log"
        before, containers = stack.tree(), {*stack.containers()}
        shown = stack.fix("data.other-release", f"{stack.name}-store-1")
        assert shown.returncode == 5, shown.stdout + shown.stderr
        assert (stack.tree(), {*stack.containers()}) == (before, containers)
        assert "Do not remove the data folder" in shown.stdout + shown.stderr
        assert stack.path("store/precious").read_text() == "all of it"


BEHIND = """services:
  db:
    image: mysql:8.4.3
    restart: always
    environment: {MYSQL_ROOT_PASSWORD: for-tests-only, MYSQL_DATABASE: oneapi}
  gateway:
    image: one-api:v0.6.10
    restart: always
    environment: ["SQL_DSN=root:for-tests-only@tcp(db:3306)/oneapi"]
"""
TOO_OLD = "echo 'Fatal glibc error: CPU does not support x86-64-v2' >&2; exit 127\n"
VICTIM = (
    "echo '[FATAL] 2025/03/02 - 10:00:06 | failed to initialize database: dial tcp: lookup db on 127.0.0.11:53: server "
    "misbehaving'; sleep 1; exit 1\n"
)


def test_a_processor_that_is_too_old_is_the_first_trouble(tmp_path: Path) -> None:
    """And the only error: the gateway that finds no database is folded under it."""
    with played(tmp_path, BEHIND, {"mysql:8.4.3": TOO_OLD, "one-api:v0.6.10": VICTIM}) as stack:
        ends_again(stack, "db")
        ends_again(stack, "gateway")
        first, *others = findings(stack)
        hints = [(one["severity"], one["form"]) for one in others]
        assert hints in ([], [("info", "database-not-ready")]), "where the gateway was looked at as the database ran"
        assert (first["check"], first["subject"]) == ("container.cpu", f"{stack.name}-db-1")
        assert "x86-64-v2" in first["title"]
        assert "processor" in first["title"]


WATCHED = """services:
  chat:
    image: librechat-dev:latest
    restart: always
    command: npm run backend:dev
    environment: [HOST=0.0.0.0]
"""
CRASHED = """echo '[nodemon] starting `node api/server/index.js`'
[ -e /again ] && exec sleep 1000000
touch /again
echo 'error: There was an uncaught error: socket hang up'
echo '[nodemon] app crashed - waiting for file changes before starting...'
exec sleep 1000000
"""


def test_a_program_that_is_gone_behind_nodemon(tmp_path: Path) -> None:
    with played(tmp_path, WATCHED, {"librechat-dev:latest": CRASHED}) as stack:
        name = f"{stack.name}-chat-1"
        wait_for(lambda: "app crashed" in stack.logs(name))
        (found,) = [one for one in of(stack, "chat") if one["severity"] == "error"]
        assert found["check"] == "container.dead-inside"
        said = [row["value"] for row in found["evidence"]]
        assert any("app crashed - waiting" in line for line in said)
        assert any("socket hang up" in line for line in said)
        before = stack.started(name)
        assert stack.fix("container.dead-inside", name).returncode == 0
        assert stack.started(name) > before
        assert not [one for one in of(stack, "chat") if one["check"] == "container.dead-inside"]
        undone = stack.stackops("undo", "--yes")
        assert (undone.returncode, "nothing to take back" in undone.stderr) == (5, True), undone.stdout + undone.stderr


FASTGPT = """services:
  app:
    image: fastgpt:v4.14.5
    restart: always
    environment: ["REDIS_URL=redis://cache:6379"]
    volumes: ["./data/config.json:/app/data/config.json"]
  cache: {image: "redis:7"}
"""
READS = """cat /app/data/config.json >/dev/null 2>&1 && exec sleep 1000000
echo "Init system error Error: EACCES: permission denied, open '/app/data/config.json'"
sleep 1; exit 1
"""


def test_a_config_that_is_shut_to_the_user_of_fastgpt(tmp_path: Path) -> None:
    images, files = {"fastgpt:v4.14.5": READS}, {"data/config.json": '{"systemEnv": {}}'}
    with played(tmp_path, FASTGPT, images, files, {"fastgpt:v4.14.5": ("USER 1001",)}, up=False) as stack:
        stack.path("data/config.json").chmod(0o600)
        stack.up()
        ends_again(stack, "app")
        (found,) = [one for one in of(stack, "app") if one["severity"] == "error"]
        assert found["check"] == "container.permission"
        told = found["title"] + found["because"]
        assert str(stack.path("data/config.json")) in told
        assert "mode 600" in told
        assert "user 1001" in told
        before, containers = stack.tree(), {*stack.containers()}
        shown = stack.fix("container.permission", f"{stack.name}-app-1")
        assert shown.returncode == 5, shown.stdout + shown.stderr
        assert stack.path("data/config.json").stat().st_mode & 0o777 == 0o600
        assert (stack.tree(), {*stack.containers()}) == (before, containers)
        assert "chmod 644" in shown.stdout + shown.stderr


LISTENS = """services:
  web:
    image: openresty:1.25
    ports: ["127.0.0.1:PORT:80"]
"""


def test_a_port_that_a_program_of_the_machine_holds(tmp_path: Path) -> None:
    """The Engine's reason begins with an endpoint and a long id, of which nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with played(tmp_path, LISTENS.replace("PORT", str(port))) as stack:
            assert stack.inspect(f"{stack.name}-web-1")["State"]["Status"] == "created"
            (found,) = of(stack, "web")
            assert (found["check"], found["severity"]) == ("container.not-started", "error")
            assert str(port) in found["title"]
            said = found["evidence"][0]["value"]
            assert "address already in use" in said
            assert "endpoint" not in said


def test_a_port_that_a_container_of_another_project_has(tmp_path: Path) -> None:
    """It is named, although ``--project`` shows nothing else of it."""
    holder = f"page-{tmp_path.name[-20:]}-{os.getpid()}"
    with played(tmp_path, LISTENS.replace("PORT:", "0:"), up=False) as stack:
        try:
            docker("run", "-d", "--name", holder, "-p", "127.0.0.1:0:80", f"{OURS}/openresty:1.25")
            port = docker("port", holder, "80").rpartition(":")[2]
            text = stack.path("docker-compose.yml").read_text(encoding="utf-8")
            stack.write("docker-compose.yml", text.replace("127.0.0.1:0:80", f"127.0.0.1:{port}:80"))
            subprocess.run(["docker", "compose", "up", "-d"], cwd=stack.folder, capture_output=True, check=False)
            (found,) = of(stack, "web")
            assert found["check"] == "container.not-started"
            assert f"port {port} of this machine is held by {holder}" in found["title"]
        finally:
            docker("rm", "-f", holder, check=False)
