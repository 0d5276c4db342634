"""How the stand-in for mongod behaves: the key file rules of the real one, in its order and with its log lines.

fact: mongo security_file.cpp and security_key.cpp. Telling line id 20254 (severity I), then the useless fatal id 20575,
exit 1. A file is accepted when ``mode & 077`` is 0 and the running user (uid 999 in the image) may read it.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from .containers import Instance
from .files import FileNode, Tree
from .stand import Definition, Fate, Stand, option

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
        self,
        tree: Tree,
        definition: Definition,
        name: str | None,
        names: frozenset[str],
        wire_version: int,
        peer: Callable[[str], ReplicaSet | None],
    ) -> None:
        self._tree = tree
        self._definition = definition
        self._name = name
        self._names = names | LOOPBACK
        self._wire_version = wire_version
        self._peer = peer
        """The mongod that a name leads to on its network, if one runs there."""

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
        first = self._primary(config)
        return {"setName": self._name, "isWritablePrimary": first is me, "secondary": first is not me, "hosts": hosts,
                "me": me["host"], **({"primary": first["host"]} if first else {}), "ok": 1.0}  # fmt: skip

    def _primary(self, config: Document) -> Document | None:
        """The first member that is there, where the most of them are."""
        there = [m for m in config["members"] if self.is_me(m["host"]) or self._joined(m["host"], config)]
        return there[0] if len(there) > len(config["members"]) // 2 else None

    def _joined(self, host: str, config: Document) -> bool:
        """Whether another member is there and has this configuration."""
        other = self._peer(host)
        return other is not None and stored(other._tree, other._definition) == config

    def _status(self, config: Document) -> Document:
        me = self._me(config)
        if me is None:
            return _refused(93, "InvalidReplicaSetConfig")
        first = self._primary(config)
        members = [
            {"_id": m["_id"], "name": m["host"], **({"self": True} if m is me else {}),
             "state": 1 if m is first else 2 if m is me or self._joined(m["host"], config) else 8}
            for m in config["members"]
        ]  # fmt: skip
        return {"ok": 1.0, "set": self._name, "myState": 1 if first is me else 2, "members": members}

    def _initiate(self, asked: Document, config: Document | None) -> Document:
        if config is not None:
            return _refused(23, "AlreadyInitialized")
        wanted = {**asked, "version": 1}
        if self._me(wanted) is None:
            return _refused(93, "InvalidReplicaSetConfig")
        others = [self._peer(m["host"]) for m in wanted["members"] if not self.is_me(m["host"])]
        for other in others:
            if other is None or other._name is None:
                return _refused(74, "NodeNotFound")
            if other._name != self._name or stored(other._tree, other._definition) is not None:
                return _refused(103, "NewReplicaSetConfigurationIncompatible")
        for one in (self, *filter(None, others)):
            keep(one._tree, one._definition, wanted)
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


KERNEL = "5.15.0-107-generic"
RELEASE = "/proc/sys/kernel/osrelease"
MARK = "featureCompatibilityVersion"
ORDER = ("4.4", "5.0", "6.0", "7.0", "8.0")
SHELLS = ("bash", "sh")
BAD_KERNELS = ((6, 19, 0), (7, 0, 13))
OLD_PROCESSORS = ("Nehalem", "Westmere")
"""Models of QEMU without AVX, by the variable that chooses one."""
GREEDY = "--wiredTigerCacheSizeGB"
PATIENCE = 1800.0
"""Seconds until a mongod with too large a cache has filled it and is killed."""
WAITING = "Waiting for MongoDB to start..."
NO_AVX = "WARNING: MongoDB 5.0+ requires a CPU with AVX support, and your current system does not appear to have that!"
Line = Callable[..., str]


def release(tree: Tree) -> str:
    """The kernel release of the practice machine."""
    node = tree.get(RELEASE)
    return node.content.decode() if node is not None else KERNEL


def version(image: str) -> tuple[int, ...] | None:
    """Numbers of the image's tag; ``latest`` has none."""
    found = re.match(r"\d+(?:\.\d+)*", image.partition("@")[0].rpartition("/")[2].partition(":")[2])
    return tuple(int(part) for part in found[0].split(".")) if found else None


def is_wrapped(entrypoint: tuple[str, ...]) -> bool:
    """Whether a script is process 1."""
    return bool(entrypoint) and entrypoint[0].rpartition("/")[2] in SHELLS


