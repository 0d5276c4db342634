"""Breaking painted lines at a width. Pure: spans in, spans out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...console.text import cells, clip
from .paint import Line, Span

_WORDS = re.compile(r"\s+|[^\s]+")


def wrap(lines: Iterable[Line], width: int) -> list[Line]:
    """Lines broken at words; what continues a line stands under its first word, or under the words after its label."""
    wrapped: list[Line] = []
    for line in lines:
        if sum(cells(span.text) for span in line) <= width:
            wrapped.append(line)
        else:
            wrapped.extend(_broken(line, max(width, 8)))
    return wrapped


def _hang(line: Line, width: int) -> int:
    """Cells before what continues a line. A first span that ends with a space is a label."""
    first = line[0].text if line else ""
    if len(line) > 1 and first.endswith(" ") and cells(first) <= width // 2:
        return cells(first)
    return min(len(first) - len(first.lstrip(" ")), width // 2)


def _broken(line: Line, width: int) -> Iterator[Line]:
    hang = _hang(line, width)
    current: list[Span] = []
    used = 0
    for span in _pieces(line, width - hang):
        step = cells(span.text)
        if used + step > width and current:
            yield tuple(current)
            current, used = [Span(" " * hang)], hang
            if span.text.isspace():
                continue
        current.append(span)
        used += step
    if current:
        yield tuple(current)


def _pieces(line: Line, width: int) -> Iterator[Span]:
    """Words and the spaces between them; a word wider than a line is cut."""
    for text, tone in line:
        for match in _WORDS.finditer(text):
            word = match.group()
            while cells(word) > width:
                head = clip(word, width + 1).removesuffix("…")
                head = head[: len(head)] or word[0]
                yield Span(head, tone)
                word = word[len(head) :]
            yield Span(word, tone)
