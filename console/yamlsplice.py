"""Edits of YAML as text: each is one replacement of one stretch of characters, everything else stays as it was.

Pure. Where to write is told by the nodes of ``yamltext``, how far to indent by the neighbours already there. The result
is never trusted: who splices loads the new text and compares (see ``steps.compose_edit``).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from .yamlnodes import plain
from .yamltext import Document, Node, walk


class Splice(Struct, frozen=True):
    """Replace ``text[start:end]``. ``rewrites`` says that lines already there change, not only that lines are added."""

    start: int
    end: int
    text: str
    rewrites: bool = False

    def into(self, text: str) -> str:
        """The edited text."""
        return text[: self.start] + self.text + text[self.end :]


class Indents(Struct, frozen=True):
    """How this file indents."""

    step: int = 2
    """Columns a mapping stands right of its key."""
    dash: int = 2
    """Columns a list's dash stands right of its key; many files put it at 0."""


def indents(doc: Document) -> Indents:
    """What most mappings and lists of the file do; two columns each where it does not tell."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    for node in walk(doc.root):
        if node.kind != "mapping" or node.flow:
            continue
        for key, value in node.pairs:
            if value.flow or value.kind not in {"mapping", "sequence"}:
                continue
            deeper = doc.column(value.body) - doc.column(key.start)
            (steps if value.kind == "mapping" else dashes)[deeper] += 1
    return Indents(step=_usual(steps, lowest=1), dash=_usual(dashes, lowest=0))


def _usual(seen: Counter[int], lowest: int) -> int:
    likely = [(count, -columns) for columns, count in seen.items() if lowest <= columns <= 8]
    return -max(likely)[1] if likely else 2


def end_of(doc: Document, node: Node) -> int:
    """The character behind the node's own text; trailing comments and blank lines are not its own."""
    if node.kind == "mapping" and not node.flow and node.pairs:
        return end_of(doc, node.pairs[-1][1])
    if node.kind == "sequence" and not node.flow and node.items:
        return end_of(doc, node.items[-1])
    if node.style in {"|", ">"} and not _keeps_blanks(doc, node):
        return node.start + len(doc.text[node.start : node.end].rstrip())
    return node.end


def _keeps_blanks(doc: Document, node: Node) -> bool:
    """Whether a block scalar ends with ``|+``: then the blank lines behind it are a part of its value."""
    return "+" in doc.text[node.start : node.end].split("\n", 1)[0].split("#", 1)[0]


def insert_lines(doc: Document, after: int, lines: Sequence[str]) -> Splice:
    """New lines below the line that holds the character before ``after``."""
    text, newline = doc.text, doc.newline
    if after > 0 and text[after - 1] == "\n":
        return Splice(after, after, "".join(line + newline for line in lines))
    end = text.find("\n", after)
    end = len(text) if end < 0 else end
    if end > after and text[end - 1] == "\r":
        end -= 1
    return Splice(end, end, "".join(newline + line for line in lines))


def append_lines(doc: Document, lines: Sequence[str]) -> Splice:
    """New lines at the end of the file, below a blank line where there is text already."""
    end = len(doc.text)
    if doc.text.strip() and doc.text.rstrip(" \t").splitlines()[-1].strip():
        lines = ["", *lines]
    if not doc.text or doc.text.endswith("\n"):
        return Splice(end, end, "".join(line + doc.newline for line in lines))
    return Splice(end, end, "".join(doc.newline + line for line in lines))


def add_item(doc: Document, sequence: Node, lines: Sequence[str], flow: str) -> Splice:
    """One more item at the end of a list: ``lines`` (without dash) in a block list, ``flow`` between brackets."""
    if sequence.flow:
        return _into_brackets(doc, sequence, sequence.items, flow)
    column = doc.column(sequence.body)
    return insert_lines(doc, end_of(doc, sequence), dashed(lines, column))


def dashed(lines: Sequence[str], column: int) -> list[str]:
    """The lines of one list item whose dash stands at the column."""
    return [" " * column + ("- " if number == 0 else "  ") + line for number, line in enumerate(lines)]


def add_pair(doc: Document, mapping: Node, lines: Sequence[str], flow: str) -> Splice:
    """One more key at the end of a mapping: ``lines`` from column 0 on, indented here, or ``flow`` between braces."""
    if mapping.flow:
        return _into_brackets(doc, mapping, [value for _, value in mapping.pairs], flow)
    column = doc.column(mapping.pairs[0][0].start)
    shifted = [" " * column + line for line in lines]
    if column == 0:
        return append_lines(doc, shifted)  # at the end of the file, so that comments below the last key stay its own
    return insert_lines(doc, end_of(doc, mapping), shifted)


def fill_empty(doc: Document, key: Node, value: Node, lines: Sequence[str], flow: str, step: int) -> Splice:
    """A mapping where a key has no value yet: ``services:`` and nothing behind it."""
    if doc.text[value.start : value.end]:
        return Splice(value.start, value.end, flow, rewrites=True)  # `api: null`, `api: ~`
    column = doc.column(key.start)
    return insert_lines(doc, value.end, [" " * (column + step) + line for line in lines])


def _into_brackets(doc: Document, node: Node, children: Sequence[Node], flow: str) -> Splice:
    at = end_of(doc, children[-1]) if children else node.body
    return Splice(at, at, f", {flow}" if children else flow, rewrites=True)


def replace_scalar(doc: Document, node: Node, value: str) -> Splice | None:
    """Another value for a scalar, in the quotes it has; None for block scalars and those with an anchor or a tag."""
    if node.kind != "scalar" or node.style in {"|", ">"} or doc.text[node.start : node.start + 1] in {"&", "!"}:
        return None
    return Splice(node.start, node.end, _quoted(value, node.style), rewrites=True)


_PLAIN = re.compile(r"[A-Za-z0-9_./~$][A-Za-z0-9_./~@+$:%=-]*\Z")


def scalar(value: str) -> str:
    """The value as YAML: bare where that is safe, in block and flow context alike, else in double quotes."""
    bare = _PLAIN.match(value) and not value.endswith(":") and isinstance(plain(value), str)
    return value if bare else _quoted(value, '"')


def _quoted(value: str, style: str | None) -> str:
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return scalar(value) if style is None else json.dumps(value, ensure_ascii=not value.isprintable())
