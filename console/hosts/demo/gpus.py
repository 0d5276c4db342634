"""The GPUs of the practice stack: two cards whose memory belongs to the processes of running containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...model import Gpu, GpuDriver, GpuProcess
from ..reading import GpuReading
from .walks import wave
from .world import World

MIB = 1 << 20
CARDS = ("GPU-5d0a7c1e-3f42-4b7e-9a61-2c8f0b9d1e34", "GPU-b1f6e920-77ad-4c05-8d3b-94e5a6f0c712")
MODEL, TOTAL, RESERVED = "NVIDIA GeForce RTX 4090", 24_564 * MIB, 402 * MIB
"""fact: a 4090 of 24 GB shows 24564 MiB, some of which the driver keeps."""
POWER_LIMIT = 450.0


class DemoGpus:
    """The door that NVML is on a real machine. The driver knows process ids, never containers."""

    def __init__(self, world: World, ready: Callable[[], None]) -> None:
        self._world = world
        self._ready = ready

    def read(self) -> GpuReading:
        """Both cards and everything that holds their memory."""
        self._ready()
        processes = self._processes()
        at = self._world.clock.monotonic()
        cards = tuple(self._card(number, processes, at) for number in range(len(CARDS)))
        return GpuReading(GpuDriver("ok", cards=len(CARDS), same_namespace=True), cards, tuple(processes))

    def close(self) -> None:
        """Nothing was started."""

    def _processes(self) -> list[GpuProcess]:
        found = []
        with self._world.lock:
            for container in self._world.containers():
                for pid, argv in container.processes():
                    found += [
                        GpuProcess(gpu=CARDS[held.gpu], pid=pid, memory=held.memory * MIB, name=argv[0])
                        for held in container.program.on_gpu
                        if held.argv == argv
                    ]
        return found

    def _card(self, number: int, processes: Sequence[GpuProcess], at: float) -> Gpu:
        own = [process for process in processes if process.gpu == CARDS[number]]
        wobble = wave(f"{self._world.seed}:gpu:{number}", 0.85).level(at)
        work = min(0.99, 0.45 * wobble) if own else 0.0
        return Gpu(
            uuid=CARDS[number], index=number, name=MODEL, memory_total=TOTAL,
            memory_used=RESERVED + sum(process.memory or 0 for process in own), utilisation=round(100 * work),
            temperature=round(38 + 34 * work), power=round(24 + 330 * work, 1), power_limit=POWER_LIMIT,
        )  # fmt: skip
