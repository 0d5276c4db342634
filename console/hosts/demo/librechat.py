"""How the stand-in for LibreChat behaves: where it looks for librechat.yaml, and what it logs of it.

fact: LibreChat v0.7.2 loadCustomConfig.js and winston.ts: level and message are wrapped in ANSI colours even without a
terminal, each line by itself; whatever is wrong with the file, the server runs on with defaults.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re

from ...librechat.judge import decoded, verdict
from ...stacks.librechat_env import NODEMON_UNTIL, launch, release
from .stand import Fate, Stand

DEFAULT = "/app/librechat.yaml"
RELEASE = (0, 7, 2)
CODES = {"error": 31, "warn": 33, "info": 32}


def start(stand: Stand) -> Fate:
    """The start banner, the verdict on the config file, the address."""
    lines = _banner(stand)
    if launch(stand.command) == "backend-dev" and (release(_tag(stand)) or NODEMON_UNTIL) > NODEMON_UNTIL:
        return Fate((*lines, "sh: nodemon: not found"), 127)
    lines += _say(stand.now, "info", "Connected to MongoDB" if "mongodb" in stand.peers else "Waiting for MongoDB")
    lines += _config(stand)
    lines += _say(
        stand.now, "info", "Server listening on all interfaces at port 3080. Use http://localhost:3080 to access it"
    )
    return Fate(tuple(lines))


def _banner(stand: Stand) -> list[str]:
    """What npm says of the script it starts; nothing where node is started without it."""
    name, version = launch(stand.command), _tag(stand).removeprefix("v")
    if name == "node":
        return []
    if name == "backend-dev":
        return ["", f"> LibreChat@{version} backend:dev",
                "> cross-env NODE_ENV=development npx nodemon api/server/index.js", ""]  # fmt: skip
    return ["", f"> LibreChat@{version} backend", "> cross-env NODE_ENV=production node api/server/index.js", ""]


def _tag(stand: Stand) -> str:
    return stand.definition.image.rpartition(":")[2]


def chat(stand: Stand, dice: random.Random) -> tuple[str, ...]:
    """Now and then something worth a line."""
    words = (
        "[MeiliSearch] Index messages is up to date", "[/api/ask] Request ended, tokens counted",
        "[Login] [Login successful] [Username: someone@example.org] [Request-IP: ::ffff:192.0.2.7]",
    )  # fmt: skip
    return tuple(_say(stand.now, "info", dice.choice(words)))


def _config(stand: Stand) -> list[str]:
    path = config_path(stand)
    node = stand.node(path)
    bad = "Config file YAML format is invalid: "
    if node is None:
        return _say(stand.now, "error", f"{bad}ENOENT: no such file or directory, open '{path}'")
    if node.kind != "file":
        return _say(stand.now, "error", f"{bad}EISDIR: illegal operation on a directory, read")
    if not _readable(stand, node.mode, node.uid):
        return _say(stand.now, "error", f"{bad}EACCES: permission denied, open '{path}'")
    found = verdict(decoded(node.content), RELEASE, _env(stand))
    if found.stage == "yaml":
        return _say(stand.now, "error", found.log or bad)
    if found.stage == "empty":
        return _say(stand.now, "info", f"{found.log}\n\nCheck out the latest config file guide")
    if found.stage == "schema":
        issues = [{"path": list(issue.path), "code": issue.code, "message": issue.message} for issue in found.raw]
        return _say(stand.now, "error", f"Invalid custom config file at {path} {json.dumps(issues, indent=2)}")
    text = json.dumps(found.data, indent=2, ensure_ascii=False, default=str)
    return _say(stand.now, "info", f"Custom config file loaded:\n{text}")


def _env(stand: Stand) -> dict[str, str]:
    return dict(stand.definition.env)


def config_path(stand: Stand) -> str:
    """CONFIG_PATH of the environment, else of the .env that is mounted into the working directory, else the default."""
    path = stand.env("CONFIG_PATH")
    env_file = stand.node("/app/.env")
    if not path and env_file is not None and env_file.kind == "file":
        found = re.search(r"^CONFIG_PATH=(\S+)", env_file.content.decode("utf-8", "replace"), re.MULTILINE)
        path = found[1].strip("\"'") if found else None
    if not path:
        return DEFAULT
    return path if path.startswith("/") else f"/app/{path}"


def _readable(stand: Stand, mode: int, owner: int) -> bool:
    user = stand.definition.user.partition(":")[0]
    if user in ("0", "root"):
        return True
    uid = int(user) if user.isdigit() else 1000
    return bool(mode & (0o400 if owner == uid else 0o004))


def _say(at: float, level: str, message: str) -> list[str]:
    moment = dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    first, *rest = message.split("\n")
    code = CODES[level]
    head = f"{moment} \x1b[{code}m{level}\x1b[39m: \x1b[{code}m{first}\x1b[39m"
    return [head, *(f"\x1b[{code}m{line}\x1b[39m" if line else "" for line in rest)]
