"""One API does not come up: what it died of, and whether waiting, a start or only a person helps. Pure.

It opens the database, migrates, then downloads token encoders; it retries nothing, and every failure ends in
``[FATAL]`` and exit code 1 (one-api v0.6.7, main.go).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.steps import RestartContainer, WaitFor
from ...console.model import Container
from ...console.products.gateways import LOOPBACK as LOCAL
from ...console.products.gateways import Dsn, share_network
from ...console.text import _
from .. import compose
from ..api import Case, Evidence, Form, Plan, Snapshot, manual, repair
from ..compose import ENDED, Placed, placed
from .one_api import NEXT_TRY, PATIENCE, DatabaseHost, OneApi, basics

_LOG = "Look at its log: docker logs --tail 50 {db}"
DATABASE_NOT_READY = Form(
    "database-not-ready",
    "{subject} waits for its database {database}, which is only just coming up: at most {left} s more",
    "One API tries once and ends; Docker starts it again until the database takes connections. Two to six times are "
    "normal at the first start",
    "wait; nothing has to be done",
    "info",
    advice="Nobody starts {subject} again: its restart policy is {policy}. Look again when the database is ready.",
)
START_AGAIN = Form(
    "start-again",
    "{subject} is down, although its database {database} is ready now",
    "It ended while the database could not be reached, and it retries nothing by itself",
    "start One API again",
)
DATABASE_DOWN = Form(
    "database-down",
    "{subject} cannot start: its database {database} is not running",
    "The container of the database was stopped, so its name leads nowhere",
    "start the database; One API follows by itself",
    advice="Start it: docker start {db}",
)
DATABASE_CRASHING = Form(
    "database-crashing",
    "{subject} cannot start: its database {database} ends again and again",
    "Restarting One API changes nothing as long as the database does not come up",
    "repair the database; its log says what it died of",
    advice=_LOG,
)
DATABASE_STUCK = Form(
    "database-stuck",
    "{subject} cannot start: its database {database} runs, but does not take connections",
    "The first start of MySQL takes 10 to 60 s; this one has had longer and still refuses",
    "look at the database's log; One API follows by itself",
    advice=_LOG,
)
DATABASES = (DATABASE_DOWN, DATABASE_CRASHING, DATABASE_STUCK)
"""What comes from the database's container."""
WRONG_HOST = Form(
    "wrong-host",
    "{subject} looks for its database under a name that nobody has: {host}",
    "The host in SQL_DSN is no container and no service in its networks; often the service was renamed",
    "put the service's name into SQL_DSN",
    advice="In SQL_DSN put the name of the database's service in place of {host}{candidates}. The variable stands in "
    "the environment of the service {service}, or in the .env file.\n"
    "Then: {up}",
)
OTHER_NETWORK = Form(
    "other-network",
    "{subject} and its database {database} are not in a common network",
    "A name is only known to containers that share a network",
    "connect the two",
    advice="For now: docker network connect {net} {db}\n"
    "For good: put both services into one network in the compose files.",
)
LOOPBACK = Form(
    "loopback",
    "{subject} looks for its database inside itself: SQL_DSN names {host}",
    "Inside a container a loopback address is the container itself",
    "put the database's service name into SQL_DSN",
    advice="In SQL_DSN put {candidate}:{port} in place of {address}.\nThen: {up}",
)
HOST_PORT = Form(
    "host-port",
    "{subject} looks for its database at {address}, but it listens on {port}",
    "Between containers the database's own port counts; the left number of `ports` is for the host only",
    "put port {port} into SQL_DSN",
    advice="In SQL_DSN put {host}:{port} in place of {address}; leave the rest of it as it is.\nThen: {up}",
)
UNREACHABLE = Form(
    "unreachable",
    "{subject} cannot start: nobody listens at {address}",
    "The address in SQL_DSN belongs to no container here, and its port is closed",
    "start that database, or correct SQL_DSN",
    advice="See that something listens at {address} and may be reached from containers.",
)
OFFLINE = Form(
    "offline",
    "{subject} cannot start without the internet: it fetches its token encoders",
    "At every start it downloads from openaipublic.blob.core.windows.net, and ends when it cannot",
    "give it the files in a folder of its own",
    advice="Fetch elsewhere: https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken and "
    "o200k_base.tiktoken from the same place.\n"
    "Name them 9b5ad71b2ce5302211f9c61530b329a4922fc6a4 and fb374d419588a4632f3f557e76b4b70aebbca790, put them "
    "into a folder beside the compose file, mount it, and set TIKTOKEN_CACHE_DIR to where it is mounted.\n"
    "Or give it a way out: HTTPS_PROXY in its environment.\n"
    "Then: {up}",
)
DIES = Form(
    "dies",
    "{subject} ends right after its start",
    "Its last lines say why, and it is none of the causes that stackops knows",
    "read its log",
    advice="Look at its log: docker logs --tail 50 {me}",
)
QUOTED = Form(
    "quoted",
    "{subject} cannot log in to its database: SQL_DSN has quotes round its value",
    "In a list of a compose file the quotes inside an entry belong to the value: user and database have them too",
    "take the quotes of SQL_DSN away",
    advice="In the environment of {service} write the entry without the inner quotes.\nThen: {up}",
)
CAUSES = {
    "oneapi.db-1130": Form(
        "host-not-allowed",
        "MySQL does not let {subject} in from its address (error 1130)",
        "The data folder of MySQL was made incompletely, or by another image: there is no root@'%'",
        "grant the right, or let MySQL make an empty folder anew",
        advice="Keep the data: docker exec -it {db} mysql -uroot -p, then create the user root@'%' and grant it all on "
        "{schema}.*.\n"
        "A fresh installation without anything in it: stop both, move MySQL's data folder away, start again, and "
        "do not interrupt the first start.\n"
        "Restarting One API alone changes nothing.",
    ),
    "oneapi.db-1045": Form(
        "access-denied",
        "MySQL refuses the user or password that {subject} gives (error 1045)",
        "MYSQL_ROOT_PASSWORD only counts for an empty data folder; a later change does not change the password",
        "give SQL_DSN the password that the folder was made with",
        advice="Compare the password in SQL_DSN with the one the data folder was made with; MYSQL_ROOT_PASSWORD tells "
        "only if it was never changed.\n"
        "Correct SQL_DSN, or change the password inside MySQL (ALTER USER).\n"
        "Then: {up}",
    ),
    "oneapi.db-1049": Form(
        "unknown-database",
        "The database {schema} that {subject} wants is not there (error 1049)",
        "MYSQL_DATABASE only counts for an empty data folder, so a later change creates nothing",
        "create the database",
        advice="Create it: docker exec -it {db} mysql -uroot -p -e {create}. {subject} then comes up by itself.",
    ),
    "oneapi.token-encoder": OFFLINE,
    "oneapi.redis-failed": Form(
        "redis",
        "{subject} cannot start: it does not reach its Redis",
        "REDIS_CONN_STRING is set, and a Redis that does not answer ends One API",
        "correct REDIS_CONN_STRING, or take it out",
        advice="Correct REDIS_CONN_STRING in the environment of {service}; One API does not need a Redis.\nThen: {up}",
    ),
    "oneapi.thread-refused": Form(
        "old-docker",
        "{subject} cannot start threads: this Docker is older than its image",
        "An old seccomp profile forbids a system call that the image needs",
        "upgrade Docker",
        advice="Upgrade Docker, or run the container with `privileged: true`, which costs its isolation.",
    ),
}
"""By mark in the log: the form that it tells of by itself."""
STANDING = {"down": DATABASE_DOWN, "crashing": DATABASE_CRASHING, "stuck": DATABASE_STUCK}
FORMS = (
    DATABASE_NOT_READY, START_AGAIN, *STANDING.values(), WRONG_HOST, OTHER_NETWORK, LOOPBACK, HOST_PORT, UNREACHABLE,
    QUOTED, *CAUSES.values(), DIES,
)  # fmt: skip
UNKNOWN_HOST = "oneapi.db-unknown-host"
NO_CONNECTION = (UNKNOWN_HOST, "oneapi.db-refused", "oneapi.db-no-route", "oneapi.db-lost")
"""Marks of a failure that has to be looked into."""
DEATHS = ("oneapi.db-", "oneapi.token-encoder", "oneapi.redis-failed", "oneapi.thread-refused", "oneapi.fatal")
ENCODERS = 60.0
"""Seconds after which token encoders that are still being fetched do not come any more."""
USUAL = 6
"""Starts that are normal while the database comes up: two to six (FastGPT issue 1218)."""
NOBODY = ("", "no", None)
"""Restart policies under which nobody starts a container again."""


