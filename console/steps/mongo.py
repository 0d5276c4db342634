"""The step that gives a mongod a replica set that works: initiate it, or put the right host into its configuration.

Every act reads the set again first and is sent only to a mongod that stands as the preview showed it. Logins are read
from the stack at that moment, or were typed; neither is in a step that is written down.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec.structs import replace

from ..failpoints import reach
from ..hosts import MongoLogin
from .base import Prepared, State, Step, StepFailed, StepMoved, Workbench
from .mongo_talk import View, answer, look, order

Verb = Literal["initiate", "reconfig", "either", "restore"]
PRIMARY_WITHIN = 30.0
"""Seconds. fact: initiate answers before the election ends (mongo-docker-db 1.2, performance-and-safety 5.6)"""
ALREADY = 23
_TYPED: dict[str, MongoLogin] = {}
"""Logins that were typed, by ticket: for this process only. A fix that is resumed in another one asks again."""


class MongoCommand(Step, frozen=True):
    """``replSetInitiate`` with one member, or ``replSetReconfig`` of one member's host."""

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
    def target(self) -> str:
        """The container's name."""
        return self.name

    def describe(self) -> str:
        """One sentence: what it does."""
        if self.verb == "restore":
            return f"Put the old configuration of the replica set {self.set_name} back"
        if self.verb == "either":
            return f"Initiate the replica set {self.set_name} with {self.host}, or make {self.host} its member's host"
        if self.verb == "initiate":
            return f"Initiate the replica set {self.set_name} with this mongod as {self.host}, and wait for the primary"
        forced = "Force" if self.force else "Make"
        return f"{forced} {self.host} the host of this member of the replica set {self.set_name}"

    def prepare(self, bench: Workbench) -> Prepared:
        """Read the set and fix what is sent. Raises StepFailed where it cannot be done, StepMoved when it moved."""
        if self.verb == "restore":
            return Prepared(self, None, f"> db.adminCommand({{replSetReconfig: {self.config}, force: true}})",
                            changes=self.state(bench) != "after")  # fmt: skip
        step = self._with_ticket()
        view = look(bench.host, step.container, step.owners, _TYPED.get(step.ticket or ""))
        if view.code == 0 and view.primary and (step.verb == "initiate" or step._is_there(view)):
            return Prepared(step, None, "", changes=False)
        if step.verb == "either":
            step = replace(step, verb="initiate" if view.code == 94 else "reconfig")
        return step._initiate(view) if step.verb == "initiate" else step._reconfig(view)

    def _with_ticket(self) -> MongoCommand:
        """The typed login goes into memory, out of what is written down."""
        if not (self.user and self.password):
            return replace(self, user=None, password=None)
        from ..redaction import SECRETS

        SECRETS.learn("MONGO_PASSWORD", self.password)
        ticket = secrets.token_hex(8)
        _TYPED[ticket] = MongoLogin(self.user, self.password)
        return replace(self, user=None, password=None, ticket=ticket)

    def _is_there(self, view: View) -> bool:
        found = _member(view.config, self.member)
        return found is not None and found.get("host") == self.host

    def _initiate(self, view: View) -> Prepared:
        """Only when replSetGetStatus says 94 (fact: performance-and-safety 5.4)."""
        if view.code != 94:
            raise StepMoved(f"The set of {self.name} is not waiting to be initiated: {view.says}", "look again")
        config = {"_id": self.set_name, "members": [{"_id": 0, "host": self.host}]}
        exact = replace(self, config=json.dumps(config))
        return Prepared(exact, None, f"> db.adminCommand({{replSetInitiate: {json.dumps(config)}}})")

    def _reconfig(self, view: View) -> Prepared:
        old = view.config
        member = _member(old, self.member)
        if old is None or member is None:
            raise StepMoved(f"The configuration of the set of {self.name} cannot be read: {view.says}", "look again")
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
        forced = ", force: true" if exact.force else ""
        shown = [
            f"- members[{member.get('_id')}].host: {member.get('host')}",
            f"+ members[{member.get('_id')}].host: {self.host}",
            f"  version: {old['version']} → {new['version']}, every _id stays",
            f"> db.adminCommand({{replSetReconfig: ...{forced}}})",
        ]
        return Prepared(exact, inverse, "\n".join(shown))

    def state(self, bench: Workbench) -> State:
        """Asks mongod: where its set stands for this very command."""
        view = look(bench.host, self.container, self.owners, _TYPED.get(self.ticket or ""))
        if self.verb == "initiate":
            return "before" if view.code == 94 else "after" if view.code == 0 else "moved"
        hosts = _hosts(view.config)
        if hosts == _hosts(json.loads(self.was or "{}")):
            return "before"
        return "after" if hosts == _hosts(json.loads(self.config or "{}")) else "moved"

    def act(self, bench: Workbench) -> None:
        """Send it and wait for a writable primary. fact: 23 means that somebody was faster, which is as good."""
        reach("before_restart")
        code = order(bench.host, self._command(bench), self.container, self.owners, _TYPED.get(self.ticket or ""))
        if code not in (0, ALREADY):
            raise StepFailed(answer(code, self.host), "the log of mongod says more")
        if self.verb != "restore":
            await_primary(bench, self.container, self.name)

    def _command(self, bench: Workbench) -> Mapping[str, object]:
        config = json.loads(self.config or "{}")
        if self.verb == "initiate":
            return {"replSetInitiate": config}
        if self.verb == "restore":
            now = look(bench.host, self.container, self.owners, _TYPED.get(self.ticket or "")).config or config
            config["version"] = int(now["version"]) + 1
        return {"replSetReconfig": config, "force": self.force}


def await_primary(bench: Workbench, container: str, name: str) -> None:
    """Until hello says that it may be written to. Raises StepFailed when it does not in time."""
    clock = bench.host.clock
    end = clock.monotonic() + PRIMARY_WITHIN
    while not look(bench.host, container, (), None, status=False).primary:
        if clock.monotonic() >= end:
            raise StepFailed(f"{name} did not become primary within {PRIMARY_WITHIN:g} s")
        clock.sleep(0.5)


def _member(config: Mapping[str, Any] | None, ident: int | None) -> dict[str, Any] | None:
    """One member of a configuration: the one with this ``_id``, or the only one."""
    members = (config or {}).get("members")
    rows = [row for row in members if isinstance(row, dict)] if isinstance(members, list) else []
    if ident is None:
        return rows[0] if len(rows) == 1 else None
    return next((row for row in rows if row.get("_id") == ident), None)


def _require(member: dict[str, Any] | None) -> dict[str, Any]:
    if member is None:
        raise StepMoved("The member is no longer in the configuration", "look again")
    return member


def _hosts(config: Mapping[str, Any] | None) -> list[tuple[object, object]]:
    members = (config or {}).get("members")
    return [(row.get("_id"), row.get("host")) for row in members] if isinstance(members, list) else []


__all__ = ["ALREADY", "MongoCommand", "await_primary"]
