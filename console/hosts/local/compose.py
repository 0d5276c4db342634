"""Runs ``docker compose`` by argument list, in a session of its own, with a deadline. May not touch compose files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from .. import CommandResult, HostError
from .address import Address

TAIL = 64 * 1024
"""Bytes of output kept, from its end."""
LOOK = 10.0
GRACE = 5.0
QUIET = {"COMPOSE_ANSI": "never", "COMPOSE_PROGRESS": "plain", "NO_COLOR": "1", "DOCKER_CLI_HINTS": "false"}


def find_compose(environ: Mapping[str, str]) -> tuple[str, ...]:
    """How Compose v2 is called here: the plugin, or a docker-compose of its own; HostError when there is neither."""
    for name, *more in (("docker", "compose"), ("docker-compose",)):
        if program := shutil.which(name, path=environ.get("PATH")):
            with contextlib.suppress(HostError):
                said = run((program, *more, "version", "--short"), environ, LOOK)
                if said.exit_code == 0 and re.match(r"v?([2-9]|\d\d)\.", said.output.strip()):
                    return (program, *more)
    raise HostError(
        "there is no Docker Compose v2 on this machine, so no service can be recreated",
        "install the compose plugin: sudo apt-get install docker-compose-plugin (or docker-compose-v2)",
    )


def environment(base: Mapping[str, str], address: Address) -> dict[str, str]:
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


def run(argv: Sequence[str], environ: Mapping[str, str], deadline: float) -> CommandResult:
    """Run a program to its end. HostError when it cannot be started, or is still running at the deadline."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=dict(environ), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise HostError(f"{argv[0]} cannot be started: {error.strerror}") from error
        try:
            code = process.wait(deadline)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise HostError(
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
    from ...text import clean

    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL))
    text = clean(output.read().decode("utf-8", "replace"), TAIL)
    return text if size <= TAIL else f"… {size - TAIL} bytes before this are left out\n{text}"


def _last_line(output: IO[bytes]) -> str | None:
    lines = _tail(output).strip().splitlines()
    return f"it last said: {lines[-1]}" if lines else None
