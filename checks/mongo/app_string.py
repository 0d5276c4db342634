"""An app's connection string: what is wrong with it, how that is told, and the repair of the one wrong part. Pure.

Of the string itself only the character is told, and never what stands around it: that may be the password. Where the
project's ``.env`` holds the string, its line is changed; otherwise the override file gets the variable, which beats
the compose file and, in every release, what comes from anchors and env files. What is not certain (whose login is
right, which name is meant) stays for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...console.compose.places import env_paths
from ...console.fix.steps import EditFile, EnvLine, SetServiceKeys
from ...console.model import EnvVar
from ...console.products.mongo import ADVERTISED, Client, leads_to, names_for, port_of, root_login
from ...console.products.mongo_uri import LOOPBACK, Kind, MongoUri, UriFault, parse, repaired, rewritten
from ...console.text import N_, _
from .. import compose
from ..api import Evidence, Plan, Snapshot, repair
from ..compose import Placed
from .node import MongoNode, SetVerdict
from .start import is_bitnami

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,=?&[]-")
"""Characters that mean themselves in a ``.env`` file without quotes; ``EnvLine`` writes no others."""
_WORDS: dict[Kind, tuple[str, str, str]] = {
    "separator": (
        N_("{found} stands where {should} belongs in {variable}"),
        (N_("character {place} of {variable} is {found} and should be {should}: what stands behind it is read as a"
        " part of what stands before it, a database's name or a value, and not as an option")),
        N_("write {should} in place of {found}"),
    ),
    "quotes": (
        N_("quotes are a part of {variable}"),
        N_("{variable} begins and ends with {found}, which the app gets as a part of it and refuses"),
        N_("take the quotes away"),
    ),
    "database": (
        N_("the name of its database in {variable} cannot be one"),
        N_("character {place} of {variable} is {found}, which MongoDB refuses in the name of a database"),
        N_("choose a name without it"),
    ),
    "host": (
        N_("a host in {variable} has a port that is none"),
        N_("at character {place} of {variable} stands a host with a port that is no number from 1 to 65535"),
        N_("correct the port"),
    ),
    "srv": (
        N_("{variable} begins with mongodb+srv:// and names a port or several hosts"),
        N_(
            "at character {place} of {variable} stands {found}, and behind mongodb+srv:// belongs one name without "
            "a port"
        ),
        N_("take ports and further hosts out, or write mongodb:// with them"),
    ),
    "option": (
        N_("an option in {variable} has no value"),
        N_("at character {place} of {variable} stands an option that is not NAME=VALUE, which drivers refuse"),
        N_("give it a value or take it out"),
    ),
    "unescaped": (
        N_("{found} in its login has to be percent-encoded in {variable}"),
        (N_("user or password end at character {place} of {variable}, which is {found}: what is read is another host or"
        " password, or nothing at all")),
        N_("write {swaps} in user and password"),
    ),
    "wide": (
        N_("{found} in {variable} is a full-width character"),
        N_("character {place} of {variable} is {found}, which means nothing there; {should} does"),
        N_("write {should} in place of {found}"),
    ),
    "scheme": (
        N_("{variable} has to begin with {should}"),
        N_("{variable} begins with {found}, so that its driver does not know what it is"),
        N_("let it begin with {should}"),
    ),
    "go-scheme": (
        N_("{variable} is written as a URL, and is read as Go's user:<password>@tcp(host:port)/name"),
        N_("{variable} begins with {found}, which is read as the user's name"),
        N_("write user:<password>@tcp(host:port)/name, without {found}"),
    ),
    "network": (
        N_("the address in {variable} does not stand in tcp(...)"),
        N_(
            'at character {place} of {variable} stands a host and not tcp(host:port): "default addr for network '
            'unknown"'
        ),
        N_("write {should} behind the @"),
    ),
    "bracket": (
        N_("the bracket round the address in {variable} is not closed"),
        N_("the bracket at character {place} of {variable} has no ) behind its port"),
        N_("write ) behind the port"),
    ),
    "slash": (
        N_("{variable} has no / before the database's name"),
        N_("{variable} ends at character {place} without it: \"missing the slash separating the database name\""),
        N_("write / and the database's name behind the address"),
    ),
    "value": (
        N_("{found} in an option of {variable} has to be written {should}"),
        N_("the last / of {variable}, at character {place}, is taken for the one before the database's name"),
        N_("write {swaps} in the option's value"),
    ),
    "number": (
        N_("the database in {variable} is no number"),
        N_("at character {place} of {variable} stands a path that is no number; Redis numbers its databases"),
        N_("write /0, or nothing, behind the port"),
    ),
}  # fmt: skip
"""By kind of fault: what is wrong, what comes of it, what to do."""
_SHOWN = {" ": N_("a space"), "%": N_("an encoded character")}


def of_writing(variable: str, fault: UriFault | None) -> dict[str, str]:
    """Fields for the texts about a string's writing."""
    if fault is None:
        return {}
    words = {
        "variable": variable,
        "found": ", ".join(_(_SHOWN.get(one, one)) for one in fault.found),
        "should": ", ".join(fault.should),
        "place": str(fault.at + 1),
    }
    slip, effect, cure = (_(text, **words, swaps=fault.swaps) for text in _WORDS.get(fault.kind, ("", "", "")))
    return {"slip": slip, "effect": effect, "cure": cure, "swaps": fault.swaps}


