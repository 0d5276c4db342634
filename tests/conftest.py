"""What holds for all tests: who runs them beside whom, and what a demanded Engine means.

Where ``STACKOPS_REQUIRE_ENGINE=1`` demands a Docker Engine, a test that is skipped for want of one has failed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from stackops.console import text
from stackops.console.hosts import call
from stackops.console.text.redaction import SECRETS
from support.corpus import CORPUS
from support.turns import place_of, turn_of

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy machine is no fault of the example: none of them has a time


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Each test begins in English, whatever the one before spoke."""
    text.use("en")
    yield
    text.use("en")


@pytest.fixture(autouse=True)
def _nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test let hang has perhaps not come back when the next one asks the same way."""
    monkeypatch.setattr(call, "_left", {})


@pytest.fixture(autouse=True, scope="module")
def secrets_of_one_file():
    """What the tests of one file have made secret, a word of the screen perhaps, is not masked in the next."""
    before = vars(SECRETS).copy()
    yield
    vars(SECRETS).update({**before, "version": SECRETS.version + 1})


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
    """A run in the background has SIGINT ignored, and so would every program it starts: the tests send it.

    Whoever runs them may read another language than English.
    """
    os.environ["LC_ALL"] = "C.UTF-8"
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for the Engine begins first: it takes longest."""
    items.sort(key=lambda item: place_of(file_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker for each core; two more where an Engine is, whose tests mostly wait for it."""
    return len(os.sched_getaffinity(0)) + 2 * os.access("/var/run/docker.sock", os.W_OK)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several workers: what shares a turn at the Engine stays on one of them, as does a file.

    By the file's name, as the scheduler knows no marks; xdist's own groups are lost on pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Turns(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return turn_of(file_of(nodeid)) or file_of(nodeid)

    config.option.loadscopereorder = False
    return Turns(config, log)


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
