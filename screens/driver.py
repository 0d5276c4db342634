"""The terminal's door. Unlike with Textual's own, a hang-up ends the console instead of spinning or crashing.

textual/drivers/linux_driver.py of Textual 8.2.8 reads a closed standard input again and again, and crashes on EIO.
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

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message


class HungUp(Message, bubble=False):
    """The terminal is gone."""


class Repaint(Message, bubble=False):
    """The terminal missed frames: draw everything."""


PATIENCE = 1.0
"""Seconds a terminal that does not read may hold up the end."""


class Outlet:
    """Writes to the terminal without Python's locks: a stuck terminal must not keep the process from ending."""

    def __init__(self, descriptor: int, drained: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._drained = drained
        self._pending: list[str] = []

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        """Keep until ``flush``."""
        self._pending.append(text)
        return len(text)

    def flush(self) -> None:
        """Write everything. If the terminal is gone, the rest is dropped."""
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
        """Queue a frame. Frames are dropped while the terminal is far behind; it is redrawn once it caught up."""
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
        """Called from the writer's thread when its queue is empty."""
        if self._behind:
            self._behind = False
            self._app.post_message(Repaint())

    def close(self) -> None:
        """End the writer. Do not wait for long for a terminal that does not read."""
        writer = self._writer_thread
        if writer is not None:
            with contextlib.suppress(Full):
                writer._queue.put(None, timeout=PATIENCE)
                writer.join(PATIENCE)

    def _sigcont_application(self, *arguments: Any) -> None:  # noqa: ANN401
        """Resume after a stop only: POSIX sends SIGCONT at a hang-up too, and resuming then starts a second writer."""
        if self._must_signal_resume:
            super()._sigcont_application(*arguments)

    def run_input_thread(self) -> None:
        """Feed the parser until the console ends or the terminal is gone."""
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
        """Read until the console ends. True when the input ended first."""
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


class FrugalUpdate(ChopsUpdate):
    """The same update, cropped on both sides."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> FrugalUpdate:
        """Take over what the compositor has made."""
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """As terminal sequences, each piece behind a move to its place."""
        written: list[str] = []
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(x, left), min(end, right)
                if strip is None or start >= stop:
                    continue
                piece = strip if (start, stop) == (x, end) else strip.crop(start - x, stop - x)
                written.append(Control.move_to(start, y).segment.text)
                written.append(piece.render(console))
        return "".join(written)
