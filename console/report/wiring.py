"""``wiring`` in its three forms: a document, facts, lines; and the words that screens and checks share with them.

The document is a contract with other programs: additions are allowed, changes are not. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ..model import Edge, Hop, Snapshot
from ..products.addresses import place
from ..text.cleaning import DASH
from .json_ import Document, faults, head
from .plain import Facts
from .plain import fault as fault_facts
from .text import Line, narrowed, table

KINDS = {
    "mongo": "MongoDB", "postgres": "PostgreSQL", "mysql": "MySQL", "redis": "Redis", "milvus": "Milvus",
    "oceanbase": "OceanBase", "seekdb": "seekdb", "gateway": "model gateway", "sandbox": "sandbox", "plugin": "plugins",
    "minio": "object store", "meilisearch": "Meilisearch", "rag_api": "rag_api", "ollama": "Ollama",
    "model_server": "model server", "endpoint": "endpoint", "fastgpt": "FastGPT", "oneapi": "model gateway",
    "aiproxy": "model gateway",
}  # fmt: skip
"""What is meant to be at the end of an arrow, in words."""


def state(edge: Edge) -> str:
    """``ok``, ``broken``, or ``unknown`` where a hop is not known."""
    if edge.broken is not None:
        return "broken"
    return "ok" if edge.hops and all(hop.state == "ok" for hop in edge.hops) else "unknown"


def target(edge: Edge) -> str:
    """The container that is meant, else the address."""
    return edge.target_name or place(edge.host, edge.port)


def explained(edge: Edge) -> str:
    """The first hop that is not ok, in one sentence; of an arrow that is well how far it was followed."""
    at = f"{place(edge.host, edge.port)} ({edge.origin})"
    hop = edge.broken or next((each for each in edge.hops if each.state != "ok"), None)
    if hop is None:
        return f"{edge.source_name} reaches {target(edge)} at {at}."
    if hop.state == "unknown":
        return (
            f"Cannot say whether {edge.source_name} reaches {target(edge)} at {at}: {hop.reason or 'it was not tried'}."
        )
    why, concluded = hop.reason or "it fails", "" if edge.by == "probe" else " (concluded from networks, not tried)"
    who = f"{edge.host}: " if hop.name == "name" else f"{target(edge)} " if hop.name == "protocol" else ""
    return f"{edge.source_name} does not reach {KINDS.get(edge.kind, edge.kind)} at {at}: {who}{why}{concluded}."


def nothing(snapshot: Snapshot) -> str:
    """Why there is no arrow to tell of."""
    if snapshot.engine is None and any(each.source == "engine" for each in snapshot.faults):
        return "Nothing is known of the wiring: the Docker Engine does not answer"
    return "No container here is set up to reach another"


def document(snapshot: Snapshot) -> Document:
    """``wiring --json``."""
    return {**head(snapshot), "edges": [_edge(edge) for edge in snapshot.edges], "faults": faults(snapshot)}


def _edge(edge: Edge) -> Document:
    """Every field of the model, with its state and the sentence."""
    return {**msgspec.to_builtins(edge), "state": state(edge), "sentence": explained(edge)}


def facts(snapshot: Snapshot) -> Iterator[Facts]:
    """``wiring --plain``: each arrow with its hops; then what could not be read."""
    for edge in snapshot.edges:
        hops = (f"{hop.name}={hop.state}" for hop in edge.hops)
        yield (
            state(edge), "edge", edge.source_name, target(edge), edge.kind, edge.effective, edge.origin, edge.place,
            edge.by, *hops, explained(edge),
        )  # fmt: skip
    for each in snapshot.faults:
        yield fault_facts(each)


_HEAD = ("STATE", "FROM", "TO", "WHAT", "NAME", "PORT", "PROTOCOL", "BY", "SET IN", "ADDRESS")
_LEAST_FIRST = ("BY", "SET IN", "WHAT", "ADDRESS")
_COLORS = {"ok": "ok", "broken": "error", "unknown": "unknown"}


def lines(snapshot: Snapshot, width: int) -> Iterator[Line]:
    """The table, with a sentence under each arrow that is not well."""
    if not snapshot.edges:
        yield ("", "", nothing(snapshot))
        return
    rows: list[Sequence[str]] = [_HEAD, *(_row(edge) for edge in snapshot.edges)]
    top, *drawn = table(narrowed(rows, width, _LEAST_FIRST, 12), width)
    yield ("", "", top)
    for edge, line in zip(snapshot.edges, drawn, strict=True):
        told = state(edge)
        yield (told, _COLORS[told], line[len(told) :])
        if told == "broken":
            yield ("", "", f"    {explained(edge)}")


def _row(edge: Edge) -> Sequence[str]:
    name, port, protocol = (shown(hop) for hop in _three(edge))
    what = KINDS.get(edge.kind, edge.kind)
    return (
        state(edge),
        edge.source_name,
        target(edge),
        what,
        name,
        port,
        protocol,
        edge.by,
        edge.origin,
        edge.effective,
    )


def _three(edge: Edge) -> Sequence[Hop]:
    found = {hop.name: hop for hop in edge.hops}
    return [found.get(name, Hop(name, "unknown")) for name in ("name", "port", "protocol")]


def shown(hop: Hop) -> str:
    """One cell; nothing is said of what lies behind a hop that failed."""
    return DASH if hop.state == "unknown" and hop.reason is None else hop.state
