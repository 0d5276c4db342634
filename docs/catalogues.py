"""Writes the catalogues of translations from the source: ``python docs/catalogues.py``.

New texts get an empty entry, texts that are gone go, translations stay; then each ``.po`` is compiled to the ``.mo``
that the program loads. What stands in a table of the source is taken from the table: places, actions, checks' forms.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from string import Formatter
from typing import get_args

import polib
from stackops.console.model.apps import HopName, HopState
from stackops.console.model.findings import Safety, ServiceState, Severity
from stackops.console.model.gpus import ServerState
from stackops.console.model.machine import ContainerState
from stackops.console.model.paths import StepName, StepState
from stackops.console.text import DOMAINS, FOLDERS, LOCALE

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"console": ("console", "screens"), "checks": ("console/fix", "console/products", "checks")}
"""Folders whose texts a catalogue has; what lies in a folder of the second one is none of the first one's."""
Texts = dict[tuple[str, str], set[str]]
"""English and its plural, empty where it has none -> the files with it."""
HEADER = {
    "Project-Id-Version": "stackops", "Language": "", "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8", "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}  # fmt: skip


MARKED: dict[str, tuple[int, ...]] = {
    "Column": (1,), "_part": (0,), "heads": tuple(range(20)), "decode": (2,), "call_async": (2,),
    "CardTrouble": (1, 2),
}  # fmt: skip
"""Calls, besides those of ``N_``, whose texts are translated where they are shown: which of their arguments."""


def marked(tree: ast.Module) -> Iterator[str]:
    """The texts in these calls, and what a source says that it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == ["what"]:
            yield from (e.value for e in [node.value] if isinstance(e, ast.Constant) and isinstance(e.value, str))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKED:
            for place in MARKED[node.func.id]:
                each = node.args[place] if place < len(node.args) else None
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, tuple[str, str]]]:
    """Each call of ``_``, ``N_`` and ``n_`` with its text. Raises ValueError for ``N_`` and ``n_`` of a variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "N_", "n_"}:
            count = 2 if node.func.id == "n_" else 1
            given = [each.value if isinstance(each, ast.Constant) else None for each in node.args[:count]]
            if all(isinstance(each, str) for each in given):
                yield node, (str(given[0]), str(given[1]) if count == 2 else "")
            elif node.func.id == "N_" and isinstance(node.args[0], ast.JoinedStr):
                continue  # what hosts and products say of a machine: below
            elif node.func.id != "_" or any(isinstance(each, ast.JoinedStr) for each in node.args):
                raise ValueError(f"line {node.lineno}: a text has to stand in the call itself")


def reasons(tree: ast.Module) -> Iterator[str]:
    """The templates of the sentences that ``told`` finds again: of each ``N_(f"…")``, and what a child may say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_":
            yield from (template(each) for each in node.args if isinstance(each, ast.JoinedStr))
        elif isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == ["REASONS"]:
            yield from (text for _, (text, _many) in calls(ast.Module([node], [])) if "{" in text)


def template(made: ast.JoinedStr) -> str:
    """With a name for each part that is filled in, which no other one has."""
    parts, names = [], []
    for each in made.values:
        if isinstance(each, ast.FormattedValue):
            name = _name(each.value)
            names.append(name)
            parts.append(f"{{{name}{names.count(name) if names.count(name) > 1 else ''}}}")
        else:
            parts.append(str(getattr(each, "value", "")))
    return "".join(parts)


def _name(filled: ast.expr) -> str:
    """What a part is called: by the innermost thing that it is made of."""
    match filled:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(func=ast.Attribute(attr="join"), args=[inner]) | ast.Call(func=ast.Name(), args=[inner, *_]):
            return _name(inner)
        case ast.Call(func=ast.Attribute(attr="shown"), args=[inner]):
            return _name(inner)
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.BinOp(left=inner) | ast.GeneratorExp(elt=inner):
            return _name(inner)
        case ast.BoolOp(values=[inner, *_]) | ast.IfExp(body=inner):
            return _name(inner)
    return "what"


def domain_of(path: Path) -> str:
    """The catalogue for the texts of a file."""
    name = path.relative_to(ROOT).as_posix()
    return "checks" if name.startswith(ROOMS["checks"]) else "console"


def files() -> Iterator[Path]:
    """Every module whose texts are translated."""
    for room in ("console", "screens", "checks"):
        yield from sorted((ROOT / room).rglob("*.py"))


def texts(domain: str) -> Texts:
    """All texts of a domain."""
    found: Texts = {}
    for path in files():
        tree = ast.parse(path.read_text("utf-8"))
        if domain == "reasons":
            for text in reasons(tree):
                found.setdefault((text, ""), set()).add(path.relative_to(ROOT).as_posix())
        elif domain_of(path) == domain:
            for text in (*(each for _, each in calls(tree)), *((each, "") for each in marked(tree) if each)):
                found.setdefault(text, set()).add(path.relative_to(ROOT).as_posix())
    for text, place in {"console": _of_console, "checks": _of_checks, "reasons": lambda: ()}[domain]():
        if text:
            found.setdefault((text, ""), set()).add(place)
    return found


def _of_console() -> Iterator[tuple[str, str]]:
    """What stands in the tables of the screens, in the commands' help, and in the model: states are words too."""
    yield from ((text, "screens/registry.py") for text in _of_registry())
    yield from ((text, "console/commands") for text in _of_commands())
    types = (ContainerState, ServiceState, ServerState, HopName, HopState, StepName, StepState, Severity, Safety)
    yield from ((text, "console/model") for each in types for text in get_args(each) if text != "none")
    for text in ("fix", "undo", "resume", "roll back", "prepare", "apply", "verify", "wait", "healthy", "unhealthy",
                 "default", "file", "flag", "environment", "open", "done", "undone", "rolled-back", "failed",
                 "running", "taken-back", "not-done", "begun", "skipped", "engine dead", "wrong key",
                 "probe", "reasoning", "published port", "container address"):  # fmt: skip
        yield text, "console/model"