def early_end(stand: Stand, line: Line) -> tuple[tuple[str, ...], int] | None:
    """What ends mongod before it reads its key file: lines and exit code."""
    major = (version(stand.definition.image) or (8,))[:1]
    if stand.env("QEMU_CPU") in OLD_PROCESSORS and major >= (5,):
        return (
            NO_AVX,
            "/usr/local/bin/docker-entrypoint.sh: line 420:    27 Illegal instruction     (core dumped)",
        ), 132
    numbers = tuple(int(part) for part in re.findall(r"\d+", release(stand.tree))[:3])
    if major == (8,) and BAD_KERNELS[0] <= numbers <= BAD_KERNELS[1]:
        text = "MongoDB cannot start: Linux kernel versions 6.19.0 through 7.0.13 have a known incompatibility"
        return (line(stand.now, "F", "CONTROL", 12257600, "main", text),), 1
    return None


def files(stand: Stand, line: Line) -> tuple[tuple[str, ...], int] | None:
    """Files that this version does not open: its own and those of the one before are."""
    node, own = stand.node(f"/data/db/{MARK}"), version(stand.definition.image)
    wrote = node.content.decode().strip() if node is not None else None
    mine = ".".join(map(str, own[:2])) if own else None
    if wrote not in ORDER or mine not in ORDER or ORDER.index(mine) - ORDER.index(wrote) in (0, 1):
        return None
    error = f'UPGRADE PROBLEM: Found an invalid {MARK} document, version: "{wrote}"'
    return (line(stand.now, "F", "-", 20573, "initandlisten", "Wrong mongod version", {"error": error}),), 62


def set_lines(stand: Stand, line: Line) -> tuple[str, ...]:
    """What mongod says of its set when it has started."""
    name = option(stand.command, "--replSet")
    if name is None:
        return ()
    config = stored(stand.tree, stand.definition)
    if config is None:
        text = "Did not find local replica set configuration document at startup"
        return (line(stand.now, "I", "REPL", 21313, "initandlisten", text),)
    if config["_id"] != name:
        text = "Local replica set configuration document set name differs from command line set name"
        return (line(stand.now, "W", "REPL", 21406, "ReplCoord-0", text),)
    own = {stand.definition.service, stand.definition.name, "localhost"}
    if not any(member["host"].partition(":")[0] in own for member in config["members"]):
        text = "Locally stored replica set configuration does not have a valid entry for the current node"
        return (line(stand.now, "W", "REPL", 21405, "ReplCoord-0", text),)
    moved = {"newState": "PRIMARY", "oldState": "SECONDARY"}
    return (line(stand.now, "I", "REPL", 21358, "OplogApplier-0", "Replica set state transition", moved),)


def fate(stand: Stand, lines: tuple[str, ...], exit_code: int | None) -> Fate:
    """Under a start script the container stays, whatever becomes of mongod, and the script waits for its shell."""
    entrypoint = stand.definition.entrypoint
    if not is_wrapped(entrypoint):
        return Fate(lines, exit_code=exit_code)
    has_shell = (version(stand.definition.image) or (8,)) < (6,) or "mongosh" in entrypoint[-1]
    has_shell = has_shell or any(bind.target == "/usr/local/bin/mongo" for bind in stand.definition.binds)
    return Fate((*lines, *(() if exit_code is None and has_shell else (WAITING, WAITING))))


def listed(instance: Instance) -> tuple[tuple[str, ...], ...]:
    """What runs in a mongod's container: the script where there is one, and mongod as long as it lives."""
    arguments = tuple(instance.arguments)
    mongod = arguments if arguments[:1] == ("mongod",) else ("mongod", *arguments)
    if not is_wrapped(instance.entrypoint):
        return (mongod,)
    recent = [line.text for line in instance.log if line.at >= (instance.started_at or 0.0)]
    up = any('"id":23016' in text for text in recent)
    greedy = GREEDY in arguments and instance.chatted - (instance.started_at or 0.0) > PATIENCE
    return (instance.entrypoint, mongod) if up and not greedy else (instance.entrypoint,)


IMAGE_UID = 999
"""fact: user mongodb of the official image."""
INVALID_PATH, UNSUPPORTED = (30, "InvalidPath"), (12, "UnsupportedFormat")
TLS_HINT = "to force-enable TLS 1.0 specify --sslDisabledProtocols 'none'"
BASE64 = re.compile(r"[A-Za-z0-9+/=]*")


