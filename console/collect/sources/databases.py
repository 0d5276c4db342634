"""Each PostgreSQL and MySQL of the stacks asked what it is and how it is, with the stack's own logins, seldom.

A MongoDB is asked here for one thing alone: the models of a FastGPT that keeps them there. How it is says another
source, and whether it takes the login of that FastGPT: none is tried here that is not known to be good. What gateways
keep in their databases is read with their own logins, of a SQLite in its file where a mount holds it.

A login is tried once for each life of the server, whoever has it. One that was refused is only tried again when the
server, the login or its owner is another, when somebody asks for it, and where a repair is proven, and then not every
few seconds: no account is locked by it. The server's own first users are tried where an app is refused, to tell which
of the two is right, and where no app is set up to use it.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...hosts import DatabaseLogin, DatabaseTarget, Host
from ...model import Container, DatabaseAnswer, DatabaseKind, DatabaseState, MongoState, OfferedModel, OneApiChannel
from ...products.addresses import shown
from ...products.gateways import connections, environment, gateway_of, release
from ...products.mongo import port_of
from ...products.mongo_uri import parse
from ...products.offers import IN_MONGODB, KEPT_IN, OTHERWISE
from ...products.registry import by_role
from ...products.services import role_of_container
from ...products.versions import version_of
from ...text import _
from ...text.cleaning import SECRETS, clean_line
from ..board import NewParts
from ..mongo_state import targets
from ..source import Site, Source

PASSING = frozenset({"refused", "reset", "silent", "starting", "full", "no-route", "unreachable"})
"""What may be over the next time."""
NEXT_WAY = frozenset({"refused", "no-route", "silent"})
VARIABLES = {"postgres": "PGPORT", "mysql": "MYSQL_TCP_PORT", "mongo": ""}
"""What is asked, and the variable with which an image's server is given another port."""
PATIENCE, PATIENCE_BY_KEY = 60.0, 5.0
"""Seconds after which a refused login is tried again: in a whole look, of which a proof takes many, and by key."""
MOST = 24
"""Logins that are tried in one pass."""
FOLDERS = {"oneapi": "/data", "aiproxy": "/aiproxy"}
"""Where gateways run in their images, and there their SQLite lies. fact: the Dockerfiles of one-api and aiproxy"""


class Wanted(NamedTuple):
    """A login that is to be tried."""

    server: Container
    owner: str
    variable: str
    login: DatabaseLogin

    @property
    def pair(self) -> tuple[object, ...]:
        """What user and password are the same by, without holding them."""
        hashed = hashlib.sha256(self.login.password.encode("utf-8", "replace")).digest()
        return (self.server.id, self.server.started_at, self.login.user, hashed)

    @property
    def same(self) -> tuple[object, ...]:
        """What it is the same login by, whoever has it."""
        return (*self.pair, self.login.name, self.login.source, self.login.kept)

    @property
    def key(self) -> tuple[object, ...]:
        """What its state is kept by."""
        return (self.owner, self.variable, *self.same)


