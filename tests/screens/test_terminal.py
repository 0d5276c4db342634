"""On a real pseudo terminal: what is written, what is not, and how it is left."""

from __future__ import annotations

import re
import signal
import sys
import time
from pathlib import Path

import pytest
from support.pty_harness import STACKOPS, Terminal

FROZEN = (sys.executable, str(Path(__file__).resolve().parents[1] / "support" / "frozen_console.py"))


@pytest.fixture
def state(tmp_path) -> dict[str, str]:
    return {"STACKOPS_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path)}


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_nothing_changes_means_nothing_is_written(state, size) -> None:
    with Terminal([*FROZEN, "full"], size=size, env=state) as terminal:
        terminal.wait_for("problems")
        terminal.settle()
        assert terminal.bytes_during(2.0) == 0


def test_a_hundred_moving_containers_cost_little(state) -> None:
    """The budget is 4 KB a second at 200x50."""
    with Terminal([*FROZEN, "moving"], size=(200, 50), env=state) as terminal:
        terminal.wait_for("stack-0")  # all is well, so each stack is a line until somebody opens it
        terminal.send("\t\r")
        terminal.wait_for("service-001")
        time.sleep(3.0)
        assert 0 < terminal.bytes_during(4.0) / 4 < 4_000


def test_no_control_byte_of_outside_origin_reaches_the_terminal(state) -> None:
    with Terminal([*FROZEN, "hostile"], size=(120, 40), env=state) as terminal:
        terminal.wait_for("problems")
        for key in ("2", "1", "\r", "l", "\x1b", "R", "\x1b", "?", "\x1b", "y"):
            terminal.send(key)
            time.sleep(0.15)
        terminal.quit()
        written = terminal.output
        assert b"name" in written
        for attack in (b"]52;c;ZXZpbA", b"\x1b[2J", b"\xc2\x9b", b"\x9b31m", "\u202e".encode()):
            assert attack not in written.replace(b"]52;c;PFUrMjAyRT5uYW1l", b""), attack


COLOURED = re.compile(rb"\x1b\[(?:[0-9;:]*[;:])?(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m")


@pytest.mark.parametrize("theme", ["dark", "ansi"])
def test_no_color_sends_no_colour_at_all(state, theme) -> None:
    with Terminal([*FROZEN, "full"], size=(120, 40), env={**state, "NO_COLOR": "1", "TEST_THEME": theme}) as terminal:
        terminal.wait_for("problems")
        for keys, shown in (
            ("2", "Checks"), ("4", "GPUs"), ("5", "Model servers"), ("3", "Journal"), ("1", "Stacks"), ("/", "esc"),
            ("\x1b", "Stacks"), ("j", "Stacks"), ("R", "Cancel"), ("\t", "Cancel"), ("\x1b", "Stacks"),
            (":", "container: restart"),
            ("\x1b", "Stacks"), ("?", "esc closes"), ("\x1b", "Stacks"), ("\t", "Stacks"), ("\r", "Details"),
        ):  # fmt: skip
            terminal.send(keys)
            terminal.wait_for(shown)
            terminal.settle(0.3)
        assert terminal.quit() == 0
        assert b"\x1b[" in terminal.output
        assert COLOURED.findall(terminal.output) == []


@pytest.mark.parametrize("asked", [{"NO_COLOR": "1"}, {}], ids=["variable", "option"])
def test_a_command_sends_no_colour_when_it_is_told_so(state, asked) -> None:
    option = () if asked else ("--no-color",)
    with Terminal([*STACKOPS, "--host", "demo", *option, "check"], size=(120, 40), env={**state, **asked}) as terminal:
        assert terminal.wait() == 1
        assert b"ERROR" in terminal.output
        assert COLOURED.findall(terminal.output) == []


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
        before = terminal.settle()
        terminal.signal(signal.SIGTSTP)
        terminal.wait_for(lambda _text: terminal.restored)
        terminal.signal(signal.SIGCONT)
        terminal.wait_for(lambda text: text == before)
        assert terminal.quit() == 0
        assert terminal.restored


def test_quitting_puts_the_terminal_back(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        assert terminal.quit() == 0
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
        terminal.wait_for("problems")
        before = terminal.settle()
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
        words = ("problems", "running", "restarting", "error", "warning", "Needs you")
        shown = terminal.wait_for(lambda text: all(word in text for word in words))
        if env.get("TERM") == "linux" or "PYTHONIOENCODING" in env:
            assert shown.isascii(), shown
        assert terminal.quit() == 0


def test_a_console_in_ascii_writes_nothing_else(state) -> None:
    """The installed command, every byte of it: frames, glyphs, bars, titles, notices."""
    with Terminal([*STACKOPS, "demo", "--ascii"], size=(120, 40), env=state) as terminal:
        terminal.wait_for("problem")
        for keys, shown in (("2", "In full"), ("4", "driver"), ("?", "esc closes")):
            terminal.send(keys)
            terminal.wait_for(shown)
        terminal.send("\x1b")
        terminal.wait_for(lambda text: "esc closes" not in text)
        assert terminal.quit() == 0
        assert terminal.output.isascii()


def test_fifty_sizes_a_second_are_lived_through(state) -> None:
    with Terminal([*FROZEN, "full"], env=state) as terminal:
        terminal.wait_for("problems")
        for number in range(50):
            terminal.resize(20 + number * 7, 5 + number)
            time.sleep(0.02)
        terminal.resize(80, 24)
        terminal.wait_for(lambda text: "q quit" in text and "Needs you" in text)
        assert terminal.quit() == 0


def test_the_practice_stack_opens_with_one_word(state) -> None:
    with Terminal([*STACKOPS, "demo"], size=(120, 40), env=state) as terminal:
        terminal.wait_for("problem")
        assert terminal.quit() == 0
        assert terminal.restored