@dataclass(frozen=True)
class Down:
    """A One API that does not come up, and what keeps it down."""

    one: OneApi
    form: Form
    until: float | None = None
    """Unix time by which it has come up if waiting helps."""

    @property
    def left(self) -> float:
        """Seconds that waiting may still take, 0 when time is over."""
        return max(0.0, (self.until or 0.0) - self.one.now)


def down_of(one: OneApi) -> Down | None:
    """What keeps it down; None where it comes up, or nothing can be told yet."""
    if one.container is None:
        form = misaddressed(one)
        return Down(one, form) if form else None
    if one.dying:
        return _died(one)
    if one.early and one.container.restart_count:
        return _between_deaths(one)
    return Down(one, OFFLINE) if _fetches_for_ever(one) else None


def _between_deaths(one: OneApi) -> Down | None:
    """It was started again a moment ago: what it died of a moment before, unless that may be over now."""
    if one.before:
        down = _died(one)
        return down if down.form not in (START_AGAIN, DIES) else None
    starting = one.database is not None and one.database.standing == "starting"
    return _judged(one, one.database) if one.database and starting else None


def _fetches_for_ever(one: OneApi) -> bool:
    """It runs, does not listen, and the last thing it said is that it fetches the token encoders."""
    begun = one.mark("oneapi.encoders-begun")
    done = one.mark("oneapi.encoders-ready", "oneapi.listening", "oneapi.relay-ok", "oneapi.relay-503")
    refused = one.state is not None and one.state.trouble in ("refused", "reset")
    return bool(one.running and begun and not done and refused and one.age is not None and one.age > ENCODERS)


