"""JSON files of daemons as text: what they mean to Go's decoder, and where each top-level member stands.

Such files are edited at positions, never written back by a library, so that order, indentation and unknown keys stay.
This module reads; ``fix.acts.editing`` edits. It does no I/O. Comments and trailing commas are faults here, because
dockerd reads daemon.json with Go's encoding/json, which refuses them.
"""

from __future__ import annotations

import codecs
import json
from typing import Any, NoReturn

from msgspec import Struct

_SPACE = " \t\r\n"
# what a word processor or a Chinese keyboard puts there
_FULL_WIDTH = "“”„‟‘’＂，：；｛｝［］"


class JsonError(Exception):
    """The file is not one JSON object. ``reason`` says why; line and column count from 1."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


class JsonMember(Struct, frozen=True):
    """One key of the outermost object. Positions are character indices into ``JsonDocument.text``."""

    key: str
    value: Any
    start: int
    """The opening quote of the key."""
    key_end: int
    value_start: int
    end: int
    """Behind the value."""


class JsonDocument(Struct, frozen=True):
    """One file whose content is an object."""

    text: str
    """Without a byte order mark."""
    members: tuple[JsonMember, ...]
    """In the order of the file; a key that comes twice is there twice, and the last one counts, as in Go."""
    opening: int
    """Of the outermost brace."""
    closing: int
    mark: bool = False
    """It begins with a byte order mark."""

    @property
    def data(self) -> dict[str, Any]:
        """What it means."""
        return {member.key: member.value for member in self.members}

    def find(self, key: str) -> JsonMember | None:
        """The member that counts."""
        return next((member for member in reversed(self.members) if member.key == key), None)

    def encode(self, text: str) -> bytes:
        """A changed text in the file's own encoding."""
        return (codecs.BOM_UTF8 if self.mark else b"") + text.encode("utf-8")


def load(content: bytes) -> JsonDocument:
    """The document. Raises JsonError with the place and, where it is a usual one, the mistake."""
    text, mark = _decoded(content)
    at = _skip(text, 0)
    if at == len(text):
        raise JsonError("the file is empty")
    if text[at] != "{":
        _parsed(text, at)
        _fail(text, at, "the outermost value must be an object in braces")
    members, closing = _members(text, at)
    rest = _skip(text, closing + 1)
    if rest != len(text):
        _fail(text, rest, "there is something behind the closing brace")
    return JsonDocument(text, members, at, closing, mark=mark)


def _decoded(content: bytes) -> tuple[str, bool]:
    mark = content.startswith(codecs.BOM_UTF8)
    try:
        return content[len(codecs.BOM_UTF8) if mark else 0 :].decode("utf-8"), mark
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise JsonError("not UTF-8 text", line, column) from None


def _members(text: str, opening: int) -> tuple[tuple[JsonMember, ...], int]:
    found: list[JsonMember] = []
    at = _skip(text, opening + 1)
    if text[at : at + 1] == "}":
        return (), at
    while True:
        if text[at : at + 1] != '"':
            _mistake(text, at, "a key in double quotes is expected")
        key, key_end = _parsed(text, at)
        colon = _skip(text, key_end)
        if text[colon : colon + 1] != ":":
            _mistake(text, colon, "a colon is expected after the key")
        begin = _skip(text, colon + 1)
        value, end = _parsed(text, begin)
        found.append(JsonMember(key, value, at, key_end, begin, end))
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return tuple(found), at
        if text[at : at + 1] != ",":
            _mistake(text, at, "a comma or the closing brace is expected")
        at = _skip(text, at + 1)


def _parsed(text: str, at: int) -> tuple[Any, int]:
    """One value and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        _mistake(text, error.pos, _SAID.get(error.msg, error.msg[:1].lower() + error.msg[1:]))
    except RecursionError:
        _fail(text, at, "it is nested too deeply")
    except ValueError as error:
        _fail(text, at, str(error))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_SAID = {
    "Expecting value": "a value is expected",
    "Expecting ',' delimiter": "a comma or a closing bracket is expected",
    "Expecting ':' delimiter": "a colon is expected after the key",
    "Expecting property name enclosed in double quotes": "a key in double quotes is expected",
    "Illegal trailing comma before end of object": "a comma stands before the closing bracket",
    "Illegal trailing comma before end of array": "a comma stands before the closing bracket",
    "Invalid control character at": "a text goes over the end of its line, or holds a control character",
    "Unterminated string starting at": "a text is not closed with a double quote",
}


def _mistake(text: str, at: int, expected: str) -> NoReturn:
    """The usual mistakes by their names, anything else by what was expected."""
    here, before = text[at : at + 1], text[:at].rstrip(_SPACE)
    if here in ("/", "#") and here:
        _fail(text, at, "JSON has no comments")
    if here in ("}", "]") and before.endswith(","):
        _fail(text, len(before) - 1, "a comma stands before the closing bracket")
    if here == "'":
        _fail(text, at, "single quotes; JSON wants double ones")
    if here and here in _FULL_WIDTH:
        _fail(text, at, f"{here} is not the plain ASCII character that JSON wants")
    if not here:
        _fail(text, len(text), f"the file ends too early; {expected}")
    _fail(text, at, expected)


def _fail(text: str, at: int, reason: str) -> NoReturn:
    raise JsonError(reason, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
