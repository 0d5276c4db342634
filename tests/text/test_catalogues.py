"""The catalogues say what the source says: nothing missing, nothing stale, nothing half translated."""

from __future__ import annotations

import ast
import re
import sys
from itertools import combinations
from pathlib import Path

import polib
import pytest
from stackops.console import text as language
from stackops.console.hosts import HostError
from stackops.console.text import DOMAINS, FOLDERS, _, n_

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))

import catalogues

EACH = pytest.mark.parametrize(
    ("domain", "folder"), [(domain, folder) for folder in FOLDERS.values() for domain in DOMAINS]
)
LETTERS = re.compile(r"[\u4e00-\u9fff]")


def told(one: polib.POEntry) -> list[str]:
    """Its translations: one, or one for each plural."""
    return list(one.msgstr_plural.values()) if one.msgid_plural else [one.msgstr]


@EACH
def test_the_catalogue_has_exactly_the_texts_of_the_source(domain: str, folder: str) -> None:
    kept = polib.pofile(str(catalogues.po_path(domain, folder)))
    there = [(one.msgid, one.msgid_plural) for one in kept]
    assert sorted(there) == sorted(catalogues.texts(domain)), "python docs/catalogues.py"


@EACH
def test_every_text_is_translated_and_none_is_a_guess(domain: str, folder: str) -> None:
    kept = polib.pofile(str(catalogues.po_path(domain, folder)))
    assert [one.msgid for one in kept if one.fuzzy or one.obsolete or not all(told(one))] == []


@EACH
def test_a_translation_has_the_placeholders_of_its_text(domain: str, folder: str) -> None:
    wrong = []
    for one in polib.pofile(str(catalogues.po_path(domain, folder))):
        wanted = catalogues.placeholders(one.msgid_plural or one.msgid)
        wrong += [(one.msgid, said) for said in told(one) if said and catalogues.placeholders(said) != wanted]
    assert wrong == []


@EACH
def test_a_translation_begins_and_ends_like_its_text(domain: str, folder: str) -> None:
    """Spaces that join a text to another one are part of it."""
    wrong = []
    for one in polib.pofile(str(catalogues.po_path(domain, folder))):
        for said in filter(None, told(one)):
            if said != said.strip() and (said[:1].isspace() > one.msgid[:1].isspace() or "\n" in said[-1:]):
                wrong.append((one.msgid, said))
    assert wrong == []


@EACH
def test_the_compiled_catalogue_is_made_of_the_written_one(domain: str, folder: str) -> None:
    path = catalogues.po_path(domain, folder)
    assert path.with_suffix(".mo").read_bytes() == polib.pofile(str(path)).to_binary(), "python docs/catalogues.py"


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_a_text_in_both_catalogues_has_one_translation(folder: str) -> None:
    """The first one would hide the other."""
    each = [
        {one.msgid: told(one) for one in polib.pofile(str(catalogues.po_path(domain, folder)))} for domain in DOMAINS
    ]
    for first, second in combinations(each, 2):
        both = first.keys() & second
        assert {text: (first[text], second[text]) for text in both if first[text] != second[text]} == {}


def test_no_text_is_translated_while_a_module_is_imported() -> None:
    """By then no language is chosen yet: ``N_`` marks a text there, and ``_`` is for where it is shown."""
    early = []
    for path in catalogues.files():
        tree = ast.parse(path.read_text("utf-8"))
        inside = {
            id(each)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for part in (node.body if isinstance(node.body, list) else [node.body])
            for each in ast.walk(part)
        }
        for call, text in catalogues.calls(tree):
            if id(call) not in inside and getattr(call.func, "id", "") != "N_":
                early.append((path.name, text))
    assert early == []


def test_each_text_is_filled_with_what_it_names() -> None:
    wrong = []
    for path in catalogues.files():
        for call, (one, many) in catalogues.calls(ast.parse(path.read_text("utf-8"))):
            if getattr(call.func, "id", "") == "N_":
                continue  # filled where it is shown
            given = {each.arg for each in call.keywords} | ({"count"} if many else set())
            wanted = {*catalogues.placeholders(one), *catalogues.placeholders(many)} | ({"count"} if many else set())
            if None not in given and given != wanted and getattr(call.func, "id", "") != "N_":
                wrong.append((path.name, one))
    assert wrong == []


