"""The board keeps what it has when it is told the same again, so that nothing is worked out anew for it."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.collect.board import SnapshotBuilder
from stackops.console.model import Gpu, HostInfo, NativeProcess, Server
from support.clock import FakeClock

OLLAMA = NativeProcess(10, "ollama", ("ollama", "serve"))
SERVER = Server("box:1", "vllm", "http://127.0.0.1:1", "up", read_at=1.0)


def board() -> SnapshotBuilder:
    made = SnapshotBuilder(FakeClock(), HostInfo(name="box"))
    made.put(processes=(OLLAMA,), servers=(SERVER,), gpus=(Gpu("GPU-0"),))
    made.snapshot()
    return made


def test_a_part_that_says_the_same_stays_the_same_object_and_is_no_change() -> None:
    made = board()
    before, services = made.parts.processes, made.snapshot().services
    made.put(processes=(replace(OLLAMA),))
    assert made.parts.processes is before
    assert not made.changed.is_set()
    assert made.snapshot().services is services


def test_a_part_that_differs_is_put_beside_one_that_does_not() -> None:
    made = board()
    before = made.parts.processes
    made.put(processes=(replace(OLLAMA),), servers=(replace(SERVER, read_at=2.0),))
    assert made.changed.is_set()
    assert made.parts.processes is before
    assert made.parts.servers[0].read_at == 2.0


def test_each_reading_of_the_gpus_counts_since_it_makes_a_step_in_their_curve() -> None:
    made, told = board(), (Gpu("GPU-0"),)
    made.put(gpus=told)
    assert made.parts.gpus is told
    assert not made.changed.is_set()
