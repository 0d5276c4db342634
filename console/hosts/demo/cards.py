"""The graphics cards of the practice stack: which there are, who was given which, and what is left of their memory.

A container's card follows from what its compose file asks for, as on a real machine: ``count: N`` is the first N cards,
``device_ids`` name them from outside. What a program would like (``OnGpu.gpu``) counts where it may choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...model import DeviceRequest
from .containers import Instance

MODEL, TOTAL, RESERVED = "NVIDIA GeForce RTX 4090", 24_564, 402
"""MiB. fact: a 4090 of 24 GB shows 24564 MiB, some of which the driver keeps."""
OWN = 14
"""MiB used on a card and held by no process, display and driver together."""
DROP_IN = "/run/systemd/transient/docker-{id}.scope.d/50-DeviceAllow.conf"
RULES = "[Scope]\nDeviceAllow=\nDeviceAllow=char-pts rwm\nDeviceAllow=/dev/char/1:3 rwm\n"
NVIDIA_RULES = "DeviceAllow=/dev/char/195:255 rw\nDeviceAllow=/dev/char/195:0 rw\nDeviceAllow=/dev/char/195:1 rw\n"
"""fact: gpu-model-servers 3.3; with a toolkit that tells systemd of its devices."""
NO_CDI = 'could not select device driver "cdi" with capabilities: [[gpu]]'
UNKNOWN_DEVICE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running hook #0: error running hook: exit "
    "status 1, stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: device error: {id}: unknown "
    "device: unknown"
)


@dataclass(frozen=True)
class Card:
    """One card."""

    uuid: str
    bus: str
    lost: bool = False


@dataclass(frozen=True)
class Left:
    """A process that was left on a card, and whose container is gone."""

    pid: int
    argv: tuple[str, ...]
    card: int
    memory: int
    """MiB."""
    started_at: float


@dataclass(frozen=True)
class Holding:
    """A process of a container, and what it holds of a card."""

    container: Instance
    pid: int
    argv: tuple[str, ...]
    card: int
    memory: int
    """MiB."""


class Cards:
    """The cards in the machine. Changed under the world's lock."""

    def __init__(self) -> None:
        self.all: list[Card] = [
            Card("GPU-5d0a7c1e-3f42-4b7e-9a61-2c8f0b9d1e34", "00000000:01:00.0"),
            Card("GPU-b1f6e920-77ad-4c05-8d3b-94e5a6f0c712", "00000000:41:00.0"),
        ]
        self.left: list[Left] = []

    def add(self, *, lost: bool = False) -> int:
        """Put another card into the machine; its number."""
        number = len(self.all)
        uuid = f"GPU-{number:08x}-{number * 7919:04x}-4b7e-9a61-2c8f0b9d1e34"
        self.all.append(Card(uuid, f"00000000:{0x41 + number:02x}:00.0", lost))
        return number

    def given(self, requests: Sequence[DeviceRequest]) -> tuple[int, ...]:
        """Numbers of the cards that these requests mean, those that are not there included."""
        numbers: dict[int, None] = {}
        for one in requests:
            if one.ids:
                numbers |= dict.fromkeys(int(name) for name in one.ids if name.isdecimal())
            else:
                numbers |= dict.fromkeys(range(one.count if one.count and one.count > 0 else len(self.all)))
        return tuple(numbers)

    def refusal(self, requests: Sequence[DeviceRequest]) -> str | None:
        """Why the Engine cannot give these; None when it can."""
        if any(one.driver == "cdi" for one in requests):
            return NO_CDI
        missing = next((number for number in self.given(requests) if number >= len(self.all)), None)
        return None if missing is None else UNKNOWN_DEVICE.format(id=missing)

    def chosen(self, requests: Sequence[DeviceRequest], wanted: int) -> int | None:
        """The card that a program uses, which would like ``wanted``."""
        numbers = self.given(requests)
        return wanted if wanted in numbers else next(iter(numbers), None)

    def holdings(self, containers: Iterable[Instance]) -> list[Holding]:
        """Every process of these containers that holds memory of a card."""
        found = []
        for container in containers:
            for pid, argv in container.processes() if container.program.on_gpu else ():
                for held in container.program.on_gpu:
                    card = self.chosen(container.definition.device_requests, held.gpu)
                    if argv[: len(held.argv)] == held.argv and card is not None:
                        found.append(Holding(container, pid, argv, card, held.memory))
        return found

    def room(self, card: int, containers: Iterable[Instance]) -> int:
        """MiB that are free on a card."""
        held = sum(one.memory for one in self.holdings(containers) if one.card == card)
        left = sum(one.memory for one in self.left if one.card == card)
        return TOTAL - RESERVED - OWN - held - left
