"""The containers that remember where things stand, and what an unquoted scalar means to LibreChat. Pure.

Scalars follow the rules of ruamel.yaml for YAML 1.2, which are LibreChat's but for dates (fact: librechat-stack 5.2):
only ``true`` and ``false`` are booleans, ``1.1`` is a number, ``1.0.9`` is text, ``010`` is ten. ruamel is imported
where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Struct

_CORE = "tag:yaml.org,2002:"
LONGEST = 400
"""Characters of a number; one of more digits is no number that means anything."""


class Span(Struct, frozen=True):
    """Where something is written: character indices into the text without its byte order mark."""

    start: int
    end: int


class Map(dict[str, Any]):
    """A mapping, and where each key and value of it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_at: dict[str, Span] = {}
        self.values_at: dict[str, Span] = {}
        self.size = 1
        """Values in it, itself included, as often as aliases repeat them."""


class Seq(list[Any]):
    """A list, and where each item of it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.items_at: list[Span] = []
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