def test_a_text_that_is_filled_first_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(catalogues.calls(ast.parse('_(f"{name} is down")')))


def test_a_known_text_is_translated_and_an_unknown_one_stays_english() -> None:
    assert _("Leave the console") == "Leave the console"
    language.use("zh")
    assert LETTERS.search(_("Leave the console"))
    assert _("No such text {here}") == "No such text {here}"
    assert _("") == ""
    assert n_("{count} unheard of", "{count} unheards of", 2) == "2 unheards of"
    language.use("en")
    assert n_("{count} death", "{count} deaths", 1) == "1 death"
    assert _("{name} says {{}}", name="{x}") == "{x} says {}"


def test_a_sentence_of_a_host_is_told_by_its_template() -> None:
    """It is made in English; what fills it is told too, and what no host says stays as it is."""
    said = "Compose refuses the files a.yml: /srv/a.yml is not a directory"
    assert language.told(said) == said
    language.use("zh")
    assert language.told(said) == "Compose 拒绝文件 a.yml：/srv/a.yml 不是目录"
    assert language.told("look again") == _("look again") != "look again"
    assert language.told("the flux capacitor is empty") == "the flux capacitor is empty"
    assert str(HostError("/srv is not a directory", "look again")) == "/srv 不是目录"
    language.use("en")
    assert language.told(said) == said


def test_every_sentence_of_a_host_is_found_again() -> None:
    """By its own template, or by one that says the same of it."""
    language.use("zh")
    wrong = []
    for one in polib.pofile(str(catalogues.po_path("reasons", FOLDERS["zh"]))):
        names = {name: f"<{name}>" for name in catalogues.placeholders(one.msgid)}
        if language.told(one.msgid.format(**names)) != one.msgstr.format(**names):
            wrong.append((one.msgid, language.told(one.msgid.format(**names))))
    assert wrong == []


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, ("en", "")),
        ({"LANG": "zh_CN.UTF-8"}, ("zh", "LANG")),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ("en", "LC_ALL")),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_CN"}, ("zh", "LC_MESSAGES")),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, ("zh", "LANG")),
        ({"LANG": "zh_CN.UTF-8", "TERM": "linux"}, ("en", "LANG")),
        ({"LANG": "C"}, ("en", "LANG")),
    ],
)
def test_the_environment_chooses(env: dict[str, str], wanted: tuple[str, str]) -> None:
    assert language.of_environment(env) == wanted


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("--lang", "zh"), "zh"),
        (("check", "--lang=zh"), "zh"),
        (("--lang", "zh", "check", "--json"), "en"),
        (("--lang", "zh", "--ascii"), "en"),
        (("--lang", "fr"), "en"),
        (("--lang",), "en"),
        ((), "en"),
    ],
)
def test_the_arguments_choose(arguments: tuple[str, ...], wanted: str) -> None:
    assert language.of_arguments(arguments, {}) == wanted


def test_a_server_that_is_up_is_not_moved_up() -> None:
    """``up`` and ``down`` are labels of keys as well, which nobody sees; states are what is seen."""
    language.use("zh")
    assert (_("up"), _("down")) == ("正常", "不可用")


def test_nothing_else_is_called_like_the_call() -> None:
    """A function that unpacks into ``_`` has no translation any more, and says so only when it runs."""
    wrong = []
    for path in catalogues.files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            loops = [each.target for each in ast.walk(node) if isinstance(each, ast.comprehension)]
            own = {id(part) for each in loops for part in ast.walk(each)}
            named = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == "_"]
            taken = [each for each in named if isinstance(each.ctx, ast.Store) and id(each) not in own]
            taken += [each for each in node.args.args if each.arg == "_"]
            if taken and any(isinstance(each.ctx, ast.Load) for each in named):
                wrong.append((path.name, node.name))
    assert wrong == []
