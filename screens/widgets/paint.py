"""From words to cells: a line is spans of text and tone, and this is the only place that turns them into a strip.

There is no markup anywhere: a span is shown letter by letter. A tone is a name that the style sheets give a colour to;
it never carries meaning alone, the words of the line do. Text that is not printable here has missed the clean-text
function where it entered and is cleaned again, so that a slip elsewhere cannot reach the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from ...console.text import clean_line
from ..glyphs import ascii_only

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode
    from textual.widget import Widget

Tone = Literal[
    "plain", "muted", "strong", "accent", "ok", "warning", "error", "info", "key", "added", "removed", "place", "badge"
]
Ground = Literal["none", "cursor", "cursor-blurred", "group", "bar", "heading"]

# Which colour of the palette a tone has, and what it has besides. Looked up here rather than as component classes:
# those are a node of the style sheet for each tone and widget, which cost a third of the time to the first frame.
_TONES: dict[Tone, tuple[str, str]] = {
    "muted": ("muted", ""), "strong": ("strong", "bold"), "accent": ("accent", ""), "ok": ("success", ""),
    "warning": ("warning", ""), "error": ("error", ""), "info": ("info", ""), "key": ("key", ""),
    "added": ("added", ""),
    "removed": ("removed", ""), "place": ("strong", "bold underline"), "badge": ("badge", "bold"),
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
BLANK: Line = ()


def line(*parts: Span | tuple[str, Tone] | str) -> Line:
    """A line of spans; a bare text is plain."""
    return tuple(
        part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part) for part in parts
    )


def plain(lines: Iterable[Line]) -> str:
    """The words alone, for copying and for tests."""
    return "\n".join("".join(span.text for span in each) for each in lines)


def shown(node: DOMNode, text: str) -> str:
    """The text as this terminal may get it."""
    if not text.isprintable():
        text = clean_line(text, 4096)
    return ascii_only(text) if getattr(node.app, "ascii", False) else text


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


def strip(widget: Widget, spans: Line, width: int, ground: Ground = "none") -> Strip:
    """The line as cells, cut or filled to the width."""
    brush = Brush(widget)
    base = brush.ground(ground)
    segments = [Segment(shown(widget, text), brush.tone(tone, base)) for text, tone in spans if text]
    return Strip(segments).adjust_cell_length(width, base).simplify()
