"""Processes on GPUs, and which of them ``gpu.orphan`` must name."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import GpuProcess, Snapshot

from examples import Example
from examples.gpu.machines import ALL, WORKS, box, gpu, holds, machine
from examples.snapshots import STARTED

GONE = "Its container, 6f1c2a9e77d0, is gone: docker does not list it any more, the process keeps the memory"
ALONE = "Its parent has ended: it works for nobody any more and keeps the memory"
ZOMBIE = "It has ended and stays as a zombie, as its parent, bash (4700), does not ask for its end; it keeps the memory"
WORKER: dict[str, Any] = {
    "name": "VLLM::Worker_TP0",
    "command": ("VLLM::Worker_TP0",),
    "started_at": STARTED,
    "parent": 1,
}
TWO = (gpu(0, 20), gpu(1, 20))


def on(*processes: GpuProcess, **more: Any) -> Snapshot:
    """A machine with two cards and these processes."""
    return machine(**{"gpus": TWO, "gpu_processes": processes, **more})


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    _finds("removed a vLLM by force", "left-behind", on(holds(0, None, 20, orphan=GONE, **WORKER))),
    _finds("removed a vLLM that worked on two cards", "left-behind",
           on(holds(0, None, 20, orphan=GONE, **WORKER), holds(1, None, 20, orphan=GONE, **WORKER))),
    _finds("killed the parent of a worker", "left-behind", on(holds(0, None, 11, orphan=ALONE, **WORKER))),
    _finds("cannot see how much it holds", "left-behind", on(holds(0, None, None, orphan=ALONE, **WORKER))),
    _finds("does not know its command", "left-behind", on(holds(0, None, 3, orphan=GONE, name=None))),
    _finds("has one beside those that belong to somebody", "left-behind",
           on(holds(0, "ollama", 5), holds(1, None, 20, pid=99, orphan=GONE, **WORKER))),
    _finds("left it on a card that is not listed any more", "left-behind",
           on(holds(7, None, 20, orphan=GONE, **WORKER))),
    _finds("has the worker of another user", "left-behind", on(holds(0, None, 2, orphan=ALONE, user="li", **WORKER))),
    _finds("has a zombie outside of containers", "zombie", on(holds(0, None, 9, orphan=ZOMBIE, parent=4700))),
    _finds("has a zombie in a container", "zombie",
           on(holds(0, "vllm", 9, orphan=ZOMBIE, parent=4700), gpus=TWO)),
    _finds("has a zombie whose parent is not known", "zombie", on(holds(0, None, 9, orphan=ZOMBIE))),
)  # fmt: skip

FINDS_NOT = (
    Example("runs a server in a container", machine(box("vllm", "vllm/vllm-openai", ALL), gpus=TWO,
            gpu_processes=(holds(0, "vllm", 20),)), "ok"),
    Example("runs a server outside of containers", on(holds(0, None, 20, name="ollama", parent=1)), "ok"),
    Example("trains a model in a shell", on(holds(0, None, 20, name="python3", parent=4000)), "ok"),
    Example("runs a desktop on the card", on(holds(0, None, 0.4, name="Xorg", kind="graphics")), "ok"),
    Example("sees a process of another pid namespace", on(holds(0, None, 8, visible=False)), "ok"),
    Example("runs one server on both cards", on(holds(0, "vllm", 20), holds(1, "vllm", 20)), "ok"),
    Example("does not see how much a process holds", on(holds(0, None, None)), "ok"),
    Example("runs the console in a container of its own process numbers",
            on(holds(0, None, 8, visible=False), driver=replace(WORKS, same_namespace=False)), "unknown"),
    Example("runs nothing on the cards", on(), "not_applicable"),
    Example("has no cards", machine(gpus=(), driver=None), "not_applicable"),
    Example("has a driver that tells no processes", on(gpus=(gpu(0),)), "not_applicable"),
    Example("lost a card with what ran on it", on(gpus=(gpu(0, health="lost"),)), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
