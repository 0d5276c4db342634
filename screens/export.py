"""Lines that leave the console: into the clipboard of the terminal, or into a file. Masked once more, as a whole."""

from __future__ import annotations

import base64
import errno
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from textual.app import App

from ..console.paths import state_directory
from ..console.text.cleaning import redact

CLIPBOARD = 74_994
"""Letters of base64 that terminals take. fact: k9s, internal/view/clipboard; xterm takes no more."""


def clipboard(app: App[Any], text: str) -> bool:
    """Ask the terminal to copy this (OSC 52). False: it is too long for that.

    fact: tmux's manual, set-clipboard and allow-passthrough: tmux takes what is sent to it, or hands on what is wrapped
    for it; which of them is allowed cannot be seen from inside, so both are sent.
    """
    text = redact(text)
    told = base64.b64encode(text.encode("utf-8", "replace")).decode()
    if len(told) > CLIPBOARD:
        return False
    app.copy_to_clipboard(text)
    if os.environ.get("TMUX") and app._driver is not None:
        app._driver.write(f"\x1bPtmux;\x1b\x1b]52;c;{told}\x07\x1b\\")
    return True


def write_out(name: str, texts: Sequence[str]) -> Path:
    """Write lines to a new file that only its owner may read, in the folder that stackops was started in.

    Where nothing may be written there: beside the journal. Raises OSError.
    """
    content = redact("\n".join(texts)) + "\n"
    clean = re.sub(r"[^\w.-]+", "-", name)[:60]
    file = f"stackops-{clean}-{time.strftime('%Y%m%d-%H%M%S')}.log"
    with suppress(OSError):
        return _write(Path.cwd() / file, content)
    folder = state_directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _write(folder / file, content)


def _write(path: Path, content: str) -> Path:
    """Beside the name first: a disk that fills up leaves no half of a file. Raises OSError, also for a taken name."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(aside, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        aside.rename(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    return path
