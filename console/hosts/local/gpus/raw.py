"""What the child program says, line by line: NVML's own numbers, nothing judged yet."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.json import Decoder

from ....text import clean_line

NO_BINDING = -2
"""Code of a child that found no ``pynvml``; NVML's own are positive."""
Memory = tuple[int, int | None, int, int]
"""Total, reserved, free, used."""
Row = tuple[int, int | None, int | None, int | None]
"""Pid, bytes, GPU instance, compute instance."""


class RawInstance(Struct):
    """One MIG instance."""

    uuid: str | None = None
    name: str | None = None
    gpu_instance: int | None = None
    compute_instance: int | None = None
    memory: Memory | None = None
    compute: list[Row] = field(default_factory=list)
    graphics: list[Row] = field(default_factory=list)
    mps: list[Row] = field(default_factory=list)


class RawCard(RawInstance):
    """One GPU. ``code`` instead of all else where the driver gave no handle."""

    index: int = 0
    code: int | None = None
    bus: str | None = None
    rates: tuple[int, int] | None = None
    temperature: int | None = None
    power: int | None = None
    """Milliwatts, as ``power_limit``."""
    power_limit: int | None = None
    fan: int | None = None
    clock: int | None = None
    clock_max: int | None = None
    memory_clock: int | None = None
    performance_state: int | None = None
    throttle: int | None = None
    ecc: tuple[int, int] | None = None
    ecc_uncorrected: int | None = None
    remapped: tuple[int, int, int, int] | None = None
    """Corrected, uncorrected, waiting for a reset, failed."""
    recovery: int | None = None
    pcie_generation: int | None = None
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    persistence: int | None = None
    mig: int | None = None
    instances: list[RawInstance] = field(default_factory=list)
    samples: list[tuple[int, int, int]] | None = None
    """Pid, percent, microseconds; None where there are none to be had."""
    errors: dict[str, int] = field(default_factory=dict)


class RawReading(Struct):
    """One answer."""

    error: int | None = None
    """NVML's code when nothing at all could be read."""
    driver: str | None = None
    nvml: str | None = None
    cuda: int | None = None
    library: str | None = None
    """Version in the name of the library's file, after a failure."""
    replaced: bool = False
    """The library's file was replaced since it was loaded."""
    cards: list[RawCard] = field(default_factory=list)


_READING = Decoder(RawReading)


def understood(line: bytes) -> RawReading:
    """One line of the child, its texts cleaned: they come from a driver. Raises msgspec.DecodeError."""
    raw = _READING.decode(line)
    raw.driver, raw.nvml, raw.library = _clean(raw.driver), _clean(raw.nvml), _clean(raw.library)
    for card in raw.cards:
        card.bus = _clean(card.bus)
        for one in (card, *card.instances):
            one.uuid, one.name = _clean(one.uuid), _clean(one.name)
    return raw


def _clean(told: str | None) -> str | None:
    return clean_line(told) or None if told else None
