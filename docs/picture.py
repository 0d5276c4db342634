"""Draws docs/PLACE.png and docs/PLACE-light.png: the real places on the practice stack, as Textual paints them.

python docs/picture.py          needs cairosvg (pip install cairosvg), which nothing else here does
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import tempfile
from pathlib import Path

import cairosvg
from stackops.console.app import CollectorFeed, _desk
from stackops.console.paths import Memory
from stackops.console.practice import open_demo
from stackops.console.settings import Settings
from stackops.screens.app import StackopsApp

HERE = Path(__file__).parent
SETTLE = 90.0
"""Seconds to watch before the picture, so that the curves have something to show."""
PAUSE = 3.0
"""Seconds for a place to draw itself at its size."""


PICTURES = {
    "overview": ("1", 40), "doctor": ("2", 40), "gpus": ("4", 48), "servers": ("5 G k", 44), "wiring": ("6", 40),
    "timeline": ("e", 36), "fit": ("w", 32), "container": ("1 tab j enter", 60), "logs": ("l", 40),
}  # fmt: skip
"""Place -> its keys, and how many lines the picture has."""
THEMES = {"dark": "", "light": "-light"}
"""Theme -> what it adds to the name of a picture."""


async def paint(theme: str) -> dict[str, str]:
    """Each place as SVG."""
    host, settings = open_demo(), Settings(theme=theme)
    feed = CollectorFeed(host, settings)
    desk = _desk(host, settings, feed, offer_demo=False)
    app = StackopsApp(dataclasses.replace(desk, memory=Memory(None)))  # without the welcome
    drawn: dict[str, str] = {}
    async with app.run_test(size=(150, 40)) as pilot:
        await pilot.pause(SETTLE)
        for name, (keys, height) in PICTURES.items():
            await pilot.resize_terminal(150, height)
            for key in keys.split():
                await pilot.press(key)
                await pilot.pause(PAUSE)
            drawn[name + THEMES[theme]] = app.export_screenshot(title="stackops")
    feed.stop()
    return drawn


def main() -> None:
    """Write the pictures."""
    drawn: dict[str, str] = {}
    for theme in THEMES:
        with tempfile.TemporaryDirectory() as state:
            os.environ["STACKOPS_STATE_DIR"] = state
            drawn |= asyncio.run(paint(theme))
    for name, svg in drawn.items():
        plain = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
        cairosvg.svg2png(bytestring=plain.encode(), write_to=str(HERE / f"{name}.png"), output_width=1600)


if __name__ == "__main__":
    main()
