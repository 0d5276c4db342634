"""One One API as everything known describes it: container, log, its own word over HTTP, and its database. Pure.

Docker's own health is never looked at: the health check of the upstream compose file is green whatever happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from ...console.model import Container, LogMark, OneApiChannel, OneApiState, Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import Dsn, dsn_of, names_of, share_network
from ...console.text.cleaning import duration
from ..compose import ENDED, Placed, marks_since_start, place_of
from ..container.common import Life

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
        again = f", started again {container.restart_count} times" if container.restart_count else ""
        code = f", exit code {container.exit_code}" if container.exit_code not in (None, 0) else ""
        rows.append(Evidence("container", f"{container.state}{code}{again}", one.place.source))
    if one.dsn:
        rows.append(
            Evidence(
                "looks for its database at", f"{one.dsn.address}, database {one.dsn.name or '-'}", one.place.source
            )
        )
    if one.database:
        rows.append(_database_row(one.database, one.now))
    return tuple(rows)


def _database_row(database: DatabaseHost, now: float) -> Evidence:
    container = database.container
    age = None if container.started_at is None else max(0.0, now - container.started_at)
    since = f" for {duration(age)}" if age is not None and container.state == "running" else ""
    said = "has said that it takes connections" if database.ready_at else "has not said that it takes connections"
    value = f"{container.state}{since}, {said}" if container.state == "running" else container.state
    return Evidence(f"database {container.name}", value, f"docker inspect and docker logs {container.name}")
