"""Ollama with and without its GPU: lost, never seen, not granted, no room, too big, partly, and on purpose."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import DeviceRequest, DeviceRules, EnvVar, Gpu, GpuDriver, LoadedModel, Server, Snapshot

from examples import Example
from examples.snapshots import NOW, container_id, stack

GIB = 1 << 30
GRANT = (DeviceRequest("nvidia", -1, (), ("gpu",)),)
CARD = Gpu("GPU-1", 0, name="NVIDIA GeForce RTX 4090", memory_total=24 * GIB, memory_used=4 * GIB, memory_free=20 * GIB)
FULL = replace(CARD, memory_used=23 * GIB, memory_free=1 * GIB)
DRIVER = GpuDriver("ok", version="550.54", cards=1)
BROKEN = GpuDriver("mismatch", cards=1, sentence="The driver's library and its kernel module are of two versions")
SEEN = ("ollama.inference-gpu", 'msg="inference compute" id=GPU-1 library=cuda')
BLIND = ("ollama.inference-cpu", 'msg="inference compute" id="" library=cpu')
FIX = ("RestartContainer",)


def model(size: float, vram: float | None, name: str = "qwen2.5:7b") -> LoadedModel:
    """Sizes in GiB."""
    return LoadedModel(name, int(size * GIB), None if vram is None else int(vram * GIB))


def ollama(
    *loaded: LoadedModel, grant: bool = True, gpus: tuple[Gpu, ...] = (CARD,), driver: GpuDriver | None = DRIVER,
    mark: tuple[str, str] | None = SEEN, state: Any = "up", env: tuple[EnvVar, ...] = (), tells: bool = True,
    **container: Any,
) -> Snapshot:  # fmt: skip
    """An Ollama made by Compose, beside the machine's GPUs."""
    made = stack(
        "ollama", "/srv/models", name="ollama", service="ollama", image="ollama/ollama:0.3.12",
        container={"env": env, "device_requests": GRANT if grant else (), **container},
        marks=(mark,) if mark else (),
    )  # fmt: skip
    server = Server("ollama:11434", "ollama", "http://127.0.0.1:11434", state, container=container_id("ollama"),
                    loaded=loaded if tells else None, read_at=NOW)  # fmt: skip
    rules = (DeviceRules(container_id("ollama"), "/run/systemd/transient/x", False),)
    return replace(made, servers=(server,), gpus=gpus, gpu_driver=driver, device_rules=rules if grant else ())


def native(*loaded: LoadedModel) -> Snapshot:
    """An Ollama on the machine itself."""
    made = ollama()
    server = replace(made.servers[0], key="host:11434", container=None, pid=812, loaded=loaded)
    return replace(made, containers=(), services=(), servers=(server,), log_marks=())


EXAMPLES = (
    Example("a daemon-reload took the GPU away", ollama(model(6, 0)), "finding", "lost", FIX),
    Example("its log has been rotated away", ollama(model(6, 0), mark=None), "finding", "lost", FIX),
    Example("it was started before the driver", ollama(model(6, 0), mark=BLIND), "finding", "not-seen", FIX),
    Example("the same, with nothing loaded yet", ollama(mark=BLIND), "finding", "not-seen", FIX),
    Example("the same, without telling what is loaded", ollama(mark=BLIND, tells=False), "finding", "not-seen", FIX),
    Example("granted no GPU", ollama(model(6, 0), grant=False, mark=BLIND), "finding", "no-grant", ()),
    Example("the driver was upgraded", ollama(model(6, 0), gpus=(), driver=BROKEN, mark=BLIND),
            "finding", "driver", ()),
    Example("a model for a bigger card", ollama(model(42, 0)), "finding", "too-big", ()),
    Example("others hold the memory", ollama(model(6, 0), gpus=(FULL,)), "finding", "no-room", ()),
    Example("a part of it fits", ollama(model(30, 18)), "finding", "partial", ()),
    Example("one of two is on the CPU", ollama(model(6, 6), model(14, 0, "llama3:70b")), "finding", "partial", ()),
    Example("on the machine itself", native(model(6, 0)), "finding", "native", ()),
    Example("whole on the GPU", ollama(model(6, 6)), "ok"),
    Example("all but rounding", ollama(model(6, 5.95)), "ok"),
    Example("nothing loaded", ollama(), "ok"),
    Example("no model loaded, and granted nothing", ollama(grant=False, mark=BLIND), "ok"),
    Example("a machine without a GPU", ollama(model(6, 0), grant=False, gpus=(), mark=BLIND,
            driver=GpuDriver("no_library", cards=0)), "ok"),
    Example("a machine where nobody asked for GPUs", ollama(model(6, 0), gpus=(), driver=None), "ok"),
    Example("told to use the CPU", ollama(model(6, 0), env=(EnvVar("CUDA_VISIBLE_DEVICES", "-1"),)), "ok"),
    Example("told to use its library for the CPU", ollama(model(6, 0), mark=BLIND,
            env=(EnvVar("OLLAMA_LLM_LIBRARY", "cpu_avx2"),)), "ok"),
    Example("the size on the GPU is not told", ollama(model(6, None)), "ok"),
    Example("nobody knows anything", ollama(tells=False, mark=None), "unknown"),
    Example("it does not answer, but saw its GPU", ollama(state="down"), "ok"),
    Example("on the machine itself, on its GPU", native(model(6, 6)), "ok"),
)  # fmt: skip