def _died(one: OneApi) -> Down:
    told = next((form for mark, form in CAUSES.items() if one.last_words(mark)), None)
    if one.env.get("SQL_DSN", "")[:1] in tuple("\"'") and told is not OFFLINE:
        return Down(one, QUOTED)
    cause = next((mark for mark in NO_CONNECTION if one.last_words(mark)), None)
    if told is not None or cause is None or one.dsn is None:
        return Down(one, told or DIES)
    wrong = misaddressed(one)
    if wrong:
        return Down(one, wrong)
    if one.database is None:
        return Down(one, WRONG_HOST if cause == UNKNOWN_HOST else UNREACHABLE)
    return _judged(one, one.database) if one.database.shared else Down(one, OTHER_NETWORK)


def _judged(one: OneApi, database: DatabaseHost) -> Down:
    """The address is right, so it is a matter of time, or of the database itself."""
    started = database.container.started_at or one.now
    if database.standing in STANDING:
        return Down(one, STANDING[database.standing])
    if database.standing == "starting":
        return Down(one, DATABASE_NOT_READY, started + PATIENCE + NEXT_TRY)
    death = one.container.finished_at if one.container else None
    until = max(database.ready_at or started, death or 0.0) + NEXT_TRY
    before = death is None or database.ready_at is None or death <= database.ready_at + 1.0
    if one.place.state == "restarting" and before and one.now < until:  # the next try may do
        return Down(one, DATABASE_NOT_READY, until)
    return Down(one, START_AGAIN)


def misaddressed(one: OneApi) -> Form | None:
    """The form of an address in SQL_DSN that can never be right; None where it may be."""
    dsn, database, mode = one.dsn, one.database, (one.container.network_mode or "") if one.container else ""
    if dsn is None or mode == "host" or mode.startswith("container:"):
        return None
    if one.container is None:  # its network is not known, so a loopback address may be meant
        return _misdeclared(one, dsn)
    if dsn.host.lower() in LOCAL:
        return LOOPBACK
    if database is None or one.last_words("oneapi.db-refused") is None:
        return None
    inside = {p.container_port for p in database.container.ports} | {_moved_port(database.container.command)}
    outside = {p.host_port for p in database.container.ports if p.host_port}
    if dsn.port != dsn.usual and dsn.port not in inside:
        return HOST_PORT if dsn.port in outside or dsn.usual in inside else None
    # a port that is only declared: a database that takes connections, and none there, listens elsewhere
    refuses = database.standing == "ready" and dsn.port not in (dsn.usual, _moved_port(database.container.command))
    return HOST_PORT if refuses else None


def _moved_port(command: tuple[str, ...]) -> int | None:
    """The port of ``--port=3307`` or ``-P 3307`` in a database's command."""
    for word, value in zip(command, (*command[1:], ""), strict=False):
        name, _rest, given = word.partition("=")
        number = given or value
        if name in ("--port", "-P") and number.isdecimal():
            return int(number)
    return None


def _misdeclared(one: OneApi, dsn: Dsn) -> Form | None:
    """Before anything runs: only the host port of a service that the same files declare is certain enough."""
    services = one.place.project.services if one.place.project else ()
    named = next((s for s in services if dsn.host in (s.name, s.container_name)), None)
    if named is None or dsn.port == dsn.usual or _moved_port(named.command) == dsn.port:
        return None
    pairs = {tuple(entry.partition("/")[0].split(":")[-2:]) for entry in named.ports}
    return HOST_PORT if (str(dsn.port), str(dsn.usual)) in pairs else None


