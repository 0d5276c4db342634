"""Whoever owns the project's folder puts something else where a step is about to act: nothing of anybody else changes.

The swap comes at three moments: after the preview, between the step's last look and the host's act, and right before
the system call itself, which Python announces to audit hooks.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from stackops.console.fix.steps import (
    Chmod,
    Chown,
    CreateFile,
    RemoveFile,
    ReplaceDirectoryByFile,
    ReplaceFile,
    RestoreDirectory,
    Step,
    StepContext,
    StepFailed,
    Text,
)
from stackops.console.hosts import HostError
from stackops.console.hosts.local.files import LocalFiles
from support.workshop import WorkshopHost, World, tree

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make files of somebody else")
OLD = hashlib.sha256(b"old\n").hexdigest()
ACTS = ("create", "replace", "remove", "make_directory", "remove_directory", "chmod", "chown")
CALLS = ("os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown")
_armed: dict[str, Callable[[], None]] = {}


def _announced(event: str, _: tuple[Any, ...]) -> None:
    if event in _armed:
        act = _armed[event]
        _armed.clear()
        act()


sys.addaudithook(_announced)  # for good: Python has no way to take one away


class Interrupted(LocalFiles):
    """The host's files, where somebody acts right before the first act of stackops."""

    meanwhile: Callable[[], None] | None = None

    def __getattribute__(self, name: str) -> Any:
        if name in ACTS and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return super().__getattribute__(name)


class Scene:
    """A project of user 1000, and beside it the folder of somebody else that looks the same."""

    def __init__(self, folder: Path) -> None:
        self.bench = StepContext(WorkshopHost(World(folder / "world.json")))
        self.bench.host.files = self.files = Interrupted()  # type: ignore[misc]
        self.project, self.other = folder / "project", folder / "other"
        for place, uid in ((self.project, 1000), (self.other, 0)):
            (place / "dir").mkdir(parents=True)
            (place / "file").write_bytes(b"old\n")
            for each in (place, place / "dir", place / "file"):
                os.chown(each, uid, uid)

    def do(self, step: Step, moment: str, swap: Callable[[], None]) -> None:
        """Preview the step and apply it; the swap comes at the moment."""
        exact = step.prepare(self.bench).step
        if moment == "after the preview":
            swap()
        elif moment == "after the look":
            self.files.meanwhile = swap
        else:
            _armed.update(dict.fromkeys(CALLS, swap))
        try:
            exact.apply(self.bench)
        finally:
            _armed.clear()

    def folder_for_a_link(self) -> None:
        self.project.rename(self.project.with_name("aside"))
        self.project.symlink_to(self.other)

    def file_for(self, make: Callable[[Path], None]) -> Callable[[], None]:
        def swap() -> None:
            (self.project / "file").unlink()
            make(self.project / "file")

        return swap


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


STEPS: dict[str, Callable[[Path], Step]] = {
    "create": lambda f: CreateFile(f"{f}/new", Text("ours"), mode=0o600),
    "replace": lambda f: ReplaceFile(f"{f}/file", Text("ours")),
    "remove": lambda f: RemoveFile(f"{f}/file", OLD),
    "directory by file": lambda f: ReplaceDirectoryByFile(f"{f}/dir", Text("ours")),
    "file by directory": lambda f: RestoreDirectory(f"{f}/file", 0o777, 1000, 1000, OLD),
    "directory": lambda f: RestoreDirectory(f"{f}/new", 0o777, 1000, 1000, OLD),
    "directory half made": lambda f: RestoreDirectory(f"{f}/dir", 0o777, 1000, 1000, OLD),
    "mode": lambda f: Chmod(f"{f}/file", 0o666),
    "owner": lambda f: Chown(f"{f}/file", 1001, 1001),
}


@as_root
@pytest.mark.parametrize("moment", ["after the preview", "after the look", "before the call"])
@pytest.mark.parametrize("name", STEPS)
def test_no_act_reaches_through_a_link_in_place_of_its_folder(scene: Scene, name: str, moment: str) -> None:
    before = tree(scene.other)
    try:
        scene.do(STEPS[name](scene.project), moment, scene.folder_for_a_link)
    except HostError as error:
        said = str(error)
    else:
        said = ""
    assert tree(scene.other) == before
    if moment == "after the look":
        assert said == f"{scene.project} became a link since it was looked at"


@as_root
@pytest.mark.parametrize("moment", ["after the preview", "after the look", "before the call"])
@pytest.mark.parametrize("name", ["replace", "remove", "mode", "owner"])
@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "somebody else's file", "directory"])
def test_no_act_reaches_what_was_put_in_place_of_its_file(scene: Scene, name: str, kind: str, moment: str) -> None:
    kinds: dict[str, Callable[[Path], None]] = {
        "link": lambda path: path.symlink_to(scene.other / "file"),
        "hard link": lambda path: os.link(scene.other / "file", path),
        "fifo": lambda path: os.mkfifo(path, 0o600),
        "somebody else's file": (scene.other / "twin").rename,
        "directory": lambda path: path.mkdir(0o700),
    }
    (scene.other / "twin").write_bytes(b"not ours\n")
    step, before = STEPS[name](scene.project), tree(scene.other)
    if kind == "somebody else's file":
        before.pop("twin")
    with suppress(HostError):  # the call itself, right before which it is swapped, still meets what was looked at
        scene.do(step, moment, scene.file_for(kinds[kind]))
    assert tree(scene.other) == before
    if name in ("mode", "owner"):
        there = (scene.project / "file").lstat()
        assert there.st_uid == 0
        assert there.st_mode & 0o777 != 0o666


@as_root
@pytest.mark.parametrize("step", [Chmod("", 0o600), Chown("", 1000, 1000)])
def test_a_file_with_another_name_keeps_mode_and_owner(scene: Scene, step: Any) -> None:
    (scene.project / "file").unlink()
    os.link(scene.other / "file", scene.project / "file")
    before = tree(scene.other)
    wanted = type(step)(f"{scene.project}/file", *([0o600] if isinstance(step, Chmod) else [1000, 1000]))
    with pytest.raises(StepFailed, match="has 2 hard links") as refused:
        wanted.prepare(scene.bench)
    assert refused.value.remedy is not None
    assert tree(scene.other) == before


def test_a_project_behind_a_link_is_repaired_where_it_really_is(tmp_path: Path) -> None:
    bench = StepContext(WorkshopHost(World(tmp_path / "world.json")))
    real = tmp_path / "data" / "project"
    (real / "dir").mkdir(parents=True)
    (real / "file").write_bytes(b"old\n")
    (tmp_path / "project").symlink_to("data/project")
    for name in ("create", "replace", "directory by file", "mode"):
        prepared = STEPS[name](tmp_path / "project").prepare(bench)
        assert prepared.step.target.startswith(f"{real}/")
        prepared.step.apply(bench)
    assert (real / "file").read_bytes() == b"ours"
    assert (real / "file").stat().st_mode & 0o777 == 0o666
    assert sorted(each.name for each in real.iterdir()) == ["dir", "file", "new"]
    assert (real / "dir").is_file()
