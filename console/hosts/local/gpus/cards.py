"""From NVML's numbers to a Gpu: units, words for bits, and what is wrong with one card. Pure.

Sources: gpu-model-servers 1.4, 1.5, 1.7.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from ....model import Gpu, GpuHealth, GpuInstance
from .raw import Memory, RawCard, RawInstance
from .states import LOG

NONE = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
"""What some drivers put where they have no number."""
MOST = 1 << 50
"""Bytes that no card has: a driver that says so means that it does not know."""
REASONS: tuple[tuple[int, str], ...] = (
    (0x8, "hardware slowdown"), (0x40, "too hot (hardware)"), (0x80, "power brake"), (0x20, "too hot (software)"),
    (0x400, "reliability limit"), (0x200, "board limit"), (0x4, "power limit"), (0x10, "sync boost"),
    (0x2, "set clocks"), (0x100, "display clocks"),
)  # fmt: skip
"""Alarms first; 0x1 is idleness and no reason to name."""


class Trouble(Struct, frozen=True):
    """What is wrong with one card."""

    health: GpuHealth
    sentence: str | None = None
    remedy: str | None = None


WELL = Trouble("ok")
LOST = Trouble(
    "lost",
    "The GPU has fallen off the bus: the driver no longer reaches it",
    f"Reboot; if it comes back, check its power cables, slot and cooling. {LOG}",
)
GONE = Trouble(
    "lost",
    "The driver no longer lists this GPU, though it did before",
    f"Reboot; if it comes back, check its power cables, slot and cooling. {LOG}",
)
RESET = Trouble(
    "reset_required",
    "The GPU wants a reset before it works on",
    "Stop what uses it, then: sudo nvidia-smi --gpu-reset -i {bus}; or reboot",
)
REBOOT = Trouble("reset_required", "The GPU wants the machine to be rebooted before it works on", "Reboot the machine")
ROWS = Trouble(
    "reset_required",
    "A faulty part of the GPU's memory is replaced at its next reset",
    "Stop what uses it, then: sudo nvidia-smi --gpu-reset -i {bus}; or reboot",
)
NO_PERMISSION = Trouble(
    "no_permission",
    "This user or container may not use this GPU",
    "See who may: ls -l /dev/nvidia*; a container needs it among its GPUs",
)
UNREADABLE = Trouble("unreadable", "The driver does not let this GPU be read: error {code}", LOG)
_RECOVERY = {1: RESET, 2: REBOOT, 3: RESET, 4: RESET}


def card(raw: RawCard, at: float, before: Gpu | None = None) -> Gpu:
    """One GPU as it is now. Of one that does not answer, ``before`` says what it was."""
    trouble = _trouble(raw)
    if raw.code is not None or trouble.health in {"lost", "unreadable"}:
        return broken(raw.index, before, trouble, raw)
    return Gpu(
        uuid=raw.uuid or (before.uuid if before else f"index:{raw.index}"),
        index=raw.index,
        name=raw.name,
        bus=raw.bus,
        utilisation=_percent(raw.rates[0]) if raw.rates else None,
        memory_utilisation=_percent(raw.rates[1]) if raw.rates else None,
        temperature=_known(raw.temperature),
        power=_watts(raw.power),
        power_limit=_watts(raw.power_limit),
        fan=_known(raw.fan),
        clock=_known(raw.clock),
        clock_max=_known(raw.clock_max),
        memory_clock=_known(raw.memory_clock),
        performance_state=raw.performance_state if raw.performance_state in range(16) else None,
        throttling=None if raw.throttle is None else words(raw.throttle),
        ecc=bool(raw.ecc[0]) if raw.ecc else None,
        ecc_pending=bool(raw.ecc[1]) if raw.ecc else None,
        ecc_uncorrected=_known(raw.ecc_uncorrected),
        pcie_generation=_known(raw.pcie_generation),
        pcie_generation_max=_known(raw.pcie_generation_max),
        pcie_width=_known(raw.pcie_width),
        persistence=None if raw.persistence is None else bool(raw.persistence),
        mig=None if raw.mig is None else bool(raw.mig),
        instances=tuple(_instance(raw.index, number, one) for number, one in enumerate(raw.instances)),
        read_at=at,
        **_memory(raw.memory),
        **_said(trouble, raw.bus, None),
    )


def broken(index: int | None, before: Gpu | None, trouble: Trouble, raw: RawCard | None = None) -> Gpu:
    """A row for a card that cannot be read: what it is stays, its figures do not."""
    code = _worst(raw) if raw is not None else None
    known = before or Gpu(
        uuid=(raw.uuid if raw is not None else None) or f"index:{index}",
        name=raw.name if raw is not None else None,
        bus=raw.bus if raw is not None else None,
    )
    said = _said(trouble, known.bus, code)
    return Gpu(
        uuid=known.uuid,
        index=known.index if index is None else index,
        name=known.name,
        bus=known.bus,
        memory_total=known.memory_total,
        power_limit=known.power_limit,
        read_at=known.read_at,
        **said,
    )


def stale(gpu: Gpu, sentence: str | None, remedy: str | None) -> Gpu:
    """The last value of a card while the driver does not answer; what was wrong with it before is still said."""
    if gpu.health != "ok":
        return gpu
    return msgspec.structs.replace(gpu, health="stale", trouble=sentence, remedy=remedy)


def words(mask: int) -> tuple[str, ...]:
    """Why the clock is held back, alarms first."""
    return tuple(word for bit, word in REASONS if mask & bit)


def _trouble(raw: RawCard) -> Trouble:
    codes = set(raw.errors.values())
    if raw.code is not None:
        by_code = {15: LOST, 16: RESET, 4: NO_PERMISSION, 17: NO_PERMISSION}
        return by_code.get(raw.code, UNREADABLE)
    if 15 in codes:
        return LOST
    if 16 in codes:
        return RESET
    if raw.recovery in _RECOVERY:
        return _RECOVERY[raw.recovery]
    if raw.remapped is not None and raw.remapped[2]:
        return ROWS
    if 999 in codes and raw.memory is None and raw.rates is None and raw.temperature is None:
        return UNREADABLE
    return WELL


def _worst(raw: RawCard) -> int:
    return raw.code if raw.code is not None else max(raw.errors.values(), default=0)


def _said(trouble: Trouble, bus: str | None, code: int | None) -> dict[str, Any]:
    def filled(text: str | None) -> str | None:
        return text.format(bus=bus or "INDEX", code=code) if text else None

    return {"health": trouble.health, "trouble": filled(trouble.sentence), "remedy": filled(trouble.remedy)}


def _memory(told: Memory | None) -> dict[str, Any]:
    if told is None or not told[0] or told[0] >= MOST:  # a total of 0: memory shared with the processor
        return {}
    names = ("memory_total", "memory_reserved", "memory_free", "memory_used")
    return {name: size for name, size in zip(names, told, strict=True) if size is not None and size < MOST}


def _instance(gpu: int, number: int, raw: RawInstance) -> GpuInstance:
    """Its profile is the end of its name: ``NVIDIA A100-SXM4-40GB MIG 1g.5gb``."""
    told = {key: value for key, value in _memory(raw.memory).items() if key != "memory_reserved"}
    return GpuInstance(
        uuid=raw.uuid or f"index:{gpu}/{number}",
        gpu_instance=_known(raw.gpu_instance),
        compute_instance=_known(raw.compute_instance),
        name=raw.name.rpartition(" MIG ")[2] or None if raw.name else None,
        **told,
    )


def _known(told: int | None) -> int | None:
    return None if told in NONE else told


def _percent(told: int) -> float | None:
    return float(told) if told <= 100 else None


def _watts(told: int | None) -> float | None:
    return told / 1000 if told is not None and told not in NONE else None
