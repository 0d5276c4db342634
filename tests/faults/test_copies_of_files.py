"""Copies of files for a program to read: only in the state folder, gone after use; after a kill, at the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stackops.console import paths
from stackops.console.hosts import HostError
from stackops.console.hosts.local import control, open_local
from stackops.console.settings import Settings

SECRET = b"POSTGRES_PASSWORD=pl4nted-s3cret"
ASK = """
import os, sys
from stackops.console.hosts import ComposeProject
from stackops.console.hosts.local import control, open_local
from stackops.console.settings import Settings
content = {secret!r}
if sys.argv[1] == "compose":
    door = open_local(Settings(host="unix:///x/docker.sock")).control
    door.service_config(ComposeProject("p", "/srv", ["/srv/c.yml"]), "api", edited={{"/srv/c.yml": content}})
else:
    control.validate(content)
"""
OPENS = """
from stackops.console.hosts.local import open_local
from stackops.console.settings import Settings
open_local(Settings())
"""
DIES = """import os, signal, sys, time
if sys.argv[-1] == "--short": print("2.26.1"); sys.exit()
os.kill(os.getppid(), signal.SIGKILL)
"""


def _holding(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET in path.read_bytes()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose docker kills whoever asks it; what is written anywhere below is seen."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tmp").mkdir()
    for name in ("docker", "dockerd"):
        program = tmp_path / "bin" / name
        program.write_text(f"#!{sys.executable}\n{DIES}")
        program.chmod(0o755)
    for name, value in {"PATH": "bin", "TMPDIR": "tmp", "STACKOPS_STATE_DIR": "state"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    return tmp_path


@pytest.mark.parametrize("who", ["compose", "dockerd"])
def test_what_a_kill_left_is_gone_at_the_next_start(place: Path, who: str) -> None:
    done = subprocess.run([sys.executable, "-c", ASK.format(secret=SECRET), who], check=False)
    assert done.returncode == -signal.SIGKILL
    left = _holding(place)
    assert len(left) == 1
    assert left[0].is_relative_to(place / "state")
    assert [path.stat().st_mode & 0o777 for path in (left[0], left[0].parent, left[0].parent.parent)] == [
        0o600, 0o700, 0o700,
    ]  # fmt: skip

    open_local(Settings(host="unix:///x/docker.sock"))

    assert _holding(place) == []
    assert list((place / "tmp").iterdir()) == []
    assert list(left[0].parent.parent.iterdir()) == []


def test_what_is_in_use_stays(place: Path) -> None:
    with paths.scratch() as folder:
        (folder / "held").write_bytes(SECRET)
        subprocess.run([sys.executable, "-c", OPENS], check=True)
        assert _holding(place) == [folder / "held"]
    assert _holding(place) == []


@pytest.mark.parametrize("odd", ["link", "pipe", "file"])
def test_nothing_is_swept_behind_a_link_and_nothing_waits(place: Path, odd: str) -> None:
    other = place / "other"
    (other / "run-1").mkdir(parents=True)
    (other / "run-1" / "theirs").write_bytes(SECRET)
    scratch = place / "state" / "scratch"
    scratch.parent.mkdir()
    {"link": lambda: scratch.symlink_to(other), "pipe": lambda: os.mkfifo(scratch), "file": scratch.touch}[odd]()
    open_local(Settings())
    assert _holding(place) == [other / "run-1" / "theirs"]
    with pytest.raises(HostError, match=r"copies of files.*cannot be kept"):
        control.validate(SECRET)
