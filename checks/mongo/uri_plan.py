"""The repair of an app's connection string: one part of it changed where it is written, and only that app recreated.

Pure: a plan only describes. Where the project's ``.env`` holds the string, its line is changed; otherwise the override
file gets the variable, which beats the compose file and, in every release, what comes from anchors and env files. What
is not certain (whose login is right, which name is meant) stays for people, with the words of ``set_plan``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ...console.findings import Result
from ...console.model import EnvVar, Snapshot
from ...console.plan import Plan
from ...console.stacks.mongo import ROOT_PASSWORD, ROOT_USER, Client, names_for, port_of
from ...console.stacks.mongouri import MongoUri, parse, rewritten
from ...console.steps import AnyStep, EditFile, EnvLine, SetServiceKeys
from .. import compose
from ..compose import Placed
from .node import Node
from .set_forms import Verdict, behind

ID = "mongo.replica-set"
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,=?&[]-")
"""Characters that mean themselves in a ``.env`` file without quotes; ``EnvLine`` writes no others."""


def uri_plan(node: Node, verdict: Verdict, result: Result, snapshot: Snapshot) -> Plan | None:
    """The plan; None where it is for people."""
    app = verdict.app
    place = _place(app, snapshot) if app is not None else None
    if app is None or place is None or place.service is None or place.broken_file is not None:
        return None
    old = compose.value_of(app.variable, app.container.env) or ""
    new = corrected(node, verdict, old)
    written = _written(place, app, old, new) if new is not None and new != old else None
    if written is None:
        return None
    up = compose.bring_up(place, extra=(written.path,) if written.create else ())
    if up is None:
        return None
    steps: tuple[AnyStep, ...] = (written, up)
    return Plan(
        check=ID, subject=node.subject, title=result.title, steps=steps, safety="disruptive",
        restarts=(app.container.name,), says=tuple(_says(verdict, app, written)), lock=place.directory, settle=5.0,
        uncovers=behind(node, result.form or "", result.about),
    )  # fmt: skip


def _place(app: Client, snapshot: Snapshot) -> Placed | None:
    found = (*compose.placed(snapshot, "fastgpt"), *compose.placed(snapshot, "librechat"))
    return next((place for place in found if place.container and place.container.id == app.container.id), None)


def corrected(node: Node, verdict: Verdict, old: str) -> str | None:
    """The connection string as it has to be; None where that is not certain."""
    app, container, state = verdict.app, node.container, node.state
    uri = parse(old)
    if app is None or container is None or state is None or uri is None:
        return None
    if verdict.form == "app-host":
        name = _name_for(node, app)
        return rewritten(old, hosts=f"{name}:{port_of(container)}") if name else None
    if verdict.form == "app-set":
        return rewritten(old, options={"replicaSet": state.set_name})
    if verdict.form == "app-auth-source":
        return rewritten(old, options={"authSource": "admin"})
    if verdict.form == "app-unescaped":
        return _encoded(node, uri, old)
    return _with_root(node, uri, old) if verdict.form == "app-login" else None


def _name_for(node: Node, app: Client) -> str | None:
    """The name by which the app reaches this mongod: the service's where it may, never an address, which changes."""
    container = node.container
    if container is None:
        return None
    names = names_for(app.container, container)
    best = [name.lower() for name in (container.service, container.name) if name and name.lower() in names]
    return best[0] if best else None


def _root(node: Node) -> tuple[str, str] | None:
    env = node.container.env if node.container else ()
    user, password = compose.value_of(ROOT_USER, env), compose.value_of(ROOT_PASSWORD, env)
    return (user, password) if user and password else None


def _encoded(node: Node, uri: MongoUri, old: str) -> str | None:
    """Encoded character by character, unless the root password of the container says what was meant."""
    root = _root(node)
    meant = root if root and uri.user == root[0] and old.find(f":{root[1]}@") > 0 else None
    new = rewritten(old, login=meant) if meant else rewritten(old, encode=True)
    again = parse(new) if new else None
    return new if again is not None and again.unescaped is None else None


def _with_root(node: Node, uri: MongoUri, old: str) -> str | None:
    """The password that mongod has just accepted for the same user. Another user's rights are not handed out."""
    root, container, state = _root(node), node.container, node.state
    tried = any(
        t.accepted and t.source == "admin" and container and t.owner == container.id
        for t in (state.trials if state else ())
    )
    if root is None or not tried or uri.user != root[0]:
        return None
    return rewritten(old, login=root, options={"authSource": "admin"})


# ---- where it is written ---------------------------------------------------------------------------------------------


def _written(place: Placed, app: Client, old: str, new: str) -> EditFile | None:
    env = place.project.env if place.project else ()
    if place.directory and compose.value_of(app.variable, env) == old and set(new) <= _PLAIN:
        return EditFile(path=posixpath.join(place.directory, ".env"), edits=(EnvLine(app.variable, new),))
    target = compose.override_for(place)
    if target is None or place.service is None:
        return None
    keys = SetServiceKeys(place.service, environment=((app.variable, _for_compose(new, env)),))
    base = place.files[0] if place.files else None
    return EditFile(path=target.path, edits=(keys,), create=True, like=base)


def _for_compose(uri: str, env: tuple[EnvVar, ...]) -> str:
    """As a compose file has to hold it: ``$`` doubled; a password that ``.env`` holds is referred to, not copied."""
    head, colon, rest = uri.partition("://")
    login, at, tail = rest.rpartition("@")
    user, between, password = login.partition(":")
    name = next((one.name for one in env if len(password) > 3 and one.value == password), None)
    secret = f"${{{name}}}" if name else password.replace("$", "$$")
    return f"{head}{colon}{user.replace('$', '$$')}{between}{secret}{at}{tail.replace('$', '$$')}"


def _says(verdict: Verdict, app: Client, written: EditFile) -> Iterator[str]:
    what = {
        "app-host": "the host", "app-set": "replicaSet", "app-auth-source": "authSource",
        "app-unescaped": "the writing of user and password", "app-login": "the password and authSource",
    }.get(verdict.form or "", "a part")  # fmt: skip
    yield f"Of {app.variable} only {what} is changed; {app.container.name} is recreated with it, mongod is left alone."
    if verdict.form == "app-login":
        yield "The password is that of MONGO_INITDB_ROOT_PASSWORD, which mongod has accepted for the same user."
    if not written.path.endswith(".env"):
        yield f"{written.path} then holds the whole connection string, and what it says beats the compose file."
