"""The terminal's door, with two differences to Textual's own: a hang-up ends the console instead of spinning or crashing.

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
        """Feed the parser; end on end of file or an input error."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self.fileno, selectors.EVENT_READ)
                while not self.exit_event.is_set():
                    if selector.select(0.1):
                        data = os.read(self.fileno, 4096)
                        if not data:
                            raise EOFError
                        for event in parser.feed(decode(data)):
                            self.process_message(event)
                    for event in parser.tick():
                        self.process_message(event)
            except (OSError, EOFError, ValueError):
                if not self.exit_event.is_set():
                    self._app.post_message(HungUp())
        with contextlib.suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass
