"""Which services share a GPU that they need not share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...console.model import Gpu, Snapshot
from ...console.stacks.gpu_grants import granted
from .common import Asker, askers, free, holders

IDLE_SHARE, IDLE_BYTES = 0.05, 1 << 30
"""Used at the most, of a card that counts as idle: the driver and a desktop take something."""
CROWDED = 0.10
"""Free share of a card below which it is crowded."""
RUNS = ("running", "restarting", "paused")


@dataclass(frozen=True)
class Shared:
    """Two services on one card, and the idle card that one of them could have."""

    gpu: Gpu
    idle: Gpu
    stays: Asker
    moves: Asker
    crowded: bool


def shared(snapshot: Snapshot) -> tuple[Shared, ...] | None:
    """Each service that should have another card; None where there is no choice between cards."""
    cards = [gpu for gpu in snapshot.gpus if gpu.health == "ok"]
    everybody = askers(snapshot)
    asking = [one for one in everybody if one.place.container is None or one.place.state in RUNS]
    if len(cards) < 2 or not asking or any(gpu.mig for gpu in cards):
        return None
    given = [(one, cards_of(one, cards)) for one in asking]
    pinned = [(one, uuids) for one, uuids in given if uuids and not one.grant.everything]
    # a card that somebody named is not given away while its container lies stopped
    taken = frozenset(uuid for one in everybody if not one.grant.everything for uuid in cards_of(one, cards))
    idle = [gpu for gpu in cards if gpu.uuid not in taken and _is_idle(gpu, snapshot)]
    return tuple(_pairs(pinned, cards, idle))


def cards_of(one: Asker, cards: Sequence[Gpu]) -> frozenset[str]:
    """UUIDs; empty where they cannot be told."""
    return granted(one.grant, cards) or frozenset()


def _is_idle(gpu: Gpu, snapshot: Snapshot) -> bool:
    """Nobody holds memory of it, as far as the driver tells, and hardly any is used."""
    room = free(gpu)
    if room is None or not gpu.memory_total:
        return False
    used = gpu.memory_total - room
    mine = [one for one in holders(snapshot, gpu.uuid) if (one.memory or 0) > IDLE_BYTES // 4]
    return not mine and used <= max(IDLE_BYTES, IDLE_SHARE * gpu.memory_total)


def _pairs(
    pinned: Sequence[tuple[Asker, frozenset[str]]], cards: Sequence[Gpu], idle: Sequence[Gpu]
) -> Iterator[Shared]:
    """One card after the other; every idle card is given away once."""
    left = list(idle)
    for gpu in cards:
        on_it = sorted((one for one, uuids in pinned if uuids == {gpu.uuid}), key=_order)
        room = free(gpu)
        crowded = bool(room is not None and gpu.memory_total and room < CROWDED * gpu.memory_total)
        for moves in on_it[1:]:
            counted = moves.grant.count is not None
            if left and (counted or (crowded and _counts(moves))):
                yield Shared(gpu, left.pop(0), on_it[0], moves, crowded)


def _counts(one: Asker) -> bool:
    """A service that is only declared does no harm yet."""
    return one.place.container is not None


def _order(one: Asker) -> tuple[bool, bool, float, str]:
    """Who stays comes first: whoever was given the card by name, then whoever runs, the longest first."""
    container = one.place.container
    started = container.started_at if container and container.started_at is not None else float("inf")
    return (one.grant.count is not None, container is None, started, one.name)
