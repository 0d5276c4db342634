"""An image of busybox alone, made in a moment, under a name that no other run on this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OURS = f"stackops-test-{os.getpid()}"
"""Where this process names its images: two runs at once would take each other's away."""


def program() -> Path:
    """Debian's busybox, which needs no library; skipped in one sentence where it or an Engine is not there."""
    found = shutil.which("busybox")
    if found is None:
        pytest.skip("there is no busybox to make an image of; install busybox-static")
    for asked in (["docker", "version"], ["docker", "compose", "version"]):
        try:
            subprocess.run(asked, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no Docker Engine with Compose v2 is reachable")
    return Path(found)


def imported(name: str, packed: bytes, *changes: str) -> str:
    """Make an image of a packed file system and lines of a Dockerfile; its whole name."""
    whole = f"{OURS}/{name}"
    gives = ("LABEL stackops.test=1", *changes)
    command = ["docker", "import", *(part for line in gives for part in ("-c", line)), "-", whole]
    done = subprocess.run(command, input=packed, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return whole


@contextmanager
def busybox(name: str, *changes: str) -> Iterator[str]:
    """The image's whole name; skipped in one sentence where none can be made. Removed at the end."""
    packed = subprocess.run(["tar", "c", "-C", program().parent, "busybox"], capture_output=True, check=True).stdout
    whole = imported(name, packed, 'ENTRYPOINT ["/busybox"]', *changes)
    try:
        yield whole
    finally:
        subprocess.run(["docker", "image", "rm", "--force", whole], capture_output=True, check=False)
