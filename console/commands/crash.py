"""Crash reports: what a mistake in stackops leaves behind, without a secret in it."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from pathlib import Path

from ..locations import state_directory
from .output import shown


def report(error: BaseException) -> str:
    """Write the report and return the sentence that says where it lies."""
    what = f"{type(error).__name__} at {_place(error)}"
    try:
        path = _write(_text(error))
    except OSError as failed:
        return f"a mistake in stackops itself ({what}); no report could be written ({failed.strerror})"
    return f"a mistake in stackops itself ({what}); please report it with {path}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"


def _text(error: BaseException) -> str:
    from .. import __name__ as package

    version = getattr(sys.modules.get(package.partition(".")[0]), "__version__", "?")
    head = (
        f"stackops {version}, Python {platform.python_version()}, {platform.platform()}\n{' '.join(sys.argv[1:])}\n\n"
    )
    # no values of local variables: they may hold anything
    return shown(head + "".join(traceback.format_exception(error)))


def _write(text: str) -> Path:
    """A new file that only its owner may read. Raises OSError."""
    folder = state_directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
