"""Whatever goes wrong becomes one sentence on stderr and an exit code. No traceback ever reaches the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

import click

from ..exits import ExitCode


def guarded(call: Callable[[], int]) -> int:
    """Run a command; its exit code, or that of what went wrong."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = call()
    except BaseException as error:  # noqa: BLE001 - the last line of defence
        code = _judge(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
    return int(code)


def _judge(error: BaseException) -> int:
    """Which exit code, after the sentence has been said."""
    from .output import OutputFailed
    from .session import Stop

    if isinstance(error, OutputFailed):
        return _unwritten(error.cause)
    if isinstance(error, Stop):
        _say(str(error))
        return error.code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        _say("interrupted")
        return ExitCode.INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else ExitCode.OK
    if isinstance(error, click.ClickException):
        return _click(error)
    return _expected(error)


def _click(error: click.ClickException) -> int:
    sentence = error.format_message().rstrip(".").replace("\n", " ")
    if isinstance(error, click.UsageError):
        context = error.ctx
        sentence = sentence[:1].lower() + sentence[1:]
        _say(f"{sentence} (see: {context.command_path if context else 'stackops'} --help)")
    else:
        _say(sentence)
    return error.exit_code


def _expected(error: BaseException) -> int:
    """Errors that this program knows, then those it does not."""
    from ..hosts import EngineUnreachable, HostError, ReadOnlyRefused
    from ..settings_errors import SettingsError

    if isinstance(error, SettingsError):
        _say(str(error))
        return ExitCode.USAGE
    if isinstance(error, HostError):
        _say(f"{error}; {error.remedy}" if error.remedy else str(error))
        if isinstance(error, EngineUnreachable):
            return ExitCode.UNREACHABLE
        return ExitCode.REFUSED if isinstance(error, ReadOnlyRefused) else ExitCode.UNREACHABLE
    from .crash import report

    _say(report(error))
    return ExitCode.SOFTWARE


def _say(sentence: str) -> None:
    from .output import shown

    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"stackops: {shown(sentence)}\n")
        sys.stderr.flush()


def _unwritten(error: OSError) -> int:
    """The answer did not get out: quietly when its reader went away, with a sentence otherwise."""
    _discard_stdout()
    if isinstance(error, BrokenPipeError):
        return ExitCode.PIPE_CLOSED
    _say(f"the answer could not be written ({error.strerror})")
    return ExitCode.OUTPUT


def _discard_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's own flush at the end has nothing to complain of."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