# ---- what is wrong with it -------------------------------------------------------------------------------------------


def judge_apps(node: MongoNode) -> SetVerdict | None:
    """The first app that this mongod cannot serve, for a reason that lies in the app's connection string."""
    told = ((form, app) for app in node.apps if (form := _of_app(node, app)))
    return next((SetVerdict(form, app=app, stored=node.own_host) for form, app in told), None)


def _of_app(node: MongoNode, app: Client) -> str | None:
    container, state, uri = node.container, node.state, app.uri
    wrong = miswritten(app)
    if wrong is not None:
        return wrong
    if container is None or state is None or uri.srv:
        return None
    if not leads_to(app, container):
        return "app-host" if _nowhere(app) else None
    if uri.replica_set and uri.replica_set != state.set_name:
        return "app-set"
    return _login_of(node, app) or _member_of(node, app)


def miswritten(app: Client) -> str | None:
    """The form of a connection string that drivers refuse, or read as something else than was meant."""
    fault = app.uri.fault
    if fault is None or not fault.certain:
        return None
    return "app-unescaped" if fault.kind == "unescaped" else "app-uri"


def _nowhere(app: Client) -> bool:
    """Whether no host of the string can be anybody: its own loopback, or a bare name that nothing answers to.

    An address, a name with dots or one of ``extra_hosts`` may be another machine's MongoDB, which is nobody's mistake.
    """
    if app.container.network_mode == "host":
        return False
    known = {entry.replace("=", ":").partition(":")[0].lower() for entry in app.container.extra_hosts}
    return all(
        host in LOOPBACK or ("." not in host and ":" not in host and host not in known) for host, _ in app.uri.hosts
    )


def _login_of(node: MongoNode, app: Client) -> str | None:
    """Refused with its own authSource; whether admin would do tells the two mistakes apart."""
    trials = [trial for trial in node.said.trials if trial.owner == app.container.id]
    own = next((trial for trial in trials if trial.source == app.uri.source), None)
    if own is None or own.accepted or (node.mongod.passed_by and not node.has_data):
        return None  # where nobody made a user, mongo.root-user says so
    other = next((trial for trial in trials if trial.source == "admin" and trial.accepted), None)
    return "app-auth-source" if other else "app-login"


def _member_of(node: MongoNode, app: Client) -> str | None:
    """A driver without directConnection goes to the member's own name, which has to lead somewhere from the app."""
    own, container = node.own_host, node.container
    if own is None or container is None or node.said.set_name is None or app.uri.direct:
        return None
    name, _rest, port = own.rpartition(":")
    names = names_for(app.container, container)
    if not names or (name.lower() in names and port == str(port_of(container))):
        return None
    return "member-host"


