from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.text.cleaning import cells, clean, clean_line

HOSTILE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# Characters the cleaner has something to do with, so that hypothesis finds the corners.
NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x1b\x9b\x9d\x90\x9c\x07[]()P\\;?0m52cABC\n\r\t\u202e\u200b\u0301\ud800中👩\u200d"),
        st.characters(),
    ),
    max_size=200,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x9b2Jgone", "gone"),
        ("\x1b[38;2;1;2;3mcolour", "colour"),
        ("\x1b[?1049hscreen", "screen"),
        ("\x1b]52;c;cm0gLXJm\x07clipboard", "clipboard"),
        ("\x1b]52;c;cm0gLXJm\x1b\\clipboard", "clipboard"),
        ("\x9d0;title\x9cafter", "after"),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
        ("\x1bPq#0;2;0;0;0\x1b\\image", "image"),
        ("\x90q...\x9cimage", "image"),
        ("\x1b^private\x1b\\message", "message"),
        ("\x1b_application\x1b\\command", "command"),
        ("\x1b(0lines", "lines"),
        ("\x1bcreset", "reset"),
        ("cut \x1b[", "cut "),
        ("cut \x1b[38;5", "cut "),
        ("cut \x1b", "cut "),
        ("nul\0bell\x07back\x08", "nulbellback"),
        ("windows\r\nline", "windows\nline"),
        ("progress 10%\rprogress 20%", "progress 10%progress 20%"),
        ("a\tb", "a    b"),
        ("del\x7f next\x85", "del next"),
        ("user\u202egnp.exe", "user<U+202E>gnp.exe"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("line\u2028break", "line<U+2028>break"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("half \ud83d pair", "half � pair"),
        ("容器 мой ひらがな é", "容器 мой ひらがな é"),
        ("[/etc/x] [red]x[/]", "[/etc/x] [red]x[/]"),
    ],
)
def test_what_steers_a_terminal_goes_and_the_rest_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_tower_of_combining_characters_keeps_three() -> None:
    assert clean("z" + "\u0301" * 500 + "algo") == "z" + "\u0301" * 3 + "algo"


def test_accents_of_ordinary_text_are_kept() -> None:
    text = unicodedata.normalize("NFD", "Tiếng Việt, ภาษาไทย ที่นี่, हिन्दी")
    assert clean(text) == text


def test_a_sequence_put_together_by_removing_another_is_not_one() -> None:
    assert "\x1b" not in clean("\x1b\x1b[31m[2J")


@pytest.mark.parametrize("size", [8193, 100_000])
def test_a_long_text_is_clipped_and_says_how_much_is_missing(size: int) -> None:
    clipped = clean("x" * size)
    assert len(clipped) <= 8192
    assert re.search(r"x… \+[\d.]+( KiB)?$", clipped)


def test_ten_megabytes_on_one_line_are_cut_before_anything_else_is_done() -> None:
    assert clean("\x1b]" + "a" * 10_000_000).endswith("… +9.5 MiB")


def test_the_number_of_missing_characters_is_exact() -> None:
    clipped = clean("abcdefghij" * 10, limit=20)
    kept, _, missing = clipped.partition("… +")
    assert len(kept) + int(missing) == 100


def test_a_line_has_no_line_feed_in_it() -> None:
    assert clean_line("first\nsecond\r\nthird\n") == "first second third"


def test_a_name_of_300_characters_passes_and_one_more_is_clipped() -> None:
    assert clean_line("n" * 300) == "n" * 300
    assert 290 < len(clean_line("n" * 301)) <= 300


@given(NASTY)
def test_nothing_hostile_is_left(text: str) -> None:
    assert not HOSTILE.search(clean(text))


@given(NASTY, st.integers(min_value=12, max_value=60))
def test_the_limit_holds(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


@given(NASTY)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(alphabet=st.characters(whitelist_categories=("L", "N", "P", "S"), max_codepoint=0x2FF), max_size=100))
def test_harmless_text_is_untouched(text: str) -> None:
    assert clean(text) == text


@given(NASTY)
def test_the_width_of_a_clean_text_can_be_measured(text: str) -> None:
    assert cells(clean_line(text)) >= 0
