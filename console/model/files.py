"""Files and log lines that matter, told without their secrets. Data only."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FileKind = Literal["file", "directory", "missing", "fifo", "device", "socket", "unreadable"]


class FileFact(Struct, frozen=True):
    """What ``lstat``/``stat`` say of a path that matters, and never its content."""

    path: str
    kind: FileKind
    mode: int | None = None
    """Permission bits only, for example 0o644."""
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    mtime: float | None = None
    inode: int | None = None
    sha256: str | None = None
    """Of files up to 1 MiB that may be read."""
    empty: bool | None = None
    """For directories: nothing in it. For files: no bytes."""
    link_target: str | None = None
    links: int | None = None
    """Hard links; more than one means that an atomic replacement cuts this name off from the others."""


class KeyFileFact(Struct, frozen=True):
    """What a mongo key file holds, told without its content (fact: mongo security_file.cpp)."""

    path: str
    keys: int | None = None
    length: int | None = None
    """Characters of the (first) key without white space; mongod wants 6 to 1024."""
    bad_characters: bool | None = None
    """A character outside base64."""


class LogMark(Struct, frozen=True):
    """A line in a container's log that means something, found by a pattern or a mongod log id."""

    container: str
    mark: str
    """The catalogue's name for it, for example ``mongo.20254`` or ``librechat.config-loaded``."""
    text: str
    at: float | None = None


class JsonFact(Struct, frozen=True):
    """Whether a program could read a JSON file, told without its content."""

    path: str
    strict: str | None = None
    """What a strict reader would complain about, with line and column; None when nothing."""
    relaxed: str | None = None
    """The same for a reader that takes JSON5: comments, trailing commas, bare keys."""
    unsure: bool = False
    """It is no strict JSON, and uses more of JSON5 than can be judged."""
    keys: tuple[str, ...] = ()
    """Names at the top of it."""
