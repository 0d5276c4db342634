"""From a key to what it paints: over a plain terminal, beside a flooded log, and over a slow line of ssh.

A key is sent to the installed command on a pseudo-terminal; what comes back is replayed afterwards, and the first
moment at which the screen shows what the key does is its paint. A key whose effect never shows counts as the whole gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyte
from fleet import LABEL, docker
from terminal import Terminal

KEYS, GAP, START = 100, 0.5, 6.0
"""Keys that are sent, seconds between two, and seconds until the start is over."""
FLOOD = "bench-flood"
DELAY = 0.1
"""Seconds that the slow line takes for each way."""
Look = Callable[[list[str]], object]


def selected(lines: list[str]) -> object:
    """The row that is marked."""
    return next((number for number, line in enumerate(lines) if line.startswith("▌")), None)


def held(lines: list[str]) -> object:
    """Whether the log is held, or goes on."""
    return " live · " in lines[1]


def key_to_paint(
    argv: Sequence[str], env: Mapping[str, str], keys: Sequence[bytes], look: Look, first: bytes = b""
) -> list[float]:
    """Milliseconds of each key, sorted. ``first`` is typed before, to get where the keys are to be pressed."""
    terminal = Terminal(argv, env, columns=120, lines=40)
    time.sleep(START)
    for letter in first.decode():
        terminal.send(letter.encode())
        time.sleep(1.0)
    sent = []
    for number in range(KEYS):
        sent.append(time.monotonic() - terminal.started)
        terminal.send(keys[number % len(keys)])
        time.sleep(GAP)
    time.sleep(1.0)
    terminal.close()
    changes = list(_changes(terminal, look))
    found = (next((at for at in changes if start <= at < start + GAP), start + GAP) - start for start in sent)
    return sorted(1000 * each for each in found)


def _changes(terminal: Terminal, look: Look) -> Iterator[float]:
    screen = pyte.Screen(terminal.columns, terminal.lines)
    stream = pyte.ByteStream(screen)
    before: object = None
    for at, data in terminal.chunks:
        stream.feed(data)
        if (now := look(list(screen.display))) != before:
            before = now
            yield at


def latencies(argv: Sequence[str], image: str) -> dict[str, float]:
    """The half and the slowest in a hundred, in milliseconds, for each situation that this machine can play."""
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "STACKOPS_STATE_DIR": state}
        found = {"key": key_to_paint(argv, env, (b"j", b"k"), selected)}
        with flooding(image):
            found["key_in_flood"] = key_to_paint(argv, env, (b"f",), held, f"/{FLOOD}\rl".encode())
        with slow_ssh(Path(state)) as line:
            if line:
                told = [f"{name}={env[name]}" for name in ("TERM", "COLORTERM", "STACKOPS_STATE_DIR")]
                over = [*line, "env", *told, *argv]
                rows = key_to_paint(over, env, (b"j", b"k"), selected)
                found["key_over_ssh_less_delay"] = [each - 2000 * DELAY for each in rows]
    return {
        f"{name}_{which}_ms": rows[min(len(rows) - 1, int(len(rows) * share))]
        for name, rows in found.items()
        for which, share in (("p50", 0.5), ("p99", 0.99))
    }


@contextlib.contextmanager
def flooding(image: str) -> Iterator[None]:
    """A container that prints as fast as its Engine takes it."""
    subprocess.run(
        ["docker", "run", "-d", "--name", FLOOD, "--label", LABEL, image, "/busybox", "yes", "x" * 600],
        check=True,
        capture_output=True,
    )
    try:
        yield
    finally:
        docker("rm", "-f", FLOOD)


@contextlib.contextmanager
def slow_ssh(folder: Path) -> Iterator[list[str]]:
    """The arguments that run a command here over ssh, each way delayed; empty where there is no sshd or no root."""
    server = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if server is None or os.geteuid() != 0:
        yield []
        return
    for name in ("host", "mine"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port, delayed = _free_port(), _free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    options = (f"Port={port}", "ListenAddress=127.0.0.1", f"HostKey={folder / 'host'}", "StrictModes=no", "UsePAM=no",
               f"AuthorizedKeysFile={folder / 'mine.pub'}", "PermitRootLogin=yes", "PidFile=none")  # fmt: skip
    argv = [server, "-D", "-f", "/dev/null", *(part for option in options for part in ("-o", option))]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    threading.Thread(target=lambda: asyncio.run(_relay(delayed, port)), daemon=True).start()
    time.sleep(1.0)
    known = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    try:
        yield ["ssh", "-tt", "-F", "none", "-i", str(folder / "mine"), "-p", str(delayed),
               *(part for option in known for part in ("-o", option)), "root@127.0.0.1"]  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _relay(port: int, to: int) -> None:
    """Hand on what comes, ``DELAY`` later."""

    async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(1 << 16):
            loop.call_later(DELAY, writer.write, data)
        loop.call_later(DELAY, writer.close)

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(one_way(reader, there[1]), one_way(there[0], writer))

    async with await asyncio.start_server(both, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    import sys

    from fleet import IMAGE

    for key, figure in latencies([str(Path(sys.executable).with_name("stackops"))], IMAGE).items():
        print(f"{key:32}{figure:12.1f}")
