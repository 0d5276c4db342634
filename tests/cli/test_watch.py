"""What `stackops watch` keeps, and what is read of it whatever has become of the file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from stackops.console.collect.figures import History
from stackops.console.commands import console as command
from stackops.console.model import EngineEvent, Gpu, GpuProcess
from stackops.console.model.findings import Evidence, Judgement, Result, Trouble
from stackops.console.report import store, timeline
from support import stage

NOW = 1_764_500_000.0
MINUTE = 60.0
DEATH = EngineEvent(NOW - 900, "die", "a" * 64, name="mysql", project="fastgpt", service="mysql", exit_code=137)
ILL = Result("mongo.keyfile", "mongo", "finding", "Nobody can log in", evidence=(Evidence("mode", "0644", "stat"),))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state" / "watch" / "x"


def kept_by(place: Path) -> store.Store:
    made = store.Store(place)
    for n in range(3):
        made.add(NOW - 600 + n * MINUTE, {"vram:GPU-0": 8e9 + n, "server:vllm": 41.26}, [DEATH] if n == 1 else ())
    made.add(0.0, {}, (), [timeline.TroubleChange(NOW - 500, came=False, result=ILL)])
    return made


def let_go(made: store.Store) -> None:
    os.close(made._held)


def test_what_was_kept_is_read_again_by_name(place: Path) -> None:
    let_go(kept_by(place))
    read = store.load(place, NOW)
    assert read.past["vram:GPU-0"] == tuple((NOW - 600 + n * MINUTE, 8e9 + n) for n in range(3))
    assert read.past["server:vllm"][0] == (NOW - 600, 41.3)
    assert (read.events, read.trouble) == ((DEATH,), "")
    (change,) = read.changes
    assert (change.came, change.result.title, change.result.evidence) == (False, "Nobody can log in", ())


def test_a_figure_that_is_missing_is_unknown_and_names_are_told_once(place: Path) -> None:
    made = kept_by(place)
    made.add(NOW - 400, {"vram:GPU-0": 1.0})
    made.add(NOW - 340, {"vram:GPU-0": 1.0, "queue:tei": 2.0})
    let_go(made)
    read = store.load(place, NOW)
    assert read.past["server:vllm"][-2:] == ((NOW - 400, None), (NOW - 340, None))
    assert read.past["queue:tei"] == ((NOW - 340, 2.0),)
    assert (place / "now.jsonl").read_bytes().count(b'"names"') == 2


def test_the_files_are_their_owners_alone_and_bounded(place: Path, monkeypatch) -> None:
    monkeypatch.setattr(store, "LIMIT", 4000)
    made = store.Store(place)
    for n in range(1000):
        made.add(NOW - 86400 + n * MINUTE, {f"gpu:GPU-{k}": float(n) for k in range(8)})
        assert sum(each.stat().st_size for each in place.iterdir()) < 9000
    let_go(made)
    assert {each.name: each.stat().st_mode & 0o777 for each in place.iterdir()} == dict.fromkeys(store.FILES, 0o600)
    assert place.stat().st_mode & 0o777 == 0o700
    read = store.load(place, NOW)
    assert read.past["gpu:GPU-0"][-1] == (NOW - 86400 + 999 * MINUTE, 999.0)
    assert len(read.past["gpu:GPU-7"]) >= 30, "the file before is read too"


def test_a_file_that_somebody_removed_or_emptied_is_begun_again_with_its_names(place: Path) -> None:
    made = kept_by(place)
    (place / "now.jsonl").unlink()
    made.add(NOW - 120, {"vram:GPU-0": 1.0})
    (place / "now.jsonl").write_bytes(b"")
    made.add(NOW - 60, {"vram:GPU-0": 2.0})
    let_go(made)
    assert store.load(place, NOW).past == {"vram:GPU-0": ((NOW - 60, 2.0),)}


HOSTILE = (
    b"", b"\n\n\n", b"\x00" * 5000, b"{" * 200_000, b"[" * 200_000 + b"\n", b"null\n", b"1e999\n", b"{}\n" * 5000,
    b'{"at":1764499900,"values":[1,2,3]}\n', b'{"names":["a","b"]}\n{"at":1764499900,"values":[]}\n',
    b'{"names":["gpu:x"]}\n{"at":1764499900,"values":[1e308]}\n{"at":-1e300,"values":[1]}\n{"at":1e300,"values":[-1]}\n',
    b'{"names":[1]}\n', b'{"event":{"at":-1e300,"action":"die"}}\n{"event":{"at":1e300,"action":"die"}}\n',
    b'{"event":{"at":1764499900,"action":"__init__","name":"\\u001b]52;c;ZXZpbA==\\u0007x\\n[/red]"}}\n',
    b'{"change":{"at":1764499900,"came":true,"result":{"check":"\\u001b[2J","subject":"\\n","status":"finding","title":"x"}}}\n',
    "{\"names\":[\"数据\"]}\n".encode("gb18030"),
)  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_in_the_file_it_is_read_without_a_traceback_and_told(place: Path, content: bytes) -> None:
    made = kept_by(place)
    with (place / "now.jsonl").open("ab") as file:
        file.write(content)
    made.add(NOW - 60, {"vram:GPU-0": 7.0, "server:vllm": 1.0})
    let_go(made)
    read = store.load(place, NOW)
    assert read.past["vram:GPU-0"][-1][1] == 7.0 or b'"names"' in content
    assert DEATH in read.events
    history = History()
    history.fill(read.past)
    told = timeline.moments(stage.empty(), (), read.changes, read.events)
    assert not any("\x1b" in f"{each.subject}{each.words}{each.reason}" for each in told)
    assert all(time.localtime(each.at) for each in told)


def test_half_a_line_costs_that_line_alone_and_is_told(place: Path) -> None:
    let_go(kept_by(place))
    whole = (place / "now.jsonl").read_bytes()
    for cut in range(1, len(whole)):
        (place / "now.jsonl").write_bytes(whole[:-cut])
        made = store.Store(place)
        made.add(NOW - 60, {"vram:GPU-0": 7.0})
        let_go(made)
        read = store.load(place, NOW)
        assert read.past["vram:GPU-0"][-1] == (NOW - 60, 7.0)
        assert len(read.past["vram:GPU-0"]) <= 4
        torn = whole[:-cut].rpartition(b"\n")[2] not in whole.split(b"\n")
        assert (read.trouble == "1 line of what stackops watch kept is damaged and left out") == torn, cut


@pytest.mark.parametrize("what", ["folder", "fifo", "link", "large", "hard link"])
def test_what_is_no_file_of_ours_is_not_read_and_not_written(place: Path, tmp_path: Path, what: str) -> None:
    made = store.Store(place)
    path, other = place / "now.jsonl", tmp_path / "other"
    other.write_bytes(b"precious\n")
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "link":
        path.symlink_to(other)
    elif what == "hard link":
        os.link(other, path)
    else:
        path.touch()
        os.truncate(path, store.LIMIT + store.SLACK + 1)
    read = store.load(place, NOW)
    assert "cannot be read" in read.trouble if what != "hard link" else "damaged" in read.trouble
    if what != "large":
        with pytest.raises(OSError, match=r"."):
            made.add(NOW - 60, {"vram:GPU-0": 7.0})
    else:
        made.add(NOW - 60, {"vram:GPU-0": 7.0})
        assert store.load(place, NOW).past["vram:GPU-0"] == ((NOW - 60, 7.0),), "the large one is the one before"
    let_go(made)
    assert other.read_bytes() == b"precious\n"


@pytest.mark.skipif(os.getuid() == 0 and not Path("/usr/bin/setpriv").exists(), reason="root reads everything")
def test_a_store_that_may_not_be_read_is_told(place: Path, monkeypatch) -> None:
    let_go(kept_by(place))

    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(store, "read", refuse)
    read = store.load(place, NOW)
    assert (read.past, read.events) == ({}, ())
    assert read.trouble.endswith("now.jsonl: Permission denied")


def test_a_full_disk_leaves_no_half_line(place: Path, monkeypatch) -> None:
    made = kept_by(place)
    before = (place / "now.jsonl").read_bytes()

    def half(descriptor: int, content: bytes) -> None:
        os.write(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store, "write_all", half)
        with pytest.raises(OSError, match="No space"):
            made.add(NOW - 60, {"vram:GPU-0": 7.0, "new": 1.0})
    assert (place / "now.jsonl").read_bytes() == before
    made.add(NOW - 60, {"vram:GPU-0": 7.0, "new": 1.0})
    let_go(made)
    assert store.load(place, NOW).past["new"] == ((NOW - 60, 1.0),)


def test_lines_of_a_clock_that_was_ahead_are_left_out_and_the_rest_is_in_order(place: Path) -> None:
    made = store.Store(place)
    for at in (NOW + 7200, NOW - 60, NOW - 120, NOW - 2 * 86400):
        made.add(at, {"gpu:GPU-0": at - NOW + 1e6}, [replace(DEATH, at=at)])
    let_go(made)
    read = store.load(place, NOW)
    assert [at - NOW for at, _ in read.past["gpu:GPU-0"]] == [-120, -60]
    assert [each.at - NOW for each in read.events] == [-2 * 86400, -120, -60]


def test_only_one_watch_writes(place: Path) -> None:
    made = store.Store(place)
    with pytest.raises(BlockingIOError):
        store.Store(place)
    let_go(made)
    let_go(store.Store(place))


# The curves of a console that opens later


def test_minutes_that_were_kept_stand_left_of_a_consoles_own_and_a_gap_stays_a_gap() -> None:
    kept = {"gpu:GPU-0": ((100.0, 5.0), (160.0, None), (220.0, 6.0), (1000.0, 99.0)), "gpu:GPU-1": ((100.0, 1.0),)}
    history = History()
    history.add_gpus((Gpu("GPU-0", utilisation=1.0),), at=905.0)
    history.fill(kept)
    history.add_gpus((Gpu("GPU-0", utilisation=2.0),), at=907.0)
    assert history.curve("gpu:GPU-0") == ((100.0, 5.0), (160.0, None), (220.0, 6.0), (905.0, 1.0), (907.0, 2.0))
    assert history.curve("gpu:GPU-1") == (), "of a card that is not there any more nothing is shown"
    history.add_gpus((Gpu("GPU-0"), Gpu("GPU-1", utilisation=3.0)), at=909.0)
    assert history.curve("gpu:GPU-1") == ((100.0, 1.0), (909.0, 3.0))


def test_of_a_minute_the_highest_is_kept_and_nothing_of_who_did_not_say() -> None:
    history = History()
    for at, load in ((60.0, 5.0), (90.0, 80.0), (125.0, 1.0)):
        history.add_gpus((Gpu("GPU-0", utilisation=load, power=load + 300),), at=at)
    one = GpuProcess("GPU-0", 1, 5, "vllm", "compute", server="vllm:8000")
    history.add_held((one, replace(one, pid=2, memory=7)), at=61.0)
    history.add_held((one, replace(one, pid=2, memory=None)), at=121.0)
    assert history.minute(60.0) == {"gpu:GPU-0": 80.0, "power:GPU-0": 380.0, "held:vllm:8000": 12}
    assert history.minute(120.0) == {"gpu:GPU-0": 1.0, "power:GPU-0": 301.0}
    assert history.minute(0.0) == {}


# The command


class FakeSession:
    """A session whose checks say what a test wants."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.settings = None
        self.doors = self.output = self

    def examine(self, *_: object) -> tuple[()]:
        return ()

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def watcher(place: Path, monkeypatch, *judged: tuple[Result, ...]) -> tuple[command.Watcher, FakeSession, store.Store]:
    told = iter(judged)
    monkeypatch.setattr(
        "stackops.console.judge.judge",
        lambda *_: Judgement("", green=False, troubles=tuple(map(Trouble, next(told)))),
    )
    session, made = FakeSession(), store.Store(place)
    return command.Watcher(session, made), session, made


