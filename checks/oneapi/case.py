"""One One API as everything known describes it: container, log, its own word over HTTP, and its database. Pure.

fact: fastgpt-stack 5 (start order and death), mongo-docker-db 9 (MySQL's first start). Docker's own health is never
looked at: the health check of the upstream compose file is green whatever happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from msgspec import structs

from ...console.findings import Evidence
from ...console.model import Container, LogMark, OneApiState, Snapshot
from ...console.stacks.gateways import Dsn, dsn_of, environment, names_of, release, share_network
from ...console.text import duration
from ..compose import ENDED, Placed, marks_since_start

YOUNG = 20.0
"""Seconds after a start during which nothing can be told of a process that has not answered yet."""
PATIENCE = 120.0
"""Seconds a database gets to come up. fact: the first start of MySQL takes 10 to 60 s, more on a slow disk."""
NEXT_TRY = 65.0
"""Seconds until Docker has started it again. fact: the pause between two starts grows up to a minute."""
STOPPED = (None, 0, 137, 143)
"""Exit codes of what was ended from outside."""
BEFORE = "oneapi.before."
Standing = Literal["starting", "ready", "stuck", "down", "crashing"]


@dataclass(frozen=True)
class Database:
    """The container that the host in SQL_DSN names."""

    container: Container
    shared: bool
    """Whether One API and it are in a common network."""
    standing: Standing
    ready_at: float | None
    """When it said that it takes connections."""


@dataclass(frozen=True)
class Case:
    """One One API."""

    place: Placed
    now: float
    state: OneApiState | None
    marks: tuple[LogMark, ...]
    """Of its log since the last start."""
    before: tuple[LogMark, ...]
    """What the run before ended with, where Docker has started it again."""
    dsn: Dsn | None
    version: str | None
    database: Database | None
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
        if self.container:
            return environment(self.container)
        return {v.name: v.value for v in self.place.declared.env} if self.place.declared else {}

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
    def up(self) -> bool:
        """Whether it runs well, as far as anybody can tell."""
        if self.container is None or self.container.state != "running":
            return False
        if self.answers:
            return True
        asked = self.state is not None and self.state.trouble not in (None, "no-address", "rate-limited")
        return not asked and self.age is not None and self.age >= YOUNG

    @property
    def dying(self) -> bool:
        """Whether it ended by itself, and lies there or is started again and again."""
        container = self.container
        if container is None:
            return False
        if container.state == "restarting":
            return True
        return container.state in ENDED and container.exit_code not in STOPPED

    @property
    def source(self) -> str:
        """Where its variables are read."""
        return f"docker inspect {self.name}" if self.container else "compose files"


def case_of(place: Placed, snapshot: Snapshot) -> Case:
    """Everything about one One API."""
    container = place.container
    state = next((s for s in snapshot.oneapis if container and s.container == container.id), None)
    declared = next((s.version for s in snapshot.services if container and s.container == container.id), None)
    bare = Case(
        place, snapshot.taken_at, state, marks_since_start(snapshot, container), _before(snapshot, container), None,
        (state.version if state else None) or declared, None,
    )  # fmt: skip
    dsn = dsn_of(bare.env.get("SQL_DSN"))
    found = database_of(container, dsn, snapshot) if container and dsn else None
    return replace(bare, dsn=dsn, database=found)


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


def database_of(container: Container, dsn: Dsn, snapshot: Snapshot) -> Database | None:
    """The container that answers, or would answer, to the name in SQL_DSN; those in a common network first."""
    called = [c for c in snapshot.containers if c.id != container.id and _answers_to(c, dsn.host)]
    rated = sorted(called, key=lambda c: share_network(container, c) is not True)
    if not rated:
        return None
    found = rated[0]
    marks = marks_since_start(snapshot, found)
    ready = next((m.at for m in reversed(marks) if m.mark == "mysql.ready"), None)
    shared = share_network(container, found) is not False
    return Database(found, shared, _standing(found, dsn, ready, snapshot.taken_at), ready)


def _answers_to(container: Container, host: str) -> bool:
    return host in names_of(container) or host in {link.address for link in container.networks if link.address}


def _standing(container: Container, dsn: Dsn, ready: float | None, now: float) -> Standing:
    if container.state == "restarting":
        return "crashing"
    if container.state != "running":
        return "down" if container.exit_code in STOPPED else "crashing"
    if ready is not None:
        return "ready"
    if container.started_at is None or now - container.started_at < PATIENCE:
        return "starting"
    return "stuck" if dsn.kind == "mysql" else "ready"


def older_than(version: str | None, *numbers: int) -> bool:
    """Whether a release is known and older."""
    known = release(version)
    return known is not None and known < numbers and known != (0, 0, 0)


def basics(case: Case) -> tuple[Evidence, ...]:
    """The state of the container, and where SQL_DSN leads: host, port and name, never user or password."""
    rows: list[Evidence] = []
    container = case.container
    if container:
        again = f", started again {container.restart_count} times" if container.restart_count else ""
        code = f", exit code {container.exit_code}" if container.exit_code not in (None, 0) else ""
        rows.append(Evidence("container", f"{container.state}{code}{again}", case.source))
    if case.dsn:
        rows.append(
            Evidence("looks for its database at", f"{case.dsn.address}, database {case.dsn.name or '-'}", case.source)
        )
    if case.database:
        rows.append(_database_row(case.database, case.now))
    return tuple(rows)


def _database_row(database: Database, now: float) -> Evidence:
    container = database.container
    age = None if container.started_at is None else max(0.0, now - container.started_at)
    since = f" for {duration(age)}" if age is not None and container.state == "running" else ""
    said = "has said that it takes connections" if database.ready_at else "has not said that it takes connections"
    value = f"{container.state}{since}, {said}" if container.state == "running" else container.state
    return Evidence(f"database {container.name}", value, f"docker inspect and docker logs {container.name}")
