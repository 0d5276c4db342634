"""Runs programs by argument list, in a session of their own, with a deadline: above all ``docker compose``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from .. import CommandResult, EndUnknown, HostError
from .address import EngineAddress

TAIL = 64 * 1024
"""Bytes of output kept, from its end."""
LOOK = 10.0
GRACE = 5.0
_HANDED_DOWN: set[int] = set()
QUIET = {"COMPOSE_ANSI": "never", "COMPOSE_PROGRESS": "plain", "NO_COLOR": "1", "DOCKER_CLI_HINTS": "false"}


_PROXIES = {
    "HTTP_PROXY": "httpProxy", "HTTPS_PROXY": "httpsProxy", "NO_PROXY": "noProxy", "FTP_PROXY": "ftpProxy",
    "ALL_PROXY": "allProxy",
}  # fmt: skip


def find_compose(environ: Mapping[str, str]) -> tuple[str, ...]:
    """How Compose v2 is called here: the plugin, or a docker-compose of its own; HostError when there is neither.

    Where one could not be run, its reason is told: it may well be Compose v2.
    """
    unasked: HostError | None = None
    for name, *more in (("docker", "compose"), ("docker-compose",)):
        if program := shutil.which(name, path=environ.get("PATH")):
            try:
                said = run((program, *more, "version", "--short"), environ, LOOK)
            except HostError as error:
                unasked = error
                continue
            if said.exit_code == 0 and re.match(r"v?([2-9]|\d\d)\.", said.output.strip()):
                return (program, *more)
    if unasked is not None:
        raise HostError(f"Docker Compose cannot be asked for its version: {unasked}", unasked.remedy)
    raise HostError(
        "there is no Docker Compose v2 on this machine, so no service can be recreated",
        "install the compose plugin: sudo apt-get install docker-compose-plugin (or docker-compose-v2)",
    )


def environment(base: Mapping[str, str], address: EngineAddress) -> dict[str, str]:
    """The environment in which docker commands reach the same Engine as the console does."""
    environ = {**base, **QUIET}
    if address.default:
        return environ
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        environ.pop(name, None)
    environ["DOCKER_HOST"] = address.url
    if address.tls:
        if address.tls.verify:
            environ["DOCKER_TLS_VERIFY"] = "1"
        if folder := os.path.dirname(address.tls.ca or address.tls.cert or ""):  # noqa: PTH120
            environ["DOCKER_CERT_PATH"] = folder
    return environ


def proxies(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """What the docker client's settings add to the environment of every container that Compose makes.

    fact: docker.com/engine/cli/proxy; each in capitals and in lower case, those of this Engine's address before the
    default ones (measured with Compose 2.26.1).
    """
    folder = environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME", "~"), ".docker")  # noqa: PTH118
    try:
        told = json.loads(Path(folder, "config.json").read_text(encoding="utf-8")).get("proxies") or {}
        own = told.get(url) or told.get("default") or {}
        given = {name: own.get(key) for name, key in _PROXIES.items()}
    except (OSError, ValueError, AttributeError):
        return {}
    return {form: str(value) for name, value in given.items() if value for form in (name, name.lower())}


@contextlib.contextmanager
def handed_down(descriptor: int) -> Iterator[None]:
    """Meanwhile every program that acts inherits this descriptor. A kernel lock on it then lasts as long as they do.

    A program is in a session of its own and outlives a killed console: what it works on must stay locked until it ends.
    """
    _HANDED_DOWN.add(descriptor)
    try:
        yield
    finally:
        _HANDED_DOWN.discard(descriptor)


def run(argv: Sequence[str], environ: Mapping[str, str], deadline: float, *, acts: bool = False) -> CommandResult:
    """Run a program to its end. HostError when it cannot be started, EndUnknown when it runs on after the deadline."""
    try:
        output = tempfile.TemporaryFile()  # noqa: SIM115 - what fails in it is told otherwise
    except OSError as error:
        why = f"There is no temporary file for what {argv[0]} says: {error.strerror}"
        raise HostError(why, "make room in the temporary folder, or name another one in TMPDIR") from error
    with output:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=dict(environ), start_new_session=True, pass_fds=tuple(_HANDED_DOWN) if acts else (),
            )  # fmt: skip
        except OSError as error:
            raise HostError(f"{argv[0]} cannot be started: {error.strerror}") from error
        try:
            code = process.wait(deadline)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise EndUnknown(
                f"{' '.join(argv[:2])} was still running after {deadline:g} s and was ended; what it did is not known",
                _last_line(output),
            ) from error
        return CommandResult(tuple(argv), code, _tail(output))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all it started, gently first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return


def _tail(output: IO[bytes]) -> str:
    from ...text.cleaning import clean

    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL))
    text = clean(output.read().decode("utf-8", "replace"), TAIL)
    return text if size <= TAIL else f"… {size - TAIL} bytes before this are left out\n{text}"


def _last_line(output: IO[bytes]) -> str | None:
    lines = _tail(output).strip().splitlines()
    return f"it last said: {lines[-1]}" if lines else None


LOG_WITHIN, LOG_LINES, LOG_SINCE = 4.0, 400, "-2h"


def end_of_log(root: Path, pid: int, unit: str | None, limit: int) -> bytes:
    """At most ``limit`` bytes from the end; empty where neither can be read by this user."""
    said = _behind_stderr(root / "proc" / str(pid) / "fd" / "2", limit)
    if said is None and unit is not None and root == Path("/"):
        said = _journal(unit)
    return (said or b"")[-limit:]


def _behind_stderr(link: Path, limit: int) -> bytes | None:
    """None where it is no regular file: a socket to the journal, a terminal, or not ours to see."""
    try:
        if not stat.S_ISREG(link.stat().st_mode):
            return None
        descriptor = os.open(link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        return os.pread(descriptor, limit, max(0, status.st_size - limit))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _journal(unit: str) -> bytes | None:
    program = shutil.which("journalctl")
    if program is None:
        return None
    argv = (program, "--quiet", "--no-pager", "-o", "cat", "--since", LOG_SINCE, "-n", str(LOG_LINES), "-u", unit)
    try:
        done = run(argv, os.environ, LOG_WITHIN)
    except HostError:
        return None
    return done.output.encode("utf-8", "replace") if done.exit_code == 0 else None