def test_troubles_that_come_and_go_are_kept_but_for_those_of_the_first_minute(place: Path, monkeypatch) -> None:
    looking, _session, made = watcher(place, monkeypatch, (), (ILL,), (), (ILL,), ())
    for at in (0.0, 15.0, 30.0, 75.0, 90.0):
        looking.look(stage.empty(), History(), NOW + at)
    let_go(made)
    changes = store.load(place, NOW + 100).changes
    assert [(each.at - NOW, each.came) for each in changes] == [(75.0, True), (90.0, False)]


def test_events_are_kept_once_and_figures_once_a_minute(place: Path, monkeypatch) -> None:
    looking, _session, made = watcher(place, monkeypatch, *[()] * 5)
    history, start = History(), NOW // MINUTE * MINUTE
    for n in range(5):
        history.add_gpus((Gpu("GPU-0", utilisation=10.0 * n),), at=start + 20.0 * n)
        looking.look(replace(stage.empty(), events=(DEATH,)), history, start + 20.0 * n)
    let_go(made)
    read = store.load(place, start + 100)
    assert (read.events, read.past["gpu:GPU-0"]) == ((DEATH,), ((start, 20.0),))
    assert (place / "now.jsonl").read_bytes().count(b"die") == 1


def test_what_it_remembers_of_events_is_bounded(place: Path, monkeypatch) -> None:
    monkeypatch.setattr(command, "KNOWN", 50)
    looking, _session, made = watcher(place, monkeypatch, *[()] * 40)
    events = tuple(replace(DEATH, at=NOW + n) for n in range(400))
    for n in range(40):
        looking.look(replace(stage.empty(), events=events[10 * n : 10 * n + 20]), History(), NOW + 15.0 * n)
        assert len(looking._events) <= 70
    let_go(made)
    assert (place / "now.jsonl").read_bytes().count(b"die") == 400


