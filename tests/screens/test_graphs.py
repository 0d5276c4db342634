"""Curves with a scale: which figure stands in which column, and how high."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.screens.render import graphs
from stackops.screens.render.graphs import Curve, CurveGroup, columns
from stackops.screens.widgets.paint import plain


def test_a_column_is_the_highest_of_its_time_and_what_lies_before_is_left_out() -> None:
    past = ((-500.0, 9.0), (1.0, 1.0), (5.0, 4.0), (9.0, 2.0), (11.0, 3.0))
    assert columns(past, 19.0, 20.0, 2) == [4.0, 3.0]


def test_a_figure_stands_for_a_minute_and_no_longer_and_a_gap_is_a_gap_at_once() -> None:
    assert columns(((0.0, 5.0),), 99.0, 100.0, 10) == [5.0] * 7 + [None] * 3
    assert columns(((0.0, 5.0), (20.0, None)), 99.0, 100.0, 10)[:4] == [5.0, 5.0, None, None]
    assert columns(((-30.0, 5.0),), 99.0, 100.0, 10) == [5.0] * 4 + [None] * 6, (
        "it was asked for before the first column"
    )


def test_borders_of_columns_stand_still_while_time_goes_on() -> None:
    past = tuple((float(n), float(n % 7)) for n in range(0, 600, 5))
    assert columns(past, 601.0, 600.0, 60) == columns(past, 608.0, 600.0, 60)


@given(
    past=st.lists(st.tuples(st.floats(-1e6, 2e9), st.none() | st.floats(0, 1e12)), max_size=50),
    now=st.floats(0, 2e9), width=st.integers(58, 250), height=st.integers(graphs.LEAST, graphs.MOST),
)  # fmt: skip
def test_whatever_comes_the_lines_are_as_many_and_as_wide_as_they_should_be(past, now, width, height) -> None:
    curve = Curve("x", tuple(sorted(past, key=lambda each: each[0])), graphs.whole)
    said = plain(graphs.drawn([CurveGroup("a", [curve, curve])], now, 1, width, height)).split("\n")
    assert len(said) == height + 2
    assert all(len(each.rstrip()) <= width for each in said)


def test_the_top_of_a_scale_is_a_round_number_that_stays() -> None:
    assert [graphs.nice(value) for value in (0.0, 1.0, 1.5, 2.0, 3.0, 7.0, 11.0, 44.0, 87.0, 130.0)] == [
        1, 1, 2, 2, 5, 10, 20, 50, 100, 200,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("room", "keys", "height"), [(40, "ab", 8), (12, "ab", 4), (9, "ab", 3), (8, "b", 6), (-5, "b", 3)]
)
def test_all_have_curves_where_there_is_room_else_the_selected_one(room: int, keys: str, height: int) -> None:
    curve = Curve("x", ((0.0, 1.0),), graphs.whole)
    shown, high = graphs.fitted([CurveGroup("a", [curve]), CurveGroup("b", [curve])], "b", room)
    assert ("".join(each.key for each in shown), high) == (keys, height)


@pytest.mark.parametrize(
    ("first", "name"), [(0.0, "2 min"), (119.0, "2 min"), (121.0, "10 min"), (700.0, "1 h"), (9e4, "1 h")]
)
def test_the_time_that_suits_holds_what_is_known_up_to_an_hour(first: float, name: str) -> None:
    curve = Curve("x", ((-1e6, None), (1e6 - first, 1.0)), graphs.whole)
    assert graphs.SPANS[graphs.span_of([CurveGroup("a", [curve])], 1e6)][1] == name