def compared(node: MongoNode, app: Client) -> dict[str, str]:
    """Fields for the texts of ``app-login``: its login beside the one that the image was given, never a password."""
    root, own, uri = root_login(node.place.env), node.container.id if node.container else None, app.uri.meant
    if root is None:
        return {"instead": "", "compared": ""}
    tried = next((trial.accepted for trial in node.said.trials if trial.owner == own), None)
    verdict = {True: _(", which mongod accepts"), False: _(", which mongod refuses as well"), None: ""}[tried]
    if uri.user != root.user:
        said = _(
            "{variable} says user {user}, {user_variable} of {node} says {user2}{verdict}",
            variable=app.variable,
            user=uri.user,
            user_variable=root.user_variable,
            node=node.subject,
            user2=root.user,
            verdict=verdict,
        )
        return {
            "instead": _(" as {user}: its first user is {user2}", user=uri.user, user2=root.user),
            "compared": f". {said}",
        }
    if uri.password != root.password:
        return {
            "instead": "",
            "compared": _(
                ". Its password is not that of {password_variable}{verdict}",
                password_variable=root.password_variable,
                verdict=verdict,
            ),
        }
    return {
        "instead": "",
        "compared": _(
            ". {user_variable} and {password_variable} say the same",
            user_variable=root.user_variable,
            password_variable=root.password_variable,
        ),
    }


def of_login(nodes: Sequence[MongoNode]) -> dict[str, str]:
    """What was tried, and what keeps Bitnami's image from storing its container's id."""
    node = nodes[0]
    tried = dict.fromkeys(f"{one.user} ({one.source})" for each in nodes for one in each.said.trials)
    told = _(
        "Nothing in the stack holds a login. If no user was ever made, who asks from inside the container needs none",
    )
    if tried:
        told = _("Tried once each, and refused: {tried}", tried=", ".join(tried))
    forgets = is_bitnami(node.place) and not compose.value_of(ADVERTISED, node.place.env)
    lasting = _(
        ". {advertised} is not set: Bitnami's image then stores the container's own name or address",
        advertised=ADVERTISED,
    )
    return {
        "unseen": _("it refuses every login of the stack") if tried else _("no login is known to see why"),
        "tried": told, "lasting": lasting if forgets else "",
    }  # fmt: skip


def shown(app: Client) -> Evidence:
    """The app's string without its login."""
    hosts = ",".join(f"{host}:{port}" for host, port in app.uri.hosts)
    shown = ("authsource", "replicaset", "directconnection")
    options = "&".join(f"{name}={value}" for name, value in app.uri.options.items() if name in shown)
    text = f"{hosts}/{app.uri.database or ''}{'?' if options else ''}{options}"
    return Evidence(app.variable, text, f"docker inspect {app.container.name}")


# ---- its repair ------------------------------------------------------------------------------------------------------


def repair_string(node: MongoNode, verdict: SetVerdict, place: Placed | None) -> Plan | None:
    """The plan that changes it where the app of this place gets it from; None where it is for people."""
    app = verdict.app
    if app is None or place is None or place.service is None or place.broken_file is not None:
        return None
    old = compose.value_of(app.variable, app.container.env) or ""
    new = corrected(node, verdict, old)
    written = _written(place, app, old, new) if new is not None and new != old else None
    if written is None:
        return None
    up = compose.bring_up(place, extra=(written.path,) if written.create else ())
    if up is None and place.container is not None:
        return None
    return repair(
        written, *((up,) if up else ()), says=_says(verdict, app, written, started=up is not None),
        restarts=(app.container.name,) if up else (), lock=place.directory,
    )  # fmt: skip


def place_of(app: Client, node: MongoNode, snapshot: Snapshot) -> Placed:
    """Where an app was made: its container, or its declaration beside the mongod's where it has none yet."""
    here, project = app.container, node.place.project
    if here.id:
        return compose.place_of(snapshot, here)
    return Placed(here.name, None, project, compose.declared_in(project, here.service))


