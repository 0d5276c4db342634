"""Each step: where it stands, that it does what it shows, that its inverse takes it back exactly."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from stackops.console.fix.acts.base import FileStep
from stackops.console.fix.acts.compose_edits import ComposeEdit
from stackops.console.fix.acts.editing import FileEdit
from stackops.console.fix.acts.standing import ServiceStep
from stackops.console.fix.preparing import Overlay
from stackops.console.fix.steps import (
    AnyStep,
    Chmod,
    Chown,
    CopyOf,
    CreateFile,
    RandomKey,
    RemoveFile,
    ReplaceDirectoryByFile,
    ReplaceFile,
    RestoreDirectory,
    RestoreFile,
    Step,
    StepContext,
    StepFailed,
    StepMoved,
    Stored,
    Text,
)
from stackops.console.hosts import NotPermitted
from stackops.console.hosts.local.files import LocalFiles
from support.workshop import WorkshopHost, World, tree

OWNER = os.geteuid() or 999


@pytest.fixture
def bench(tmp_path: Path) -> StepContext:
    (tmp_path / "p").mkdir()
    return StepContext(WorkshopHost(World(tmp_path / "world.json")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p").mkdir(exist_ok=True)
    (tmp_path / "p" / "file").write_bytes(b"old\n")
    (tmp_path / "p" / "dir").mkdir(mode=0o750)
    (tmp_path / "p" / "example").write_bytes(b"from the example\r\n")
    return tmp_path / "p"


STEPS: dict[str, Any] = {
    "create": lambda f: CreateFile(f"{f}/new", Text("text"), mode=0o640, uid=OWNER, gid=os.getegid()),
    "create a key": lambda f: CreateFile(f"{f}/new", RandomKey(), mode=0o400),
    "replace": lambda f: ReplaceFile(f"{f}/file", Text("new\n")),
    "replace by a copy": lambda f: ReplaceFile(f"{f}/file", CopyOf(f"{f}/example")),
    "directory": lambda f: ReplaceDirectoryByFile(f"{f}/dir", Text("new\n"), mode=0o600),
    "mode": lambda f: Chmod(f"{f}/file", 0o400),
    "owner": lambda f: Chown(f"{f}/file", OWNER, os.getegid()),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_and_its_inverse_lead_there_and_back_again(bench: StepContext, folder: Path, name: str) -> None:
    before = tree(folder)
    prepared = STEPS[name](folder).prepare(bench)
    step, inverse = prepared.step, prepared.inverse
    assert inverse is not None
    if not prepared.changes:
        return  # the owner is the right one already where the tests do not run as root
    assert (tree(folder), step.state(bench), inverse.state(bench)) == (before, "before", "after")

    step.apply(bench)
    assert (step.state(bench), inverse.state(bench)) == ("after", "before")
    assert tree(folder) != before
    with pytest.raises(StepMoved):
        step.apply(bench)

    inverse.apply(bench)
    assert tree(folder) == before
    assert step.state(bench) == "before"


@pytest.mark.parametrize("name", STEPS)
def test_steps_and_inverses_survive_json_without_their_content(bench: StepContext, folder: Path, name: str) -> None:
    prepared = STEPS[name](folder).prepare(bench)
    for step in (prepared.step, prepared.inverse):
        encoded = msgspec.json.encode(step)
        assert msgspec.json.decode(encoded, type=AnyStep) == step
        assert b"new\\n" not in encoded
        assert step.describe()
        assert "\n" not in step.describe()


@pytest.mark.parametrize("name", STEPS)
def test_the_overlay_foretells_exactly_what_the_disk_will_hold(bench: StepContext, folder: Path, name: str) -> None:
    prepared = STEPS[name](folder).prepare(bench)
    overlay = Overlay(LocalFiles())
    host, real = bench.host, bench.host.files
    before = tree(folder)
    host.files = overlay  # type: ignore[misc]
    if prepared.changes:
        prepared.step.apply(bench)
    assert tree(folder) == before
    foretold = overlay.stat(prepared.step.target, digest=True)
    host.files = real  # type: ignore[misc]

    if prepared.changes:
        prepared.step.apply(bench)
    fact = real.stat(prepared.step.target, digest=True)
    for field in ("kind", "mode", "sha256", "size"):
        assert getattr(foretold, field) == getattr(fact, field)
    assert foretold.uid in (None, fact.uid)


def test_literal_text_goes_to_the_blob_store_only(bench: StepContext, folder: Path) -> None:
    step = CreateFile(f"{folder}/new", Text("secret text")).prepare(bench).step
    assert isinstance(step, CreateFile)
    assert step.content == Stored(11)
    assert bench.blobs[step.after or ""] == b"secret text"


def test_a_key_is_base64_in_lines_of_64_as_mongod_takes_it(bench: StepContext, folder: Path) -> None:
    step = CreateFile(f"{folder}/new", RandomKey()).prepare(bench).step
    other = CreateFile(f"{folder}/new", RandomKey()).prepare(bench).step
    assert isinstance(step, CreateFile)
    content = bench.blobs[step.after or ""]
    assert len(b"".join(content.split())) == 1008
    assert [len(line) for line in content.split()] == [64] * 15 + [48]
    assert step != other
    with pytest.raises(StepFailed):
        CreateFile(f"{folder}/new", RandomKey(0)).prepare(bench)


def test_a_copy_of_what_is_not_there_is_refused(bench: StepContext, folder: Path) -> None:
    with pytest.raises(StepFailed, match="nothing is missing, not a regular file"):
        CreateFile(f"{folder}/new", CopyOf(f"{folder}/nothing")).prepare(bench)


def test_a_directory_with_something_in_it_is_never_removed(bench: StepContext, folder: Path) -> None:
    (folder / "dir" / "mine").write_text("x")
    with pytest.raises(StepFailed, match="not empty, so it is not removed"):
        ReplaceDirectoryByFile(f"{folder}/dir", Text("x")).prepare(bench)


def test_a_kill_between_removing_the_directory_and_making_the_file_is_still_before(
    bench: StepContext, folder: Path
) -> None:
    prepared = STEPS["directory"](folder).prepare(bench)
    (folder / "dir").rmdir()
    assert prepared.step.state(bench) == "before"
    assert prepared.inverse is not None
    assert prepared.inverse.state(bench) == "before"
    prepared.inverse.apply(bench)
    assert (folder / "dir").stat().st_mode & 0o777 == 0o750
    (folder / "dir").rmdir()
    prepared.step.apply(bench)
    assert (folder / "dir").read_bytes() == b"new\n"


def test_a_directory_that_was_half_put_back_is_finished(bench: StepContext, folder: Path) -> None:
    inverse = RestoreDirectory(f"{folder}/half", 0o755, OWNER, os.getegid(), expect="f" * 64)
    (folder / "half").mkdir(mode=0o700)
    assert inverse.state(bench) == "before"
    inverse.apply(bench)
    assert (folder / "half").stat().st_mode & 0o777 == 0o755
    (folder / "half").chmod(0o700)
    (folder / "half" / "mine").write_text("x")
    assert inverse.state(bench) == "moved"


@pytest.mark.parametrize("kind", ["fifo", "link", "directory", "other"])
def test_anything_else_at_the_path_has_moved(bench: StepContext, folder: Path, kind: str) -> None:
    path = folder / "file"
    steps = [STEPS[name](folder).prepare(bench).step for name in ("replace", "mode", "owner")]
    steps += [RestoreFile(str(path), hashlib.sha256(b"old\n").hexdigest(), "0" * 64), RemoveFile(str(path), "0" * 64)]
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(folder / "example")
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"somebody else")
        path.chmod(0o604)
        steps = [s for s in steps if not isinstance(s, Chown)]
    assert {step.state(bench) for step in steps} == {"moved"}


def test_a_link_is_followed_to_the_file_that_really_changes(bench: StepContext, folder: Path) -> None:
    (folder / "link").symlink_to("file")
    step = ReplaceFile(f"{folder}/link", Text("new\n")).prepare(bench).step
    assert step.target == f"{folder}/file"
    step.apply(bench)
    assert (folder / "link").is_symlink()
    assert (folder / "link").read_bytes() == b"new\n"


def test_a_link_in_a_circle_ends(bench: StepContext, folder: Path) -> None:
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    with pytest.raises(StepFailed):
        ReplaceFile(f"{folder}/one", Text("x")).prepare(bench)


def test_hard_links_are_told(bench: StepContext, folder: Path) -> None:
    os.link(folder / "file", folder / "second")
    ReplaceFile(f"{folder}/file", Text("x")).prepare(bench)
    assert bench.notes == [f"{folder}/file has 2 hard links: only this name gets the new content"]


def test_a_backup_that_is_gone_is_said_and_nothing_is_written(bench: StepContext, folder: Path) -> None:
    step = STEPS["replace"](folder).prepare(bench).step
    bench.blobs.clear()
    with pytest.raises(StepFailed, match="no longer in the journal's store"):
        step.apply(bench)
    assert (folder / "file").read_bytes() == b"old\n"


def test_a_directory_is_not_said_to_have_hard_links(bench: StepContext, folder: Path) -> None:
    """fact: stat(2): on ext4 and XFS an empty directory has two, its name and its own dot."""
    (folder / "made").mkdir()
    real = bench.host.files.stat
    bench.host.files.stat = lambda path, **how: replace(real(path, **how), links=2)  # type: ignore[method-assign]
    ReplaceDirectoryByFile(f"{folder}/made", Text("x")).prepare(bench)
    assert bench.notes == []


def test_what_only_root_may_do_is_refused_at_the_preview_with_the_command(
    bench: StepContext, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(NotPermitted) as chmod:
        Chmod(f"{folder}/file", 0o400).prepare(bench)
    with pytest.raises(NotPermitted) as chown:
        Chown(f"{folder}/file", 999 if OWNER != 999 else 998).prepare(bench)
    assert chmod.value.remedy == f"sudo chmod 0400 -- {folder}/file"
    assert chown.value.remedy is not None
    assert chown.value.remedy.startswith("sudo chown 99")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(old=st.binary(max_size=200), new=st.text(max_size=200), mode=st.sampled_from([0o600, 0o644, 0o400, 0o755]))
def test_any_content_and_mode_comes_back(bench: StepContext, folder: Path, old: bytes, new: str, mode: int) -> None:
    path = folder / "any"
    path.unlink(missing_ok=True)
    path.write_bytes(old)
    path.chmod(mode)
    before = tree(folder)
    prepared = ReplaceFile(str(path), Text(new)).prepare(bench)
    if prepared.changes:
        prepared.step.apply(bench)
        assert path.read_bytes() == new.encode()
        assert prepared.inverse is not None
        prepared.inverse.apply(bench)
    assert tree(folder) == before


@pytest.mark.parametrize("unfinished", [Step, FileStep, ServiceStep, FileEdit, ComposeEdit])
def test_what_steps_and_edits_are_made_from_is_none_itself(unfinished: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        unfinished(*["x"] * len(unfinished.__match_args__))
