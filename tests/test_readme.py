"""The README's table of checks is the registry's."""

from __future__ import annotations

import re
from pathlib import Path

from examples import examples_of
from stackops.checks.api import Check
from stackops.checks.registry import ALL
from stackops.console.cli import COMMANDS
from stackops.console.text import use

README = Path(__file__).resolve().parents[1] / "README.md"
CHINESE = README.with_name("README.zh-CN.md")


def summary(check: Check) -> str:
    """The first line of the module's docstring."""
    return check.doc.strip().splitlines()[0]


def repair(check: Check) -> str:
    """Whether some form of it is repaired, going by the plans its Examples promise."""
    return "fix" if any(example.plan_kinds for example in examples_of(check)) else "text"


def test_the_table_of_checks_has_one_row_per_check_in_the_words_of_explain() -> None:
    table = re.search(r"<!-- checks:.*?-->\n(.*?)<!-- /checks -->", README.read_text(), re.DOTALL)
    assert table is not None
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", table[1], re.MULTILINE)
    assert rows == [(check.id, summary(check), repair(check)) for check in ALL]


def test_the_chinese_table_of_checks_says_the_same_in_chinese() -> None:
    table = re.search(r"<!-- checks:.*?-->\n(.*?)<!-- /checks -->", CHINESE.read_text(), re.DOTALL)
    assert table is not None
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", table[1], re.MULTILINE)
    use("zh")
    words = {"fix": "自动", "text": "说明"}
    assert rows == [(check.id, check.explained.splitlines()[0], words[repair(check)]) for check in ALL]


def test_every_command_is_named_in_the_chinese_readme() -> None:
    shown = CHINESE.read_text().partition("## 命令")[2].partition("##")[0]
    named = set(re.findall(r"stackops ([a-z]+)", shown)) | set(re.findall(r"\| ([a-z]+) ", shown))
    assert set(COMMANDS) <= named


def test_every_command_named_in_the_readme_exists_and_every_command_is_named() -> None:
    shown = README.read_text().partition("## The command")[2].partition("## Keys")[0]
    named = set(re.findall(r"stackops ([a-z]+)", shown)) | set(re.findall(r"\| ([a-z]+) \[", shown))
    assert named == set(COMMANDS)
