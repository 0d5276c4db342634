"""Whatever goes wrong becomes one sentence on stderr and an exit code. No traceback ever reaches the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

import click

from ..exit_codes import ExitCode
from ..text import _


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
        _say(_("interrupted"))
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
        _say(
            _(
                "{sentence} (see: {command} --help)",
                sentence=sentence,
                command=context.command_path if context else "stackops",
            )
        )
    else:
        _say(sentence)
    return error.exit_code


def _expected(error: BaseException) -> int:
    """Errors that this program knows, then those it does not."""
    from ..hosts import EngineUnreachable, HostError, ReadOnlyRefused
    from ..settings import SettingsError

    if isinstance(error, SettingsError):
        _say(str(error))
        return ExitCode.USAGE
    if isinstance(error, HostError):
        _say(f"{error}; {error.remedy}" if error.remedy else str(error))
        if isinstance(error, EngineUnreachable):
            return ExitCode.UNREACHABLE
        return ExitCode.REFUSED if isinstance(error, ReadOnlyRefused) else ExitCode.UNREACHABLE
    _say(_report(error))
    return ExitCode.SOFTWARE


def _say(sentence: str) -> None:
    from .output import shown

    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"stackops: {shown(sentence)}\n")
        sys.stderr.flush()


def _unwritten(error: OSError) -> int:
    """The answer could not be written. A closed pipe is no error worth a sentence, a full disk is."""
    _discard_stdout()
    if isinstance(error, BrokenPipeError):
        return ExitCode.PIPE_CLOSED
    _say(_("the answer could not be written ({strerror})", strerror=error.strerror))
    return ExitCode.OUTPUT


def _discard_stdout() -> None:
    """Point stdout at /dev/null, so that the interpreter's flush at exit does not fail again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def _report(error: BaseException) -> str:
    """Write a crash report without a secret in it; the sentence that says where it lies."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else _("unknown place")
    what = _("{error} at {place}", error=type(error).__name__, place=place)
    try:
        path = _write(_text("".join(traceback.format_exception(error))))
    except OSError as failed:
        why = failed.strerror
        return _("a mistake in stackops itself ({what}); no report could be written ({why})", what=what, why=why)
    return _("a mistake in stackops itself ({what}); please report it with {path}", what=what, path=path)


def _text(trace: str) -> str:
    """What was called, the traceback, what was caught before. No local variables: they may hold anything."""
    import platform

    from .. import __name__ as package
    from ..text.cleaning import SECRETS
    from ..text.traces import kept
    from .output import shown

    version = getattr(sys.modules.get(package.partition(".")[0]), "__version__", "?")
    called = " ".join(SECRETS.words(sys.argv[1:]))
    head = f"stackops {version}, Python {platform.python_version()}, {platform.platform()}\n{called}\n\n"
    before = "".join(f"\n{each}\n" for each in kept()) or "\nnothing\n"
    return shown(f"{head}{trace}\nCaught before, newest last:\n{before}")


def _write(text: str) -> str:
    """A new file that only its owner may read. Raises OSError."""
    import time

    from ..paths import state_directory

    folder = state_directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return str(path)
