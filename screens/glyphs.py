"""Glyphs of states, bars and sparklines, and their ASCII twins for terminals that cannot show them.

A glyph never stands alone: a word says the same. Every twin is one cell wide, so that columns stay where they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

OK, BAD, WARN, NOTE, OFF, TURN, PAUSE, ASK = "●", "✖", "▲", "◆", "○", "↻", "‖", "?"
CURSOR, ARROW_DOWN, ARROW_UP, RULE, DOT, DONE = "▌", "↓", "↑", "─", "·", "✓"
_LEVELS = "▁▂▃▄▅▆▇█"
_TWINS = str.maketrans(dict(zip("●✖▲◆○↻‖▌↓↑─·✓▁▂▃▄▅▆▇█░–…•→│›°", "*x!io~=>v^-.+_.,-=+*#.-~*>|> ", strict=True)))


def ascii_only(text: str) -> str:
    """The text in ASCII: known glyphs by their twin, anything else by a question mark."""
    return text if text.isascii() else text.translate(_TWINS).encode("ascii", "replace").decode("ascii")


def wants_ascii() -> bool:
    """Whether this terminal is to get ASCII only: no UTF-8, or a console without the glyphs."""
    encoding = (getattr(sys.__stdout__, "encoding", None) or "").lower().replace("-", "")
    return encoding != "utf8" or os.environ.get("TERM") in {"linux", "dumb", "vt100"}


def bar(share: float | None, width: int) -> str:
    """A bar of whole cells, so that it changes only when a cell's worth changed."""
    if share is None:
        return " " * width
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "░" * (width - filled)


def sparkline(values: Sequence[float | None], width: int, top: float | None = None) -> str:
    """One line of the newest values, newest right; unknown is a blank."""
    recent = list(values)[-width:]
    known = [value for value in recent if value is not None]
    if not known:
        return ""
    ceiling = max(top or 0.0, 1e-9, *known)
    drawn = "".join(" " if v is None else _LEVELS[min(7, int(max(0.0, v) / ceiling * 7.999))] for v in recent)
    return drawn.ljust(width)
