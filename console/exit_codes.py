"""Exit codes of the command, and how a fix ended, in one table that the command, the console and the tests share."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    """Nothing found, or done."""
    FINDINGS = 1
    """Findings at or above ``--fail-on``."""
    USAGE = 2
    """Wrong arguments or settings."""
    UNREACHABLE = 3
    """Host or Engine not reachable."""
    ROLLED_BACK = 4
    """The fix failed and was rolled back."""
    REFUSED = 5
    """Refused: consent, lock, read-only, moved precondition; or stopped on request, with the journal open."""
    ROLLBACK_FAILED = 6
    """The roll-back failed too: look at once."""
    SOFTWARE = 70
    """A mistake in stackops itself; a report was written (EX_SOFTWARE of sysexits.h)."""
    OUTPUT = 74
    """The answer could not be written: disk full, device gone (EX_IOERR)."""
    INTERRUPTED = 130
    """Ctrl-C."""
    PIPE_CLOSED = 141
    """The reader of the output went away (as a shell reports SIGPIPE)."""
