"""How each form of ``mongo.replica-set`` is repaired, or what is to be done by hand. Pure: a plan only describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...console.findings import Result, Safety
from ...console.model import Container, Snapshot
from ...console.plan import Plan, Question
from ...console.stacks.mongo import leads_to, names_of, port_of
from ...console.steps import AnyStep, EditFile, MongoCommand, RestartContainer, SetServiceKeys
from ...console.steps.mongo import Verb
from .. import compose
from .node import Node
from .set_forms import Verdict, behind, own_host, waits_in_vain
from .standalone_plan import standalone_plan
from .uri_plan import uri_plan

ID = "mongo.replica-set"
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:]+\](?::\d{1,5})?")
SETTLE, SETTLE_STILL = 5.0, 3.0
"""Seconds it has to stay gone: a crash loop is over sooner with a mongod, and where nothing restarts there is none."""
VERBS: dict[str, Verb] = {"never-initiated": "initiate", "login": "either"}
BY_HAND: dict[str, tuple[str, ...]] = {
    "standalone": (
        ("Give mongod a replica set: add --replSet rs0 to its command, and --keyFile with a key file where it has users"
        " (mode 400, owner 999: mongo.keyfile looks after that), then: docker compose up -d {service}"),
        "Look again after that: the set has to be initiated once, and that is a fix of one key.",
        "The data stay; a standalone's data folder becomes that of a set with one member.",
    ),
    "no-primary": (
        "Without a majority no member is elected: start the members that are down, or look into mongod's log.",
    ),
    "app-unescaped": (
        "Write the {character} of user or password in {variable} of {app} as {escaped}, then recreate it.",
    ),
    "app-host": (
        "Let {variable} of {app} name {host}, then recreate it: docker compose up -d {service_of_app}",
    ),
    "app-set": (
        "Take replicaSet={wanted} out of {variable} of {app}, or write replicaSet={there}, then recreate it.",
    ),
    "app-auth-source": (
        "Append authSource=admin to {variable} of {app} (behind ? or &), then recreate it: the user lives in admin.",
    ),
    "app-login": (
        ("User or password in {variable} of {app} are not those of the data folder. MONGO_INITDB_ROOT_* count only on"
        " an empty one: put the old password back into {variable}, or change it inside mongod."),
        "No login is tried again for a minute.",
    ),
}  # fmt: skip


def make_plan(node: Node, verdict: Verdict, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan:
    """The plan of a finding; without steps where it is for people."""
    form = verdict.form
    if form in ("never-initiated", "login", "removed", "container-id", "member-host"):
        return _command(node, verdict, result, snapshot, answers)
    if form == "set-name":
        return _set_name(node, verdict, result)
    if form == "standalone":
        return _standalone(node, verdict, result, snapshot, answers)
    if form == "no-primary":
        return _members_down(node, result, snapshot) or compose.manual(result, *_by_hand(node, verdict))
    repaired = uri_plan(node, verdict, result, snapshot)
    if repaired is not None:
        return repaired
    if form == "app-gave-up" and verdict.app is not None:
        app = verdict.app.container
        restart = RestartContainer(container=app.id, name=app.name)
        return _plan(node, result, (restart,), restarts=(app.name,), says=(f"{app.name} connects anew at its start.",))
    return compose.manual(result, *_by_hand(node, verdict))


def _plan(
    node: Node,
    result: Result,
    steps: tuple[AnyStep, ...],
    *,
    says: tuple[str, ...],
    restarts: tuple[str, ...] = (),
    questions: tuple[Question, ...] = (),
    safety: Safety = "disruptive",
) -> Plan:
    return Plan(
        check=ID, subject=node.subject, title=result.title, steps=steps, questions=questions, safety=safety,
        restarts=restarts, says=says, lock=node.place.directory,
        uncovers=behind(node, result.form or "", result.about), settle=SETTLE if restarts else SETTLE_STILL,
    )  # fmt: skip


# ---- initiate and reconfig -------------------------------------------------------------------------------------------


def _command(node: Node, verdict: Verdict, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan:
    container = node.container
    if container is None:
        return compose.manual(result, "There is nothing to repair any more.")
    host = _with_port(answers.get("host") or suggested(node) or "", port_of(container))
    set_name = answers.get("set") or node.mongod.replica_set
    why = _refusal(node, verdict, host)
    if why:
        return compose.manual(result, why)
    step = MongoCommand(
        container=container.id, name=container.name, set_name=set_name or "rs0", host=host,
        verb=VERBS.get(verdict.form or "", "reconfig"),
        member=_member_id(node), owners=(container.id, *(app.container.id for app in node.apps)),
        user=answers.get("user"), password=answers.get("password"),
    )  # fmt: skip
    app = _to_restart(node, snapshot) if verdict.form in ("never-initiated", "login", "removed") else None
    restart = (RestartContainer(container=app.id, name=app.name),) if app else ()
    return _plan(
        node, result, (step, *restart), restarts=(app.name,) if app else (), questions=tuple(_questions(node, verdict)),
        says=tuple(_says(verdict, app)),
    )  # fmt: skip


def suggested(node: Node) -> str | None:
    """The host that the app's string names where it means this mongod, else the service's name."""
    container = node.container
    if container is None:
        return None
    names = names_of(container)
    for app in node.apps:
        for host, port in app.uri.hosts:
            if host in names and leads_to(app, container):
                return f"{host}:{port}"
    return f"{names[0]}:{port_of(container)}" if names else None


def _with_port(host: str, port: int) -> str:
    return host if re.search(r"(?<=[^:\]]):\d+$|\]:\d+$", host) or not host else f"{host}:{port}"


def _refusal(node: Node, verdict: Verdict, host: str) -> str | None:
    container, members = node.container, node.state.members if node.state else ()
    if not host and container is not None:
        return (
            f"{container.name} is on Docker's default network, where no name leads to it: put it and its app into one"
            " compose project, or name a host that leads to it: --set host=NAME:PORT"
        )
    if not _HOST.fullmatch(host):
        return "The host has to be written as NAME:PORT."
    if verdict.form == "removed" and not members:
        return "The stored configuration cannot be read with the logins of the stack: --set user=... --set password=..."
    if verdict.form in ("removed", "container-id", "member-host") and len(members) > 1 and _member_id(node) is None:
        return "The set has several members, and which of them is this one cannot be told: use rs.reconfig by hand."
    return None


def _member_id(node: Node) -> int | None:
    """``_id`` of this node's member in a set of several; None where it is the only one."""
    members = node.state.members if node.state else ()
    if len(members) <= 1:
        return None
    own = own_host(node)
    return next((member.id for member in members if member.itself or member.host == own), None)


