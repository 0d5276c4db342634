"""Texts in TOML that people write: each mistake is one sentence with file, line, key and a way out.

What a file may hold is said by Structs of msgspec; their own errors name neither line nor key in words, and stop at the
first type without a hint. So ``TypeJudge`` compares the data with the types before msgspec converts it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct, inspect

from ..paths import read
from ..text import _
from .cleaning import clean_line

SettingPath = tuple[str | int, ...]
"""Keys from the top down; of a list the number of what is meant in it, counted from 0."""
MOST = 1 << 20
"""Bytes of such a file."""
_TABLE = re.compile(r"\s*\[\[?\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")


class SettingsError(Exception):
    """The settings cannot be used; ``str(error)`` is the sentence."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def instead(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    known = list(known)
    guess = nearest(word, known)
    if guess is not None:
        return _('did you mean "{guess}"?', guess=guess)
    return _("known are {known}", known=", ".join(known)) if known else _("none is known here")


def text_of(file: Path) -> str:
    """The text of a file that somebody wrote. Raises FileNotFoundError where there is none, else SettingsError."""
    try:
        return read(file, MOST, links=True).decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise SettingsError(
            _("{file}: not UTF-8 text (byte {start}); save it as UTF-8", file=file, start=error.start)
        ) from None
    except OSError as error:
        raise SettingsError(
            _("{file}: cannot be read ({strerror}); make it a readable file", file=file, strerror=error.strerror)
        ) from None


def parsed(text: str, name: str, kind: type[Struct]) -> dict[str, Any]:
    """What a text holds that is called ``name``, judged by the types it must have. Raises SettingsError."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(name, error) from None
    TypeJudge(name, text).check(data, kind)
    return data


def _syntax(name: str, error: Exception) -> SettingsError:
    """The file is no TOML at all."""
    message = str(error)
    at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    where = f":{at[1]}" if at and at[1] else ""
    what = message[: at.start()] if at else message
    column = _(" at column {at}", at=at[2]) if at and at[2] else _(" at its end") if at else ""
    return SettingsError(
        _("{name}{where}: not valid TOML{column}: {what}", name=name, where=where, column=column, what=what)
    )


class TypeJudge:
    """Compares the data of one file with the types they must have; raises SettingsError at the first that differs."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = text.splitlines()

    def check(self, value: object, kind: Any, path: SettingPath = ()) -> None:  # noqa: ANN401 - a type, as get_args gives it
        """Judge one value and everything in it."""
        if isinstance(kind, type) and issubclass(kind, Struct):
            self._struct(value, kind, path)
        elif get_origin(kind) is dict:
            for key, item in self._table(value, path).items():
                self.check(item, get_args(kind)[1], (*path, key))
        elif get_origin(kind) is tuple:
            if not isinstance(value, list):
                raise self._wrong(
                    value, path, _("a list in brackets, each {describe}", describe=_describe(get_args(kind)[0]))
                )
            for number, item in enumerate(value):
                self.check(item, get_args(kind)[0], (*path, number))
        else:
            self._leaf(value, kind, path)

    def _struct(self, value: object, kind: type[Struct], path: SettingPath) -> None:
        table = self._table(value, path)
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        section = _dotted(path) or _("top level")
        for key, item in table.items():
            if key not in fields:
                raise self._error(
                    (*path, key),
                    _(
                        'unknown key "{key}" in [{section}]; {instead}',
                        key=clean_line(key, 60),
                        section=section,
                        instead=instead(key, fields),
                    ),
                )
            self.check(item, fields[key], (*path, key))
        for field in msgspec.structs.fields(kind):
            if field.required and field.encode_name not in table:
                raise self._error(
                    path,
                    _(
                        '"{encode_name}" is missing in [{section}]; give {describe}',
                        encode_name=field.encode_name,
                        section=section,
                        describe=_describe(field.type),
                    ),
                )

    def _table(self, value: object, path: SettingPath) -> dict[str, object]:
        if not isinstance(value, dict):
            raise self._wrong(value, path, _("a section, written [{dotted}]", dotted=_dotted(path)))
        return value

    def _leaf(self, value: object, kind: Any, path: SettingPath) -> None:  # noqa: ANN401
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise self._wrong(value, path, _describe(kind), _choices(kind)) from None

    def _wrong(self, value: object, path: SettingPath, expected: str, choices: tuple[str, ...] = ()) -> SettingsError:
        guess = nearest(value, choices) if isinstance(value, str) else None
        hint = _('; did you mean "{guess}"?', guess=guess) if guess else ""
        if isinstance(value, dict) and expected.startswith("text"):
            hint = _("; a name with dots goes in quotes")
        return self._error(
            path,
            _(
                '"{dotted}" must be {expected}, not {show}{hint}',
                dotted=_dotted(path),
                expected=expected,
                show=_show(value),
                hint=hint,
            ),
        )

    def _error(self, path: SettingPath, sentence: str) -> SettingsError:
        line = line_of(self._lines, path)
        return SettingsError(f"{self._name}{'' if line is None else f':{line}'}: {sentence}")


