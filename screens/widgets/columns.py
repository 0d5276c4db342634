"""Columns of a table: which fit, where they stand. Pure arithmetic, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple


class Column(NamedTuple):
    """One column and how much it matters."""

    key: str
    title: str
    width: int
    """Cells; the least for a flexible one."""
    align: Literal["left", "right"] = "left"
    rank: int = 0
    """Columns with a higher rank are dropped first; 0 stays always."""
    most: int = 0
    """Cells a flexible column may grow to; 0: it does not grow."""


class Placed(NamedTuple):
    """A column with its place in the line."""

    column: Column
    x: int
    width: int


GAP = 1


def place(columns: Sequence[Column], width: int, margin: int = 3) -> tuple[Placed, ...]:
    """The columns that fit, least important dropped first, flexible ones grown in turn."""
    kept = list(columns)
    while len(kept) > 1 and _needed(kept) + margin > width:
        worst = max(kept, key=lambda column: column.rank)
        if not worst.rank:
            break
        kept.remove(worst)
    widths = _grown(kept, width - margin - _needed(kept))
    placed, x = [], margin
    for column, wide in zip(kept, widths, strict=True):
        placed.append(Placed(column, x, wide))
        x += wide + GAP
    return tuple(placed)


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _grown(columns: Sequence[Column], spare: int) -> list[int]:
    widths = [column.width for column in columns]
    while spare > 0:
        growing = [i for i, column in enumerate(columns) if column.most > widths[i]]
        if not growing:
            break
        for i in growing[:spare]:
            widths[i] += 1
        spare -= min(spare, len(growing))
    return widths
