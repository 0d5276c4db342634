"""Every palette as numbers: what is read can be read, and states stay apart, for whoever sees fewer colours too."""

from __future__ import annotations

from itertools import combinations

import pytest
from stackops.console.cli import run
from stackops.console.model.findings import Result
from stackops.screens.render import plans, servers, states, wiring
from stackops.themes import PALETTES, palette
from stackops.themes.own import KEYS
from support import stage

FIXED = [name for name in PALETTES if not palette(name).ansi]
TONES = (
    "foreground", "muted", "strong", "accent", "success", "warning", "error", "info", "key", "added", "removed",
    *(f"hue-{number}" for number in range(1, 7)),
)  # fmt: skip
GROUNDS = ("background", "surface", "panel", "bar", "group", "cursor", "cursor-blurred")
OTHERS = (
    ("badge", "badge-background"), ("background", "rule-focus"), ("background", "error"), ("foreground", "boost"),
)  # fmt: skip
"""A badge, a button that has the focus, one that is dangerous, one that has no focus."""


def colours(name: str) -> dict[str, str]:
    theme = palette(name)
    return {**theme.variables, **{key: getattr(theme, key) for key in KEYS if hasattr(theme, key)}}


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, 1 to 21."""
    lights = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(linear, (one, other))]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("name", PALETTES)
def test_it_has_every_colour(name: str) -> None:
    assert set(KEYS) <= set(colours(name))


@pytest.mark.parametrize("name", FIXED)
def test_every_text_stands_out_from_every_ground(name: str) -> None:
    has, least = colours(name), 7.0 if name == "contrast" else 4.5
    pairs = [(tone, ground) for tone in TONES for ground in GROUNDS] + list(OTHERS)
    poor = {(a, b): round(contrast(has[a], has[b]), 2) for a, b in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < least} == {}


# How the three kinds of colour blindness see linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0.
SIGHT = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def seen(colour: str, sight: str) -> tuple[float, float, float]:
    """The colour as it is seen, in CIELAB."""
    rgb = [min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear(colour), strict=True)))) for row in SIGHT[sight]]
    r, g, b = rgb
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def apart(one: str, other: str, sight: str) -> float:
    return sum((a - b) ** 2 for a, b in zip(seen(one, sight), seen(other, sight), strict=True)) ** 0.5


@pytest.mark.parametrize("sight", SIGHT)
def test_the_states_of_the_colour_blind_palette_are_apart_for_everybody(sight: str) -> None:
    has = colours("colorblind")
    for one, other in combinations(("success", "warning", "error"), 2):
        assert apart(has[one], has[other], sight) >= 20, (one, other)


def test_the_measure_tells_red_and_green_that_cannot_be_told_apart() -> None:
    """Else the test before would prove nothing."""
    has = colours("dark")
    assert apart(has["success"], has["error"], "no green") < 10 < apart(has["success"], has["error"], "all")


def test_the_help_of_the_option_names_every_palette(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(name in told.partition("--theme NAME")[2].partition("--debug")[0] for name in PALETTES)


def _results() -> list[Result]:
    found = [Result("a.b", "c", "finding", "t", severity) for severity in ("error", "warning", "info")]
    return [*found, *(Result("a.b", "c", status, "t") for status in ("ok", "unknown", "not_applicable", "crashed"))]


def _told() -> dict[str, list[str]]:
    """Glyph and words of every state, by what has it."""
    engine = [stage.container(0, "a", state=state) for state in states._STATES]
    return {
        "container": [states.state(each).text for each in engine],
        "result": [states.verdict_of(each).text for each in _results()],
        "server": [f"{glyph} {word}" for glyph, word, _ in servers._STATES.values()],
        "step": [f"{glyph} {word}" for glyph, word, _ in plans._MARKS.values()],
        "safety": [f"{glyph} {word}" for glyph, word, _ in plans._SAFETY.values()],
        "entry": [f"{glyph} {word}" for glyph, word, _ in plans._STATES.values()],
        "outcome": [f"{glyph} {words}" for glyph, _, words in plans._OUTCOMES.values()],
        "arrow": [f"{glyph} {state}" for state, (glyph, _, _) in wiring._STATES.items()],
    }


@pytest.mark.parametrize(("what", "told"), _told().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_state_has_a_word_of_its_own_besides_its_colour(what: str, told: list[str]) -> None:
    words = ["".join(letter for letter in each if letter.isascii()).strip() for each in told]
    assert all(any(letter.isalpha() for letter in word) for word in words), what
    assert len(set(words)) == len(words), what
