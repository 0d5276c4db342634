"""Style sheets and palettes, found through importlib.resources, so that a checkout and a wheel look alike.

A palette is data: a small set of names in a .toml file. Widgets never hold a colour, only these names.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.theme import Theme

PALETTES = ("dark", "light", "ansi")


def sheet(*names: str) -> str:
    """Style sheets as one text. The app loads those of the first frame, each other screen its own."""
    folder = files(__name__)
    return "\n".join(folder.joinpath(f"{name}.tcss").read_text("utf-8") for name in names)


@lru_cache
def palette(name: str) -> Theme:
    """One palette as Textual's theme, named ``stackops-NAME``."""
    from textual.theme import Theme

    data = tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text("utf-8"))
    return Theme(
        name=theme_name(name),
        dark=data["dark"],
        ansi=data.get("ansi", False),
        variables=data["variables"],
        **data["colors"],
    )


def theme_name(name: str) -> str:
    """The name a palette is registered under."""
    return f"stackops-{name}"
