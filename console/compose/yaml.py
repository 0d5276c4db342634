"""Reading YAML: from the events of ruamel's parser to nodes with positions, and from nodes to data.

Own nodes, because ruamel's composer loses where an alias stands and its constructor rewrites merged mappings. Scalars
are resolved as Compose's Go library does (YAML 1.2 core, ``010`` is octal); only this module touches ruamel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from math import isinf
from typing import Any, NamedTuple

from .yaml_document import MAX_DEPTH, MAX_NODES, Tagged, YamlDocument, YamlError, YamlNode, decode, place

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_TOO_MANY = f"more than {MAX_NODES} values once aliases are followed"
_TABS = "found character '\\t' that cannot start any token"
_REASONS = {
    _TABS: "a tab; YAML wants spaces here",
    "mapping values are not allowed here": "a `:` that does not belong here (indentation, or quotes are missing)",
    "could not find expected ':'": "a line without `key: value` (wrong indentation, or a missing colon)",
    "found unexpected end of stream": "a quote that is never closed",
    "expected <block end>, but found '<block mapping start>'": "wrong indentation: deeper than its neighbours",
    "expected <block end>, but found '?'": "wrong indentation",
    "expected <block end>, but found '-'": "a list item that does not line up with the ones before it",
    "expected <block end>, but found '<scalar>'": "text that does not belong here (a missing quote or comma)",
    "expected <block end>, but found '}'": "a `}` without its `{`",
    "expected <block end>, but found ']'": "a `]` without its `[`",
    "expected the node content, but found '<stream end>'": "the file ends inside a `[` or `{`",
    "special characters are not allowed": "a control character",
}


def load(content: bytes, *, mapping: bool = True) -> YamlDocument:
    """Read one YAML 1.2 document. Raises YamlError, whose text is one sentence with line and column.

    Duplicate keys, tabs as indentation, several documents and undecodable bytes are refused; with ``mapping`` anything
    but a mapping too. An empty file, or one of comments only, has the data None and no root.
    """
    text, bom = decode(content)
    documents = _parsed(text)
    if len(documents) > 1:
        raise YamlError(
            "a second document begins here (`---`); only one is understood", *place(text, documents[1].start)
        )
    return _document(text, documents, bom=bom, mapping=mapping)


def load_all(content: bytes) -> tuple[YamlDocument, ...]:
    """The mappings of a file, one after the other. Raises YamlError."""
    text, bom = decode(content)
    documents = _parsed(text)
    if len(documents) > 1 and any(one.root is None for one in documents):
        raise YamlError("a document without content; a mapping (`key: value` lines) is expected", 1, 1)
    return tuple(_document(text, found, bom=bom, mapping=True) for found in [[one] for one in documents] or [[]])


def _document(text: str, found: Sequence[_Parsed], *, bom: bool, mapping: bool) -> YamlDocument:
    one = found[0] if found else None
    root = one.root if one else None
    try:
        data = None if root is None else construct(root, text)
    except RecursionError:
        raise YamlError(_TOO_DEEP, limit=True) from None
    if mapping and root is not None and not isinstance(data, dict | None):
        raise YamlError("a mapping (`key: value` lines) is expected here", *place(text, root.start))
    reader = partial(load, mapping=mapping)
    return YamlDocument(
        text=text, bom=bom, root=root, data=data, reader=reader, explicit_end=one.closed if one else False
    )


def parse(text: str) -> tuple[YamlNode | None, bool]:
    """The root node, None without content, and whether the document is closed by ``...``. Raises YamlError."""
    found = _parsed(text)
    if len(found) > 1:
        raise YamlError("a second document begins here (`---`); only one is understood", *place(text, found[1].start))
    return (found[0].root, found[0].closed) if found else (None, False)


class _Parsed(NamedTuple):
    root: YamlNode | None
    start: int
    closed: bool


def _parsed(text: str) -> list[_Parsed]:
    """The documents of a text. Raises YamlError."""
    try:
        return list(_Reader(text).documents())
    except Exception as error:  # ruamel raises its own kinds and, on odd input, plain ValueErrors too
        if isinstance(error, YamlError):
            raise
        raise _explained(error, text) from None


def _explained(error: Exception, text: str) -> YamlError:
    if isinstance(error, RecursionError):
        return YamlError(_TOO_DEEP, limit=True)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    index = mark.index if mark is not None else getattr(error, "position", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    reason = _REASONS.get(problem, problem)
    if not isinstance(index, int):
        return YamlError(reason)
    return YamlError(reason, *place(text, min(index, len(text))))


@lru_cache(maxsize=1)
def _scanner() -> type[Any]:
    """A scanner of ruamel, told that a tab may stand where it does not indent: behind a value, before a comment.

    fact: Compose v2.26.1 accepts ``image: x<TAB># note`` and refuses a tab that indents.
    """
    from ruamel.yaml.scanner import Scanner

    class TabScanner(Scanner):
        def scan_to_next_token(self) -> None:
            reader = self.reader
            indenting = reader.column == 0
            while True:
                spaces = 0
                while reader.peek(spaces) in " \t":
                    spaces += 1
                following = reader.peek(spaces)
                if indenting and not self.flow_level and following not in "#\r\n\x85\u2028\u2029\0":
                    while reader.peek() == " ":
                        reader.forward()
                    return
                reader.forward(spaces)
                if following == "#":
                    while reader.peek() not in "\n\r\x85\u2028\u2029\0":
                        reader.forward()
                if not self.scan_line_break():
                    return
                indenting = True
                if not self.flow_level:
                    self.allow_simple_key = True

    return TabScanner


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _scanner()
    return iter(yaml.parse(text))


class _Reader:
    """Builds the nodes of one document."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.events = _events(text)
        self.anchors: dict[str, YamlNode] = {}
        self.open: set[int] = set()

    def documents(self) -> Iterator[_Parsed]:
        root, start, closed = None, 0, False
        for event in self.events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if closed and not event.explicit:  # fact: Compose 2.26.1 refuses it
                    raise YamlError("a document begins here without its `---`", *self._place(event))
                self.anchors, start = {}, event.start_mark.index
                root = self._node(next(self.events), 0)
                if root.kind == "scalar" and root.start == root.end:
                    root = None
            elif kind == "DocumentEndEvent":
                closed = bool(event.explicit)
                yield _Parsed(root, start, closed)

    def _place(self, event: Any) -> tuple[int, int]:  # noqa: ANN401 - ruamel's events have no types
        return place(self.text, event.start_mark.index)

    def _node(self, event: Any, depth: int) -> YamlNode:  # noqa: ANN401
        if depth > MAX_DEPTH:
            raise YamlError(_TOO_DEEP, *self._place(event), limit=True)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        start, end = event.start_mark.index, event.end_mark.index
        tag = None if event.tag in {None, "!"} else str(event.tag)
        if kind == "ScalarEvent":
            style = event.style or None
            node = YamlNode(kind="scalar", start=start, end=end, body=start, style=style, tag=tag, value=event.value)
            self._remember(event, node)
            return node
        node = YamlNode(
            kind="sequence" if kind == "SequenceStartEvent" else "mapping",
            start=start, end=end, body=end, flow=bool(event.flow_style), tag=tag,
        )  # fmt: skip
        self._remember(event, node)
        self.open.add(id(node))
        (self._sequence if node.kind == "sequence" else self._mapping)(node, depth + 1)
        self.open.discard(id(node))
        return node

    def _remember(self, event: Any, node: YamlNode) -> None:  # noqa: ANN401
        if event.anchor:
            self.anchors[event.anchor] = node

    def _alias(self, event: Any) -> YamlNode:  # noqa: ANN401
        target = self.anchors.get(event.anchor)
        if target is None:
            raise YamlError(f"*{event.anchor} repeats an anchor that was never set", *self._place(event))
        if id(target) in self.open:
            raise YamlError(f"*{event.anchor} stands inside what it repeats", *self._place(event))
        target.aliases += 1
        start, end = event.start_mark.index, event.end_mark.index
        return YamlNode(kind="alias", start=start, end=end, body=start, value=event.anchor, target=target)

    def _sequence(self, node: YamlNode, depth: int) -> None:
        if not node.flow and self.text[node.body : node.body + 1] != "-":
            node.body -= 1  # a list at its key's own column: the parser points behind the dash
        node.items = []
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            node.items.append(self._node(event, depth))
        node.end = event.end_mark.index

    def _mapping(self, node: YamlNode, depth: int) -> None:
        node.pairs = []
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key = self._node(event, depth)
            value = self._node(next(self.events), depth)
            if value.kind == "scalar" and value.start == value.end:
                self._put_behind(key, value)
            node.pairs.append((key, value))
        node.end = event.end_mark.index

    def _put_behind(self, key: YamlNode, value: YamlNode) -> None:
        """An empty value stands behind its colon, not where the next token begins."""
        colon = self.text.find(":", key.end)
        there = colon + 1 if colon >= 0 and not self.text[key.end : colon].strip() else key.end
        value.start = value.end = value.body = there


_INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.\d*)?[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?)?)?\Z"
)
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_CORE = "tag:yaml.org,2002:"


def plain(value: str) -> Any:  # noqa: ANN401 - a scalar is anything
    """What an unquoted scalar means: None, bool, int, float, datetime or the text itself."""
    if value in _WORDS:
        return _WORDS[value]
    if value[0] not in "-+.0123456789":
        return value
    if _INT.match(value):
        return _integer(value)
    if _FLOAT.match(value):
        number = float(re.sub(r"\.(?=inf|nan)", "", value.lower()))
        return value if isinf(number) and value[-1] not in "fF" else number  # fact: go-yaml leaves 12e3456 a text
    return _date(value)


def _integer(value: str) -> Any:  # noqa: ANN401 - back to the text when it is no number after all
    digits = value.replace("_", "").lower()
    sign, digits = (digits[0], digits[1:]) if digits[0] in "-+" else ("", digits)
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2], 8 if len(digits) > 1 and digits[0] == "0" else 10)
    try:
        return int(sign + digits, base if base != 10 else 10) if len(digits) < 250 else value
    except ValueError:
        return value


def _date(value: str) -> Any:  # noqa: ANN401
    """An unquoted ``2024-02-01`` is a date to YAML (fact: js-yaml 4 lib/type/timestamp.js)."""
    from datetime import UTC, datetime

    match = _DATE.match(value)
    if match is None:
        return value
    try:
        return datetime(*(int(part) for part in match.groups() if part is not None), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return value


def construct(root: YamlNode, text: str) -> Any:  # noqa: ANN401
    """The data of a node tree. Raises YamlError for duplicate keys, odd keys and alias bombs."""
    return _Builder(text).build(root)


class _Builder:
    def __init__(self, text: str) -> None:
        self.text = text
        self.sizes: dict[int, int] = {}
        self.values: dict[int, Any] = {}
        self.total = 0

    def build(self, node: YamlNode) -> Any:  # noqa: ANN401
        if node.kind == "alias":
            assert node.target is not None  # noqa: S101 - set with the kind
            self._count(node, self.sizes[id(node.target)])
            return self.values[id(node.target)]
        before = self.total
        self._count(node, 1)
        value = self._scalar(node) if node.kind == "scalar" else self._collection(node)
        self.sizes[id(node)] = self.total - before
        self.values[id(node)] = value
        return value

    def _count(self, node: YamlNode, size: int) -> None:
        self.total += size
        if self.total > MAX_NODES:
            raise YamlError(_TOO_MANY, *place(self.text, node.start), limit=True)

    def _scalar(self, node: YamlNode) -> Any:  # noqa: ANN401
        if node.tag is None:
            return plain(node.value) if node.style is None else node.value
        if node.tag == _CORE + "str":
            return node.value
        if node.tag.startswith(_CORE):
            return plain(node.value)
        return Tagged(node.tag, plain(node.value) if node.style is None else node.value)

    def _collection(self, node: YamlNode) -> Any:  # noqa: ANN401
        value: Any = [self.build(item) for item in node.items] if node.kind == "sequence" else self._mapping(node)
        return value if node.tag is None or node.tag.startswith(_CORE) else Tagged(node.tag, value)

    def _mapping(self, node: YamlNode) -> dict[Any, Any]:
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        lines: dict[Any, int] = {}
        for key_node, value_node in node.pairs:
            value = self._merge_source(key_node, value_node)
            key = self._key(key_node) if value is None else "<<"
            line, column = place(self.text, key_node.start)
            if key in lines:
                raise YamlError(f'mapping key "{key}" already defined at line {lines[key]}', line, column)
            lines[key] = line
            if value is None:
                own[key] = self.build(value_node)
            else:
                merged = {**value, **merged}
        return {**merged, **own}

    def _key(self, node: YamlNode) -> Any:  # noqa: ANN401
        value = self.build(node)
        if isinstance(value, list | dict | Tagged):
            raise YamlError("a list or mapping as a key is not understood", *place(self.text, node.start))
        return value

    def _merge_source(self, key: YamlNode, node: YamlNode) -> dict[Any, Any] | None:
        """What ``<<: *base`` brings; None when the key is an ordinary one. Earlier entries of a list win."""
        if key.kind != "scalar" or key.value != "<<" or key.style is not None:
            return None
        value = self.build(node)
        parts = value if isinstance(value, list) else [value]
        result: dict[Any, Any] = {}
        for part in parts:
            if not isinstance(part, dict):
                raise YamlError("`<<` can only merge mappings", *place(self.text, node.start))
            result = {**part, **result}
        return result
