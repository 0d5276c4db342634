"""What lies stopped, and what ``container.needed`` must say of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.compose.places import WORKING_DIR
from stackops.console.model import ComposeService, EnvVar, NetworkLink, Project, Snapshot

from examples import Example
from examples.container.common import app, other

NET = (NetworkLink("net"),)


def env(**variables: str) -> tuple[EnvVar, ...]:
    """Variables of whoever needs it."""
    return tuple(EnvVar(name, value) for name, value in variables.items())


def rests(*variables: tuple[EnvVar, ...], code: int = 0, depends: bool = False, **more: Any) -> Snapshot:
    """``app`` lies stopped; beside it run others with these variables."""
    users = (
        other(f"user{n}", env=each, networks=NET, project="p", service=f"user{n}") for n, each in enumerate(variables)
    )
    facts: dict[str, Any] = {"state": "exited", "exit_code": code, "networks": NET, "project": "p", "service": "app",
                             "labels": {WORKING_DIR: "/srv/p"}}  # fmt: skip
    snapshot = app(*users, **(facts | more))
    services = (ComposeService("app"), ComposeService("user0", depends_on=("app",) if depends else ()))
    return replace(snapshot, projects=(Project("p", "/srv/p", services=services),))


def finds(name: str, snapshot: Snapshot) -> Example:
    """An example that is started by a key."""
    return Example(name, snapshot, "finding", "stopped", ("StartContainer",))


def paused(name: str, snapshot: Snapshot) -> Example:
    """An example that somebody resumes."""
    return Example(name, snapshot, "finding", "paused", ())


DSN = env(SQL_DSN="root:secret@tcp(app:3306)/oneapi")
FINDS = (
    finds("stopped the MySQL of One API", rests(DSN)),
    finds("stopped it by force", rests(DSN, code=137)),
    finds("stopped the database of a FastGPT", rests(env(MONGODB_URI="mongodb://u:p@app:27017/fastgpt?authSource=admin"))),
    finds("stopped what an http address names", rests(env(OLLAMA_BASE_URL="http://app:11434"))),
    finds("stopped what an http address without a port names", rests(env(MEILI_HOST="http://app"))),
    finds("stopped what a variable for a host names", rests(env(DB_HOST="app"))),
    finds("stopped what host and port name", rests(env(REDIS="app:6379"))),
    finds("stopped one of three members", rests(env(MONGO_URI="mongodb://m1:27017,app:27017,m3:27017/x?replicaSet=rs"))),
    finds("stopped what two need", rests(DSN, env(DB_HOST="app"))),
    finds("stopped what depends_on names, and the Engine keeps it up otherwise", rests((), depends=True)),
    finds("stopped a database without restart policy, which ends with 0", rests(DSN, restart_policy="no")),
    paused("paused the MySQL of One API", rests(DSN, state="paused", exit_code=None)),
    paused("paused what depends_on names", rests((), depends=True, state="paused", exit_code=None)),
)  # fmt: skip

FINDS_NOT = (
    Example("stopped what nobody needs", rests(env(OTHER="http://elsewhere:80")), "ok"),
    Example("stopped all of it", rests(), "ok"),
    Example("paused what nobody needs", rests(env(OTHER="http://elsewhere:80"), state="paused"), "ok"),
    Example("has a job that has done its work", rests((), depends=True, restart_policy="no"), "ok"),
    Example("has the word in a variable that is no address", rests(env(NAME="app", TEXT="the app of mine")), "ok"),
    Example("has the word in a path", rests(env(URL="http://front/app/x")), "ok"),
    Example("has the word as a user", rests(env(URL="postgres://app:pw@pg:5432/app")), "ok"),
    Example("runs", app(other("user", env=DSN, networks=NET), networks=NET), "not_applicable"),
    Example("ended by an error, which another check tells", rests(DSN, code=1, restart_policy="no"), "not_applicable"),
    Example("is needed by one in another network", app(other("user", env=DSN, networks=(NetworkLink("far"),)),
            state="exited", networks=NET), "ok"),
    Example("is needed by one that lies stopped too", app(other("user", env=DSN, networks=NET, state="exited"),
            state="exited", networks=NET), "ok"),
    Example("could not be started, which another check tells", rests(DSN, error="no", code=128), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
