"""Why a One API does not come up: what it died of, and whether waiting, a restart or only a person helps. Pure.

fact: fastgpt-stack 5: it opens the database, migrates, then downloads token encoders; it retries nothing, every failure
ends in ``[FATAL]`` and exit code 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...console.stacks.gateways import LOOPBACK, Dsn
from .case import NEXT_TRY, PATIENCE, YOUNG, Case, Database

CAUSES = {
    "oneapi.db-1130": "host-not-allowed",
    "oneapi.db-1045": "access-denied",
    "oneapi.db-1049": "unknown-database",
    "oneapi.token-encoder": "offline",
    "oneapi.redis-failed": "redis",
    "oneapi.thread-refused": "old-docker",
    "oneapi.db-unknown-host": "unknown-host",
    "oneapi.db-refused": "refused",
    "oneapi.db-no-route": "refused",
    "oneapi.db-lost": "refused",
}
"""By mark: the form where it tells all, else the kind of failure that has to be looked into."""
NEEDS_LOOK = ("unknown-host", "refused")
ENCODERS = 60.0
"""Seconds after which token encoders that are still being fetched do not come any more."""


@dataclass(frozen=True)
class Boot:
    """What keeps it down."""

    form: str
    until: float | None = None
    """Unix time by which it has come up if waiting helps."""


def boot_of(case: Case) -> Boot | None:
    """The form of a One API that does not come up; None where it does, or nothing can be told yet."""
    if case.container is None:
        form = misaddressed(case)
        return Boot(form) if form else None
    if case.dying:
        return _died(case)
    if too_early(case) and case.container.restart_count:
        return _between_deaths(case)
    return Boot("offline") if _fetches_for_ever(case) else None


def _between_deaths(case: Case) -> Boot | None:
    """It was started again a moment ago: what it died of a moment before, unless that may be over now."""
    if case.before:
        boot = _died(case)
        return boot if boot.form not in ("start-again", "dies") else None
    starting = case.database is not None and case.database.standing == "starting"
    return _judged(case, case.database) if case.database and starting else None


def too_early(case: Case) -> bool:
    """Whether it has only just been started again and may still die."""
    container = case.container
    running = container is not None and container.state == "running"
    return running and not case.up and (case.age is None or case.age < YOUNG)


def _fetches_for_ever(case: Case) -> bool:
    """It runs, does not listen, and the last thing it said is that it fetches the token encoders."""
    begun = case.mark("oneapi.encoders-begun")
    done = case.mark("oneapi.encoders-ready", "oneapi.listening", "oneapi.relay-ok", "oneapi.relay-503")
    refused = case.state is not None and case.state.trouble in ("refused", "reset")
    running = case.container is not None and case.container.state == "running"
    return bool(running and begun and not done and refused and case.age is not None and case.age > ENCODERS)


def _died(case: Case) -> Boot:
    cause = next((form for mark, form in CAUSES.items() if case.last_words(mark)), None)
    if cause is None:
        return Boot("dies")
    if cause not in NEEDS_LOOK:
        return Boot(cause)
    return _no_connection(case, cause)


def _no_connection(case: Case, cause: str) -> Boot:
    """It could not reach its database; whether it ever will."""
    dsn, database = case.dsn, case.database
    if dsn is None:
        return Boot("dies")
    wrong = misaddressed(case)
    if wrong:
        return Boot(wrong)
    if database is None:
        return Boot("wrong-host" if cause == "unknown-host" else "unreachable")
    if not database.shared:
        return Boot("other-network")
    return _judged(case, database)


def _judged(case: Case, database: Database) -> Boot:
    """The address is right, so it is a matter of time, or of the database itself."""
    started = database.container.started_at or case.now
    if database.standing in ("down", "crashing", "stuck"):
        return Boot(f"database-{database.standing}")
    if database.standing == "starting":
        return Boot("database-not-ready", started + PATIENCE + NEXT_TRY)
    until = max(database.ready_at or started, _last_death(case) or 0.0) + NEXT_TRY
    if case.container is not None and case.container.state == "restarting" and _died_before(case, database):
        return Boot("database-not-ready", until) if case.now < until else Boot("start-again")
    return Boot("start-again")


def _last_death(case: Case) -> float | None:
    container = case.container
    return container.finished_at if container else None


def _died_before(case: Case, database: Database) -> bool:
    """Whether its last try came before the database was ready, so that the next one may do."""
    death = _last_death(case)
    return death is None or database.ready_at is None or death <= database.ready_at + 1.0


def misaddressed(case: Case) -> str | None:
    """The form of an address in SQL_DSN that can never be right; None where it may be."""
    dsn = case.dsn
    if dsn is None or _shares_namespace(case):
        return None
    if case.container is None:  # its network is not known, so a loopback address may be meant
        return _misdeclared(case, dsn)
    if dsn.host.lower() in LOOPBACK:
        return "loopback"
    database = case.database
    if database is None or case.last_words("oneapi.db-refused") is None:
        return None
    inside = {p.container_port for p in database.container.ports} | {_moved_port(database.container.command)}
    outside = {p.host_port for p in database.container.ports if p.host_port}
    if dsn.port != dsn.usual and dsn.port not in inside:
        return "host-port" if dsn.port in outside or dsn.usual in inside else None
    return None


def _shares_namespace(case: Case) -> bool:
    mode = (case.container.network_mode or "") if case.container else ""
    return mode == "host" or mode.startswith("container:")


def _moved_port(command: tuple[str, ...]) -> int | None:
    """The port of ``--port=3307`` or ``-P 3307`` in a database's command."""
    for word, value in zip(command, (*command[1:], ""), strict=False):
        name, _, given = word.partition("=")
        number = given or value
        if name in ("--port", "-P") and number.isdecimal():
            return int(number)
    return None


def _misdeclared(case: Case, dsn: Dsn) -> str | None:
    """Before anything runs: only the host port of a service that the same files declare is certain enough."""
    services = case.place.project.services if case.place.project else ()
    named = next((s for s in services if dsn.host in (s.name, s.container_name)), None)
    if named is None or dsn.port == dsn.usual or _moved_port(named.command) == dsn.port:
        return None
    pairs = {tuple(entry.partition("/")[0].split(":")[-2:]) for entry in named.ports}
    return "host-port" if (str(dsn.port), str(dsn.usual)) in pairs else None


def seconds_left(boot: Boot, now: float) -> float:
    """How long it may still take, 0 when time is over."""
    return 0.0 if boot.until is None else max(0.0, boot.until - now)
