"""GPU process -> container -> service -> server -> model, on a real Engine with real processes.

The driver alone is a stand-in: tests/nvml/stub.c under the unmodified nvidia-ml-py, listing processes of three
containers and one of this machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stackops.console.collect.owners import PS_ARGS, rows_of
from stackops.console.hosts.local import open_local
from stackops.console.settings import Settings
from support.model_boxes import Box, model_boxes
from support.nvml import GIB, MIB, Stub, build, card, holds, uuid
from support.stacks import docker

MAIN = "from stackops.console.cli import main; main()"
GAP = 700 * MIB
"""What each card uses beyond its processes."""


@pytest.fixture(scope="module")
def boxes(standins: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Box]]:
    with model_boxes(tmp_path_factory.mktemp("models")) as made:
        yield made


@pytest.fixture
def native() -> Iterator[int]:
    """A process of this machine that holds memory too."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def stub(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Stub:
    return Stub(build(tmp_path_factory), tmp_path)


def gpu(stub: Stub, tmp_path: Path) -> dict[str, Any]:
    """``stackops gpu --json``, from a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STACKOPS")} | stub.environment
    environment |= {"XDG_CONFIG_HOME": str(tmp_path / "config"), "STACKOPS_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "gpu", "--json"], env=environment, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_every_process_is_told_with_container_service_server_and_model(boxes, native, stub, tmp_path) -> None:
    (runner,) = boxes["ollama"].pids("runner")
    first, second = boxes["vllm"].pids("VLLM::Worker")
    (embedding,) = boxes["m3e"].pids("uvicorn")
    held = {
        (0, runner): 7 * GIB, (0, embedding): 2 * GIB, (0, native): 512 * MIB, (0, first): 9 * GIB,
        (1, second): 30 * GIB,
    }  # fmt: skip
    used = [GAP + sum(size for (where, _), size in held.items() if where == index) for index in (0, 1)]
    stub.write(
        cards=[card(index, memory_used=used[index]) for index in (0, 1)],
        processes=[holds(where, pid, size) for (where, pid), size in held.items()],
    )
    document = gpu(stub, tmp_path)

    found = {(p["index"], p["pid"]): p for p in document["processes"]}
    assert {key: p["bytes"] for key, p in found.items()} == held
    told = {key: tuple(p[n] for n in ("container", "service", "product", "model")) for key, p in found.items()}
    qwen = ("stackops-test-vllm", "stackops-test-vllm", "vllm", "Qwen/Qwen2.5-7B-Instruct")
    assert told == {
        (0, runner): ("stackops-test-ollama", "stackops-test-ollama", "ollama", "qwen2.5:7b"),
        (0, first): qwen,
        (1, second): qwen,
        (0, embedding): ("stackops-test-m3e", "stackops-test-m3e", "m3e-large-api", "m3e-large"),
        (0, native): (None, None, None, None),
    }
    assert all(p["visible"] and p["orphan"] is None and p["started_at"] for p in found.values())
    assert "token-never-shown" not in json.dumps(document)
    for each in document["gpus"]:
        processes = sum(p["bytes"] for p in document["processes"] if p["gpu"] == each["uuid"])
        assert (processes + each["unattributed"], each["unattributed"]) == (each["memory_used"], GAP)


def test_the_engine_tells_the_same_process_ids_as_this_machine(boxes) -> None:
    host = open_local(Settings(), read_only=True)
    assert host.engine is not None
    reply = asyncio.run(host.engine.top(boxes["ollama"].id, ps_args=PS_ARGS))
    rows = {row.pid: row for row in rows_of(reply, boxes["ollama"].id)}
    (runner,) = boxes["ollama"].pids("runner")
    assert rows[runner].command[:2] == ("/usr/bin/ollama", "runner")
    assert rows[runner].container == boxes["ollama"].id


def test_a_container_that_goes_leaves_no_wrong_name_behind(boxes, stub, tmp_path) -> None:
    (embedding,) = boxes["m3e"].pids("uvicorn")
    stub.write(cards=[card(0, memory_used=3 * GIB)], processes=[holds(0, embedding, 2 * GIB)])
    docker("rm", "--force", boxes["m3e"].name)
    (process,) = gpu(stub, tmp_path)["processes"]
    assert (process["visible"], process["container"], process["product"], process["models"]) == (False, None, None, [])
    assert process["gpu"] == uuid(0)
