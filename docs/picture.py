"""Draws docs/overview.png: the real overview on the practice stack, as Textual paints it.

python docs/picture.py          needs cairosvg (pip install cairosvg), which nothing else here does
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

import cairosvg
from stackops.console.app import CollectorFeed, _desk
from stackops.console.hosts.demo import open_demo
from stackops.console.settings import Settings
from stackops.screens.app import StackopsApp

HERE = Path(__file__).parent
SETTLE = 25.0
"""Seconds to watch before the picture, so that the curves have something to show."""


async def paint() -> str:
    """The overview as SVG."""
    host, settings = open_demo(), Settings()
    feed = CollectorFeed(host, settings)
    app = StackopsApp(_desk(host, settings, feed, offer_demo=False))
    async with app.run_test(size=(150, 40)) as pilot:
        await pilot.pause(SETTLE)
        svg = app.export_screenshot(title="stackops")
    feed.stop()
    return svg


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["STACKOPS_STATE_DIR"] = state
        svg = asyncio.run(paint())
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    cairosvg.svg2png(bytestring=svg.encode(), write_to=str(HERE / "overview.png"), output_width=1600)


if __name__ == "__main__":
    main()
