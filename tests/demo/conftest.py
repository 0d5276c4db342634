from __future__ import annotations

import pytest
from stackops.console.practice import DemoHost, open_demo
from support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def demo(clock: FakeClock) -> DemoHost:
    """The practice stack as it opens: every pitfall on it."""
    return open_demo(clock=clock)


@pytest.fixture
def orderly(clock: FakeClock) -> DemoHost:
    """The practice stack before its operator's mistakes."""
    return open_demo(clock=clock, scenarios=())
