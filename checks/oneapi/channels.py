"""One API relays by an old list of channels: how that is told, and the restart that helps. Pure.

With MEMORY_CACHE_ENABLED the list is built at the start and every SYNC_FREQUENCY seconds (600), and never when a
channel is added or changed (one-api model/cache.go, issues 2130 and 2309). /v1/models reads the database from v0.6.6
on; before, it is a fixed list of everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.plan import Plan, Question
from ...console.fix.steps import AnyStep, AskModel, RestartContainer
from ...console.model import LogMark, OneApiChannel, Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import environment, gateway_of, release
from ...console.text.cleaning import duration
from ..api import Answers, Case, Form, repair
from .one_api import OneApi

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
MODELS_SHOWN = 5
SYNC = 600.0
LISTS_CHANNELS = (0, 6, 6)
"""The first release whose /v1/models tells of channels."""
_COMPLAINT = re.compile(r"当前分组 (\S+) 下对于模型 (.*?) 无可用渠道")
_REQUEST = re.compile(r"\| +([^\s|]{10,}) +\|")
_ROUTE = re.compile(r"POST +(/v1/[\w/.-]+)")
STALE = Form(
    "stale-channels",
    "{subject} does not know its newest channels yet: {models}",
    "It keeps the list of channels in memory since its last start and reads the database every {every} only; a channel "
    "added or changed meanwhile is missing, although its page and its test show it",
    "restart One API, and nothing else",
)


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

    one: OneApi
    models: tuple[str, ...]
    asked: tuple[Complaint, ...]
    """Requests that failed for it; none where only the times tell."""
    channels: tuple[OneApiChannel, ...]
    """Those that are newer than the process's list, where channels are known."""
    proof: AskModel | None
    """One request for the first model, with FastGPT's key; None where key or address is not known."""


def complaints(one: OneApi) -> tuple[Complaint, ...]:
    """Models without a channel, of which the log has spoken since the process last read its channels."""
    since = last_sync(one)
    found = []
    for line in (m for m in one.marks if m.mark == "oneapi.no-channel"):
        told = _COMPLAINT.search(line.text)
        if told is None or not told[2] or line.at is None or (since is not None and line.at <= since):
            continue
        found.append(Complaint(told[2], told[1], line, _route(one, line)))
    return tuple(found)


def _route(one: OneApi, line: LogMark) -> str | None:
    request = _REQUEST.search(line.text)
    for other in (m for m in one.marks if request and m.mark == "oneapi.relay-503" and request[1] in m.text):
        route = _ROUTE.search(other.text)
        if route:
            return route[1]
    return None


