"""What reports told, played on a real Engine, and what the command says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.played import played
from support.stacks import Stack, wait_for

pytestmark = pytest.mark.engine


def findings(stack: Stack) -> list[dict[str, Any]]:
    """What ``check --json`` finds, which ends with 1 where there is an error."""
    done = stack.stackops("check", "--json")
    assert done.returncode in (0, 1), done.stderr
    return [one for one in json.loads(done.stdout)["results"] if one["status"] == "finding"]


def test_a_mongod_that_may_not_write_to_its_folder(tmp_path: Path) -> None:
    compose = """services:
  mongo:
    image: mongo:8.0.17
    user: "1000:1000"
    restart: always
    volumes: ["./data-node:/data/db"]
"""
    error = r"boost::filesystem::create_directory: Permission denied [system:13]: \"/data/db/journal\""
    line = {"s": "E", "c": "CONTROL", "id": 20558, "ctx": "initandlisten", "msg": "std::exception in initAndListen"}
    said = json.dumps({**line, "attr": {"error": "ERROR"}}).replace("ERROR", error)
    script = f"cat <<'LOG'\n{said}\nLOG\nsleep 1; exit 100\n"
    with played(tmp_path, compose, {"mongo:8.0.17": script}) as stack:
        name = f"{stack.name}-mongo-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 2)
        (found,) = [one for one in findings(stack) if one["check"].startswith("container.")]
        assert (found["check"], found["subject"], found["severity"]) == ("container.permission", name, "error")
        assert "data-node" in found["title"]
