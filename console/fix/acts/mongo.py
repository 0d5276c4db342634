"""Steps that give a mongod a replica set that works: initiate it, or put the right host into its configuration.

Every act reads the set again first and is sent only to a mongod that stands as the preview showed it. Logins are read
from the stack at that moment, or were typed; neither is in a step that is written down.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

from ...hosts import EngineUnreachable, HostError, MongoLogin
from ...hosts.acting import reach
from ...text import _
from .base import PreparedStep, State, Step, StepContext, StepFailed, StepMoved
from .mongo_talk import NO_REPLICATION, NOT_INITIATED, UNAUTHORIZED, MongodDialogue, View
from .standing import of_service

Verb = Literal["initiate", "reconfig", "either", "restore"]
START_WITHIN = 75.0
"""Seconds for a mongod to come up; the first start makes a user before it. fact: the image's docker-entrypoint.sh"""
_TYPED: dict[str, MongoLogin] = {}
"""Logins that were typed, by ticket: in this process only, until no step needs them. A fix that is resumed in another
process asks again."""


class SetMember(Struct, frozen=True):
    """One member of the set that is initiated."""

    container: str
    """Id."""
    name: str
    host: str
    """``name:port`` by which the app and every other member reach it."""


class MongoCommand(Step, frozen=True):
    """``replSetInitiate`` with all its members, or ``replSetReconfig`` of one member's host."""

    shared: ClassVar[bool] = True
    deadline: ClassVar[float] = 120.0

    container: str
    """Id."""
    name: str
    verb: Verb
    """``either``: whatever the set turns out to need. ``restore``: only as an inverse."""
    set_name: str
    host: str
    """``name:port`` by which the app and the node itself reach it."""
    member: int | None = None
    """``_id`` of the member whose host changes; None where there is only one."""
    members: tuple[SetMember, ...] = ()
    """All that a new set has, the asked one included; empty: that one alone."""
    config_server: bool = False
    """It is started with --configsvr, and its configuration has to say so."""
    force: bool = False
    """Set when it is prepared: there is no primary to ask."""
    owners: tuple[str, ...] = ()
    """Containers whose environment may hold a login."""
    user: str | None = None
    password: str | None = None
    """Typed login; only in an intention."""
    ticket: str | None = None
    """In an exact step: where the typed login is kept, in memory."""
    config: str | None = None
    """In an exact step: what is sent, as JSON."""
    was: str | None = None
    """In an exact reconfig: the configuration it follows, as JSON."""

    def __repr__(self) -> str:
        return f"MongoCommand({self.verb!r}, {self.name!r}, {self.host!r})"

    @property
    def harms_for_good(self) -> bool:
        """A set that was never initiated serves nobody and has lost nothing."""
        return self.verb != "initiate"

    def describe(self) -> str:
        """One sentence: what it does."""
        if self.verb == "restore":
            return _("Put the old configuration of the replica set {set_name} back", set_name=self.set_name)
        if self.verb == "either":
            return _(
                "Initiate the replica set {set_name} with {host}, or make {host} its member's host",
                set_name=self.set_name,
                host=self.host,
            )
        if self.verb == "initiate" and self.members:
            hosts = ", ".join(member.host for member in self.members)
            return _(
                "Initiate the replica set {set_name} once, on {it}, with {hosts}, and wait for a primary",
                set_name=self.set_name,
                it=self.name,
                hosts=hosts,
            )
        if self.verb == "initiate":
            return _(
                "Initiate the replica set {set_name} with this mongod as {host}, and wait for the primary",
                set_name=self.set_name,
                host=self.host,
            )
        forced = "Force" if self.force else "Make"
        return _(
            "{forced} {host} the host of this member of the replica set {set_name}",
            forced=forced,
            host=self.host,
            set_name=self.set_name,
        )

    def prepare(self, bench: StepContext) -> PreparedStep:
        """Read the set and fix what is sent. Raises StepFailed where it cannot be done, StepMoved when it moved."""
        if self.verb == "restore":
            return PreparedStep(self, None, f"> db.adminCommand({{replSetReconfig: {self.config}, force: true}})",
                            changes=self.state(bench) != "after")  # fmt: skip
        step = self._with_ticket()
        view = step._mongod(bench).look()
        works = view.code == 0 and view.primary
        if works and (step._is_whole(view) if step.verb == "initiate" else step._is_there(view)):
            return PreparedStep(step, None, "", changes=False)
        if step.verb == "either":
            step = replace(step, verb="initiate" if view.code == NOT_INITIATED else "reconfig")
        return step._initiate(bench, view) if step.verb == "initiate" else step._reconfig(view)

    def forget(self) -> None:
        """Drop the typed login."""
        _TYPED.pop(self.ticket or "", None)

    def _mongod(self, bench: StepContext) -> MongodDialogue:
        return MongodDialogue(bench.host, self.container, self.name, self.owners, _TYPED.get(self.ticket or ""))

    def _with_ticket(self) -> MongoCommand:
        """The typed login goes into memory, out of what is written down."""
        if not (self.user and self.password):
            return replace(self, user=None, password=None)
        from ...text.redaction import SECRETS

        SECRETS.learn("MONGO_PASSWORD", self.password)
        ticket = secrets.token_hex(8)
        _TYPED[ticket] = MongoLogin(self.user, self.password)
        return replace(self, user=None, password=None, ticket=ticket)

    def _is_there(self, view: View) -> bool:
        found = _member(view.config, self.member)
        return found is not None and found.get("host") == self.host

    def _is_whole(self, view: View) -> bool:
        """Whether the set that is there has all these members, and no others. Of one alone, any set is as good."""
        found = {host for _, host in _hosts(view.config)}
        return not self.members or found == {member.host for member in self.members}

    def _require_waiting(self, bench: StepContext) -> None:
        """Every other member waits for its first configuration too. Raises StepMoved for one that does not.

        One that tells it only to who logs in counts, as long as it has no set to show: mongod asks it itself.
        """
        for member in self.members:
            if member.container == self.container:
                continue
            view = MongodDialogue(bench.host, member.container, member.name, (member.container, *self.owners)).peek()
            if not view.ghost or view.code not in (NOT_INITIATED, *UNAUTHORIZED):
                raise StepMoved(
                    _(
                        "{member} is not waiting to be initiated: {says}; nothing was sent to any member",
                        member=member.name,
                        says=view.says,
                    ),
                    _("look again"),
                )

    def _initiate(self, bench: StepContext, view: View) -> PreparedStep:
        """Only when replSetGetStatus says 94 (fact: NotYetInitialized, mongo error_codes.yml)."""
        if view.code != NOT_INITIATED:
            raise StepMoved(
                _("The set of {it} is not waiting to be initiated: {says}", it=self.name, says=view.says),
                _("look again"),
            )
        self._require_waiting(bench)
        hosts = [member.host for member in self.members] or [self.host]
        config = {
            "_id": self.set_name, **({"configsvr": True} if self.config_server else {}),
            "members": [{"_id": number, "host": host} for number, host in enumerate(hosts)],
        }  # fmt: skip
        exact = replace(self, config=json.dumps(config))
        return PreparedStep(exact, None, f"> db.adminCommand({{replSetInitiate: {json.dumps(config)}}})")

    def _reconfig(self, view: View) -> PreparedStep:
        old = view.config
        member = _member(old, self.member)
        if old is None or member is None:
            raise StepMoved(
                _("The configuration of the set of {it} cannot be read: {says}", it=self.name, says=view.says),
                _("look again"),
            )
        new: dict[str, Any] = copy.deepcopy(dict(old))
        _require(_member(new, self.member))["host"] = self.host
        new["version"] = int(old["version"]) + 1
        exact = replace(
            self, verb="reconfig", set_name=str(old["_id"]), force=not view.primary, config=json.dumps(new),
            was=json.dumps(old),
        )  # fmt: skip
        # fact: mongod refuses a configuration without itself (74), so one that had lost this node cannot come back
        inverse = None
        if view.code == 0:
            inverse = replace(exact, verb="restore", force=True, config=exact.was, was=exact.config)
        forced = _(", force: true") if exact.force else ""
        shown = [
            f"- members[{member.get('_id')}].host: {member.get('host')}",
            f"+ members[{member.get('_id')}].host: {self.host}",
            f"  version: {old['version']} → {new['version']}, every _id stays",
            f"> db.adminCommand({{replSetReconfig: ...{forced}}})",
        ]
        return PreparedStep(exact, inverse, "\n".join(shown))

    def state(self, bench: StepContext) -> State:
        """Asks mongod: where its set stands for this very command."""
        view = self._mongod(bench).look()
        if self.verb == "initiate":  # of the asked one: whether the others still wait, ``act`` asks at the last moment
            if view.code == NOT_INITIATED:
                return "before"
            return "after" if view.code == 0 and self._is_whole(view) else "moved"
        hosts = _hosts(view.config)
        if hosts == _hosts(json.loads(self.was or "{}")):
            return "before"
        return "after" if hosts == _hosts(json.loads(self.config or "{}")) else "moved"

    def act(self, bench: StepContext) -> None:
        """Send it and wait for a writable primary. fact: 23 means that somebody was faster, which is as good."""
        reach("before_restart")
        if self.verb == "initiate":
            self._require_waiting(bench)  # the last moment: a set that was made meanwhile can never be joined
        mongod, hosts = self._mongod(bench), ", ".join(member.host for member in self.members) or self.host
        if not mongod.order(self._command(mongod), hosts) and not self._is_whole(mongod.look()):
            raise StepFailed(
                _("{it} was initiated meanwhile with other members; nothing was changed", it=self.name), _("look again")
            )
        if self.verb != "restore":
            mongod.await_primary()

    def _command(self, mongod: MongodDialogue) -> Mapping[str, object]:
        config = json.loads(self.config or "{}")
        if self.verb == "initiate":
            return {"replSetInitiate": config}
        if self.verb == "restore":
            now = mongod.look().config or config
            config["version"] = int(now["version"]) + 1
        return {"replSetReconfig": config, "force": self.force}


