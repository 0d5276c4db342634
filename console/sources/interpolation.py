"""``${NAME:-default}`` as Compose reads it, and the .env files the values come from.

Pure text work; the operator's own shell environment is never asked, because the containers were made without it. Every
rule was checked against Compose v2.26.1: ``$@``, ``$1`` and a lone ``$`` stay as they are, ``${1}`` and ``${`` fail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..yamltext import Tagged

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_COMMENT = re.compile(r"\s+#")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class InterpolationError(ValueError):
    """The text cannot be interpolated; ``str(error)`` is Compose's own reason."""


def expand(text: str, env: Mapping[str, str], where: str = "") -> str:
    """The text with its variables filled in; an unset one without default becomes empty.

    Raises InterpolationError with Compose's words: ``invalid interpolation format for services.a.image. ...`` or
    ``error while interpolating services.a.image: required variable X is missing a value: ...``.
    """
    out: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        out.append(text[at:dollar])
        value, at = _one(text, dollar, env, where)
        out.append(value)
    out.append(text[at:])
    return "".join(out)


def _one(text: str, dollar: int, env: Mapping[str, str], where: str) -> tuple[str, int]:
    """What the dollar sign stands for, and the position behind it."""
    following = text[dollar + 1 : dollar + 2]
    if following == "$":
        return "$", dollar + 2
    if following == "{":
        end = _closing(text, dollar)
        if end is None:
            raise _invalid(text, where)
        return _braced(text[dollar + 2 : end], env, where, text), end + 1
    name = _NAME.match(text, dollar + 1)
    if name is None:
        return "$", dollar + 1
    return env.get(name.group(), ""), name.end()


def _closing(text: str, dollar: int) -> int | None:
    """Position of the brace that closes ``${``, nested ``${`` counted."""
    depth = 0
    at = dollar
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 2
            continue
        if text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return None


def _braced(inner: str, env: Mapping[str, str], where: str, whole: str) -> str:
    match = _NAME.match(inner)
    if match is None:
        raise _invalid(whole, where)
    name, rest = match.group(), inner[match.end() :]
    value = env.get(name)
    if not rest:
        return value or ""
    operator = next((o for o in _OPERATORS if rest.startswith(o)), None)
    if operator is None:
        raise _invalid(whole, where)
    word = rest[len(operator) :]
    there = bool(value) if operator[0] == ":" else value is not None
    if operator[-1] == "+":
        return expand(word, env, where) if there else ""
    if there:
        return value or ""
    if operator[-1] == "?":
        reason = expand(word, env, where)
        said = f"required variable {name} is missing a value" + (f": {reason}" if reason else "")
        raise InterpolationError(f"error while interpolating {where}: {said}" if where else said)
    return expand(word, env, where)


def _invalid(text: str, where: str) -> InterpolationError:
    return InterpolationError(
        f"invalid interpolation format for {where or 'a value'}: {text!r} (escape any $ with another $)"
    )


def expand_tree(value: Any, env: Mapping[str, str], where: str = "") -> Any:  # noqa: ANN401 - YAML holds anything
    """A copy of the data with every text expanded; keys stay as they are. Raises InterpolationError."""
    if isinstance(value, str):
        return expand(value, env, where) if "$" in value else value
    if isinstance(value, dict):
        return {key: expand_tree(inner, env, f"{where}.{key}" if where else str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [expand_tree(inner, env, f"{where}[{number}]") for number, inner in enumerate(value)]
    if isinstance(value, Tagged):
        return Tagged(value.tag, expand_tree(value.value, env, where))
    return value


def parse_env_file(text: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a .env file, as Compose takes them.

    Values in single quotes are literal, all others may use ``$NAME`` of ``base`` and of the lines before. A name
    without ``=`` takes its value from ``base`` or is left out; a line that is no assignment is skipped.
    """
    from io import StringIO

    from dotenv.parser import parse_stream

    known = dict(base or {})
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text.removeprefix("\ufeff"))):
        name, value = binding.key, binding.value
        if name is None or binding.error:
            continue
        if value is None:
            value = known.get(name)
            if value is None:
                continue
        else:
            value = _written(value, binding.original.string.partition("=")[2].strip(), known)
        values[name] = known[name] = value
    return values


def _written(value: str, raw: str, known: Mapping[str, str]) -> str:
    """The value as Compose has it. fact: to Compose ``NAME= # note`` is the text ``# note``, to others nothing."""
    if raw.startswith("'"):
        return value
    return _lenient(_COMMENT.split(raw)[0] if raw.startswith("#") else value, known)


def _lenient(value: str, known: Mapping[str, str]) -> str:
    try:
        return expand(value, known)
    except InterpolationError:
        return value
