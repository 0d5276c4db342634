"""A closer look at one container: what it reads, what it says where it cannot, and that nothing secret is in it."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from stackops.console.collect import closer
from stackops.console.hosts import EngineFailed, Host, HostError, NotPermitted
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import Container, Mount
from support.clock import FakeClock

BOX = Container(id="c1", name="mongo", image="mongo:5", state="running", image_id="sha256:1")
TOP = {"Titles": ["USER", "PID", "PPID", "COMMAND"], "Processes": [["999", "71", "1", "mongod --keyFile /k"]]}
IMAGE = {"Created": "2024-05-02T09:12:44Z", "Size": 700 << 20, "Config": {"Env": ["GOSU_VERSION=1.16", "BARE", None]}}


class Answers:
    """An Engine that gives these replies, or raises them."""

    def __init__(self, *, local: bool = True, **replies: Any) -> None:
        self.local, self.replies = local, {"top": TOP, "image": IMAGE, "inspect": {}, **replies}
        self.asked: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        async def answer(*_args: Any, **_kwargs: Any) -> bytes:
            self.asked.append(verb)
            if isinstance(reply := self.replies[verb], Exception):
                raise reply
            return reply if isinstance(reply, bytes) else json.dumps(reply).encode()

        return answer


def host(engine: Answers | None, files: Any = None) -> Host:
    return cast("Host", SimpleNamespace(engine=engine, files=files or LocalFiles(), clock=FakeClock()))


async def test_processes_image_and_variables_of_the_image_are_read() -> None:
    seen = await closer.look(host(Answers()), BOX)
    assert [(row.pid, row.user, row.command) for row in seen.processes or ()] == [
        (71, "999", ("mongod", "--keyFile", "/k"))
    ]
    assert (seen.image_made, seen.image_size) == (1714641164.0, 700 << 20)
    assert seen.image_env == {"GOSU_VERSION": "1.16", "BARE": ""}
    assert seen.unread == ()


@pytest.mark.parametrize("state", ["exited", "created", "dead", "restarting"])
async def test_a_container_that_does_not_run_is_not_asked_for_processes(state: Any) -> None:
    engine = Answers()
    seen = await closer.look(host(engine), Container(id="c1", name="x", image="x", state=state))
    assert seen.processes is None
    assert "top" not in engine.asked


@pytest.mark.parametrize("reply", [EngineFailed("The Engine failed"), b"{", b"[]", b'{"Created": 5}'])
async def test_what_cannot_be_read_is_told_and_the_rest_is_there(reply: Any) -> None:
    seen = await closer.look(host(Answers(image=reply)), BOX)
    assert seen.image_made is None
    assert seen.image_env is None
    assert len(seen.unread) == 1
    assert seen.unread[0].startswith("Its image could not be read: The Engine")
    assert seen.processes


async def test_without_an_engine_there_is_one_sentence() -> None:
    assert (await closer.look(host(None), BOX)).unread == ("There is no Engine to ask.",)
    with pytest.raises(HostError):
        await closer.inspect(host(None), "c1")


async def test_sizes_of_mounts_are_those_of_the_files_in_them(tmp_path: Any) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "one").write_bytes(b"x" * 1000)
    (tmp_path / "data" / "two").write_bytes(b"y" * 24)
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    (tmp_path / "file").write_bytes(b"z" * 7)
    sources = {"/data": "data", "/file": "file", "/none": "gone"}
    mounts = tuple(Mount("bind", str(tmp_path / source), target) for target, source in sources.items())
    box = Container(id="c1", name="x", image="x", state="exited", mounts=mounts)
    assert (await closer.look(host(Answers()), box)).sizes == {"/data": closer.Size(1024), "/file": closer.Size(7)}
    assert (await closer.look(host(Answers(local=False)), box)).sizes == {}, "paths of another machine are not ours"


def test_a_walk_ends_in_time_and_says_that_it_saw_only_a_part(tmp_path: Any) -> None:
    for number in range(50):
        (tmp_path / str(number)).write_bytes(b"x")
    found = closer.measured(LocalFiles(), str(tmp_path), seconds=-1.0)
    assert found == closer.Size(0, whole=False)
    assert closer.measured(LocalFiles(), str(tmp_path), 60.0) == closer.Size(50)


def test_a_folder_that_may_not_be_read_is_not_said_to_be_empty(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = LocalFiles()

    def refused(_path: str) -> list[str]:
        raise NotPermitted("You may not read it")

    monkeypatch.setattr(files, "names", refused)
    assert closer.measured(files, str(tmp_path), 60.0) is None


async def test_a_disk_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closer, "WALK", 0.02)
    files = SimpleNamespace(stat=lambda *_: time.sleep(1.0))
    box = Container(id="c1", name="x", image="x", state="exited", mounts=(Mount("bind", "/dead", "/data"),))
    assert (await closer.look(host(Answers(), files), box)).sizes == {}


async def test_many_mounts_are_walked_in_the_time_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(closer, "measured", lambda _files, _path, seconds: given.append(seconds))
    mounts = tuple(Mount("bind", f"/srv/{number}", f"/data/{number}") for number in range(20))
    await closer.look(host(Answers()), Container(id="c1", name="x", image="x", state="exited", mounts=mounts))
    assert len(given) == 20
    assert 0 < given[0] <= closer.WALK / 20


async def test_nothing_secret_and_nothing_hostile_is_in_the_tree() -> None:
    told = {
        "Config": {
            "Env": ["MONGO_INITDB_ROOT_PASSWORD=hunter2-long", "LANG=C", "ODD\x1b[2J=\x1b]0;x\x07"],
            "Cmd": ["redis-server", "--requirepass", "s3cret-pass"],
            "Labels": {"db.password": "label-secret-9", "a\x1b[31m": "b\r\nc"},
        },
        "State": {"Health": {"Log": [{"Output": "login with password=health-secret-7"}]}, "Running": True, "Pid": 5},
        "Nothing": None, "Empty": {},
    }  # fmt: skip
    tree: Any = await closer.inspect(host(Answers(inspect=told)), "c1")
    text = json.dumps(tree, ensure_ascii=False)
    for secret in ("hunter2", "s3cret-pass", "label-secret", "health-secret", "\\u001b", "\\u0007", "\\r"):
        assert secret not in text
    assert tree["Config"]["Env"][1] == "LANG=C"
    assert tree["State"]["Running"] is True
    assert tree["State"]["Pid"] == 5
    assert tree["Nothing"] is None
    assert tree["Empty"] == {}


async def test_a_reply_that_is_deep_or_wide_is_cut() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = {"in": deep}
    tree: Any = await closer.inspect(host(Answers(inspect={"deep": deep, "wide": list(range(100_000))})), "c1")
    assert len(tree["wide"]) == closer.WIDEST
    assert json.dumps(tree["deep"]).count("in") == closer.DEEPEST
    with pytest.raises(HostError):
        await closer.inspect(host(Answers(inspect=b"[" * 100_000)), "c1")
