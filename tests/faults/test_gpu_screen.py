"""The console on a terminal while a GPU driver misbehaves: it keeps drawing, says what happened, and finds back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.nvml import GIB, GPU_IS_LOST, MISMATCH, Stub, build, card, holds
from support.pty_harness import STACKOPS, Terminal

STALL = 30
PROMPT = 2.0
"""Seconds in which another place has to be there. The deadline of a read is 2 s too, so a blocked loop would show."""


@pytest.fixture
def stub(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Stub:
    stub = Stub(build(tmp_path_factory), tmp_path)
    stub.write(
        cards=[card(0, memory_used=7 * GIB, name="First"), card(1, memory_used=3 * GIB, name="Second")],
        processes=[holds(0, 1, 7 * GIB)],
    )
    return stub


@contextmanager
def console(stub: Stub, tmp_path: Path) -> Iterator[Terminal]:
    env = stub.environment | {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path)}
    env["DOCKER_HOST"] = f"unix://{tmp_path}/none.sock"  # the machine and its GPUs, whatever runs in containers here
    with Terminal(STACKOPS, size=(120, 40), env=env) as terminal:
        terminal.wait_for("First")
        yield terminal
        terminal.send("q")
        assert terminal.wait() == 0


def goes(terminal: Terminal, key: str, wanted: str) -> None:
    """Another place, promptly."""
    began = time.monotonic()
    terminal.send(key)
    terminal.wait_for(wanted, timeout=10)
    took = time.monotonic() - began
    assert took < PROMPT, f"{wanted} took {took:.1f} s"


def test_a_driver_that_stalls_for_30_s_stops_no_frame_and_is_read_again(stub: Stub, tmp_path: Path) -> None:
    with console(stub, tmp_path) as terminal:
        terminal.send("1")
        time.sleep(1.0)
        calm = terminal.bytes_during(5.0)
        stub.write(stalls=[("*", "*", STALL)])
        goes(terminal, "4", "GPUs 2")
        terminal.wait_for(lambda text: "no answer" in text.lower() or "not answer" in text.lower(), timeout=15)
        assert "7.0G" in terminal.text, "the last figures stay"
        goes(terminal, "2", "Doctor")
        goes(terminal, "1", "cpu ")
        assert terminal.bytes_during(5.0) > calm / 3, "the host's own figures go on being drawn"
        stub.write(stalls=[], cards=[card(0, memory_used=9 * GIB, name="First"), card(1, name="Second")])
        goes(terminal, "4", "GPUs 2")
        terminal.wait_for(lambda text: "9.0G" in text and "answer" not in text.lower(), timeout=45)


def test_a_gpu_that_is_lost_keeps_its_row_and_the_other_goes_on(stub: Stub, tmp_path: Path) -> None:
    with console(stub, tmp_path) as terminal:
        goes(terminal, "4", "GPUs 2")
        cards = [card(0, name="First"), card(1, memory_used=5 * GIB, name="Second")]
        stub.write(cards=cards, errors=[(0, "*", GPU_IS_LOST)])
        terminal.wait_for("lost", timeout=15)
        terminal.wait_for("5.0G", timeout=15)
        assert "First" in terminal.text
        stub.write(errors=[])
        terminal.wait_for(lambda text: "lost" not in text, timeout=45)


def test_a_driver_that_was_upgraded_is_named_with_the_way_out_and_found_again(stub: Stub, tmp_path: Path) -> None:
    with console(stub, tmp_path) as terminal:
        goes(terminal, "4", "GPUs 2")
        stub.write(errors=[("*", "*", MISMATCH)])
        terminal.wait_for("try:", timeout=45)
        said = terminal.text.lower()
        assert "version" in said or "upgraded" in said
        goes(terminal, "1", "cpu ")
        goes(terminal, "4", "GPUs")
        stub.write(errors=[], driver="560.35.03")
        terminal.wait_for("560.35.03", timeout=45)
        terminal.wait_for("7.0G", timeout=10)