def _of_registry() -> Iterator[str]:
    from stackops.screens.registry import ACTIONS, PLACES

    for place in PLACES:
        yield from (place.title, place.help, place.short, place.label, place.name)
    for action in ACTIONS:
        yield from (action.label, action.help, action.both, action.id.partition(".")[0].replace("app", "go"))


CLICK = (
    "Usage:", "Usage: ", "Options", "Commands", "Show this message and exit.", "default: {default}", "Missing command.",
    "Missing argument", "Missing option", "Missing parameter", "Missing {param_type}",
    "Missing parameter: {param_name}",
    "Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})", "No such option {name!r}.",
    "No such option: {name}", "Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)",
    "(Possible options: {possibilities})", "Invalid value: {message}", "Invalid value for {param_hint}: {message}",
    "Choose from:\n\t{choices}", "{value!r} is not {choice}.", "{value!r} is not one of {choices}.",
    "{value!r} is not a valid {number_type}.", "{value} is not in the range {range}.",
    "{value!r} is not a valid boolean. Recognized values: {states}", "Option {name!r} does not take a value.",
    "Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments.",
    "{name} {filename!r} does not exist.", "{name} {filename!r} is a file.", "{name} {filename!r} is a directory.",
    "{name} {filename!r} is not readable.", "Positional arguments", "file", "directory", "path", "Path",
    "integer", "float", "File", "Directory",
)  # fmt: skip
"""What click itself says: in its releases from 8.2 on."""


def _of_commands() -> Iterator[str]:
    from importlib import import_module

    from stackops.console import cli

    yield cli._console.__doc__ or ""
    yield from CLICK
    for name, module in cli.COMMANDS.items():
        command = getattr(import_module(f"stackops.console.commands.{module}"), name)
        yield from (cleandoc(command.help or ""), command.short_help or "")
        yield from (each.help for each in command.params if getattr(each, "help", None))


def _of_checks() -> Iterator[tuple[str, str]]:
    """What stands in the checks: titles, docstrings, forms."""
    from stackops.checks.registry import ALL

    for check in ALL:
        for text in check.texts():
            yield text, f"checks/{check.id.replace('.', '/').replace('-', '_')}.py"


def placeholders(text: str) -> list[str]:
    """The placeholders of a template, sorted; a text that is none has none."""
    try:
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    except ValueError:
        return re.findall(r"\{(\w*)\}", text)


def po_path(domain: str, folder: str) -> Path:
    """Where a catalogue lies."""
    return LOCALE / folder / "LC_MESSAGES" / f"{domain}.po"


def merged(domain: str, folder: str) -> polib.POFile:
    """The catalogue with exactly the texts of the source, and the translations that it has of them."""
    path, made = po_path(domain, folder), polib.POFile(wrapwidth=110)
    old = {(e.msgid, e.msgid_plural): e for e in polib.pofile(str(path))} if path.exists() else {}
    made.metadata = {**HEADER, "Language": folder}
    for text, places in sorted(texts(domain).items(), key=lambda item: (min(item[1]), item[0])):
        before, one = old.get(text), polib.POEntry(msgid=text[0], occurrences=[(each, "") for each in sorted(places)])
        if text[1]:
            one.msgid_plural = text[1]
            one.msgstr_plural = before.msgstr_plural if before else {0: ""}
        elif before:
            one.msgstr = before.msgstr
        made.append(one)
    return made


def main() -> None:
    """Write every catalogue and compile it."""
    for folder in FOLDERS.values():
        for domain in DOMAINS:
            catalogue = merged(domain, folder)
            catalogue.save(str(po_path(domain, folder)))
            catalogue.save_as_mofile(str(po_path(domain, folder).with_suffix(".mo")))
            waiting = len(catalogue.untranslated_entries())
            print(f"{folder} {domain}: {len(catalogue)} texts, {waiting} without a translation")


if __name__ == "__main__":
    main()
