"""The table of pitfalls as one text: what is really done with each form, read from the rows and tests that do it.

Nothing is declared that the code of a test does not hold: a column of a test beside the rows is set where its source
does what the column stands for. What is restarted only, without a file changed, has no way back, and none in its test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .pitfall_rows import Row

FOUND = re.compile(r"""result\(|judged\(|"finding"|\["title"\]""")
FIXED = re.compile(r"""(?:\.fix\(|"fix",)(?:[^\n]*\n){0,2}?[^\n]*returncode(?: == 0|, [^\n]*== \(0)""")
VERIFIED = re.compile(
    r"docker\(|\.inspect\(|\.mount\(|\.path\(|assert_key\(|containers\(|\.logs\(|\.ask\(|effective\(|state\("
)
UNDONE = re.compile(r"""["\s(]undo["(\s]""")


@dataclass(frozen=True)
class Line:
    """One form and what is done with it."""

    name: str
    """``check: form``."""
    found: bool
    fixed: str
    """``by the command``, ``by hand`` as the plan tells, ``-``: it is waited for or told, and nothing is done."""
    verified: bool
    undone: str
    """``yes``, or why there is nothing to undo."""

    @property
    def text(self) -> str:
        """As a row of the table."""
        return f"{self.name:<72} {_mark(self.found)} {self.fixed:<14} {_mark(self.verified)} {self.undone}"


def _mark(yes: bool) -> str:
    return "yes" if yes else "-  "


def of_rows(rows: Iterable[Row]) -> list[Line]:
    """What ``play`` does with each."""
    lines = []
    for row in rows:
        name = f"{row.check}: {row.name}"
        if row.status != "finding":
            lines.append(Line(name, found=True, fixed="-", verified=True, undone="nothing is done"))
            continue
        fixed = "by hand" if row.by_hand is not None else "by the command"
        back = "yes" if row.undo else "cannot be taken back"
        back = "only restarted" if row.restarts_only else "by hand" if row.by_hand is not None else back
        lines.append(Line(name, found=True, fixed=fixed, verified=True, undone=back))
    return lines


def of_tests(folder: Path, tests: Mapping[str, tuple[str, str]]) -> list[Line]:
    """What the source of each test does. Raises KeyError for a test that is not there."""
    lines = []
    for name, (file, part) in tests.items():
        source = _source((folder / file).read_text("utf-8"), part)
        if source is None:
            raise KeyError(f"{file} has no {part}")
        fixed = bool(FIXED.search(source))
        undone = "yes" if UNDONE.search(source) else "not in its test" if fixed else "nothing is done"
        lines.append(Line(
            name, found=bool(FOUND.search(source)), fixed="by the command" if fixed else "-",
            verified=bool(VERIFIED.search(source)), undone=undone,
        ))  # fmt: skip
    return lines


def _source(text: str, part: str) -> str | None:
    """A test by words of its name; a helper by ``def name(``, with the tests of its file that take it."""
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    if part.startswith("def "):
        wanted = part.removeprefix("def ").rstrip("(")
        if wanted not in {node.name for node in functions}:
            return None
        users = [node for node in functions if any(a.arg == "break_it" for a in node.args.args)]
    else:
        users = [node for node in functions if part in node.name]
    return "\n".join(ast.get_source_segment(text, node) or "" for node in users) or None
