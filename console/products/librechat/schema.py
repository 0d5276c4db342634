"""Judges data by the shapes of one release, with the issues LibreChat's own validator would list.

fact: the validator is zod 3: required keys, then types, in the order of the schema; unknown keys of a strict object
after its known ones; a union reports the issues of an option that fits but for its conditions, else "Invalid input".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from .notation import Date, Shape, Version, shapes

Path = tuple[str | int, ...]
State = Literal["good", "dirty", "bad"]
"""Dirty: the right type, but a condition is not met."""
BUDGET = 200_000
"""Values looked at; aliases may repeat a part without end."""
MAX_PATH = 60
"""An alias inside what it repeats has no bottom."""
BUILT_IN_OLD = (
    "azureOpenAI", "openAI", "bingAI", "chatGPTBrowser", "google", "gptPlugins", "anthropic", "assistants", "custom",
)  # fmt: skip
BUILT_IN = (
    "azureOpenAI", "openAI", "google", "anthropic", "assistants", "azureAssistants", "agents", "custom", "bedrock",
)  # fmt: skip


class Issue(Struct, frozen=True):
    """One complaint of the validator."""

    path: Path
    code: str
    message: str


class TooMuch(Exception):
    """The data are endless."""


class _Nothing:
    """A key that is not there."""


NOTHING = _Nothing()


def built_in(release: Version) -> tuple[str, ...]:
    """Names of endpoints that a custom one must not have."""
    return BUILT_IN_OLD if release <= (0, 7, 2) else BUILT_IN


def judge(data: Any, release: Version, env: Mapping[str, str]) -> list[Issue]:  # noqa: ANN401 - YAML holds anything
    """The issues of a whole configuration, none when it is accepted. Raises TooMuch."""
    judge = _Judge(release, env)
    judge.check(data, Shape("ref", values=("config",)), ())
    return judge.issues


def type_name(value: Any) -> str:  # noqa: ANN401
    """What the validator calls the type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "nan" if isinstance(value, float) and math.isnan(value) else "number"
    names = ((str, "string"), (list, "array"), (Date, "date"), (type(None), "null"), (_Nothing, "undefined"))
    return next((name for kind, name in names if isinstance(value, kind)), "object")


_EXPECTED = {"str": "string", "num": "number", "bool": "boolean", "null": "null", "array": "array",
             "record": "object", "object": "object"}  # fmt: skip


