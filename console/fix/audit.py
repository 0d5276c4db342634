"""The audit log: who changed what, when, how it ended. Append-only, copied to syslog where there is one.

No audit, no fix: the first line is written before the first change. It is never read by the program.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..hosts import Host, HostError
from ..hosts.local.locking import Who, who
from ..paths import opened
from ..text import _
from ..text.cleaning import redact
from .journal import Journal, write_all

_SYSLOG = "/dev/log"


class AuditError(HostError):
    """The audit log cannot be written."""


class AuditLine(Struct, frozen=True, omit_defaults=True):
    """One line. Its texts are redacted."""

    event: str
    """``begin`` or ``end``."""
    time: str
    """UTC, ISO 8601."""
    monotonic: float
    who: Who
    host: str
    version: str
    entry: str
    act: str
    """``fix``, ``undo``, ``resume``, ``roll back``; of an act without a plan its verb: ``restart``, ``remove``."""
    check: str
    subject: str
    targets: tuple[str, ...] = ()
    """Paths and services, with container ids."""
    plan_hash: str = ""
    before: dict[str, str] = {}
    """SHA-256 by path."""
    after: dict[str, str] = {}
    diff: str = ""
    outcome: str = ""
    says: tuple[str, ...] = ()
    seconds: float | None = None


class Audit:
    """``audit.jsonl`` in the state folder, mode 0600."""

    def __init__(self, path: Path, syslog: str | None = _SYSLOG) -> None:
        self.path = path
        self._syslog = syslog

    def write(self, line: AuditLine) -> None:
        """Append one line and flush it; then tell syslog. Raises AuditError, which must keep a fix from starting."""
        try:
            line = _masked(line)
            descriptor = opened(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                write_all(descriptor, msgspec.json.encode(line) + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AuditError(
                _(
                    "The audit log {path} cannot be written ({strerror}), so nothing is changed",
                    path=self.path,
                    strerror=error.strerror,
                ),
                _("make its folder writable, or name another one in STACKOPS_STATE_DIR"),
            ) from error
        self._tell_syslog(line)

    def _tell_syslog(self, line: AuditLine) -> None:
        """So that it is not only in the operator's own reach. Best effort: no syslog is no reason to stop."""
        if self._syslog is None or not Path(self._syslog).exists():
            return
        import logging
        from logging.handlers import SysLogHandler

        how = f": {line.outcome}" if line.outcome else ""
        text = (
            f"stackops: {line.event} {line.act} {line.check} {line.subject} by {line.who.user} entry {line.entry}{how}"
        )
        with contextlib.suppress(OSError):
            handler = SysLogHandler(address=self._syslog, facility=SysLogHandler.LOG_AUTHPRIV)
            handler.emit(logging.LogRecord("stackops", logging.INFO, "", 0, text, None, None))
            handler.close()


def _masked(line: AuditLine) -> AuditLine:
    says = tuple(map(redact, line.says))
    return replace(line, targets=tuple(map(redact, line.targets)), diff=redact(line.diff), says=says)


def utc(at: float) -> str:
    """Unix seconds as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


@contextlib.contextmanager
def audited(journal: Journal, host: Host, act: str, subject: str, targets: tuple[str, ...]) -> Iterator[list[str]]:
    """Write down an act that has no plan and no way back: before it begins, and how it ended.

    An audit log that cannot be written does not keep anybody from stopping what fills the disk: the list then holds
    why the act is not in the log.
    """
    from ... import __version__

    clock, audit = host.clock, Audit(journal.state / "audit.jsonl")
    begun, unwritten = clock.monotonic(), list[str]()

    def write(event: str, outcome: str = "", says: tuple[str, ...] = ()) -> None:
        now = clock.monotonic()
        line = AuditLine(
            event, utc(clock.now()), round(now, 3), who(), host.name, __version__, "", act, "", subject, targets,
            outcome=outcome, says=says, seconds=round(now - begun, 3) if outcome else None,
        )  # fmt: skip
        try:
            journal.secure()
            audit.write(line)
        except HostError as error:
            why = error.__cause__
            unwritten.append(f"{why.strerror}" if isinstance(why, OSError) else str(error))

    write("begin")
    try:
        yield unwritten
    except BaseException as error:
        write("end", "failed", (str(error),))
        raise
    write("end", "done")
