"""Each PostgreSQL of the stacks asked what it is and what state it is in, with the stack's own logins, seldom.

A login is tried once for each life of the server. One that was refused is only tried again when the server, the login
or its owner is another, when somebody asks for it, and where a repair is proven. The server's own first user is tried
where an app is refused, to tell which of the two is right, and where no app is set up to use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...hosts import DatabaseTarget, Host, PostgresLogin
from ...model import Container, PostgresAnswer, PostgresState
from ...products.gateways import connections, environment
from ...products.registry import by_role
from ...products.services import role_of_container
from ...text.cleaning import SECRETS, clean_line
from ..board import NewParts
from ..mongo_state import targets
from ..source import Site, Source

PASSING = frozenset({"refused", "reset", "silent", "starting", "full", "no-route", "unreachable"})
"""What may be over the next time."""
NEXT_WAY = frozenset({"refused", "no-route", "silent"})
MOST = 24
"""Logins that are tried in one pass."""


class Wanted(NamedTuple):
    """A login that is to be tried."""

    server: Container
    owner: str
    variable: str
    login: PostgresLogin

    @property
    def key(self) -> tuple[object, ...]:
        """What it is the same login by, without holding it."""
        hashed = hashlib.sha256(self.login.password.encode("utf-8", "replace")).digest()
        server = self.server
        return (server.id, server.started_at, self.owner, self.variable, self.login.user, self.login.name, hashed)


class Postgreses(Source):
    """What the databases of each PostgreSQL tell to the logins that the stack has for them."""

    name = "postgres"
    gives = ("postgreses",)
    made_of = ("containers",)
    every = "postgres"
    within = "postgres_deadline"
    wakes_on = ("containers", "edges")
    after = ("engine", "wiring")
    what = "The program that asks databases"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._told: dict[tuple[object, ...], PostgresState] = {}
        self._asked_at = -site.cadence.postgres

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where databases can be asked."""
        return host.engine is not None and host.databases is not None

    @property
    def interval(self) -> float:
        """Soon again where a server could not tell yet."""
        waits = any(state.answer.trouble in PASSING for state in self.parts.postgreses)
        return self.cadence.postgres_soon if waits else self.cadence.postgres

    def of_interest(self) -> object:
        """A server, or who uses it, came, went or started."""
        users = {edge.source for edge in self.parts.edges if edge.speaks == "postgres"}
        return {c.id: (c.state, c.started_at) for c in self._servers()} | {
            c.id: c.started_at for c in self.parts.containers if c.id in users
        }

    def anew(self, *, by_key: bool) -> None:  # noqa: ARG002 - whoever asks may have changed a password
        """Ask everybody again, also who was refused."""
        self._told = {}

    async def read(self) -> NewParts | None:
        """One look: at logins that are new, at states that may have passed, and after a while at everything."""
        servers, databases = self._servers(), self.host.databases
        may = databases is not None and self.site.local and self.site.settings.servers.probe
        if not servers or not may or databases is None:
            return NewParts({"postgreses": ()}, read=()) if self.parts.postgreses else None
        now, known = self.host.clock.monotonic(), self._told
        if now - self._asked_at >= self.cadence.postgres:
            known = {key: state for key, state in known.items() if state.accepted is False}
            self._asked_at = now
        wanted = [one for server in servers for one in self._of_apps(server)]
        self._told = {one.key: known[one.key] for one in wanted if one.key in known}
        await self._ask(wanted)
        refused = {one.server.id for one in wanted if self._told[one.key].accepted is False}
        used = {one.server.id for one in wanted}
        doubted = (server for server in servers if server.id in refused or server.id not in used)
        first = [one for server in doubted for one in _first_user(server)]
        self._told |= {one.key: known[one.key] for one in first if one.key in known}
        await self._ask(first)
        return NewParts({"postgreses": tuple(self._told.values())})

    def _servers(self) -> list[Container]:
        running = (c for c in self.parts.containers if c.detailed and c.state == "running")
        return [c for c in running if role_of_container(c) == "postgres"]

    def _of_apps(self, server: Container) -> Iterator[Wanted]:
        """The logins of whoever is set up to use this server."""
        by_id = {container.id: container for container in self.parts.containers}
        for edge in self.parts.edges:
            app = by_id.get(edge.source)
            if edge.target != server.id or edge.speaks != "postgres" or app is None or not app.detailed:
                continue
            variable = edge.origin.partition(",")[0]
            login = _login(environment(app), variable)
            if login is not None:
                yield Wanted(server, app.id, variable, login)

    async def _ask(self, wanted: Sequence[Wanted]) -> None:
        """Each by the first way that leads anywhere."""
        engine, databases = self.host.engine, self.host.databases
        if engine is None or databases is None:
            return
        due = [one for one in wanted if one.key not in self._told or self._told[one.key].answer.trouble in PASSING]
        due = list({one.key: one for one in due}.values())[:MOST]
        ways = {one.key: list(_ways(one.server, engine.address)) for one in due}
        answers: dict[tuple[object, ...], PostgresAnswer] = {}
        while due:
            now = [(one, way) for one in due if (way := next(iter(ways[one.key]), None)) is not None]
            told = await self.call(databases.ask_postgres, [(way, one.login) for one, way in now]) if now else ()
            due = []
            for (one, _), answer in zip(now, told, strict=True):
                answers.setdefault(one.key, answer)
                if answer.trouble not in NEXT_WAY:
                    answers[one.key] = answer
                elif ways[one.key][1:]:
                    ways[one.key].pop(0)
                    due.append(one)
        at = self.host.clock.now()
        self._told |= {one.key: _state(one, answers[one.key], at) for one in wanted if one.key in answers}
        for one in wanted:
            self._told.setdefault(one.key, _state(one, PostgresAnswer(trouble="unreachable", said="not asked"), None))


