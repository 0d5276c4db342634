"""A writer killed at any instant leaves the old file or the new one, and what it left beside them goes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stackops.console.hosts import acting
from stackops.console.hosts.local.files import LocalFiles

ROUNDS = 60
WRITER = """
import hashlib, sys
from stackops.console.hosts.local.files import LocalFiles
path, files = sys.argv[1], LocalFiles()
content = [letter.encode() * 200_000 for letter in "ab"]
sha = [hashlib.sha256(each).hexdigest() for each in content]
now = sha.index(files.stat(path, digest=True).sha256)
print("ready", flush=True)
while True:
    files.replace(path, content[1 - now], expect=sha[now])
    now = 1 - now
"""


def whole(place: Path) -> bool:
    content = place.read_bytes()
    return len(content) == 200_000 and len(set(content)) == 1


def start(place: Path, script: str = WRITER, **environ: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(place)], stdout=subprocess.PIPE, env={**os.environ, **environ}
    )


def test_a_file_survives_kills_at_random_moments(tmp_path: Path) -> None:
    place = tmp_path / "docker-compose.override.yml"
    place.write_bytes(b"a" * 200_000)
    place.chmod(0o640)
    pick = random.Random(7)
    left = 0
    for _ in range(ROUNDS):
        writer = os.fork()
        if writer == 0:
            try:
                _write_for_ever(str(place))
            finally:
                os._exit(1)
        time.sleep(0.005 + pick.random() * 0.02)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        assert whole(place)
        assert place.stat().st_mode & 0o777 == 0o640
        left += len(list(tmp_path.iterdir())) - 1
        LocalFiles().remove_leftovers(str(place))
        assert [each.name for each in tmp_path.iterdir()] == [place.name]
    assert left, "no kill ever hit a write"


def _write_for_ever(path: str) -> None:
    import hashlib

    files = LocalFiles()
    content = [letter * 200_000 for letter in (b"a", b"b")]
    sha = [hashlib.sha256(each).hexdigest() for each in content]
    now = sha.index(str(files.stat(path, digest=True).sha256))
    while True:
        files.replace(path, content[1 - now], expect=sha[now])
        now = 1 - now


@pytest.mark.parametrize(("point", "letter"), [("before_fsync", b"a"), ("before_rename", b"a"), ("after_rename", b"b")])
def test_a_kill_at_a_fail_point_leaves_what_it_must(tmp_path: Path, point: str, letter: bytes) -> None:
    place, fired = tmp_path / "project" / "f", tmp_path / "fired"
    place.parent.mkdir()
    fired.mkdir()
    place.write_bytes(b"a" * 200_000)
    writer = start(place, STACKOPS_FAILPOINT=point, STACKOPS_FAILPOINT_DIR=str(fired))
    assert writer.wait(20) == -signal.SIGKILL
    assert [each.name.partition(".")[0] for each in fired.iterdir()] == [point]
    assert place.read_bytes() == letter * 200_000
    left = LocalFiles().remove_leftovers(str(place))
    assert len(left) == (0 if point == "after_rename" else 1)
    assert [each.name for each in place.parent.iterdir()] == ["f"]


def test_a_fail_point_needs_its_directory_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(number))
    monkeypatch.setenv("STACKOPS_FAILPOINT", "before_step:2")
    acting.reach("before_step")
    monkeypatch.setenv("STACKOPS_FAILPOINT_DIR", str(tmp_path / "none"))
    acting.reach("before_step")
    assert killed == []
    monkeypatch.setenv("STACKOPS_FAILPOINT_DIR", str(tmp_path))
    acting.reach("after_step")
    acting.reach("before_step")
    assert killed == []
    acting.reach("before_step")
    assert killed == [signal.SIGKILL]
