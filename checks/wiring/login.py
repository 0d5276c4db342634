"""An app logs in with another user, password or database than its database's image makes.

What it does
    Compares the login in a connection string with the variables from which the database's image makes its first user:
    MONGO_INITDB_ROOT_*, MYSQL_ROOT_PASSWORD and MYSQL_USER, POSTGRES_USER and POSTGRES_PASSWORD; of Redis with its
    --requirepass. Values are compared and never shown; a percent-encoded one counts as what it means. The database in
    PG_URL and SQL_DSN is compared with POSTGRES_DB and MYSQL_DATABASE: neither FastGPT nor One API makes one. An
    address of MySQL that leads to PostgreSQL is told as well.

Why it matters
    Both stand in one file, a few lines apart, and were edited on two days. The app says `Authentication failed` or
    `Access denied`, and the variables of the database count only for an empty data folder.

Fix
    Explained: before the first start either side can be changed; afterwards the connection string has to name the login
    that the data folder was made with. No password is changed by a key.

Sources
    docker-library mongo, mysql and postgres (environment variables, first start); redis.conf (requirepass);
    LibreChat and FastGPT compose files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...console.fix.plan import Plan
from ...console.model import Role, Snapshot
from ...console.model.findings import Evidence, Severity
from ...console.products.gateways import LOOPBACK, DeclaredLogin, connections
from ...console.products.mongo import option, root_login
from ...console.settings import Settings
from ...console.text import _
from ..api import Answers, Case, Check, Fine, Form, Found, manual
from ..mongo.start import mongod_of
from ..parties import Party, parties, reachable

FIRST_USERS: dict[Role, tuple[tuple[str, str], ...]] = {
    "mongo": (("MONGODB_USERNAME", "MONGODB_PASSWORD"),),
    "mysql": (("root", "MYSQL_ROOT_PASSWORD"), ("MYSQL_USER", "MYSQL_PASSWORD"), ("root", "MARIADB_ROOT_PASSWORD"),
              ("MARIADB_USER", "MARIADB_PASSWORD")),
    "postgres": (("POSTGRES_USER", "POSTGRES_PASSWORD"),),
}  # fmt: skip
"""Variables of user and password from which the image makes its first users, beside a MongoDB's root user; ``root`` is
a name itself."""
VARIABLES = (
    "MONGODB_URI", "MONGO_URI", "PG_URL", "SQL_DSN", "LOG_SQL_DSN", "DATABASE_URL", "REDIS_URL", "REDIS_CONN_STRING",
)  # fmt: skip
NEEDS_DATABASE = ("PG_URL", "SQL_DSN", "LOG_SQL_DSN")
"""Variables of programs that make tables and no database. fact: LiteLLM's Prisma (DATABASE_URL) makes it itself."""
MAKES_DATABASE: dict[Role, tuple[str, ...]] = {
    "mysql": ("MYSQL_DATABASE", "MARIADB_DATABASE"), "postgres": ("POSTGRES_DB", "POSTGRES_USER"),
}  # fmt: skip
"""Variables that name the one database that the image makes, first one first: PostgreSQL's is called as its user where
nothing else is said."""
ALWAYS: dict[Role, tuple[str, ...]] = {
    "mysql": ("mysql", "sys", "information_schema", "performance_schema"), "postgres": ("postgres", "template1"),
}  # fmt: skip
REDIS = ("redis", "rediss")
SPEAKS: dict[str, Role] = {
    "mongodb": "mongo", "mysql": "mysql", "postgres": "postgres", "postgresql": "postgres",
    **dict.fromkeys(REDIS, "redis"),
}  # fmt: skip
"""Whom an address is for, by its scheme; a Go DSN with ``tcp()`` counts as MySQL's."""
KINDS: dict[Role, str] = {"mongo": "MongoDB", "mysql": "MySQL", "postgres": "PostgreSQL", "redis": "Redis"}
DATABASES = ("mongodb", "mysql", "postgres", "postgresql", *REDIS)

_FIX = "write the same login on both sides"
USER = Form(
    "user", "{subject} logs in to {database} as {user}, and its first user is {made}",
    "{variable} of {subject} and {made_by} of {database} name different users", _FIX,
)  # fmt: skip
PASSWORD = Form(
    "password", "{subject} logs in to {database} with another password than {made_by} says",
    "{variable} of {subject} and {made_by} of {database} differ; the user is the same", _FIX,
)  # fmt: skip
NONE = Form(
    "none", "{subject} gives {database} no password, and {made_by} asks for one",
    "{variable} of {subject} names none: Redis answers NOAUTH to everything", _FIX,
)  # fmt: skip
DATABASE = Form(
    "database", "{subject} wants the database {wanted}, and {database} makes {made}",
    "{variable} of {subject} and {made_by} of {database} name different databases; the login is the same",
    "write the same database on both sides",
)  # fmt: skip
OTHER_KIND = Form(
    "other-kind", "{subject} speaks {spoken} with {database}, which is {kind}",
    "{variable} of {subject} is written for {spoken}. The two have different protocols, so that no login helps",
    "name {spoken} in {variable}, or write it for {kind}",
    advice="Write the name of the {spoken} that is meant into {variable}, or the whole address as {kind} has it, where "
    "{app} takes that.\nThen recreate it: docker compose up -d {app}",
)  # fmt: skip


