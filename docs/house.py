"""The state of the house in numbers: ``make house`` prints them, ``tests/test_house.py`` holds them.

Read from the source with ``ast``, so that an import inside a function counts like any other.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("console", "screens", "checks", "themes")
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
"""Lines, without the docstring: a function that needs a long explanation is not a long function."""


@dataclass(frozen=True)
class Module:
    """One file of the product."""

    name: str
    """Dotted, without the package: ``console.hosts.local``."""
    package: bool
    lines: int
    tree: ast.Module = field(repr=False)

    @property
    def folder(self) -> str:
        """The package it lies in; a package's own is itself."""
        return self.name if self.package else self.name.rpartition(".")[0]

    def imports(self, known: frozenset[str]) -> Iterator[str]:
        """Modules of the product that it imports anywhere."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                parts = self.folder.split(".") if self.folder else []
                base = parts[: len(parts) - node.level + 1]
                target = ".".join([*base, *(node.module.split(".") if node.module else [])])
                for alias in node.names:
                    inner = f"{target}.{alias.name}" if target else alias.name
                    if inner in known:
                        yield inner
                    elif target in known:
                        yield target

    def functions(self) -> Iterator[tuple[str, int]]:
        """Each function or method with its length in lines."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)


class House:
    """Every module of the product and who imports whom."""

    def __init__(self, root: Path = ROOT) -> None:
        self.modules = {module.name: module for module in _modules(root)}
        known = frozenset(self.modules)
        self.imports = {name: frozenset(module.imports(known)) - {name} for name, module in self.modules.items()}

    @cached_property
    def importers(self) -> dict[str, frozenset[str]]:
        """Who imports a module."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for name, targets in self.imports.items():
            for target in targets:
                found[target].add(name)
        return {name: frozenset(found[name]) for name in self.modules}

    @property
    def lines(self) -> int:
        """Lines of the product."""
        return sum(module.lines for module in self.modules.values())

    @property
    def halves(self) -> list[str]:
        """Modules with one importer, and that one in their own folder: half a topic each."""
        return sorted(
            name for name, by in self.importers.items()
            if len(by) == 1 and not self.modules[name].package
            and self.modules[next(iter(by))].folder == self.modules[name].folder
        )  # fmt: skip

    @property
    def circles(self) -> list[list[str]]:
        """Groups of modules that import each other, directly or through others."""
        return sorted(sorted(group) for group in _circles(self.imports) if group)

    @property
    def loose(self) -> list[str]:
        """Modules at the root of console/."""
        return sorted(n for n, m in self.modules.items() if m.folder == "console" and not m.package)

    @property
    def homonyms(self) -> dict[str, list[str]]:
        """Class names that more than one module defines."""
        places: defaultdict[str, list[str]] = defaultdict(list)
        for name, module in self.modules.items():
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(name)
        return {name: sorted(at) for name, at in sorted(places.items()) if len(at) > 1}

    @property
    def long_files(self) -> list[str]:
        """Files that are longer than a topic."""
        return sorted(f"{n} {m.lines}" for n, m in self.modules.items() if m.lines > LONGEST_FILE)

    @property
    def long_functions(self) -> list[str]:
        """Functions that are longer than a screen."""
        return sorted(
            f"{name}.{function} {length}"
            for name, module in self.modules.items()
            for function, length in module.functions()
            if length > LONGEST_FUNCTION
        )


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1


def _modules(root: Path) -> Iterator[Module]:
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            parts = path.relative_to(root).with_suffix("").parts
            package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if package else parts)
            yield Module(name, package, text.count("\n"), ast.parse(text))


def _circles(graph: dict[str, frozenset[str]]) -> set[frozenset[str]]:
    """Groups of modules each of which reaches every other by imports."""
    reached = {name: _reached(graph, name) for name in graph}
    return {frozenset(other for other in targets if name in reached[other]) for name, targets in reached.items()}


def _reached(graph: dict[str, frozenset[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


CEILINGS = {
    "product lines": 83_700,
    "modules": 386,
    "modules with a single importer in their own folder": 20,
    "circles": 0,
    "loose modules at the root of console/": 5,
    "class names in more than one module": 0,
    f"functions over {LONGEST_FUNCTION} lines": 0,
    f"files over {LONGEST_FILE} lines": 0,
}
"""What no change may go above. Lower a number when the house got better. Only lines may rise, by what the product
learned: one more check or product is one more file."""


def table(house: House) -> dict[str, tuple[int, list[str]]]:
    """By the names of ``CEILINGS``: the number, and what it counts where that can be listed."""
    homonyms = [f"{name}: {', '.join(places)}" for name, places in house.homonyms.items()]
    found = (
        (house.lines, []), (len(house.modules), []), (len(house.halves), house.halves),
        (len(house.circles), [" <-> ".join(group) for group in house.circles]), (len(house.loose), house.loose),
        (len(homonyms), homonyms), (len(house.long_functions), house.long_functions),
        (len(house.long_files), house.long_files),
    )  # fmt: skip
    return dict(zip(CEILINGS, found, strict=True))


def main() -> None:
    """Print the table, then what is behind each number."""
    found = table(House())
    for what, (count, _) in found.items():
        print(f"{count:>7,}  {what} (at most {CEILINGS[what]:,})")
    for what, (_, rows) in found.items():
        if rows:
            print(f"\n{what}:")
            print("\n".join(f"  {row}" for row in rows))


if __name__ == "__main__":
    main()
