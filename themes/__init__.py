"""Style sheets and palettes, found through importlib.resources, so that a checkout and a wheel look alike.

A palette is data: a small set of names in a .toml file. Widgets never hold a colour, only these names. A
palette is read when it is chosen: the first frame pays for one file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from textual.theme import Theme

Ours = Literal["dark", "light", "contrast", "colorblind", "fjord", "ember", "ansi"]
PALETTES: tuple[str, ...] = get_args(Ours)
"""Those that come with stackops; the first is the usual one."""
_CORE = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost", "success", "warning",
    "error",
)  # fmt: skip
"""Colours that Textual knows by name; all others are variables to it."""
DERIVED = {
    "primary": "info", "secondary": "muted", "surface": "background", "key": "accent", "bar": "panel",
    "group": "background", "rule-focus": "accent", "added": "success", "removed": "error", "scrollbar": "rule",
    "scrollbar-hover": "muted", "scrollbar-active": "accent", "scrollbar-background": "background",
    "scrollbar-background-hover": "background", "scrollbar-background-active": "background",
    "scrollbar-corner-color": "background",
}  # fmt: skip
"""What a palette need not say: which other colour of it is taken."""


def sheet(*names: str) -> str:
    """Style sheets as one text. The app loads those of the first frame, each other screen its own."""
    folder = files(__name__)
    return "\n".join(folder.joinpath(f"{name}.tcss").read_text("utf-8") for name in names)


@lru_cache
def palette(name: str) -> Theme:
    """One of ours as Textual's theme."""
    return theme(name, name, {})


def theme(name: str, ours: str, own: Mapping[str, str]) -> Theme:
    """The colours of one of ours with somebody's own laid over it; what is derived follows the own ones."""
    from textual.theme import Theme

    base: dict[str, Any] = tomllib.loads(files(__name__).joinpath(f"{ours}.toml").read_text("utf-8"))
    colours = {**base["colors"], **own}
    for derived, source in DERIVED.items():
        if derived not in colours or (source in own and derived not in own):
            colours[derived] = colours[source]
    return Theme(
        name=theme_name(name),
        dark=base["dark"],
        ansi=base.get("ansi", False),
        variables={each: colour for each, colour in colours.items() if each not in _CORE},
        **{each: colours[each] for each in _CORE},
    )


_PREFIX = "stackops-"


def theme_name(name: str) -> str:
    """The name a palette is registered under."""
    return f"{_PREFIX}{name}"


def name_of(theme: str) -> str:
    """The palette that is registered under this name."""
    return theme.removeprefix(_PREFIX)
