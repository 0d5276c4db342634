"""dockerd itself: reloading its configuration, and letting it judge one. May not stop, start or restart it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .. import CommandResult, HostError, NotFound, NotPermitted
from .compose import run

RELOAD_DEADLINE, VALIDATE_DEADLINE = 20.0, 10.0
UNKNOWN = "unknown flag: --validate"
"""fact: what dockerd 20.10 says, with exit code 1 and ``Code: 125`` in its words; the flag came with 23.0."""


def reload(pid: int, unit: str | None = None) -> CommandResult:
    """Make dockerd read its file again. NotFound when that process is no dockerd any more."""
    _require_dockerd(pid)
    systemctl = shutil.which("systemctl") if unit else None
    if unit and systemctl:
        done = run((systemctl, "reload", "--", unit), os.environ, RELOAD_DEADLINE)
        if done.exit_code != 0:
            last = done.output.strip().splitlines()[-1:] or ["it said nothing"]
            raise HostError(f"systemctl reload {unit} ended with exit code {done.exit_code}: {last[0]}")
        return done
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        raise NotFound(f"There is no process {pid} any more", "look again") from None
    except PermissionError:
        raise NotPermitted(f"This user may not send a signal to dockerd ({pid})", f"sudo kill -HUP {pid}") from None
    return CommandResult(("kill", "-HUP", str(pid)), 0, "")


def _require_dockerd(pid: int) -> None:
    """A process id may have gone to somebody else, whom SIGHUP would end."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        name = ""
    if pid <= 1 or name != "dockerd":
        raise NotFound(f"The process {pid} is no dockerd", "look again")


def validate(content: bytes, arguments: Sequence[str] = ()) -> CommandResult | None:
    """``dockerd --validate`` on these bytes; None without a dockerd here, or with one that cannot."""
    program = shutil.which("dockerd")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="stackops-") as folder:
        candidate = Path(folder) / "daemon.json"
        candidate.write_bytes(content)
        try:
            argv = (program, *arguments, "--validate", "--config-file", str(candidate))
            done = run(argv, os.environ, VALIDATE_DEADLINE)
        except HostError:
            return None
    return None if UNKNOWN in done.output else done
