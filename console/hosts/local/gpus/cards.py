"""From NVML's numbers to a Gpu: units, words for bits, and what is wrong with one card. Pure.

Sources: nvml.h and pynvml.py (nvidia-ml-py); docs.nvidia.com/deploy/xid-errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ....model import Gpu, GpuHealth, GpuInstance, GpuProcess
from ....text import N_, _
from .states import LOG, Memory, RawCard, RawInstance, Row

NONE = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
"""What some drivers put where they have no number."""
MOST = 1 << 50
"""Bytes that no card has: a driver that says so means that it does not know."""
REASONS: tuple[tuple[int, str], ...] = (
    (0x8, N_("hardware slowdown")), (0x40, N_("too hot (hardware)")), (0x80, N_("power brake")),
    (0x20, N_("too hot (software)")), (0x400, N_("reliability limit")), (0x200, N_("board limit")),
    (0x4, N_("power limit")), (0x10, N_("sync boost")),
    (0x2, N_("set clocks")), (0x100, N_("display clocks")),
)  # fmt: skip
"""Alarms first; 0x1 is idleness and no reason to name."""


class CardTrouble(Struct, frozen=True):
    """What is wrong with one card."""

    health: GpuHealth
    sentence: str | None = None
    remedy: str | None = None


WELL = CardTrouble("ok")
LOST = CardTrouble(
    "lost",
    "The GPU has fallen off the bus: the driver no longer reaches it",
    "Reboot; if it comes back, check its power cables, slot and cooling. {log}",
)
GONE = CardTrouble(
    "lost",
    "The driver no longer lists this GPU, though it did before",
    "Reboot; if it comes back, check its power cables, slot and cooling. {log}",
)
RESET = CardTrouble(
    "reset_required",
    "The GPU wants a reset before it works on",
    "Stop what uses it, then: sudo nvidia-smi --gpu-reset -i {bus}; or reboot",
)
REBOOT = CardTrouble(
    "reset_required", "The GPU wants the machine to be rebooted before it works on", "Reboot the machine"
)
ROWS = CardTrouble(
    "reset_required",
    "A faulty part of the GPU's memory is replaced at its next reset",
    "Stop what uses it, then: sudo nvidia-smi --gpu-reset -i {bus}; or reboot",
)
NO_PERMISSION = CardTrouble(
    "no_permission",
    "This user or container may not use this GPU",
    "See who may: ls -l /dev/nvidia*; a container needs it among its GPUs",
)
UNREADABLE = CardTrouble("unreadable", "The driver does not let this GPU be read: error {code}", "{log}")
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


def broken(index: int | None, before: Gpu | None, trouble: CardTrouble, raw: RawCard | None = None) -> Gpu:
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
    return tuple(_(word) for bit, word in REASONS if mask & bit)


def _trouble(raw: RawCard) -> CardTrouble:
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


def _said(trouble: CardTrouble, bus: str | None, code: int | None) -> dict[str, Any]:
    def filled(text: str | None) -> str | None:
        return _(text, bus=bus or "INDEX", code=code, log=_(LOG)) if text else None

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


Kind = Literal["compute", "graphics", "both"]


class _Held(Struct):
    memory: int | None = None
    kinds: set[Literal["compute", "graphics"]] = set()
    instance: str | None = None


def holders(raw: RawCard, uuid: str) -> Iterator[GpuProcess]:
    """One row for each process and MIG instance; ``uuid`` is the key of the card."""
    busy = _busy(raw)
    for (pid, _gpu), held in _by_process(raw, uuid).items():
        yield GpuProcess(
            gpu=uuid,
            pid=pid,
            memory=held.memory,
            kind=_kind(held),
            instance=held.instance,
            utilisation=None if busy is None else busy.get(pid, 0.0),
        )


def _by_process(raw: RawCard, uuid: str) -> dict[tuple[int, str | None], _Held]:
    """The instances first: a card in MIG mode names their processes too, but without their memory.

    Compute instances of one GPU instance share its memory, so either may be told of the other's processes: where a row
    says whose it is, that counts. Who is known by an instance is not counted a second time without one.
    """
    found: dict[tuple[int, str | None], _Held] = {}
    names = [instance.uuid or f"index:{uuid}/{number}" for number, instance in enumerate(raw.instances)]
    ids = [(instance.gpu_instance, instance.compute_instance) for instance in raw.instances]
    by_ids = {each: name for each, name in zip(ids, names, strict=True) if None not in each}
    for name, instance in zip(names, raw.instances, strict=True):
        _add(found, instance, partial(_named, by_ids, name))
    _add(found, raw, partial(_named, by_ids, None))
    placed = {pid for pid, name in found if name is not None}
    return {key: held for key, held in found.items() if key[1] is not None or key[0] not in placed}


def _add(
    found: dict[tuple[int, str | None], _Held],
    raw: RawInstance,
    instance_of: Callable[[Row], str | None],
) -> None:
    kinds: Iterable[tuple[Literal["compute", "graphics"], list[Row]]] = (
        ("compute", raw.compute), ("graphics", raw.graphics), ("compute", raw.mps),
    )  # fmt: skip
    for kind, rows in kinds:
        for row in rows:
            pid, memory = row[0], None if row[1] is None or row[1] >= MOST else row[1]
            if pid in NONE or pid == 0:
                continue  # fact: drivers and bindings that disagree on the layout give such rows
            name = instance_of(row)
            held = found.setdefault((pid, name), _Held(kinds=set(), instance=name))
            held.kinds.add(kind)
            if memory is not None:
                held.memory = max(memory, held.memory or 0)


def _named(by_ids: Mapping[tuple[int | None, int | None], str], otherwise: str | None, row: Row) -> str | None:
    return by_ids.get((row[2], row[3]), otherwise)


def _kind(held: _Held) -> Kind | None:
    if len(held.kinds) > 1:
        return "both"
    return next(iter(held.kinds), None)


def _busy(raw: RawCard) -> dict[int, float] | None:
    """Percent by pid, the newest sample of each; a process without one did nothing. None where there are none."""
    if not raw.samples:
        return None
    newest: dict[int, tuple[int, int]] = {}
    for pid, percent, at in raw.samples:
        if percent <= 100:
            newest[pid] = max(newest.get(pid, (0, 0)), (at, percent))
    return {pid: float(percent) for pid, (_, percent) in newest.items()}
