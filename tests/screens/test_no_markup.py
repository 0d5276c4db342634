"""No text is ever taken for markup, and no screen decides what is safe: read off the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SCREENS = Path(__file__).resolve().parents[2] / "screens"
MODULES = sorted(SCREENS.rglob("*.py"))
PARSERS = {
    "from_markup",
    "from_ansi",
    "render_str",
    "escape",
    "Markdown",
    "Static",
    "Label",
    "RichLog",
    "DataTable",
    "Pretty",
}
TITLES = {"border_title", "border_subtitle", "tooltip", "title", "sub_title", "label", "placeholder"}


def _calls(tree: ast.AST):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _name(node: ast.expr) -> str:
    if ast.unparse(node) == "re.escape":
        return ""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_nothing_that_parses_markup_is_used(module: Path) -> None:
    tree = ast.parse(module.read_text())
    used = {_name(call.func) for call in _calls(tree)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not PARSERS & (used | imported)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_notice_says_that_it_is_no_markup(module: Path) -> None:
    for call in _calls(ast.parse(module.read_text())):
        notifies = _name(call.func) == "notify" or any(_name(argument) == "notify" for argument in call.args)
        if notifies:
            assert any(
                word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
                for word in call.keywords
            ), f"{module.name}:{call.lineno}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_titles_and_labels_hold_words_of_ours_only(module: Path) -> None:
    """Where Textual does parse markup, nothing is put but constants; buttons get a Content."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Assign):
            targets = [each for target in node.targets for each in ast.walk(target)]
            attributes = {target.attr for target in targets if isinstance(target, ast.Attribute)}
            assert not TITLES & attributes or _ours(node.value), f"{module.name}:{node.lineno}"


def _ours(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant) or (isinstance(value, ast.Subscript) and ast.unparse(value.value).isupper()):
        return True
    if isinstance(value, ast.Call):
        told = _name(value.func) in CATALOGUE and (_counted(value) or (len(value.args) == 1 and _ours(value.args[0])))
        return told or _name(value.func) == "Content"
    return isinstance(value, ast.Name) and value.id == "title"  # entitle(): its callers are checked below


CATALOGUE = {"_", "n_", "N_"}
"""What looks a text of ours up in the catalogue of the reader's language."""
COUNTS = {"tokens", "number", "count", "marked"}
"""Names that hold a number wherever a title has them."""


def _counted(value: ast.expr) -> bool:
    """Whether a title can only be constants and numbers, whichever way its conditions go."""
    match value:
        case ast.Constant():
            return True
        case ast.IfExp():
            return _counted(value.body) and _counted(value.orelse)
        case ast.JoinedStr():
            return all(_counted(part) for part in value.values)
        case ast.FormattedValue():
            return _counted(value.value)
        case ast.Call() if _name(value.func) in CATALOGUE:
            return all(map(_counted, value.args)) and all(_counted(word.value) for word in value.keywords)
        case ast.Call():
            return _name(value.func) == "len"
        case ast.Name():
            return value.id in COUNTS
        case ast.Subscript(value=ast.Attribute(attr="TITLES")):
            return True  # of a place: constants, as the test below sees to
    return False


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_place_calls_its_panes_by_constants(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Assign) and "TITLES" in {_name(each) for t in node.targets for each in ast.walk(t)}:
            assert isinstance(node.value, ast.Tuple), f"{module.name}:{node.lineno}"
            assert all(map(_counted, node.value.elts)), f"{module.name}:{node.lineno}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_panes_are_entitled_with_constants_and_counts(module: Path) -> None:
    for call in _calls(ast.parse(module.read_text())):
        if _name(call.func) == "entitle":
            assert _counted(call.args[1]), f"{module.name}:{call.lineno}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_screen_holds_a_colour(module: Path) -> None:
    constants = {node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)}
    assert not [each for each in constants if isinstance(each, str) and re.fullmatch(r"#[0-9a-fA-F]{3,8}", each)]
