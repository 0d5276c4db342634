"""One One API as everything known describes it: container, log, its own word over HTTP, and its database. Pure.

Docker's own health is never looked at: the health check of the upstream compose file is green whatever happens.

It may relay by an old list of channels. With MEMORY_CACHE_ENABLED the list is built at the start and every
SYNC_FREQUENCY seconds (600), and never when a channel is added or changed (one-api model/cache.go, issues 2130 and
2309). /v1/models reads the database from v0.6.6 on; before, it is a fixed list of everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from ...console.fix.steps import AnyStep, AskModel, RestartContainer
from ...console.model import Container, LogMark, OneApiChannel, OneApiState
from ...console.products.gateways import Dsn, dsn_of, environment, gateway_of, names_of, release, share_network
from ...console.products.model_paths import LISTS_CHANNELS
from ...console.text import _
from ...console.text.cleaning import duration
from ..api import Answers, Case, Evidence, Form, Plan, Question, Snapshot, repair
from ..compose import ENDED, Placed, marks_since_start, place_of
from ..subjects import Life

YOUNG = 20.0
"""Seconds after a start during which nothing can be told of a process that has not answered yet."""
PATIENCE = 120.0
"""Seconds a database gets to come up: the first start of MySQL takes 10 to 60 s, more on a slow disk."""
NEXT_TRY = 65.0
"""Seconds until Docker has started it again: the pause between two starts grows up to a minute (Docker's docs)."""
ENABLED = 1
STOPPED = (None, 0, 137, 143)
"""Exit codes of what was ended from outside."""
BEFORE = "oneapi.before."
Standing = Literal["starting", "ready", "stuck", "down", "crashing"]


@dataclass(frozen=True)
class DatabaseHost:
    """The container that the host in SQL_DSN names."""

    place: Placed
    container: Container
    shared: bool
    """Whether One API and it are in a common network."""
    standing: Standing
    ready_at: float | None
    """When it said that it takes connections."""


@dataclass(frozen=True)
class OneApi:
    """One gateway."""

    place: Placed
    now: float
    state: OneApiState | None
    marks: tuple[LogMark, ...]
    """Of its log since the last start."""
    before: tuple[LogMark, ...]
    """What the run before ended with, where Docker has started it again."""
    dsn: Dsn | None
    version: str | None
    database: DatabaseHost | None
    """None where no container answers to the name."""

    @property
    def container(self) -> Container | None:
        """Its container."""
        return self.place.container

    @property
    def name(self) -> str:
        """Of the container or the service."""
        return self.place.subject

    @property
    def env(self) -> dict[str, str]:
        """The variables of the container, or those declared."""
        return {variable.name: variable.value for variable in self.place.env}

    def mark(self, *names: str) -> LogMark | None:
        """The newest line with one of these meanings."""
        return next((m for m in reversed(self.marks) if m.mark in names), None)

    def last_words(self, name: str) -> LogMark | None:
        """The newest line with this meaning, of this run or the one before."""
        return self.mark(name) or next((m for m in reversed(self.before) if m.mark == name), None)

    @property
    def age(self) -> float | None:
        """Seconds since the container was last started."""
        started = self.container.started_at if self.container else None
        return None if started is None else max(0.0, self.now - started)

    @property
    def answers(self) -> bool:
        """Whether the process itself has answered."""
        return self.state is not None and self.state.start_time is not None and self.state.trouble is None

    @property
    def running(self) -> bool:
        """Whether its container runs."""
        return self.place.state == "running"

    @property
    def early(self) -> bool:
        """Whether it has only just been started again and may still die."""
        return self.running and not self.up and (self.age is None or self.age < YOUNG)

    @property
    def up(self) -> bool:
        """Whether it runs well, as far as anybody can tell."""
        if not self.running or self.answers:
            return self.running
        asked = self.state is not None and self.state.trouble not in (None, "no-address", "rate-limited")
        return not asked and self.age is not None and self.age >= YOUNG

    @property
    def dying(self) -> bool:
        """Whether it ended by itself, and lies there or is started again and again."""
        ended = self.container is not None and self.container.exit_code not in STOPPED and self.place.state in ENDED
        return ended or self.place.state == "restarting"

    @property
    def channels(self) -> tuple[OneApiChannel, ...]:
        """The channels in its database that are enabled; none where they are not known."""
        return tuple(c for c in (self.state.channels or () if self.state else ()) if c.status == ENABLED)


def one_api(place: Placed, snapshot: Snapshot) -> OneApi:
    """Everything about one One API."""
    container = place.container
    state = next((s for s in snapshot.oneapis if container and s.container == container.id), None)
    dsn = dsn_of(next((v.value for v in reversed(place.env) if v.name == "SQL_DSN"), None))
    return OneApi(
        place, snapshot.taken_at, state, marks_since_start(snapshot, container), _before(snapshot, container), dsn,
        (state.version if state else None) or version_of(snapshot, container),
        _database_of(container, dsn, snapshot) if container and dsn else None,
    )  # fmt: skip


def version_of(snapshot: Snapshot, container: Container | None) -> str | None:
    """The release that a container runs, as its image tells."""
    return next((s.version for s in snapshot.services if container and s.container == container.id), None)


def _before(snapshot: Snapshot, container: Container | None) -> tuple[LogMark, ...]:
    """Marks of the run before under their own names; those of long ago are history."""
    if container is None or container.started_at is None or not container.restart_count:
        return ()
    own = (m for m in snapshot.log_marks if m.container == container.id and m.mark.startswith(BEFORE))
    since = container.started_at - NEXT_TRY
    return tuple(
        structs.replace(m, mark="oneapi." + m.mark.removeprefix(BEFORE))
        for m in own
        if m.at is not None and m.at > since
    )


def _database_of(container: Container, dsn: Dsn, snapshot: Snapshot) -> DatabaseHost | None:
    """The container that answers, or would answer, to the name in SQL_DSN; those in a common network first."""
    called = [
        c
        for c in snapshot.containers
        if c.id != container.id and dsn.host in {*names_of(c), *(link.address for link in c.networks)}
    ]
    rated = sorted(called, key=lambda c: share_network(container, c) is not True)
    if not rated:
        return None
    found = rated[0]
    marks = marks_since_start(snapshot, found)
    ready = next((m.at for m in reversed(marks) if m.mark == "mysql.ready"), None)
    shared = share_network(container, found) is not False
    return DatabaseHost(
        place_of(snapshot, found), found, shared, _standing(found, dsn, ready, snapshot.taken_at), ready
    )


def _standing(container: Container, dsn: Dsn, ready: float | None, now: float) -> Standing:
    if container.state == "restarting":
        return "crashing"
    if container.state != "running":
        return "down" if container.exit_code in STOPPED else "crashing"
    if ready is not None:
        return "ready"
    life = Life(container, "mysql", now)
    if life.goes_round and not life.settling:  # it happens to run: its next end is to be expected
        return "crashing"
    if container.started_at is None or now - container.started_at < PATIENCE:
        return "starting"
    return "stuck" if dsn.kind == "mysql" else "ready"


def basics(one: OneApi) -> tuple[Evidence, ...]:
    """The state of the container, and where SQL_DSN leads: host, port and name, never user or password."""
    rows: list[Evidence] = []
    container = one.container
    if container:
        again = _(", started again {count} times", count=container.restart_count) if container.restart_count else ""
        ended = container.exit_code not in (None, 0)
        code = _(", exit code {exit_code}", exit_code=container.exit_code) if ended else ""
        rows.append(Evidence(_("container"), f"{container.state}{code}{again}", one.place.source))
    if one.dsn:
        rows.append(
            Evidence(
                _("looks for its database at"),
                _("{address}, database {dsn}", address=one.dsn.address, dsn=one.dsn.name or "-"),
                one.place.source,
            )
        )
    if one.database:
        rows.append(_database_row(one.database, one.now))
    return tuple(rows)


def _database_row(database: DatabaseHost, now: float) -> Evidence:
    container = database.container
    age = None if container.started_at is None else max(0.0, now - container.started_at)
    since = _(" for {age}", age=duration(age)) if age is not None and container.state == "running" else ""
    said = _("has said that it takes connections") if database.ready_at else _("has not said that it takes connections")
    value = f"{_(container.state)}{since}, {said}" if container.state == "running" else _(container.state)
    name = container.name
    return Evidence(_("database {name}", name=name), value, _("docker inspect and docker logs {name}", name=name))


CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
MODELS_SHOWN = 5
SYNC = 600.0
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
        late = duration((channel.created_at or 0.0) - (last_sync(one) or 0.0))
        value = _("made {late} after One API last read its channels", late=late)
        at = "table channels" if one.state and one.state.channels_from == "database" else "/api/channel"
        evidence.append(Evidence(_("channel {id} {channel}", id=channel.id, channel=channel.name), value, at))
    more = len(stale.models) - MODELS_SHOWN
    models = ", ".join(stale.models[:MODELS_SHOWN]) + (_(" and {more} more", more=more) if more > 0 else "")
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
    prompt = _("Prove it with one real request for {models}? It costs tokens", models=stale.models[0])
    return repair(
        *steps, says=_says(one), restarts=(one.name,), lock=one.place.directory,
        questions=(Question("prove", prompt, default="no", choices=("no", "yes")),) if proof else (),
    )  # fmt: skip


def _says(one: OneApi) -> Iterator[str]:
    yield _("Only One API is restarted, for a second or two; answers that are being written then are cut off.")
    last = last_sync(one)
    if last is not None:
        left = max(0.0, last + frequency(one) - one.now)
        yield _("Without a restart it would know them in about {left}, when it reads its channels by itself.",
                left=duration(left))  # fmt: skip
    yield _("Restart it after the last change to a channel, not before. SYNC_FREQUENCY=60 makes it read more often.")
    if not one.env.get("SESSION_SECRET"):
        yield _("SESSION_SECRET is not set: everybody who is logged in to One API's pages has to log in again.")
