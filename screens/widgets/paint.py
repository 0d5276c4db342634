"""From words to cells: a line is spans of text and tone, and this is the only place that turns them into a strip.

There is no markup anywhere: a span is shown letter by letter. A tone is a name that the style sheets give a colour to;
it never carries meaning alone, the words of the line do. Text that is not printable here has missed the clean-text
function where it entered and is cleaned again, so that a slip elsewhere cannot reach the terminal.

Secrets end here too. Only a ``Safe`` line becomes a strip, and only ``safe`` makes one: a new screen cannot forget it,
because mypy refuses to paint a line that has not been through it. It works on the line as a whole and before anything
is broken or cut, since half a secret has no shape any more.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby, repeat
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NewType

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip

from ...console.text.cleaning import MARK, ascii_cells, cells, clean_line, redact

OK, BAD, WARN, NOTE, OFF, TURN, PAUSE, ASK = "●", "✖", "▲", "◆", "○", "↻", "‖", "?"
FOLDED, UNFOLDED = "▸", "▾"
CURSOR, ARROW_DOWN, ARROW_UP, RULE, DOT, DONE = "▌", "↓", "↑", "─", "·", "✓"
_LEVELS = "▁▂▃▄▅▆▇█"


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


if TYPE_CHECKING:
    from textual.app import App
    from textual.widget import Widget

Tone = Literal[
    "plain", "muted", "strong", "accent", "ok", "warning", "error", "info", "key", "added", "removed", "place", "badge",
    "hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "hue-6",
]  # fmt: skip
Ground = Literal["none", "cursor", "cursor-blurred", "group", "bar", "heading"]

# Which colour of the palette a tone has, and what it has besides. Looked up here rather than as component classes:
# those are a node of the style sheet for each tone and widget, which cost a third of the time to the first frame.
_TONES: dict[Tone, tuple[str, str]] = {
    "muted": ("muted", ""), "strong": ("strong", "bold"), "accent": ("accent", ""), "ok": ("success", ""),
    "warning": ("warning", ""), "error": ("error", ""), "info": ("info", ""), "key": ("key", ""),
    "added": ("added", ""),
    "removed": ("removed", ""), "place": ("strong", "bold underline"), "badge": ("badge", "bold"),
    "hue-1": ("hue-1", ""), "hue-2": ("hue-2", ""), "hue-3": ("hue-3", ""), "hue-4": ("hue-4", ""),
    "hue-5": ("hue-5", ""), "hue-6": ("hue-6", ""),
}  # fmt: skip
_GROUNDS: dict[Ground, str] = {
    "cursor": "cursor", "cursor-blurred": "cursor-blurred", "group": "group", "bar": "bar", "heading": "background"
}  # fmt: skip
_WITHOUT_COLOUR: dict[str, str] = {"error": "bold", "warning": "bold", "badge": "reverse", "cursor": "reverse"}


@lru_cache(maxsize=16)
def _styles(variables: tuple[tuple[str, str], ...], ansi: bool, colourless: bool) -> dict[str, Style]:
    """Every tone and ground as a style, for one palette."""
    colours = dict(variables)

    def colour(name: str) -> RichColor:
        return Color.parse(colours[name]).rich_color

    styles = {f"tone {tone}": Style.parse(more) + Style(color=colour(name)) for tone, (name, more) in _TONES.items()}
    styles["tone badge"] += Style(bgcolor=colour("badge-background"))
    styles |= {f"ground {ground}": Style(bgcolor=colour(name)) for ground, name in _GROUNDS.items()}
    if ansi:
        styles["ground cursor"] += Style(reverse=True)
        styles["ground cursor-blurred"] += Style(bold=True)
    if colourless:
        for name, more in _WITHOUT_COLOUR.items():
            kind = "ground" if name in _GROUNDS else "tone"
            styles[f"{kind} {name}"] += Style.parse(more)
    return styles


_NEEDED = frozenset({name for name, _ in _TONES.values()} | set(_GROUNDS.values()) | {"badge-background"})


def styles_of(app: App[Any]) -> dict[str, Style]:
    """The styles of the theme that is in use."""
    variables = tuple(sorted((name, value) for name, value in app.theme_variables.items() if name in _NEEDED))
    return _styles(variables, app.current_theme.ansi, app.no_color)


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone = "plain"


Line = tuple[Span, ...]
Safe = NewType("Safe", tuple[Span, ...])
"""A line without a secret in it."""
BLANK = Safe(())


def line(*parts: Span | tuple[str, Tone] | str) -> Line:
    """A line of spans; a bare text is plain."""
    return tuple(
        part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part) for part in parts
    )


def pairs(*rows: tuple[str, Span | str | None], width: int = 12) -> list[Line]:
    """Label and value; what is not known or does not apply (None) is left out."""
    return [
        line((f"  {label}{' ' * (width - cells(label))} ", "muted"), value if isinstance(value, Span) else Span(value))
        for label, value in rows
        if value is not None
    ]


def sections(*parts: tuple[str, Sequence[Line]]) -> list[Line]:
    """Titles with their lines, a blank line behind each; what has no lines is left out."""
    said: list[Line] = []
    for title, lines in parts:
        if lines:
            said += [*([line((title, "accent"))] if title else []), *lines, BLANK]
    return said


def plain(lines: Iterable[Line]) -> str:
    """The words alone, for copying and for tests."""
    return "\n".join("".join(span.text for span in each) for each in lines)


def safe(line: Line) -> Safe:
    """The line as it may be shown: clean, and every secret in it masked, whichever spans it stands in."""
    text = "".join([span.text for span in line])
    if not text.isprintable():
        line = tuple(Span(clean_line(span.text, 4096), span.tone) for span in line)
        text = "".join([span.text for span in line])
    masked = redact(text)
    return Safe(line) if masked == text else Safe(tuple(_retoned(line, text, masked)))


_MASKS = re.compile(rf"({MARK} #[0-9a-f]{{2}})")


def _retoned(line: Line, text: str, masked: str) -> Iterator[Span]:
    """The masked text in the tones that its letters had; a mask has that of the secret's first letter."""
    tones = [span.tone for span in line for _ in span.text]
    at, pieces = 0, _MASKS.split(masked)
    for number, piece in enumerate(pieces):
        if number % 2:
            yield Span(piece, tones[min(at, len(tones) - 1)])
            continue
        found = text.rfind(piece) if number == len(pieces) - 1 else text.find(piece, at)
        at = max(at, found)
        for tone, letters in groupby(
            zip(piece, chain(tones[at:], repeat("plain")), strict=False), key=lambda each: each[1]
        ):
            yield Span("".join(letter for letter, _ in letters), tone)
        at += len(piece)


