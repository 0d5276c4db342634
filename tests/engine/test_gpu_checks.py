"""What a real Engine without NVIDIA's toolkit says of GPUs, and what a container does that has too little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from examples.gpu.toolkit import failed as failed_start
from stackops.checks.gpu.toolkit import CHECK
from stackops.console.settings import Settings
from support.stacks import docker, wait_for

MAIN = "from stackops.console.cli import main; main()"
IMAGE, SOURCE = "ollama/ollama:stackops-test", "mongo:5.0.18"
PROJECT = "stackopsgpu"
CARD = Path("/proc/driver/nvidia").exists()
WHO = "gpu.toolkit" if CARD else "gpu.driver"
"""Who speaks of it: where there is no card at all, that is said, and once."""
Look = Callable[[str], dict[str, Any]]


def subject(container: str) -> str:
    return container if CARD else "NVIDIA driver"


@pytest.fixture(scope="module")
def image(standins: None) -> Iterator[str]:
    docker("tag", SOURCE, IMAGE)
    yield IMAGE
    docker("rmi", IMAGE)


@pytest.fixture
def bring_up(image: str, tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Bring a compose file of one service ``box`` up; it goes again, whatever happened."""
    folder = tmp_path / PROJECT
    folder.mkdir()

    def up(body: str) -> subprocess.CompletedProcess[str]:
        head = f"services:\n  box:\n    image: {image}\n    labels: {{stackops.test: '1'}}\n"
        (folder / "docker-compose.yml").write_text(head + body)
        return subprocess.run(
            ["docker", "compose", "up", "-d", "--pull", "never"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    yield up
    subprocess.run(["docker", "compose", "down", "-t", "0"], cwd=folder, capture_output=True, check=False)


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """The one result of a check, from a process of its own."""

    def check(name: str) -> dict[str, Any]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STACKOPS")}
        environment |= {"XDG_CONFIG_HOME": str(tmp_path / "config"), "STACKOPS_STATE_DIR": str(tmp_path / "state")}
        settings = tmp_path / "stackops.toml"
        settings.write_text(f"project_dirs = [{json.dumps(str(tmp_path / PROJECT))}]\n")
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "--project", PROJECT, "--config", str(settings), "check", "--json", name],
            env=environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        (found,) = json.loads(done.stdout)["results"]
        return dict(found)

    return check


def test_a_start_that_failed_for_want_of_the_toolkit_is_told_with_the_engines_own_words(bring_up, look) -> None:
    device = "{driver: nvidia, count: 1, capabilities: [gpu]}"
    failed = bring_up(f"    deploy: {{resources: {{reservations: {{devices: [{device}]}}}}}}\n")
    assert failed.returncode != 0
    assert "could not select device driver" in failed.stderr

    found = look(WHO)
    reason = 'could not select device driver "nvidia" with capabilities: [[gpu]]'
    assert (found["status"], found["severity"], found["subject"]) == ("finding", "error", subject(f"{PROJECT}-box-1"))
    assert f"{PROJECT}-box-1" in found["title"]
    assert reason in [row["value"] for row in found["evidence"]]
    assert "count: 1" in [row["value"] for row in found["evidence"]]
    (told,) = CHECK.examine(failed_start(docker("inspect", "-f", "{{.State.Error}}", f"{PROJECT}-box-1")), Settings())
    assert told.form == "toolkit-missing"
    assert "no NVIDIA toolkit" in told.title


def test_a_runtime_that_the_engine_does_not_know_leaves_no_container_and_is_told_all_the_same(bring_up, look) -> None:
    failed = bring_up("    runtime: nvidia\n    environment: [NVIDIA_VISIBLE_DEVICES=all]\n")
    assert "nvidia" in failed.stderr
    assert not docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}")

    found = look(WHO)
    assert (found["status"], found["severity"], found["subject"]) == ("finding", "error", subject(f"{PROJECT}/box"))
    assert f"{PROJECT}/box" in found["title"]
    assert "NVIDIA_VISIBLE_DEVICES=all" in [row["value"] for row in found["evidence"]]
    (told,) = CHECK.examine(failed_start(failed.stderr.strip()), Settings())
    assert told.form == "runtime-missing"


def test_a_kill_for_want_of_main_memory_is_told_apart_from_the_gpus(bring_up, look) -> None:
    body = "    mem_limit: 16m\n    memswap_limit: 16m\n    entrypoint: [sh, -c, exec tail /dev/zero]\n"
    assert bring_up(body).returncode == 0
    name = f"{PROJECT}-box-1"
    wait_for(lambda: docker("inspect", "-f", "{{.State.Status}} {{.State.OOMKilled}}", name) == "exited true")

    found = look("gpu.memory-full")
    assert (found["status"], found["severity"], found["subject"]) == ("finding", "error", name)
    assert "its limit of 16.0 MiB" in found["title"]
    assert "not of the GPU's" in found["title"]
