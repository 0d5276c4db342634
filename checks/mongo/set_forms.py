"""Which state of its replica set a mongod is in, and which of the forms of ``mongo.replica-set`` that is. Pure.

The order is that of mongo-docker-db 7: hello first, numbers second, log ids third; never a text.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...console.model import Snapshot
from ...console.stacks.mongo import Client, leads_to, names_for, port_of
from ...console.stacks.mongouri import LOOPBACK
from ..compose import marks_since_start
from .mongod import option
from .node import RETRIES_FROM, Node, numbers

NOT_INITIATED, INVALID, NO_REPLICATION, UNAUTHORIZED, REFUSED = 94, 93, 76, 13, 18
"""fact: mongo error_codes.yml"""
STALE_HOST, STALE_NAME = "mongo.21405", "mongo.21406"
PATIENCE = 120.0
"""Seconds for which mongod has to be up before an app is said to have given up on it."""
APP_TROUBLE = (
    "fastgpt.mongo-error", "fastgpt.mongo-no-primary", "fastgpt.mongo-refused", "fastgpt.mongo-unresolved",
    "fastgpt.mongo-buffering",
)  # fmt: skip
OF_AN_APP = (
    "app-unescaped", "app-host", "app-set", "app-auth-source", "app-login", "member-host", "app-gave-up",
)  # fmt: skip
"""Forms of one app, in the order in which they are looked for; one hides those after it."""
IN_ORDER = (
    "standalone", "set-name", "removed", "login", "never-initiated", "no-primary", *OF_AN_APP[:-1], "container-id",
    OF_AN_APP[-1],
)  # fmt: skip
"""All forms, likewise."""
APP_WELL = ("fastgpt.mongo-connected", "fastgpt.root-ready", "fastgpt.ready")


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one mongod."""

    form: str | None = None
    """A form of the pitfall; None: ``wait`` or ``well`` says why there is none."""
    wait: str | None = None
    """It cannot be told (yet), and why."""
    well: str = ""
    """Why it is in order."""
    app: Client | None = None
    """The app whose settings are meant."""
    stored: str | None = None
    """Host or name that is stored and wrong."""


def judge(node: Node, snapshot: Snapshot) -> Verdict | None:
    """The verdict; None where there is nothing to judge."""
    state = node.state
    if node.container is None:
        missing = node.needs_set is True and node.mongod.replica_set is None and not _config_file(node)
        return Verdict("standalone") if missing else None
    unseen = _unseen(node)
    if unseen is not None or state is None:
        return Verdict(wait=unseen or "mongod has not been asked yet")
    if state.ghost:
        return _ghost(node)
    if state.set_name is None:
        return _standalone(node, snapshot)
    if state.primary or (state.secondary and state.primary_host):
        return _working(node, snapshot)
    if node.young:
        return Verdict(wait="the set is electing its primary; look again in a few seconds")
    return Verdict("no-primary")


def _unseen(node: Node) -> str | None:
    """Why nothing is known from mongod itself; None when it answered, or was not asked."""
    container, state = node.container, node.state
    if container is not None and not container.detailed:
        return "the container has not been inspected yet"
    if container is not None and not node.running:
        return f"its container is {container.state}, not running"
    return _unanswered(node) if state is not None and state.trouble is not None else None


def _config_file(node: Node) -> bool:
    """Whether mongod reads a configuration file, in which the set may be named."""
    source = node.place.container or node.place.declared
    words = (*source.entrypoint, *source.command) if source else ()
    return option("--config", words) is not None or option("-f", words) is not None


def _unanswered(node: Node) -> str:
    state = node.state
    said = (state.sentence if state else None) or "mongod does not answer"
    if node.first_boot or (node.young and state is not None and state.trouble in ("refused", "reset")):
        return f"mongod is starting, on the first start for up to a minute ({said}); wait and look again"
    return said


def _ghost(node: Node) -> Verdict:
    """Started with --replSet and without a configuration that names this node: 94 or 93, and the fixes differ."""
    state = node.state
    code = state.status_code if state else None
    if code == NOT_INITIATED:
        if node.young and "rs.initiate" in node.script:
            return Verdict(wait="its own start script initiates the set in the first minute; wait and look again")
        return Verdict("never-initiated")
    if code == INVALID or STALE_NAME in node.marks or STALE_HOST in node.marks:
        stored = state.config_set if state else None
        named = node.mongod.replica_set
        if (stored and named and stored != named) or (stored is None and STALE_NAME in node.marks):
            return Verdict("set-name", stored=stored)
        hosts = ", ".join(member.host for member in state.members) if state else ""
        return Verdict("login" if not hosts and code != INVALID else "removed", stored=hosts or None)
    if code in (UNAUTHORIZED, REFUSED):
        return Verdict("login")
    if code == NO_REPLICATION:
        return Verdict(wait="mongod is between two starts; look again")
    return Verdict(wait="mongod did not tell the state of its set")


