"""The table of pitfalls: each made by hand on real compose files, found, repaired, proven from outside, taken back.

Rows of one stack share it: it comes up once, and every row begins by making it good. One row is one form.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from support import mongo_rows, python_image
from support.pitfall_rows import Row, play
from support.stacks import Stack, docker

ROWS: tuple[Row, ...] = (*mongo_rows.ROWS,)
FILES = {"fastgpt/v4.6.8": ("docker-compose.yml", "config.json")}
NAMES = ("mongo", "pg", "fastgpt", "mysql", "oneapi", "LibreChat", "chat-mongodb", "chat-meilisearch", "vectordb")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the owner of a file can only be given away by root")


@pytest.fixture(scope="module")
def speaking(standins: None) -> Iterator[None]:
    """A mongod that speaks its protocol, in place of the one that only checks its key file."""
    python_image.build({"mongo:5.0.18": "5.0.18"})
    yield
    python_image.images().build()


@pytest.fixture(scope="module")
def stack_of(speaking: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stack]]:
    """The stack of a group; the one before is taken down, since upstream fixes the container names."""
    current: list[tuple[str, Stack]] = []

    def give(group: str) -> Stack:
        if current and current[0][0] != group:
            current.pop()[1].down()
        if not current:
            clear_the_way()
            current.append((group, Stack(tmp_path_factory.mktemp("stack"), group, FILES[group])))
        return current[0][1]

    yield give
    for _, stack in current:
        stack.down()


def clear_the_way() -> None:
    for name in NAMES:
        if docker("inspect", "-f", '{{index .Config.Labels "stackops.standin"}}', name, check=False):
            docker("rm", "--force", "--volumes", name)
        elif docker("ps", "-aq", "--filter", f"name=^/{name}$"):
            pytest.skip(f"a container named {name} is on this machine; the upstream files use that name too")


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.check}: {row.name}" for row in ROWS])
def test_it_is_found_repaired_proven_and_taken_back(row, stack_of):
    play(stack_of(row.group), row)