def _member(config: Mapping[str, Any] | None, ident: int | None) -> dict[str, Any] | None:
    """One member of a configuration: the one with this ``_id``, or the only one."""
    members = (config or {}).get("members")
    rows = [row for row in members if isinstance(row, dict)] if isinstance(members, list) else []
    if ident is None:
        return rows[0] if len(rows) == 1 else None
    return next((row for row in rows if row.get("_id") == ident), None)


def _require(member: dict[str, Any] | None) -> dict[str, Any]:
    if member is None:
        raise StepMoved(_("The member is no longer in the configuration"), _("look again"))
    return member


def _hosts(config: Mapping[str, Any] | None) -> list[tuple[object, object]]:
    members = (config or {}).get("members")
    return [(row.get("_id"), row.get("host")) for row in members] if isinstance(members, list) else []


class InitiateSet(Step, frozen=True):
    """``replSetInitiate`` with one member, once another step has started the service with ``--replSet``.

    It finds the container at that moment, since the one that was looked at is gone by then, and sends nothing to a
    mongod that does not say itself that it waits for its first configuration. fact: mongo repl_set_commands.cpp

    Taking it back is leaving it: a mongod without ``--replSet`` opens the same data folder and does not use the set's
    configuration in it, and one with it finds it there again. fact: MongoDB manual, maintenance on members of a set
    """

    named_by: ClassVar[str] = "service"
    is_service_step: ClassVar[bool] = True
    shared: ClassVar[bool] = True
    deadline: ClassVar[float] = 180.0

    project: str
    service: str
    set_name: str
    host: str
    """``name:port`` by which the app and the node itself reach it."""
    owners: tuple[str, ...] = ()
    """Containers besides its own whose environment may hold a login."""
    left: bool = False
    """On an inverse: the configuration stays where it is."""

    def describe(self) -> str:
        """One sentence: what it does."""
        if self.left:
            return _(
                "Leave the configuration of the set {set_name} in the data folder: mongod does not use it "
                "without --replSet",
                set_name=self.set_name,
            )
        return _(
            "Wait until {service} runs with --replSet, initiate the replica set {set_name} with it as {host}, "
            "and wait for the primary",
            service=self.service,
            set_name=self.set_name,
            host=self.host,
        )

    @property
    def config(self) -> dict[str, object]:
        """What is sent."""
        return {"_id": self.set_name, "members": [{"_id": 0, "host": self.host}]}

    def prepare(self, bench: StepContext) -> PreparedStep:  # noqa: ARG002 - what it needs is there only when it is done
        """Nothing is read: the mongod that is meant has not been started yet."""
        shown = "" if self.left else f"> db.adminCommand({{replSetInitiate: {json.dumps(self.config)}}})"
        return PreparedStep(self, replace(self, left=True), shown)

    def state(self, bench: StepContext) -> State:
        """Before, until the mongod of the service has a set. One that does not answer yet is being started."""
        if self.left:
            return "before"
        try:
            return "after" if self._mongod(bench).look().code == 0 else "before"
        except HostError:
            return "before"

    def act(self, bench: StepContext) -> None:
        """Wait for mongod, send it, wait for a writable primary. Raises StepFailed with mongod's reason."""
        if self.left:
            return
        reach("before_restart")
        if self._await_start(bench).code != 0:
            self._mongod(bench).order({"replSetInitiate": self.config}, self.host)
        self._mongod(bench).await_primary()

    def _await_start(self, bench: StepContext) -> View:
        """Until it says that it waits for its first configuration, or has one."""
        clock = bench.host.clock
        end = clock.monotonic() + START_WITHIN
        while True:
            why, view = "", None
            try:
                view = self._mongod(bench).look()
            except HostError as error:
                if isinstance(error, EngineUnreachable) and clock.monotonic() >= end:
                    raise
                why = str(error)
            if view is not None and view.code in (0, NOT_INITIATED):
                return view
            if view is not None and view.code != NO_REPLICATION:
                raise StepFailed(
                    _("{service} cannot be initiated: {says}", service=self.service, says=view.says),
                    _("look again: it may be said why"),
                )
            if clock.monotonic() >= end:
                why = why or _("it runs without")
                raise StepFailed(
                    _(
                        "{service} did not come up with --replSet within {start_within:g} s: {why}",
                        service=self.service,
                        start_within=START_WITHIN,
                        why=why,
                    )
                )
            bench.tell(_("mongod is starting ({what:.0f} s left)", what=max(0.0, end - clock.monotonic())))
            clock.sleep(0.5)

    def _mongod(self, bench: StepContext) -> MongodDialogue:
        """That of the service, as it is now."""
        found = of_service(bench.host, self.project, self.service)
        if len(found) != 1:
            raise StepFailed(
                _("The service {service} has {count} containers", service=self.service, count=len(found) or "no")
            )
        return MongodDialogue(bench.host, found[0].id, self.service, (found[0].id, *self.owners))
