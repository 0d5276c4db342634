"""What of a Snapshot the checks look at: when only figures moved, nothing is judged again at once."""

from __future__ import annotations

from ..console.model import Snapshot

MOVING = frozenset({
    "taken_at", "figures", "system", "ages", "period", "gpus", "gpu_processes", "servers", "deep_checks",
})  # fmt: skip
"""Parts that differ from look to look while nothing happens."""
JUDGED = tuple(name for name in Snapshot.__struct_fields__ if name not in MOVING)
"""All others, those to come as well: a part that is judged and not compared would be judged too late."""


def inventory(snapshot: Snapshot) -> tuple[object, ...]:
    """What happened rather than moved; equal for two looks between which nothing happened."""
    return (
        *(getattr(snapshot, name) for name in JUDGED),
        tuple((gpu.uuid, gpu.health, gpu.trouble, gpu.ecc_pending, gpu.mig) for gpu in snapshot.gpus),
        tuple((each.gpu, each.pid, each.container, each.orphan) for each in snapshot.gpu_processes),
        tuple((each.product, each.address, each.state, each.reason, each.models) for each in snapshot.servers),
    )


def moved(snapshot: Snapshot) -> tuple[object, ...]:
    """The moving parts that some check reads too: a card that fills up, a disk. Judged now and then."""
    return (snapshot.gpus, snapshot.gpu_processes, snapshot.servers, snapshot.system)
