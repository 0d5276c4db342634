"""Lines of a container's log that mean something, named by the catalogue: ``mongo.20254``, ``librechat.config-loaded``.

Pure. Log lines are foreign text and carry secrets: LibreChat prints its whole configuration, mongod the key itself.
What is kept of a line is cleaned, clipped, redacted, and cut off where the secret would begin. The patterns, and where
they were read, are in ``log_catalogue``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..model import LogMark, Role
from ..text import clean, clean_line, redact
from .log_catalogue import DEATHS, MONGO_IDS, MONGO_STARTS, PATTERNS, STARTS
from .log_pattern import Pattern

MARKED_ROLES: tuple[Role, ...] = tuple(PATTERNS)
"""Roles whose logs are worth reading."""
TEXT_LIMIT = 300
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d) ?")
_LEVEL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:error|warn|info|http|verbose|debug|silly): ")
_KEY_TEXT = re.compile(r"(invalid char in key file\s+[^\s:]+).*", re.DOTALL | re.IGNORECASE)
_LONG_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")


BEFORE = "before"
_Name = tuple[str, str]
"""Name in the catalogue, and what tells lines of one name apart; mostly nothing."""


class _Line(Struct):
    """One line of a log."""

    at: float | None
    text: str


def marks(container_id: str, role: Role, raw_log: bytes, *, since: float | None = None) -> tuple[LogMark, ...]:
    """The marks of the newest run of the process, the newest of each name (and key), in the order of the log.

    The log is the Engine's, with its time stamps. A run begins at the service's own start line where it has one; with
    ``since`` (the container's start, Unix seconds) lines before it do not count. Unknown roles give nothing.
    """
    if role not in MARKED_ROLES:
        return ()
    lines = (line for line in _lines(raw_log) if since is None or line.at is None or line.at >= since)
    found: dict[_Name, LogMark] = {}
    for line in lines:
        for name, text, kept in _named(role, line.text):
            if name[0] in STARTS or name[0] in MONGO_STARTS:
                _new_run(found, name[0])
            found.pop(name, None)
            found[name] = LogMark(container=container_id, mark=name[0], text=_shown(text), at=line.at)
            _forget_oldest(found, name[0], kept)
    return tuple(found.values())


def _new_run(found: dict[_Name, LogMark], start: str) -> None:
    """Forget the run before. Of mongo only mongod's own lines: the entrypoint's come before mongod starts."""
    for name in list(found):
        if start not in MONGO_STARTS or name[0].removeprefix("mongo.").isdigit():
            old = found.pop(name)
            if old.mark in DEATHS:
                service, _, what = old.mark.partition(".")
                found[old.mark, BEFORE] = replace(old, mark=f"{service}.before.{what}")


def _forget_oldest(found: dict[_Name, LogMark], name: str, kept: int) -> None:
    if kept == 1:
        return
    for old in [known for known in found if known[0] == name][:-kept]:
        del found[old]


def _lines(raw: bytes) -> Iterator[_Line]:
    for text in raw.decode("utf-8", "replace").split("\n"):
        stamp = _STAMP.match(text)
        rest = clean(text[stamp.end() :] if stamp else text, 16384)
        if rest.strip():
            yield _Line(at=_seconds(stamp) if stamp else None, text=rest)


def _seconds(stamp: re.Match[str]) -> float | None:
    zone = "+00:00" if stamp[3] == "Z" else stamp[3]
    try:
        moment = datetime.fromisoformat(stamp[1] + zone).astimezone(UTC)
    except ValueError:
        return None
    return moment.timestamp() + float("0" + (stamp[2] or ".0"))


def _named(role: Role, text: str) -> Iterator[tuple[_Name, str, int]]:
    """Names this line has in the catalogue, each with the text to keep and how many of that name are kept."""
    if role == "mongo" and text.startswith("{"):
        yield from (((name, ""), kept, 1) for name, kept in _mongod(text))
        return
    message = _message(text) if role == "librechat" else text
    for pattern in PATTERNS[role]:
        match = pattern.regex.search(message)
        if match is not None:
            key = match["key"] or "" if pattern.kept > 1 else ""
            yield (pattern.name, key), _kept(pattern, message, match), pattern.kept
            if pattern.alone:
                return


def _kept(pattern: Pattern, message: str, match: re.Match[str]) -> str:
    return match.group() if pattern.only_match else message


def _message(text: str) -> str:
    """LibreChat's message without time and level; with CONSOLE_JSON each line is an object."""
    if text.startswith("{"):
        try:
            message = json.loads(text).get("message")
        except (ValueError, AttributeError, RecursionError):
            return text
        return message if isinstance(message, str) else text
    return text[match.end() :] if (match := _LEVEL.match(text)) else text


def _mongod(text: str) -> Iterator[tuple[str, str]]:
    """One JSON line of mongod 4.4 and later, told by its number (fact: mongo-docker-db 2.4, texts move)."""
    try:
        entry = json.loads(text)
        number = entry.get("id")
    except (ValueError, AttributeError, RecursionError):
        return
    if isinstance(number, int) and number in MONGO_IDS:
        parts = [str(entry.get("msg") or ""), *_reasons(entry.get("attr"))]
        yield f"mongo.{number}", ": ".join(part for part in parts if part)


def _reasons(attr: Any) -> Iterator[str]:  # noqa: ANN401 - foreign JSON
    if not isinstance(attr, dict):
        return
    error = attr.get("error")
    if isinstance(error, dict):
        error = error.get("errmsg") or error.get("reason")
    for value in (error, attr.get("errmsg"), attr.get("port")):
        if isinstance(value, str | int) and value:
            yield str(value)


def _shown(text: str) -> str:
    """The text as it may be kept: no key material, no secret, one line."""
    line = _KEY_TEXT.sub(r"\1", text)
    return clean_line(redact(_LONG_BASE64.sub("•••", clean_line(line, 2000))), TEXT_LIMIT)
