"""Reads a librechat.yaml: the data, where each part of it is written, or the one fault that stops the reader. Pure.

The YAML itself is read by ruamel.yaml through ``yamlnodes``; ``values`` tells what its scalars mean. Here is only what
LibreChat makes of it (fact: librechat-stack 5.2): keys are text, two equal keys are a fault, so is a tag of one's own.
This module may not touch files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from ..yamlnodes import parse
from ..yamltext import MAX_DEPTH, Node, YamlError, place
from .values import Map, Seq, Span, as_key, plain

DUPLICATE = "duplicated mapping key"
SECOND = "expected a single document in the stream, but found more"
INDENTATION = "bad indentation of a mapping entry"
COMMA = "missed comma between flow collection entries"
_WORDS: tuple[tuple[str, str | None, str], ...] = (
    ("found character '\\t' that cannot start", None, "tab characters must not be used in indentation"),
    ("mapping values are not allowed here", None, INDENTATION),
    ("sequence entries are not allowed here", None, INDENTATION),
    ("expected <block end>", "while parsing a block mapping", INDENTATION),
    (
        "could not find expected ':'",
        None,
        "can not read a block mapping entry; a multiline key may not be an implicit key",
    ),
    ("expected ',' or ']', but got '<stream end>'", None, "a `[` that is never closed"),
    ("expected ',' or '}', but got '<stream end>'", None, "a `{` that is never closed"),
    ("expected ',' or ", None, COMMA),
    ("found character", None, "a character that no value begins with; put the value in quotes"),
    ("expected '<document start>'", None, "text behind the end of the data (its indentation, or a bracket too many)"),
)
"""How ruamel's words begin, in what context, and how LibreChat (fact: librechat-stack 5.1), else we, say that."""
_CORE = "tag:yaml.org,2002:"
_SCALARS = {"bool", "float", "int", "null", "timestamp"}
_AS_BUILT = {"binary", "map", "merge", "omap", "pairs", "seq", "set", "str"}


class YamlProblem(Exception):
    """The fault that stops the reader. Line and column count from 1; None where there is no one place."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason if line is None else f"{reason} ({line}:{column})")
        self.reason = reason
        self.line = line
        self.column = column


class TooDeep(Exception):
    """Nested deeper than is judged, aliases followed."""

    def __init__(self, reason: str = "it is nested deeper than is judged") -> None:
        super().__init__(reason)


class _Built(Struct):
    """What a node means, and how many levels it goes down with its aliases followed."""

    value: Any
    height: int = 0


def load(text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """The data, as Map, Seq, Date and plain scalars; None without content. Raises YamlProblem and TooDeep."""
    body = text.removeprefix("\ufeff")
    if "\0" in body:
        raise YamlProblem("null byte is not allowed in input", *place(body, body.index("\0")))
    try:
        root, _ = parse(body)
    except RecursionError:
        raise TooDeep from None
    except YamlError as error:
        raise _problem(error) from None
    return None if root is None else _Builder(body).build(root).value


def _problem(error: YamlError) -> YamlProblem | TooDeep:
    """The fault in LibreChat's words where ruamel's say the same, else in ``yamlnodes``' or ruamel's own."""
    if error.reason.startswith("nested deeper"):
        return TooDeep()
    if error.reason.endswith("stands inside what it repeats"):
        return TooDeep("its aliases repeat themselves without end")
    if error.reason.startswith("a second document"):
        return YamlProblem(SECOND)
    raw = error.__context__  # what yamlnodes caught
    said, context = str(getattr(raw, "problem", None) or ""), getattr(raw, "context", None)
    for begins, within, reason in _WORDS:
        if said.startswith(begins) and within in {None, context}:
            return YamlProblem(reason, error.line, error.column)
    return YamlProblem(error.reason, error.line, error.column)


class _Builder:
    """From the nodes of one document to its data."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.known: dict[int, _Built] = {}

    def build(self, node: Node, depth: int = 0) -> _Built:
        """What a node means. Sets the end of block collections, which the parser only hints at."""
        if node.target is not None:
            built = self.known[id(node.target)]
        else:
            built = _KINDS[node.kind](self, node, depth)
            self.known[id(node)] = built
        if depth + built.height > MAX_DEPTH:
            raise TooDeep
        return built

    def problem(self, reason: str, node: Node) -> YamlProblem:
        return YamlProblem(reason, *place(self.text, node.start))

    def scalar(self, node: Node, _depth: int) -> _Built:
        name = (node.tag or "").removeprefix(_CORE)
        if node.tag is None:
            return _Built(plain(node.value)[1] if node.style is None else node.value)
        if node.tag.startswith(_CORE) and name in _SCALARS:
            kind, value = plain(node.value)
            if kind != name:
                raise self.problem(f"the value does not fit its tag !!{name}", node)
            return _Built(value)
        self.check_tag(node)
        return _Built(node.value)

    def check_tag(self, node: Node) -> None:
        """Tags of one's own are a fault to LibreChat."""
        if node.tag and not (node.tag.startswith(_CORE) and node.tag.removeprefix(_CORE) in _AS_BUILT):
            raise self.problem(f"unknown tag !<{node.tag}>", node)

    def sequence(self, node: Node, depth: int) -> _Built:
        self.check_tag(node)
        built = _Built(Seq())
        for item in node.items:
            built.value.append(self.child(built, item, depth))
            built.value.items_at.append(Span(item.start, item.end))
        if node.items and not node.flow:
            node.end = node.items[-1].end
        return built

    def child(self, parent: _Built, node: Node, depth: int) -> Any:  # noqa: ANN401
        built = self.build(node, depth + 1)
        parent.value.size += getattr(built.value, "size", 1)
        parent.height = max(parent.height, built.height + 1)
        return built.value

    def mapping(self, node: Node, depth: int) -> _Built:
        self.check_tag(node)
        built = _Built(Map())
        merged: dict[str, Any] = {}
        for key_node, value_node in node.pairs:
            merges = key_node.kind == "scalar" and key_node.value == "<<" and key_node.style is None
            key = self.key(built, key_node, node, depth)
            if key in built.value.keys_at and not merges:
                raise self.problem(DUPLICATE, key_node)
            value = self.child(built, value_node, depth)
            built.value.keys_at[key] = Span(key_node.start, key_node.end)
            built.value.values_at[key] = Span(value_node.start, value_node.end)
            if merges:
                merged = {**self.source(value, value_node), **merged}
            else:
                built.value[key] = value
        for key, value in merged.items():
            built.value.setdefault(key, value)
        if node.pairs and not node.flow:
            node.end = node.pairs[-1][1].end
        return built

    def key(self, built: _Built, key: Node, mapping: Node, depth: int) -> str:
        if not mapping.flow and key.kind == "scalar" and key.start == key.end:
            raise self.problem("a `:` without a key before it", key)
        return as_key(self.child(built, key, depth))

    def source(self, value: Any, node: Node) -> dict[str, Any]:  # noqa: ANN401
        """What ``<<`` brings; of a list, earlier mappings win."""
        found: dict[str, Any] = {}
        for part in value if isinstance(value, Seq) else [value]:
            if not isinstance(part, Map):
                raise self.problem("`<<` can only merge mappings", node)
            found = {**part, **found}
        return found


_KINDS: dict[str, Callable[[_Builder, Node, int], _Built]] = {
    "scalar": _Builder.scalar,
    "sequence": _Builder.sequence,
    "mapping": _Builder.mapping,
}
