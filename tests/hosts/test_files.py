"""Reading and writing files of a stack: whole or not at all, and every refusal with the way out."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest
from stackops.console.hosts import HostError, NotFound, ReadOnlyRefused
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


def names(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir())


def test_replacing_keeps_owner_mode_and_attributes(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "librechat.yaml"
    place.write_bytes(b"old")
    place.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(place, 999, 998)
    os.setxattr(place, "user.note", b"keep")
    before = place.stat()
    files.replace(str(place), b"new", expect=sha(b"old"))
    after = place.stat()
    assert place.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(place, "user.note") == b"keep"
    assert after.st_ino != before.st_ino
    assert names(tmp_path) == ["librechat.yaml"]


def test_the_same_content_is_not_written_again(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"same")
    inode = place.stat().st_ino
    files.replace(str(place), b"same", expect=sha(b"same"))
    assert place.stat().st_ino == inode


def test_a_file_that_changed_since_the_preview_is_left_alone(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"theirs")
    with pytest.raises(HostError, match="changed since the preview"):
        files.replace(str(place), b"mine", expect=sha(b"old"))
    assert place.read_bytes() == b"theirs"


def test_a_change_in_the_last_moment_is_seen(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"old")
    monkeypatch.setattr(
        writing, "reach", lambda name: place.write_bytes(b"theirs") if name == "before_rename" else None
    )
    with pytest.raises(HostError, match="changed since the preview"):
        files.replace(str(place), b"mine", expect=sha(b"old"))
    assert place.read_bytes() == b"theirs"
    assert names(tmp_path) == ["f"]


def test_creating_never_overwrites(files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "f"
    files.replace(str(place), b"new", expect=None)
    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    with pytest.raises(HostError, match="exists already"):
        files.create(str(place), b"other", mode=0o600, uid=None, gid=None)
    place.unlink()
    monkeypatch.setattr(
        writing, "reach", lambda name: place.write_bytes(b"theirs") if name == "before_rename" else None
    )
    with pytest.raises(HostError, match="exists already"):
        files.create(str(place), b"mine", mode=0o600, uid=None, gid=None)
    assert place.read_bytes() == b"theirs"
    assert names(tmp_path) == ["f"]


def test_a_file_system_without_hard_links_is_written_too(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    files.create(str(tmp_path / "f"), b"new", mode=0o600, uid=None, gid=None)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert names(tmp_path) == ["f"]


@as_root
def test_a_key_file_has_its_mode_and_owner_from_the_first_moment(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def look(name: str) -> None:
        if name == "before_rename":
            status = next(tmp_path.iterdir()).stat()
            seen.append((stat.S_IMODE(status.st_mode), status.st_uid))

    monkeypatch.setattr(writing, "reach", look)
    files.create(str(tmp_path / "mongodb.key"), b"key", mode=0o400, uid=999, gid=999)
    status = (tmp_path / "mongodb.key").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o400, 999, 999)
    assert seen == [(0o400, 999)]


def test_links_are_followed_by_reads_and_named(files: LocalFiles, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (target := tmp_path / "real" / "f").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real/f")
    (tmp_path / "folder").symlink_to("real")
    for place in (tmp_path / "link", tmp_path / "folder/f"):
        assert files.read(str(place)) == b"old"
        fact = files.stat(str(place), digest=True)
        assert (fact.kind, fact.link_target, fact.sha256) == ("file", str(target), sha(b"old"))
    assert files.stat(str(tmp_path / "folder/none")).link_target == str(tmp_path / "real/none")
    assert files.stat(str(target)).link_target is None


def test_no_act_follows_a_link(files: LocalFiles, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real/f")
    (tmp_path / "folder").symlink_to("real")
    before = (tmp_path / "real/f").stat()
    for place, link in ((tmp_path / "link", tmp_path / "link"), (tmp_path / "folder/f", tmp_path / "folder")):
        for act in (
            lambda p=str(place): files.replace(p, b"new", expect=sha(b"old")),
            lambda p=str(place): files.remove(p, expect=sha(b"old")),
            lambda p=str(place): files.chmod(p, 0o600),
            lambda p=str(place): files.chown(p, 999, 999),
        ):
            with pytest.raises(HostError, match=f"^{link} became a link since it was looked at$"):
                act()
    assert names(tmp_path / "real") == ["f"]
    assert (tmp_path / "real/f").stat() == before


def test_facts_of_everything_a_path_can_be(files: LocalFiles, tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    os.link(tmp_path / "file", tmp_path / "twin")
    kinds = {
        n: files.stat(str(tmp_path / n), digest=True).kind for n in ("dir", "fifo", "dangling", "loop", "file", "x")
    }
    assert kinds == {
        "dir": "directory", "fifo": "fifo", "dangling": "missing", "loop": "unreadable", "file": "file", "x": "missing"
    }  # fmt: skip
    assert files.stat("/dev/null").kind == "device"
    assert files.stat(str(tmp_path / "file/below")).kind == "missing"
    assert files.stat(str(tmp_path / "dir")).empty is True
    assert files.stat(str(tmp_path)).empty is False
    fact = files.stat(str(tmp_path / "twin"), digest=True)
    assert (fact.empty, fact.links, fact.sha256) == (True, 2, sha(b""))
    assert files.stat(str(tmp_path / "dangling")).link_target == str(tmp_path / "nowhere")


def test_only_regular_files_are_read(files: LocalFiles, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for place, kind in ((tmp_path / "fifo", "fifo"), (tmp_path, "directory"), (Path("/dev/zero"), "device")):
        with pytest.raises(HostError, match=f"is a {kind}, not a regular file"):
            files.read(str(place))
        with pytest.raises(HostError, match=f"is a {kind}, not a regular file"):
            files.replace(str(place), b"x", expect=sha(b""))
    with pytest.raises(NotFound):
        files.read(str(tmp_path / "none"))
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(HostError, match="larger than 10 bytes"):
        files.read(str(tmp_path / "big"), limit=10)
    assert len(files.read(str(tmp_path / "big"), limit=11)) == 11


def test_a_disk_that_hangs_is_given_up_and_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, release = LocalFiles(read_deadline=0.05), threading.Event()
    (tmp_path / "ok").mkdir()
    (tmp_path / "ok/f").write_bytes(b"x")
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda p: release.wait(100) if "nfs" in p else real(p))
    with pytest.raises(HostError, match=r"not answering \(0.05 s\): is it on a network"):
        files.read("/nfs/project/docker-compose.yml")
    files._read_deadline = 3600.0
    with pytest.raises(HostError, match="not answering"):
        files.read("/nfs/project/.env")  # at once: it would be waited for longer than a test may take
    assert files.read(str(tmp_path / "ok/f")) == b"x"
    release.set()


def test_many_dead_folders_leave_the_others_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, release = LocalFiles(read_deadline=0.05), threading.Event()
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda p: release.wait(100) if "nfs" in p else real(p))
    for number in range(6):
        with pytest.raises(HostError, match="not answering"):
            files.read(f"/nfs/{number}/docker-compose.yml")
    (tmp_path / "f").write_bytes(b"x")
    files._read_deadline = 60.0
    assert files.read(str(tmp_path / "f")) == b"x"
    release.set()


def test_names_and_paths_of_hostile_shape(files: LocalFiles, tmp_path: Path) -> None:
    odd = tmp_path / "[red]\x1b]52;c;x\x07 -rf 深"
    odd.write_bytes(b"x")
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"x")
    assert files.names(str(tmp_path)) == [odd.name]
    with pytest.raises(HostError) as caught:
        files.create(str(odd), b"y", mode=0o600, uid=None, gid=None)
    assert "\x1b" not in str(caught.value)
    for path in ("relative", "", "/x\0y"):
        with pytest.raises(HostError, match="not an absolute path"):
            files.stat(path)
    long = tmp_path / ("長" * 80)
    files.create(str(long), b"z", mode=0o600, uid=None, gid=None)
    assert long.read_bytes() == b"z"


def test_removing_wants_the_content_that_was_written(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"edited")
    with pytest.raises(HostError, match="left alone"):
        files.remove(str(place), expect=sha(b"ours"))
    files.remove(str(place), expect=sha(b"edited"))
    assert not place.exists()
    with pytest.raises(NotFound):
        files.remove(str(place), expect=sha(b"edited"))


def test_a_folder_that_is_missing_or_a_file_is_named(files: LocalFiles, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    for place in (tmp_path / "none/x", tmp_path / "f/x"):
        with pytest.raises(NotFound, match=f"{place.parent} does not exist or is not a directory"):
            files.create(str(place), b"y", mode=0o600, uid=None, gid=None)
    with pytest.raises(HostError, match="f is not a directory"):
        files.names(str(tmp_path / "f"))


@as_root
def test_what_root_makes_belongs_to_the_folders_owner(files: LocalFiles, tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    files.replace(str(tmp_path / "f"), b"x", expect=None)
    assert ((tmp_path / "f").stat().st_uid, (tmp_path / "f").stat().st_gid) == (1234, 1235)


def test_only_empty_directories_are_removed(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "librechat.yaml"
    files.make_directory(str(place), mode=0o750, uid=os.geteuid(), gid=os.getegid())
    assert stat.S_IMODE(place.stat().st_mode) == 0o750
    (place / "data").write_bytes(b"x")
    with pytest.raises(HostError, match="not empty"):
        files.remove_directory(str(place))
    (place / "data").unlink()
    files.remove_directory(str(place))
    assert not place.exists()
    (tmp_path / "f").touch()
    with pytest.raises(HostError, match="not a directory"):
        files.remove_directory(str(tmp_path / "f"))


def test_modes_and_owners_change_alone(files: LocalFiles, tmp_path: Path) -> None:
    place = tmp_path / "key"
    place.write_bytes(b"key")
    inode = place.stat().st_ino
    files.chmod(str(place), 0o400)
    files.chown(str(place), os.geteuid(), -1)
    assert (stat.S_IMODE(place.stat().st_mode), place.stat().st_ino) == (0o400, inode)
    with pytest.raises(HostError, match="is a device"):
        files.chmod("/dev/null", 0o666)


def test_read_only_refuses_every_writer_and_reads_on(tmp_path: Path) -> None:
    files = LocalFiles(read_only=True)
    place = tmp_path / "f"
    place.write_bytes(b"x")
    acts = [
        lambda: files.replace(str(place), b"y", expect=sha(b"x")),
        lambda: files.replace(str(tmp_path / "g"), b"y", expect=None),
        lambda: files.create(str(tmp_path / "g"), b"y", mode=0o600, uid=None, gid=None),
        lambda: files.remove(str(place), expect=sha(b"x")),
        lambda: files.make_directory(str(tmp_path / "d"), mode=0o700, uid=0, gid=0),
        lambda: files.remove_directory(str(tmp_path)),
        lambda: files.chmod(str(place), 0),
        lambda: files.chown(str(place), 0, 0),
        lambda: files.remove_leftovers(str(place)),
    ]
    for act in acts:
        with pytest.raises(ReadOnlyRefused):
            act()
    assert names(tmp_path) == ["f"]
    assert files.read(str(place)) == b"x"
    files.may_write(str(place), b"y")


def test_left_over_temporary_files_of_this_target_go_and_no_others(files: LocalFiles, tmp_path: Path) -> None:
    for name in (".f.abcd1234.so-tmp", ".f2.abcd1234.so-tmp", ".f.toolong12345.so-tmp", "f", ".f.abcd1235.so-tmp.bak"):
        (tmp_path / name).touch()
    assert files.remove_leftovers(str(tmp_path / "f")) == [str(tmp_path / ".f.abcd1234.so-tmp")]
    assert len(names(tmp_path)) == 4
    assert files.remove_leftovers(str(tmp_path / "none/f")) == []
