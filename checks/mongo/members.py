"""Which mongods are meant as one replica set, what is to be said of them together, and what a set is sent. Pure.

One set are those of one ``--replSet`` name in one project, those that one connection string names together, and those
that no project holds and one network joins. Where that leaves it open who is meant, it is said to be open. A driver
that is told one member finds the others; what it is told beside them is meant as a member as well (MongoDB manual,
connection strings). Docker's default network resolves no names.

mongod itself wants every member to answer, without a configuration and, but for the one that is asked, without data,
else it refuses with 74, 103 or 110 (check_quorum_for_config_change.cpp). What is initiated alone is a set of its own
for ever (another replicaSetId), and mongod joins no two sets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...console.fix.acts.mongo import Verb
from ...console.fix.steps import MongoCommand, RestartContainer, SetMember
from ...console.model import Container
from ...console.products.mongo import DEFAULT_BRIDGE, Client, leads_to, names_for, names_of, port_of, reached, strings
from ...console.text import N_, _
from ..api import GONE, Answers, Plan, Question, Snapshot, manual, repair
from .node import MongoNode, SetVerdict, nodes
from .set_state import NOT_INITIATED, REFUSED, UNAUTHORIZED, judge_alone

_HOST = re.compile(r"[A-Za-z0-9_.-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:]+\](?::\d{1,5})?")
VERBS: dict[str, Verb] = {"never-initiated": "initiate", "login": "either"}
FOR_EVER = N_("Initiating a replica set cannot be taken back. The data folder keeps its data and gets the set's name.")


@dataclass(frozen=True)
class Group:
    """Mongods that are meant as one set, as far as can be told; often one alone."""

    nodes: tuple[MongoNode, ...]
    """By name."""
    strings: tuple[Client, ...] = ()
    """Connection strings that mean any of them, whoever has them."""

    @property
    def name(self) -> str:
        """Its members, for people."""
        return listed([node.subject for node in self.nodes])

    @property
    def choices(self) -> tuple[tuple[MongoNode, ...], ...]:
        """Who may be meant: all, and whom each string names apart from the others; one choice where it is clear."""
        every = (tuple(node for node in self.nodes if node.meant_by(string)) for string in self.strings)
        named = [nodes for nodes in every if nodes]
        if not named or self.nodes in named:
            return (self.nodes,)
        told = {tuple(node.subject for node in nodes): nodes for nodes in named}
        return (self.nodes, *(told[names] for names in sorted(told)))

    @property
    def strangers(self) -> tuple[str, ...]:
        """Hosts named beside its members, or in place of one of several, that are no mongod of it."""
        apps = [app for node in self.nodes for app in node.apps]
        found: list[str] = []
        for string in (*self.strings, *apps):
            if string.uri.srv or len(string.uri.hosts) + len(self.nodes) == 2:
                continue  # one name for one mongod: another check of the app's own string says if it is wrong
            known = {at for node in self.nodes if node.container for at in reached(string, node.container)}
            told = f" ({string.variable} of {string.container.name})"
            found += [f"{host}:{port}{told}" for host, port in string.uri.hosts if (host, port) not in known]
        return tuple(dict.fromkeys(found))

    def with_only(self, nodes: tuple[MongoNode, ...]) -> Group:
        """The same with these members."""
        return Group(nodes, tuple(one for one in self.strings if any(node.meant_by(one) for node in nodes)))

    def ordered(self) -> tuple[MongoNode, ...]:
        """As the first string that names them all has them; by name where none does."""
        for string in self.strings:
            at = {n.subject: _place(string, n.container) for n in self.nodes if n.container}
            if all(at.get(node.subject) is not None for node in self.nodes):
                return tuple(sorted(self.nodes, key=lambda node: at[node.subject] or 0))
        return self.nodes

    def address(self, node: MongoNode) -> str | None:
        """``name:port`` by which this member is reached from every other and by whoever uses it; None without one.

        Its own port, never the published one, which leads nowhere from another container.
        """
        mongo = node.container
        if mongo is None:
            return None
        others = [one.container for one in self.nodes if one.container and one is not node]
        users = [string for string in self.strings if leads_to(string, mongo)]
        asking = [*others, *(user.container for user in users)]
        taken = {name for other in others for name in names_of(other)}
        names = [n for n in names_of(mongo) if n not in taken and all(n in names_for(one, mongo) for one in asking)]
        told = [host for user in users for host, _ in reached(user, mongo) if host in names]
        best = next(iter((*told, *names)), None)
        return f"{best}:{port_of(mongo)}" if best else None


def groups(snapshot: Snapshot) -> Iterator[Group]:
    """All mongods, those together that are meant as one set; a mongos is none of them and stands alone."""
    told, left = strings(snapshot.containers), list(nodes(snapshot))
    while left:
        found = [left.pop(0)]
        for one in found:  # grows while it is walked: who belongs to a member belongs to all
            joined = [other for other in left if _together(one, other, told)]
            found += joined
            left = [other for other in left if other not in joined]
        members = tuple(sorted(found, key=lambda node: node.subject))
        yield Group(members, told).with_only(members)


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return (
        _("{names} and {names2}", names=", ".join(names[:-1]), names2=names[-1]) if len(names) > 1 else "".join(names)
    )


def _together(one: MongoNode, other: MongoNode, told: Sequence[Client]) -> bool:
    """The same name of the set and the same duty; a name that stands in no command may be any, so a ghost's."""
    kinds = {(node.mongod.replica_set, node.mongod.duty) for node in (one, other)}
    nameless = one.mongod.replica_set is None and not (one.said.ghost and other.said.ghost)
    asleep = (node.container is None and node.place.declared and node.place.declared.profiles for node in (one, other))
    if one.router or other.router or len(kinds) > 1 or nameless or any(asleep):
        return False
    if any(one.meant_by(string) and other.meant_by(string) for string in told):
        return True
    here, there = one.container, other.container
    if one.place.project_name is not None or other.place.project_name is not None:
        mine, yours = one.place, other.place
        return (mine.project_name, mine.directory) == (yours.project_name, yours.directory)
    return here is not None and there is not None and bool(_networks(here) & _networks(there))


