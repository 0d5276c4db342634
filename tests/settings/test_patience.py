"""How long a repaired finding has to stay gone: as its check asks for, or as the operator says."""

from __future__ import annotations

import pytest
from stackops.console.fix.plan import Plan, settling
from stackops.console.fix.steps import RestartContainer
from stackops.console.settings import Settings, SettingsError, parse

PLAN = Plan("a.b", "x", "t", steps=(RestartContainer(container="c", name="c"),), settle=5.0)
MANUAL = Plan("a.b", "x", "t", safety="manual")


@pytest.mark.parametrize(("seconds", "settle"), [(None, 5.0), (1.0, 1.0), (30.0, 30.0)])
def test_the_operators_patience_counts_in_place_of_the_checks(seconds, settle):
    assert settling(PLAN, seconds).settle == settle
    assert settling(PLAN, None) is PLAN
    assert settling(MANUAL, seconds) is MANUAL


def test_it_is_a_setting_with_bounds():
    assert Settings().fix.settle is None
    assert parse("[fix]\nsettle = 2.5\n").fix.settle == 2.5
    for wrong in ("0", "-1", "6000", '"soon"'):
        with pytest.raises(SettingsError, match="settle"):
            parse(f"[fix]\nsettle = {wrong}\n")
