"""A driver that does not answer: the last values at once, the child ended or left, another one tried, no zombie."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from stackops.console.hosts.local.gpus.local import Child, Patience
from support.nvml import GIB, card, holds, uuid

STALL = [("*", "nvmlDeviceGetPowerUsage", 30)]


def until(condition, seconds=60.0):
    """Wait for what happens in another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def state_of(pid):
    """The letter of its state; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123
            return stat.read().rpartition(") ")[2][0]
    except OSError:
        return None


def children():
    """Pids of this process's children, zombies too."""
    told = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return [line for line in told.stdout.splitlines() if "child.py" in line or "defunct" in line]


@pytest.fixture
def read_once(stub, door):
    stub.write(cards=[card(0, memory_used=GIB)], processes=[holds(0, 5, GIB)])
    gpus = door(stub)
    gpus.read()
    return gpus


def test_a_stalled_read_shows_the_last_values_with_their_age(stub, read_once, clock):
    at = clock.now()
    stub.write(stalls=STALL)
    clock.advance(2)
    told = read_once.read()
    gpu = told.gpus[0]
    assert (told.driver.state, gpu.health, gpu.read_at, gpu.memory_used) == ("stalled", "stale", at, GIB)
    assert "does not answer" in gpu.trouble
    assert "dmesg" in gpu.remedy
    assert [process.pid for process in told.processes] == [5]


def test_once_a_read_is_late_the_next_ones_do_not_wait(stub, read_once, clock):
    stub.write(stalls=STALL)
    read_once.read()
    clock.advance(2)
    waits = []
    read_once._child.answer = waits.append
    assert read_once.read().driver.state == "stalled"
    assert waits == [0.0]


def test_a_late_answer_is_taken_and_all_is_well_again(stub, read_once, clock):
    stub.write(stalls=STALL)
    read_once.read()
    child = read_once._child.pid
    clock.advance(2)
    stub.write(stalls=[], cards=[card(0, memory_used=2 * GIB)])
    until(lambda: read_once.read().driver.state == "ok")
    told = read_once.read()
    assert (told.gpus[0].health, told.gpus[0].memory_used, read_once._child.pid) == ("ok", 2 * GIB, child)


def test_a_child_that_stays_silent_is_ended_and_another_tried_after_a_while(stub, read_once, clock):
    stub.write(stalls=STALL)
    read_once.read()
    child = read_once._child.pid
    clock.advance(9)
    read_once.read()
    assert read_once._child is None
    assert state_of(child) is None
    assert children() == []
    stub.write(stalls=[])
    assert read_once.read().driver.state == "stalled"  # not so soon
    clock.advance(2)
    told = read_once.read()
    assert (told.driver.state, told.gpus[0].health) == ("ok", "ok")


def test_a_driver_slow_to_start_is_given_time_and_said_to_be_starting(stub, door, clock):
    stub.write(stalls=[("*", "nvmlInitWithFlags", 30)])
    gpus = door(stub, patience=Patience(first=0.2, shared=0.0))
    told = gpus.read()
    assert (told.driver.state, told.gpus) == ("stalled", ())
    assert "nvidia-smi -pm 1" in told.driver.remedy
    child = gpus._child.pid
    clock.advance(20)
    gpus.read()
    assert gpus._child.pid == child
    stub.write(stalls=[])
    until(lambda: gpus.read().driver.state == "ok")
    assert gpus._child.pid == child


class Undead(Child):
    """A child that hangs in the kernel: a kill does not end it."""

    let_go = False

    def end(self):
        if self.let_go:
            return super().end()
        return False

    def gone(self):
        return self.let_go and super().end()


def test_children_that_cannot_be_killed_are_left_behind_but_never_many(stub, door, clock):
    started = []

    def start(environ):
        started.append(Undead(environ))
        return started[-1]

    gpus = door(stub, child=start)
    gpus.read()
    stub.write(stalls=[("*", "*", 30)])
    gpus._patience = Patience(usual=0.01, first=0.01, shared=0.0)
    for _ in range(300):
        gpus.read()
        clock.advance(2)
    told = gpus.read()
    assert len(started) == 2
    assert told.driver.state == "stalled"
    assert "reboot" in told.driver.remedy
    stub.write(stalls=[])
    for child in started:
        child.let_go = True
    Undead.let_go = True
    try:
        gpus._patience = Patience(first=20.0, shared=0.0)
        clock.advance(60)
        assert gpus.read().driver.state == "ok"
        assert gpus._abandoned == []
        gpus.close()
    finally:
        Undead.let_go = False
    assert children() == []


def test_closing_ends_the_child_even_while_it_hangs(stub, read_once):
    stub.write(stalls=STALL)
    read_once.read()
    child = read_once._child.pid
    read_once.close()
    assert state_of(child) is None
    assert children() == []


def test_a_door_that_was_closed_opens_again(stub, read_once):
    read_once.close()
    assert read_once.read().driver.state == "ok"


def test_readers_in_different_threads_share_one_child_until_it_is_closed(stub, door, tmp_path):
    noted = tmp_path / "calls"
    stub.write(calls=noted)
    gpus = door(stub)
    gpus.read()
    other = threading.Thread(target=gpus.read)
    other.start()
    other.join()
    gpus.read()
    assert noted.read_text().count("nvmlInitWithFlags") == 1
    gpus.close()
    assert gpus._child is None


def test_an_answer_that_just_came_serves_whoever_else_asks(stub, door, clock, tmp_path):
    noted = tmp_path / "calls"
    stub.write(calls=noted)
    gpus = door(stub)
    gpus._patience = Patience()
    assert gpus.read() is gpus.read()
    clock.advance(1)
    gpus.read()
    assert noted.read_text().count("nvmlDeviceGetPowerUsage") == 2


PARENT = """
import sys, time
from stackops.console.hosts.protocols import SystemClock
from stackops.console.hosts.local import LocalGpus
gpus = LocalGpus(sys.argv[1], clock=SystemClock())
print(gpus.read().driver.state, gpus._nvidia._child.pid, flush=True)
while True:
    time.sleep(0.1)
    gpus.read()
"""


@pytest.mark.parametrize("stalled", [False, True])
def test_the_child_goes_with_a_parent_that_was_killed(stub, root, stalled):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(root)], env=os.environ | stub.environment, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        state, pid = parent.stdout.readline().split()
        assert state == "ok"
        if stalled:
            noted = root / "calls"
            stub.write(stalls=STALL, calls=noted)
            until(lambda: noted.exists() and "nvmlDeviceGetPowerUsage" in noted.read_text())
        assert state_of(pid) is not None
        parent.send_signal(signal.SIGKILL)
        until(lambda: state_of(pid) in (None, "Z"))  # its heir is process 1, which in a container may reap nobody
    finally:
        parent.kill()
        parent.communicate()


def test_the_terminals_interrupt_is_not_for_the_child(read_once):
    child = read_once._child.pid
    assert os.getsid(child) == child != os.getsid(0)


def test_what_a_library_prints_does_not_disturb_the_answers(stub, read_once):
    assert read_once.read().gpus[0].uuid == uuid(0)
    read_once._child._said = b"not json\n"
    told = read_once.read()
    assert told.driver.state == "crashed"
    assert told.gpus[0].health == "stale"
