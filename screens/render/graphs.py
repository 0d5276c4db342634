"""Curves with a scale: columns of blocks over time, several of them side by side.

No library: plotext 6.1 was measured at 190 ms and 239 modules to import, and hands out text with escape codes, where a
line here is spans; Textual's own sparkline has no scale. A column is the highest of its time, and its borders stand
still: only the newest changes until the next one begins, which is what a slow line can take.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ...console.collect.collector import Past
from ...console.text import _
from ...console.text.cleaning import DASH, cells, fit
from ..widgets.paint import Line, Span, line

SPANS: tuple[tuple[float, str], ...] = (
    (120.0, "2 min"), (600.0, "10 min"), (3600.0, "1 h"), (6 * 3600.0, "6 h"), (86400.0, "24 h"),
)  # fmt: skip
"""Seconds that curves show, and what that is called."""
LONGEST = 2
"""The longest of them that is chosen by itself."""
HOLD = 60.0
"""Seconds for which a figure stands where no newer one was asked for: model servers rest while they are not needed."""
LABEL = 6
"""Cells of the scale, its axis included."""
LEAST, MOST = 3, 8
"""Lines of a curve."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"


class Curve(NamedTuple):
    """One curve with its scale."""

    title: str
    past: Past
    unit: Callable[[float | None], str]
    """How a figure is written."""
    top: float | None = None
    """Where the scale ends; None: above the highest that there is."""
    step: float = 1.0
    """What such an end is a round number of."""

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return any(value is not None for _, value in self.past)


class CurveGroup(NamedTuple):
    """Curves of one thing, drawn side by side."""

    key: str
    curves: Sequence[Curve]


def columns(past: Past, now: float, span: float, width: int) -> list[float | None]:
    """The highest figure of each column's time, oldest first; None where nothing is known."""
    step = span / width
    start = (now // step + 1) * step - span
    told: dict[int, float | None] = {}
    for at, value in past[bisect_left(past, (start - HOLD,)) :]:
        if (column := int((at - start) // step)) < width:
            known = [each for each in (told.get(column), value) if each is not None]
            told[column] = max(known, default=None)
    before = max((column for column in told if column < 0), default=None)
    held, since = (told[before], before) if before is not None else (None, 0)
    found = []
    for column in range(width):
        if column in told:
            held, since = told[column], column
        found.append(held if column == since or (column - since) * step <= HOLD else None)
    return found


def nice(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ... that is not below it."""
    step = 1.0
    while step < value:
        step *= 2.5 if f"{step:.0e}".startswith("2") else 2
    return step


def _drawn(curve: Curve, now: float, span: float, width: int, height: int) -> Iterator[Line]:
    """What it is and how much now, then the blocks with their scale."""
    values = columns(curve.past, now, span, max(1, width - LABEL))
    known = [value for value in values if value is not None]
    top = curve.top or nice(max(known, default=curve.step) / curve.step) * curve.step
    last = next((value for _, value in reversed(curve.past[-1:])), None)
    most = _("  most {most}", most=curve.unit(max(known))) if known else ""
    room = max(0, width - cells(curve.title) - 1 - cells(curve.unit(last)))
    yield line((f"{curve.title} ", "muted"), (curve.unit(last), "strong"), (fit(most, room), "muted"))
    eighths = [
        None if value is None else max(1, round(min(1.0, max(0.0, value) / top) * height * 8)) for value in values
    ]
    for row in range(height):
        label = curve.unit(top) if row == 0 else curve.unit(0.0) if row == height - 1 else ""
        low = (height - 1 - row) * 8
        blocks = "".join(" " if each is None else _EIGHTHS[min(8, max(0, each - low))] for each in eighths)
        axis = "┤" if label else "│"
        yield line((f"{fit(label, LABEL - 1, 'right')}{axis}", "muted"), (blocks, "accent"))


def drawn(groups: Sequence[CurveGroup], now: float, span: int, width: int, height: int) -> list[Line]:
    """The groups one below another, the time that they show below the last."""
    seconds, name = SPANS[span]
    said: list[Line] = []
    count = max((len(each.curves) for each in groups), default=1)
    room = max(LABEL + 4, (width + 2) // count - 2)
    for group in groups:
        parts = [list(_drawn(each, now, seconds, room, height)) for each in group.curves]
        said += [tuple(span for part in row for span in (*part, Span("  "))) for row in zip(*parts, strict=True)]
    past = _("{length} ago", length=name)
    known = (at for group in groups for each in group.curves for at, value in each.past if value is not None)
    first = min((at for at in known if at > now - seconds), default=now)
    since = _("{past}, known from {time}", past=past, time=time.strftime("%H:%M", time.localtime(first)))
    if first - now + seconds > max(HOLD, seconds / 20) and LABEL + cells(since) + 4 <= room:
        past = since
    axis = f"{' ' * LABEL}{past}{fit(_('now'), max(4, room - LABEL - cells(past)), 'right')}"
    return [*said, line(("  ".join([axis] * count), "muted"))] if said else []


def span_of(groups: Sequence[CurveGroup], now: float) -> int:
    """The shortest time that holds all that is known, up to an hour."""
    curves = [each.past for group in groups for each in group.curves]
    length = now - min((next((at for at, value in past if value is not None), now) for past in curves), default=now)
    return next((number for number, (seconds, _) in enumerate(SPANS[:LONGEST]) if seconds >= length), LONGEST)


def fitted(groups: Sequence[CurveGroup], selected: str, room: int) -> tuple[Sequence[CurveGroup], int]:
    """The groups for which there is room, else the selected one, and how many lines a curve has."""
    shown = groups if len(groups) * (LEAST + 1) + 1 <= room else [each for each in groups if each.key == selected]
    shown = shown or groups[:1]
    return shown, max(LEAST, min(MOST, (room - 1) // max(1, len(shown)) - 1))


def whole(value: float | None) -> str:
    """A number of requests, of tokens."""
    return DASH if value is None else f"{value:.0f}" if value < 10_000 else f"{value / 1e3:.0f}k"


def degrees(value: float | None) -> str:
    """A temperature."""
    return DASH if value is None else f"{value:.0f}°C"


def watts(value: float | None) -> str:
    """A power."""
    return DASH if value is None else f"{value:.0f} W"