class _Judge:
    def __init__(self, release: Version, env: Mapping[str, str]) -> None:
        self.release, self.env = release, env
        self.issues: list[Issue] = []
        self.left = BUDGET

    def add(self, path: Path, code: str, message: str) -> None:
        self.issues.append(Issue(path, code, message))

    def check(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        """Judge one value; its issues are added."""
        self.left -= 1
        if self.left < 0 or len(path) > MAX_PATH:
            raise TooMuch
        if shape.kind == "ref":
            return self.check(value, self.named(shape.values[0]), path)
        state = self._kind(value, shape, path)
        if state == "bad" or shape.condition is None:
            return state
        complaint = CONDITIONS[shape.condition](value, self)
        if complaint is None:
            return state
        self.add((*path, *complaint[0]), "custom", complaint[1])
        return "dirty"

    def named(self, name: str) -> Shape:
        """The shape of that name in this release."""
        return next(shape for since, until, shape in shapes()[name] if since <= self.release <= until)

    def _kind(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        if shape.kind == "any":
            return "good"
        if shape.kind in _EXPECTED and type_name(value) != _EXPECTED[shape.kind]:
            return self._wrong_type(value, _EXPECTED[shape.kind], path)
        method: Callable[[Any, Shape, Path], State] = getattr(self, f"_{shape.kind}", self._good)
        return method(value, shape, path)

    def _wrong_type(self, value: Any, expected: str, path: Path) -> State:  # noqa: ANN401
        got = type_name(value)
        self.add(path, "invalid_type", "Required" if got == "undefined" else f"Expected {expected}, received {got}")
        return "bad"

    def _good(self, _value: Any, _shape: Shape, _path: Path) -> State:  # noqa: ANN401
        return "good"

    def _num(self, value: float, shape: Shape, path: Path) -> State:
        state: State = "good"
        for code, message in _number_faults(value, shape.values):
            self.add(path, code, message)
            state = "dirty"
        return state

    def _enum(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        choices = " | ".join(f"'{one}'" for one in shape.values)
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if text in shape.values:
            return "good"
        if not isinstance(value, str):
            return self._wrong_type(value, choices, path)
        self.add(path, "invalid_enum_value", f"Invalid enum value. Expected {choices}, received '{value}'")
        return "bad"

    def _literal(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        if value == shape.values[0]:
            return "good"
        self.add(path, "invalid_literal", f'Invalid literal value, expected "{shape.values[0]}"')
        return "bad"

    def _array(self, value: list[Any], shape: Shape, path: Path) -> State:
        state: State = "good"
        if len(value) < shape.at_least:
            self.add(path, "too_small", f"Array must contain at least {shape.at_least} element(s)")
            state = "dirty"
        return _worst(state, *(self.check(item, shape.parts[0], (*path, n)) for n, item in enumerate(value)))

    def _record(self, value: Mapping[str, Any], shape: Shape, path: Path) -> State:
        return _worst("good", *(self.check(item, shape.parts[0], (*path, key)) for key, item in value.items()))

    def fields(self, shape: Shape) -> Iterator[tuple[str, Shape, bool]]:
        """The keys of an object in this release."""
        for field in shape.fields:
            if not field.since <= self.release <= field.until:
                continue
            if field.key is None:
                yield from self.fields(self.named(field.shape.values[0]))
            else:
                yield field.key, field.shape, field.required

    def _object(self, value: Mapping[str, Any], shape: Shape, path: Path) -> State:
        known = {key: (part, required) for key, part, required in self.fields(shape)}
        state: State = "good"
        for key, (part, required) in known.items():
            there = value.get(key, NOTHING)
            if there is not NOTHING or required:
                state = _worst(state, self._field(there, part, (*path, key)))
        unknown = [key for key in value if key not in known] if shape.strict else []
        if unknown:
            names = ", ".join(f"'{key}'" for key in unknown)
            self.add(path, "unrecognized_keys", f"Unrecognized key(s) in object: {names}")
            state = _worst(state, "dirty")
        return state

    def _field(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        if value is NOTHING and shape.kind in {"ref", "union"}:
            self.add(path, "invalid_type", "Required")
            return "bad"
        return self.check(value, shape, path)

    def _union(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        other = [part for part in shape.parts if part.kind != "null"]
        if len(other) == 1:  # fact: a nullable type complains of the type itself
            return "good" if value is None else self.check(value, other[0], path)
        before, dirty = self.issues, None
        for part in shape.parts:
            self.issues = []
            state = self.check(value, part, path)
            if state == "good":
                self.issues = before
                return "good"
            if state == "dirty" and dirty is None:
                dirty = self.issues
        self.issues = before
        if dirty is not None:
            self.issues += dirty
            return "dirty"
        self.add(path, "invalid_union", "Invalid input")
        return "bad"

    def _both(self, value: Any, shape: Shape, path: Path) -> State:  # noqa: ANN401
        return _worst("good", *[self.check(value, part, path) for part in shape.parts])


def _worst(*states: State) -> State:
    return "bad" if "bad" in states else "dirty" if "dirty" in states else "good"


def _number_faults(value: float, bounds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for bound in bounds:
        low, dots, high = bound.partition("..")
        if bound == "int":
            if not float(value).is_integer():
                yield "invalid_type", "Expected integer, received float"
        elif bound.startswith(">"):
            if value <= float(bound[1:]):
                yield "too_small", f"Number must be greater than {bound[1:]}"
        elif dots and low and value < float(low):
            yield "too_small", f"Number must be greater than or equal to {low}"
        elif dots and high and value > float(high):
            yield "too_big", f"Number must be less than or equal to {high}"


Complaint = tuple[Path, str] | None


def _name(value: str, judge: _Judge) -> Complaint:
    names = built_in(judge.release)
    message = f"Value cannot be one of the default endpoint (EModelEndpoint) values: {', '.join(names)}"
    return ((), message) if value in names else None


def _some_endpoint(value: Mapping[str, Any], judge: _Judge) -> Complaint:
    known = {key for key, _, _ in judge.fields(judge.named("endpoints"))}
    return None if known & value.keys() else ((), "At least one `endpoints` field must be provided.")


def _web_search(value: Mapping[str, Any], _judge: _Judge) -> Complaint:
    if isinstance(value.get("web_search", True), bool):
        return None
    return ("web_search",), "`web_search` must be a boolean in addParams"


def _mcp_title(value: str, _judge: _Judge) -> Complaint:
    return None if re.fullmatch(r"[a-zA-Z0-9 ]+", value) else ((), "Invalid")


def expand(text: str, env: Mapping[str, str]) -> str:
    """Every ``${NAME}`` replaced by the environment; what is not set, or empty, stays as written."""
    return re.sub(r"\$\{([^}]+)\}", lambda match: env.get(match[1]) or match[0], text.strip())


_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?://)?[^\s/]", re.ASCII)


def _url(value: str, judge: _Judge, *, socket: bool) -> Complaint:
    match = _URL.match(expand(value, judge.env))
    if match is None:
        return (), "Invalid url"
    is_socket = match[1].lower() in {"ws", "wss"}
    return None if is_socket == socket else ((), "Wrong protocol in url")


CONDITIONS: dict[str, Callable[[Any, _Judge], Complaint]] = {
    "name": _name,
    "some_endpoint": _some_endpoint,
    "web_search": _web_search,
    "mcp_title": _mcp_title,
    "websocket_url": lambda value, judge: _url(value, judge, socket=True),
    "web_url": lambda value, judge: _url(value, judge, socket=False),
}
