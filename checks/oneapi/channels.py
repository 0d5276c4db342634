"""Whether One API relays by an old list of channels. Pure.

fact: fastgpt-stack 5: with MEMORY_CACHE_ENABLED the list is built at the start and every SYNC_FREQUENCY seconds (600)
and never when a channel is added or changed; /v1/models reads the database from v0.6.6 on, a fixed list before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...console.model import LogMark, OneApiChannel
from .case import Case, older_than

SYNC = 600.0
ENABLED = 1
_COMPLAINT = re.compile(r"当前分组 (\S+) 下对于模型 (.*?) 无可用渠道")
_REQUEST = re.compile(r"\| +([^\s|]{10,}) +\|")
_ROUTE = re.compile(r"POST +(/v1/[\w/.-]+)")


@dataclass(frozen=True)
class Complaint:
    """One model that the relay found no channel for."""

    model: str
    group: str
    line: LogMark
    route: str | None
    """Where it was asked for, from the GIN line of the same request."""


@dataclass(frozen=True)
class Stale:
    """Models that the database has a channel for and the running process does not know of."""

    models: tuple[str, ...]
    asked: tuple[Complaint, ...]
    """Requests that failed for it; none where only the times tell."""
    channels: tuple[OneApiChannel, ...]
    """Those that are newer than the process's list, where channels are known."""


def complaints(case: Case) -> tuple[Complaint, ...]:
    """Models without a channel, of which the log has spoken since the process last read its channels."""
    since = last_sync(case)
    found = []
    for line in (m for m in case.marks if m.mark == "oneapi.no-channel"):
        told = _COMPLAINT.search(line.text)
        if told is None or not told[2] or line.at is None or (since is not None and line.at <= since):
            continue
        found.append(Complaint(told[2], told[1], line, _route(case, line)))
    return tuple(found)


def _route(case: Case, line: LogMark) -> str | None:
    request = _REQUEST.search(line.text)
    for other in (m for m in case.marks if request and m.mark == "oneapi.relay-503" and request[1] in m.text):
        route = _ROUTE.search(other.text)
        if route:
            return route[1]
    return None


def last_sync(case: Case) -> float | None:
    """When the process last read its channels: by its log, else reckoned from there on, or from its start."""
    said = case.mark("oneapi.channels-synced")
    first = said.at if said else None
    if first is None and case.state:
        first = case.state.start_time
    if first is None and case.container:
        first = case.container.started_at
    if first is None:
        return None
    return first + max(0.0, (case.now - first) // frequency(case)) * frequency(case)


def next_sync(case: Case) -> float | None:
    """Seconds until it reads them again by itself."""
    last = last_sync(case)
    return None if last is None else max(0.0, last + frequency(case) - case.now)


def frequency(case: Case) -> float:
    """Seconds between two reads."""
    given = case.env.get("SYNC_FREQUENCY", "")
    return float(given) if given.isdecimal() and 0 < int(given) < 10**9 else SYNC


def caches(case: Case) -> bool:
    """Whether it relays by a list in memory. fact: Redis, which needs SYNC_FREQUENCY too, switches it on as well."""
    env = case.env
    redis = bool(env.get("REDIS_CONN_STRING") and env.get("SYNC_FREQUENCY"))
    return (
        env.get("MEMORY_CACHE_ENABLED", "").lower() == "true" or redis or case.mark("oneapi.memory-cache") is not None
    )


def listed(case: Case, one: Complaint) -> bool | None:
    """Whether the database has a channel for the model; None where nobody can tell."""
    state = case.state
    if state is None:
        return None
    if state.channels is not None:
        return any(_serves(channel, one.model, one.group) for channel in state.channels)
    if state.models is None or older_than(case.version, 0, 6, 6):
        return None
    return one.model in state.models


def _serves(channel: OneApiChannel, model: str, group: str) -> bool:
    return channel.status == ENABLED and model in channel.models and group in (channel.groups or ("default",))


def stale_of(case: Case) -> Stale | None:
    """What the process does not know yet; None where it knows all, as far as anybody can tell."""
    if not caches(case):
        return None
    asked = tuple(one for one in complaints(case) if listed(case, one))
    newer = _newer(case)
    unknown = tuple(m for channel in newer for m in channel.models if not _served_before(case, m, newer))
    models = tuple(dict.fromkeys((*(one.model for one in asked), *unknown)))
    return Stale(models, asked, newer) if models else None


def _newer(case: Case) -> tuple[OneApiChannel, ...]:
    since = last_sync(case)
    channels = case.state.channels if case.state and case.state.channels else ()
    if since is None:
        return ()
    return tuple(c for c in channels if c.status == ENABLED and c.created_at is not None and c.created_at > since + 1.0)


def _served_before(case: Case, model: str, newer: tuple[OneApiChannel, ...]) -> bool:
    channels = case.state.channels if case.state and case.state.channels else ()
    return any(c.status == ENABLED and model in c.models for c in channels if c not in newer)


def undecided(case: Case) -> tuple[Complaint, ...]:
    """Complaints of which it cannot be told whether a restart would help."""
    return tuple(one for one in complaints(case) if listed(case, one) is None) if caches(case) else ()
