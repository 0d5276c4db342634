"""A program on a pseudo-terminal: every byte it writes, with the moment it came; looked at afterwards."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import pyte


class Terminal:
    """Starts ``argv`` on a pty of the given size and keeps what it writes."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], *, columns: int = 200, lines: int = 50) -> None:
        self.columns, self.lines = columns, lines
        self.chunks: list[tuple[float, bytes]] = []
        self.started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], list(argv), dict(env))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._open = True
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        while self._open:
            try:
                if not select.select([self._fd], [], [], 0.2)[0]:
                    continue
                data = os.read(self._fd, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.chunks.append((time.monotonic() - self.started, data))

    def send(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def bytes_between(self, start: float, end: float) -> int:
        return sum(len(data) for at, data in self.chunks if start <= at < end)

    def first_time(self, wanted: Callable[[list[str]], bool]) -> float | None:
        """Seconds after the start at which the screen first looked as wanted."""
        screen = pyte.Screen(self.columns, self.lines)
        stream = pyte.ByteStream(screen)
        for at, data in self.chunks:
            stream.feed(data)
            if wanted(list(screen.display)):
                return at
        return None

    def screen(self) -> list[str]:
        screen = pyte.Screen(self.columns, self.lines)
        stream = pyte.ByteStream(screen)
        for _, data in self.chunks:
            stream.feed(data)
        return list(screen.display)

    def close(self) -> None:
        self._open = False
        for name in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, name)
                deadline = time.monotonic() + 3
                while time.monotonic() < deadline:
                    if os.waitpid(self.pid, os.WNOHANG)[0]:
                        return
                    time.sleep(0.05)
            except (ProcessLookupError, ChildProcessError):
                return
