"""The replica set of a mongod of the practice stack: kept with its data, changed and told by mongod's own rules.

fact: mongo replication_coordinator_impl.cpp: hello says the same of a node without a configuration and of one that is
not in it; replSetGetStatus says 94 and 93; a name that is not this node's gives 93 on initiate and 74 on reconfig.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .stand import Definition
from .tree import Tree

Document = dict[str, Any]
STORE = "/var/lib/practice/sets"
PORT = 27017
LOOPBACK = frozenset({"localhost", "127.0.0.1"})
NOT_IN_IT = {"isWritablePrimary": False, "secondary": False, "isreplicaset": True, "ok": 1.0}


def place(definition: Definition) -> str:
    """Where a mongod's data lie: the folder or volume behind /data/db, else the container itself."""
    found = next((bind.source for bind in definition.binds if bind.target == "/data/db"), definition.name)
    return f"{STORE}/{found.strip('/').replace('/', '_')}.json"


def stored(tree: Tree, definition: Definition) -> Document | None:
    """The configuration in the data folder; None before the set was initiated."""
    node = tree.get(place(definition))
    config: Document | None = None if node is None else json.loads(node.content)
    return config


def keep(tree: Tree, definition: Definition, config: Mapping[str, Any]) -> None:
    """Put a configuration into the data folder."""
    tree.put(place(definition), json.dumps(config).encode(), mode=0o600)


class ReplicaSet:
    """One mongod's view of its set."""

    def __init__(
        self, tree: Tree, definition: Definition, name: str | None, names: frozenset[str], wire_version: int
    ) -> None:
        self._tree = tree
        self._definition = definition
        self._name = name
        self._names = names | LOOPBACK
        self._wire_version = wire_version

    def reply(self, command: Mapping[str, Any]) -> Document:
        """Mongod's document to one command."""
        name = next(iter(command))
        asked = command[name]
        if name == "hello":
            return {**self._hello(), "minWireVersion": 0, "maxWireVersion": self._wire_version}
        if self._name is None:
            return _refused(76, "NoReplicationEnabled")
        config = stored(self._tree, self._definition)
        if name == "replSetInitiate":
            return self._initiate(asked, config)
        if config is None:
            return _refused(94, "NotYetInitialized")
        if name == "replSetReconfig":
            return self._reconfig(asked, config, force=bool(command.get("force")))
        if name == "replSetGetConfig":
            return {"ok": 1.0, "config": config}
        return self._status(config)

    def is_me(self, host: str) -> bool:
        """Whether a member's host leads to this mongod."""
        name, _, port = host.rpartition(":")
        return name in self._names and port == str(PORT)

    def _me(self, config: Document | None) -> Document | None:
        if config is None or config["_id"] != self._name:
            return None
        return next((member for member in config["members"] if self.is_me(member["host"])), None)

    def _hello(self) -> Document:
        if self._name is None:
            return {"isWritablePrimary": True, "ok": 1.0}
        config = stored(self._tree, self._definition)
        me = self._me(config)
        if config is None or me is None:
            return dict(NOT_IN_IT)
        hosts = [member["host"] for member in config["members"]]
        return {"setName": self._name, "isWritablePrimary": True, "secondary": False, "hosts": hosts, "me": me["host"],
                "primary": me["host"], "ok": 1.0}  # fmt: skip

    def _status(self, config: Document) -> Document:
        me = self._me(config)
        if me is None:
            return _refused(93, "InvalidReplicaSetConfig")
        members = [
            {"_id": m["_id"], "name": m["host"], "state": 1 if m is me else 8, **({"self": True} if m is me else {})}
            for m in config["members"]
        ]
        return {"ok": 1.0, "set": self._name, "myState": 1, "members": members}

    def _initiate(self, asked: Document, config: Document | None) -> Document:
        if config is not None:
            return _refused(23, "AlreadyInitialized")
        wanted = {**asked, "version": 1}
        if self._me(wanted) is None:
            return _refused(93, "InvalidReplicaSetConfig")
        keep(self._tree, self._definition, wanted)
        return {"ok": 1.0}

    def _reconfig(self, asked: Document, config: Document, *, force: bool) -> Document:
        if not force and self._me(config) is None:
            return _refused(10107, "NotWritablePrimary")
        if asked.get("_id") != config["_id"] or (not force and asked["version"] <= config["version"]):
            return _refused(103, "NewReplicaSetConfigurationIncompatible")
        if self._me(asked) is None:
            return _refused(74, "NodeNotFound")
        keep(self._tree, self._definition, asked)
        return {"ok": 1.0}


def _refused(code: int, name: str) -> Document:
    return {"ok": 0.0, "code": code, "codeName": name, "errmsg": name}
