"""One YAML document as text: what it means, and where in the file each part of it stands.

``yaml.load`` reads a document, ``yaml_edit`` edits it as text. No I/O, and nothing of Compose.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Any, Literal

from msgspec import Struct

MAX_DEPTH = 100
MAX_NODES = 100_000
"""Nodes after aliases have been followed: a real file has some thousands, a bomb made of aliases billions."""


class YamlError(Exception):
    """The file cannot be read as one YAML mapping. ``reason`` says why; line and column count from 1.

    With ``limit`` it is we who do not read it: Compose may.
    """

    def __init__(self, reason: str, line: int | None = None, column: int | None = None, *, limit: bool = False) -> None:
        where = "" if line is None else f"line {line}, column {column}: "
        super().__init__(f"{where}{reason}")
        self.reason = reason
        self.line = line
        self.column = column
        self.limit = limit


class Tagged(Struct, frozen=True):
    """A value behind a tag of the application's own, such as Compose's ``!reset`` and ``!override``."""

    tag: str
    value: Any


class YamlNode(Struct):
    """One node as written. Positions are character indices into ``Document.text``."""

    kind: Literal["scalar", "sequence", "mapping", "alias"]
    start: int
    """First character, anchor and tag included."""
    end: int
    """Behind the last character; of a block collection only a hint: ask ``yaml_edit.end_of``."""
    body: int
    """Where the content begins: the first dash or key of a block collection, behind the bracket of a flow one."""
    flow: bool = False
    style: str | None = None
    """Of scalars: None (plain), a quote, ``|`` or ``>``."""
    tag: str | None = None
    value: str = ""
    """Text of a scalar, name of an alias."""
    items: list[YamlNode] = []
    pairs: list[tuple[YamlNode, YamlNode]] = []
    target: YamlNode | None = None
    """What an alias stands for."""
    aliases: int = 0
    """How many aliases repeat this node elsewhere."""

    def get(self, key: str) -> YamlNode | None:
        """The value node of a key written in this very mapping (merged-in keys are not its own)."""
        return next((value for name, value in self.pairs if name.kind == "scalar" and name.value == key), None)

    def key(self, key: str) -> YamlNode | None:
        """The node of the key itself."""
        return next((name for name, _ in self.pairs if name.kind == "scalar" and name.value == key), None)


class YamlDocument(Struct):
    """One YAML document and its text."""

    text: str
    bom: bool
    root: YamlNode | None
    """None for an empty file or one of comments only."""
    data: Any
    reader: Callable[[bytes], YamlDocument]
    """How it was read: by what an edit of it is proven."""
    explicit_end: bool = False
    """Whether it is closed by a line ``...``."""

    @property
    def newline(self) -> str:
        """The line end most lines have."""
        return "\r\n" if self.text.count("\r\n") * 2 > self.text.count("\n") else "\n"

    def encode(self, text: str) -> bytes:
        """The bytes of an edited text, with the byte order mark the file had."""
        return (codecs.BOM_UTF8 if self.bom else b"") + text.encode("utf-8")

    def read_anew(self, text: str) -> YamlDocument:
        """The document of an edited text. Raises YamlError."""
        return self.reader(self.encode(text))

    def column(self, index: int) -> int:
        """Column of a position, from 0."""
        return index - (self.text.rfind("\n", 0, index) + 1)

    def place(self, node: YamlNode) -> tuple[int, int]:
        """Line and column of a node, from 1."""
        return place(self.text, node.start)


def place(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def decode(content: bytes) -> tuple[str, bool]:
    """The text without its byte order mark, and whether there was one. Raises YamlError for other encodings."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise YamlError("the file is UTF-16; save it as UTF-8", 1, 1)
    bom = content.startswith(codecs.BOM_UTF8)
    body = content[len(codecs.BOM_UTF8) :] if bom else content
    try:
        return body.decode("utf-8"), bom
    except UnicodeDecodeError as error:
        line, column = place(body[: error.start].decode("utf-8"), error.start)
        start = body.rfind(b"\n", 0, error.start) + 1
        column = len(body[start : error.start].decode("utf-8")) + 1
        raise YamlError("a byte that is not UTF-8 (GBK perhaps); save the file as UTF-8", line, column) from None


def walk(node: YamlNode | None) -> Iterator[YamlNode]:
    """Every node as written, keys included; what an alias repeats is not visited again."""
    stack = [] if node is None else [node]
    while stack:
        here = stack.pop()
        yield here
        stack += here.items
        for pair in here.pairs:
            stack += pair


def untagged(value: Any) -> Any:  # noqa: ANN401 - YAML holds anything
    """The value without the application's tag around it."""
    return value.value if isinstance(value, Tagged) else value
