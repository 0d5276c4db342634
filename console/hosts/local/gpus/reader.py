"""The child program as its parent holds it: started, asked, waited for with a deadline, ended, never a zombie."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

PROGRAM = Path(__file__).with_name("child.py")
GRACE = 0.3
"""Seconds that a killed process is waited for; one that hangs in the kernel takes longer, or for ever."""


class Ended(Exception):
    """The child ended by itself; ``args[0]`` is its exit status, None where it is not known yet."""


class Child:
    """One child program, started at once. Belongs to one thread at a time."""

    def __init__(self, environ: Mapping[str, str], command: Sequence[str] | None = None) -> None:
        self._process = subprocess.Popen(
            command or _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            cwd="/",
            start_new_session=True,  # the terminal's ctrl-c is not for it
        )
        self._said = b""
        self.pid = self._process.pid
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._questions, self._answers = self._process.stdin, self._process.stdout

    def ask(self) -> None:
        """Send one question; raises Ended."""
        try:
            os.write(self._questions.fileno(), b"\n")
        except OSError as error:
            raise Ended(self._status()) from error

    def answer(self, seconds: float) -> bytes | None:
        """The next line, or None when it has not come after so many seconds; raises Ended."""
        stream = self._answers.fileno()
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        deadline = time.monotonic() + seconds
        while b"\n" not in self._said:
            left = deadline - time.monotonic()
            if not poll.poll(max(0.0, left) * 1000):
                return None
            more = os.read(stream, 1 << 16)
            if not more:
                raise Ended(self._status())
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line

    def end(self) -> bool:
        """Kill it, let go of it; False when it hangs in the kernel and has to be asked for again."""
        for act in (self._process.kill, self._questions.close, self._answers.close):
            with contextlib.suppress(OSError):
                act()
        return self._status() is not None

    def gone(self) -> bool:
        """Whether it has ended and was taken note of."""
        return self._process.poll() is not None

    def _status(self) -> int | None:
        try:
            return self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return None


def _command() -> list[str]:
    """Python without site-packages, but for the folder of ``pynvml``: half the memory, and nothing else gets in.

    The finder is asked directly: a package that wraps ``pynvml`` hooks the import and prints a warning.
    """
    spec = PathFinder.find_spec("pynvml")
    folder = str(Path(spec.origin).parent) if spec is not None and spec.origin else ""
    return [sys.executable, "-I", "-S", "-W", "ignore", str(PROGRAM), folder or os.devnull]
