"""Who needs whom: the arrows that products know, ``depends_on``, and addresses in variables that nobody knows. Pure.

Of a variable that nobody knows an address counts only where it is written as one: behind ``//`` or ``@``, before a
port, or as the whole value of a variable that is called so. A word that happens to be a service's name is no address.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import Container, Snapshot
from ..products.edges import KINDS, edges
from ..products.gateways import names_of, share_network

Needs = Mapping[str, tuple[str, ...]]
"""Container id -> ids of the containers that it needs directly, in a steady order."""

_ADDRESS = re.compile(r"(?://|@|,|\(|^)(?:[^\s/@,()]*@)?\[?(?P<host>[\w.-]+)\]?(?=:\d{1,5}\b|[/?,)]|$)")
_WITH_PORT = re.compile(r"(?<![\w.-])(?P<host>[A-Za-z][\w.-]*):\d{2,5}(?!\d)")
_NAMES_A_HOST = re.compile(r"(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT)$", re.IGNORECASE)


def needs_of(snapshot: Snapshot, *, declared: bool = True) -> Needs:
    """Whom each container needs directly; without ``declared`` only those whose address it was given."""
    called = _by_name(snapshot.containers)
    found: dict[str, dict[str, None]] = {c.id: {} for c in snapshot.containers}
    for edge in edges(
        snapshot.containers, snapshot.projects, snapshot.config_verdicts, snapshot.oneapis,
        configs=snapshot.json_files, proxies=snapshot.proxies,
    ):  # fmt: skip
        if edge.target is not None and edge.target != edge.source:
            found[edge.source].setdefault(edge.target)
    for container in snapshot.containers:
        for name in _names_in(container):
            for other in called.get(name, ()):
                if other.id != container.id and share_network(container, other) is not False:
                    found[container.id].setdefault(other.id)
    for one, needed in _declared(snapshot) if declared else ():
        found[one].setdefault(needed)
    return {one: tuple(others) for one, others in found.items()}


def _by_name(containers: tuple[Container, ...]) -> Mapping[str, list[Container]]:
    called: defaultdict[str, list[Container]] = defaultdict(list)
    for container in containers:
        for name in names_of(container):
            called[name.lower()].append(container)
    return called


def _names_in(container: Container) -> Iterator[str]:
    """Host names that variables of which no product knows what they are for hold as part of an address."""
    for variable in container.env:
        if variable.name in KINDS:
            continue
        if "://" in variable.value or "@" in variable.value:
            yield from (found["host"].lower() for found in _ADDRESS.finditer(variable.value))
        yield from (found["host"].lower() for found in _WITH_PORT.finditer(variable.value))
        if _NAMES_A_HOST.search(variable.name):
            yield variable.value.strip().lower()


def _declared(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """``depends_on``, as containers of one project."""
    running = {(c.project, c.service): c.id for c in snapshot.containers if c.project and c.service}
    for project in snapshot.projects:
        for service in project.services:
            one = running.get((project.name, service.name))
            for name in service.depends_on if one else ():
                other = running.get((project.name, name))
                if one and other and one != other:
                    yield one, other


def behind(start: str, needs: Needs) -> Iterator[str]:
    """Everything that a container needs, directly and through others, nearest first. A circle ends where it began."""
    seen, waiting = {start}, [start]
    while waiting:
        for other in needs.get(waiting.pop(0), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
                yield other


def owners_of(snapshot: Snapshot) -> dict[str, str]:
    """Every way in which a result may name a container; its own name counts before a service's."""
    named: dict[str, str] = {}
    for container in snapshot.containers:
        named[container.name] = named[container.id] = container.id
    for container in snapshot.containers:
        if container.project and container.service:
            named.setdefault(f"{container.project}/{container.service}", container.id)
    for server in snapshot.servers:
        if server.container:
            named.setdefault(server.key, server.container)
    return named
