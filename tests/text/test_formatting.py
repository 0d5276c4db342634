from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.text.cleaning import DASH, ago, cells, clip, duration, fit, percent, rate, size, wrapped


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3 * 1024**4, "3.0 TiB"),
        (2 * 1024**5, "2.0 PiB"),
    ],
)
def test_sizes_are_binary_with_one_decimal(count: int | None, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (720, "12m"),
        (3600, "1h"),
        (7500, "2h 5m"),
        (3 * 86400 + 4 * 3600 + 5, "3d 4h"),
        (86400, "1d"),
        (400 * 86400, "400d"),
        (-5, "0s"),
    ],
)
def test_durations_show_two_units_at_most(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_unknown_is_a_dash_and_never_zero() -> None:
    assert {size(None), rate(None), percent(None), duration(None), ago(None)} == {DASH}


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.0%"), (0.34, "0.3%"), (9.96, "10%"), (99.6, "100%"), (250, "250%")]
)
def test_percentages_lose_the_decimal_where_it_says_nothing(value: float, shown: str) -> None:
    assert percent(value) == shown


def test_a_moment_ahead_of_this_clock_is_just_now() -> None:
    assert (ago(-3), ago(0.5), ago(180), rate(2048)) == ("just now", "just now", "3m ago", "2.0 KiB/s")


def test_a_wide_character_takes_two_cells() -> None:
    assert (cells("容器"), cells("abc"), cells("é"), cells("e\u0301")) == (4, 3, 1, 1)


def test_clipping_never_cuts_a_wide_character_in_half() -> None:
    assert clip("容器名称", 5) == "容器…"
    assert cells(clip("容器名称", 4)) <= 4


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Cf")), max_size=50), st.integers(0, 40))
def test_fitting_gives_exactly_the_width(text: str, width: int) -> None:
    assert cells(fit(text, width)) == width
    assert cells(fit(text, width, "right")) == width


@given(st.text(max_size=200), st.integers(10, 60))
def test_no_text_is_lost_when_it_is_broken_into_lines(text: str, width: int) -> None:
    lines = wrapped(text, width, "  * ", "    ")
    assert "".join("".join(lines).split()).removeprefix("*" * bool(lines)) == "".join(text.split())
    assert [one for one in lines if cells(one) > width + 4 and " " in one[4:].strip()] == []


def test_a_chinese_text_is_broken_at_its_width_and_before_no_closing_sign() -> None:
    lines = wrapped("容器 lab-vllm 已退出，退出码 137：内核结束了它（内存不足）。", 20)
    assert lines == ["容器 lab-vllm 已退", "出，退出码 137：内核", "结束了它（内存不", "足）。"]
    assert max(map(cells, lines)) <= 20
