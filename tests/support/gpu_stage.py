"""Frozen machines with GPUs: two cards in use, many, sliced ones, ill ones, none."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import (
    Gpu,
    GpuDriver,
    GpuInstance,
    GpuProcess,
    LoadedModel,
    ServedModel,
    Server,
    Service,
    Snapshot,
)

from . import stage
from .stage import GIB, MIB, NOW

DRIVER = GpuDriver("ok", version="550.90.07", cuda="12.4", module="550.90.07", cards=2, same_namespace=True)
VLLM = stage.container(20, "vllm", image="vllm/vllm-openai:v0.9.1", project="models", service="vllm")
NAME = "NVIDIA A100-SXM4-40GB"


def card(index: int, used: int, **facts: object) -> Gpu:
    """A card of 40 GB."""
    known = {
        "uuid": f"GPU-{index}", "index": index, "name": NAME, "memory_total": 40 * GIB, "memory_used": used,
        "memory_free": 40 * GIB - 512 * MIB - used, "memory_reserved": 512 * MIB, "utilisation": 87.0,
        "temperature": 64.0, "power": 310.0, "power_limit": 400.0, "clock": 1410, "throttling": (), "read_at": NOW,
    }  # fmt: skip
    return Gpu(**{**known, **facts})  # type: ignore[arg-type]


HOLDS = (
    GpuProcess(
        "GPU-0", 4301, 6 * GIB, "ollama", "compute", utilisation=31.0, container=stage.OLLAMA.id, service="ollama",
        server="ollama:11434", models=("qwen2.5:7b",), command=("/usr/bin/ollama", "runner", "--port", "40123"),
        parent=1008, user="root", started_at=NOW - 5400, visible=True,
    ),
    GpuProcess(
        "GPU-0", 4242, 2 * GIB, "python3", "compute", service="vllm", command=("python3", "train.py"), parent=1,
        user="llm", started_at=NOW - 7200, visible=True,
    ),
    GpuProcess(
        "GPU-1", 5001, 30 * GIB, "VLLM::EngineCore", "compute", utilisation=56.0, container=VLLM.id, service="vllm",
        server="vllm:8000", models=("Qwen/Qwen2.5-14B-Instruct",), command=("VLLM::EngineCore",), parent=1020,
        user="root", started_at=NOW - 86_000, visible=True,
    ),
    GpuProcess(
        "GPU-1", 6100, 4 * GIB, "VLLM::Worker", "compute", command=("VLLM::Worker_TP0",), parent=1, user="root",
        started_at=NOW - 300_000, visible=True,
        orphan="Its parent has ended: it works for nobody any more and keeps the memory",
    ),
)  # fmt: skip
SERVERS = (
    Server(
        "ollama:11434", "ollama", "http://127.0.0.1:11434", "up", version="0.11.4", container=stage.OLLAMA.id,
        loaded=(LoadedModel("qwen2.5:7b", 6 * GIB, 5 * GIB, NOW + 240, 4096),),
    ),
    Server(
        "vllm:8000", "vllm", "http://127.0.0.1:8000", "busy", "It has not answered for 4 s, and its GPU works",
        container=VLLM.id, models=(ServedModel("Qwen/Qwen2.5-14B-Instruct"),),
    ),
)  # fmt: skip


def two() -> Snapshot:
    """Two cards: an Ollama, a program of the machine, a vLLM, and an orphan."""
    full = stage.full()
    return replace(
        full, containers=(*full.containers, VLLM), gpu_driver=DRIVER, gpu_processes=HOLDS, servers=SERVERS,
        services=(*full.services, Service("model_server", "vllm", container=VLLM.id, project="models")),
        gpus=(card(0, 8 * GIB + 300 * MIB), card(1, 36 * GIB, temperature=84.0, throttling=("too hot",))),
    )  # fmt: skip


def one() -> Snapshot:
    """One card, idle."""
    gpu = card(0, 300 * MIB, utilisation=0.0, temperature=38.0, power=61.0)
    return replace(two(), gpus=(gpu,), gpu_processes=(), gpu_driver=replace(DRIVER, cards=1))


def many(count: int) -> Snapshot:
    """So many cards with a process each."""
    gpus = tuple(card(n, (n + 2) * 2 * GIB) for n in range(count))
    held = tuple(replace(HOLDS[2], gpu=gpu.uuid, pid=7000 + n, memory=(n + 2) * GIB) for n, gpu in enumerate(gpus))
    return replace(two(), gpus=gpus, gpu_processes=held, gpu_driver=replace(DRIVER, cards=count))


def sliced() -> Snapshot:
    """A card in MIG instances; the driver tells a size only of what is asked through an instance."""
    slices = tuple(GpuInstance(f"MIG-{n}", 7 + n, 0, "1g.5gb", 5 * GIB, n * GIB, (5 - n) * GIB) for n in range(3))
    held = (
        replace(HOLDS[0], instance="MIG-1", memory=GIB), replace(HOLDS[2], gpu="GPU-0", instance="MIG-2", memory=None),
    )  # fmt: skip
    gpu = card(0, 4 * GIB, mig=True, utilisation=None, instances=slices)
    return replace(two(), gpus=(gpu,), gpu_processes=held, gpu_driver=replace(DRIVER, cards=1))


def ill() -> Snapshot:
    """A card that does not answer any more, and one that is lost."""
    stale = replace(
        two().gpus[0], health="stale", trouble="The NVIDIA driver does not answer; what is shown is the last it told.",
        remedy="The kernel's log tells more: sudo dmesg | grep -e NVRM -e Xid", read_at=NOW - 33,
    )  # fmt: skip
    lost = Gpu(
        uuid="GPU-1", index=1, name=NAME, health="lost", trouble="It has fallen off the bus.",
        remedy="Reboot; if it stays away, look at its power and its slot",
    )  # fmt: skip
    driver = replace(DRIVER, state="stalled", sentence="The NVIDIA driver does not answer", remedy="sudo dmesg")
    return replace(two(), gpus=(stale, lost), gpu_processes=HOLDS[:2], gpu_driver=driver)


def unreadable() -> Snapshot:
    """Cards on the bus, and a driver that was upgraded under them."""
    driver = GpuDriver(
        "mismatch", cards=2, module="550.54.14", code=18,
        sentence="The NVIDIA kernel module is 550.54.14 and its library 550.90.07: the driver was upgraded meanwhile",
        remedy="Stop what uses the GPUs, then reload the modules, or reboot",
    )  # fmt: skip
    return replace(two(), gpus=(), gpu_processes=(), gpu_driver=driver)


def none() -> Snapshot:
    """No card at all."""
    return replace(two(), gpus=(), gpu_processes=(), gpu_driver=GpuDriver("no_library", cards=0))


STATES = {
    "two": two, "one": one, "sliced": sliced, "ill": ill, "unreadable": unreadable, "none": none,
    "eight": lambda: many(8), "sixteen": lambda: many(16),
}  # fmt: skip