def _questions(node: Node, verdict: Verdict) -> Iterator[Question]:
    yield Question("host", "Name and port by which the app and mongod itself reach it", default=suggested(node))
    if node.mongod.replica_set is None and verdict.form in ("never-initiated", "login"):
        yield Question("set", "Name of the replica set, as in --replSet", default="rs0")
    if verdict.form == "login":
        yield Question("user", "User of this MongoDB with the role root")
        yield Question("password", "Password of that user", secret=True)


def _to_restart(node: Node, snapshot: Snapshot) -> Container | None:
    """The app that would not notice by itself. fact: FastGPT up to v4.8.6 does not try again."""
    return next((app.container for app in node.apps if waits_in_vain(node, app, snapshot)), None)


def _says(verdict: Verdict, app: Container | None) -> Iterator[str]:
    if verdict.form in ("never-initiated", "login"):
        yield "Initiating a replica set cannot be taken back. The data folder keeps its data and gets the set's name."
    if verdict.form in ("removed", "login"):
        yield (
            "A forced change of the configuration: every _id stays, the version is raised. It cannot be taken back,"
            " because mongod refuses a configuration that does not name it."
        )
    if verdict.form in ("container-id", "member-host"):
        yield "Every _id stays, the version is raised, the data are not touched. Undo puts the old host back."
    yield "The set is read again at that moment, and nothing is sent unless it still stands like this."
    if app is not None:
        yield f"{app.name} is restarted after it: its release does not try the database again by itself."


# ---- the name of the set ---------------------------------------------------------------------------------------------


def _set_name(node: Node, verdict: Verdict, result: Result) -> Plan:
    """The stored name cannot be changed (fact: 103), so the command gets the old one back."""
    words = _renamed(node, verdict.stored or "")
    target, up = compose.override_for(node.place), None
    if words and target is not None:
        up = compose.bring_up(node.place, extra=(target.path,))
    if not (words and target and up and node.place.service):
        name = verdict.stored or "its old name"
        return compose.manual(
            result, f"Write --replSet {name} into mongod's command again and recreate it: the stored name cannot be"
            " changed, and nothing is lost by going back to it.",
        )  # fmt: skip
    edit = EditFile(target.path, (SetServiceKeys(node.place.service, command=words),), create=True)
    return _plan(
        node, result, (edit, up), restarts=(node.subject,),
        says=(f"{node.subject} is recreated with the name that its data folder knows.",),
    )  # fmt: skip


def _renamed(node: Node, name: str) -> tuple[str, ...]:
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


# ---- from a standalone to a set, and members that are down -----------------------------------------------------------


def _standalone(node: Node, verdict: Verdict, result: Result, snapshot: Snapshot, answers: Mapping[str, str]) -> Plan:
    made = standalone_plan(node, result, suggested(node), snapshot, answers)
    return made if isinstance(made, Plan) else compose.manual(result, made, *_by_hand(node, verdict))


def _members_down(node: Node, result: Result, snapshot: Snapshot) -> Plan | None:
    """Members that are containers of this machine and do not run are started; None where there are none."""
    own = node.container
    hosts = {member.host for member in (node.state.members if node.state else ())} | set(_hosts_told(node))
    down = [
        container
        for container in snapshot.containers
        if own is not None and container.id != own.id and container.state in ("exited", "created", "dead")
        and any(f"{name}:{port_of(container)}" in hosts for name in names_of(container))
        and {link.network for link in container.networks} & {link.network for link in own.networks}
    ]  # fmt: skip
    if not down:
        return None
    names = tuple(container.name for container in down)
    return _plan(
        node, result, tuple(RestartContainer(container=one.id, name=one.name) for one in down), restarts=names,
        says=(f"Started: {', '.join(names)}, of which the set has members. Why they were stopped is not known here.",),
    )  # fmt: skip


def _hosts_told(node: Node) -> tuple[str, ...]:
    return node.state.hosts if node.state else ()


# ---- by hand ---------------------------------------------------------------------------------------------------------


def _by_hand(node: Node, verdict: Verdict) -> tuple[str, ...]:
    app, state = verdict.app, node.state
    character = (app.uri.unescaped if app else None) or ""
    words = {
        "service": node.place.service or node.subject,
        "character": character,
        "escaped": f"%{ord(character):02X}" if character else "",
        "variable": app.variable if app else "",
        "app": app.container.name if app else "",
        "service_of_app": (app.container.service or app.container.name) if app else "",
        "host": suggested(node) or node.subject,
        "wanted": (app.uri.replica_set if app else None) or "",
        "there": (state.set_name if state else None) or "",
    }
    texts = BY_HAND.get(verdict.form or "", ("Look into mongod's log.",))
    return tuple(_filled(text, words) for text in texts)


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Foreign names may hold braces, so nothing is interpreted twice."""
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), text)
