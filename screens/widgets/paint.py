"""From words to cells: a line is spans of text and tone, and this is the only place that turns them into a strip.

There is no markup anywhere: a span is shown letter by letter. A tone is a name that the style sheets give a colour to;
it never carries meaning alone, the words of the line do. Text that is not printable here has missed the clean-text
function where it entered and is cleaned again, so that a slip elsewhere cannot reach the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ...console.text import clean_line
from ..glyphs import ascii_only

if TYPE_CHECKING:
    from textual.widget import Widget

Tone = Literal[
    "plain", "muted", "strong", "accent", "ok", "warning", "error", "info", "key", "added", "removed", "place", "badge"
]
Ground = Literal["none", "cursor", "cursor-blurred", "group", "bar", "heading"]

COMPONENTS = frozenset(
    {
        "tone--plain",
        "tone--muted",
        "tone--strong",
        "tone--accent",
        "tone--ok",
        "tone--warning",
        "tone--error",
        "tone--info",
        "tone--key",
        "tone--added",
        "tone--removed",
        "tone--place",
        "tone--badge",
        "ground--cursor",
        "ground--cursor-blurred",
        "ground--group",
        "ground--bar",
        "ground--heading",
    }
)
"""Component classes every painted widget declares; base.tcss styles them once for all."""


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


def shown(widget: Widget, text: str) -> str:
    """The text as this terminal may get it."""
    if not text.isprintable():
        text = clean_line(text, 4096)
    return ascii_only(text) if getattr(widget.app, "ascii", False) else text


def ground_style(widget: Widget, ground: Ground) -> Style:
    """The background of a line."""
    base = widget.rich_style
    return base if ground == "none" else base + widget.get_component_rich_style(f"ground--{ground}", partial=True)


def tone_style(widget: Widget, tone: Tone) -> Style:
    """The colour of a span, without a background of its own."""
    return Style() if tone == "plain" else widget.get_component_rich_style(f"tone--{tone}", partial=True)


def strip(widget: Widget, spans: Line, width: int, ground: Ground = "none") -> Strip:
    """The line as cells, cut or filled to the width."""
    base = ground_style(widget, ground)
    segments = [Segment(shown(widget, text), base + tone_style(widget, tone)) for text, tone in spans if text]
    return Strip(segments).adjust_cell_length(width, base)
