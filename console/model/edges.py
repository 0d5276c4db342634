"""Who is set up to reach whom, and how far a connection gets on the way there. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Speaks = Literal["mongo", "postgres", "mysql", "redis", "http", "grpc"]
HopName = Literal["name", "port", "protocol"]
HopState = Literal["ok", "failed", "unknown"]
EdgeWhere = Literal["container", "machine", "itself", "nobody", "elsewhere", "internet", "unclear"]


class Hop(Struct, frozen=True):
    """One step of the way: the name resolves, the port listens, whoever listens speaks the right protocol."""

    name: HopName
    state: HopState
    reason: str | None = None
    """One sentence: what was seen, or why nothing is known. None behind a hop that failed."""


class Edge(Struct, frozen=True):
    """One arrow: a setting of a container that is an address it needs. Holds no login, no key, no query."""

    key: str
    """``fastgpt MONGODB_URI mongo:27017``; stays the same while the setting does."""
    source: str
    """Container id."""
    source_name: str
    kind: str
    """What is meant to be there: ``mongo``, ``postgres``, ``gateway``, ``ollama``."""
    declared: str
    """The address as it is written."""
    origin: str
    """The variable, or the key of a file with whose it is: ``MONGODB_URI``, ``baseURL of endpoint Ollama``."""
    place: str
    """Where that stands: ``environment of fastgpt``, or a path with its line."""
    effective: str
    """The address that the program makes of it: with ``/v1``, with the usual port."""
    host: str
    port: int
    speaks: Speaks
    tls: bool = False
    target: str | None = None
    """Id of the container that is meant, as far as networks and names tell."""
    target_name: str | None = None
    where: EdgeWhere = "unclear"
    """Where the address leads, as far as networks and names tell."""
    reached: str | None = None
    """``address:port`` to which the name led when it was tried."""
    hops: tuple[Hop, ...] = ()
    by: Literal["probe", "reasoning"] = "reasoning"
    """How the hops are known: tried from the container's own network, or concluded from networks and states."""
    read_at: float | None = None
    """When it was tried last."""

    @property
    def broken(self) -> Hop | None:
        """The first hop that failed."""
        return next((hop for hop in self.hops if hop.state == "failed"), None)
