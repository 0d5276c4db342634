"""Who holds the memory of a card: NVML's lists of compute, graphics and MPS processes as one. Pure.

Sources: gpu-model-servers 1.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Literal

from msgspec import Struct

from ....model import GpuProcess
from .cards import MOST, NONE
from .raw import RawCard, RawInstance, Row

Kind = Literal["compute", "graphics", "both"]


class _Held(Struct):
    memory: int | None = None
    kinds: set[Literal["compute", "graphics"]] = set()
    instance: str | None = None


def holders(raw: RawCard, uuid: str) -> Iterator[GpuProcess]:
    """One row for each process and MIG instance; ``uuid`` is the key of the card."""
    busy = _busy(raw)
    for (pid, _), held in _by_process(raw, uuid).items():
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
