"""What a real Engine tells of containers that go round, are unhealthy, were never started, ended or lie stopped."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.busybox import busybox
from support.stacks import Stack, docker, wait_for

pytestmark = pytest.mark.engine

COMPOSE = """services:
  app:
    image: IMAGE
    command: ["sh", "-c", "/busybox sleep 1; echo Error: connect ECONNREFUSED db:5432 >&2; exit 3"]
    restart: always
    environment: {DB_HOST: db}
  db:
    image: IMAGE
    command: ["sleep", "100000"]
    restart: always
    stop_grace_period: 1s
  sick:
    image: IMAGE
    command: ["sleep", "100000"]
    healthcheck: {test: ["CMD", "/busybox", "sh", "-c", "echo HTTP Error 500; exit 1"], interval: 1s, retries: 2}
  gone:
    image: IMAGE
    command: ["sh", "-c", "echo bad option --port; exit 2"]
  taken:
    image: IMAGE
    command: ["sleep", "100000"]
    ports: ["127.0.0.1:PORT:80"]
  job:
    image: IMAGE
    command: ["sh", "-c", "exit 0"]
  well:
    image: IMAGE
    command: ["sleep", "100000"]
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with busybox("judged") as made:
        yield made


@pytest.fixture
def stack(image: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, "", ())
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        text = COMPOSE.replace("IMAGE", image).replace("PORT", str(holder.getsockname()[1]))
        made.write("compose.yaml", text)
        subprocess.run(["docker", "compose", "up", "-d"], cwd=made.folder, capture_output=True, check=False)
        try:
            yield made
        finally:
            made.down()


def name(stack: Stack, service: str) -> str:
    return f"{stack.name}-{service}-1"


def judged(stack: Stack) -> dict[str, Any]:
    done = stack.stackops("check", "--json")
    assert done.returncode in (0, 1), done.stderr
    return {"code": done.returncode, **json.loads(done.stdout)}


def rounds(stack: Stack) -> int:
    return int(stack.inspect(name(stack, "app"))["RestartCount"])


def test_each_fact_is_found_and_what_somebody_needs_is_started_by_one_fix(stack: Stack) -> None:
    wait_for(lambda: rounds(stack) >= 7)  # more than a first start explains
    wait_for(lambda: stack.inspect(name(stack, "sick"))["State"]["Health"]["Status"] == "unhealthy")
    told = judged(stack)
    assert told["code"] == 1
    found = {(one["check"], one["subject"]): one for one in told["results"] if one["status"] == "finding"}
    app = found["container.crash-loop", name(stack, "app")]
    assert any("ECONNREFUSED db:5432" in row["value"] for row in app["evidence"])
    assert "HTTP Error 500" in found["container.unhealthy", name(stack, "sick")]["title"]
    assert "exit code 2" in found["container.ended", name(stack, "gone")]["title"]
    taken = found["container.not-started", name(stack, "taken")]
    assert "address already in use" in taken["evidence"][0]["value"]
    assert taken["form"] == "port-taken"
    states = {one["name"]: one["state"] for one in told["judgement"]["services"]}
    assert states == {
        "app": "ill", "db": "well", "sick": "ill", "gone": "ill", "taken": "ill", "job": "stopped", "well": "well",
    }  # fmt: skip
    assert told["judgement"]["green"] is False

    docker("stop", name(stack, "db"))
    told = wait_for(lambda: (seen := judged(stack)["judgement"])["troubles"][0]["check"] == "container.needed" and seen)
    assert told["verdict"].startswith(f"app is down: {name(stack, 'db')} is stopped, and app needs it")
    assert told["troubles"][0]["takes_down"] == ["app"]
    others = {one: told for one, told in stack.containers().items() if one != stack.inspect(name(stack, "db"))["Id"]}
    shown = stack.stackops("fix", "container.needed", name(stack, "db"), "--dry-run")
    assert shown.returncode == 0
    assert stack.inspect(name(stack, "db"))["State"]["Running"] is False, "a preview starts nothing"
    done = stack.fix("container.needed", name(stack, "db"))
    assert done.returncode == 0, done.stderr
    assert stack.inspect(name(stack, "db"))["State"]["Running"] is True
    app_id = stack.inspect(name(stack, "app"))["Id"]
    assert {one: told for one, told in stack.containers().items() if one in others and one != app_id} == {
        one: told for one, told in others.items() if one != app_id
    }
    undone = stack.stackops("undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert stack.inspect(name(stack, "db"))["State"]["Running"] is False


def test_a_stack_that_is_well_is_green(image: str, tmp_path: Path) -> None:
    made = Stack(tmp_path, "", ())
    made.write(
        "compose.yaml", f"services:\n  a:\n    image: {image}\n    command: [sleep, '100000']\n    restart: always\n"
    )
    try:
        made.up()
        told = judged(made)
        troubles = [one for one in told["judgement"]["troubles"] if one["subject"].startswith(made.name)]
        assert troubles == []
        assert [one["state"] for one in told["judgement"]["services"]] == ["well"]
    finally:
        made.down()
