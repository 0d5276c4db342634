"""Named pipes, devices, links and other people's files in place of what stackops itself reads and writes.

Each is refused with a sentence; nothing waits, nothing is read without end, and no file of anybody else changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stackops.console.fix.acts.base import sha256
from stackops.console.fix.audit import Audit, AuditError, AuditLine
from stackops.console.fix.journal import BlobStore, Journal, JournalError
from stackops.console.fix.records import End, Intent
from stackops.console.hosts import EngineUnreachable, HostError
from stackops.console.hosts.local import writing
from stackops.console.hosts.local.docker_command import find_address
from stackops.console.hosts.local.locking import who
from stackops.console.settings import SettingsError, load
from support.workshop import tree

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a device")
MAIN = "from stackops.console.cli import main; main()"
HANGS = 30.0
"""Seconds after which a call is given up as one that never comes back."""
ODD: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a device": lambda path: os.mknod(path, 0o20600, os.makedev(1, 5)),  # as /dev/zero
    "a directory": lambda path: path.mkdir(),
}
LINE = AuditLine("begin", "t", 1.0, who(), "h", "1", "e", "fix", "c", "s")


def answer(call: Callable[[], Any]) -> Any:
    """What the call returns or raises; the test fails where it does neither."""
    said: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            said.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANGS)
    assert not thread.is_alive(), "it waits for ever"
    if failed:
        raise failed[0]
    return said[0]


def intent(ident: str) -> Intent:
    return Intent(
        id=ident, kind="fix", check="c.d", subject="s", title="t", safety="safe", host="h", at=1.0, who=who(),
        version="1", plan_hash="x", steps=(), was=(), will=(), restarts=(), lock=None,
    )  # fmt: skip


def put(kind: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ODD[kind](path)
    return path


@as_root
@pytest.mark.parametrize("kind", ODD)
def test_settings_that_are_no_file_are_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = put(kind, tmp_path / "stackops.toml")
    with pytest.raises(SettingsError, match=rf"^{path}: cannot be read \(it is {kind}, not a regular file\); "):
        answer(lambda: load(path))
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "--config", str(path), "check"], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, check=False, env={**os.environ, "STACKOPS_STATE_DIR": str(tmp_path / "state")},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert f"it is {kind}, not a regular file" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_without_end_are_refused_and_a_link_to_settings_is_not(tmp_path: Path) -> None:
    with (big := tmp_path / "big.toml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SettingsError, match=r"it is larger than 1,048,576 bytes"):
        answer(lambda: load(big))
    (tmp_path / "real.toml").write_text('project = "chat"\n')
    (tmp_path / "link.toml").symlink_to("real.toml")
    assert load(tmp_path / "link.toml").project == "chat"


@as_root
@pytest.mark.parametrize("kind", ODD)
def test_an_audit_log_that_is_no_file_keeps_a_fix_from_starting(tmp_path: Path, kind: str) -> None:
    path = put(kind, tmp_path / "audit.jsonl")
    with pytest.raises(AuditError, match=rf"cannot be written \(it is {kind}, not a regular file\), so nothing"):
        answer(lambda: Audit(path, syslog=None).write(LINE))


def test_an_audit_log_that_is_another_file_too_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0\n")
    os.link(tmp_path / "passwd", tmp_path / "audit.jsonl")
    with pytest.raises(AuditError, match=r"cannot be written \(it has 2 hard links\)"):
        Audit(tmp_path / "audit.jsonl", syslog=None).write(LINE)
    (tmp_path / "audit.jsonl").unlink()
    (tmp_path / "audit.jsonl").symlink_to("passwd")
    with pytest.raises(AuditError, match=r"cannot be written \(it is a link, not a regular file\)"):
        Audit(tmp_path / "audit.jsonl", syslog=None).write(LINE)
    assert (tmp_path / "passwd").read_text() == "root:x:0:0\n"


@as_root
@pytest.mark.parametrize("kind", ODD)
def test_an_entry_that_is_no_file_is_named_and_the_others_are_read(tmp_path: Path, kind: str) -> None:
    journal = Journal(tmp_path / "state")
    journal.begin(intent("one"), [])
    path = put(kind, journal.directory / "two.jsonl")
    assert [entry.id for entry in answer(journal.entries)] == ["one"]
    assert answer(journal.unreadable) == (str(path),)
    with pytest.raises(JournalError, match=f"it is {kind}, not a regular file"):
        answer(lambda: journal.append("two", End("done", 1.0)))


@as_root
@pytest.mark.parametrize("kind", ODD)
def test_a_backup_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    store = BlobStore(tmp_path)
    put(kind, store.path(sha256(b"x")))
    with pytest.raises(HostError, match=f"cannot be read: it is {kind}, not a regular file"):
        answer(lambda: store.get(sha256(b"x")))
    with pytest.raises(OSError, match=f"it is {kind}, not a regular file"):
        answer(lambda: store.put([b"x"]))


def test_a_backup_that_was_damaged_is_written_again(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.path(sha256(b"old")).write_bytes(b"torn")
    store.put([b"old"])
    assert store.get(sha256(b"old")) == b"old"
    assert store.path(sha256(b"old")).stat().st_mode & 0o777 == 0o600


def test_pruning_removes_nothing_behind_a_link_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.secure()
    other = tmp_path / "etc"
    other.mkdir(mode=0o755)
    for folder in (other, journal.blobs.directory):
        for name in ("passwd", sha256(b"x")):
            (folder / name).write_bytes(b"x")
            os.utime(folder / name, (1, 1))
    before = tree(tmp_path / "etc")
    journal.prune()
    assert [path.name for path in journal.blobs.directory.iterdir()] == ["passwd"]

    journal.blobs.directory.rename(tmp_path / "aside")
    journal.blobs.directory.symlink_to(other)
    journal.prune()
    with pytest.raises(OSError, match="Not a directory"):
        journal.blobs.put([b"secret"])
    with pytest.raises(JournalError):
        journal.secure()
    assert tree(other) == before
    assert other.stat().st_mode & 0o777 == 0o755


def test_content_kept_for_a_command_reaches_nobody_elses_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACKOPS_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_bytes(b"x")
    os.utime(tmp_path / "etc/passwd", (1, 1))
    (tmp_path / "state").mkdir()
    (tmp_path / "state/pending").symlink_to(tmp_path / "etc")
    before = tree(tmp_path / "etc")
    assert writing.keep("/srv/key", b"secret") is None
    assert tree(tmp_path / "etc") == before

    (tmp_path / "state/pending").unlink()
    kept = Path(writing.keep("/srv/key", b"secret") or "")
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (b"secret", 0o600)
    os.utime(kept, (1, 1))
    second = writing.keep("/srv/other", b"secret")
    assert [str(path) for path in (tmp_path / "state/pending").iterdir()] == [second]


@as_root
@pytest.mark.parametrize("kind", ODD)
def test_files_of_the_docker_command_that_are_none_are_refused(tmp_path: Path, kind: str) -> None:
    config = put(kind, tmp_path / "home/.docker/config.json")
    with pytest.raises(EngineUnreachable, match=f"{config} cannot be used: .*it is {kind}, not a regular file"):
        answer(lambda: find_address(None, {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": "/nonexistent"}, uid=1))
    put(kind, tmp_path / "certs/ca.pem")
    environ = {"DOCKER_HOST": "tcp://box:2376", "DOCKER_CERT_PATH": str(tmp_path / "certs"), "HOME": str(tmp_path)}
    with pytest.raises(EngineUnreachable, match=f"ca.pem cannot be used: it is {kind}, not a regular file"):
        answer(lambda: find_address(None, environ, uid=1))