def test_what_cannot_be_written_is_said_once_and_written_as_soon_as_there_is_room(place: Path, monkeypatch) -> None:
    looking, session, made = watcher(place, monkeypatch, (), (ILL,), (), ())
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patched:
        patched.setattr(made, "add", lambda *_: (_ for _ in ()).throw(full))
        for at in (0.0, 75.0, 90.0):
            looking.look(replace(stage.empty(), events=(DEATH,)), History(), NOW + at)
    assert session.said == ["stackops: nothing can be kept at the moment: No space left on device"]
    looking.look(replace(stage.empty(), events=(DEATH,)), History(), NOW + 105)
    let_go(made)
    read = store.load(place, NOW + 110)
    assert (read.events, [each.came for each in read.changes]) == ((DEATH,), [True, False])


def test_the_practice_stack_a_second_watch_and_no_folder_are_refused_with_a_sentence(stackops, state, doors) -> None:
    assert stackops("watch", "--host", "demo").code == 2
    place = store.folder(state, doors.open_host(command_settings()), None)
    made = store.Store(place)
    refused = stackops("watch")
    assert (refused.code, refused.out) == (5, "")
    assert refused.err == "stackops: another stackops watch keeps what happens here already\n"
    let_go(made)
    for each in (place, place.parent):
        each.rmdir()
    (state / "watch").write_text("")
    refused = stackops("watch")
    assert refused.code == 5
    assert "nothing can be kept in" in refused.err


def command_settings():
    from stackops.console.settings import Settings

    return Settings()


def test_it_looks_until_it_is_ended_and_ends_well(stackops, state, doors, monkeypatch) -> None:
    monkeypatch.setattr(command, "TICK", 0.05)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    looked = threading.Event()
    monkeypatch.setattr(command.Watcher, "look", lambda *_: looked.set())

    def end() -> None:
        looked.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end).start()
    try:
        answer = stackops("watch")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (answer.code, answer.out) == (0, "")
    assert f"what happens is kept in {store.folder(state, doors.host, None)}" in answer.err


def test_a_killed_watch_leaves_no_lock_and_a_store_that_can_be_read(place: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom stackops.console.report import store\n"
        "made = store.Store(Path(sys.argv[1]))\nn = 0\n"
        "while True:\n    made.add(float(n), {'gpu:GPU-0': float(n)}); n += 1\n"
        "    n == 200 and print('go', flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    child.kill()
    child.wait()
    child.stdout.close()
    read = store.load(place, 80000.0)
    assert (read.trouble, len(read.past["gpu:GPU-0"]) >= 200) == ("", True)
    let_go(store.Store(place))
