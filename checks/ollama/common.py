"""Which Ollamas there are: in containers, and on the machine itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import Container, Server, Snapshot
from ...console.products.services import role_of_container


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