class LoginsTried(Source):
    """What databases tell to the logins that the stack has for them."""

    name = "databases"
    gives = ("databases",)
    made_of = ("containers",)
    every = "databases"
    within = "databases_deadline"
    wakes_on = ("containers", "edges", "mongos")
    after = ("engine", "wiring", "mongo")
    what = "The program that asks databases"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._told: dict[tuple[object, ...], DatabaseState] = {}
        self._asked_at = -site.cadence.databases

    @classmethod
    def is_here(cls, host: Host) -> bool:
        """Where databases can be asked."""
        return host.engine is not None and host.databases is not None

    @property
    def interval(self) -> float:
        """Soon again where a server could not tell yet."""
        waits = any(state.answer.trouble in PASSING for state in self.parts.databases)
        return self.cadence.databases_soon if waits else self.cadence.databases

    def of_interest(self) -> object:
        """A server, or who uses it, came, went or started; a MongoDB takes logins that it did not take before."""
        users = {edge.source for edge in self.parts.edges if edge.speaks in VARIABLES}
        return (
            {c.id: (c.state, c.started_at) for c in self._servers()}
            | {c.id: c.started_at for c in self.parts.containers if c.id in users}
            | {one.container: (_works(one), one.trials) for one in self.parts.mongos}
        )

    def anew(self, *, by_key: bool) -> None:
        """Ask everybody again; who was refused after a while only, as many tries of one login may lock its account.

        Models that were told stay in the many looks of a proof: no repair changes them.
        """
        since = self.host.clock.now() - (PATIENCE_BY_KEY if by_key else PATIENCE)

        def stays(state: DatabaseState) -> bool:
            late = state.accepted is False and (state.read_at or 0.0) > since
            return late or (not by_key and bool(state.answer.models))

        self._told = {key: state for key, state in self._told.items() if stays(state)}

    async def read(self) -> NewParts | None:
        """One look: at logins that are new, at states that may have passed, and after a while at everything."""
        servers, databases = self._servers(), self.host.databases
        may = databases is not None and self.site.local and self.site.settings.servers.probe
        files = list(self._of_files())
        if not (servers or files) or not may or databases is None:
            return NewParts({"databases": ()}, read=()) if self.parts.databases else None
        now, known = self.host.clock.monotonic(), self._told
        if now - self._asked_at >= self.cadence.databases:
            known = {key: state for key, state in known.items() if state.accepted is False}
            self._asked_at = now
        wanted = [one for server in servers for one in self._of_apps(server)]
        self._told = {one.key: known[one.key] for one in wanted if one.key in known}
        self._told |= {one.key: known[one.key] for one in files if one.key in known}
        await self._ask([*wanted, *files])
        refused = {one.pair: self._told[one.key] for one in wanted if self._told[one.key].answer.trouble == "login"}
        doubted = {one.server.id for one in wanted if self._told[one.key].accepted is False}
        used = {one.server.id for one in wanted}
        asked = (server for server in servers if server.id in doubted or server.id not in used)
        first = [one for server in asked for one in _first_users(server)]
        self._told |= {one.key: known[one.key] for one in first if one.key in known}
        told = {one.key: (one, refused[one.pair]) for one in first if one.pair in refused}  # not tried twice
        self._told |= {key: _state(one, state.answer, state.read_at) for key, (one, state) in told.items()}
        await self._ask(first)
        return NewParts({"databases": tuple(self._told.values())})

    def _servers(self) -> list[Container]:
        running = (c for c in self.parts.containers if c.detailed and c.state == "running")
        return [c for c in running if role_of_container(c) in VARIABLES]

    def _of_apps(self, server: Container) -> Iterator[Wanted]:
        """The logins of whoever is set up to use this server."""
        by_id, kind = {container.id: container for container in self.parts.containers}, _kind(server)
        for edge in self.parts.edges:
            app = by_id.get(edge.source)
            if edge.target != server.id or edge.speaks != kind or app is None or not app.detailed:
                continue
            for variable in edge.origin.split(", "):
                login = _login(environment(app), variable, kind) if kind != "mongo" else None
                state = next((one for one in self.parts.mongos if one.container == server.id), None)
                if kind == "mongo" and state is not None and _works(state):
                    login = _of_models(app, variable, state)
                if login is not None:
                    yield Wanted(server, app.id, variable, self._with_tables(login, app, variable))

    def _with_tables(self, login: DatabaseLogin, app: Container, variable: str) -> DatabaseLogin:
        """With what a gateway keeps there."""
        role = role_of_container(app)
        if variable != "SQL_DSN" or role not in FOLDERS:
            return login
        one_api = role == "oneapi"
        keys = tuple(self._keys(login.kind)) if one_api else ()
        return replace(login, channels="oneapi" if one_api else "aiproxy", keys=keys)

    def _keys(self, kind: DatabaseKind) -> Iterator[tuple[str, str]]:
        """What each FastGPT sends, as a One API reads it. fact: one-api middleware/auth.go: up to the next hyphen."""
        for app in self.parts.containers:
            if app.detailed and role_of_container(app) == "fastgpt":
                gateway = gateway_of(environment(app), version_of("fastgpt", app.image))
                key = (gateway.key or "").strip().removeprefix("sk-").partition("-")[0] if gateway else ""
                key = key.lower() if kind == "mysql" else key
                if key:
                    yield app.id, hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()

    def _of_files(self) -> Iterator[Wanted]:
        """Each gateway with a SQLite, by the path of its file on this machine."""
        for app in self.parts.containers:
            role = role_of_container(app)
            if app.detailed and app.state == "running" and role in FOLDERS:
                path = _sqlite(app, role)
                if path is not None:
                    login = self._with_tables(DatabaseLogin("sqlite", "", "", path), app, "SQL_DSN")
                    yield Wanted(app, app.id, "SQL_DSN", login)

    async def _ask(self, wanted: Sequence[Wanted]) -> None:
        """Each by the first way that leads anywhere."""
        engine, databases = self.host.engine, self.host.databases
        if engine is None or databases is None:
            return
        new = [one for one in wanted if one.key not in self._told or _is_open(self._told[one.key], one.login)]
        new.sort(key=lambda one: one.login.channels)  # who asks for more asks for all that have this login
        due = list({one.same: one for one in new}.values())[:MOST]
        ways = {one.same: list(_ways(one.server, engine.address)) for one in due}
        answers: dict[tuple[object, ...], DatabaseAnswer] = {}
        while due:
            now = [(one, way) for one in due if (way := next(iter(ways[one.same]), None)) is not None]
            told = await self.call(databases.ask_databases, [(way, one.login) for one, way in now]) if now else ()
            due = []
            for (one, _way), answer in zip(now, told, strict=True):
                answers.setdefault(one.same, answer)
                if answer.trouble not in NEXT_WAY:
                    answers[one.same] = answer
                elif ways[one.same][1:]:
                    ways[one.same].pop(0)
                    due.append(one)
        at = self.host.clock.now()
        self._told |= {one.key: _state(one, answers[one.same], at) for one in new if one.same in answers}
        for one in wanted:
            self._told.setdefault(
                one.key, _state(one, DatabaseAnswer(trouble="unreachable", said=_("not asked")), None)
            )


