"""The rows and columns of a list: which are shown, in which order, how wide.

A list is handed over in an order of its own, the worst first. Whoever wants another one orders by any column, by what
its cells say: figures with their units as figures, anything else so that 9 comes before 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from ...console.text.cleaning import DASH
from .paint import Line, Span


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


class PlacedColumn(NamedTuple):
    """A column with its place in the line."""

    column: Column
    x: int
    width: int


GAP = 1


def telling(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns in which some row says something; those of rank 0 stay always."""
    said = {key for row in rows for key, span in row.cells.items() if span.text not in {"", DASH}}
    return tuple(each for each in columns if each.key in said or not each.rank)


def place(columns: Sequence[Column], width: int, margin: int = 3) -> tuple[PlacedColumn, ...]:
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
        placed.append(PlacedColumn(column, x, wide))
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


class Row(NamedTuple):
    """One line of the table: cells with a mark before them, or a heading, which ``stands`` where it can be selected."""

    key: str
    cells: Mapping[str, Span] = {}
    heading: Line | None = None
    mark: Span = Span("")
    stands: bool = False
    values: Mapping[str, float] = {}
    """What a column is ordered by where its cell does not say it: the time behind a date."""
    words: tuple[str, ...] = ()
    """States and names that a filter finds it by although no cell says them."""
    chosen: bool = False
    """Whether it is one of several that are marked."""

    @property
    def selectable(self) -> bool:
        return self.heading is None or self.stands


class Order(NamedTuple):
    """By which column, and whether the other way round."""

    column: str
    backwards: bool = False


Measured = tuple[int, float, tuple[tuple[int, int, str], ...]]
_UNITS = {
    "B": 1.0, "K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
    "TiB": 2.0**40, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "%": 1.0, "": 1.0,
}  # fmt: skip
_QUANTITY = re.compile(r"(-?\d+(?:[.,]\d+)?) ?(KiB|MiB|GiB|TiB|ms|[BKMGTsmhd%]?)(?![A-Za-z])")
_LASTED = re.compile(r"(\d+)([dhms])(?: ?(\d+)([hms]))?(?![A-Za-z0-9])")


@lru_cache(maxsize=4096)
def measured(text: str, *, figures: bool) -> Measured | None:
    """What a cell is ordered by; None where it says nothing. Of two figures in one cell the first counts."""
    said = text.strip(" ●✖▲◆○↻‖?✓·–").lower() if not figures else text.strip()
    if not said or said == "–":
        return None
    if figures and (lasted := _LASTED.match(said)):
        parts = [(lasted[1], lasted[2]), (lasted[3] or "0", lasted[4] or "s")]
        return (0, sum(float(number) * _UNITS[unit] for number, unit in parts), ())
    if figures and (found := _QUANTITY.match(said)):
        return (0, float(found[1].replace(",", ".")) * _UNITS[found[2]], ())
    pieces = re.findall(r"\d+|\D+", said)
    return (1, 0.0, tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pieces))


class _Block(NamedTuple):
    """Headings, and the rows below them."""

    heads: list[Row]
    body: list[Row]

    @property
    def stands(self) -> bool:
        return any(row.stands for row in self.heads)


def _blocks(rows: Sequence[Row]) -> list[_Block]:
    blocks = [_Block([], [])]
    for row in rows:
        heads, body = blocks[-1]
        if row.heading is None:
            body.append(row)
        elif body or (heads and heads[-1].stands):
            blocks.append(_Block([row], []))
        else:
            heads.append(row)
    return blocks


def _value(row: Row, column: Column) -> Measured | None:
    if (exact := row.values.get(column.key)) is not None:
        return (0, exact, ())
    return measured(row.cells.get(column.key, Span("")).text, figures=column.align == "right")


def _sorted(rows: Sequence[Row], column: Column, *, largest: bool) -> list[Row]:
    """What is not known comes last either way; what is alike keeps its place."""
    known = [(value, row) for row in rows if (value := _value(row, column)) is not None]
    there = {row.key for _, row in known}
    known.sort(key=lambda each: each[0], reverse=largest)
    return [row for _, row in known] + [row for row in rows if row.key not in there]


def downwards(column: Column, order: Order) -> bool:
    """Whether the largest stands first: of figures it does, of names it is the other way round."""
    return (column.align == "right") != order.backwards


def ordered(rows: Sequence[Row], column: Column | None, order: Order | None) -> list[Row]:
    """The rows of each heading in this order. Headings that can be selected go by what they say, or their first row."""
    if column is None or order is None:
        return list(rows)
    largest = downwards(column, order)
    blocks = [_Block(heads, _sorted(body, column, largest=largest)) for heads, body in _blocks(rows)]
    speaks = {_speaker(block, column).key: block for block in blocks if block.stands}
    ranked = _sorted([_speaker(block, column) for block in speaks.values()], column, largest=largest)
    standing = [speaks[row.key] for row in ranked]
    return [row for block in [*standing, *(b for b in blocks if not b.stands)] for row in (*block.heads, *block.body)]


def _speaker(block: _Block, column: Column) -> Row:
    head = next(row for row in block.heads if row.stands)
    return head if _value(head, column) is not None or not block.body else block.body[0]


def _text(row: Row) -> str:
    spans = row.heading if row.heading is not None else row.cells.values()
    return " ".join((*(span.text for span in spans), *row.words)).lower()


def _fuzzy(word: str, text: str) -> bool:
    """Whether the letters stand in one word of the text in this order, with its first letter first."""
    for token in re.split(r"[\s/:.]+", text):
        if token[:1] == word[0]:
            letters = iter(token)
            if all(letter in letters for letter in word):
                return True
    return False


def _fitting(word: str, texts: Mapping[str, str], words: Mapping[str, Sequence[str]]) -> set[str]:
    """Keys of the rows that a word means: by a word of state, else by a part of their text, else by its letters."""
    asked = word[1:] if word[:1] == "!" and len(word) > 1 else word
    found = (
        {key for key, each in words.items() if asked in each}
        or {key for key, each in texts.items() if asked in each}
        or {key for key, each in texts.items() if len(asked) > 1 and _fuzzy(asked, each)}
    )
    return set(texts) - found if asked != word else found


def filtered(rows: Sequence[Row], query: str) -> list[Row]:
    """The rows that every word of the query means, with their headings; ``!word`` means all others.

    What a heading says counts for the rows below it, so that a stack or a card finds all that is in it.
    """
    wanted = query.lower().split()
    if not wanted:
        return list(rows)
    blocks = _blocks(rows)
    texts, words = dict[str, str](), dict[str, Sequence[str]]()
    for block in blocks:
        above = " ".join(_text(row) for row in block.heads)
        for row in block.body or [row for row in block.heads if row.stands]:
            texts[row.key], words[row.key] = f"{_text(row)} {above}", row.words
    kept = set(texts).intersection(*(_fitting(word, texts, words) for word in wanted))
    return list(_kept(blocks, kept))


def _kept(blocks: Sequence[_Block], keys: set[str]) -> Iterator[Row]:
    for heads, body in blocks:
        rows = [row for row in body if row.key in keys]
        if rows or any(row.key in keys for row in heads):
            yield from (*heads, *rows)
