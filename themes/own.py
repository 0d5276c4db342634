"""Somebody's own palettes: a .toml file each in ``themes/`` of the configuration folder, named after its palette.

::

    base = "dark"             # whose colours are taken where this file says none
    [colors]
    background = "#101418"    # "#rrggbb", or one of the terminal's own: "ansi_red", "ansi_bright_red", "ansi_default"
    accent = "#ffb454"
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ..console.paths import themes_directory
from ..console.text.cleaning import clean_line
from ..console.text.toml_text import SettingsError, instead, parsed, text_of
from . import DERIVED, PALETTES, Ours, theme

if TYPE_CHECKING:
    from textual.theme import Theme

KEYS = (
    "foreground", "background", "panel", "boost", "muted", "strong", "accent", "success", "warning", "error", "info",
    "rule", "cursor", "cursor-blurred", "badge", "badge-background", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5",
    "hue-6", *(each for each in DERIVED if not each.startswith("scrollbar-")),
)  # fmt: skip
"""What ``[colors]`` may hold."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_COLOUR = Annotated[
    str,
    Meta(
        pattern=r"^(#[0-9a-fA-F]{6}|ansi_(default|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white)))$",
        description='a colour such as "#7aa2d6" or "ansi_red"',
    ),
]
_COLOURS = msgspec.defstruct(
    "OwnColours", [(key.replace("-", "_"), _COLOUR | None, None) for key in KEYS], rename="kebab"
)
_FILE = msgspec.defstruct(
    "OwnPalette", [("base", Ours, "dark"), ("colors", _COLOURS, msgspec.field(default_factory=_COLOURS))]
)
_READ: dict[str, tuple[int, int, int] | None] = {}


def names() -> tuple[str, ...]:
    """Every palette there is: ours, then the own ones. A file with a name of ours is left out."""
    try:
        found = sorted(file.stem for file in themes_directory().glob("*.toml") if _NAME.fullmatch(file.stem))
    except OSError:
        found = []
    return (*PALETTES, *(each for each in found if each not in PALETTES))


def palette(name: str) -> Theme:
    """The palette of this name as Textual's theme. Raises SettingsError where there is none, or it has a mistake."""
    file = themes_directory() / f"{name}.toml"
    _READ[name] = _stamp(name)
    try:
        text = text_of(file) if _NAME.fullmatch(name) else None
    except FileNotFoundError:
        text = None
    if text is None:
        raise SettingsError(f'there is no theme "{clean_line(name, 40)}"; {instead(name, names())}')
    data = parsed(text, str(file), _FILE)
    return theme(name, data.get("base", PALETTES[0]), data.get("colors", {}))


def saved_again(name: str) -> bool:
    """Whether its file is another one than was read last. One that is gone is none."""
    return _stamp(name) not in {None, _READ.get(name)}


def _stamp(name: str) -> tuple[int, int, int] | None:
    try:
        found = (themes_directory() / f"{name}.toml").stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
