"""Draws docs/architecture.svg from the imports: which room uses which. ``make house`` draws it again.

A table rather than boxes and arrows: nobody can follow forty arrows between fifteen boxes, but a dot in a row is
easy to find. Rooms stand in the order of import-linter's layers, so every dot lies left of the diagonal: imports go
down only.
"""

from __future__ import annotations

import tomllib
from html import escape

from house import ROOT, House

PICTURE = ROOT / "docs" / "architecture.svg"
CELL, LEFT, TOP = 30, 470, 120
STRIPES = ("#ffffff", "#f2f5f9")
TITLE = "Who imports whom: a dot in a row is a room that it uses"
FOR = {
    "console.cli": "the command's door", "console.app": "the console's door", "screens": "places, keys, dialogs",
    "console.commands": "one subcommand a file", "console.practice": "the practice machine behind the Host protocols",
    "checks": "one pitfall a file: find, explain, plan", "console.report": "rows and sentences for text, plain, JSON",
    "console.fix": "preview, run, prove, roll back, undo; steps",
    "console.collect": "sources, their rhythm, the Snapshot",
    "console.products": "what each program looks like", "console.compose": "compose files, env files, YAML as text",
    "console.hosts": "the only door to a machine", "console.settings": "the operator's settings",
    "console.text": "cleaning, redaction, differences", "console.model": "data only: Snapshot, results",
    "console.paths": "where state and settings lie", "console.exit_codes": "what the shell is told",
    "themes": "style sheets and palettes",
}  # fmt: skip


def rooms() -> list[str]:
    """The layers of pyproject.toml, lowest first."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (layers,) = (c["layers"] for c in config["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    named = [part.strip().removeprefix("stackops.") for layer in reversed(layers) for part in layer.split("|")]
    return ["themes", *named]


def used(house: House, names: list[str]) -> set[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second."""

    def room(module: str) -> str | None:
        return next((name for name in names if module == name or module.startswith(f"{name}.")), None)

    pairs = {(room(module), room(target)) for module, targets in house.imports.items() for target in targets}
    return {(one, other) for one, other in pairs if one is not None and other is not None and one != other}


def draw(house: House) -> str:
    """The picture as SVG."""
    names = rooms()
    dots = used(house, names)
    width, height = LEFT + CELL * len(names) + 20, TOP + CELL * len(names) + 20
    size = f'width="{width}" height="{height}"'
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="14">',
        f'<rect {size} fill="#ffffff"/>',
        f'<text x="20" y="28" font-size="17" font-weight="bold">{TITLE}</text>',
    ]
    for index, name in enumerate(names):
        x, y = LEFT + CELL * index, TOP + CELL * index
        short = escape(name.removeprefix("console."))
        rows += [
            f'<rect x="20" y="{y}" width="{width - 40}" height="{CELL}" fill="{STRIPES[index % 2]}"/>',
            f'<text x="28" y="{y + 20}" font-weight="bold">{short}</text>',
            f'<text x="130" y="{y + 20}" fill="#445566">{escape(FOR.get(name, ""))}</text>',
            f'<text x="{x + 20}" y="{TOP - 8}" transform="rotate(-60 {x + 20} {TOP - 8})">{short}</text>',
        ]
    for row, name in enumerate(names):
        y = TOP + CELL * row
        rows.append(f'<rect x="{LEFT + CELL * row}" y="{y}" width="{CELL}" height="{CELL}" fill="#c9d3e0"/>')
        rows += [
            f'<circle cx="{LEFT + CELL * column + CELL // 2}" cy="{y + CELL // 2}" r="7" fill="#2266aa"/>'
            for column, other in enumerate(names)
            if (name, other) in dots
        ]
    return "\n".join([*rows, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(House()), "utf-8")
