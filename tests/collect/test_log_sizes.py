"""How large the logs are that nobody bounds: looked at beside the disks, and nothing is said of what is not there."""

from __future__ import annotations

import asyncio
from typing import Any

from stackops.console.collect.sources.meters import FAILURES, Disks
from stackops.console.hosts import HostError
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import Container, FileFact
from support.memory_host import MemoryEngine, MemoryFiles, MemoryHost
from support.one_source import OneSource

FOLDER = "/var/lib/docker/containers"


def box(name: str, **facts: Any) -> Container:
    told: dict[str, Any] = {"log_driver": "json-file", "log_path": f"{FOLDER}/{name}-json.log", **facts}
    return Container(id=name * 8, name=name, image="x", state="running", **told)


def sizes(files: Any, *boxes: Container, local: bool = True) -> dict[str, int | None]:
    host = MemoryHost(engine=MemoryEngine(local=local), files=files)
    disks = OneSource(Disks, host)
    disks.board.put(containers=boxes)
    assert asyncio.run(disks.read())
    return {log.container[0]: log.size for log in disks.scheduler.site.logs}


class Shut(MemoryFiles):
    """A folder that only root may look into, or a disk that does not answer."""

    def __init__(self, error: HostError | None = None) -> None:
        super().__init__()
        self.error, self.asked = error, 0

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return FileFact(path=path, kind="unreadable")


def test_the_size_is_that_of_the_file_and_no_content_is_read() -> None:
    files = MemoryFiles({f"{FOLDER}/a-json.log": b"x" * 300, f"{FOLDER}/b-json.log": b"x"})
    assert sizes(files, box("a"), box("b")) == {"a": 300, "b": 1}
    assert not files.reads


def test_only_logs_in_files_without_a_bound_are_looked_at() -> None:
    files = MemoryFiles({f"{FOLDER}/{name}-json.log": b"x" for name in "abcd"})
    bound, other = box("a", log_limit="10m"), box("b", log_driver="journald", log_path="")
    assert sizes(files, bound, other, box("c", log_path=None), box("d", log_path="x")) == {}


def test_an_engine_elsewhere_and_a_file_that_is_not_there_tell_nothing() -> None:
    assert sizes(MemoryFiles({f"{FOLDER}/a-json.log": b"x"}), box("a"), local=False) == {}
    assert sizes(MemoryFiles(), box("a")) == {}


def test_a_folder_that_is_shut_is_told_as_unknown() -> None:
    assert sizes(Shut(), box("a")) == {"a": None}


def test_a_disk_that_does_not_answer_is_left_alone_after_a_few() -> None:
    files = Shut(HostError("no answer"))
    assert sizes(files, *(box(name) for name in "abcdefgh")) == {}
    assert files.asked == FAILURES


def test_a_real_file_behind_a_folder_is_measured(tmp_path) -> None:
    path = tmp_path / "a-json.log"
    path.write_bytes(b"x" * 5000)
    assert sizes(LocalFiles(), box("a", log_path=str(path))) == {"a": 5000}
