"""On a real pseudo terminal: what is written, what is not, and how it is left."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
from support.pty_harness import STACKOPS, Terminal

FROZEN = (sys.executable, str(Path(__file__).resolve().parents[1] / "support" / "frozen_console.py"))


@pytest.fixture
def state(tmp_path) -> dict[str, str]:
    return {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "STACKOPS_CONFIG": "/dev/null"}


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_nothing_changes_means_nothing_is_written(state, size) -> None:
    with Terminal([*FROZEN, "full"], size=size, env=state) as terminal:
        terminal.wait_for("problems")
        time.sleep(1.0)
        assert terminal.bytes_during(2.0) == 0


def test_a_hundred_moving_containers_cost_little(state) -> None:
    """The budget is 4 KB a second at 200x50."""
    with Terminal([*FROZEN, "moving"], size=(200, 50), env=state) as terminal:
        terminal.wait_for("service-001")
        time.sleep(3.0)
        assert 0 < terminal.bytes_during(4.0) / 4 < 4_000


def test_no_control_byte_of_outside_origin_reaches_the_terminal(state) -> None:
    with Terminal([*FROZEN, "hostile"], size=(120, 40), env=state) as terminal:
        terminal.wait_for("problems")
        for key in ("2", "1", "\r", "l", "\x1b", "R", "\x1b", "?", "\x1b", "y"):
            terminal.send(key)
            time.sleep(0.15)
        terminal.send("q")
        terminal.wait()
        written = terminal.output
        assert b"name" in written
        for attack in (b"]52;c;ZXZpbA", b"\x1b[2J", b"\xc2\x9b", b"\x9b31m", "\u202e".encode()):
            assert attack not in written.replace(b"]52;c;PFUrMjAyRT5uYW1l", b""), attack


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_the_terminal_back(state, number) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        assert not terminal.restored
        terminal.signal(number)
        assert terminal.wait() == 128 + number
        assert terminal.restored


def test_stopping_and_going_on_restores_the_screen_both_ways(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        time.sleep(0.5)
        before = terminal.text
        terminal.signal(signal.SIGTSTP)
        time.sleep(0.7)
        assert terminal.restored
        terminal.signal(signal.SIGCONT)
        terminal.wait_for(lambda text: text == before)
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.restored


def test_quitting_puts_the_terminal_back(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.restored


def test_a_terminal_that_is_gone_ends_the_console(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        terminal.hang_up()
        assert terminal.wait() in {129, -signal.SIGHUP}


def test_a_terminal_that_nobody_reads_neither_fills_memory_nor_keeps_it_alive(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        terminal.hold = True
        for _ in range(40):
            terminal.send("21")
            time.sleep(0.02)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM


def test_a_slow_terminal_is_right_again_once_it_reads(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        before = terminal.wait_for("problems")
        time.sleep(0.5)
        before = terminal.text
        terminal.hold = True
        for _ in range(60):
            terminal.send("21")
            time.sleep(0.02)
        time.sleep(1.0)
        terminal.hold = False
        terminal.wait_for(lambda text: text == before)


def test_a_mistake_of_ours_ends_in_one_line_with_the_terminal_put_back(state, tmp_path) -> None:
    with Terminal([*FROZEN, "crash"], env=state) as terminal:
        assert terminal.wait() == 70
        assert terminal.restored
        after = terminal.output.rpartition(b"\x1b[?1049l")[2]
        assert b"a mistake in stackops itself (ZeroDivisionError" in after
        assert b"Traceback" not in terminal.output
        assert list((tmp_path / "state").glob("crash-*.txt"))


@pytest.mark.parametrize(
    "env",
    [
        {"NO_COLOR": "1"}, {"TERM": "linux"}, {"COLORTERM": "", "TERM": "xterm"}, {"TEST_THEME": "ansi"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    ],
    ids=str,
)  # fmt: skip
def test_it_is_readable_on_poor_terminals(state, env) -> None:
    with Terminal([*FROZEN, "full"], env={**state, **env}) as terminal:
        words = ("problems", "running", "restarting", "error", "warning", "Findings")
        shown = terminal.wait_for(lambda text: all(word in text for word in words))
        if env.get("TERM") == "linux" or "PYTHONIOENCODING" in env:
            assert shown.isascii(), shown
        terminal.send("q")
        assert terminal.wait() == 0


def test_fifty_sizes_a_second_are_lived_through(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        for number in range(50):
            terminal.resize(20 + number * 7, 5 + number)
            time.sleep(0.02)
        terminal.resize(80, 24)
        terminal.wait_for(lambda text: "q quit" in text and "Findings" in text)
        terminal.send("q")
        assert terminal.wait() == 0


def test_the_practice_stack_opens_with_one_word(state) -> None:
    with Terminal([*STACKOPS, "demo"], size=(120, 40), env=state) as terminal:
        terminal.wait_for("problem")
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.restored
