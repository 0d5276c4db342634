"""The GPUs of the practice stack: two cards whose memory belongs to the processes of running containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...model import Gpu, GpuDriver, GpuProcess
from ..reading import GpuReading
from .walks import wave
from .world import World

MIB = 1 << 20
CARDS = ("GPU-5d0a7c1e-3f42-4b7e-9a61-2c8f0b9d1e34", "GPU-b1f6e920-77ad-4c05-8d3b-94e5a6f0c712")
BUSES = ("00000000:01:00.0", "00000000:41:00.0")
MODEL, TOTAL, RESERVED = "NVIDIA GeForce RTX 4090", 24_564 * MIB, 402 * MIB
"""fact: a 4090 of 24 GB shows 24564 MiB, some of which the driver keeps."""
OWN = 14 * MIB
"""What is used on a card and held by no process, display and driver together."""
POWER_LIMIT, CLOCK, MEMORY_CLOCK = 450.0, 3_105, 10_501
DRIVER = GpuDriver(
    "ok", version="550.90.07", nvml="12.550.90.07", cuda="12.4", module="550.90.07", cards=len(CARDS),
    same_namespace=True,
)  # fmt: skip


class DemoGpus:
    """The door that NVML is on a real machine. The driver knows process ids, never containers."""

    def __init__(self, world: World, ready: Callable[[], None]) -> None:
        self._world = world
        self._ready = ready

    def read(self) -> GpuReading:
        """Both cards and everything that holds their memory."""
        self._ready()
        at = self._world.clock.monotonic()
        processes = self._processes(at)
        cards = tuple(self._card(number, processes) for number in range(len(CARDS)))
        return GpuReading(DRIVER, cards, tuple(processes))

    def close(self) -> None:
        """Nothing was started."""

    def _processes(self, at: float) -> list[GpuProcess]:
        found = []
        with self._world.lock:
            for container in self._world.containers():
                for pid, argv in container.processes():
                    found += [
                        GpuProcess(
                            gpu=CARDS[held.gpu], pid=pid, memory=held.memory * MIB, name=argv[0], kind="compute",
                            utilisation=self._busy(held.gpu, container.name, at),
                        )
                        for held in container.program.on_gpu
                        if held.argv == argv
                    ]  # fmt: skip
        return found

    def _busy(self, gpu: int, name: str, at: float) -> float:
        """Percent; each process swings in its own way, and none takes more than half a card."""
        return round(min(49.0, 25.0 * wave(f"{self._world.seed}:gpu:{gpu}:{name}", 0.9).level(at)))

    def _card(self, number: int, processes: Sequence[GpuProcess]) -> Gpu:
        own = [process for process in processes if process.gpu == CARDS[number]]
        busy = min(99.0, sum(process.utilisation or 0.0 for process in own))
        used = OWN + sum(process.memory or 0 for process in own)
        return Gpu(
            uuid=CARDS[number], index=number, name=MODEL, bus=BUSES[number], memory_total=TOTAL, memory_used=used,
            memory_reserved=RESERVED, memory_free=TOTAL - RESERVED - used, utilisation=busy,
            memory_utilisation=round(0.6 * busy), temperature=round(36 + 0.36 * busy), power=round(24 + 3.4 * busy, 1),
            power_limit=POWER_LIMIT, fan=round(30 + 0.4 * busy), clock=round(CLOCK * (0.3 + 0.6 * min(1.0, busy / 40))),
            clock_max=CLOCK, memory_clock=MEMORY_CLOCK if busy else 405, performance_state=2 if busy else 8,
            throttling=(), ecc=None, pcie_generation=4 if busy else 1, pcie_generation_max=4, pcie_width=16,
            persistence=True, mig=None, read_at=self._world.now(),
        )  # fmt: skip
