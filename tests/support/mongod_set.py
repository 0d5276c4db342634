"""The replica set of the stand-in: its stored configuration, its states, and mongod's own refusals with their numbers.

fact: mongo-docker-db 1.1 to 1.5, read from replication_coordinator_impl.cpp and repl_set_config_checks.cpp.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bson import Int64, ObjectId

Document = dict[str, Any]
STATES = {0: "STARTUP", 1: "PRIMARY", 2: "SECONDARY", 5: "STARTUP2", 10: "REMOVED"}
MEMBER = {
    "arbiterOnly": False, "buildIndexes": True, "hidden": False, "priority": 1, "tags": {},
    "secondaryDelaySecs": Int64(0), "votes": 1,
}  # fmt: skip


class Refusal(Exception):
    """What mongod answers with ``ok: 0``."""

    def __init__(self, code: int, name: str, text: str, **more: Any) -> None:
        super().__init__(text)
        self.document: Document = {"ok": 0.0, "errmsg": text, "code": code, "codeName": name, **more}


def invalid(text: str) -> Refusal:
    """fact: 93 for every failed validation on initiate."""
    return Refusal(93, "InvalidReplicaSetConfig", text)


@dataclass
class ReplicaSet:
    """One node's view. ``is_me`` is what the container's resolver and a connection would say of a host."""

    name: str | None
    """Of ``--replSet``; None without it."""
    is_me: Callable[[str], bool]
    own_name: str
    """``hostname:port``, which a bare rs.initiate() takes: in a container the start of its id."""
    ask: Callable[[str, Document], Document | None] = lambda _host, _heartbeat: None
    """Sends a heartbeat to another member; None where nobody answers it."""
    has_data: Callable[[], bool] = lambda: False
    """Whether there is any database but ``local``: a user will do."""
    config_server: bool = False
    """Started with --configsvr."""
    leader: str | None = None
    """The primary, where it is another member."""
    beat: Callable[[], None] = lambda: None
    """What is done before it tells its state: heartbeats, where nothing else sends them."""
    config: Document | None = None
    election: float = 0.05
    """Seconds from a good configuration to PRIMARY."""
    others_down: bool = False
    """No majority: the node stays SECONDARY."""
    changed_at: float = field(default_factory=time.monotonic)
    log: Callable[..., None] = lambda *_args, **_attr: None

    def loaded(self) -> None:
        """What mongod logs when it has read (or not found) its configuration at start."""
        self.changed_at = time.monotonic()
        if self.name is None:
            return
        if self.config is None:
            self.log("I", "REPL", 21313, "Did not find local replica set configuration document at startup")
        elif self.config["_id"] != self.name:
            self.log("W", "REPL", 21406, "Local replica set configuration document set name differs from command line "
                     "set name; waiting for reconfig or remote heartbeat", localConfigSetName=self.config["_id"],
                     commandLineSetName=self.name)  # fmt: skip
        elif self.me() is None:
            self.log("W", "REPL", 21405, "Locally stored replica set configuration does not have a valid entry for the "
                     "current node; waiting for reconfig or remote heartbeat")  # fmt: skip

    def me(self) -> Document | None:
        """The member that is this node; None: ghost or REMOVED."""
        if self.config is None or self.config["_id"] != self.name:
            return None
        return next((m for m in self.config["members"] if self.is_me(m["host"])), None)

    @property
    def state(self) -> int:
        """Number of the member state."""
        if self.config is None:
            return 0
        if self.me() is None:
            return 10
        since = time.monotonic() - self.changed_at
        if since < self.election / 2:
            return 5
        return 1 if since >= self.election and not self.others_down else 2

    def hello(self) -> Document:
        """The part of hello that tells the states apart."""
        if self.name is None:
            return {"isWritablePrimary": True}
        self.beat()
        me = self.me()
        if me is None or self.config is None:
            info = "Does not have a valid replica set config"
            return {"isWritablePrimary": False, "secondary": False, "info": info, "isreplicaset": True}
        state = self.state
        shown = {
            "hosts": [m["host"] for m in self.config["members"]], "setName": self.name,
            "setVersion": self.config["version"], "isWritablePrimary": state == 1, "secondary": state == 2,
            "me": me["host"],
        }  # fmt: skip
        if state == 1:
            return shown | {"primary": me["host"], "electionId": ObjectId("7fffffff0000000000000001")}
        return shown | ({"primary": self.leader} if self.leader else {})

    def status(self) -> Document:
        """replSetGetStatus."""
        if self.name is None:
            raise Refusal(76, "NoReplicationEnabled", "not running with --replSet")
        if self.config is None:
            info = "run rs.initiate(...) if not yet done for the set"
            raise Refusal(94, "NotYetInitialized", "no replset config has been received", info=info)
        me = self.me()
        if me is None:
            raise invalid("Our replica set config is invalid or we are not a member of it")
        state = self.state
        members = [
            {"_id": m["_id"], "name": m["host"], "health": 1.0 if m is me else 0.0,
             "state": state if m is me else 8, "stateStr": STATES[state] if m is me else "(not reachable/healthy)",
             "uptime": 5, "configVersion": self.config["version"], "configTerm": self.config["term"],
             **({"self": True} if m is me else {})}
            for m in self.config["members"]
        ]  # fmt: skip
        return {"ok": 1.0, "set": self.name, "myState": state, "term": Int64(1), "members": members,
                "heartbeatIntervalMillis": Int64(2000), "majorityVoteCount": len(members) // 2 + 1}  # fmt: skip

    def stored(self) -> Document:
        """replSetGetConfig."""
        if self.name is None:
            raise Refusal(76, "NoReplicationEnabled", "not running with --replSet")
        if self.config is None:
            raise Refusal(94, "NotYetInitialized", "no replset config has been received")
        return {"ok": 1.0, "config": self.config}

    def initiate(self, asked: Any) -> Document:
        """replSetInitiate."""
        if self.name is None:
            raise Refusal(76, "NoReplicationEnabled", "This node was not started with the replSet option")
        if self.config is not None:
            info = "try querying local.system.replset to see current configuration"
            raise Refusal(23, "AlreadyInitialized", "already initialized", info=info)
        if not isinstance(asked, dict) or not asked:
            asked = {"_id": self.name, "members": [{"_id": 0, "host": self.own_name}]}
        if asked.get("_id") != self.name:
            raise invalid(
                "Rejecting initiate with a set name that differs from command line set name, initiate set name: "
                f"{asked.get('_id')}, command line set name: {self.name}"
            )
        if asked.get("version", 1) != 1:
            raise invalid(f"Bad version: {asked['version']}, must be 1")
        if self.config_server is not bool(asked.get("configsvr")):
            raise invalid("Nodes started with the --configsvr flag must have configsvr:true in their config")
        self._one_is_me(asked, Refusal(93, "InvalidReplicaSetConfig", ""), "{version: 1, term: 0}")
        others = [member["host"] for member in asked["members"] if not self.is_me(member["host"])]
        for host in others:
            self._require_empty(host)
        self._take(asked, 1, ObjectId())
        for host in others:
            self.ask(host, {"replSetHeartbeat": self.name, "config": self.config})
        return {"ok": 1.0}

    def _require_empty(self, host: str) -> None:
        """fact: check_quorum_for_config_change.cpp, what vetoes a first configuration."""
        reply = self.ask(host, {"replSetHeartbeat": self.name})
        if reply is None:
            raise Refusal(
                74, "NodeNotFound", "replSetInitiate quorum check failed because not all proposed set members "
                f"responded affirmatively: {host} failed with HostUnreachable",
            )  # fmt: skip
        incompatible = "NewReplicaSetConfigurationIncompatible"
        if reply["set"] != self.name:
            raise Refusal(103, incompatible, f"Our set name did not match that of {host}")
        if reply["v"] >= 1:
            raise Refusal(103, incompatible, f"Our config version of 1 is no larger than the version on {host}, which "
                          f"is {reply['v']}")  # fmt: skip
        if reply["hasData"]:
            raise Refusal(110, "CannotInitializeNodeWithData", f"'{host}' has data already, cannot initiate set.")

    def heartbeat(self, asked: Document) -> Document:
        """Another member's question; one without a configuration takes that of the sender, if it is in it."""
        if self.name is None:
            raise Refusal(76, "NoReplicationEnabled", "not running with --replSet")
        sent = asked.get("config")
        if (
            self.config is None
            and sent
            and sent["_id"] == self.name
            and any(self.is_me(m["host"]) for m in sent["members"])
        ):
            self._take(sent, sent["version"], sent["settings"]["replicaSetId"])
        version = self.config["version"] if self.config else -2
        return {"ok": 1.0, "set": self.name, "v": version, "state": self.state, "hasData": self.has_data()}

    def reconfig(self, asked: Document, *, force: bool) -> Document:
        """replSetReconfig."""
        if self.name is None:
            raise Refusal(76, "NoReplicationEnabled", "This node was not started with the replSet option")
        if self.config is None:
            raise Refusal(94, "NotYetInitialized", "Node not yet initialized; use the replSetInitiate command")
        if not force and self.state != 1:
            raise Refusal(10107, "NotWritablePrimary", "Safe reconfig is only allowed on a writable PRIMARY. Current "
                          f"state is {STATES[self.state]}")  # fmt: skip
        self._require_successor(asked, force=force)
        self._one_is_me(asked, Refusal(74, "NodeNotFound", ""), f"{{version: {asked['version']}, term: -1}}")
        # fact: a forced reconfig raises the version by a large random number; a fixed one here
        self._take(asked, asked["version"] + (10_000 if force else 0), self.config["settings"]["replicaSetId"])
        return {"ok": 1.0}

    def _require_successor(self, asked: Document, *, force: bool) -> None:
        old = self.config or {}

        def incompatible(text: str) -> Refusal:
            return Refusal(103, "NewReplicaSetConfigurationIncompatible", text)

        if asked.get("_id") != old["_id"] or asked["_id"] != self.name:
            raise incompatible(f"New and old configurations differ in replica set name; old was {old['_id']}, and new "
                               f"is {asked.get('_id')}")  # fmt: skip
        if not force and asked.get("version", 0) <= old["version"]:
            raise incompatible(
                "New replica set configuration version must be greater than old, but "
                f"{asked.get('version')} is not greater than {old['version']} for replica set {self.name}"
            )
        given = asked.get("settings", {}).get("replicaSetId", old["settings"]["replicaSetId"])
        if given != old["settings"]["replicaSetId"]:
            raise incompatible("New and old configurations differ in replica set ID")
        for new in asked["members"]:
            for member in old["members"]:
                if new["host"] == member["host"] and new["_id"] != member["_id"]:
                    raise incompatible(f"New and old configurations both have members with host of {new['host']} but "
                                       f"in the new configuration the _id field is {new['_id']} and in the old "
                                       f"configuration it is {member['_id']}")  # fmt: skip

    def _one_is_me(self, asked: Document, kind: Refusal, version: str) -> None:
        mine = [m["host"] for m in asked.get("members", ()) if self.is_me(m["host"])]
        if len(mine) == 1:
            return
        text = f"No host described in new configuration with {version} for replica set {self.name} maps to this node"
        if mine:
            text = f"The hosts {mine[0]} and {mine[1]} all map to this node in new configuration with {version}"
        raise Refusal(kind.document["code"], kind.document["codeName"], text)

    def _take(self, asked: Document, version: int, ident: ObjectId) -> None:
        config = copy.deepcopy(asked)
        config["members"] = [{"_id": m["_id"], "host": m["host"], **MEMBER, **m} for m in config["members"]]
        config |= {"version": version, "term": Int64(1), "protocolVersion": Int64(1)}
        config["settings"] = {"heartbeatTimeoutSecs": 10, **config.get("settings", {}), "replicaSetId": ident}
        self.config, self.changed_at = config, time.monotonic()
        self.log("I", "REPL", 21392, "New replica set config in use", config={"_id": config["_id"], "version": version})
