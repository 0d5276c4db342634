"""A MySQL or MariaDB refuses the login that an app has for it.

What it does
    Tries the login of each app of the stack once, read-only, from this machine: SQL_DSN and LOG_SQL_DSN of One API, and
    what else names a MySQL. Where it is refused, the users that the server's own variables name are tried as well: that
    tells which side is right. Of a One API that answers nothing wrong is said: its account may be for its own host.

Why it matters
    MYSQL_ROOT_PASSWORD, MYSQL_USER, MYSQL_PASSWORD and MYSQL_DATABASE count on an empty data folder alone. Changed
    later they change nothing inside, and an app that was given the new password is refused for ever: One API ends with
    `Error 1045: Access denied` and is started again and again.

Fix
    Explained: which place to change, or the statement that gives the account the password that the app has. It is not
    done by a key, because it changes a database.

Sources
    docker-library/mysql and mariadb, docker-entrypoint.sh; MySQL's server error reference (1044, 1045, 1049, 1129,
    1130, 1524, 1862, 3118); MySQL 8.4 and 9.0 release notes (mysql_native_password); FastGPT issue 3645, one-api issue
    2043.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import DatabaseState
from ..api import Case, Check, Form, Found, Settings, Snapshot, by_hand
from ..databases import RefusedLogin, logins
from . import client, quoted

_FIX = "give both sides the same login"
_AGAIN = "Then recreate it: docker compose up -d {service}"
WRITTEN = Form(
    "password", "{subject} is refused by {server}: another user or password than it was made with",
    "{server} takes the login that its own variables name, and {subject} has another one in {variable}.", _FIX,
    advice="Write into {variable} of {subject} the user and the password that {own} of {server} names.\n"
    "No character of the password is encoded in {variable}.\n" + _AGAIN,
)  # fmt: skip
CHANGED = Form(
    "changed", "{subject} is refused by {server}, which has another password than its variables say",
    "Its variables count on an empty data folder alone: changed later, they change nothing inside.",
    "give the account the password that the app has",
    advice="Log in with the password of the first start: {inside}\n"
    "There: ALTER USER '{user}'@'%' IDENTIFIED BY '<the password that {variable} of {subject} names>';\n"
    "Or write the password of the first start into {variable}. " + _AGAIN + "\n"
    "Nobody knows it? MySQL's manual has a way for that: How to Reset the Root Password. No data is lost by it.",
)  # fmt: skip
NO_DATABASE = Form(
    "no-database", "{server} has no database {database}, which {subject} asks for",
    "MYSQL_DATABASE counts on an empty data folder alone; the login itself is good.",
    "make the database, or name the one that is there",
    advice="See which there are: {list}\n"
    "Make it: {make}\n"
    "Or write the right name into {variable} of {subject}. " + _AGAIN,
)  # fmt: skip
NO_RIGHT = Form(
    "no-right", "{server} does not let {user} use the database {database}, which {subject} asks for",
    "The login itself is good. The account has no right to that database, or the database is not there.",
    "give the account the right, or name the database that it may use",
    advice="See which there are: {list}\n"
    "Give the right: {grant}\n"
    "Or write the right name into {variable} of {subject}. " + _AGAIN,
)  # fmt: skip
BARRED = Form(
    "barred", "{server} refuses {user} of {subject} whatever the password",
    "The account is locked, its password has expired, or no account is for the address from which it comes.",
    "let the account in",
    advice="What the server says stands in the evidence. Log in as root: {inside}\n"
    "1130, not allowed from this host: the first start was cut off, or the account is for other hosts. There: "
    "CREATE USER '{user}'@'%' IDENTIFIED BY '<the password>'; GRANT ALL ON {schema}.* TO '{user}'@'%';\n"
    "1129, blocked: FLUSH HOSTS; or, from MySQL 8.4 on: TRUNCATE TABLE performance_schema.host_cache;\n"
    "Locked: ALTER USER '{user}'@'%' ACCOUNT UNLOCK;\n"
    "The password has expired: ALTER USER '{user}'@'%' IDENTIFIED BY '<the password that {variable} names>';",
)  # fmt: skip
PLUGIN = Form(
    "plugin", "{server} no longer knows the way in which {user} of {subject} logs in",
    "MySQL 8.4 does not load mysql_native_password by itself, and 9.0 has it no longer.",
    "change the account to the new way",
    advice="Start MySQL 8.4 with --mysql-native-password=ON in its command. Where 9.0 or newer has opened the data, "
    "this is no longer possible: root has to change the account.\n"
    "Log in as root: {inside}\n"
    "There: ALTER USER '{user}'@'%' IDENTIFIED WITH caching_sha2_password BY '<the password that {variable} names>';\n"
    "Then take the option out again.",
)  # fmt: skip
FORMS = {"no-database": NO_DATABASE, "no-right": NO_RIGHT, "barred": BARRED, "plugin": PLUGIN}


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each app whose login was tried."""
    yield from logins(snapshot, "mysql", _case)


def _case(refused: RefusedLogin) -> Case[DatabaseState]:
    state, server = refused.state, refused.server
    schema, user = quoted(state.database), state.user.replace("'", "''")
    form = FORMS.get(state.answer.trouble or "", WRITTEN if refused.known else CHANGED)
    return refused.case(form, {
        "inside": client(server), "list": client(server, "SHOW DATABASES"), "schema": schema, "user": user,
        "make": client(server, f"CREATE DATABASE {schema}"),
        "grant": client(server, f"GRANT ALL ON {schema}.* TO '{user}'@'%'"),
        "own": refused.own.variable if refused.own else "",
    })  # fmt: skip


CHECK = Check(
    "mysql.credentials", "MySQL takes the logins of its apps", __doc__ or "",
    (WRITTEN, CHANGED, NO_DATABASE, NO_RIGHT, BARRED, PLUGIN), find, by_hand,
    reads=("containers", "databases", "oneapis"),
)  # fmt: skip
