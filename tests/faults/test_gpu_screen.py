"""The console on a terminal while a GPU driver misbehaves: it keeps drawing, says what happened, and finds back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.nvml import GIB, GPU_IS_LOST, MISMATCH, Stub, build, card, holds
from support.pty_harness import STACKOPS, Terminal

STALL = 30
FOR_EVER = 3600
HOURS = f"""
import sys
from stackops.console.cli import main
from stackops.console.hosts.local.gpus.local import Nvidia, Patience
hours = Patience(usual={FOR_EVER}, longest={FOR_EVER}, give_up={FOR_EVER}, give_up_first={FOR_EVER})
Nvidia.__init__.__kwdefaults__["patience"] = hours
sys.exit(main())
"""
PATIENT = (sys.executable, "-c", HOURS)
"""stackops whose reader waits for hours: a screen that waited for it would stand still for as long."""


@pytest.fixture
def stub(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Stub:
    stub = Stub(build(tmp_path_factory), tmp_path)
    stub.write(
        cards=[card(0, memory_used=7 * GIB, name="First"), card(1, memory_used=3 * GIB, name="Second")],
        processes=[holds(0, 1, 7 * GIB)],
    )
    return stub


@contextmanager
def console(stub: Stub, tmp_path: Path, program: Sequence[str] = STACKOPS) -> Iterator[Terminal]:
    env = stub.environment | {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path)}
    env["DOCKER_HOST"] = f"unix://{tmp_path}/none.sock"  # the machine and its GPUs, whatever runs in containers here
    with Terminal(program, size=(120, 40), env=env) as terminal:
        terminal.wait_for("First")
        yield terminal
        assert terminal.quit() == 0


def goes(terminal: Terminal, key: str, wanted: str) -> None:
    """Another place."""
    terminal.send(key)
    terminal.wait_for(wanted)


def test_a_driver_that_stalls_stops_no_frame_however_long_its_reader_waits(stub: Stub, tmp_path: Path) -> None:
    noted = tmp_path / "calls"
    with console(stub, tmp_path, PATIENT) as terminal:
        goes(terminal, "1", "cpu ")
        stub.write(stalls=[("*", "*", FOR_EVER)], calls=noted)
        terminal.wait_for(lambda _text: noted.exists())
        for key, wanted in (("4", "GPUs 2"), ("2", "Doctor"), ("1", "cpu ")):
            goes(terminal, key, wanted)
        for _ in range(4):
            terminal.wait_for_more()  # the host's own figures go on being drawn


def test_a_driver_that_stalls_for_30_s_is_said_so_and_read_again(stub: Stub, tmp_path: Path) -> None:
    with console(stub, tmp_path) as terminal:
        stub.write(stalls=[("*", "*", STALL)])
        goes(terminal, "4", "GPUs 2")
        terminal.wait_for(lambda text: "no answer" in text.lower() or "not answer" in text.lower())
        assert "7.0G" in terminal.text, "the last figures stay"
        stub.write(stalls=[], cards=[card(0, memory_used=9 * GIB, name="First"), card(1, name="Second")])
        terminal.wait_for(lambda text: "9.0G" in text and "answer" not in text.lower())


def test_a_gpu_that_is_lost_keeps_its_row_and_the_other_goes_on(stub: Stub, tmp_path: Path) -> None:
    with console(stub, tmp_path) as terminal:
        goes(terminal, "4", "GPUs 2")
        cards = [card(0, name="First"), card(1, memory_used=5 * GIB, name="Second")]
        stub.write(cards=cards, errors=[(0, "*", GPU_IS_LOST)])
        terminal.wait_for("lost")
        terminal.wait_for("5.0G")
        assert "First" in terminal.text
        stub.write(errors=[])
        terminal.wait_for(lambda text: "lost" not in text)


def test_a_driver_that_was_upgraded_is_named_with_the_way_out_and_found_again(stub: Stub, tmp_path: Path) -> None:
    with console(stub, tmp_path) as terminal:
        goes(terminal, "4", "GPUs 2")
        stub.write(errors=[("*", "*", MISMATCH)])
        terminal.wait_for("try:")
        said = terminal.text.lower()
        assert "version" in said or "upgraded" in said
        goes(terminal, "1", "cpu ")
        goes(terminal, "4", "GPUs")
        stub.write(errors=[], driver="560.35.03")
        terminal.wait_for("560.35.03")
        terminal.wait_for("7.0G")