def _is_open(state: DatabaseState, login: DatabaseLogin) -> bool:
    """Whether to ask again: what was wrong may be over, or an app sends a key that was not looked for yet."""
    more = {app for app, _ in login.keys}.difference(state.answer.compared)
    return state.answer.trouble in PASSING or (state.answer.trouble is None and bool(more))


def _sqlite(app: Container, role: str) -> str | None:
    """Where its file lies on this machine; None where it has another database, or no mount holds the file.

    fact: one-api model/main.go: without SQL_DSN; new-api: where it begins with local; aiproxy: where it does not begin
    with postgres, up to v0.3.1 nor with mysql.
    """
    env = environment(app)
    dsn = env.get("SQL_DSN", "")
    if dsn.startswith(("postgres", "mysql")) or (role == "oneapi" and dsn and not dsn.startswith("local")):
        return None
    named = env.get("SQLITE_PATH", "").partition("?")[0] or ("one-api.db" if role == "oneapi" else "aiproxy.db")
    path = posixpath.normpath(posixpath.join(app.working_dir or FOLDERS[role], named))
    held = [
        one for one in app.mounts if one.kind in ("bind", "volume") and path.startswith(f"{one.target.rstrip('/')}/")
    ]
    mount = max(held, key=lambda one: len(one.target), default=None)
    return posixpath.join(mount.source, path[len(mount.target.rstrip("/")) + 1 :]) if mount and mount.source else None


def _kind(server: Container) -> DatabaseKind:
    kinds: dict[str, DatabaseKind] = {"mysql": "mysql", "mongo": "mongo"}
    return kinds.get(role_of_container(server), "postgres")


def _ways(server: Container, address: str) -> Iterator[DatabaseTarget]:
    if role_of_container(server) in FOLDERS:
        yield DatabaseTarget("container address", server.name, 0, server.id)  # its file, by the path in the login
        return
    kind = _kind(server)
    port = environment(server).get(VARIABLES[kind], "")
    usual = port_of(server) if kind == "mongo" else by_role("mysql" if kind == "mysql" else "postgres").port or 0
    number = int(port) if port.isdecimal() and 0 < int(port) < 65536 else usual
    yield from (way for way in targets(server, address=address, local=True, port=number) if way.via != "exec")


def _login(env: dict[str, str], variable: str, kind: DatabaseKind) -> DatabaseLogin | None:
    """As the program makes it of its variables; None where they hold no whole login.

    fact: rag_api, app/config.py: DB_HOST with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and what they are where
    they are not set; libpq: the database is called like the user where none is named.
    """
    if variable == "DB_HOST":
        user, password = env.get("POSTGRES_USER", "myuser"), env.get("POSTGRES_PASSWORD", "mypassword")
        name = env.get("POSTGRES_DB", "mydatabase")
    else:
        to = next((one for one in connections(env.get(variable, "")) if one.scheme.startswith(kind)), None)
        user, password, name = (to.user, to.password, to.name) if to is not None else ("", "", "")
    if not user or not password or "$" in user + password + name:
        return None
    return DatabaseLogin(kind, user, password, name or (user if kind == "postgres" else ""))


def _works(state: MongoState) -> bool:
    """Whether it answers those who read."""
    return state.trouble is None and bool(state.primary or state.secondary)


