"""Drivers in every state, and what ``gpu.driver`` must say of them."""

from __future__ import annotations

from typing import Any

from stackops.console.model import GpuDriver, NativeProcess, Service, Snapshot

from examples import Example
from examples.gpu.machines import ALL, WORKS, box, count, gpu, machine, service

ASKS = (service("ollama", count(1)),)
TWO = (gpu(0, 4), gpu(1))
NO_LIBRARY = GpuDriver("no_library", cards=1, code=12, sentence="An NVIDIA card is there, but no NVIDIA driver")
NOT_LOADED = GpuDriver("not_loaded", cards=1, code=9, sentence="The NVIDIA kernel module is not loaded")
MISMATCH = GpuDriver("mismatch", version="550.90.07", module="550.54.14", cards=2, code=18, sentence="upgraded")
BARE = {"name": "ollama", "role": "ollama", "pid": 812}


def on(driver: GpuDriver | None, *, asked: bool = True, **more: Any) -> Snapshot:
    """A machine with this driver, and a service that asks for a GPU."""
    return machine(driver=driver, declared=ASKS if asked else (), **more)


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


def _native() -> Snapshot:
    process = NativeProcess(812, "ollama", ("/usr/local/bin/ollama", "serve"))
    return machine(driver=NOT_LOADED, processes=(process,), services=(Service("ollama", "ollama", pid=812),))


FINDS = (
    _finds("put a card into the machine and installed no driver", "no-driver", on(NO_LIBRARY)),
    _finds("has a card that nobody asks for, and no driver", "no-driver", on(NO_LIBRARY, asked=False)),
    _finds("asks for a GPU where the bus cannot be read", "no-driver", on(GpuDriver("no_library", code=12))),
    _finds("asks for a GPU on a machine without a card", "no-card", on(GpuDriver("no_library", cards=0, code=12))),
    _finds("installed the module without the libraries", "no-library",
           on(GpuDriver("no_library", cards=1, module="550.54.14", code=12))),
    _finds("started a server that died on a machine without a card", "no-card",
           machine(box("vllm", "vllm/vllm-openai", ALL, state="exited", exit_code=1),
                   driver=GpuDriver("no_library", cards=0, code=12))),
    _finds("has a container whose start failed on a machine without a card", "no-card",
           machine(box("vllm", "vllm/vllm-openai", ALL, state="exited", exit_code=0, error="no such device"),
                   driver=GpuDriver("no_library", cards=0, code=12))),
    _finds("updated the kernel and has no module for it", "not-loaded", on(NOT_LOADED)),
    _finds("runs Ollama without a container while nouveau holds the card", "not-loaded", _native()),
    _finds("let unattended upgrades replace the driver", "mismatch", on(MISMATCH)),
    _finds("upgraded the driver where nobody uses the card", "mismatch", on(MISMATCH, asked=False)),
    _finds("upgraded the driver, the library's version is not told", "mismatch",
           on(GpuDriver("mismatch", cards=1, code=18, module="550.54.14"))),
    _finds("may not open the device files", "no-permission", on(GpuDriver("no_permission", cards=1, code=4))),
    _finds("has a card that locked up", "stalled", on(GpuDriver("stalled", cards=2), gpus=TWO)),
    _finds("has a library that crashes", "crashed", on(GpuDriver("crashed", cards=2))),
    _finds("has a driver that shows no card", "no-devices", on(WORKS)),
    _finds("lost all cards at once", "gpu-lost", on(GpuDriver("unknown", cards=1, code=15))),
    _finds("lost the second card", "gpu-lost",
           on(WORKS, gpus=(gpu(0, 4), gpu(1, health="lost", trouble="GPU is lost", memory_used=None)))),
    _finds("lost a card before its number was known", "gpu-lost",
           on(WORKS, gpus=(gpu(0, 4), gpu(1, uuid="index:1", index=None, name=None, health="lost")))),
    _finds("has a card that waits for a reset", "reset-required",
           on(WORKS, gpus=(gpu(0, health="reset_required"), gpu(1)))),
    _finds("may not open one of the cards", "gpu-no-permission",
           on(WORKS, gpus=(gpu(0), gpu(1, health="no_permission")))),
)  # fmt: skip

FINDS_NOT = (
    Example("has a driver that works", on(WORKS, gpus=TWO), "ok"),
    Example("has a driver that works and nobody who asks", on(WORKS, asked=False, gpus=TWO), "ok"),
    Example("gave the only card to a virtual machine and runs nothing on it", on(WORKS, asked=False), "ok"),
    Example("has a card whose last value is old", on(WORKS, gpus=(gpu(0, health="stale"), gpu(1))), "ok"),
    Example("has a card some of whose figures cannot be read", on(WORKS, gpus=(gpu(0, health="unreadable"),)), "ok"),
    Example("runs all on one card", on(WORKS, gpus=(gpu(0, 22),), asked=False), "ok"),
    Example("has neither a card nor anybody who asks", on(GpuDriver("no_library", cards=0), asked=False),
            "not_applicable"),
    Example("has no card and cannot read the bus", on(GpuDriver("no_library"), asked=False), "not_applicable"),
    Example("looks at an Engine on another machine", on(None), "not_applicable"),
    Example("judges a folder before anything runs", machine(driver=None, engine=None, declared=(service("a", ALL),)),
            "not_applicable"),
    Example("asks for a GPU under a profile that is off",
            machine(driver=GpuDriver("no_library", cards=0), declared=(service("a", ALL, profiles=("gpu",)),)),
            "not_applicable"),
    Example("woke the card a moment ago", on(GpuDriver("stalled", cards=1, sentence="not yet")), "unknown"),
    Example("stopped the one container that asks for a GPU, on a machine without a card",
            machine(box("ollama", "ollama/ollama", ALL, state="exited", exit_code=143),
                    driver=GpuDriver("no_library", cards=0)), "not_applicable"),
    Example("has a driver with an error of its own", on(GpuDriver("unknown", cards=1, code=999)), "unknown"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
