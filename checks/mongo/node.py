"""One mongod with everything that is known of it: container, command line, its own words, and who uses it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.findings import Evidence, Result
from ...console.model import Container, MongoState, Service, Snapshot
from ...console.stacks.mongo import Client, meant_for
from ..compose import Placed, marks_since_start, placed
from .mongod import Mongod, mongod_of

YOUNG = 60.0
"""Seconds after its start in which a mongod may still make its user, elect, or be initiated by its own script.
fact: mongo-docker-db 7"""
NEEDS_SET = (4, 6, 8)
"""First FastGPT that writes in transactions. fact: fastgpt-stack 4, upgrade obligations"""
RETRIES_FROM = (4, 8, 8)
"""First FastGPT that tries the database again by itself. fact: fastgpt-stack 4"""


@dataclass(frozen=True)
class Node:
    """One mongod."""

    place: Placed
    mongod: Mongod
    version: tuple[int, ...] | None
    """Numbers of the image's version."""
    state: MongoState | None
    """What it said; None when nobody asked."""
    apps: tuple[Client, ...]
    """Containers whose connection string means this one, or should."""
    services: tuple[Service, ...]
    """FastGPT and LibreChat of the same project, and of those containers."""
    marks: tuple[str, ...]
    """Marks in its log since the last start, oldest first."""
    age: float | None
    """Seconds since the container's start."""

    @property
    def container(self) -> Container | None:
        """The container, None where it is only declared."""
        return self.place.container

    @property
    def subject(self) -> str:
        """What results call it."""
        return self.place.subject

    @property
    def young(self) -> bool:
        """Whether it has just been started."""
        return self.age is not None and self.age < YOUNG

    @property
    def running(self) -> bool:
        """Whether its container runs."""
        return self.place.state == "running"

    @property
    def answers(self) -> bool:
        """Whether mongod said hello."""
        return self.state is not None and self.state.trouble is None

    @property
    def first_boot(self) -> bool:
        """Whether the image's temporary mongod may be at work: no set, no login, loopback only (fact: 2.1)."""
        names = {variable.name for variable in self.container.env} if self.container else set()
        makes_user = {"MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"} <= names
        started = {"mongo.init-complete", "mongo.21313", "mongo.21405", "mongo.21406"}
        return makes_user and self.young and started.isdisjoint(self.marks)

    @property
    def script(self) -> str:
        """The script that is process 1; empty without one."""
        return script_of(self.place) if self.mongod.wrapped else ""

    @property
    def needs_set(self) -> bool | None:
        """Whether an app of this mongod cannot work on a standalone; None when it cannot be told."""
        told = [needs_set(service) for service in self.services]
        return True if True in told else None if None in told else False


def nodes(snapshot: Snapshot) -> Iterator[Node]:
    """Every mongod of the snapshot."""
    for place in placed(snapshot, "mongo"):
        container = place.container
        apps = meant_for(container, snapshot.containers) if container else ()
        age = snapshot.taken_at - container.started_at if container and container.started_at else None
        yield Node(
            place=place, mongod=mongod_of(place), version=_version(snapshot, place), apps=apps, age=age,
            state=next((s for s in snapshot.mongos if container and s.container == container.id), None),
            services=_services(snapshot, place, apps),
            marks=tuple(mark.mark for mark in marks_since_start(snapshot, container)),
        )  # fmt: skip


def numbers(version: str | None) -> tuple[int, ...] | None:
    """``4.8.23-fix`` as (4, 8, 23); None for what is no version."""
    found = re.match(r"\d+(?:\.\d+)*", version or "")
    return tuple(int(part) for part in found[0].split(".")) if found else None


def script_of(place: Placed) -> str:
    """The shell script among entrypoint and command."""
    source = place.container or place.declared
    words = (*source.entrypoint, *source.command) if source else ()
    return next((word for word in words if "\n" in word or " " in word), "")


def needs_set(service: Service) -> bool | None:
    """Whether this app needs a replica set. LibreChat does not (fact: its compose files run mongod --noauth)."""
    if service.role != "fastgpt":
        return False
    version = numbers(service.version)
    if version is not None:
        return version >= NEEDS_SET
    return None if service.generation in (None, "A") else True


def _version(snapshot: Snapshot, place: Placed) -> tuple[int, ...] | None:
    for service in snapshot.services:
        same = place.container is not None and service.container == place.container.id
        declared = service.container is None and (service.project, service.compose_service) == (
            place.project_name,
            place.service,
        )
        if service.role == "mongo" and (same or declared):
            return numbers(service.version)
    return None


def _services(snapshot: Snapshot, place: Placed, apps: tuple[Client, ...]) -> tuple[Service, ...]:
    """The apps by role: those whose string leads here; without a container also the declared ones of the project."""
    wanted = {app.container.id for app in apps}
    return tuple(
        service
        for service in snapshot.services
        if service.role in ("fastgpt", "librechat")
        and (
            service.container in wanted
            or (service.container is None and place.container is None and service.project == place.project_name)
        )
    )


def unknown(check: str, node: Node, title: str, because: str, evidence: tuple[Evidence, ...] = ()) -> Result:
    """Cannot tell, and why."""
    return Result(check, node.subject, "unknown", title, evidence=evidence, because=because)


def fine(check: str, node: Node, title: str, evidence: tuple[Evidence, ...] = ()) -> Result:
    """All is well."""
    return Result(check, node.subject, "ok", title, evidence=evidence)