def _of_models(app: Container, variable: str, state: MongoState) -> DatabaseLogin | None:
    """That of a FastGPT that may keep its models there, where it is good. fact: without a name it is ``test``."""
    numbers = release(version_of("fastgpt", app.image))
    uri = parse(environment(app).get(variable, ""))
    if variable != "MONGODB_URI" or role_of_container(app) != "fastgpt" or uri is None or uri.fault is not None:
        return None
    if numbers is not None and numbers < IN_MONGODB:
        return None
    kept = KEPT_IN[::-1] if numbers is None else KEPT_IN[numbers >= OTHERWISE :][:1]
    user, password = uri.user or "", uri.password or ""
    good = {one.user for one in state.trials if one.owner == app.id and one.accepted}
    if user and clean_line(user) not in good:
        return None
    return DatabaseLogin("mongo", user, password, uri.database or "test", source=uri.source, kept=kept)


def _first_users(server: Container) -> Iterator[Wanted]:
    """Those that its image makes of its variables when its data folder is empty, as they can log in from outside.

    fact: docker-library/postgres, docker-entrypoint.sh: the user is postgres, the database is called like it;
    docker-library/mysql and mariadb: root@% unless MYSQL_ROOT_HOST says otherwise, and MYSQL_USER@%.
    """
    env = environment(server)
    if _kind(server) == "mongo":
        return
    if _kind(server) == "postgres":
        password, user = env.get("POSTGRES_PASSWORD"), env.get("POSTGRES_USER") or "postgres"
        if password:
            login = DatabaseLogin("postgres", user, password, env.get("POSTGRES_DB") or user)
            yield Wanted(server, server.id, "POSTGRES_PASSWORD", login)
        return
    for brand in ("MARIADB", "MYSQL"):
        root = "root" if env.get(f"{brand}_ROOT_HOST", "%") == "%" else None
        for made, variable in ((root, f"{brand}_ROOT_PASSWORD"), (env.get(f"{brand}_USER"), f"{brand}_PASSWORD")):
            if made and env.get(variable):
                yield Wanted(server, server.id, variable, DatabaseLogin("mysql", made, env[variable], ""))


def _state(one: Wanted, answer: DatabaseAnswer, at: float | None) -> DatabaseState:
    """With foreign words cleaned, and without the password should they repeat it."""
    said = clean_line(SECRETS.redact(answer.said), 300)
    answer = replace(
        answer, said=said, invalid=tuple(clean_line(name, 63) for name in answer.invalid),
        vector=answer.vector and clean_line(answer.vector, 20),
        packaged=answer.packaged and clean_line(answer.packaged, 20),
        account=answer.account and clean_line(answer.account, 120),
        plugin=answer.plugin and clean_line(answer.plugin, 40),
        collation=answer.collation and (clean_line(answer.collation[0], 40), clean_line(answer.collation[1], 40)),
        channels=answer.channels and tuple(map(_channel, answer.channels)),
        channels_trouble=answer.channels_trouble and clean_line(SECRETS.redact(answer.channels_trouble), 300),
        tokens=answer.tokens and tuple(
            replace(one, name=clean_line(one.name, 80), models=tuple(clean_line(name, 200) for name in one.models),
                    group=one.group and clean_line(one.group, 80)) for one in answer.tokens
        ),
        tokens_trouble=answer.tokens_trouble and clean_line(SECRETS.redact(answer.tokens_trouble), 300),
        models=answer.models and tuple(map(_model, answer.models)),
    )  # fmt: skip
    user, name = clean_line(one.login.user, 63), clean_line(one.login.name, 63)
    return DatabaseState(one.login.kind, one.server.id, one.owner, one.variable, user, name, answer, at)


def _model(one: OfferedModel) -> OfferedModel:
    address = shown(one.address) if one.address else None
    return OfferedModel(clean_line(one.name, 200), clean_line(one.kind, 40), address)


def _channel(one: OneApiChannel) -> OneApiChannel:
    """With clean words, and no login in its address. fact: of aiproxy's one without sets is of ``default``."""
    return replace(
        one, name=clean_line(one.name, 80), models=tuple(clean_line(name, 200) for name in one.models),
        groups=tuple(clean_line(name, 80) for name in one.groups) or ("default",),
        base_url=shown(clean_line(one.base_url, 500)) if one.base_url else None,
        mapping=tuple((clean_line(name, 200), clean_line(other, 200)) for name, other in one.mapping),
    )  # fmt: skip