@dataclass(frozen=True)
class Login:
    """A login as somebody is given it."""

    variable: str
    to: DeclaredLogin


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each app that is given a login for a database of the stack; where several are wrong, the first."""
    everybody = parties(snapshot)
    for app in everybody:
        told = [(login, there) for login in _logins(app) if (there := _target(app, login.to, everybody))]
        told = [(login, there) for login, there in told if not _was_tried(app, login, there, snapshot)]
        found = [one for login, there in told if (one := _judge(app, login, there)) is not None]
        wrong = [one for one in found if isinstance(one, Case)]
        yield from wrong[:1] or found[:1]


def _logins(app: Party) -> Iterator[Login]:
    for name in VARIABLES:
        to = next(connections(app.env.get(name, "")), None)
        if to is not None and (to.scheme in REDIS or (to.user and to.password)) and to.scheme in DATABASES:
            yield Login(name, to)


def _target(app: Party, to: DeclaredLogin, everybody: tuple[Party, ...]) -> Party | None:
    if app.on_host and to.host in LOOPBACK:
        return None  # whoever listens on the machine's port is a matter for wiring.address
    return reachable(app, to.host, everybody)


def _was_tried(app: Party, login: Login, database: Party, snapshot: Snapshot) -> bool:
    """Whether the server itself was asked, which knows better than any variable: the *.credentials checks say that."""
    ids = (database.container.id, app.container.id, login.variable)
    tried = (one for one in snapshot.databases if one.kind != "mongo" and one.accepted is not None)
    return any((one.container, one.owner, one.variable) == ids for one in tried)


def _judge(app: Party, login: Login, database: Party) -> Found | None:
    if database.role in KINDS and SPEAKS[login.to.scheme] != database.role:
        return _case(OTHER_KIND, app, login, database, "image", KINDS[database.role])
    if login.to.scheme in REDIS:
        return _of_redis(app, login, database)
    return _of_users(app, login, database)


def _of_users(app: Party, login: Login, database: Party) -> Found | None:
    """Nothing where the image makes no user of its own, or takes its password out of a file."""
    if database.role == "mongo" and mongod_of(database.place).passed_by:
        return None  # its image makes no user then, which is mongo.root-user's to say
    root = root_login(database.container.env) if database.role == "mongo" else None
    users = {root.user: (root.user_variable, root.password_variable)} if root else {}
    for user, password in FIRST_USERS.get(database.role, ()):
        name = database.env.get(user, "root" if user == "root" else "")
        if name and database.env.get(password):
            users.setdefault(name, (user if user != "root" else password, password))
    if database.role == "postgres" and not database.env.get("POSTGRES_USER") and database.env.get("POSTGRES_PASSWORD"):
        users["postgres"] = ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD")
    if not users or _makes_more(database):
        return None
    if login.to.user in users:
        made_by = users[login.to.user][1]
        if database.env[made_by] == login.to.password:
            if (other := _other_database(login, database)) is not None:
                return _case(DATABASE, app, login, database, other, database.env[other])
            return Fine(
                app.subject, _("{app} logs in to {database} as it was made", app=app.subject, database=database.called)
            )
        return _case(PASSWORD, app, login, database, made_by, login.to.user)
    made = next(iter(users))
    return _case(USER, app, login, database, users[made][0], made)


def _makes_more(database: Party) -> bool:
    """Whether it may make further users and databases at its first start: from scripts, or in an image that has some.

    fact: docker-library, /docker-entrypoint-initdb.d, whose files are mounted one by one as well; supabase/postgres,
    whose migrations make supabase_admin, authenticator and others; what is built here may hold scripts too
    """
    mounts = database.container.mounts or (database.declared.volumes if database.declared else ())
    scripts = any("docker-entrypoint-initdb.d" in mount.target for mount in mounts)
    built = database.declared is not None and database.declared.built
    return scripts or built or "supabase/" in database.container.image


def _has_data(database: Party) -> bool:
    """Whether it may have been started before: it runs, or its data is in a volume that was made elsewhere."""
    declared, project = database.declared, database.project
    foreign = project.foreign_volumes if project else ()
    return database.runs or any(mount.source in foreign for mount in (declared.volumes if declared else ()))


def _other_database(login: Login, database: Party) -> str | None:
    """The variable that names another database than the app wants; nothing where none is made or it is always there."""
    made = next((name for name in MAKES_DATABASE.get(database.role, ()) if database.env.get(name)), None)
    wanted = _wanted(login, database)
    if made is None or not wanted or login.variable not in NEEDS_DATABASE or wanted in ALWAYS[database.role]:
        return None
    return made if database.env[made] != wanted else None


def _wanted(login: Login, database: Party) -> str:
    """fact: libpq, dbname: "defaults to be the same as the user name"."""
    return login.to.name or (login.to.user if database.role == "postgres" else "")


def _of_redis(app: Party, login: Login, database: Party) -> Found | None:
    """fact: redis.conf, requirepass is the password of the user ``default``; Bitnami's image has a variable for it."""
    words = database.place.words
    told, bitnami = option("--requirepass", words), "bitnami" in database.container.image.lower()
    wanted = told.strip("\"'") if told else database.env.get("REDIS_PASSWORD", "") if bitnami else ""
    known = wanted and "$" not in wanted
    if database.role != "redis" or not known or login.to.user not in ("", "default"):
        return None
    if wanted == login.to.password:
        return Fine(
            app.subject, _("{app} logs in to {database} as it was made", app=app.subject, database=database.called)
        )
    made_by = _("the requirepass option") if told else "REDIS_PASSWORD"
    return _case(PASSWORD if login.to.password else NONE, app, login, database, made_by, "default")