def _describe(kind: Any) -> str:  # noqa: ANN401
    info = inspect.type_info(_without_none(kind))
    if isinstance(info, inspect.Metadata):
        return str((info.extra_json_schema or {}).get("description", "something else"))
    if isinstance(info, inspect.FloatType | inspect.IntType):
        what = _("a number") if isinstance(info, inspect.FloatType) else _("a whole number")
        return (
            what
            if info.ge is None or info.le is None
            else _("{what} from {ge:g} to {le:g}", what=what, ge=info.ge, le=info.le)
        )
    if isinstance(info, inspect.LiteralType):
        return _("one of ") + ", ".join(f'"{value}"' for value in _choices(kind))
    if isinstance(info, inspect.StrType) and info.pattern:
        return _("text of a certain form")
    if isinstance(info, inspect.DateType):
        return _("a date such as 2027-01-31")
    return _("true or false") if isinstance(info, inspect.BoolType) else _("text in quotes")


def _choices(kind: Any) -> tuple[str, ...]:  # noqa: ANN401
    plain = _without_none(kind)
    return (
        tuple(str(value) for value in get_args(plain))
        if isinstance(inspect.type_info(plain), inspect.LiteralType)
        else ()
    )


def _without_none(kind: Any) -> Any:  # noqa: ANN401
    if get_origin(kind) in (Union, UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _show(value: object) -> str:
    if isinstance(value, str):
        return _('the text "{value}"', value=clean_line(value, 40))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value}"
    return _("a list") if isinstance(value, list) else _("a section") if isinstance(value, dict) else str(value)[:40]


def line_of(lines: list[str], path: SettingPath) -> int | None:
    """The line that sets the key, counted from 1; the section's own line when the key hides in an inline table."""
    table: SettingPath = ()
    section: int | None = None
    count: dict[SettingPath, int] = {}
    for number, line in enumerate(lines, start=1):
        header = _TABLE.match(line)
        if header:
            table = _keys(header[1])
            if line.lstrip().startswith("[["):
                count[table] = count.get(table, -1) + 1
                table = (*table, count[table])
            if table == path:
                return number
            section = number if table == path[: len(table)] else section
        elif "=" in line and not line.lstrip().startswith("#"):
            found = table + _keys(line.split("=", 1)[0])
            if found == path:
                return number
            section = number if found and found == path[: len(found)] else section
    return section


def _dotted(path: SettingPath) -> str:
    """The path as it is written; of which one in a list the line tells."""
    return ".".join(part for part in path if isinstance(part, str))


def _keys(dotted: str) -> SettingPath:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'\s*(?:"[^"]*"|\'[^\']*\'|[^."\']+)\s*', dotted))
