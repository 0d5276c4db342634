"""How the stand-in starts: log lines, key-file rules, version files, first boot. Files and text only, no sockets.

fact: mongo-docker-db 2.1 (docker-entrypoint.sh), 2.4 (exits), 3 (security_file.cpp, in its order and words).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WIRE = {"4.2": 8, "4.4": 9, "5.0": 13, "6.0": 17, "7.0": 21, "8.0": 25}
"""fact: mongo-docker-db 2.3"""
MARKERS = ("WiredTiger", "journal", "local.0", "storage.bson")
"""fact: docker-entrypoint.sh skips its first boot when one of these is in the data folder."""
Say = Callable[[str], None]


class Ended(Exception):
    """mongod ends, with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit {code}")
        self.code = code


class Log:
    """mongod's log: one JSON object a line, told apart by ``id``."""

    def __init__(self, say: Say | None = None) -> None:
        self._say = say or (lambda line: print(line, file=sys.stdout, flush=True))
        self.ids: list[int] = []

    def __call__(self, level: str, part: str, ident: int, message: str, **attr: Any) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        record = {"t": {"$date": now}, "s": level, "c": part, "id": ident, "ctx": "initandlisten", "msg": message}
        self.ids.append(ident)
        self._say(json.dumps(record | ({"attr": attr} if attr else {}), default=str))

    def plain(self, text: str) -> None:
        """A line of the entrypoint's."""
        self._say(text)


def key_problem(path: str, uid: int) -> tuple[int, str, str] | None:
    """Why mongod, running as ``uid``, refuses its key file: code, its name, the text; None when it takes it."""
    try:
        status = Path(path).stat()
    except OSError as error:
        return 30, "InvalidPath", f"Error reading file {path}: {error.strerror}"
    if status.st_mode & 0o077:  # of a directory too, which is why people chmod it
        return 30, "InvalidPath", f"permissions on {path} are too open"
    if not (status.st_uid == uid and status.st_mode & 0o400) or not stat.S_ISREG(status.st_mode):
        return 30, "InvalidPath", f"error opening file: {path}: bad file"
    keys = _keys(Path(path).read_text("utf-8", "replace"))
    if not any(keys):
        return 12, "UnsupportedFormat", "Only strings and sequences are supported for YAML key files"
    for key in keys:
        if re.fullmatch(r"[A-Za-z0-9+/=]*", key) is None:
            return 12, "UnsupportedFormat", f"invalid char in key file {path}"
        if not 6 <= len(key) <= 1024:
            return 2, "BadValue", f"security key in {path} has length {len(key)}, must be between 6 and 1024 chars"
    return None


def _keys(text: str) -> list[str]:
    if text.lstrip().startswith("- "):
        return ["".join(part.split()) for part in re.split(r"(?m)^\s*- ", text) if part.strip()]
    return ["".join(text.split())]


def take_key(path: str | None, uid: int, log: Log) -> None:
    """Raises Ended(1) after mongod's two lines: the telling one has severity I, the fatal one says nothing."""
    problem = key_problem(path, uid) if path else None
    if problem is None:
        return
    code, name, text = problem
    log("I", "ACCESS", 20254, "Read security file failed", error={"code": code, "codeName": name, "errmsg": text})
    log("F", "ACCESS", 20575, "Error creating service context",
        error="Location5579201: Unable to acquire security key[s]")  # fmt: skip
    raise Ended(1)


def take_options(*, repl_set: str | None, key_file: str | None, auth: bool) -> None:
    """Raises Ended(2): ``--replSet`` with authorization needs a key file, even for one member."""
    if repl_set and auth and not key_file:
        sys.stderr.write("BadValue: security.keyFile is required when authorization is enabled with replica sets\n")
        sys.stderr.write("try 'mongod --help' for more information\n")
        raise Ended(2)


def take_files(data: Path | None, version: str, log: Log) -> None:
    """Raises Ended(62) for data of a version that this one does not open: it opens its own and the one before."""
    major = ".".join(version.split(".")[:2])
    if data is None:
        return
    data.mkdir(parents=True, exist_ok=True)
    mark = data / "featureCompatibilityVersion"
    order = list(WIRE)
    if mark.exists() and order.index(major) - order.index(mark.read_text()) not in (0, 1):
        text = (
            "UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document (ERROR: Location4926900: Invalid "
            f'featureCompatibilityVersion document in admin.system.version: {{ version: "{mark.read_text()}" }})'
        )
        log("F", "-", 20573, "Wrong mongod version", error=text)
        raise Ended(62)
    if not mark.exists():
        mark.write_text(major)
    (data / "WiredTiger").touch()


def take_machine(version: str, log: Log, environ: dict[str, str] | None = None) -> None:
    """Raises Ended where this version does not run on the machine that STANDIN_PROCESSOR and STANDIN_KERNEL tell of.

    fact: mongo-docker-db 2.4: 132 for want of AVX, with the entrypoint's warning; 1 and id 12257600 on a bad kernel.
    """
    env = os.environ if environ is None else environ
    numbers = tuple(int(part) for part in version.split("."))
    if env.get("STANDIN_PROCESSOR") == "no-avx" and numbers >= (5,):
        log.plain("WARNING: MongoDB 5.0+ requires a CPU with AVX support, and your current system does not appear to "
                  "have that!")  # fmt: skip
        raise Ended(132)
    kernel = tuple(int(part) for part in re.findall(r"\d+", env.get("STANDIN_KERNEL", ""))[:3])
    if kernel and numbers[0] == 8 and (6, 19, 0) <= kernel <= (7, 0, 13):
        log("F", "CONTROL", 12257600, "MongoDB cannot start: Linux kernel versions 6.19.0 through 7.0.13 have a known "
            "incompatibility with this version of MongoDB")  # fmt: skip
        raise Ended(1)


def is_first_boot(data: Path | None, environ: dict[str, str] | None = None) -> bool:
    """Whether the entrypoint would run its temporary mongod: both root variables, and nothing in the data folder."""
    env = os.environ if environ is None else environ
    wanted = bool(env.get("MONGO_INITDB_ROOT_USERNAME") and env.get("MONGO_INITDB_ROOT_PASSWORD"))
    return wanted and not (data is not None and any((data / name).exists() for name in MARKERS))
