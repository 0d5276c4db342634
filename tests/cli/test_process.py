"""The command as a process: what it imports, pipes, signals, terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from stackops.console.cli import main; main()"
HEAVY = ("textual", "rich", "docker", "requests", "psutil", "ruamel", "dotenv", "httpx", "pymongo")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("STACKOPS", "DOCKER", "COV_"))},
        "STACKOPS_STATE_DIR": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    }


def call(environment: dict[str, str], *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], env=environment, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, check=False, **options,
    )  # fmt: skip


def read_all(leader: int) -> bytes:
    """Everything until the other end of the terminal is closed."""
    seen = b""
    try:
        while piece := os.read(leader, 4096):
            seen += piece
    except OSError:  # EIO is how Linux says that nobody holds the other end
        pass
    os.close(leader)
    return seen


def imported(environment: dict[str, str], *arguments: str) -> tuple[int, list[str]]:
    """Exit code, and which of the heavy modules were imported on the way."""
    code = (
        "import sys, atexit, json\n"
        "from stackops.console.cli import run\n"
        f"code = run({list(arguments)!r})\n"
        f"print(json.dumps([code, [m for m in {HEAVY!r} if m in sys.modules]]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    code_, found = json.loads(done.stderr.splitlines()[-1])
    return code_, found


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("check", "--help"), ("journal",)])
def test_a_light_command_imports_nothing_heavy(environment, arguments) -> None:
    assert imported(environment, *arguments) == (0, [])


def test_version_imports_neither_msgspec_nor_the_model(environment) -> None:
    heavy = ("msgspec", "asyncio", "logging", "stackops.console.model")
    code = (
        f"import sys; from stackops.console.cli import run; run(['--version']); "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"stackops \d+\.\d+\.\d+\S*\n\[\]\n", done.stdout)


def test_judging_a_folder_imports_neither_the_screen_nor_an_engine_driver(environment, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n    image: nginx\n")
    code, found = imported(environment, "check", "--json", "--project-dir", str(tmp_path))
    assert code == 0
    assert not {"textual", "docker", "requests", "psutil", "httpx"} & set(found)


def test_checking_the_practice_stack_imports_no_screen(environment) -> None:
    _, found = imported(environment, "--host", "demo", "check", "--json")
    assert not {"textual", "docker", "requests", "httpx"} & set(found)


def test_the_exit_codes_reach_the_shell(environment) -> None:
    assert call(environment, "--host", "demo", "check", "--json").returncode == 1
    assert call(environment, "nonsense").returncode == 2
    unreachable = call(environment, "check")
    assert unreachable.returncode == 3
    assert unreachable.stderr.startswith("stackops: no Engine at /nonexistent/docker.sock")
    assert len(unreachable.stderr.splitlines()) == 1
    assert call(environment, "--host", "demo", "fix", "mongo.keyfile").returncode == 5


def test_a_reader_that_goes_away_ends_it_quietly(environment) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "--host", "demo", "check", "--json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == 141


def test_a_full_disk_under_the_output_is_one_sentence(environment) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "--host", "demo", "check"],
            env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 74
    assert done.stderr == "stackops: the answer could not be written (No space left on device)\n"


def test_a_terminal_without_utf8_gets_readable_text(environment) -> None:
    done = call(
        {**environment, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        "--host",
        "demo",
        "fix",
        "mongo.keyfile",
        "--dry-run",
    )
    assert done.returncode == 0
    assert "mode 0644 > 0400" in done.stdout


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_in_the_middle_of_a_fix_ends_the_step_and_leaves_a_named_state(environment, name) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "--host", "demo", "fix", "mongo.keyfile", "--yes", "--disruptive"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "running verify" in line:
            process.send_signal(getattr(signal, name))
            break
    said += process.stderr.readlines()
    assert process.wait(30) == 5
    assert f"{name}: ending the running step" in "".join(said)
    assert "Stopped after 3 of 3 steps" in said[-1]


def test_ctrl_c_while_looking_is_exit_code_130(environment) -> None:
    code = (
        "import os, signal\nfrom stackops.checks import registry\n"
        "registry.examine = lambda *a: os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + MAIN, "--host", "demo", "check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (130, "stackops: interrupted")


def test_on_a_terminal_the_fix_is_shown_and_enter_means_no(environment) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "--host", "demo", "fix", "mongo.keyfile", "--disruptive"],
        env={**environment, "TERM": "xterm"}, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(leader, 4096)
    os.write(leader, b"\n")
    seen += read_all(leader)
    assert process.wait(30) == 5
    text = seen.decode()
    assert "mode 0644 → 0400" in text
    assert "nothing was changed" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("extra", "arguments", "colored"),
    [({}, (), True), ({"NO_COLOR": "1"}, (), False), ({"TERM": "dumb"}, (), False), ({}, ("--no-color",), False)],
)
def test_colour_is_for_terminals_that_want_it(environment, extra, arguments, colored) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "explain", *arguments],
        env={**environment, "NO_COLOR": "", "TERM": "xterm", **extra},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=subprocess.DEVNULL,
    )
    os.close(follower)
    seen = read_all(leader)
    assert process.wait(30) == 0
    assert (b"\x1b[" in seen) is colored
