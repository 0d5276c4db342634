"""What holds for all tests: who runs them beside whom, and what a demanded Engine means.

Where ``STACKOPS_REQUIRE_ENGINE=1`` demands a Docker Engine, a test that is skipped for want of one has failed.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.corpus import CORPUS

ENGINE = Path(__file__).parent / "engine"
"""Its own conftest marks these, later than is needed here."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    wanted = os.environ.get("STACKOPS_REQUIRE_ENGINE") == "1" and item.get_closest_marker("engine") is not None
    excused = item.get_closest_marker("corpus") is not None and not CORPUS.is_dir()
    if wanted and report.skipped and not excused and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"STACKOPS_REQUIRE_ENGINE=1, but this test was skipped: {reason}"
    return report


def pytest_configure() -> None:
    """A run in the background has SIGINT ignored, and so would every program it starts: the tests send it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers: what needs the Engine begins first and on one worker, a file stays on one worker.

    There is one Engine, and upstream's container names are fixed; those tests mostly wait, so the others have the rest.
    First of all hooks, because the workers read the groups in one of theirs.
    """
    items.sort(key=lambda item: not _engine(item))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("engine" if _engine(item) else item.path.as_posix()))


def _engine(item: pytest.Item) -> bool:
    return item.get_closest_marker("engine") is not None or ENGINE in item.path.parents
