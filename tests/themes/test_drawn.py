"""Every letter that is drawn, in every theme with colours of its own: Textual's widgets, dialogs and inputs too."""

from __future__ import annotations

from pathlib import Path

import pytest
from stackops.console.settings import Settings
from stackops.themes import PALETTES, palette
from support import entries, stage
from support.pilots import Stage, console

FIXED = [name for name in PALETTES if not palette(name).ansi]
WAYS = (
    (), ("j",), ("slash", "m"), ("colon", "t", "h", "down", "down"), ("question_mark",), ("R", "tab"), ("L", "slash"),
    ("2",), ("2", "F"), ("2", "F", "A"), ("3",), ("4",), ("5",), ("6",), ("enter",), ("y",),
)  # fmt: skip


def light(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 for part in colour]
    r, g, b = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def poor(running: Stage, least: float) -> list[str]:
    """Words that are too faint, with their ratio."""
    found = {}
    screen = running.app.screen
    over = (
        screen.children[0].region if screen.is_modal else screen.region
    )  # what lies under a dialog is meant to be faint
    for drawn in screen._compositor.render_strips()[over.y : over.bottom]:
        for segment in drawn.crop(over.x, over.right):
            style = segment.style
            if style is None or style.color is None or style.bgcolor is None or not any(map(str.isalnum, segment.text)):
                continue
            lights = sorted(light(each.get_truecolor()) for each in (style.color, style.bgcolor))
            ratio = (lights[1] + 0.05) / (lights[0] + 0.05)
            if ratio < least:
                found[segment.text.strip()[:30]] = f"{ratio:.2f} {style}"
    return [f"{words}: {ratio}" for words, ratio in found.items()]


@pytest.mark.parametrize("name", FIXED)
async def test_every_word_can_be_read(name: str, tmp_path: Path) -> None:
    least = 7.0 if name == "contrast" else 4.5
    desk = stage.desk(stage.full(), stage.RESULTS, settings=Settings(theme=name), journal=entries.journal(tmp_path))
    async with console(desk, (120, 40)) as running:
        for keys in WAYS:
            await running.press(*keys)
            assert poor(running, least) == [], keys
            await running.press("escape", "escape", "escape", "1")
            assert running.app.current_mode == "overview"
            assert not running.app.screen.is_modal
