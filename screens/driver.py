"""The terminal's door. Unlike with Textual's own, a hang-up ends the console instead of spinning or crashing.

fact: Textual 8.2.8 spins on a closed standard input (read returns nothing, for ever) and panics on EIO.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from queue import Full
from typing import Any

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from .messages import HungUp, Repaint

PATIENCE = 1.0
"""Seconds a terminal that does not read may hold up the end."""


class Outlet:
    """Bytes to the terminal without Python's locks, so that one that is stuck cannot keep the process from ending."""

    def __init__(self, descriptor: int, drained: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._drained = drained
        self._pending: list[str] = []

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Keep until ``flush``."""
        self._pending.append(text)
        return len(text)

    def flush(self) -> None:
        """Write everything; what a terminal that is gone cannot take is dropped."""
        data = "".join(self._pending).encode("utf-8", "replace")
        self._pending.clear()
        with contextlib.suppress(OSError):
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    select.select([], [self._descriptor], [], 0.5)
        self._drained()


class ConsoleDriver(LinuxDriver):
    """Reads keys until the terminal is gone, then says so. Frames that a slow terminal cannot take are dropped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Textual's own arguments, handed on
        super().__init__(*args, **kwargs)
        self._behind = False
        outlet: Any = Outlet(sys.__stderr__.fileno() if sys.__stderr__ else 2, self._caught_up)
        self._file = outlet

    def write(self, data: str) -> None:
        """Queue for the terminal; dropped while it is far behind, and drawn anew once it has caught up."""
        if self._writer_thread is None:
            return
        queue = self._writer_thread._queue  # the only way not to wait for the terminal
        try:
            queue.put_nowait(data)
        except Full:
            self._behind = True
            if queue.empty():  # it caught up between the two lines above and will not say so again
                self._caught_up()

    def _caught_up(self) -> None:
        """From the writer's thread: nothing waits any more."""
        if self._behind:
            self._behind = False
            self._app.post_message(Repaint())

    def close(self) -> None:
        """End the writer, but not at any price: a terminal that does not read is left alone."""
        writer = self._writer_thread
        if writer is not None:
            with contextlib.suppress(Full):
                writer._queue.put(None, timeout=PATIENCE)
                writer.join(PATIENCE)

    def _sigcont_application(self, *arguments: Any) -> None:  # noqa: ANN401
        """Resume after a stop only. fact: a hang-up sends SIGCONT too, and resuming then starts a second writer."""
        if self._must_signal_resume:
            super()._sigcont_application(*arguments)

    def run_input_thread(self) -> None:
        """Feed the parser until the end is asked for, or there is nobody to read from any more."""
        parser = XTermParser(self._debug)
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self.fileno, selectors.EVENT_READ)
                gone = self._read_keys(selector, parser)
            except (OSError, ValueError):  # EIO: the other end of the terminal was closed
                gone = True
        if gone and not self.exit_event.is_set():
            self._app.post_message(HungUp())
        with contextlib.suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass

    def _read_keys(self, selector: selectors.BaseSelector, parser: XTermParser) -> bool:
        """Until the end is asked for; True at the end of the input."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            if selector.select(0.1):
                data = os.read(self.fileno, 4096)
                if not data:
                    return True
                for event in parser.feed(decode(data)):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)
        return False