def down_case(down: Down, snapshot: Snapshot) -> Case[Down]:
    """What is said of it."""
    one, severity = down.one, down.form.severity
    rows = [*basics(one), *_said(one, snapshot)]
    if down.until is not None:
        rows.append(Evidence(_("time left"), f"{down.left:.0f} s", _("reckoned from the start of the database")))
        restarts = one.container.restart_count if one.container else None
        severity = "warning" if (restarts or 0) > USUAL else severity
    blames = one.database.container.name if one.database and down.form in DATABASES else None
    return Case(one.name, down.form, down, tuple(rows), _words(down, snapshot), severity, blames=blames)


def _said(one: OneApi, snapshot: Snapshot) -> Iterator[Evidence]:
    """The lines it died with, and those of a database that does not come up; each line once."""
    rows = compose.log_evidence(snapshot, one.container, DEATHS)
    if not rows:
        source = f"docker logs {one.name}"
        rows = tuple(Evidence(_("log of the run before"), mark.text, source) for mark in one.before)
    if one.database:
        rows += compose.log_evidence(snapshot, one.database.container, ("mysql.",))
    yield from dict.fromkeys(rows)


def _words(down: Down, snapshot: Snapshot) -> dict[str, str]:
    """Everything that forms and advice may name. Never a user, a password or a key."""
    one, dsn, database = down.one, down.one.dsn, down.one.database
    others = [p.container for p in placed(snapshot, "mysql") if p.container]
    near = sorted(others, key=lambda c: one.container is None or share_network(one.container, c) is not True)
    names = [c.service or c.name for c in near]
    links = one.container.networks if one.container else ()
    called = database.container.name if database else (near[0].name if near else "mysql")
    schema = (dsn.name if dsn else "") or "oneapi"
    return {
        "service": one.place.service or one.name,
        "database": called,
        "host": dsn.host if dsn else "",
        "address": dsn.address if dsn else "",
        "port": str(dsn.usual if dsn else 3306),
        "schema": schema,
        "me": shlex.quote(one.name),
        "db": shlex.quote(called),
        "create": shlex.quote(f"CREATE DATABASE `{schema}`"),
        "net": shlex.quote(links[0].network) if links else "NETWORK",
        "candidate": names[0] if names else "mysql",
        "candidates": _(" (there is: {names})", names=", ".join(names)) if names else "",
        "policy": (one.container.restart_policy if one.container else None) or "no",
        "up": _up(one.place),
        "left": f"{down.left:.0f}",
    }


def _up(place: Placed) -> str:
    """The command that makes the container anew, to be typed."""
    if not (place.project_name and place.service and place.directory and place.files):
        return _("make the container anew with the corrected variable")
    argv = ["docker", "compose", "-p", place.project_name, "--project-directory", place.directory]
    argv += [part for path in place.files for part in ("-f", path)]
    return shlex.join([*argv, "up", "-d", place.service])


def bring_up(down: Down, advice: tuple[str, ...]) -> Plan:
    """Wait, start One API or its database, or say what only a person can do."""
    form, container = down.form, down.one.container
    if container is not None and form is DATABASE_NOT_READY and container.restart_policy not in NOBODY:
        return _wait(down, container)
    if container is not None and form is START_AGAIN:
        restart = RestartContainer(container=container.id, name=container.name)
        return repair(
            (compose.bring_up(down.one.place) or restart) if container.state in ENDED else restart,
            says=(_("Only One API is started again; its database is left alone."),), restarts=(down.one.name,),
            lock=down.one.place.directory,
        )  # fmt: skip
    place = down.one.database.place if down.one.database and form is DATABASE_DOWN else None
    step = compose.bring_up(place) if place else None
    if place is None or step is None:
        return manual(*advice)
    return repair(
        step, restarts=(place.subject,), lock=place.directory, deadline=180.0,
        says=(
            _("{place} is started; Docker starts One API again by itself within a minute.", place=place.subject),
            _("No data is touched."),
        ),
    )  # fmt: skip


def _wait(down: Down, container: Container) -> Plan:
    name = down.one.database.container.name if down.one.database else _("its database")
    what = _("{name} takes connections and {container} stays up", name=name, container=container.name)
    return repair(
        WaitFor(container=container.id, name=container.name, seconds=max(5.0, down.left), what=what),
        says=(
            _("Nothing is changed and nothing restarted by stackops: Docker starts One API again by itself."),
            _("If it is still down when the time is over, look again: a restart is offered once the database is "
              "ready."),
        ),
        lock=down.one.place.directory, deadline=30.0,
    )  # fmt: skip