def _networks(container: Container) -> set[str]:
    return {link.network for link in container.networks if link.network not in (*DEFAULT_BRIDGE, "host", "none")}


def _place(string: Client, mongo: Container) -> int | None:
    found = reached(string, mongo)
    return string.uri.hosts.index(found[0]) if found else None


# ---- judged together -------------------------------------------------------------------------------------------------


def judge_group(group: Group) -> SetVerdict | None:
    """What is to be said of a set as a whole; None where each of its mongods is judged by itself.

    Initiating cannot be taken back, and one that was initiated alone is a set of its own for ever. So as long as one
    waits for its first configuration they are judged together: all of them ready for it, or nothing is offered.
    """
    if len(group.nodes) == 1:
        return None
    waiting = [node for node in group.nodes if _awaits(node)]
    if not waiting:
        return _apart(group)
    for node in group.nodes:
        own = judge_alone(node) if node.running else None
        if own is not None and own.wait is not None:
            return SetVerdict(wait=f"{node.subject}: {own.wait}")
    inside = [node for node in group.nodes if node.running and node.said.set_name]
    if inside:
        return _partly(group, inside, waiting)
    if NOT_INITIATED not in [node.said.status_code for node in waiting]:
        return SetVerdict("login", refused=_("What {group} hold is told only to who logs in.", group=group.name))
    return SetVerdict("never-initiated", refused=obstacle(group))


def _awaits(node: MongoNode) -> bool:
    """A ghost that says that it was never initiated, or tells nobody whether it was."""
    code = node.said.status_code if node.running and node.said.ghost else None
    return code in (NOT_INITIATED, UNAUTHORIZED, REFUSED)


def _partly(group: Group, inside: list[MongoNode], waiting: list[MongoNode]) -> SetVerdict:
    """Some of them are a set already: a second initiate would only make a second one."""
    told = {host for node in inside for host in node.member_names}
    late = [node for node in waiting if group.address(node) in told]
    if late:
        return SetVerdict(
            wait=_("{inside} has {late} as a member, and its configuration has not arrived there: look again; if it "
                   "stays so, see that the name leads there from it", inside=listed([n.subject for n in inside]),
                   late=listed([n.subject for n in late])),
        )  # fmt: skip
    without = listed([node.subject for node in waiting])
    return SetVerdict("partly", stored=listed([node.subject for node in inside]), without=without)


def _apart(group: Group) -> SetVerdict | None:
    """Each is a set of its own, and somebody's string names them as one."""
    for string in group.strings:
        named = [node for node in group.nodes if node.state and node.meant_by(string)]
        told = [set(node.said.hosts) for node in named if node.said.set_name and node.said.hosts]
        if len(told) == len(named) > 1 and any(one.isdisjoint(other) for one in told for other in told):
            return SetVerdict("apart", app=string)
    return None


