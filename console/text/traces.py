"""Exceptions that go no further, kept with their tracebacks for ``--debug`` and for crash reports.

The standard library's logging does the work: a handler on its root gets what asyncio and the drivers of Docker and
MongoDB log as well, which would otherwise be written over the screens. Only text is kept: a kept traceback object would
keep every local variable of its frames, secrets among them. HostErrors are answers, not mistakes, and are not kept.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from ..paths import opened
from .cleaning import clean, redact

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from threading import ExceptHookArgs

MOST = 100
"""Traces that are kept; the same one again counts as one."""
LONGEST = 16 << 10
"""Characters of one trace; the beginning of a longer one is dropped, for its end says what went wrong."""
FILE_BYTES = 1 << 20
"""Of the file of ``--debug``; a full one is kept beside it once, as ``debug.log.1``."""
_LOGGER = logging.getLogger("stackops")


class Ring(logging.Handler):
    """The newest traces. Safe to use from several threads: logging locks around ``emit``."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self._kept: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of what was logged, in place of the oldest."""
        text = self.format(record)[-LONGEST:]
        count, _ = self._kept.pop(text, (0, 0.0))
        self._kept[text] = (count + 1, record.created)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def texts(self) -> list[str]:
        """What is kept, the oldest first, each with its last time and how often it came."""
        self.acquire()
        try:
            kept = list(self._kept.items())
        finally:
            self.release()
        return [f"{_utc(at)}{'' if count == 1 else f' ({count} times)'} {text}" for text, (count, at) in kept]


_RING = Ring()
_FILES: list[logging.Handler] = []
"""The file of ``--debug``, where there is one."""


class _Redacted(logging.Formatter):
    """Text as it may leave the program."""

    def format(self, record: logging.LogRecord) -> str:
        """One entry: when, who, what, and the traceback."""
        text = f"{_utc(record.created)} {record.name} {record.levelname} {super().format(record)}"
        return clean(redact(text[-LONGEST:]), LONGEST)


def _utc(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def caught(where: str, error: BaseException) -> None:
    """Keep the traceback of an exception that is not raised again. ``where`` says who caught it."""
    listen()
    _LOGGER.error("%s", where, exc_info=error)


def listen() -> None:
    """Keep what anybody logs, and what ends a thread; a second call changes nothing."""
    root = logging.getLogger()
    if _RING in root.handlers:
        return
    root.addHandler(_RING)
    logging.raiseExceptions = False  # a handler that fails must not write over the screens
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_ended
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _not_raised


def _thread_ended(args: ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        caught(f"thread {args.thread.name if args.thread else '?'}", args.exc_value)


def _not_raised(args: UnraisableHookArgs) -> None:
    if args.exc_value is not None:
        caught(args.err_msg or "an object that was thrown away", args.exc_value)


def kept() -> list[str]:
    """What was kept, the oldest first. Not redacted: that is done where it leaves the program."""
    return _RING.texts()


def write_to(path: Path) -> None:
    """From now on write it to this file too, redacted, mode 0600, bounded. Raises OSError."""
    from logging.handlers import RotatingFileHandler

    class DebugFile(RotatingFileHandler):
        """The file, with its beginning moved aside when it is full."""

        def _open(self) -> TextIOWrapper:
            descriptor = opened(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.fchmod(descriptor, 0o600)
            return os.fdopen(descriptor, "a", encoding="utf-8", errors="replace")

    listen()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = DebugFile(path, maxBytes=FILE_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(_Redacted())
    for before in _FILES:
        logging.getLogger().removeHandler(before)
        before.close()
    _FILES[:] = [handler]
    logging.getLogger().addHandler(handler)
