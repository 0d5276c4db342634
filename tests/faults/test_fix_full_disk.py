"""F9, H11, H13: the disk fills up, or turns read-only, before a fix and in the middle of one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stackops.console.exit_codes import ExitCode
from stackops.console.fix.plan import Plan
from stackops.console.fix.steps import ReplaceFile, Text
from stackops.console.hosts import HostError
from stackops.console.hosts.local.files import LocalFiles
from support.workshop import Workshop

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


class _Full:
    """Local files on a disk that is full from the n-th write on."""

    def __init__(self, after: int) -> None:
        self._files = LocalFiles()
        self._left = after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._files, name)
        if name not in ("replace", "create"):
            return real

        def write(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise HostError(f"{args[0]}: no space left on device")
            return real(*args, **kwargs)

        return write


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_disk_that_fills_up_takes_back_what_can_be_and_names_both_states_of_the_rest(
    shop: Workshop, after: int
) -> None:
    before = shop.tree()
    fixer = shop.fixer(files=_Full(after))

    outcome = fixer.run(fixer.prepare(shop.plan()))

    assert "no space left" in outcome.sentence
    if after == 0:
        assert outcome.code == ExitCode.ROLLED_BACK
        assert shop.tree() == before
    else:  # putting the override back needs a write as well
        assert outcome.code == ExitCode.ROLLBACK_FAILED
        said = "\n".join(outcome.says)
        assert f"{shop.override}: before a file" in said
        backup = fixer.journal.blobs.path(next(f.sha256 for f in fixer.journal.entries()[0].intent.was if f.sha256))
        assert f"cp -- {backup} {shop.override}" in said
        assert backup.read_bytes() == before["docker-compose.override.yml"][4]
        assert {k: v for k, v in shop.tree().items() if k != "docker-compose.override.yml"} == {
            k: v for k, v in before.items() if k != "docker-compose.override.yml"
        }
        assert fixer.journal.entries()[0].state == "failed"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_root
def test_a_full_project_disk_is_refused_at_the_preview(small_disk: Path) -> None:
    shop = Workshop(small_disk)
    shop.state = small_disk.parent / "state"
    fixer = shop.fixer()
    plan = shop.plan()
    _fill(small_disk)
    before = shop.tree()

    with pytest.raises(HostError, match=r"[Nn]o space|0 bytes free|full"):
        fixer.prepare(plan)
    assert shop.tree() == before


@needs_root
def test_a_full_state_disk_keeps_the_fix_from_starting(tmp_path: Path, small_disk: Path) -> None:
    shop = Workshop(tmp_path / "there")
    shop.state = small_disk
    before = shop.tree()
    fixer = shop.fixer()
    prepared = fixer.prepare(shop.plan())
    _fill(small_disk)

    outcome = fixer.run(prepared)

    assert outcome.code == ExitCode.REFUSED
    assert shop.tree() == before
    assert not any("up" in call for call in shop.world.calls)


def _fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert os.statvfs(folder).f_bavail == 0


@needs_root
def test_a_read_only_mount_is_refused_at_the_preview(small_disk: Path) -> None:
    shop = Workshop(small_disk)
    shop.state = small_disk.parent / "state"
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(HostError, match="read-only"):
        shop.fixer().prepare(Plan("c", "s", "t", steps=(ReplaceFile(shop.compose, Text("x: 1\n")),)))
