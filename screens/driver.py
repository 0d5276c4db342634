"""The terminal's door. Unlike with Textual's own, a hang-up ends the console instead of spinning or crashing.

fact: Textual 8.2.8 spins on a closed standard input (read returns nothing, for ever) and panics on EIO.
"""

from __future__ import annotations

import contextlib
import os
import selectors
from codecs import getincrementaldecoder

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from .messages import HungUp


class ConsoleDriver(LinuxDriver):
    """Reads keys until the terminal is gone, then says so."""

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