def last_sync(one: OneApi) -> float | None:
    """When the process last read its channels: by its log, else reckoned from there on, or from its start."""
    said = one.mark("oneapi.channels-synced")
    first = said.at if said else None
    if first is None and one.state:
        first = one.state.start_time
    if first is None and one.container:
        first = one.container.started_at
    if first is None:
        return None
    return first + max(0.0, (one.now - first) // frequency(one)) * frequency(one)


def frequency(one: OneApi) -> float:
    """Seconds between two reads."""
    given = one.env.get("SYNC_FREQUENCY", "")
    return float(given) if given.isdecimal() and 0 < int(given) < 10**9 else SYNC


def caches(one: OneApi) -> bool:
    """Whether it relays by a list in memory; Redis, which needs SYNC_FREQUENCY too, switches it on as well."""
    env = one.env
    redis = bool(env.get("REDIS_CONN_STRING") and env.get("SYNC_FREQUENCY"))
    return env.get("MEMORY_CACHE_ENABLED", "").lower() == "true" or redis or one.mark("oneapi.memory-cache") is not None


def listed(one: OneApi, asked: Complaint) -> bool | None:
    """Whether the database has a channel for the model; None where nobody can tell."""
    state = one.state
    if state is None:
        return None
    if state.channels is not None:
        groups = (channel.groups or ("default",) for channel in one.channels if asked.model in channel.models)
        return any(asked.group in each for each in groups)
    known = release(one.version)
    if state.models is None or (known is not None and (0, 0, 0) != known < LISTS_CHANNELS):
        return None
    return asked.model in state.models


def stale_of(one: OneApi, snapshot: Snapshot) -> Stale | None:
    """What the process does not know yet; None where it knows all, as far as anybody can tell."""
    if not caches(one):
        return None
    asked = tuple(each for each in complaints(one) if listed(one, each))
    since = last_sync(one)
    newer = tuple(c for c in one.channels if since is not None and (c.created_at or 0.0) > since + 1.0)
    before = {model for channel in one.channels if channel not in newer for model in channel.models}
    unknown = (model for channel in newer for model in channel.models if model not in before)
    models = tuple(dict.fromkeys((*(each.model for each in asked), *unknown)))
    return Stale(one, models, asked, newer, _proof(one, models[0], asked, snapshot)) if models else None


def undecided(one: OneApi) -> tuple[Complaint, ...]:
    """Complaints of which it cannot be told whether a restart would help."""
    return tuple(each for each in complaints(one) if listed(one, each) is None) if caches(one) else ()


def stale_case(stale: Stale, rows: tuple[Evidence, ...]) -> Case[Stale]:
    """What is said of it."""
    one, evidence = stale.one, list(rows)
    evidence += [Evidence("log", each.line.text, f"docker logs {one.name}") for each in stale.asked]
    for channel in stale.channels:
        late = (channel.created_at or 0.0) - (last_sync(one) or 0.0)
        value = f"made {duration(late)} after One API last read its channels"
        evidence.append(Evidence(f"channel {channel.id} {channel.name}", value, "/api/channel"))
    more = len(stale.models) - MODELS_SHOWN
    models = ", ".join(stale.models[:MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    words = {"models": models, "every": duration(frequency(one))}
    return Case(one.name, STALE, stale, tuple(evidence), words, "error" if stale.asked else "warning")


def _proof(one: OneApi, model: str, asked: tuple[Complaint, ...], snapshot: Snapshot) -> AskModel | None:
    state = one.state
    client = next((c for c in snapshot.containers if state and state.client and c.id == state.client), None)
    gateway = gateway_of(environment(client)) if client else None
    if state is None or state.address is None or client is None or gateway is None or gateway.key_variable is None:
        return None
    route = next((each.route for each in asked if each.model == model and each.route), None)
    return AskModel(
        url=state.address, model=model, route=EMBEDDINGS if route == EMBEDDINGS else CHAT, client=client.id,
        variable=gateway.key_variable, name=one.name,
    )  # fmt: skip


def restart(stale: Stale, answers: Answers) -> Plan:
    """One API alone; on request one real request proves it."""
    one, proof, container = stale.one, stale.proof, stale.one.container
    steps: list[AnyStep] = [RestartContainer(container=container.id, name=container.name)] if container else []
    if proof is not None and answers.get("prove", "no").lower() == "yes":
        steps.append(proof)
    prompt = f"Prove it with one real request for {stale.models[0]}? It costs tokens"
    return repair(
        *steps, says=_says(one), restarts=(one.name,), lock=one.place.directory,
        questions=(Question("prove", prompt, default="no", choices=("no", "yes")),) if proof else (),
    )  # fmt: skip


def _says(one: OneApi) -> Iterator[str]:
    yield "Only One API is restarted, for a second or two; answers that are being written then are cut off."
    last = last_sync(one)
    if last is not None:
        left = max(0.0, last + frequency(one) - one.now)
        yield f"Without a restart it would know them in about {duration(left)}, when it reads its channels by itself."
    yield "Restart it after the last change to a channel, not before. SYNC_FREQUENCY=60 makes it read more often."
    if not one.env.get("SESSION_SECRET"):
        yield "SESSION_SECRET is not set: everybody who is logged in to One API's pages has to log in again."
