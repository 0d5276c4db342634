"""The journal: what a kill leaves of it, what is kept, who may write it; the audit log and the lock beside it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stackops.console.fix import journal as journal_module
from stackops.console.fix.acts.base import sha256
from stackops.console.fix.audit import Audit, AuditError, AuditLine
from stackops.console.fix.journal import BlobStore, Journal, JournalError
from stackops.console.fix.records import About, Did, End, Intent, JournalStep, Stopped, Taken
from stackops.console.fix.steps import Chmod, RestoreFile
from stackops.console.hosts.local.locking import LocalLocks, Locked, Who, _holder_by_kernel, alive, own_container, who
from stackops.console.model import FileFact

GONE = Who("somebody", 1000, 2**22 + 1, 1)


def intent(ident: str, at: float = 1.0, **given: Any) -> Intent:
    steps = (JournalStep(Chmod("/a", 0o400, 0o644), Chmod("/a", 0o644, 0o400), "Set the mode", "0644 → 0400"),)
    fields: dict[str, Any] = {
        "kind": "fix", "check": "c", "subject": "s", "title": "t", "safety": "safe", "host": "h", "at": at, "who": GONE,
        "version": "1", "plan_hash": "x", "steps": steps, "was": (FileFact("/a", "file"),), "will": (),
    }  # fmt: skip
    return Intent(id=ident, **(fields | given))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def test_an_entry_reads_back_as_it_was_written(journal: Journal) -> None:
    journal.begin(intent("one"), [b"content"])
    for record in (About(0, 2.0), Did(0, 3.0), End("done", 4.0, ("well",))):
        journal.append("one", record)

    (entry,) = journal.entries()
    assert entry.intent == intent("one", number=1)
    assert (entry.state, entry.done, entry.begun, entry.ended_at) == ("done", {0}, frozenset(), 4.0)
    assert journal.blobs.get(sha256(b"content")) == b"content"


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_last_line_is_no_line_and_the_next_one_is_whole(journal: Journal, cut: int) -> None:
    journal.begin(intent("one"), [])
    journal.append("one", About(0, 2.0))
    path = journal.directory / "one.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])

    (entry,) = journal.entries()
    assert entry.begun == frozenset() if cut > 1 else entry.begun == {0}
    journal.append("one", Did(0, 3.0))
    assert journal.get("one").done == {0}


def test_a_torn_first_line_is_no_entry_since_nothing_was_done_yet(journal: Journal) -> None:
    journal.begin(intent("one"), [])
    path = journal.directory / "one.jsonl"
    path.write_bytes(path.read_bytes()[:50])
    assert journal.entries() == ()
    assert journal.unreadable() == ()


def test_a_file_that_is_no_entry_is_named_and_the_others_are_read(journal: Journal) -> None:
    journal.begin(intent("one"), [])
    (journal.directory / "two.jsonl").write_text('{"type": "from the future"}\n')
    assert [e.id for e in journal.entries()] == ["one"]
    assert journal.unreadable() == (str(journal.directory / "two.jsonl"),)


def test_entries_come_last_written_first_and_are_found_by_the_beginning_of_their_name(journal: Journal) -> None:
    for number, at in enumerate((3.0, 1.0, 2.0)):
        journal.begin(intent(f"id{number}", at), [])
    assert [e.id for e in journal.entries()] == ["id2", "id1", "id0"]
    assert journal.get("id1").intent.at == 1.0
    for wrong in ("id", "nope", ""):
        with pytest.raises(JournalError):
            journal.get(wrong)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a" * 65])
def test_a_name_that_is_a_path_is_refused(journal: Journal, name: str) -> None:
    with pytest.raises(JournalError):
        journal.begin(intent(name), [])


def test_an_entry_is_open_until_it_ends_and_running_while_its_process_lives(journal: Journal) -> None:
    journal.begin(intent("dead"), [])
    journal.begin(intent("live", who=who()), [])
    journal.begin(intent("left", who=who()), [])
    journal.append("left", Stopped(2.0, "asked"))
    journal.begin(intent("taken"), [])
    journal.append("taken", Taken("resume", who(), 2.0))
    assert {e.id for e in journal.open_entries()} == {"dead", "left"}


def test_a_reused_pid_is_not_the_process_that_wrote_the_entry() -> None:
    me = who()
    assert alive(me)
    assert not alive(Who(me.user, me.uid, me.pid, (me.started or 0) - 1))
    assert not alive(GONE)


def test_an_entry_is_undone_once_an_undo_of_it_is_done(journal: Journal) -> None:
    journal.begin(intent("fix", 1.0), [])
    journal.append("fix", End("done", 2.0))
    journal.begin(intent("undo", 3.0, kind="undo", of="fix"), [])
    assert journal.undoable() is not None
    journal.append("undo", End("done", 4.0))
    assert journal.get("fix").state == "undone"
    assert journal.undoable() is None


def test_the_last_backups_of_a_file_are_kept_and_those_of_open_entries(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "BACKUPS", 2)
    for number in range(5):
        content = f"content {number}".encode()
        step = RestoreFile("/a", sha256(b"new"), sha256(content))
        journal.begin(intent(f"id{number}", float(number), steps=(JournalStep(step, None, "", ""),)), [content])
        if number != 1:
            journal.append(f"id{number}", End("done", 9.0))
    for path in journal.blobs.directory.iterdir():
        os.utime(path, (1, 1))
    journal.blobs.put([b"just written by another console"])

    journal.prune()

    left = {path.read_bytes() for path in journal.blobs.directory.iterdir()}
    assert left == {b"content 1", b"content 3", b"content 4", b"just written by another console"}
    assert len(journal.entries()) == 5


def test_a_backup_that_was_tampered_with_is_no_backup(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.put([b"one"])
    store.path(sha256(b"one")).write_bytes(b"two")
    assert store.get(sha256(b"one")) is None
    assert store.get(sha256(b"never")) is None


def test_folders_and_files_are_for_their_owner_only(journal: Journal) -> None:
    journal.directory.mkdir(parents=True)
    journal.directory.chmod(0o755)
    journal.begin(intent("one"), [b"x"])
    assert journal.directory.stat().st_mode & 0o777 == 0o700
    assert all(p.stat().st_mode & 0o077 == 0 for p in journal.directory.rglob("*"))


def test_a_link_in_place_of_an_entry_is_not_followed(journal: Journal, tmp_path: Path) -> None:
    journal.begin(intent("one"), [])
    (journal.directory / "two.jsonl").symlink_to(journal.directory / "one.jsonl")
    assert [e.id for e in journal.entries()] == ["one"]
    with pytest.raises(JournalError):
        journal.append("two", End("done", 1.0))


def test_the_audit_log_is_private_and_refuses_to_follow_a_link(tmp_path: Path) -> None:
    line = AuditLine("begin", "t", 1.0, GONE, "h", "1", "e", "fix", "c", "s")
    Audit(tmp_path / "audit.jsonl", syslog=None).write(line)
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(AuditError, match="nothing is changed"):
        Audit(tmp_path / "link", syslog=None).write(line)


def test_syslog_gets_a_copy_where_there_is_one(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        line = AuditLine("end", "t", 1.0, GONE, "h", "1", "e1", "undo", "c.d", "api", outcome="done")
        Audit(tmp_path / "audit.jsonl", syslog=str(tmp_path / "log")).write(line)
        said = server.recv(1000)
    assert b"stackops: end undo c.d api by somebody entry e1: done" in said


HERE: Any = SimpleNamespace(locks=LocalLocks())


def test_the_lock_is_held_once_creates_nothing_and_names_its_holder(journal: Journal, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    with (
        journal.locked(HERE, str(folder)),
        pytest.raises(Locked, match=f"pid {os.getpid()}"),
        journal.locked(HERE, str(folder)),
    ):
        pass
    with journal.locked(HERE, str(folder)):
        assert list(folder.iterdir()) == []
    with pytest.raises(Locked, match="cannot be locked"), journal.locked(HERE, str(tmp_path / "none")):
        pass


def test_the_kernel_tells_who_holds_a_lock(tmp_path: Path) -> None:
    table = tmp_path / "locks"
    table.write_text("1: POSIX  ADVISORY  WRITE 1 fe:00:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 4194305 fe:00:77 0 EOF\n")
    assert _holder_by_kernel(77, table) == "pid 4194305"
    assert _holder_by_kernel(7, table) is None
    assert _holder_by_kernel(7, tmp_path / "none") is None


@pytest.mark.parametrize(
    ("name", "text", "inside"),
    [
        ("cgroup", "5:memory:/docker/{id}\n", True),
        ("cgroup", "0::/system.slice/docker-{id}.scope\n", True),
        ("cgroup", "0::/user.slice\n", False),
        ("mountinfo", "1 2 8:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 x rw\n", True),
        ("mountinfo", "1 2 8:1 /var/lib/docker/containers/{id}/mounts/shm /var/lib/docker/x rw - tmpfs x rw\n", False),
    ],
)
def test_the_container_of_this_process_is_known(tmp_path: Path, name: str, text: str, inside: bool) -> None:
    (tmp_path / name).write_text(text.format(id="a" * 64))
    assert own_container(tmp_path) == ("a" * 64 if inside else None)
