"""How the stand-in for mongod behaves: the key file rules of the real one, in its order and with its log lines.

fact: mongo security_file.cpp and security_key.cpp. Telling line id 20254 (severity I), then the useless fatal id 20575,
exit 1. A file is accepted when ``mode & 077`` is 0 and the running user (uid 999 in the image) may read it.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re

from . import mongod_ends as ends
from .stand import Fate, Stand
from .tree import Node

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
    early = ends.early(stand, _line)
    if early is not None:
        return ends.fate(stand, *early)
    path = key_file(stand.command)
    trouble = None if path is None else _refusal(path, stand.node(path), _uid(stand))
    if trouble is not None:
        (code, name), text = trouble
        read = _line(stand.now, "I", "ACCESS", 20254, "main", "Read security file failed",
                     {"error": {"code": code, "codeName": name, "errmsg": text}})  # fmt: skip
        fatal = _line(stand.now, "F", "CONTROL", 20575, "main", "Error creating service context",
                      {"error": "Location5579201: Unable to acquire security key[s]"})  # fmt: skip
        return ends.fate(stand, (*opening, read, fatal), 1)
    wrong = ends.files(stand, _line)
    if wrong is not None:
        return ends.fate(stand, (*opening, *wrong[0]), wrong[1])
    return ends.fate(stand, (*opening, *_up(stand)), None)


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


def key_file(command: tuple[str, ...]) -> str | None:
    """Path given with ``--keyFile``, None without one."""
    return ends.option(command, "--keyFile")


def _up(stand: Stand) -> tuple[str, ...]:
    lines = [_line(stand.now, "I", "CONTROL", 21951, "initandlisten", "Options set by command line",
                   {"options": {"command": list(stand.command)}})]  # fmt: skip
    lines.append(
        _line(stand.now, "I", "NETWORK", 23016, "listener", "Waiting for connections", {"port": 27017, "ssl": "off"})
    )
    return (*lines, *ends.set_lines(stand, _line))


def _uid(stand: Stand) -> int:
    user = stand.definition.user.partition(":")[0]
    return int(user) if user.isdigit() and user != "0" else IMAGE_UID


def _refusal(path: str, node: Node | None, uid: int) -> tuple[tuple[int, str], str] | None:
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