def _case(form: Form, app: Party, login: Login, database: Party, made_by: str, made: str) -> Case[tuple[Party, Party]]:
    """Before anything runs it is certain that the login fails; later somebody may have made that user."""
    wanted = _wanted(login, database) if form is DATABASE else login.to.user
    rows = (
        Evidence("database" if form is DATABASE else _("logs in as"), wanted or "default",
                 f"{login.variable}, {app.source}"),
        Evidence(_("made database") if form is DATABASE else _("first user"), made, f"{made_by}, {database.source}"),
    )  # fmt: skip
    words = {"database": database.called, "user": login.to.user, "wanted": wanted, "made": made, "made_by": made_by,
             "spoken": KINDS[SPEAKS[login.to.scheme]], "kind": made, "app": app.called}  # fmt: skip
    severity: Severity | None = None
    if form is OTHER_KIND:
        rows = (Evidence(_("written for"), words["spoken"], f"{login.variable}, {app.source}"),
                Evidence(_("is"), made, f"{database.container.image}, {database.source}"))  # fmt: skip
    elif _has_data(database):
        severity = "info" if form in (USER, DATABASE) else None if login.to.scheme in REDIS else "warning"
    return Case(
        app.subject, form, (app, database), rows, {**words, "variable": login.variable}, severity=severity,
        about=login.variable,
    )  # fmt: skip


def plan(case: Case[tuple[Party, Party]], _answers: Answers) -> Plan:
    """Which side to change."""
    app, database = case.facts
    if case.form is OTHER_KIND:
        return manual(*case.advice)
    if database.role == "redis":
        return manual(
            _("Write what {made_by} of {database} says into {variable}, in front of the host's name; : / @ # of it "
              "are percent-encoded.", made_by=case.words["made_by"], database=database.called,
              variable=case.words["variable"]),
            _("Then recreate it: docker compose up -d {app}", app=app.called),
        )  # fmt: skip
    if case.form is DATABASE:
        return manual(
            _("Before the first start: write the same database into {variable} of {app} and {made_by} of {database}.",
              variable=case.words["variable"], app=app.called, made_by=case.words["made_by"],
              database=database.called),
            _("{made_by} counts on an empty data folder alone. Afterwards make the database by hand, as the user "
              "that {app} logs in as may use it, or name the one that is there.", made_by=case.words["made_by"],
              app=app.called),
        )  # fmt: skip
    if not _has_data(database):
        return manual(
            _("Write the same user and password on both sides, {variable} and {made_by}, before the first start.",
              variable=case.words["variable"], made_by=case.words["made_by"]),
            _("In a connection string @ is written %40, # %23, : %3A and / %2F."),
        )  # fmt: skip
    return manual(
        _("{database} made its first user when its data folder was empty; its variables change nothing now.",
          database=database.called),
        _("Write the login that it was made with into {variable} of {app}, and recreate that one.",
          variable=case.words["variable"], app=app.called),
    )  # fmt: skip


CHECK = Check(
    "wiring.login", "Apps log in as their databases were made", __doc__ or "",
    (USER, PASSWORD, NONE, DATABASE, OTHER_KIND), find, plan, reads=("containers", "projects", "databases"),
)  # fmt: skip