def corrected(node: MongoNode, verdict: SetVerdict, old: str) -> str | None:
    """The connection string as it has to be; None where that is not certain."""
    app, container, uri = verdict.app, node.container, parse(old)
    if verdict.form in ("app-uri", "app-unescaped"):
        return repaired(old, _root(node))
    if app is None or container is None or node.state is None or uri is None:
        return None
    if verdict.form == "app-host":
        name = _name_for(node, app)
        return rewritten(old, hosts=f"{name}:{port_of(container)}") if name else None
    if verdict.form == "app-set":
        return rewritten(old, options={"replicaSet": node.said.set_name})
    if verdict.form == "app-auth-source":
        return rewritten(old, options={"authSource": "admin"})
    return _with_root(node, uri, old) if verdict.form == "app-login" else None


def _name_for(node: MongoNode, app: Client) -> str | None:
    """The name by which the app reaches this mongod: the service's where it may, never an address, which changes."""
    mongo = node.container
    names = names_for(app.container, mongo) if mongo else ()
    own = (mongo.service, mongo.name) if mongo else ()
    return next((name.lower() for name in own if name and name.lower() in names), None)


def _root(node: MongoNode) -> tuple[str, str] | None:
    root = root_login(node.place.env)
    return (root.user, root.password) if root else None


def _with_root(node: MongoNode, uri: MongoUri, old: str) -> str | None:
    """The password that mongod has just accepted for the same user. Another user's rights are not handed out."""
    root, own = _root(node), node.container.id if node.container else None
    tried = any(trial.accepted and (trial.source, trial.owner) == ("admin", own) for trial in node.said.trials)
    if root is None or not tried or uri.user != root[0]:
        return None
    return rewritten(old, login=root, options={"authSource": "admin"})


def _written(place: Placed, app: Client, old: str, new: str) -> EditFile | None:
    """The edit that gives the app this string; None where there is no place for it, or it is not right itself."""
    read = parse(new)
    if read is None or read.fault is not None:
        return None
    env = place.project.env if place.project else ()
    paths = env_paths(place.project) if place.project else ()
    if len(paths) == 1 and compose.value_of(app.variable, env) == old and set(new) <= _PLAIN:
        return EditFile(path=paths[0], edits=(EnvLine(app.variable, new),))
    target = compose.override_for(place)
    if target is None or place.service is None:
        return None
    keys = SetServiceKeys(place.service, environment=((app.variable, _for_compose(new, env)),))
    base = place.files[0] if place.files else None
    return EditFile(path=target.path, edits=(keys,), create=True, like=base)


def _for_compose(uri: str, env: tuple[EnvVar, ...]) -> str:
    """As a compose file has to hold it: ``$`` doubled; a password that ``.env`` holds is referred to, not copied."""
    head, colon, rest = uri.partition("://")
    where = re.split("[/?]", rest, maxsplit=1)[0]  # an option may hold an @ as well
    login, at, _rest = where.rpartition("@")
    tail = rest[len(login) + len(at) :]
    user, between, password = login.partition(":")
    name = next((one.name for one in env if len(password) > 3 and one.value == password), None)
    secret = f"${{{name}}}" if name else password.replace("$", "$$")
    return f"{head}{colon}{user.replace('$', '$$')}{between}{secret}{at}{tail.replace('$', '$$')}"


def _says(verdict: SetVerdict, app: Client, written: EditFile, *, started: bool) -> Iterator[str]:
    swaps = app.uri.fault.swaps if app.uri.fault else ""
    what = {
        "app-host": _("the host"), "app-set": "replicaSet", "app-auth-source": "authSource",
        "app-uri": _("what is wrong with its writing ({swaps})", swaps=swaps),
        "app-unescaped": _("the writing of user and password"), "app-login": _("the password and authSource"),
    }.get(verdict.form or "", "a part")  # fmt: skip
    then = _("{container} is recreated with it, mongod is left alone", container=app.container.name)
    yield _(
        "Of {variable} only {what} is changed; {then}.",
        variable=app.variable,
        what=what,
        then=then if started else _("nothing of this app has been started"),
    )
    if verdict.form == "app-login":
        yield _("The password is that of the first user's variable, which mongod has accepted for the same user.")
    if not isinstance(written.edits[0], EnvLine):
        yield _(
            "{path} then holds the whole connection string, and what it says beats the compose file.",
            path=written.path,
        )
