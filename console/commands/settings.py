"""``stackops settings``: every setting, its value, and where it comes from; the schema of the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from ..exit_codes import ExitCode
from ..text import N_, _, of_environment
from .session import Session, pass_session

_GIVEN_BY_FLAG = ("host", "project", "read_only", "theme", "ascii", "lang")


@dataclass(frozen=True)
class SettingRow:
    """One setting as it counts."""

    name: str
    """Dotted, as in the file: ``checks.severity.mongo.keyfile``."""
    value: object
    """Plain data: text, number, list or table."""
    origin: str
    """``default``, ``file``, ``flag`` or ``environment``."""
    where: str
    """File and line, the flag, the variable; empty for a default."""

    @property
    def shown(self) -> str:
        """The value as the file would have it."""
        return _toml(self.value)


@click.command(short_help="Every setting, its value, and where it comes from.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of stackops.toml instead.")
@pass_session
def settings(session: Session, schema: bool) -> int:
    """Say what each setting is, and where its value comes from: the file and its line, a flag, the environment.

    A setting that nobody gave has its default. With --schema: the JSON schema of stackops.toml, for editors and for
    checks before a file is used.
    """
    session.output_mode()
    if schema:
        import json

        session.output.data(json.dumps(json_schema(), indent=2))
        return ExitCode.OK
    from ..report.text import padded
    from ..settings import located

    chosen = session.options.get("config")
    file, text = located(None if chosen is None else str(chosen))
    rows = list(_rows(session, str(file), text or ""))
    places = _places(str(file), there=text is not None, chosen=chosen is not None)
    wide = [max(len(each) for each in column) for column in zip(*((r.name, r.shown[:40]) for r in rows), strict=True)]
    session.output.answer(
        lambda: {
            "places": dict(places),
            "settings": [{"name": r.name, "value": r.value, "from": r.origin, "where": r.where} for r in rows],
        },
        lambda: [("place", *each) for each in places] + [(r.origin, r.name, r.shown, r.where) for r in rows],
        lambda: [
            *(("", "", f"{padded(_(what) + ':', wide[0])}  {where}") for what, where in places),
            ("", "", ""),
            *(("", "", f"{r.name:<{wide[0]}}  {r.shown:<{wide[1]}}  {r.where or _(r.origin)}") for r in rows),
        ],
    )
    return ExitCode.OK


def _places(file: str, *, there: bool, chosen: bool) -> list[tuple[str, str]]:
    """Where things lie, and who said so."""
    from ..paths import state_directory, themes_directory

    said = " (--config)" if chosen else " (STACKOPS_CONFIG)" if os.environ.get("STACKOPS_CONFIG") else ""
    state = " (STACKOPS_STATE_DIR)" if os.environ.get("STACKOPS_STATE_DIR") else ""
    return [
        (N_("settings file"), f"{file}{said}{'' if there else _(', which is not there')}"),
        (N_("themes"), str(themes_directory())),
        (N_("state"), f"{state_directory()}{state}"),
    ]


def _rows(session: Session, file: str, text: str) -> Iterator[SettingRow]:
    """Every setting, in the order in which the types have them."""
    import tomllib

    data, lines = tomllib.loads(text), text.splitlines()
    for path, value in _leaves(session.settings, ()):
        yield _row(path, value, session, data, lines, file)


def _row(
    path: tuple[str | int, ...], value: object, session: Session, data: dict[str, Any], lines: list[str], file: str
) -> SettingRow:
    from ..text.toml_text import line_of

    name = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path)[1:]
    if path[0] in _GIVEN_BY_FLAG and path[0] in session.options:
        return SettingRow(name, value, "flag", f"--{name.replace('_', '-')}")
    if _is_in(data, path):
        line = line_of(lines, path)
        return SettingRow(name, value, "file", file if line is None else f"{file}:{line}")
    if name == "host" and value is None and (given := os.environ.get("DOCKER_HOST")):
        return SettingRow(name, given, "environment", "DOCKER_HOST")
    if name == "lang" and (asked := of_environment(os.environ))[0] != "en":
        return SettingRow(name, asked[0], "environment", asked[1])
    return SettingRow(name, value, "default", "")


def _leaves(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Each setting with its path. Of a section its settings, of a table of names and a list of tables the entries."""
    import msgspec

    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from _leaves(getattr(value, field.name), (*path, field.encode_name))
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield (*path, key), msgspec.to_builtins(item)
    elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, msgspec.to_builtins(value)


def _is_in(data: object, path: tuple[str | int, ...]) -> bool:
    for part in path:
        if isinstance(part, int):
            if not isinstance(data, list) or part >= len(data):
                return False
            data = data[part]
        elif not isinstance(data, dict) or part not in data:
            return False
        else:
            data = data[part]
    return True


def _toml(value: object) -> str:
    import json

    if value is None:
        return _("not set")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def json_schema() -> dict[str, Any]:
    """The schema of stackops.toml, made from the types that its loader reads, with their own words."""
    import msgspec

    from .. import settings as types

    made: dict[str, Any] = msgspec.json.schema(types.Settings)
    told = _descriptions(types)
    for name, definition in made["$defs"].items():
        for field, words in told.get(name, {}).items():
            definition["properties"][field]["description"] = words
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "stackops.toml", **made}


def _descriptions(module: Any) -> dict[str, dict[str, str]]:  # noqa: ANN401 - a module
    """What stands under each setting in the source, by class and field. Attributes have no docstring at run time."""
    import ast
    import inspect
    from itertools import pairwise

    return {
        node.name: {
            field.target.id: " ".join(words.value.value.replace("``", "").split())
            for field, words in pairwise(node.body)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            and isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant)
            and isinstance(words.value.value, str)
        }
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef)
    }  # fmt: skip
