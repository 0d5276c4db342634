"""The in-memory files keep the promises of the Files protocol."""

from __future__ import annotations

import hashlib

import pytest
from stackops.console.hosts import HostError, NotFound, ReadOnlyRefused
from stackops.console.practice import DemoHost, open_demo

OVERRIDE = "/srv/librechat/docker-compose.override.yml"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_replaced_file_keeps_owner_and_mode_and_gets_a_new_inode(demo: DemoHost) -> None:
    before = demo.files.stat(OVERRIDE, digest=True)
    demo.files.replace(OVERRIDE, b"services: {}\n", expect=before.sha256)
    after = demo.files.stat(OVERRIDE, digest=True)
    assert (after.mode, after.uid, after.gid) == (before.mode, before.uid, before.gid)
    assert after.inode != before.inode
    assert after.sha256 == digest(b"services: {}\n")


def test_a_file_changed_meanwhile_is_not_replaced(demo: DemoHost) -> None:
    before = demo.files.read(OVERRIDE)
    with pytest.raises(HostError, match="changed meanwhile"):
        demo.files.replace(OVERRIDE, b"x", expect=digest(b"something else"))
    assert demo.files.read(OVERRIDE) == before


def test_a_new_file_is_refused_where_one_is(demo: DemoHost) -> None:
    with pytest.raises(HostError, match="exists already"):
        demo.files.replace(OVERRIDE, b"x", expect=None)
    with pytest.raises(HostError, match="exists already"):
        demo.files.create(OVERRIDE, b"x", mode=0o600, uid=1, gid=1)


def test_a_created_file_has_its_mode_and_owner(demo: DemoHost) -> None:
    demo.files.create("/srv/fastgpt/new.key", b"abc", mode=0o400, uid=999, gid=999)
    fact = demo.files.stat("/srv/fastgpt/new.key")
    assert (fact.kind, fact.mode, fact.uid, fact.gid, fact.size) == ("file", 0o400, 999, 999, 3)


def test_a_file_needs_its_folder(demo: DemoHost) -> None:
    with pytest.raises(NotFound, match="/srv/nowhere does not exist"):
        demo.files.create("/srv/nowhere/file", b"", mode=0o600, uid=None, gid=None)


def test_a_file_is_removed_only_as_it_was_seen(demo: DemoHost) -> None:
    with pytest.raises(HostError, match="changed meanwhile"):
        demo.files.remove(OVERRIDE, expect=digest(b"other"))
    demo.files.remove(OVERRIDE, expect=digest(demo.files.read(OVERRIDE)))
    assert demo.files.stat(OVERRIDE).kind == "missing"


def test_only_an_empty_directory_is_removed(demo: DemoHost) -> None:
    with pytest.raises(HostError, match="not empty"):
        demo.files.remove_directory("/srv/librechat")
    demo.files.make_directory("/srv/librechat/empty", mode=0o700, uid=5, gid=6)
    fact = demo.files.stat("/srv/librechat/empty")
    assert (fact.kind, fact.mode, fact.uid, fact.gid, fact.empty) == ("directory", 0o700, 5, 6, True)
    demo.files.remove_directory("/srv/librechat/empty")
    assert demo.files.stat("/srv/librechat/empty").kind == "missing"


def test_a_directory_is_not_read_and_a_large_file_neither(demo: DemoHost) -> None:
    with pytest.raises(HostError, match="is a directory, not a file"):
        demo.files.read("/srv/librechat")
    with pytest.raises(HostError, match="more than the 10"):
        demo.files.read(OVERRIDE, limit=10)


def test_names_are_those_directly_in_the_folder(demo: DemoHost) -> None:
    assert ".env" in demo.files.names("/srv/fastgpt")
    assert "data" not in demo.files.names("/srv/fastgpt")


def test_mode_and_owner_change_without_a_new_inode(demo: DemoHost) -> None:
    before = demo.files.stat(OVERRIDE)
    demo.files.chmod(OVERRIDE, 0o600)
    demo.files.chown(OVERRIDE, 7, -1)
    after = demo.files.stat(OVERRIDE)
    assert (after.mode, after.uid, after.gid, after.inode) == (0o600, 7, before.gid, before.inode)


def test_a_missing_path_is_a_fact_and_not_an_error(demo: DemoHost) -> None:
    assert demo.files.stat("/srv/librechat/nothing", digest=True).kind == "missing"


def test_read_only_refuses_every_change_and_leaves_the_file() -> None:
    host = open_demo(read_only=True)
    before = host.files.read(OVERRIDE)
    acts = (
        lambda: host.files.replace(OVERRIDE, b"", expect=digest(before)),
        lambda: host.files.create("/srv/x", b"", mode=0o600, uid=None, gid=None),
        lambda: host.files.remove(OVERRIDE, expect=digest(before)),
        lambda: host.files.make_directory("/srv/d", mode=0o700, uid=0, gid=0),
        lambda: host.files.remove_directory("/srv/librechat/images"),
        lambda: host.files.chmod(OVERRIDE, 0o600),
        lambda: host.files.chown(OVERRIDE, 1, 1),
    )
    for act in acts:
        with pytest.raises(ReadOnlyRefused):
            act()
    assert host.files.read(OVERRIDE) == before
    assert host.files.stat("/srv/x").kind == "missing"


def test_previews_say_what_a_write_would_say(demo: DemoHost) -> None:
    demo.files.may_write(OVERRIDE, b"x")
    with pytest.raises(HostError, match="is a directory"):
        demo.files.may_write("/srv/librechat/images")
    with pytest.raises(NotFound):
        demo.files.may_write("/srv/nowhere/file")
