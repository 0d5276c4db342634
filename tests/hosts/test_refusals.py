"""Writes that cannot be done: the file stays as it was, and the sentence names the way out."""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stackops.console.hosts import HostError, NotFound, NotPermitted
from stackops.console.hosts.local import files as foresight
from stackops.console.hosts.local import writing
from stackops.console.hosts.local.files import LocalFiles

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change owners or mount a small file system")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def files() -> LocalFiles:
    return LocalFiles()


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(folder))
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this machine does not let the test mount a small file system")
    yield place
    subprocess.run(["umount", place], check=True)


def names(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir())


def test_without_rights_the_exact_command_is_told_and_its_content_kept(
    files: LocalFiles, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    dest = tmp_path / "my key"
    with pytest.raises(NotPermitted, match="permission denied") as caught:
        files.create(str(dest), b"secret", mode=0o400, uid=12345, gid=12346)
    argv = shlex.split(str(caught.value.remedy))
    assert argv[:8] == ["sudo", "install", "-m", "400", "-o", "12345", "-g", "12346"]
    assert argv[-1] == str(dest)
    kept = Path(argv[-2])
    assert kept.parent == state / "pending"
    assert kept.read_bytes() == b"secret"
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(kept.parent.stat().st_mode)) == (0o600, 0o700)
    assert names(tmp_path) == []
    if os.geteuid() == 0 and shutil.which("install"):
        subprocess.run(argv[1:], check=True)
        assert (dest.read_bytes(), dest.stat().st_uid) == (b"secret", 12345)


def test_each_act_without_rights_names_its_command(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    place = tmp_path / "f"
    place.write_bytes(b"x")
    for name in ("chmod", "chown", "unlink", "rmdir", "mkdir"):
        monkeypatch.setattr(os, name, refuse)
    said: list[str | None] = []
    for act in (
        lambda: files.chmod(str(place), 0o400),
        lambda: files.chown(str(place), 999, 999),
        lambda: files.chown(str(place), 999, -1),
        lambda: files.remove(str(place), expect=sha(b"x")),
        lambda: files.remove_directory(str(tmp_path)),
        lambda: files.make_directory(str(tmp_path / "d"), mode=0o755, uid=0, gid=0),
    ):
        with pytest.raises(NotPermitted) as caught:
            act()
        said.append(caught.value.remedy)
    monkeypatch.undo()
    assert said == [
        f"sudo chmod 400 -- {place}", f"sudo chown 999:999 -- {place}", f"sudo chown 999 -- {place}",
        f"sudo rm -- {place}", f"sudo rmdir -- {tmp_path}", f"sudo install -d -m 755 -o 0 -g 0 -- {tmp_path}/d",
    ]  # fmt: skip


@pytest.mark.parametrize("after", [0, 5, 1000])
def test_a_full_disk_leaves_the_old_file(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"old")
    real, left = os.write, [after]

    def write(descriptor: int, data: memoryview) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        piece = data[: min(left[0], 400)]
        left[0] -= len(piece)
        return real(descriptor, piece)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(HostError, match=r"not enough space: \d+ bytes free in"):
        files.replace(str(place), b"n" * 2000, expect=sha(b"old"))
    assert place.read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


@as_root
def test_a_really_full_disk_is_refused_at_the_preview_and_at_the_write(files: LocalFiles, small_disk: Path) -> None:
    place = small_disk / "f"
    place.write_bytes(b"old")
    with pytest.raises(HostError, match="not enough space"):
        files.may_write(str(place), b"n" * 100_000)
    with pytest.raises(HostError, match="not enough space"):
        files.replace(str(place), b"n" * 100_000, expect=sha(b"old"))
    (small_disk / "filler").write_bytes(b"x" * 60 * 1024)
    with pytest.raises(HostError, match="not enough space: 0 bytes free"):
        files.may_write(str(place), b"new")
    assert place.read_bytes() == b"old"
    assert names(small_disk) == ["f", "filler"]


@as_root
def test_no_inodes_left_is_said_as_such(files: LocalFiles, small_disk: Path) -> None:
    (small_disk / "f").write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,nr_inodes=2", small_disk], check=True)
    with pytest.raises(HostError, match="0 inodes free"):
        files.may_write(str(small_disk / "f"), b"new")
    with pytest.raises(HostError, match="0 inodes free"):
        files.replace(str(small_disk / "f"), b"new", expect=sha(b"old"))


@as_root
def test_a_read_only_file_system_is_named_with_its_mount(files: LocalFiles, small_disk: Path) -> None:
    (small_disk / "f").write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for act in (
        lambda: files.may_write(str(small_disk / "f")),
        lambda: files.replace(str(small_disk / "f"), b"new", expect=sha(b"old")),
    ):
        with pytest.raises(HostError, match=f"read-only .mounted at {small_disk}") as caught:
            act()
        assert "remount,rw" in str(caught.value.remedy)
    with pytest.raises(HostError, match="read-only"):
        files.chmod(str(small_disk / "f"), 0o600)


@as_root
def test_a_file_that_is_a_mount_point_is_refused(files: LocalFiles, tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "with blank"
    source.write_bytes(b"old")
    place.touch()
    if subprocess.run(["mount", "--bind", source, place], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let the test mount anything")
    try:
        for act in (lambda: files.may_write(str(place)), lambda: files.replace(str(place), b"n", expect=sha(b"old"))):
            with pytest.raises(HostError, match="itself a mount point"):
                act()
    finally:
        subprocess.run(["umount", place], check=True)


@as_root
def test_an_immutable_file_is_named_as_such(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"old")
    if not shutil.which("chattr") or subprocess.run(["chattr", "+i", place], check=False).returncode:
        pytest.skip("chattr does not work here")
    try:
        for act in (lambda: files.may_write(str(place)), lambda: files.replace(str(place), b"n", expect=sha(b"old"))):
            with pytest.raises(NotPermitted, match="immutable") as caught:
                act()
            assert caught.value.remedy == f"sudo chattr -i {place}"
    finally:
        subprocess.run(["chattr", "-i", place], check=True)


def test_missing_rights_show_at_the_preview(files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "key"
    place.write_bytes(b"old")
    files.may_write(str(place), b"new")
    monkeypatch.setattr(foresight, "_permitted", lambda folder, wanted: False)
    with pytest.raises(NotPermitted) as caught:
        files.may_write(str(place), b"new", mode=0o400, uid=999, gid=999)
    assert "sudo install -m 400 -o 999 -g 999 -- " in str(caught.value.remedy)
    with pytest.raises(NotFound):
        files.may_write(str(tmp_path / "none/f"), b"new")
    with pytest.raises(HostError, match="is a directory"):
        files.may_write(str(tmp_path), b"new")


def test_rights_are_judged_for_a_user_who_is_not_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [1000])
    monkeypatch.setattr(os, "access", lambda *_, **__: True)

    def wanted(uid: int, gid: int) -> writing.WantedFile:
        return writing.WantedFile(b"", 0o400, uid, gid)

    assert foresight._permitted(str(tmp_path), wanted(1000, 1000))
    assert not foresight._permitted(str(tmp_path), wanted(999, 999))
    assert not foresight._permitted(str(tmp_path), wanted(1000, 999))
