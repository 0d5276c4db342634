"""Writes the tables of checks of both READMEs from the registry.

PYTHONPATH=tests/checks python docs/checks_table.py
"""

from __future__ import annotations

import re
from pathlib import Path

from examples import examples_of
from stackops.checks.api import Check
from stackops.checks.registry import ALL
from stackops.console.text import Language, use

ROOT = Path(__file__).parents[1]
READMES: dict[Language, str] = {"en": "README.md", "zh": "README.zh-CN.md"}
HEADS = {"en": "| check | what it finds | repair |", "zh": "| 检查 | 发现什么 | 修复 |"}
WORDS = {"en": {"fix": "fix", "text": "text"}, "zh": {"fix": "自动", "text": "说明"}}


def repair(check: Check) -> str:
    """``fix`` where some form of it is repaired, ``text`` where the operator is only told what to do."""
    return "fix" if any(example.plan_kinds for example in examples_of(check)) else "text"


def main() -> None:
    """One row per check, in the words of its explanation's first line."""
    for language, name in READMES.items():
        use(language)
        rows = (f"| `{c.id}` | {c.explained.splitlines()[0]} | {WORDS[language][repair(c)]} |\n" for c in ALL)
        table, readme = f"{HEADS[language]}\n| --- | --- | --- |\n{''.join(rows)}", ROOT / name
        old, marks = readme.read_text(), r"(<!-- checks:.*?-->\n).*?(<!-- /checks -->)"
        readme.write_text(re.sub(marks, lambda m, new=table: m[1] + new + m[2], old, flags=re.DOTALL))


if __name__ == "__main__":
    main()
