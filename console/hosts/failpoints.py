"""Named places where a test may kill the process, to prove that every instant of a fix survives it.

Compiled in always, so that what is tested is what runs; honoured only when ``STACKOPS_FAILPOINT_DIR`` names an existing
directory too. May do nothing but end this process.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

NAMES = (
    "after_backup",
    "before_step",
    "before_fsync",
    "before_rename",
    "after_rename",
    "after_step",
    "before_restart",
    "before_verify",
    "in_rollback",
)


def reach(name: str) -> None:
    """Die by SIGKILL here when the environment asks for this fail point; a file in the directory says that it fired.

    A number after a colon counts: ``STACKOPS_FAILPOINT=before_step:2`` dies at the second time.
    """
    wanted, _, count = os.environ.get("STACKOPS_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    directory = os.environ.get("STACKOPS_FAILPOINT_DIR", "")
    if not directory or not Path(directory).is_dir():
        return
    seen = Path(directory) / f"{name}.{os.getpid()}"
    with seen.open("a", encoding="ascii") as log:
        log.write("reached\n")
    if seen.stat().st_size // len("reached\n") >= (int(count) if count.isdecimal() else 1):
        os.kill(os.getpid(), signal.SIGKILL)