def obstacle(group: Group) -> str | None:
    """Why these are not initiated by a key; None where nothing speaks against it."""
    several = len(group.nodes) > 1
    for node in group.nodes:
        if not node.running:
            what = _("is {state}", state=node.place.state) if node.container else _("has never been started")
            return _("{node} {what}: start it first, or take it out of the project if it is no member.",
                     node=node.subject, what=what)  # fmt: skip
        if several and node.state is not None and not node.state.ghost:
            return _("{node} does not run as a member of a set.", node=node.subject)
        if several and not _awaits(node):
            return _("{node} has the configuration of a set already, in which it is not: that comes first.",
                     node=node.subject)  # fmt: skip
        if several and group.address(node) is None:
            return _("No one name leads to {node} from the other members and from its apps: put them all into one "
                     "network of your own.", node=node.subject)  # fmt: skip
    if group.strangers:
        return _("{strangers} is no mongod that is seen here: it is not known who else is a member.",
                 strangers=listed(group.strangers))  # fmt: skip
    full = [node.subject for node in group.nodes if node.has_data]
    if len(full) > 1:
        return _("{full} hold data already, at least users, and mongod makes no set of members of which more than "
                 "one does: MONGO_INITDB_ROOT_* belong to one alone, the others start on an empty folder.",
                 full=listed(full))  # fmt: skip
    if several and group.nodes[0].mongod.replica_set is None:
        return _("The name of the set is in no command; mongod reads it from a configuration file.")
    return None


# ---- the commands ----------------------------------------------------------------------------------------------------


def command_plan(whole: Group, verdict: SetVerdict, answers: Answers) -> Plan:
    """The set initiated, or its configuration changed; without steps where something speaks against it."""
    if verdict.form not in VERBS:
        return _one(whole.nodes[0], verdict, answers)
    choices = {listed([one.subject for one in nodes]): nodes for nodes in whole.choices}
    asked = answers.get("members", next(iter(choices)))
    if asked not in choices:
        return manual(_("Who is a member has to be one of: {choices}.", choices="; ".join(choices)))
    group = whole.with_only(choices[asked])
    why = (verdict.refused if group.nodes == whole.nodes else None) or obstacle(group)
    if why:
        return manual(why, *_typed(group))
    if len(whole.nodes) == 1:
        return _one(whole.nodes[0], verdict, answers)
    told = [one for one in group.ordered() if one.said.status_code == NOT_INITIATED]
    first = next((one for one in told if one.has_data), told[0] if told else None)  # the others may have no data (110)
    if first is None or first.container is None:
        return manual(_("What {asked} hold is told only to who logs in.", asked=asked), *_typed(group))
    prompt = _("The mongods that are one set: the connection strings do not name them all together")
    question = Question("members", prompt, choices=tuple(choices))
    return _sent(
        _initiate(group, first, first.container), [app for one in group.ordered() for app in one.waiting],
        says=_of_all(group), questions=(question,) if len(choices) > 1 else (),
    )  # fmt: skip


def _sent(
    command: MongoCommand, waiting: Sequence[Client], says: Iterator[str], questions: tuple[Question, ...]
) -> Plan:
    """The command, and the app started again that would not notice by itself."""
    apps = [app.container for app in waiting[:1]]
    restarted = [
        _("{app} is restarted after it: its release does not try the database again by itself.", app=app.name)
        for app in apps
    ]
    return repair(
        command, *(RestartContainer(container=app.id, name=app.name) for app in apps), safety="disruptive",
        says=(*says, *restarted), restarts=[app.name for app in apps], questions=questions,
    )  # fmt: skip


def _initiate(group: Group, first: MongoNode, container: Container) -> MongoCommand:
    members = (
        SetMember(one.container.id, one.container.name, group.address(one) or "")
        for one in group.ordered()
        if one.container is not None
    )
    owners = dict.fromkeys(app.container.id for one in group.nodes for app in one.apps)
    return MongoCommand(
        container=container.id, name=first.subject, verb="initiate", set_name=first.mongod.replica_set or "",
        host=group.address(first) or "", members=tuple(members) if len(group.nodes) > 1 else (),
        config_server=first.mongod.duty == "configsvr", owners=(container.id, *owners),
    )  # fmt: skip


