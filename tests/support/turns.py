"""What of the one Engine a test file needs for itself: who has its turn keeps other runs, and other workers, waiting.

Files that are not named here have containers, images and ports of their own, and run beside anything.
"""

from __future__ import annotations

import fcntl
import sys
import tempfile
from pathlib import Path
from typing import TextIO

TURNS = ("upstream", "cuts", "dockerd", "mongo-forms", "mongo-several")
"""In this order everybody takes them, and keeps them to the end: so nobody waits for somebody who waits for him."""
OTHERS = {"test_mirrors.py": "dockerd", "test_mongo_forms.py": "mongo-forms", "test_mongo_several.py": "mongo-several"}
"""Files of ``tests/engine`` that do not use upstream's container and image names, and what they use."""


def turn_of(file: str | Path) -> str | None:
    """Which turn a file's tests need; None: none."""
    path = Path(file)
    if path.parent.name != "engine":
        return None
    return "cuts" if path.name.startswith("test_cut_") else OTHERS.get(path.name, "upstream")


LONG = ("screens", "demo", "cli")
"""Folders whose files take longest: the last file of a run should be a short one."""


def place_of(file: str | Path) -> int:
    """What waits for the Engine begins first: it takes longest."""
    if turn := turn_of(file):
        return TURNS.index(turn)
    path = Path(file)
    return len(TURNS) + (0 if "on_engine" in path.name else 1 if path.parent.name in LONG else 2)


def take(turn: str) -> TextIO:
    """Held until this process ends."""
    held = (Path(tempfile.gettempdir()) / f"stackops-engine-tests{turn.removeprefix('upstream')}.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.stderr.write(f"another run of the Engine's tests has {turn}; waiting for it\n")
        fcntl.flock(held, fcntl.LOCK_EX)
    return held
