"""The stand-in images for the whole run, and one upstream stack per test, always taken down again."""

from __future__ import annotations

import fcntl
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from support.corpus import needs_corpus
from support.stacks import Stack, docker

_SPEC = importlib.util.spec_from_file_location("standin_images", Path(__file__).with_name("images.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
images = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(images)

NAMES = (
    "mongo", "pg", "fastgpt", "mysql", "oneapi", "LibreChat", "chat-mongodb", "chat-meilisearch", "vectordb", "rag_api",
)  # fmt: skip
"""fact: the container names of the upstream files, fixed there, so one stack at a time and none beside a real one."""


TURN = pytest.StashKey[TextIO]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.corpus)
            item.add_marker(needs_corpus)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """One run at a time on a machine: images and containers have upstream's names, so two would undo each other.

    Around the test, and not in a fixture, because waiting for another run must not count as a test's time. In a run
    with several workers one of them has all of these tests (tests/conftest.py).
    """
    if TURN not in item.session.stash and Path(__file__).parent in item.path.parents:
        item.session.stash[TURN] = _turn()
    return (yield)


def _turn() -> TextIO:
    """Held until this process ends."""
    turn = (Path(tempfile.gettempdir()) / "stackops-engine-tests.lock").open("w")
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.stderr.write("another run of the Engine tests is under way; waiting for it\n")
        fcntl.flock(turn, fcntl.LOCK_EX)
    return turn


@pytest.fixture(scope="session")
def standins() -> Iterator[None]:
    """Images with upstream names; skipped in one sentence where they cannot be made."""
    try:
        subprocess.run(["docker", "version"], capture_output=True, check=True, timeout=20)
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Docker Engine with Compose v2 is reachable")
    try:
        images.build()
    except images.CannotBuild as error:
        pytest.skip(str(error))
    yield
    images.remove()


@pytest.fixture
def stack(standins: None, tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes a stack of a release; all of it is removed afterwards, whatever happened."""
    made: list[Stack] = []
    _clear_the_way()

    def make(release: str, *files: str) -> Stack:
        made.append(Stack(tmp_path, release, files))
        return made[-1]

    yield make
    for one in made:
        one.down()


def _clear_the_way() -> None:
    """Remove what a killed test run left; step back from containers that are somebody's own."""
    for name in NAMES:
        label = docker("inspect", "-f", f'{{{{index .Config.Labels "{images.LABEL}"}}}}', name, check=False)
        if label:
            docker("rm", "--force", "--volumes", name)
        elif docker("ps", "-aq", "--filter", f"name=^/{name}$"):
            pytest.skip(f"a container named {name} is on this machine; the upstream files use that name too")