def _of_all(group: Group) -> Iterator[str]:
    silent = [one.subject for one in group.nodes if one.said.status_code != NOT_INITIATED]
    if silent:
        yield (
            _("What {silent} hold is told only to who logs in there. mongod asks them itself, and refuses where one "
              "of them has a set or data.", silent=listed(silent))
        )  # fmt: skip
    yield FOR_EVER
    yield _("Every member is asked again right before it, and nothing is sent unless all of them still wait.")


def _typed(group: Group) -> Iterator[str]:
    """What is typed once the reason is gone: the whole configuration, in one place."""
    hosts = [group.address(one) for one in group.ordered()]
    name, duty = group.nodes[0].mongod.replica_set, group.nodes[0].mongod.duty
    if name is None or len(hosts) == 1 or None in hosts:
        return
    config = {
        "_id": name, **({"configsvr": True} if duty == "configsvr" else {}),
        "members": [{"_id": number, "host": host} for number, host in enumerate(hosts)],
    }  # fmt: skip
    yield _("Then initiate it once, on one member alone, with all of them: rs.initiate({dumps})",
            dumps=json.dumps(config))  # fmt: skip


def _one(node: MongoNode, verdict: SetVerdict, answers: Answers) -> Plan:
    """Of a mongod alone, or of one member."""
    container, form = node.container, verdict.form or ""
    if container is None:
        return manual(GONE)
    host = _with_port(answers.get("host") or node.suggested or "", port_of(container))
    why = _refusal(node, form, host)
    if why:
        return manual(why)
    step = MongoCommand(
        container=container.id, name=container.name, host=host, verb=VERBS.get(form, "reconfig"),
        set_name=answers.get("set") or node.mongod.replica_set or "rs0",
        member=_member_id(node), config_server=node.mongod.duty == "configsvr",
        owners=(container.id, *(app.container.id for app in node.apps)),
        user=answers.get("user"), password=answers.get("password"),
    )  # fmt: skip
    return _sent(
        step,
        node.waiting if form in (*VERBS, "removed") else (),
        says=_of_one(form),
        questions=tuple(_questions(node, form)),
    )


def _with_port(host: str, port: int) -> str:
    return host if re.search(r"(?<=[^:\]]):\d+$|\]:\d+$", host) or not host else f"{host}:{port}"


def _refusal(node: MongoNode, form: str, host: str) -> str | None:
    container, members = node.container, node.said.members
    if not host and container is not None:
        return _("{container} is on Docker's default network, where no name leads to it: put it and its app into "
                 "one compose project, or name a host that leads to it: --set host=NAME:PORT",
                 container=container.name)  # fmt: skip
    if not _HOST.fullmatch(host):
        return _("The host has to be written as NAME:PORT.")
    if form == "removed" and not members:
        return _("The stored configuration cannot be read with the logins of the stack: --set user=... --set "
                 "password=...")  # fmt: skip
    if form in ("removed", "container-id", "member-host") and len(members) > 1 and _member_id(node) is None:
        return _("The set has several members, and which of them is this one cannot be told: use rs.reconfig by hand.")
    return None


def _member_id(node: MongoNode) -> int | None:
    """``_id`` of this node's member in a set of several; None where it is the only one."""
    members, own = node.said.members, node.own_host
    found = (member.id for member in members if member.itself or member.host == own)
    return next(found, None) if len(members) > 1 else None


def _questions(node: MongoNode, form: str) -> Iterator[Question]:
    yield Question("host", _("Name and port by which the app and mongod itself reach it"), default=node.suggested)
    if node.mongod.replica_set is None and form in ("never-initiated", "login"):
        yield Question("set", _("Name of the replica set, as in --replSet"), default="rs0")
    if form == "login":
        yield Question("user", _("User of this MongoDB with the role root"))
        yield Question("password", _("Password of that user"), secret=True)


def _of_one(form: str) -> Iterator[str]:
    if form in ("never-initiated", "login"):
        yield FOR_EVER
    if form in ("removed", "login"):
        yield (
            _("A forced change of the configuration: every _id stays, the version is raised. It cannot be taken "
              "back, because mongod refuses a configuration that does not name it.")
        )  # fmt: skip
    if form in ("container-id", "member-host"):
        yield _("Every _id stays, the version is raised, the data are not touched. Undo puts the old host back.")
    yield _("The set is read again at that moment, and nothing is sent unless it still stands like this.")
