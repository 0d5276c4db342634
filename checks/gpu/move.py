"""The plan that gives a service another GPU: written into the override file and recreated, or told in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...console.findings import Result, Safety
from ...console.model import DeviceRequest, Gpu, Snapshot
from ...console.plan import Plan
from ...console.stacks.gpu_grants import VISIBLE, only_gpus
from ...console.steps import AnyStep, EditFile, PinGpus, SetServiceKeys
from ...console.steps.gpu_edit import by_hand
from .. import compose
from ..compose import Override
from .common import Asker, card
from .shared import Shared

LABEL_VERSION = "com.docker.compose.version"
OVERRIDES_SINCE = (2, 24, 4)
"""fact: Compose has ``!override`` from this version on."""


def plan(one: Shared, result: Result, _snapshot: Snapshot) -> Plan:
    """Another card for the one that moves."""
    place, override = one.moves.place, compose.override_for(one.moves.place)
    refused = _refusal(one.moves, override)
    if refused is not None or override is None:
        return compose.manual(result, *_by_hand(one, refused or "The project folder is not known."))
    written = EditFile(path=override.path, edits=(_edit(one),), create=not override.exists)
    up = compose.bring_up(place, extra=(override.path,), force=False) if place.container else None
    steps: tuple[AnyStep, ...] = (written, up) if up else (written,)
    safety: Safety = "disruptive" if up else "safe"
    return Plan(
        check=result.check, subject=result.subject, title=result.title, steps=steps, safety=safety,
        restarts=(place.subject,) if up else (), says=tuple(_says(one, override)), lock=place.directory,
        settle=5.0, deadline=90.0,
    )  # fmt: skip


def number(gpu: Gpu) -> str:
    """As compose files name a card."""
    return str(gpu.index) if gpu.index is not None else gpu.uuid


def _edit(one: Shared) -> PinGpus | SetServiceKeys:
    service = one.moves.place.service or ""
    if one.moves.grant.how == "runtime":
        return SetServiceKeys(service, environment=((VISIBLE, number(one.idle)),))
    return PinGpus(service, (number(one.idle),), _capabilities(one.moves))


def _capabilities(asker: Asker) -> tuple[str, ...]:
    """Those that it asked for until now."""
    return tuple(dict.fromkeys(word for one in _requests(asker) for word in one.capabilities)) or ("gpu",)


def _requests(asker: Asker) -> tuple[DeviceRequest, ...]:
    """What container and declaration reserve."""
    place = asker.place
    declared = place.declared.device_requests if place.declared else ()
    return (*(place.container.device_requests if place.container else ()), *declared)


def _refusal(asker: Asker, override: Override | None) -> str | None:
    """Why this is left to the operator."""
    place = asker.place
    if place.broken_file:
        return f"Repair {place.broken_file.path} first: {place.broken_file.error}"
    if asker.grant.how not in ("request", "runtime"):
        return "The card was given by a device file or a CDI name, which is changed by hand."
    if place.container and compose.bring_up(place) is None:
        return "The container was not made by Compose, or its files are gone: make it anew with the other card."
    if override is None or place.service is None:
        return "Neither the project folder nor the service's name is known."
    if asker.grant.how == "request" and _apart(asker):
        return "The GPU is asked for under `gpus`, to which a list under deploy would be added: change it there."
    if asker.grant.how == "request" and not only_gpus(_requests(asker)):
        return "The same list asks for devices that are no NVIDIA GPU, and would lose them: change it by hand."
    if asker.grant.how == "request" and not _has_override_tag(asker):
        return "The Compose that made the container is older than 2.24.4 and cannot replace the list by an override."
    return None


def _apart(asker: Asker) -> bool:
    """Whether the request does not stand under ``deploy``. fact: what stands there asks for the driver ``nvidia``."""
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
    yield why
    if one.moves.grant.how == "runtime":
        yield f"Set {VISIBLE}={number(one.idle)} in the environment of {one.moves.place.service or one.moves.name}."
    else:
        apart = one.moves.grant.how == "request" and _apart(one.moves)
        yield f"Write into the compose file, in place of {'`gpus`' if apart else 'what stands under devices'}:"
        yield by_hand(PinGpus(one.moves.place.service or one.moves.name, (number(one.idle),))).replace(" !override", "")
    yield "Then make the container anew: docker compose up -d"


def _says(one: Shared, override: Override) -> Iterator[str]:
    place = one.moves.place
    if place.container is None:
        yield "Nothing of this service has been started: only a file is written."
    else:
        yield f"{place.subject} is recreated: what it works on is cut off, and its models are loaded again."
        yield "No image is pulled: a newer `latest` stays where it is."
    yield f"{one.stays.name} stays on {card(one.gpu)} and is not touched."
    if place.container and override.exists and not override.in_use:
        yield f"{override.path} was not in use: whatever else it declares for {place.service} takes effect now too."
    if not override.read_by_itself and not override.in_use:
        yield (
            f"Your compose files are listed without {override.path}: add it to -f or COMPOSE_FILE, or the next `up`"
            " loses it."
        )