def start(stand: Stand) -> Fate:
    """The right lines and exit code for what keeps it from starting; else up and waiting for connections."""
    wire = {"spec": {"maxWireVersion": 13}}
    opening = (
        _line(stand.now, "I", "CONTROL", 23285, "-", f"Automatically disabling TLS 1.0, {TLS_HINT}"),
        _line(stand.now, "I", "NETWORK", 4915701, "main", "Initialized wire specification", wire),
    )
    early = early_end(stand, _line)
    if early is not None:
        return fate(stand, *early)
    path = option(stand.command, "--keyFile")
    trouble = None if path is None else _refusal(path, stand.node(path), _uid(stand))
    if trouble is not None:
        (code, name), text = trouble
        read = _line(stand.now, "I", "ACCESS", 20254, "main", "Read security file failed",
                     {"error": {"code": code, "codeName": name, "errmsg": text}})  # fmt: skip
        fatal = _line(stand.now, "F", "CONTROL", 20575, "main", "Error creating service context",
                      {"error": "Location5579201: Unable to acquire security key[s]"})  # fmt: skip
        return fate(stand, (*opening, read, fatal), 1)
    wrong = files(stand, _line)
    if wrong is not None:
        return fate(stand, (*opening, *wrong[0]), wrong[1])
    return fate(stand, (*opening, *_up(stand)), None)


def chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """Connections come and go."""
    client = f"172.18.0.{dice.randint(2, 9)}:{dice.randint(32000, 60000)}"
    number = dice.randint(100, 9000)
    if dice.random() < 0.25:
        return (
            _line(stand.now, "I", "STORAGE", 22430, "Checkpointer", "WiredTiger message",
                  {"message": "[WT_VERB_CHECKPOINT_PROGRESS] saving checkpoint snapshot"}),
        )  # fmt: skip
    return (
        _line(stand.now, "I", "NETWORK", 22943, "listener", "Connection accepted",
              {"remote": client, "connectionId": number, "connectionCount": dice.randint(4, 40)}),
    )  # fmt: skip


def _up(stand: Stand) -> tuple[str, ...]:
    lines = [_line(stand.now, "I", "CONTROL", 21951, "initandlisten", "Options set by command line",
                   {"options": {"command": list(stand.command)}})]  # fmt: skip
    lines.append(
        _line(stand.now, "I", "NETWORK", 23016, "listener", "Waiting for connections", {"port": 27017, "ssl": "off"})
    )
    return (*lines, *set_lines(stand, _line))


def _uid(stand: Stand) -> int:
    user = stand.definition.user.partition(":")[0]
    return int(user) if user.isdigit() and user != "0" else IMAGE_UID


def _refusal(path: str, node: FileNode | None, uid: int) -> tuple[tuple[int, str], str] | None:
    """Why mongod refuses the file, in the order in which it looks."""
    if node is None:
        return INVALID_PATH, f"Error reading file {path}: No such file or directory"
    if node.mode & 0o077:
        return INVALID_PATH, f"permissions on {path} are too open"
    if node.kind != "file" or not (node.uid == uid and node.mode & 0o400):
        return INVALID_PATH, f"error opening file: {path}: bad file"
    return _bad_content(path, node.content.decode("utf-8", "replace"))


def _bad_content(path: str, text: str) -> tuple[tuple[int, str], str] | None:
    keys = _keys(text)
    if not any(keys):
        return UNSUPPORTED, "Only strings and sequences are supported for YAML key files"
    if len(keys) > 2:
        return UNSUPPORTED, "Only two keys are supported in the security key file"
    for key in keys:
        if BASE64.fullmatch(key) is None:
            return UNSUPPORTED, f"invalid char in key file {path}"
        if not 6 <= len(key) <= 1024:
            return UNSUPPORTED, f"security key in {path} has length {len(key)}, must be between 6 and 1024 chars"
    return None


def _keys(text: str) -> tuple[str, ...]:
    """A key file is one key over many lines, or a YAML sequence of keys."""
    if text.lstrip().startswith("- "):
        return tuple("".join(part.split()) for part in re.split(r"^\s*- ", text, flags=re.MULTILINE) if part.strip())
    return ("".join(text.split()),)


def _line(at: float, level: str, part: str, ident: int, who: str, message: str, attr: object | None = None) -> str:
    moment = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="milliseconds")
    record: dict[str, object] = {"t": {"$date": moment}, "s": level, "c": part, "id": ident, "ctx": who, "msg": message}
    return json.dumps(record | ({} if attr is None else {"attr": attr}), separators=(",", ":"))
