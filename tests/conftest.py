"""What holds for all tests: who runs them beside whom, and what a demanded Engine means.

Where ``STACKOPS_REQUIRE_ENGINE=1`` demands a Docker Engine, a test that is skipped for want of one has failed.
"""

from __future__ import annotations

import os
import signal

import pytest
from support.corpus import CORPUS


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the Engine begins first: it takes longest."""
    items.sort(key=lambda item: "engine" not in file_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several workers: one of them has all that needs the Engine, and a file stays on one worker.

    There is one Engine, and upstream's container names are fixed; those tests mostly wait, so the others have the rest.
    By the file's name, as the scheduler knows no marks; xdist's own groups are lost on pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneEngine(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "engine" if "engine" in file_of(nodeid) else file_of(nodeid)

    config.option.loadscopereorder = False
    return OneEngine(config, log)


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
