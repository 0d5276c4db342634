"""librechat.config-valid on LibreChat v0.8.2 and v0.8.7, whose server ends on what the schema refuses: it boots again.

The stand-in judges as the release does (tests/librechat/test_standin.py compares it with every vector), so a file that
stackops has repaired is really read, and one that it leaves alone is really taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support import python_image
from support.librechat_rows import ACCEPTED, API, BOOT_ROWS, CHECK, VECTORS, booted, serving
from support.pitfall_rows import play
from support.stacks import Stack, docker

ROLLING = "ghcr.io/danny-avila/librechat-dev:latest"
IMAGES = python_image.images()
ROWS = [(release, row) for release, rows in BOOT_ROWS.items() for row in rows]
TAKEN = [(release, vector) for release, vectors in ACCEPTED.items() for vector in vectors]


@pytest.fixture(scope="module")
def stack_of(
    clear_the_way: Callable[[], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Stack]]:
    """A release's own compose file, whose rolling image is that release; the stack before is taken down."""
    current: list[Stack] = []
    names: list[str] = []

    def give(release: str) -> Stack:
        if names != [release]:
            for stack in current:
                stack.down()
            clear_the_way()
            IMAGES.put(ROLLING, IMAGES.librechat(release))
            folder = tmp_path_factory.mktemp("stack")
            current[:] = [Stack(folder, f"librechat/{release}", ("docker-compose.yml", ".env.example"))]
            names[:] = [release]
        return current[0]

    yield give
    for stack in current:
        stack.down()
    IMAGES.build([ROLLING])


@pytest.mark.parametrize(("release", "row"), ROWS, ids=[row.name for _, row in ROWS])
def test_a_file_that_keeps_the_server_down_is_found_and_the_server_boots_again(stack_of, release, row):
    play(stack_of(release), row)


@pytest.mark.parametrize(("release", "vector"), TAKEN, ids=[f"{release}: {vector}" for release, vector in TAKEN])
def test_a_file_that_the_release_takes_is_left_in_peace(stack_of, release, vector):
    stack = stack_of(release)
    serving(stack)
    stack.write("librechat.yaml", VECTORS[vector]["yaml"])
    docker("restart", "-t", "0", API)
    booted()(stack)
    result = stack.result(CHECK, API)
    assert result["status"] == "ok", result
    assert release.removeprefix("v") in str(result["evidence"])