def _ways(server: Container, address: str) -> Iterator[DatabaseTarget]:
    port = environment(server).get("PGPORT", "")
    usual = by_role("postgres").port or 5432
    number = int(port) if port.isdecimal() and 0 < int(port) < 65536 else usual
    yield from (way for way in targets(server, address=address, local=True, port=number) if way.via != "exec")


def _login(env: dict[str, str], variable: str) -> PostgresLogin | None:
    """As the program makes it of its variables; None where they hold no whole login.

    fact: rag_api, app/config.py: DB_HOST with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and what they are where
    they are not set; libpq: the database is called like the user where none is named.
    """
    if variable == "DB_HOST":
        user, password = env.get("POSTGRES_USER", "myuser"), env.get("POSTGRES_PASSWORD", "mypassword")
        name = env.get("POSTGRES_DB", "mydatabase")
    else:
        to = next((one for one in connections(env.get(variable, "")) if one.scheme.startswith("postgres")), None)
        user, password, name = (to.user, to.password, to.name) if to is not None else ("", "", "")
    if not user or not password or "$" in user + password + name:
        return None
    return PostgresLogin(user, password, name or user)


def _first_user(server: Container) -> Iterator[Wanted]:
    """fact: docker-library/postgres, docker-entrypoint.sh: the user is postgres, the database is called like it."""
    env = environment(server)
    password, user = env.get("POSTGRES_PASSWORD"), env.get("POSTGRES_USER") or "postgres"
    if password:
        login = PostgresLogin(user, password, env.get("POSTGRES_DB") or user)
        yield Wanted(server, server.id, "POSTGRES_PASSWORD", login)


def _state(one: Wanted, answer: PostgresAnswer, at: float | None) -> PostgresState:
    """With foreign words cleaned, and without the password should they repeat it."""
    said = clean_line(SECRETS.redact(answer.said), 300)
    answer = replace(
        answer, said=said, invalid=tuple(clean_line(name, 63) for name in answer.invalid),
        vector=answer.vector and clean_line(answer.vector, 20),
        packaged=answer.packaged and clean_line(answer.packaged, 20),
        collation=answer.collation and (clean_line(answer.collation[0], 40), clean_line(answer.collation[1], 40)),
    )  # fmt: skip
    user, name = clean_line(one.login.user, 63), clean_line(one.login.name, 63)
    return PostgresState(one.server.id, one.owner, one.variable, user, name, answer, at)
