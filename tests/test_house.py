"""The house in numbers (docs/house.py): no change may make it worse."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import get_args

import pytest
from stackops.console.fix.steps import AnyStep

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

import architecture
import house

STEPS = {step.__name__ for step in get_args(AnyStep)}


@pytest.fixture(scope="module")
def whole() -> house.House:
    """The whole product, parsed once, and only where a test of it runs."""
    return house.House()


@pytest.fixture(scope="module")
def table(whole: house.House) -> dict[str, tuple[int, list[str]]]:
    return house.table(whole)


@pytest.mark.parametrize("what", house.CEILINGS)
def test_the_house_gets_no_worse(table: dict[str, tuple[int, list[str]]], what: str) -> None:
    count, rows = table[what]
    assert count <= house.CEILINGS[what], "\n".join(rows)


def _small(root: Path, files: dict[str, str]) -> object:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return house.House(root)


def test_circles_and_halves_are_seen_through_imports_inside_functions(tmp_path: Path) -> None:
    small = _small(
        tmp_path,
        {
            "console/__init__.py": "",
            "console/a.py": "def f():\n    from .b import g\n",
            "console/b.py": "from . import c\n",
            "console/c.py": "from ..console import a\n",
            "checks/__init__.py": "from ..console.b import g\n",
        },
    )
    assert small.circles == [["console.a", "console.b", "console.c"]]
    assert small.halves == ["console.a", "console.c"]
    assert small.loose == ["console.a", "console.b", "console.c"]


def test_lengths_and_homonyms(tmp_path: Path) -> None:
    long = "def f():\n" + "    x = 1\n" * 45
    told = 'def g():\n    """' + "\n".join(["    words"] * 60) + '"""\n    return 1\n'
    small = _small(tmp_path, {"screens/a.py": long + told + "class Case: ...\n", "checks/b.py": "class Case: ...\n"})
    assert small.long_functions == ["screens.a.f 46"], small.long_functions
    assert small.homonyms == {"Case": ["checks.b", "screens.a"]}


def test_the_picture_of_the_rooms_is_drawn_from_the_imports_as_they_are(whole: house.House) -> None:
    assert architecture.PICTURE.read_text("utf-8") == architecture.draw(whole), "python docs/architecture.py"


def test_the_engine_names_no_step(whole: house.House) -> None:
    """A new step is one file and one line: what the engine asks of steps are attributes of ``Step``."""
    engine = ("engine", "preparing", "running", "rollback", "verifying", "proving", "journal", "audit")
    found = {
        f"{name}: {alias.name}"
        for name in (f"console.fix.{each}" for each in engine)
        for node in ast.walk(whole.modules[name].tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("steps")
        for alias in node.names
        if alias.name in STEPS
    }
    assert found == set()


CITING = house.ROOMS
"""Rooms whose facts cite what everybody can read: a project, a file, a release."""
SHEETS = re.compile(
    "fastgpt-stack|librechat-stack|mongo-docker-db|gpu-model-servers|performance-and-safety|style-anchors|console-redesign"
)


def test_facts_cite_what_everybody_can_read() -> None:
    named = {
        f"{path.relative_to(house.ROOT)}: {found[0]}"
        for room in CITING
        for path in (house.ROOT / room.replace(".", "/")).rglob("*")
        if path.suffix in {".py", ".tcss", ".toml", ".txt"}
        for found in SHEETS.finditer(path.read_text("utf-8"))
    }
    assert named == set()


def test_no_worker_is_described_by_its_arguments() -> None:
    """Textual writes them out where no description is given: a whole Snapshot, in the loop that draws."""
    told = [
        line
        for path in (house.ROOT / "screens").rglob("*.py")
        for line in path.read_text().splitlines()
        if "@work" in line
    ]
    assert len(told) > 5
    assert [line for line in told if 'description=""' not in line] == []
