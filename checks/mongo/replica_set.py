"""The replica set of a MongoDB does not work: never initiated, lost its host, wrong name, or the app cannot use it.

What it does
    Asks mongod itself: ``hello`` without a login, over its published port or its address in the container's network,
    and ``replSetGetStatus`` where hello cannot tell the states apart. Decides by numbers (94 never initiated, 93 the
    configuration does not name this node, 76 no replica set), by fields of hello and by log ids 21405 and 21406, never
    by texts. Mongods of one ``--replSet`` in one project, and those that one connection string names, are one set and
    are judged as one. Where there is a primary, compares it with the connection strings of the apps: host,
    ``authSource``, ``replicaSet``, and whether the member's own name leads anywhere from there. Logins are those of the
    stack, each tried once and after a refusal not for a minute. The temporary mongod of the first start is left alone.
    How a string is written is judged before anything runs: strictly, and what is not understood is not edited.

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
    host, replicaSet, authSource, ``&`` in place of ``?``, a character that has to be encoded, a password that mongod
    accepts for the same user; a string that is not understood whole is not edited, and what was edited is read again.
    Members that are containers of this machine and are down are started. Not done by a key: a password that nobody
    knows, another user's login, a mongod with a configuration file or a start command of its own, an app in another
    network, a member that was left out, sets that were made apart. Of several faults one is repaired at a time, and the
    next is told.

Sources
    mongo replication_coordinator_impl.cpp, repl_set_config_checks.cpp, check_quorum_for_config_change.cpp,
    error_codes.yml; docker-library/mongo docker-entrypoint.sh; FastGPT issues 857, 906, 973, 990, 1031, 1269 and 1753;
    PyMongo 4.20.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from ...console.fix.steps import RestartContainer, SetServiceKeys
from ...console.model import Container, EngineInfo, FileFact, MongoState
from ...console.products.mongo import ADVERTISED, names_of, port_of
from ...console.text import _
from .. import compose
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual, repair
from ..compose import Placed
from ..subjects import fact_of, reach
from .app_string import compared, of_login, of_writing, place_of, repair_string, shown
from .members import Group, command_plan, groups, judge_group
from .node import ASSUMED, MongoNode, SetVerdict
from .set_state import KEY, judge, make_set
from .start import is_bitnami

LOG = ("mongo.21405", "mongo.21406", "mongo.21313")
FORMS = (
    Form("never-initiated", "The replica set of {name} was never initiated",
         "mongod runs with --replSet and waits for its first configuration; until then nobody can read or write",
         "initiate it"),
    Form("login", "{name} has no working replica set, and {unseen}",
         "hello says that the set has no valid configuration; its status is told only to who logs in. {tried}{lasting}",
         "tell a user and password, then initiate it or repair its configuration"),
    Form("no-user", "{name} has no working replica set, and no user was ever made in it",
         "its command starts mongod past the image's entrypoint, which makes the user; without one nobody can log in,"
         " and only who asks from inside the container needs no login",
         "initiate it from inside the container, and make the user there",
         advice="As long as there is no user, nobody inside its container has to log in (localhost exception):\n"
         "docker exec -it {name} mongosh (mongo in 4.4 and older), and there:\n"
         "rs.initiate({{_id: \"{wanted}\", members: [{{_id: 0, host: \"{host}\"}}]}})\n"
         "Then, as soon as it is primary, the user: db.getSiblingDB(\"admin\").createUser({{user: \"{user}\", pwd: "
         "passwordPrompt(), roles: [\"root\"]}}), with the password that {variable} of {app} has."),
    Form("removed", "The replica set of {name} does not know this mongod any more",
         "the stored configuration names {stored}, which does not lead to this mongod: the service was renamed, or "
         "the set was initiated with a container's id{lasting}",
         "put the right host into the configuration by a forced reconfig"),
    Form("set-name", "{name} was started with another replica set name than its data folder has",
         "the stored set is called {stored}, the command says --replSet {wanted}; the stored name cannot be changed",
         "give --replSet its old name back"),
    Form("standalone", "{name} runs without a replica set, and FastGPT needs one",
         "mongod was started without --replSet; FastGPT from v4.6.8 on writes in transactions, which need a set"
         "{assumed}",
         "add --replSet to the command, a key file where it has users, and initiate it",
         advice="Give mongod a replica set: add --replSet rs0 to its command, and --keyFile with a key file where it"
         " has users (mode 400, owner 999: mongo.keyfile looks after that), then: docker compose up -d "
         "{service}\n"
         "Look again after that: the set has to be initiated once, and that is a fix of one key.\n"
         "The data stay; a standalone's data folder becomes that of a set with one member."),
    Form("container-id", "The replica set of {name} is tied to the id of its container",
         "it was initiated by a bare rs.initiate(), which takes the host name, in a container its id: {stored}; "
         "when the container is made anew the set is gone{lasting}",
         "make the service's name the member's host", "warning"),
    Form("member-host", "{app} reaches {name} and is then sent to {stored}, which leads nowhere from there",
         "a driver without directConnection=true goes to the name that the set has for its member",
         "make the name that the app uses the member's host"),
    Form("partly", "{stored} was initiated without {without}",
         "the others wait for a configuration that names them; initiating one of them as well would make a second "
         "set of the same name, and sets cannot be joined",
         "add them to the set that is there",
         advice="Nothing is initiated any more. Add each of the others on {stored}, whose data they copy: "
         "rs.add(\"NAME:27017\") in its shell, by a name that leads there from every member and from the apps.\n"
         "What a member holds of its own when it is added is dropped: add only those that are empty."),
    Form("apart", "{name} were meant as one replica set, and each is a set of its own",
         "each was initiated alone; {variable} of {app} names them together, so that it writes into one of them and"
         " may read from another, which knows nothing of it",
         "keep one of them and give it the others as empty members",
         advice="Two sets cannot be joined. Find out in which of them the data of the app are, and keep a copy of "
         "each (mongodump) before anything else.\n"
         "Stop the others, move their data folders away (delete none), start them on empty ones, and add them"
         " in the shell of the one that is kept: rs.add(\"NAME:27017\").\n"
         "Until then let {variable} of {app} name that one alone."),
    Form("no-primary", "The replica set of {name} has no primary",
         "it is configured, but no member is elected; nobody can write",
         "start the missing members",
         advice="Without a majority no member is elected: start the members that are down, or look into mongod's "
         "log."),
    Form("app-uri", "The connection string of {app} is not written as one: {slip}",
         "{effect}",
         "{cure}",
         advice="{variable} of {app}: {effect}.\n"
         "{Cure}, then recreate {app}: docker compose up -d {service_of_app}"),
    Form("app-unescaped", "The connection string of {app} holds a character that has to be percent-encoded",
         "user and password in {variable} end where the driver meets it, so that it reads another host or password."
         " Write {swaps}",
         "percent-encode it",
         advice="In user and password of {variable} of {app} write {swaps}, then recreate it."),
    Form("app-host", "{app} looks for MongoDB where {name} is not",
         "{variable} names the app's own container, nobody in its networks, or a port where no mongod listens",
         "let it name this service",
         advice="Let {variable} of {app} name {host}, then recreate it: docker compose up -d {service_of_app}"),
    Form("app-set", "{app} asks for another replica set than {name} has",
         "replicaSet in {variable} differs from the set's name, so the driver turns the mongod down",
         "correct replicaSet in the connection string",
         advice="Take replicaSet={asked} out of {variable} of {app}, or write replicaSet={there}, then recreate it."),
    Form("app-auth-source", "{app} cannot log in to {name}: authSource=admin is missing",
         "the login is refused in the database of the string and accepted in admin, where the image makes its user",
         "append authSource=admin",
         advice="Append authSource=admin to {variable} of {app} (behind ? or &), then recreate it: the user lives in"
         " admin."),
    Form("app-login", "{app} cannot log in to {name}{instead}",
         "mongod refuses user and password of {variable}{compared}. Those in the compose file count only on an empty "
         "data folder",
         "give {variable} the login that the data folder was made with",
         advice="User or password in {variable} of {app} are not those of the data folder{compared}.\n"
         "The variables of {service} count only on an empty folder: put the login that it was made with into"
         " {variable}, or change the password inside mongod.\n"
         "No login is tried again for a minute."),
    Form("app-gave-up", "{app} gave up on {name}, which works now",
         "its release does not try the database again by itself after a failure",
         "restart it", "warning"),
)  # fmt: skip
OF_AN_APP = (
    "app-uri", "app-unescaped", "app-host", "app-set", "app-auth-source", "app-login", "member-host", "app-gave-up",
)  # fmt: skip
"""Forms of one app, in the order in which they are looked for; one hides those after it."""
IN_ORDER = (
    "standalone", "set-name", "removed", "login", "no-user", "never-initiated", "partly", "apart", "no-primary",
    *OF_AN_APP[:-1], "container-id", OF_AN_APP[-1],
)  # fmt: skip
"""All forms, likewise."""


@dataclass(frozen=True)
class SetCase:
    """One set, or one mongod, and what its repair needs to know."""

    group: Group
    verdict: SetVerdict
    app: Placed | None = None
    """Where the app was made that the verdict is about."""
    down: tuple[Container, ...] = ()
    """Members that are containers of this machine and do not run."""
    key: FileFact | None = None
    """What is mounted as a standalone's key file."""
    engine: EngineInfo | None = None
    """The Engine that a standalone runs on."""

    @property
    def node(self) -> MongoNode:
        """Whom it is told of."""
        return self.group.nodes[0]


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each mongod that runs, or that would start as what its app cannot use."""
    for group in groups(snapshot):
        for members, verdict in _verdicts(group):
            yield _found(members, verdict, snapshot)


def _verdicts(group: Group) -> Iterator[tuple[Group, SetVerdict]]:
    """What is to be said: of the set as a whole under its first member, or else of each by itself."""
    whole = judge_group(group)
    if whole is not None:
        yield group, whole
        return
    found: dict[object, tuple[list[MongoNode], SetVerdict]] = {}
    for node in group.nodes:
        verdict = judge(node)
        if verdict is not None:
            told = verdict.app and verdict.form in OF_AN_APP and (verdict.form, verdict.app.container.name)
            found.setdefault(told or node.subject, ([], verdict))[0].append(node)
    for members, verdict in found.values():
        yield group.with_only(tuple(members)), verdict


def _found(group: Group, verdict: SetVerdict, snapshot: Snapshot) -> Found:
    node, app = group.nodes[0], verdict.app
    rows = tuple(dict.fromkeys(row for one in group.nodes for row in _evidence(one, verdict, snapshot)))
    also = tuple(one.subject for one in group.nodes[1:])
    if verdict.wait is not None:
        title = _("Whether the replica set of {group} works cannot be told", group=group.name)
        return Unknown(node.subject, title, verdict.wait, rows, also)
    if verdict.form is None:
        return Fine(node.subject, f"{node.subject}: {verdict.well}", rows)
    facts = SetCase(group, verdict, place_of(app, node, snapshot) if app else None)
    if verdict.form == "standalone":
        mounted = reach(KEY, node.place.mounts)
        key = fact_of(snapshot, mounted.source) if mounted else None
        facts = dataclasses.replace(facts, key=key, engine=snapshot.engine)
    if verdict.form == "no-primary":
        facts = dataclasses.replace(facts, down=_down(node, snapshot))
    about = app.container.name if app and verdict.form in OF_AN_APP else None
    form = next(each for each in FORMS if each.id == verdict.form)
    # an app that runs may be an old "latest"
    doubt = verdict.form == "standalone" and node.running and node.assumes_release
    return Case(
        node.subject, form, facts, rows, _words(group, verdict), "warning" if doubt else None, about=about, also=also
    )


def _down(node: MongoNode, snapshot: Snapshot) -> tuple[Container, ...]:
    """Members that are containers of this machine and do not run."""
    networks = {link.network for link in node.container.networks} if node.container else set()
    return tuple(
        one for one in snapshot.containers
        if one.state in compose.ENDED and not networks.isdisjoint(link.network for link in one.networks)
        and any(f"{name}:{port_of(one)}" in node.member_names for name in names_of(one))
    )  # fmt: skip


def _words(group: Group, verdict: SetVerdict) -> dict[str, str]:
    node = group.nodes[0]
    app = verdict.app or next(iter(node.apps), None)
    slip = of_writing(app.variable, app.uri.fault) if app else {}
    return {
        "name": group.name, "stored": verdict.stored or _("another host"), "without": verdict.without or "",
        "wanted": node.mongod.replica_set or "?", **slip, "Cure": slip.get("cure", "").capitalize(),
        "app": app.container.name if app else _("the app"),
        "variable": app.variable if app else _("its connection string"),
        "service": node.place.service or node.subject, "host": node.suggested or node.subject,
        "service_of_app": (app.container.service or app.container.name) if app else "",
        "asked": (app.uri.replica_set if app else None) or "",
        "there": node.said.set_name or "", "assumed": f" ({_(ASSUMED)})" if node.assumes_release else "",
        **(compared(node, app) if app else {"instead": "", "compared": ""}), **of_login(group.nodes),
        "user": (app.uri.user if app else None) or "root",
    }  # fmt: skip


def _evidence(node: MongoNode, verdict: SetVerdict, snapshot: Snapshot) -> Iterator[Evidence]:
    container, state = node.container, node.state
    if verdict.form == "standalone":
        yield from _who_needs_it(node)
    if container is None:
        words = node.place.declared.command if node.place.declared else ()
        yield Evidence(
            _("declared command"), " ".join(words) or _("the image's own"), ", ".join(node.place.files) or node.subject
        )
        return
    if state is not None and state.trouble is None:
        yield from _told(state)
    elif state is not None and state.sentence:
        yield Evidence(_("asked"), state.sentence, state.address or container.name)
    if verdict.app is not None:
        yield shown(verdict.app)
    if is_bitnami(node.place):
        yield Evidence(ADVERTISED, compose.value_of(ADVERTISED, node.place.env) or _("not set"), node.place.source)
    yield from compose.log_evidence(snapshot, container, LOG)


def _who_needs_it(node: MongoNode) -> Iterator[Evidence]:
    for service in node.services:
        if service.role == "fastgpt":
            release = _(ASSUMED) if service.release_assumed else service.version or ""
            yield Evidence(_("app"), f"{service.name} {release}".strip(), "image")


def _told(state: MongoState) -> Iterator[Evidence]:
    """What mongod said, in its own words for it."""
    where = f"{state.address} ({_(state.via or '')})"
    kind = _("a standalone") if state.set_name is None else _("set {set_name}", set_name=state.set_name)
    yield Evidence("hello", "isreplicaset, no valid configuration" if state.ghost else kind, where)
    if state.set_name is not None:
        role = "primary" if state.primary else "secondary" if state.secondary else _("no primary")
        yield Evidence(_("role"), role, where)
    if state.status_code:
        yield Evidence("replSetGetStatus", _("error {status_code}", status_code=state.status_code), where)
    hosts = [member.host for member in state.members] or list(state.hosts)
    if hosts:
        yield Evidence(_("members"), ", ".join(hosts), where)
    for trial in state.trials:
        answer = "accepted" if trial.accepted else "refused"
        yield Evidence(
            _("login"),
            _("{user}, authSource={source}: {answer}", user=trial.user, source=trial.source, answer=answer),
            where,
        )


def plan(case: Case[SetCase], answers: Answers) -> Plan:
    """The repair of one form, and what may lie behind it; without steps where it is for people."""
    made = _made(case, answers)
    if isinstance(made, Plan) and not made.steps:
        return made
    if not isinstance(made, Plan):
        return manual(*((made,) if made else ()), *case.advice)
    # a crash loop is over sooner with a mongod, and where nothing restarts there is none
    settle = 5.0 if made.restarts or case.form.id == "standalone" else 3.0
    behind = _behind(case.facts.node, case.form.id, case.about)
    return replace(made, lock=made.lock or case.facts.node.place.directory, settle=settle, uncovers=behind)


def _made(case: Case[SetCase], answers: Answers) -> Plan | str | None:
    """The plan; else why there is none, where that is not said by the form already."""
    facts, form, node = case.facts, case.form.id, case.facts.node
    if form in ("never-initiated", "login", "removed", "container-id", "member-host"):
        return command_plan(facts.group, facts.verdict, answers)
    if form == "set-name":
        return _set_name(node, facts.verdict.stored)
    if form == "standalone":
        return make_set(node, facts.key, facts.engine, answers)
    if form == "no-primary" and facts.down:
        told = _("Started: {down}, of which the set has members.", down=", ".join(one.name for one in facts.down))
        return _restart(facts.down, _("{told} Why they were stopped is not known here.", told=told))
    if form == "app-gave-up" and facts.verdict.app is not None:
        app = facts.verdict.app.container
        return _restart((app,), _("{app} connects anew at its start.", app=app.name))
    return repair_string(node, facts.verdict, facts.app)


def _restart(containers: tuple[Container, ...], *says: str) -> Plan:
    steps = (RestartContainer(container=one.id, name=one.name) for one in containers)
    return repair(*steps, says=says, restarts=[one.name for one in containers])


def _behind(node: MongoNode, form: str, about: str | None) -> tuple[str, ...]:
    """Forms that this one hides; for the form of an app also whatever the other apps of this mongod may have."""
    others = [app.container.name for app in node.apps if about is not None and app.container.name != about]
    return (
        *(IN_ORDER[IN_ORDER.index(form) + 1 :] if form in IN_ORDER else ()),
        *(f"{one}: {name}" for name in others for one in OF_AN_APP),
    )


def _set_name(node: MongoNode, stored: str | None) -> Plan:
    """The stored name cannot be changed (mongod refuses with 103), so the command gets the old one back."""
    words = _renamed(node, stored or "")
    written = compose.through_override(node.place, SetServiceKeys(node.place.service or "", command=words))
    if not words or not written or node.container is None:
        return manual(
            _(
                "Write --replSet {stored} into mongod's command again and recreate it: the stored name cannot be "
                "changed, and nothing is lost by going back to it.",
                stored=stored or _("its old name"),
            )
        )
    says = _("{node} is recreated with the name that its data folder knows.", node=node.subject)
    return repair(*written, says=(says,), restarts=(node.subject,))


def _renamed(node: MongoNode, name: str) -> tuple[str, ...]:
    """The command with another --replSet; empty where it cannot be written down safely."""
    command = node.container.command if node.container else ()
    if not name or node.mongod.wrapped or any("$" in word for word in command):
        return ()
    for index, word in enumerate(command):
        if word == "--replSet" and index + 1 < len(command):
            return (*command[: index + 1], name, *command[index + 2 :])
        if word.startswith("--replSet="):
            return (*command[:index], f"--replSet={name}", *command[index + 1 :])
    return ()


CHECK = Check(
    "mongo.replica-set", "The replica set works, and its apps can use it", __doc__ or "", FORMS, find, plan,
    reads=("engine", "containers", "projects", "services", "files", "mongod_configs", "mongos", "log_marks"),
)  # fmt: skip
