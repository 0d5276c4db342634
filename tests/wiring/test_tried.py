"""Arrows that are really tried, from inside a network of the test's own: every hop, every kind of server, bad ones."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from stackops.console.hosts import HostError, Wire, WireReading
from stackops.console.hosts.local.asking import wires
from support.net_room import room
from support.stacks import wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="making networks takes root and unshare"
)
PORTS = {
    1000: "mongo", 1001: "pg", 1002: "mysql", 1003: "redis", 1004: "http", 1005: "silent", 1006: "drips",
    1007: "resets", 1008: "endless", 1009: "closes", 1010: "ssh", 1011: "mongo-http", 1012: "blocked",
    1013: "protected", 1014: "nonsense",
}  # fmt: skip


def wire(pid: int, port: int, speaks: Any, host: str = "127.0.0.1", *, tls: bool = False, container: str = "") -> Wire:
    return Wire(f"{speaks} {host}:{port}", pid, container, host, port, speaks, tls)


def tried(*asked: Wire) -> dict[str, WireReading]:
    return {reading.key: reading for reading in wires(asked)}


def states(reading: WireReading) -> dict[str, str]:
    return {hop.name: hop.state for hop in reading.hops}


WELL = {"name": "ok", "port": "ok", "protocol": "ok"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, WireReading]:
    """One pass over all of these servers, bad ones too: they are tried at once."""
    with room(tmp_path_factory.mktemp("room"), PORTS) as pid:
        right = [("mongo", 1000), ("postgres", 1001), ("mysql", 1002), ("redis", 1003), ("http", 1004)]
        wrong = [
            ("mongo", 1004), ("http", 1011), ("postgres", 1002), ("redis", 1004), ("http", 1010), ("mysql", 1010),
            ("mongo", 1002), ("http", 1002), ("http", 1003), ("mysql", 1012), ("redis", 1013), ("mongo", 1014),
            ("http", 1005), ("http", 1006), ("http", 1007), ("http", 1008), ("http", 1009), ("mongo", 1005),
            ("mysql", 1005), ("mongo", 1999), ("grpc", 1004),
        ]  # fmt: skip
        return tried(*(wire(pid, port, speaks) for speaks, port in (*right, *wrong)))


@pytest.mark.parametrize("key", ["mongo 127.0.0.1:1000", "postgres 127.0.0.1:1001", "mysql 127.0.0.1:1002",
                                 "redis 127.0.0.1:1003", "http 127.0.0.1:1004", "http 127.0.0.1:1008"])  # fmt: skip
def test_who_speaks_as_wanted_is_well(answers: Mapping[str, WireReading], key: str) -> None:
    assert states(answers[key]) == WELL
    assert answers[key].reached == key.partition(" ")[2]


@pytest.mark.parametrize(
    ("key", "reason", "soft"),
    [
        ("mongo 127.0.0.1:1004", "answers as HTTP does; MongoDB is wanted", False),
        ("http 127.0.0.1:1011", "answers as MongoDB does; HTTP is wanted", False),
        ("postgres 127.0.0.1:1002", "answers as MySQL does; PostgreSQL is wanted", False),
        ("redis 127.0.0.1:1004", "answers as HTTP does; Redis is wanted", False),
        ("http 127.0.0.1:1010", "answers as SSH does; HTTP is wanted", False),
        ("mysql 127.0.0.1:1010", "answers as SSH does; MySQL is wanted", False),
        ("mongo 127.0.0.1:1002", "answers as MySQL does; MongoDB is wanted", False),
        ("http 127.0.0.1:1002", "answers as MySQL does; HTTP is wanted", False),
        ("http 127.0.0.1:1003", "answers as Redis does; HTTP is wanted", False),
        ("mysql 127.0.0.1:1012", "refuses: this host is not allowed (1130)", False),
        ("redis 127.0.0.1:1013", "refuses other machines: Redis runs in protected mode", False),
        ("mongo 127.0.0.1:1014", "answers, but not as it should; MongoDB is wanted", False),
        ("http 127.0.0.1:1005", "takes the connection and gives no answer within 3 s", True),
        ("http 127.0.0.1:1006", "takes the connection and gives no answer within 3 s", True),
        ("http 127.0.0.1:1007", "resets the connection", True),
        ("http 127.0.0.1:1009", "closes the connection without a word", True),
        ("mongo 127.0.0.1:1005", "takes the connection and gives no answer within 3 s", True),
        ("mysql 127.0.0.1:1005", "takes the connection and gives no answer within 3 s", True),
    ],
)
def test_who_does_not_is_told_by_what_it_does(
    answers: Mapping[str, WireReading], key: str, reason: str, soft: bool
) -> None:
    last = answers[key].hops[-1]
    if key == "http 127.0.0.1:1006":  # some letters came, and never enough of them
        assert last.reason in (reason, "answers, but not as it should; HTTP is wanted")
        return
    assert (last.name, last.state, last.reason, answers[key].soft) == ("protocol", "failed", reason, soft)


def test_where_nobody_listens_it_ends_at_the_port(answers: Mapping[str, WireReading]) -> None:
    reading = answers["mongo 127.0.0.1:1999"]
    assert states(reading) == {"name": "ok", "port": "failed"}
    assert reading.hops[-1].reason == "nobody listens at 127.0.0.1:1999"
    assert reading.reached is None


def test_a_protocol_that_is_not_spoken_here_is_unknown(answers: Mapping[str, WireReading]) -> None:
    assert states(answers["grpc 127.0.0.1:1004"]) == {"name": "ok", "port": "ok", "protocol": "unknown"}


def test_names_are_looked_up_as_the_container_does(tmp_path: Path) -> None:
    names = {"mongo": "127.0.0.1", "far.lan": "127.0.0.1", "quiet": "silent", "ill": "servfail"}
    resolv = "nameserver 127.0.0.53\nsearch lan\noptions ndots:0\n"
    with room(tmp_path, {1000: "mongo"}, names, hosts="127.0.0.1 localhost linked\n", resolv=resolv) as pid:
        asked = [wire(pid, 1000, "mongo", host) for host in ("mongo", "linked", "localhost", "far", "nobody", "ill")]
        found = tried(*asked, wire(pid, 1000, "mongo", "quiet"))
    assert {key: found[f"mongo {key}:1000"].hops[0].state for key in ("mongo", "linked", "localhost", "far")} == {
        "mongo": "ok", "linked": "ok", "localhost": "ok", "far": "ok"
    }  # fmt: skip
    assert found["mongo mongo:1000"].hops[0].reason == "127.0.0.1"
    told = {
        key: (found[f"mongo {key}:1000"].hops[0], found[f"mongo {key}:1000"].soft) for key in ("nobody", "ill", "quiet")
    }
    assert {key: (hop.state, hop.reason, soft) for key, (hop, soft) in told.items()} == {
        "nobody": ("failed", "The name server 127.0.0.53 knows no nobody", False),
        "ill": ("failed", "The name server 127.0.0.53 answers with an error (2) for ill", True),
        "quiet": ("failed", "The name server 127.0.0.53 does not answer for quiet", True),
    }


def test_tls_is_told_apart(tmp_path: Path) -> None:
    with room(tmp_path, {1000: "tls-http", 1001: "http", 1002: "tls-mongo", 1003: "redis", 1004: "silent"}) as pid:
        found = tried(
            wire(pid, 1003, "redis", tls=True), wire(pid, 1004, "redis", tls=True),
            wire(pid, 1000, "http", tls=True), wire(pid, 1001, "http", "localhost", tls=True),
            wire(pid, 1002, "mongo"),
            wire(pid, 1002, "mongo", "localhost", tls=True),
        )  # fmt: skip
    assert states(found["http 127.0.0.1:1000"]) == WELL
    assert found["http localhost:1001"].hops[-1].reason == "does not speak TLS, and the address says so"
    assert found["redis 127.0.0.1:1003"].hops[-1].reason == "does not speak TLS, and the address says so"
    assert found["redis 127.0.0.1:1004"].hops[-1].reason == "takes the connection and gives no answer within 3 s"
    assert found["mongo 127.0.0.1:1002"].hops[-1].reason == "speaks TLS, and the address does not say so"
    assert states(found["mongo localhost:1002"]) == WELL


@pytest.mark.parametrize("path", ["hosts", "resolv.conf"])
def test_a_link_in_a_container_leads_nowhere(tmp_path: Path, path: str) -> None:
    """A container cannot have a file of this machine read for it."""
    secret = tmp_path / "secret"
    secret.write_text("127.0.0.1 mongo\nnameserver 127.0.0.53\n")
    with room(tmp_path / "root", {1000: "mongo"}, {"mongo": "127.0.0.1"}) as pid:
        (tmp_path / "root/etc" / path).unlink()
        (tmp_path / "root/etc" / path).symlink_to(secret)
        reading = tried(wire(pid, 1000, "mongo", "mongo"))["mongo mongo:1000"]
    if path == "resolv.conf":
        assert reading.hops[0].state == "unknown"
        assert reading.hops[0].reason == "its /etc/resolv.conf cannot be read from here"
    else:
        assert states(reading) == WELL  # by its name server


@pytest.mark.parametrize("kind", ["pipe", "folder", "linked folder"])
def test_what_is_no_file_does_not_hold_anybody_up(tmp_path: Path, kind: str) -> None:
    with room(tmp_path / "root", {1000: "mongo"}, {"mongo": "127.0.0.1"}) as pid:
        path = tmp_path / "root/etc/resolv.conf"
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            (tmp_path / "root/etc").rename(tmp_path / "etc")
            (tmp_path / "root/etc").symlink_to(tmp_path / "etc")
        reading = tried(wire(pid, 1000, "mongo", "mongo"))["mongo mongo:1000"]
    assert reading.hops[0].state == "unknown"


def test_what_is_no_file_is_not_even_opened(tmp_path: Path) -> None:
    """A device of this machine's, made by a container, would act when it is opened: some watchdogs do."""
    with room(tmp_path / "root", {1000: "mongo"}, {"mongo": "127.0.0.1"}) as pid:
        path = tmp_path / "root/etc/resolv.conf"
        path.unlink()
        os.mkfifo(path)
        writer = subprocess.Popen(["sh", "-c", 'echo began; : > "$0"', path], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"began\n"
        wait_for(lambda: "(sleeping)" in Path(f"/proc/{writer.pid}/status").read_text())  # until somebody opens it
        try:
            assert tried(wire(pid, 1000, "mongo", "mongo"))["mongo mongo:1000"].hops[0].state == "unknown"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(0.5)
        finally:
            writer.kill()
            writer.communicate()


@pytest.mark.parametrize("path", ["hosts", "resolv.conf"])
def test_a_name_in_place_of_an_address_is_not_looked_up(tmp_path: Path, path: str) -> None:
    """It would be asked of this machine's resolver, for whatever a container has written there."""
    told = {"hosts": "localhost mongo\n"} if path == "hosts" else {"resolv": "nameserver localhost\n"}
    with room(tmp_path, {1000: "mongo"}, {"mongo": "127.0.0.1"}, **told) as pid:
        reading = tried(wire(pid, 1000, "mongo", "mongo"))["mongo mongo:1000"]
    if path == "hosts":
        assert (states(reading), reading.reached) == (WELL, "127.0.0.1:1000")  # by its name server
    else:
        assert reading.hops[0].reason == "its /etc/resolv.conf names no name server"


def test_a_program_that_cannot_be_started_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(HostError, match="tries connections cannot be started: No such file"):
        wires([wire(1, 1000, "mongo")])


def test_a_process_that_is_not_the_containers_is_left_alone(tmp_path: Path) -> None:
    with room(tmp_path, {1000: "mongo"}) as pid:
        reading = tried(wire(pid, 1000, "mongo", container="ab" * 32))["mongo 127.0.0.1:1000"]
    assert (reading.hops, reading.refused) == ((), "its process is not known to be the container's")


def test_a_process_that_has_ended_is_no_way_in() -> None:
    limit = int(Path("/proc/sys/kernel/pid_max").read_text())
    (reading,) = wires([wire(limit + 7, 1000, "mongo")])
    assert reading.refused == "its process has ended"


def test_a_pass_over_many_silent_servers_ends_and_holds_no_memory_for_them(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with room(tmp_path, {1000: "silent", 1001: "endless", 1002: "http"}) as pid:
        asked = [Wire(f"{number}", pid, "", "127.0.0.1", 1000 + number % 3, "http", tls=False) for number in range(90)]
        found = tried(*asked)
    assert len(found) == 90
    assert {reading.hops[-1].state for key, reading in found.items() if int(key) % 3} == {"ok"}
    # the most that any child ever held: of one before this test, where that was more
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 200_000)  # kB


def test_of_this_process_nothing_has_moved(tmp_path: Path) -> None:
    before = Path("/proc/self/ns/net").readlink()
    with room(tmp_path, {1000: "mongo"}) as pid:
        tried(wire(pid, 1000, "mongo"))
    assert Path("/proc/thread-self/ns/net").readlink() == before