def _standalone(node: Node, snapshot: Snapshot) -> Verdict:
    """No --replSet, or the temporary mongod of the first boot, which must be left alone."""
    if node.first_boot or (node.young and node.mongod.replica_set is not None):
        return Verdict(wait="this is the temporary mongod of the first start; wait and look again")
    apps = {app.container.id: app for app in node.apps}
    torn = next((m for m in snapshot.log_marks if m.mark == "fastgpt.mongo-standalone" and m.container in apps), None)
    if node.needs_set or torn is not None:
        return Verdict("standalone", app=apps.get(torn.container) if torn else None)
    return _apps(node) or Verdict(well="mongod runs without a replica set, and nothing here needs one")


def _working(node: Node, snapshot: Snapshot) -> Verdict:
    """There is a primary. What the set is called inside decides whether it lasts, and whether apps find it."""
    own = own_host(node)
    container = node.container
    name = own.rpartition(":")[0] if own else ""
    found = _apps(node)
    if found is None and own and container and name and container.id.startswith(name) and len(name) >= 12:
        found = Verdict("container-id", stored=own)
    return found or _gave_up(node, snapshot) or Verdict(well="the replica set has a primary")


def own_host(node: Node) -> str | None:
    """``name:port`` by which the set knows this node: a primary names itself, a lone member is named."""
    state = node.state
    if state is None:
        return None
    itself = next((member.host for member in state.members if member.itself), None)
    alone = state.hosts[0] if len(state.hosts) == 1 else None
    return itself or (state.primary_host if state.primary else None) or alone


def _apps(node: Node) -> Verdict | None:
    """The first app that this mongod cannot serve, for a reason that lies in the app's connection string."""
    for app in node.apps:
        form = _of_app(node, app)
        if form is not None:
            return Verdict(form, app=app, stored=own_host(node))
    return None


def _of_app(node: Node, app: Client) -> str | None:
    container, state, uri = node.container, node.state, app.uri
    if container is None or state is None or uri.srv:
        return None
    if uri.unescaped:
        return "app-unescaped"
    if not leads_to(app, container):
        return "app-host" if _nowhere(app) else None
    if uri.replica_set and uri.replica_set != state.set_name:
        return "app-set"
    return _login_of(node, app) or _member_of(node, app)


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


def _login_of(node: Node, app: Client) -> str | None:
    """Refused with its own authSource; whether admin would do tells the two mistakes apart (fact: 1.6)."""
    trials = [t for t in node.state.trials if t.owner == app.container.id] if node.state else []
    own = next((trial for trial in trials if trial.source == app.uri.source), None)
    if own is None or own.accepted:
        return None
    other = next((trial for trial in trials if trial.source == "admin" and trial.accepted), None)
    return "app-auth-source" if other else "app-login"


def _member_of(node: Node, app: Client) -> str | None:
    """A driver without directConnection goes to the member's own name, which has to lead somewhere from the app."""
    own, container = own_host(node), node.container
    if own is None or container is None or node.state is None or node.state.set_name is None or app.uri.direct:
        return None
    name, _, port = own.rpartition(":")
    names = names_for(app.container, container)
    if not names or (name.lower() in names and port == str(port_of(container))):
        return None
    return "member-host"


def _gave_up(node: Node, snapshot: Snapshot) -> Verdict | None:
    """An app that failed once and does not try again. fact: FastGPT up to v4.8.6 (fastgpt-stack 4).

    Only where mongod has been up for a while: the next request may still come.
    """
    if node.age is None or node.age < PATIENCE:
        return None
    for app in node.apps:
        if waits_in_vain(node, app, snapshot):
            return Verdict("app-gave-up", app=app)
    return None


def waits_in_vain(node: Node, app: Client, snapshot: Snapshot) -> bool:
    """Whether the app's last word about MongoDB is a failure, and its release does not try again by itself."""
    service = next((one for one in node.services if one.container == app.container.id), None)
    if service is None or service.role != "fastgpt" or app.container.state != "running":
        return False
    version = numbers(service.version)
    if version is not None and version >= RETRIES_FROM:
        return False
    marks = marks_since_start(snapshot, app.container)
    telling = [mark.mark for mark in marks if mark.mark in (*APP_TROUBLE, *APP_WELL)]
    return bool(telling) and telling[-1] in APP_TROUBLE


def behind(node: Node, form: str, about: str | None = None) -> tuple[str, ...]:
    """Forms that this one hides; for the form of an app also whatever the other apps of this mongod may have."""
    others = [app.container.name for app in node.apps if about is not None and app.container.name != about]
    return (
        *(IN_ORDER[IN_ORDER.index(form) + 1 :] if form in IN_ORDER else ()),
        *(f"{one}: {name}" for name in others for one in OF_AN_APP),
    )


__all__ = ["IN_ORDER", "OF_AN_APP", "Verdict", "behind", "judge", "own_host", "waits_in_vain"]
