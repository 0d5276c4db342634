"""How often a server is asked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from stackops.console.collect.server_pace import Known
from stackops.console.collect.source import Cadence
from stackops.console.model import ServedModel, Server

CADENCE = Cadence()
UP = Server("a:1", "ollama", "http://127.0.0.1:1", "up", models=(ServedModel("m"),))
DOWN = replace(UP, state="down")


def known(server: Server = UP) -> Known:
    return Known("life", server)


@pytest.mark.parametrize(
    ("product", "state", "seconds"),
    [
        ("ollama", "up", 5.0),
        ("vllm", "loading", 5.0),
        ("oneapi", "up", 15.0),
        ("litellm", "up", 15.0),
        ("unknown", "unknown", 15.0),
        ("unknown", "loading", 5.0),
        ("vllm", "busy", 5.0),
    ],
)
def test_a_server_is_asked_every_five_seconds_and_a_gateway_seldomer(product: str, state: str, seconds: float) -> None:
    one = known(replace(UP, product=product, state=state))
    assert one.period(CADENCE, young=False) == seconds


def test_a_dead_server_is_asked_seldomer_and_seldomer() -> None:
    one = known()
    periods = []
    for _ in range(7):
        one.take(DOWN, 0.0, slow=False)
        periods.append(one.period(CADENCE, young=False))
    assert periods == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    one.take(UP, 0.0, slow=False)
    assert one.period(CADENCE, young=False) == 5.0


def test_one_that_was_just_started_is_still_asked_often() -> None:
    one = known()
    for _ in range(9):
        one.take(DOWN, 0.0, slow=False)
    assert one.period(CADENCE, young=True) == 10.0


def test_it_is_due_after_its_period_and_never_while_it_is_asked() -> None:
    one = known()
    assert one.due(0.0, CADENCE, young=False)
    one.asked_at = 100.0
    assert not one.due(104.9, CADENCE, young=False)
    assert one.due(105.0, CADENCE, young=False)
    one.looking = True
    assert not one.due(500.0, CADENCE, young=False)


def test_lists_are_read_every_minute_and_less_while_they_stay_the_same() -> None:
    one = known()
    at, gaps = 0.0, []
    for _ in range(5):
        one.take(UP, at, slow=True)
        step = next(s for s in range(1, 1000) if one.slow_due(at + s, CADENCE))
        gaps.append(step)
        at += step
    assert gaps == [120, 240, 300, 300, 300]
    one.take(replace(UP, version="2"), at, slow=True)
    assert one.slow_due(at + 60, CADENCE)


def test_lists_are_read_anew_when_it_comes_up() -> None:
    one = known()
    one.take(UP, 0.0, slow=True)
    one.take(DOWN, 5.0, slow=False)
    assert not one.slow_due(10.0, CADENCE)
    one.take(UP, 10.0, slow=False)
    assert one.slow_due(10.0, CADENCE)
