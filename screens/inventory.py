"""What of a Snapshot the checks look at: when only figures moved, nothing is judged again."""

from __future__ import annotations

from ..console.model import Snapshot


def inventory(snapshot: Snapshot) -> tuple[object, ...]:
    """The parts that are no figures; equal for two looks between which nothing happened."""
    return (
        snapshot.containers,
        snapshot.projects,
        snapshot.services,
        snapshot.processes,
        snapshot.files,
        snapshot.keyfiles,
        snapshot.log_marks,
        snapshot.engine,
        snapshot.daemon,
        snapshot.mirror_probes,
        snapshot.absent_images,
        snapshot.databases,
        snapshot.edges,
        snapshot.faults,
        tuple((server.product, server.address, server.state) for server in snapshot.servers),
    )
