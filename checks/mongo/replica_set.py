"""The replica set of a MongoDB does not work: never initiated, lost its host, wrong name, or the app cannot use it.

What it does
    Asks mongod itself: ``hello`` without a login, over its published port or its address in the container's network,
    and ``replSetGetStatus`` where hello cannot tell the states apart. Decides by numbers (94 never initiated, 93 the
    configuration does not name this node, 76 no replica set), by fields of hello and by log ids 21405 and 21406, never
    by texts. Where there is a primary, compares it with the connection strings of the apps: host, ``authSource``,
    ``replicaSet``, and whether the member's own name leads anywhere from there. Logins are those of the stack, each
    tried once and after a refusal not for a minute. The temporary mongod of the first start is left alone.

Why it matters
    FastGPT writes in transactions and opens change streams, which only a set with a primary can do. Without it the page
    hangs and the log says ``Operation users.findOne() buffering timed out after 10000ms``, whatever the cause. A set
    initiated by a bare ``rs.initiate()`` names the container's id and dies when the container is made anew.

Fix
    Initiates the set with the host that the app's connection string names, or puts that host into the stored
    configuration by a (forced) reconfig that keeps every ``_id``; both wait for the primary. Initiating cannot be taken
    back. An app that does not try again by itself is restarted after it. A changed ``--replSet`` gets its old name
    back. A standalone gets ``--replSet``, and a key file where it has users, is recreated and initiated; undo makes it
    a standalone again. In the app's connection string only the wrong part is changed, in ``.env`` or the override file:
    host, replicaSet, authSource, a character that has to be encoded, a password that mongod accepts for the same user.
    Members that are containers of this machine and are down are started. Not done by a key: a password that nobody
    knows, another user's login, a mongod with a configuration file or a start command of its own, an app in another
    network. Of several faults one is repaired at a time, and the next is told.

Sources
    mongo replication_coordinator_impl.cpp, repl_set_config_checks.cpp, error_codes.yml; docker-library/mongo
    docker-entrypoint.sh; FastGPT issues 857, 906, 973, 990, 1031, 1269 and 1753; PyMongo 4.20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from ...console.findings import Evidence, FixSummary, Result, Severity
from ...console.model import Snapshot
from ...console.plan import Plan
from ...console.settings import Settings
from .. import Check, compose
from .node import Node, fine, nodes, unknown
from .replica_set_examples import EXAMPLES
from .set_forms import OF_AN_APP, Verdict, judge
from .set_plan import make_plan

ID = "mongo.replica-set"
LOG = ("mongo.21405", "mongo.21406", "mongo.21313")
WORDS: dict[str, tuple[Severity, str, str, str]] = {
    "never-initiated": (
        "error", "The replica set of {name} was never initiated",
        "mongod runs with --replSet and waits for its first configuration; until then nobody can read or write",
        "initiate it",
    ),
    "login": (
        "error", "{name} has no working replica set, and no login is known to see why",
        ("hello says that the set has no valid configuration; its status is told only to who logs in, and no login of"
        " the stack is accepted"),
        "tell a user and password, then initiate it or repair its configuration",
    ),
    "removed": (
        "error", "The replica set of {name} does not know this mongod any more",
        ("the stored configuration names {stored}, which does not lead to this mongod: the service was renamed, or the"
        " set was initiated with a container's id"),
        "put the right host into the configuration by a forced reconfig",
    ),
    "set-name": (
        "error", "{name} was started with another replica set name than its data folder has",
        "the stored set is called {stored}, the command says --replSet {wanted}; the stored name cannot be changed",
        "give --replSet its old name back",
    ),
    "standalone": (
        "error", "{name} runs without a replica set, and FastGPT needs one",
        "mongod was started without --replSet; FastGPT from v4.6.8 on writes in transactions, which need a set",
        "add --replSet to the command, a key file where it has users, and initiate it",
    ),
    "container-id": (
        "warning", "The replica set of {name} is tied to the id of its container",
        ("it was initiated by a bare rs.initiate(), which takes the host name, in a container its id: {stored}; when"
        " the container is made anew the set is gone"),
        "make the service's name the member's host",
    ),
    "member-host": (
        "error", "{app} reaches {name} and is then sent to {stored}, which leads nowhere from there",
        "a driver without directConnection=true goes to the name that the set has for its member",
        "make the name that the app uses the member's host",
    ),
    "no-primary": (
        "error", "The replica set of {name} has no primary",
        "it is configured, but no member is elected; nobody can write",
        "start the missing members",
    ),
    "app-unescaped": (
        "error", "The connection string of {app} holds a character that has to be percent-encoded",
        "user and password in {variable} end where the driver meets it, so that it reads another host or password",
        "percent-encode it",
    ),
    "app-host": (
        "error", "{app} looks for MongoDB where {name} is not",
        "{variable} names a host that is the app's own container or nobody in its networks",
        "let it name this service",
    ),
    "app-set": (
        "error", "{app} asks for another replica set than {name} has",
        "replicaSet in {variable} differs from the set's name, so the driver turns the mongod down",
        "correct replicaSet in the connection string",
    ),
    "app-auth-source": (
        "error", "{app} cannot log in to {name}: authSource=admin is missing",
        "the login is refused in the database of the string and accepted in admin, where the image makes its user",
        "append authSource=admin",
    ),
    "app-login": (
        "error", "{app} cannot log in to {name}",
        "mongod refuses user and password of {variable}; those in the compose file count only on an empty data folder",
        "correct the password",
    ),
    "app-gave-up": (
        "warning", "{app} gave up on {name}, which works now",
        "its release does not try the database again by itself after a failure",
        "restart it",
    ),
}  # fmt: skip
"""By form: severity, title, cause, fix in one line."""


def examine(snapshot: Snapshot, _settings: Settings) -> Iterator[Result]:
    """One result per mongod that runs, or that would start as what its app cannot use."""
    for node in nodes(snapshot):
        verdict = judge(node, snapshot)
        if verdict is not None:
            yield _result(node, verdict, snapshot)


def _result(node: Node, verdict: Verdict, snapshot: Snapshot) -> Result:
    evidence = tuple(_evidence(node, verdict, snapshot))
    if verdict.wait is not None:
        return unknown(
            ID, node, f"Whether the replica set of {node.subject} works cannot be told", verdict.wait, evidence
        )
    if verdict.form is None:
        return fine(ID, node, f"{node.subject}: {verdict.well}", evidence)
    severity, title, because, fix = WORDS[verdict.form]
    words = _words(node, verdict)
    found = compose.finding(
        ID, node.subject, verdict.form, title.format(**words), severity=severity, because=because.format(**words),
        evidence=evidence, fix=FixSummary("manual", fix),
    )  # fmt: skip
    plan = make_plan(node, verdict, found, snapshot, {})
    about = verdict.app.container.name if verdict.app is not None and verdict.form in OF_AN_APP else None
    return replace(found, fix=FixSummary(plan.safety, fix), about=about)


def _words(node: Node, verdict: Verdict) -> dict[str, str]:
    app = verdict.app
    return {
        "name": node.subject, "stored": verdict.stored or "another host", "wanted": node.mongod.replica_set or "?",
        "app": app.container.name if app else "the app", "variable": app.variable if app else "its connection string",
    }  # fmt: skip


def _evidence(node: Node, verdict: Verdict, snapshot: Snapshot) -> Iterator[Evidence]:
    container, state = node.container, node.state
    if container is None:
        words = " ".join(node.place.declared.command) if node.place.declared else ""
        yield Evidence("declared command", words or "the image's own", ", ".join(node.place.files) or node.subject)
        return
    if state is not None and state.trouble is None:
        yield from _told(node)
    elif state is not None and state.sentence:
        yield Evidence("asked", state.sentence, state.address or container.name)
    if verdict.app is not None:
        yield _of_app(verdict)
    for service in node.services:
        if service.role == "fastgpt" and verdict.form == "standalone":
            yield Evidence("app", f"{service.name} {service.version or ''}".strip(), "image")
    yield from compose.log_evidence(snapshot, container, LOG)


def _told(node: Node) -> Iterator[Evidence]:
    """What mongod said, in its own words for it."""
    state = node.state
    if state is None:
        return
    where = f"{state.address} ({state.via})"
    kind = "a standalone" if state.set_name is None else f"set {state.set_name}"
    yield Evidence("hello", "isreplicaset, no valid configuration" if state.ghost else kind, where)
    if state.set_name is not None:
        role = "primary" if state.primary else "secondary" if state.secondary else "no primary"
        yield Evidence("role", role, where)
    if state.status_code:
        yield Evidence("replSetGetStatus", f"error {state.status_code}", where)
    hosts = [member.host for member in state.members] or list(state.hosts)
    if hosts:
        yield Evidence("members", ", ".join(hosts), where)
    for trial in state.trials:
        answer = "accepted" if trial.accepted else "refused"
        yield Evidence("login", f"{trial.user}, authSource={trial.source}: {answer}", where)


def _of_app(verdict: Verdict) -> Evidence:
    """The app's string without its login."""
    app = verdict.app
    uri = app.uri if app else None
    if app is None or uri is None:
        return Evidence("app", "-", "-")
    hosts = ",".join(f"{host}:{port}" for host, port in uri.hosts)
    options = "&".join(
        f"{n}={v}" for n, v in uri.options.items() if n in ("authsource", "replicaset", "directconnection")
    )
    return Evidence(
        app.variable,
        f"{hosts}/{uri.database or ''}{'?' if options else ''}{options}",
        f"docker inspect {app.container.name}",
    )


def plan(result: Result, snapshot: Snapshot, _settings: Settings, answers: Mapping[str, str]) -> Plan:
    """The repair of one mongod's set. Pure."""
    node = next((one for one in nodes(snapshot) if one.subject == result.subject), None)
    verdict = judge(node, snapshot) if node else None
    if node is None or verdict is None or verdict.form is None or result.form is None:
        return compose.manual(result, "There is nothing to repair any more.")
    return make_plan(node, verdict, result, snapshot, answers)


CHECK = Check(
    id=ID, title="The replica set works, and its apps can use it", severity="error", doc=__doc__ or "",
    examine=examine, plan=plan, examples=EXAMPLES,
)  # fmt: skip
