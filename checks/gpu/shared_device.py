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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...console.fix.steps import PinGpus, SetServiceKeys
from ...console.model import DeviceRequest, Gpu
from ...console.products.fit import free_memory
from ...console.products.gpu_grants import VISIBLE, granted, only_gpus
from ...console.products.services import LABEL_VERSION
from ...console.text import _
from ...console.text.cleaning import size
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Severity, Snapshot, manual, repair
from .common import Asker, askers, card, holders, with_name

COUNT = Form(
    "count",
    "{subject} and {other} share {card}, while {idle} is idle",
    "count: 1 does not mean one GPU for each: it is always the first card",
    "give {idle} to {subject}",
    "info",
)
FULL = replace(
    COUNT, id="full", because="Both were given the same card, and it has hardly any memory left", severity="warning"
)
IDLE_SHARE, IDLE_BYTES = 0.05, 1 << 30
"""Used at the most, of a card that counts as idle: the driver and a desktop take something."""
CROWDED = 0.10
"""Free share of a card below which it is crowded."""
RUNS = ("running", "restarting", "paused")
OVERRIDES_SINCE = (2, 24, 4)
"""Compose has ``!override`` from this release on (docs.docker.com, "Merge Compose files")."""


@dataclass(frozen=True)
class Shared:
    """Two services on one card, and the idle card that one of them could have."""

    gpu: Gpu
    idle: Gpu
    stays: Asker
    moves: Asker
    crowded: bool

    @property
    def number(self) -> str:
        """The idle card as compose files name it."""
        return str(self.idle.index) if self.idle.index is not None else self.idle.uuid


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each service that should have another card, else one answer for all; nothing where there is no choice."""
    cards = [gpu for gpu in snapshot.gpus if gpu.health == "ok"]
    everybody = askers(snapshot)
    asking = [one for one in everybody if one.place.container is None or one.place.state in RUNS]
    if len(cards) < 2 or not asking or any(gpu.mig for gpu in cards):
        return
    named = [(one, granted(one.grant, cards) or frozenset()) for one in everybody if not one.grant.everything]
    # a card that somebody named is not given away while its container lies stopped
    taken = frozenset[str]().union(*(uuids for _, uuids in named))
    idle = [gpu for gpu in cards if gpu.uuid not in taken and _is_idle(gpu, snapshot)]
    found = list(_pairs([(one, uuids) for one, uuids in named if one in asking], cards, idle))
    yield from (_case(one, snapshot) for one in found)
    if not found:
        yield Fine("", _("No two services crowd onto one GPU while another is idle"))


def _is_idle(gpu: Gpu, snapshot: Snapshot) -> bool:
    """Nobody holds memory of it, as far as the driver tells, and hardly any is used."""
    room = free_memory(gpu)
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
        room = free_memory(gpu)
        crowded = bool(room is not None and gpu.memory_total and room < CROWDED * gpu.memory_total)
        for moves in on_it[1:]:
            harms = crowded and moves.place.container is not None  # what is only declared does no harm yet
            if left and (moves.grant.count is not None or harms):
                yield Shared(gpu, left.pop(0), on_it[0], moves, crowded)


def _order(one: Asker) -> tuple[bool, bool, float, str]:
    """Who stays comes first: whoever was given the card by name, then whoever runs, the longest first."""
    container = one.place.container
    started = container.started_at if container and container.started_at is not None else float("inf")
    return (one.grant.count is not None, container is None, started, one.name)


def _case(one: Shared, snapshot: Snapshot) -> Case[Shared]:
    form = COUNT if one.moves.grant.count is not None else FULL
    words = {"other": one.stays.name, "card": card(one.gpu), "idle": card(one.idle)}
    severity: Severity | None = "warning" if one.crowded else None
    return Case(one.moves.name, form, one, tuple(_rows(one, snapshot)), words, severity)


def _rows(one: Shared, snapshot: Snapshot) -> Iterator[Evidence]:
    for asker in (one.moves, one.stays):
        yield Evidence(_("{asker} asks for", asker=asker.name), asker.grant.words, asker.source)
    for gpu in (one.gpu, one.idle):
        used = _(
            "{memory_used} of {memory_total} used",
            memory_used=size(gpu.memory_used),
            memory_total=size(gpu.memory_total),
        )
        held = "; ".join(holder.words for holder in holders(snapshot, gpu.uuid)[:3])
        yield Evidence(with_name(gpu), f"{used}: {held}" if held else used, "NVML")


def plan(case: Case[Shared], _answers: Answers) -> Plan:
    """Another card for the one that was started later."""
    one, place = case.facts, case.facts.moves.place
    refused = _refusal(one.moves)
    if refused is not None:
        return manual(*_by_hand(one, refused))
    return repair(
        *compose.through_override(place, _edit(one)), says=_says(one),
        restarts=(place.subject,) if place.container else (), lock=place.directory, settle=5.0, deadline=90.0,
    )  # fmt: skip


def _edit(one: Shared) -> PinGpus | SetServiceKeys:
    """With the capabilities that it asked for until now."""
    service = one.moves.place.service or ""
    if one.moves.grant.how == "runtime":
        return SetServiceKeys(service, environment=((VISIBLE, one.number),))
    asked = dict.fromkeys(word for request in _requests(one.moves) for word in request.capabilities)
    return PinGpus(service, (one.number,), tuple(asked) or ("gpu",))


def _requests(asker: Asker) -> tuple[DeviceRequest, ...]:
    """What container and declaration reserve."""
    both = (asker.place.container, asker.place.declared)
    return tuple(request for told in both if told for request in told.device_requests)


def _refusal(asker: Asker) -> str | None:
    """Why this is left to the operator."""
    if asker.grant.how not in ("request", "runtime"):
        return _("The card was given by a device file or a CDI name, which is changed by hand.")
    refused = compose.refusal(asker.place, _(": make it anew with the other card."))
    if refused is not None or asker.grant.how == "runtime":
        return refused
    if _apart(asker):
        return _("The GPU is asked for under `gpus`, to which a list under deploy would be added: change it there.")
    if not only_gpus(_requests(asker)):
        return _("The same list asks for devices that are no NVIDIA GPU, and would lose them: change it by hand.")
    if not _has_override_tag(asker):
        return _(
            "The Compose that made the container is older than 2.24.4 and cannot replace the list by an override.",
        )
    return None


def _apart(asker: Asker) -> bool:
    """Whether the request does not stand under ``deploy``: what stands there asks for the driver ``nvidia``."""
    place = asker.place
    if place.declared is not None:
        return place.declared.requests_apart
    return place.container is not None and any(one.driver != "nvidia" for one in place.container.device_requests)


def _has_override_tag(asker: Asker) -> bool:
    """By the label of the Compose that made the container; one that is not known is taken for a new one."""
    container = asker.place.container
    told = container.labels.get(LABEL_VERSION, "") if container else ""
    parts = told.removeprefix("v").split("-")[0].split(".")[:3]
    return not told or not all(part.isdecimal() for part in parts) or tuple(map(int, parts)) >= OVERRIDES_SINCE


def _by_hand(one: Shared, why: str) -> Iterator[str]:
    name = one.moves.place.service or one.moves.name
    yield why
    if one.moves.grant.how == "runtime":
        yield _("Set {visible}={number} in the environment of {name}.", visible=VISIBLE, number=one.number, name=name)
    else:
        apart = one.moves.grant.how == "request" and _apart(one.moves)
        yield _(
            "Write into the compose file, in place of {what}:",
            what=_("`gpus`") if apart else _("what stands under devices"),
        )
        yield PinGpus(name, (one.number,)).by_hand().replace(" !override", "")
    yield _("Then make the container anew: docker compose up -d")


def _says(one: Shared) -> Iterator[str]:
    place, override = one.moves.place, compose.override_for(one.moves.place)
    if place.container is None:
        yield _("Nothing of this service has been started: only a file is written.")
    else:
        yield _(
            "{place} is recreated: what it works on is cut off, and its models are loaded again.",
            place=place.subject,
        )
        yield compose.NO_PULL
    yield _("{stays} stays on {card} and is not touched.", stays=one.stays.name, card=card(one.gpu))
    yield from compose.not_in_use(place, override) if override else ()


CHECK = Check(
    "gpu.shared-device", "No GPU is crowded while another is idle", __doc__ or "", (COUNT, FULL), find, plan,
    reads=("containers", "projects", "gpus", "gpu_processes"),
)  # fmt: skip
