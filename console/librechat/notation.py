"""Reads the notation of ``schema_text`` into a tree of shapes. Pure; a mistake in the text is an AssertionError."""

from __future__ import annotations

import re
from functools import lru_cache

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
    from .schema_text import TEXT

    reader = _Reader(TEXT)
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
