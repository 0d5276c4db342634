"""Two services were given the same GPU while another one is idle.

What it does
    Works out which card each container means: count: N is the cards 0 to N-1, always, so that two services with
    count: 1 both get card 0; device_ids and NVIDIA_VISIBLE_DEVICES name cards by number or UUID. Speaks up where two
    that run (or are about to) share a card through a count, and a card is there that nobody was given and nobody uses.
    Two that were given the same card by name are left alone as long as it has room: that is a choice. Whoever may use
    all cards is left alone too, and so are cards cut up by MIG.

Why it matters
    "One GPU for each" is what count: 1 seems to say. What happens is that everything crowds onto the first card until a
    model does not fit any more, while the second one idles.

Fix
    Names the idle card for the service that was started later: device_ids under !override in the override file (a
    plain list would be added to the count), or NVIDIA_VISIBLE_DEVICES where the runtime nvidia hands cards out; then
    recreates that service. Where Compose is older than 2.24.4, or did not make the container, the text to write is
    shown.

Sources
    moby countToDevices; docs.docker.com on device_ids and on merging; merging of devices and !override measured with
    Compose 2.26.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...console.findings import Evidence, FixSummary, Result
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from ...console.text import size
from .. import Check, compose
from . import move
from .common import card, holders, with_name
from .shared import Shared, shared
from .shared_device_examples import EXAMPLES

ID = "gpu.shared-device"


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result for each service that should have another card, else one for all."""
    found = shared(snapshot)
    if found is None:
        return
    for one in found:
        yield _finding(one, snapshot)
    if not found:
        yield Result(ID, "", "ok", "No two services crowd onto one GPU while another is idle")


def _finding(one: Shared, snapshot: Snapshot) -> Result:
    other = one.stays.name
    title = f"{one.moves.name} and {other} share {card(one.gpu)}, while {card(one.idle)} is idle"
    counted = one.moves.grant.count is not None
    because = (
        "count: 1 does not mean one GPU for each: it is always the first card"
        if counted else "Both were given the same card, and it has hardly any memory left"
    )  # fmt: skip
    safety = move.plan(one, _bare(one, title), snapshot).safety
    return compose.finding(
        ID, one.moves.name, "count" if counted else "full", title, severity="warning" if one.crowded else "info",
        because=because, evidence=tuple(_evidence(one, snapshot)),
        fix=FixSummary(safety, f"give {card(one.idle)} to {one.moves.name}"),
    )  # fmt: skip


def _bare(one: Shared, title: str) -> Result:
    return Result(ID, one.moves.name, "finding", title)


def _evidence(one: Shared, snapshot: Snapshot) -> Iterator[Evidence]:
    for asker in (one.moves, one.stays):
        yield Evidence(f"{asker.name} asks for", asker.grant.words, asker.source)
    for gpu in (one.gpu, one.idle):
        used = f"{size(gpu.memory_used)} of {size(gpu.memory_total)} used"
        held = "; ".join(holder.words for holder in holders(snapshot, gpu.uuid)[:3])
        yield Evidence(with_name(gpu), f"{used}: {held}" if held else used, "NVML")


def plan(result: Result, snapshot: Snapshot, _settings: Settings, _answers: Mapping[str, str]) -> Plan:
    """Another card for the one that was started later."""
    one = next((one for one in shared(snapshot) or () if one.moves.name == result.subject), None)
    if one is None:
        return compose.manual(result, "There is nothing to repair any more.")
    return move.plan(one, result, snapshot)


CHECK = Check(
    id=ID, title="No GPU is crowded while another is idle", severity="warning", doc=__doc__ or "", examine=examine,
    plan=plan, examples=EXAMPLES,
)  # fmt: skip
