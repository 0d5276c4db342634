"""GPUs that containers lose and keep, and what ``gpu.lost-in-container`` must say of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import (
    Container,
    DeviceRequest,
    DeviceRules,
    EnvVar,
    GpuDriver,
    LastWords,
    LogMark,
    Server,
    Snapshot,
)

from examples import Example
from examples.gpu.machines import ALL, READY, SYSTEMD, box, count, gpu, holds, ids, machine, service
from examples.snapshots import ENGINE, NOW, STARTED, container_id

LOST = ("gpu.lost.nvml-unknown", "Failed to initialize NVML: Unknown Error")
NONE = ("gpu.lost.no-device", "RuntimeError: No CUDA GPUs are available")
CONTEXT = ("gpu.lost.cuda", "cuda driver library failed to get device context 800")
LOOP: dict[str, Any] = {"state": "restarting", "exit_code": 1, "finished_at": STARTED + 60.5, "restart_count": 9}
AGAIN: dict[str, Any] = {"restart_count": 9, "started_at": NOW - 20, "finished_at": NOW - 20.1}
UP = Server("ollama:11434", "ollama", "http://127.0.0.1:11434", "up", container=container_id("ollama"))
CGROUPFS = replace(READY, cgroup_driver="cgroupfs")
CDI = DeviceRequest("cdi", None, ("nvidia.com/gpu=all",), ())
FROM_RUNTIME: dict[str, Any] = {"runtime": "nvidia", "env": (EnvVar("NVIDIA_VISIBLE_DEVICES", "all"),)}
NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0")
TWO = (gpu(0, 6), gpu(1))


def on(
    made: Container, nvidia: bool | None = False, *marks: tuple[str, str], rules: bool = True, **more: Any
) -> Snapshot:
    """A container under the systemd driver, whose rules name NVIDIA's devices or not."""
    path = f"/run/systemd/transient/docker-{made.id}.scope.d/50-DeviceAllow.conf"
    found = (DeviceRules(made.id, path, nvidia),) if rules else ()
    return machine(made, **{"gpus": TWO, "engine": SYSTEMD, "device_rules": found, "marks": marks, **more})


def ollama(*requests: DeviceRequest, **more: Any) -> Container:
    """A container with a GPU."""
    return box(
        "ollama", "ollama/ollama", *(requests or (() if "runtime" in more or "devices" in more else (ALL,))), **more
    )


def _lost(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", "lost", ("RestartContainer",))


def _ended(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", "ended", ())


def _will(name: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", "predictable", ())


FINDS = (
    _lost("reloaded systemd's units under a running Ollama", on(ollama(), False, LOST)),
    _lost("upgraded packages under a vLLM", on(box("vllm", "vllm/vllm-openai", count(1)), False, LOST)),
    _lost("lost it where the rules cannot be read", on(ollama(), None, LOST)),
    _lost("lost it although the rules name the devices by now", on(ollama(), True, LOST)),
    _lost("lost it under the runtime nvidia", on(ollama(**FROM_RUNTIME), False, LOST)),
    _lost("lost it while another container's card is in trouble",
          on(ollama(ids("0")), False, LOST, gpus=(gpu(0), gpu(1, health="lost")))),
    _lost("lost it under another cgroup driver", on(ollama(), False, LOST, engine=CGROUPFS)),
    _ended("has a vLLM that finds no GPU and waits for its next start", on(ollama(**LOOP), True, NONE)),
    _ended("has a vLLM that found no GPU and is started just now", on(ollama(**AGAIN), True, NONE, at=NOW - 25)),
    _ended("has one that is not started again", on(ollama(**{**LOOP, "state": "exited"}), True, NONE)),
    _ended("has one whose last words alone say so",
           on(ollama(**LOOP), True, last_words=(LastWords(container_id("ollama"), (NONE[1], "exit")),))),
    _ended("has a driver that could not be asked", on(ollama(**LOOP), True, NONE, driver=None)),
    _lost("has an Ollama that gets no context of the GPU any more", on(ollama(), True, CONTEXT)),
    _will("gave all GPUs through compose", on(ollama())),
    _will("gave one GPU by count", on(ollama(count(1)))),
    _will("gave one GPU by number", on(ollama(ids("1")))),
    _will("uses the runtime nvidia, whose toolkit is older", on(ollama(**FROM_RUNTIME))),
    _will("was told of it before the last restart", on(ollama(), False, LOST, at=STARTED - 3600)),
    _will("has a driver in trouble, which is another matter",
          on(ollama(), False, LOST, driver=GpuDriver("mismatch", cards=2))),
)  # fmt: skip

FINDS_NOT = (
    Example("has rules that name the devices", on(ollama(), True), "ok"),
    Example("restarted it", on(ollama(), True, LOST, at=STARTED - 60), "ok"),
    Example("uses the cgroupfs driver", on(ollama(), engine=CGROUPFS, rules=False), "ok"),
    Example("uses CDI", on(ollama(CDI)), "ok"),
    Example("passed every device file besides", on(ollama(ALL, devices=NODES)), "ok"),
    Example("passed the device files and nothing else", on(ollama(devices=NODES)), "ok"),
    Example("may not read systemd's files", on(ollama(), None), "not_applicable"),
    Example("has a card that fell off the bus, and with it its grant",
            on(ollama(ids("1")), True, LOST, gpus=(gpu(0), gpu(1, health="lost"))), "unknown"),
    Example("looks from where the driver cannot be asked", on(ollama(), True, LOST, driver=None), "unknown"),
    Example("woke the driver a moment ago", on(ollama(), True, LOST, driver=GpuDriver("stalled")), "unknown"),
    Example("has not looked at the rules yet", on(ollama(), rules=False), "not_applicable"),
    Example("serves on its GPU, and one of its programs found none at its start",
            on(ollama(), True, NONE, gpu_processes=(holds(0, "ollama", 4),)), "ok"),
    Example("got ready after it had been told that NVML is not there",
            on(ollama(), True, log_marks=(LogMark(container_id("ollama"), *NONE, STARTED + 5),
                                          LogMark(container_id("ollama"), "model.ready", "x", STARTED + 60))), "ok"),
    Example("ended without a GPU, and serves now",
            on(ollama(**AGAIN), True, NONE, at=NOW - 25, servers=(UP,)), "ok"),
    Example("ended without a GPU while the driver was in trouble, which is another matter",
            on(ollama(**LOOP), True, NONE, driver=GpuDriver("mismatch")), "not_applicable"),
    Example("stopped it after it had said so", on(ollama(**{**LOOP, "state": "exited", "exit_code": 137}), True, NONE),
            "not_applicable"),
    Example("stopped it", on(ollama(state="exited"), False, LOST), "not_applicable"),
    Example("has a container without a GPU", on(box("pg", "pgvector/pgvector"), False, LOST), "not_applicable"),
    Example("has an Engine that does not tell its cgroup driver", on(ollama(), engine=ENGINE), "not_applicable"),
    Example("has not started it yet", machine(declared=(service("ollama", ALL),), engine=SYSTEMD), "not_applicable"),
    Example("has no Engine to ask", machine(engine=None, driver=None), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
