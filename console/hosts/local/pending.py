"""Content that could not be put in its place for want of rights: kept where the command that would do it can find it.

Files are 0600 in a folder of 0700, since they may be keys. They go after a day.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

DAY = 86400.0


def folder() -> Path:
    """Where such content is kept: ``pending`` in the state folder."""
    if state := os.environ.get("STACKOPS_STATE_DIR"):
        return Path(state) / "pending"
    import platformdirs

    return Path(platformdirs.user_state_dir("stackops")) / "pending"


def keep(path: str, content: bytes) -> str | None:
    """Where the content lies now, None when it cannot be kept. The same content for the same path is kept once."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape") + b"\0" + content).hexdigest()[:12]
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_old(place)
        kept = place / f"{digest}-{Path(path).name[:60]}"
        descriptor, temporary = tempfile.mkstemp(dir=place, prefix=".new-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(kept)
    except OSError:
        return None
    return str(kept)


def _forget_old(place: Path) -> None:
    for old in place.iterdir():
        if old.is_file() and time.time() - old.stat().st_mtime > DAY:
            old.unlink(missing_ok=True)