def shown(text: str) -> str:
    """One text as a terminal may get it: a cell, a notice, a label."""
    if not text.isprintable():
        text = clean_line(text, 4096)
    return redact(text)


class Brush:
    """The styles a widget paints with, looked up once for many spans."""

    def __init__(self, widget: Widget) -> None:
        self._styles = styles_of(widget.app)
        self._base = widget.rich_style

    def ground(self, ground: Ground) -> Style:
        """The background of a line."""
        return self._base if ground == "none" else self._base + self._styles[f"ground {ground}"]

    def tone(self, tone: Tone, base: Style) -> Style:
        """The colour of a span on a background."""
        return base if tone == "plain" else base + self._styles[f"tone {tone}"]


def strip(widget: Widget, spans: Safe, width: int, ground: Ground = "none", brush: Brush | None = None) -> Strip:
    """The line as cells, cut or filled to the width. Who draws many lines at once hands in the brush."""
    brush = brush or Brush(widget)
    base = brush.ground(ground)
    segments = [Segment(text, brush.tone(tone, base)) for text, tone in spans if text]
    return Strip(segments).adjust_cell_length(width, base).simplify()


def labelled(widget: Widget, painted: Strip, label: str) -> Strip:
    """The line with a label over its first cells."""
    if not label:
        return painted
    badge = Brush(widget).tone("badge", painted._segments[0].style or Style() if painted._segments else Style())
    return Strip([Segment(label, badge), *painted.crop(len(label))])


class Colourless(LineFilter):
    """No colour at all. Textual's own filter for NO_COLOR sends grey ones."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Bold, underlined and reversed stay."""
        return [Segment(text, style and style.without_color, control) for text, style, control in segments]


class AsciiOnly(LineFilter):
    """Letters of ASCII alone, whoever drew: frames and titles are Textual's. Control codes stay as they are."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """As wide as it was, cell by cell."""
        return [each if each.control else Segment(ascii_cells(each.text), each.style) for each in segments]
