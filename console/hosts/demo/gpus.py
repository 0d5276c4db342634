"""The GPUs of the practice stack: cards whose memory belongs to the processes of running containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ...model import Gpu, GpuDriver, GpuProcess
from ..reading import GpuReading
from .cards import MODEL, OWN, RESERVED, TOTAL, Card
from .walks import wave
from .world import World

MIB = 1 << 20
POWER_LIMIT, CLOCK, MEMORY_CLOCK = 450.0, 3_105, 10_501
DRIVER = GpuDriver(
    "ok", version="550.90.07", nvml="12.550.90.07", cuda="12.4", module="550.90.07", same_namespace=True,
)  # fmt: skip


class DemoGpus:
    """The door that NVML is on a real machine. The driver knows process ids, never containers."""

    def __init__(self, world: World, ready: Callable[[], None]) -> None:
        self._world = world
        self._ready = ready

    def read(self) -> GpuReading:
        """All cards and everything that holds their memory."""
        self._ready()
        at = self._world.clock.monotonic()
        with self._world.lock:
            cards = tuple(self._world.cards.all)
            processes = self._processes(cards, at)
        read = tuple(self._card(number, card, processes) for number, card in enumerate(cards))
        return GpuReading(replace(DRIVER, cards=len(cards)), read, tuple(processes))

    def close(self) -> None:
        """Nothing was started."""

    def _processes(self, cards: Sequence[Card], at: float) -> list[GpuProcess]:
        own = self._world.cards
        found = [
            GpuProcess(
                gpu=cards[held.card].uuid, pid=held.pid, memory=held.memory * MIB, name=held.argv[0], kind="compute",
                utilisation=self._busy(held.card, held.container.name, at),
            )
            for held in own.holdings(self._world.containers())
        ]  # fmt: skip
        return found + [
            GpuProcess(cards[one.card].uuid, one.pid, one.memory * MIB, one.argv[0], "compute", utilisation=0.0)
            for one in own.left
        ]

    def _busy(self, gpu: int, name: str, at: float) -> float:
        """Percent; each process swings in its own way, and none takes more than half a card."""
        return round(min(49.0, 25.0 * wave(f"{self._world.seed}:gpu:{gpu}:{name}", 0.9).level(at)))

    def _card(self, number: int, card: Card, processes: Sequence[GpuProcess]) -> Gpu:
        if card.lost:
            return Gpu(
                uuid=card.uuid, index=number, name=MODEL, bus=card.bus, health="lost", trouble="The GPU is lost",
                remedy="Power the machine off and on", read_at=self._world.now(),
            )  # fmt: skip
        own = [process for process in processes if process.gpu == card.uuid]
        busy = min(99.0, sum(process.utilisation or 0.0 for process in own))
        used, total = OWN * MIB + sum(process.memory or 0 for process in own), TOTAL * MIB
        return Gpu(
            uuid=card.uuid, index=number, name=MODEL, bus=card.bus, memory_total=total, memory_used=used,
            memory_reserved=RESERVED * MIB, memory_free=total - RESERVED * MIB - used, utilisation=busy,
            memory_utilisation=round(0.6 * busy), temperature=round(36 + 0.36 * busy), power=round(24 + 3.4 * busy, 1),
            power_limit=POWER_LIMIT, fan=round(30 + 0.4 * busy), clock=round(CLOCK * (0.3 + 0.6 * min(1.0, busy / 40))),
            clock_max=CLOCK, memory_clock=MEMORY_CLOCK if busy else 405, performance_state=2 if busy else 8,
            throttling=(), ecc=None, pcie_generation=4 if busy else 1, pcie_generation_max=4, pcie_width=16,
            persistence=True, mig=None, read_at=self._world.now(),
        )  # fmt: skip
