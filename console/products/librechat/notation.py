"""Reads the notation of ``schema.txt`` into a tree of shapes, asserting that it has no mistake; and YAML's scalars."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

Version = tuple[int, int, int]
OLDEST: Version = (0, 0, 0)
NEWEST: Version = (9999, 0, 0)
_TOKEN = re.compile(
    r"\s*(?:(?P<range>\[(?:\d+\.\d+\.\d+)?\.\.(?:\d+\.\d+\.\d+)?\])|(?P<text>\"[^\"]*\")|(?P<dots>\.\.\.)"
    r"|(?P<args>\([\w>.\s]+\))|(?P<word>[\w]+(?:-[\w]+)*)|(?P<sign>[\[\]{}()<>|&@!:~+=]))"
)


class Shape(Struct, frozen=True):
    """One kind of value."""

    kind: str
    """``str num bool any null enum literal array record object union both ref``."""
    parts: tuple[Shape, ...] = ()
    fields: tuple[Field, ...] = ()
    values: tuple[str, ...] = ()
    """Of an enum or a literal; the name of a ref; the bounds of a number."""
    strict: bool = False
    at_least: int = 0
    condition: str | None = None


class Field(Struct, frozen=True):
    """One key of an object; a ``key`` of None takes all fields of the shape referred to."""

    key: str | None
    shape: Shape
    since: Version = OLDEST
    until: Version = NEWEST
    required: bool = False


Named = tuple[Version, Version, Shape]


@lru_cache(maxsize=1)
def shapes() -> dict[str, tuple[Named, ...]]:
    """All named shapes of the description, each with the releases it holds for."""
    lines = files(__package__).joinpath("schema.txt").read_text("utf-8").splitlines(keepends=True)
    reader = _Reader("".join(line for line in lines if not line.startswith("#")))
    found: dict[str, tuple[Named, ...]] = {}
    while reader.kind:
        name = reader.take("word")
        since, until = reader.range()
        reader.take("sign", "=")
        found[name] = (*found.get(name, ()), (since, until, reader.union()))
    return found


def version(text: str) -> Version:
    """``0.8.7`` as numbers."""
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text.rstrip(), 0
        self.kind, self.value = "", ""
        self._next()

    def _next(self) -> None:
        match = _TOKEN.match(self.text, self.at)
        assert match is not None or self.at >= len(self.text), self.text[self.at : self.at + 40]  # noqa: S101
        self.kind, self.value = ("", "") if match is None else (match.lastgroup or "", match[match.lastgroup or 0])
        self.at = match.end() if match else self.at

    def take(self, kind: str, value: str | None = None) -> str:
        """Step over a token of this kind."""
        assert self.kind == kind and value in {None, self.value}, (kind, value, self.text[self.at - 40 : self.at])  # noqa: S101, PT018
        taken = self.value
        self._next()
        return taken

    def has(self, value: str) -> bool:
        """Whether this sign stands here; it is stepped over."""
        if self.kind == "sign" and self.value == value:
            self._next()
            return True
        return False

    def range(self) -> tuple[Version, Version]:
        """``[0.8.3..]``; everything where nothing is written."""
        if self.kind != "range":
            return OLDEST, NEWEST
        since, until = self.take("range")[1:-1].split("..")
        return (version(since) if since else OLDEST), (version(until) if until else NEWEST)

    def union(self) -> Shape:
        """``A | B``."""
        parts = [self._both()]
        while self.has("|"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Shape("union", tuple(parts))

    def _both(self) -> Shape:
        parts = [self._atom()]
        while self.has("&"):
            parts.append(self._atom())
        return parts[0] if len(parts) == 1 else Shape("both", tuple(parts))

    def _atom(self) -> Shape:
        shape = self._bare()
        if not self.has("~"):
            return shape
        return replace(shape, condition=self.take("word"))

    def _bare(self) -> Shape:
        if self.kind == "text":
            return Shape("literal", values=(self.take("text")[1:-1],))
        if self.has("@"):
            return Shape("ref", values=(self.take("word"),))
        if self.has("["):
            item = self.union()
            self.take("sign", "]")
            return Shape("array", (item,), at_least=int(self.has("+")))
        if self.has("{"):
            return self._object(strict=False)
        word = self.take("word")
        if word == "strict":
            self.take("sign", "{")
            return self._object(strict=True)
        if word == "rec":
            self.take("sign", "<")
            item = self.union()
            self.take("sign", ">")
            return Shape("record", (item,))
        arguments = tuple(self.take("args")[1:-1].split()) if self.kind == "args" else ()
        return Shape(word, values=arguments)

    def _object(self, *, strict: bool) -> Shape:
        fields: list[Field] = []
        while not self.has("}"):
            if self.kind == "dots":
                self._next()
                shape, key = Shape("ref", values=(self.take("word"),)), None
                fields.append(Field(key, shape, *self.range()))
                continue
            name = self.take("word")
            since, until = self.range()
            required = self.has("!")
            self.take("sign", ":")
            fields.append(Field(name, self.union(), since, until, required))
        return Shape("object", fields=tuple(fields), strict=strict)


_CORE = "tag:yaml.org,2002:"
LONGEST = 400
"""Characters of a number; one of more digits is no number that means anything."""


class TextSpan(Struct, frozen=True):
    """Where something is written: character indices into the text without its byte order mark."""

    start: int
    end: int


class Map(dict[str, Any]):
    """A mapping, and where each key and value of it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_at: dict[str, TextSpan] = {}
        self.values_at: dict[str, TextSpan] = {}
        self.size = 1
        """Values in it, itself included, as often as aliases repeat them."""


class Seq(list[Any]):
    """A list, and where each item of it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.items_at: list[TextSpan] = []
        self.size = 1


class Date(Struct, frozen=True):
    """An unquoted date."""

    text: str


@lru_cache(maxsize=1)
def _rules() -> tuple[Callable[[str], str], Callable[[str, str], Any]]:
    """The rules of ruamel: the kind of a bare scalar, and the number it stands for."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.tag import Tag

    yaml = YAML(typ="safe", pure=True)
    numbers = {"int": yaml.constructor.construct_yaml_int, "float": yaml.constructor.construct_yaml_float}

    def kind(text: str) -> str:
        return str(yaml.resolver.resolve(ScalarNode, text, [True, False])).removeprefix(_CORE)

    def number(name: str, text: str) -> Any:  # noqa: ANN401
        return numbers[name](ScalarNode(Tag(suffix=_CORE + name), text))

    return kind, number


def plain(text: str) -> tuple[str, Any]:
    """Kind and meaning of an unquoted scalar: None, bool, int, float, Date or the text itself."""
    kind, number = _rules()
    name = kind(text)
    if name in {"int", "float"}:
        return _number(name, text, number)
    if name == "timestamp":
        return name, Date(text)
    return name, {"null": None, "bool": text.lower() == "true"}.get(name, text)


def _number(name: str, text: str, number: Callable[[str, str], Any]) -> tuple[str, Any]:
    if len(text) > LONGEST:
        return name, math.inf
    try:
        return ("str", text) if text.endswith("_") else (name, number(name, text))
    except ValueError:  # `0x_`
        return "str", text


def as_key(value: Any) -> str:  # noqa: ANN401
    """A key as the text that JavaScript makes of it."""
    if isinstance(value, Map):
        return "[object Object]"
    if isinstance(value, Seq):
        return ",".join("" if item is None else as_key(item) for item in value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.text if isinstance(value, Date) else str(value)
