"""What reports told of model servers, played on a real Engine: their last lines, cards that are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.played import during, played
from support.stacks import Stack, wait_for

pytestmark = pytest.mark.engine

VLLM = """services:
  answers:
    image: vllm/vllm-openai:v0.11.2
    command: ["--model", "Qwen/Qwen3-8B", "--gpu-memory-utilization", "0.92"]
    restart: unless-stopped
"""
SHORT = (
    "Free memory on device cuda:0 (17.02/39.39 GiB) on startup is less than desired GPU memory utilization (0.92,"
    " 36.24 GiB)"
)
DIES = f"""echo 'INFO 11-02 08:00:01 [api_server.py:1839] vLLM API server version 0.11.2'
sleep $(cat /pace/seconds)
echo '(EngineCore_DP0 pid=61) ERROR 11-02 [core.py:708] ValueError: {SHORT}. Decrease it.'
for line in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "(APIServer pid=1)   File /usr/lib/vllm/frame_$line.py"; done
echo 'RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{}}'
exit 1
"""
CARD = Path("/proc/driver/nvidia").exists()
CARDLESS = """services:
  first: &gpu
    image: vllm/vllm-openai:v0.9.0
    deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}
  second: {<<: *gpu, image: "ollama/ollama:0.9.0"}
  third: *gpu
  web: {image: "nginx:1.27"}
"""


def results(stack: Stack) -> list[dict[str, Any]]:
    """What ``check --json`` says of what is not well."""
    done = stack.stackops("check", "--json")
    assert done.returncode in (0, 1), done.stderr
    return [one for one in json.loads(done.stdout)["results"] if one["status"] not in ("ok", "not_applicable")]


def _ours(result: dict[str, Any]) -> bool:
    """Whether it is about this project: the Engine's own settings are changed by other tests meanwhile."""
    return not result["check"].startswith("docker.")


@pytest.mark.timeout(600)  # it is asked again where its state changed meanwhile
def test_vllm_that_finds_too_little_memory_is_told_while_it_runs_as_well_as_while_it_waits(tmp_path: Path) -> None:
    compose = VLLM + '    volumes: ["./pace:/pace:ro"]\n'
    with played(tmp_path, compose, {"vllm-openai:v0.11.2": DIES}, {"pace/seconds": "0.1"}) as stack:
        name = f"{stack.name}-answers-1"
        for state, pace in (("restarting", "0.1"), ("running", "100000")):
            stack.write("pace/seconds", pace)
            wait_for(lambda: stack.inspect(name)["RestartCount"] >= 3)
            told = during(stack, name, state, lambda: results(stack))
            (found,) = [one for one in told if one["check"] == "gpu.memory-full"]
            assert (found["status"], found["severity"], found["subject"]) == ("finding", "error", name), state
            assert "36.24 GiB" in found["because"]
            assert "17.02 GiB of 39.39 GiB" in found["because"]
            assert any(SHORT in row["value"] for row in found["evidence"])


@pytest.mark.parametrize(
    ("card", "wanted", "says"),
    [("61", "86", "it is too old"), ("75", "80", "turing-"), ("89", "75", "89- (RTX 40")],
)
def test_text_embeddings_inference_of_another_card(tmp_path: Path, card: str, wanted: str, says: str) -> None:
    compose = """services:
  vectors:
    image: ghcr.io/huggingface/text-embeddings-inference:1.7
    restart: always
    command: ["--model-id", "/models/bge-m3"]
"""
    said = (
        f"Could not start backend: Runtime compute cap {card} is not compatible with compile time compute cap {wanted}"
    )
    script = f"cat <<'LOG'\nError: Could not create backend\n\nCaused by:\n    {said}\nLOG\nexit 1\n"
    with played(tmp_path, compose, {"text-embeddings-inference:1.7": script}) as stack:
        name = f"{stack.name}-vectors-1"
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 2)
        (found,) = [one for one in results(stack) if one["check"] == "server.too-old-card"]
        assert (found["subject"], found["severity"]) == (name, "error")
        assert f"{card[0]}.{card[1]}" in found["title"]
        assert f"{wanted[0]}.{wanted[1]}" in found["title"]
        told = stack.stackops("fix", "server.too-old-card", name, "--dry-run")
        assert says in " ".join((told.stdout + told.stderr).split())


def test_no_nvidia_card_is_one_trouble_whoever_asks_for_one(tmp_path: Path) -> None:
    """Where there is one, and no toolkit that gives it to containers, each container is told of by itself."""
    with played(tmp_path, CARDLESS) as stack:
        names = [f"{stack.name}-{one}-1" for one in ("first", "second", "third")]
        wait_for(lambda: all(stack.inspect(name)["State"]["Error"] for name in names))
        done = stack.stackops("check", "--json")
        told = json.loads(done.stdout)
        states = {one["name"]: one["state"] for one in told["judgement"]["services"]}
        assert {states[name] for name in ("first", "second", "third")} == {"ill"}
        assert [fault for fault in told["faults"] if fault["source"] == "gpus"] == []
        found, *more = [one for one in told["results"] if one["status"] == "finding" and _ours(one)]
        if CARD:
            assert {(one["check"], one["subject"]) for one in (found, *more)} == {("gpu.toolkit", one) for one in names}
            return
        assert (found["check"], found["severity"], more) == ("gpu.driver", "error", [])
        assert all(name in found["title"] for name in names)
        assert " ask for a GPU" in found["title"]
        (trouble,) = [one for one in told["judgement"]["troubles"] if _ours(one)]
        assert trouble["check"] == "gpu.driver"


CROWDED = """services:
  answers:
    image: vllm/vllm-openai:v0.8.5
    command: ["--model", "Qwen/Qwen3-8B", "--tensor-parallel-size", "2"]
    restart: always
  web: {image: "nginx:1.27"}
"""
NCCL = "NCCL WARN Error: failed to extend /dev/shm/nccl-abc to 33030532 bytes, error: No space left on device (28)"
FILLS = f"""while read -r _ at _ how _; do
  case "$at $how" in "/dev/shm "*size=65536k*) echo '{NCCL}'; sleep 1; exit 1;; esac
done < /proc/mounts
exec sleep 1000000
"""


def test_a_model_server_is_given_shared_memory_and_loses_it_again(tmp_path: Path) -> None:
    with played(tmp_path, CROWDED, {"vllm-openai:v0.8.5": FILLS}) as stack:
        name, web = f"{stack.name}-answers-1", stack.inspect(f"{stack.name}-web-1")["Id"]
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 2)
        found, before = stack.result("server.shm", name), stack.tree()
        assert (found["severity"], found["fix"]["safety"]) == ("error", "disruptive")
        shown = stack.stackops("fix", "server.shm", name, "--dry-run")
        assert "shm_size: 8g" in shown.stdout
        assert stack.tree() == before
        done = stack.fix("server.shm", name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert stack.inspect(name)["HostConfig"]["ShmSize"] == 8 << 30
        assert stack.inspect(name)["State"]["Running"]
        assert stack.path("docker-compose.override.yml").exists()
        again = stack.fix("server.shm", name)
        assert again.returncode == 0, "a second time there is nothing to do"
        assert stack.inspect(name)["RestartCount"] == 0
        undone = stack.stackops("undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert stack.tree() == before
        wait_for(lambda: stack.inspect(name)["RestartCount"] >= 1)
        assert stack.inspect(f"{stack.name}-web-1")["Id"] == web
