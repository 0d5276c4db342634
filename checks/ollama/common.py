"""What the checks of Ollama share: what is added to a service in the override file, and how it is brought up. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...console.findings import Result, Severity
from ...console.model import Container, Server, Snapshot
from ...console.plan import Plan
from ...console.stacks.services import role_of_container
from ...console.steps import AnyStep, EditFile, SetServiceKeys
from .. import compose
from ..compose import Placed, bring_up, override_for

LOOPBACK = ("127.", "localhost", "::1", "[::1]")


def place_of(snapshot: Snapshot, container: Container) -> Placed:
    """The container beside what the compose files declare."""
    project = compose.project_of(snapshot, container.project, container.labels.get(compose.LABEL_DIRECTORY))
    declared = next((s for s in project.services if s.name == container.service), None) if project else None
    return Placed(container.name, container, project, declared)


def containers(snapshot: Snapshot) -> Iterator[tuple[Container, Server | None]]:
    """Containers that are an Ollama, and what answered there."""
    for container in snapshot.containers:
        server = next((one for one in snapshot.servers if one.container == container.id), None)
        if role_of_container(container) == "ollama" or (server is not None and server.product == "ollama"):
            yield container, server


def natives(snapshot: Snapshot) -> Iterator[Server]:
    """Ollamas that run on the machine itself."""
    return (
        one for one in snapshot.servers if one.product == "ollama" and one.container is None and one.pid is not None
    )


def is_loopback(host: str) -> bool:
    """Whether only the machine, or the container, itself gets there."""
    return host.startswith(LOOPBACK)


def refusal(place: Placed) -> str | None:
    """Why a service cannot be changed and recreated here."""
    if place.broken_file:
        return f"Repair {place.broken_file.path} first: {place.broken_file.error}"
    if place.service is None or override_for(place) is None or bring_up(place) is None:
        return "The container was not made by Compose, or its files are gone: make it anew with the setting."
    return None


def severity_of(container: Container, usual: Severity) -> Severity:
    """A container that somebody stopped does no harm until it is started again."""
    return "info" if compose.put_away(container) else usual


def plan_edit(check: str, result: Result, place: Placed, edit: SetServiceKeys, *says: str) -> Plan:
    """One addition to the override file, then the service anew. Only where ``refusal`` says nothing.

    The first of ``says`` is what becomes of the container; one that was stopped on purpose is not started.
    """
    override = override_for(place)
    if override is None:
        return compose.manual(result, "The project folder is not known.")
    steps: list[AnyStep] = [EditFile(override.path, (edit,), create=not override.exists)]
    resting = compose.put_away(place.container)
    end = bring_up(place, extra=(override.path,), start=not resting)
    told = [f"{result.subject} lies stopped: it is made anew and left so.", *says[1:]] if resting else list(says)
    if override.exists and not override.in_use:
        told.append(f"{override.path} was not in use: whatever else it declares for the service takes effect now too.")
    if not override.read_by_itself and not override.in_use:
        told.append(f"Your compose files are listed without {override.path}: add it to -f or COMPOSE_FILE.")
    return Plan(
        check, result.subject, result.title, steps=(*steps, *((end,) if end else ())), safety="disruptive",
        restarts=(place.service or "",), says=tuple(told), lock=place.directory, deadline=90.0,
    )  # fmt: skip
