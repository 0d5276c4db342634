"""Shared memory that is used up, and what ``server.shm`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.checks.compose import LABEL_DIRECTORY, LABEL_FILES
from stackops.console.model import ComposeService, ConfigFile, LastWords, Snapshot

from examples import Example
from examples.container.common import app, finds
from examples.gpu.machines import machine, service
from examples.wiring.folder import FILE, FOLDER, live

LOOP = {"state": "restarting", "restart_count": 20, "exit_code": 1}
BUS = (
    "RuntimeError: DataLoader worker (pid 123) is killed by signal: Bus error. It is possible that dataloader workers "
    "are out of shared memory. Please try to raise your shared memory limit."
)


def says(*lines: str, **more: Any) -> Snapshot:
    return app(lines=lines, **(LOOP | more))


def declared(*words: str, image: str = "vllm/vllm-openai:v0.8.5", **more: Any) -> Snapshot:
    return machine(declared=(service("answers", image=image, command=words, **more),))


def composed(*lines: str, declared: dict[str, Any] | None = None, **more: Any) -> Snapshot:
    """A vLLM that Compose made, and its last lines."""
    one = ComposeService("vllm", image="vllm/vllm-openai:v0.8.5", **(declared or {}))
    snapshot = live(one)
    labels = {LABEL_DIRECTORY: FOLDER, LABEL_FILES: FILE}
    made = tuple(replace(each, labels=labels, **(LOOP | more)) for each in snapshot.containers)
    projects = tuple(replace(each, files=(ConfigFile(FILE),)) for each in snapshot.projects)
    words = (LastWords(made[0].id, lines, True),) if lines else ()
    return replace(snapshot, containers=made, projects=projects, last_words=words)


BOTH, WRITTEN = ("EditFile", "ComposeUp"), ("EditFile",)
FINDS = tuple(
    finds(name, "full", snapshot)
    for name, snapshot in (
        ("runs a model over two cards with 64 MiB", says(BUS)),
        ("is seen between two ends", says(BUS, state="running")),
        ("says more afterwards", says(BUS, "Traceback (most recent call last):")),
        ("ended by it and is not started again", says(BUS, state="exited", restart_policy="no")),
        ("filled it with NCCL", says("NCCL WARN Error: failed to extend /dev/shm/nccl-abc: No space left on device")),
        ("filled it with torch", says("OSError: [Errno 28] No space left on device: '/dev/shm/torch_1'")),
        ("could not make a segment", says("unable to open shared memory segment </torch_1> in /dev/shm")),
        ("lost a loader by it", says("RuntimeError: DataLoader worker (pid 99) is killed by signal: Bus error.")),
        ("could not write a tensor", says("unable to write to file </torch_29_1234_0>: No space left on device (28)")),
        ("could not reserve it with NCCL", says("NCCL WARN Call to posix_fallocate failed : No space left on device")),
        ("says only the half", says("Please try to raise your shared memory limit")),
        ("says it in lower case", says("killed: bus error, shared memory used up")),
        ("is unhealthy by it", says("workers are out of shared memory", state="restarting", exit_code=135)),
    )
)

FINDS += (
    Example("is to start vLLM over four cards", declared("-tp", "4"), "finding", "small", WRITTEN),
    Example(
        "is to start a model of somebody's own over two cards",
        declared("--tp=2", image="me/vllm-x:3"),
        "finding",
        "small",
        WRITTEN,
    ),
    Example("gives it too little", declared("-tp", "2", shared_memory=64 << 20), "finding", "small", WRITTEN),
    Example("has it in Compose", composed(BUS), "finding", "full", BOTH),
    Example(
        "gives it a little in Compose", composed(BUS, declared={"shared_memory": 1 << 30}), "finding", "full", BOTH
    ),
    finds("gives it much in Compose, and it is full", "full", composed(BUS, declared={"shared_memory": 16 << 30})),
    finds("gives it the machine's, which is full", "full", composed(BUS, declared={"shared_memory": 0})),
)

FINDS_NOT = (
    Example(
        "recreated it in Compose with more", composed(state="running", restart_count=0, exit_code=0), "not_applicable"
    ),
    Example("gives it enough", declared("-tp", "2", shared_memory=8 << 30), "ok"),
    Example("shares the machine's", declared("-tp", "2", shared_memory=0), "not_applicable"),
    Example("is to start vLLM on one card", declared("-tp", "1"), "not_applicable"),
    Example("has a full disk", says("OSError: [Errno 28] No space left on device: '/data/model.bin'"), "ok"),
    Example("has a bus error of another kind", says("Bus error (core dumped)"), "ok"),
    Example("is out of the card's memory", says("CUDA out of memory"), "ok"),
    Example("tells how much it has", says("shared memory: 8 GiB"), "ok"),
    Example("lost its database", says("connection refused"), "ok"),
    Example("uses memory of the machine", says("MemoryError"), "ok"),
    Example("is well", app(lines=()), "not_applicable"),
    Example("was stopped by somebody", says(BUS, state="exited", exit_code=137), "not_applicable"),
    Example("is paused and was well", app(lines=(), state="paused"), "not_applicable"),
    Example("has not been inspected yet", says(BUS, detailed=False), "not_applicable"),
)

EXAMPLES = FINDS + FINDS_NOT
