"""Writes the README's table of checks from the registry.

PYTHONPATH=tests/checks python docs/checks_table.py
"""

from __future__ import annotations

import re
from pathlib import Path

from examples import examples_of
from stackops.checks.api import Check
from stackops.checks.registry import ALL

README = Path(__file__).parents[1] / "README.md"
HEAD = "| check | what it finds | repair |\n| --- | --- | --- |\n"


def repair(check: Check) -> str:
    """``fix`` where some form of it is repaired, ``text`` where the operator is only told what to do."""
    return "fix" if any(example.plan_kinds for example in examples_of(check)) else "text"


def main() -> None:
    """One row per check, in the words of its docstring's first line."""
    rows = (f"| `{c.id}` | {c.doc.strip().splitlines()[0]} | {repair(c)} |\n" for c in ALL)
    table = HEAD + "".join(rows)
    text = README.read_text()
    README.write_text(
        re.sub(r"(<!-- checks:.*?-->\n).*?(<!-- /checks -->)", lambda m: m[1] + table + m[2], text, flags=re.DOTALL)
    )


if __name__ == "__main__":
    main()
