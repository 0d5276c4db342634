"""Which model server a process belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..hosts import ProcessRow
from ..model import Server
from . import commands

GATEWAYS = frozenset({"oneapi", "newapi", "aiproxy", "litellm"})
"""They pass requests on and hold no model; in one container with a model server it is the server that is meant."""
_LOOPBACK = ("http://127.", "http://localhost", "http://[::1]", "https://127.", "https://localhost")


class Servers:
    """Servers by the container they run in, and by process."""

    def __init__(self, servers: Sequence[Server], owners: Mapping[int, str]) -> None:
        models = [server for server in servers if server.product not in GATEWAYS]
        self._inside: dict[str, list[Server]] = {}
        for server in models:
            container = server.container or owners.get(server.pid or 0)
            if container is not None:
                self._inside.setdefault(container, []).append(server)
        self._native = [s for s in models if s.container is None and (s.pid or 0) not in owners]

    def of(self, container: str | None, chain: Sequence[ProcessRow]) -> Server | None:
        """The server of a process, given its container, and itself with its parents."""
        if container is not None:
            inside = self._inside.get(container, [])
            return inside[0] if len(inside) == 1 else _one_of(inside, chain)
        for row in chain:
            for server in self._native:
                if server.pid == row.pid:
                    return server
        here = [s for s in self._native if s.pid is None and s.address.startswith(_LOOPBACK)]
        return _by_port(here, chain)


def _one_of(servers: Sequence[Server], chain: Sequence[ProcessRow]) -> Server | None:
    """Of several in one container the one whose process it is, else the one whose port it was told."""
    for row in chain:
        for server in servers:
            if server.pid == row.pid:
                return server
    return _by_port(servers, chain)


def _by_port(servers: Sequence[Server], chain: Sequence[ProcessRow]) -> Server | None:
    for row in chain:
        told = commands.port(row.command)
        found = [s for s in servers if told is not None and str(told) == s.key.rpartition(":")[2]]
        if len(found) == 1:
            return found[0]
    return None
