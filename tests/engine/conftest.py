"""The stand-in images for the whole run, and one upstream stack per test, always taken down again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from support import python_image
from support.corpus import needs_corpus
from support.cut_stack import CutStack
from support.stacks import Stack, docker
from support.turns import take, turn_of

pytest.register_assert_rewrite("support.cuts")
images = python_image.images()
NAMES = (
    "mongo", "pg", "fastgpt", "mysql", "oneapi", "LibreChat", "chat-mongodb", "chat-meilisearch", "vectordb", "rag_api",
    "admin-panel", "redis", "sandbox", "fastgpt-mcp-server", "aiproxy", "aiproxy_pg", "fastgpt-minio", "fastgpt-app",
    "code-sandbox", "fastgpt-plugin", "opensandbox-server", "volume-manager", "fastgpt-pg", "fastgpt-mongo",
    "fastgpt-redis", "fastgpt-code-sandbox", "fastgpt-opensandbox-server", "fastgpt-volume-manager",
    "fastgpt-agent-sandbox-proxy", "fastgpt-aiproxy", "fastgpt-aiproxy-pg",
)  # fmt: skip
"""fact: the container names of the upstream files, fixed there, so one stack at a time and none beside a real one."""


HELD = pytest.StashKey[dict[str, TextIO]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.corpus)
            item.add_marker(needs_corpus)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cut" in metafunc.fixturenames:
        metafunc.parametrize("cut", metafunc.cls.cuts, ids=lambda cut: cut.name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """One run at a time on a machine: images and containers have upstream's names, so two would undo each other.

    Around the test, and not in a fixture, because waiting for another run must not count as a test's time. In a run
    with several workers one of them has all that share a turn (tests/conftest.py).
    """
    held, turn = item.session.stash.setdefault(HELD, {}), turn_of(item.path)
    if turn is not None and turn not in held:
        held[turn] = take(turn)
    return (yield)


@pytest.fixture(scope="session")
def standins() -> Iterator[dict[str, str]]:
    """Images with upstream names; skipped in one sentence where they cannot be made.

    What is given: which of the real databases are not there, and why.
    """
    try:
        subprocess.run(["docker", "version"], capture_output=True, check=True, timeout=20)
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Docker Engine with Compose v2 is reachable")
    try:
        missing = images.build()
    except images.CannotBuild as error:
        pytest.skip(str(error))
    yield missing
    images.remove()


@pytest.fixture(scope="session")
def databases(standins: dict[str, str]) -> None:
    """The real MariaDB, PostgreSQL and Redis; skipped where Debian's packages cannot be had."""
    if standins:
        pytest.skip("; ".join(standins.values()))


@pytest.fixture(scope="session")
def clear_the_way(standins: dict[str, str]) -> Callable[[], None]:
    """Removes what a killed test run left; for those who make a stack by themselves."""
    return _clear_the_way


@pytest.fixture(scope="module")
def shared_stack(standins: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Makes the one stack that a module's tests share, each beginning by making it good; removed at the end."""
    made: list[Stack] = []
    _clear_the_way()

    def make(release: str, *files: str) -> Stack:
        assert not made, "upstream fixes the names, so there is one at a time"
        made.append(Stack(tmp_path_factory.mktemp("stack"), release, files))
        return made[-1]

    yield make
    for one in made:
        one.down()


@pytest.fixture(scope="class")
def cut_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CutStack]:
    """The stack of a class of ``CutTests``."""
    with request.cls.standing(tmp_path_factory.mktemp("cuts")) as stack:
        yield stack


@pytest.fixture
def stack(standins: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Stack]]:
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
    rows = docker("ps", "-a", "--format", f'{{{{.Names}}}}\t{{{{.Label "{images.LABEL}"}}}}').splitlines()
    there = {name: label for name, _, label in (row.partition("\t") for row in rows) if name in NAMES}
    ours = [name for name, label in there.items() if label]
    if len(ours) < len(there):
        others = ", ".join(sorted(set(there) - set(ours)))
        pytest.skip(f"the upstream files use names that containers on this machine have: {others}")
    if ours:
        docker("rm", "--force", "--volumes", *ours)
