"""Stand-ins have upstream's names for a while only: a real image of such a name has it again afterwards."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest
from support import python_image
from support.stacks import docker

images = python_image.images()


@pytest.fixture
def real(standins: dict[str, str]) -> Iterator[str]:
    """The name of an image that nobody here has made."""
    name = f"registry.example:5000/stackops-test/{uuid.uuid4().hex}:v1"
    tar = subprocess.run(["tar", "c", "-C", "/bin", "busybox"], check=True, capture_output=True).stdout
    docker_import = ["docker", "import", "-c", "LABEL stackops.test=1", "-", name]
    subprocess.run(docker_import, input=tar, check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], check=False, capture_output=True)


def test_a_real_image_that_has_an_upstream_name_has_it_again_after_the_run(real: str) -> None:
    before = docker("image", "inspect", "-f", "{{.Id}}", real)
    images.put(real, images.plain("test"))
    assert docker("image", "inspect", "-f", "{{.Id}}", real) != before
    images.put(real, images.plain("another"))  # a second stand-in is not taken for a real one
    images.give_back(real)
    assert docker("image", "inspect", "-f", "{{.Id}}", real) == before
    assert docker("image", "ls", "-q", f"{images.KEPT}/{real.encode().hex()}") == ""
