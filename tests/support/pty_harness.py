"""A program on a pseudo terminal: start, size, keys, the screen as text, every byte it wrote, and when."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

_OURS = ("STACKOPS_", "TEXTUAL", "NO_COLOR", "COLUMNS", "LINES")
STACKOPS = (sys.executable, "-c", "import sys; from stackops.console.cli import main; sys.exit(main())")


class Terminal:
    """Use as a context manager; the program is killed at the end if it still runs."""

    def __init__(
        self, argv: Sequence[str], *, size: tuple[int, int] = (80, 24), env: Mapping[str, str] | None = None
    ) -> None:
        self.argv = list(argv)
        self.width, self.height = size
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(_OURS)},
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
            "PYTHONUTF8": "1", **(env or {}),
        }  # fmt: skip
        self._screen = pyte.Screen(self.width, self.height)
        self._stream = pyte.ByteStream(self._screen)
        self._written = bytearray()
        self._lock = threading.Lock()
        self.hold = False
        """While set nothing is read: a terminal that is stuck."""

    def __enter__(self) -> Self:
        self._master, slave = os.openpty()
        self._set_size(self._master)
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            self.argv, stdin=slave, stdout=slave, stderr=slave, env=self.env, start_new_session=True, close_fds=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one ioctl, no lock in sight
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.hang_up()
        os.close(self._slave)

    def _set_size(self, descriptor: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", self.height, self.width, 0, 0))

    def _read(self) -> None:
        waiting = select.poll()  # select() takes no descriptor above 1023
        waiting.register(self._master, select.POLLIN)
        while True:
            try:
                if self.hold:
                    time.sleep(0.02)
                    continue
                data = os.read(self._master, 65536) if waiting.poll(50) else None
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno not in {errno.EIO, errno.EBADF}:
                    raise
                return
            if data == b"":
                return
            if data:
                with self._lock:
                    self._written += data
                    # pyte 0.8 does not know these private sequences and would draw their letters
                    self._stream.feed(
                        data.replace(b"\x1b[>13u", b"").replace(b"\x1b[<u", b"").replace(b"\x1b[?2026$p", b"")
                    )

    @property
    def text(self) -> str:
        """The screen, trailing blanks cut off."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def output(self) -> bytes:
        """Every byte so far."""
        with self._lock:
            return bytes(self._written)

    def wait_for(self, wanted: str | Callable[[str], bool], timeout: float = 60.0) -> str:
        """The screen once it has this text; AssertionError with the screen otherwise."""
        test = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if test(self.text):
                return self.text
            if self.process.poll() is not None and not test(self.text):
                time.sleep(0.1)
                break
            time.sleep(0.01)
        if test(self.text):
            return self.text
        raise AssertionError(f"{wanted!r} did not appear (exit {self.process.poll()}):\n{self.text}")

    def send(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, width: int, height: int) -> None:
        """Another window size."""
        self.width, self.height = width, height
        with self._lock:
            self._screen.resize(height, width)
        self._set_size(self._master)

    def settle(self, seconds: float = 1.0) -> str:
        """The screen once nothing has been written for this long."""
        size = -1
        while size != (size := len(self.output)):
            time.sleep(seconds)
        return self.text

    def wait_for_more(self) -> None:
        """Wait until it writes again."""
        before = len(self.output)
        self.wait_for(lambda _text: len(self.output) > before)

    def bytes_during(self, seconds: float) -> int:
        """How much is written in this time."""
        before = len(self.output)
        time.sleep(seconds)
        return len(self.output) - before

    def signal(self, number: int) -> None:
        """Send a signal to the program alone."""
        os.kill(self.process.pid, number)

    def hang_up(self) -> None:
        """Close the terminal."""
        if self._master >= 0:
            master, self._master = self._master, -1
            os.close(master)

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code."""
        code = self.process.wait(timeout)
        time.sleep(0.1)
        return code

    def quit(self) -> int:
        """Type q as a person does, again where it was dropped as typed ahead; the exit code."""
        end = time.monotonic() + 60.0
        while self.process.poll() is None and time.monotonic() < end:
            self.send("q")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2.0)
        return self.wait()

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: modes of the line, main screen, cursor on, mouse off."""
        after = termios.tcgetattr(self._slave)
        ends = self.output
        return (
            after[:6] == self.before[:6]
            and ends.rfind(b"\x1b[?1049l") > ends.rfind(b"\x1b[?1049h")
            and ends.rfind(b"\x1b[?25h") > ends.rfind(b"\x1b[?25l")
            and ends.rfind(b"\x1b[?1003l") > ends.rfind(b"\x1b[?1003h")
        )
