"""The docker command: which Engine its settings mean, and how it and other programs are run.

fact: the docker command looks at DOCKER_HOST, then DOCKER_CONTEXT, then ``currentContext`` of config.json.
fact: contexts lie in ``contexts/meta/SHA256(NAME)/meta.json``, their keys in ``contexts/tls/SHA256(NAME)/docker/``.
Programs get an argument list, a session of their own and a deadline.
"""

from __future__ import annotations

import contextlib
import hashlib
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
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from ...paths import opened, read
from ...text import N_
from .. import CommandResult, EndUnknown, EngineUnreachable, HostError

DEFAULT_SOCKET = "/var/run/docker.sock"
MOST = 1 << 20
"""Bytes of a file of the docker command."""


class Tls(Struct, frozen=True):
    """Where the keys lie. ``verify`` is only ever False when a docker context of the operator says so."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True


class EngineAddress(Struct, frozen=True):
    """One Engine's address."""

    url: str
    """As docker takes it: ``unix:///var/run/docker.sock``, ``tcp://gpu1:2376``."""
    socket: str | None = None
    host: str | None = None
    port: int | None = None
    tls: Tls | None = None
    default: bool = False
    """True when nothing named it, so that the docker command goes there by itself too."""

    @property
    def where(self) -> str:
        """The address as sentences name it."""
        return self.socket or self.url


def find_address(wanted: str | None, environ: Mapping[str, str], *, uid: int | None = None) -> EngineAddress:
    """The Engine's address; EngineUnreachable where it is one that cannot be used, or a file about it is broken."""
    config = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/root") / ".docker")
    tls = _tls_of_environment(environ, config)
    if wanted:
        return parse(wanted, tls)
    if environ.get("DOCKER_HOST"):
        return parse(environ["DOCKER_HOST"], tls)
    context = environ.get("DOCKER_CONTEXT") or _current_context(config / "config.json")
    if context and context != "default":
        return _of_context(config / "contexts", context)
    return _usual_socket(environ, os.getuid() if uid is None else uid)


def parse(url: str, tls: Tls | None = None) -> EngineAddress:
    """An address from its text; ``/path`` means a socket, a tcp address without a port 2375, with TLS 2376."""
    if url.startswith("/"):
        url = f"unix://{url}"
    scheme, _, rest = url.partition("://")
    if scheme == "unix" and rest.startswith("/"):
        return EngineAddress(url, socket=rest)
    if scheme == "ssh" and rest:
        raise _ssh(rest)
    if scheme in {"tcp", "http", "https"} and rest:
        return _tcp(url, scheme, tls)
    raise EngineUnreachable(
        N_(f"The Engine address {_shown(url)} is not one this console knows"),
        N_("use unix:///PATH, tcp://HOST:PORT, or leave it out"),
    )


def _tcp(url: str, scheme: str, tls: Tls | None) -> EngineAddress:
    secure = tls or (Tls() if scheme == "https" else None)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("tcp://"), None
    if not parts.hostname:
        raise EngineUnreachable(
            N_(f"The Engine address {_shown(url)} has no host or a bad port"), N_("use tcp://HOST:PORT")
        )
    host = parts.hostname
    port = port or (2376 if secure else 2375)
    name = f"[{host}]" if ":" in host else host
    return EngineAddress(f"tcp://{name}:{port}", host=host, port=port, tls=secure)


def _ssh(rest: str) -> EngineUnreachable:
    target = _shown(rest.split("/", 1)[0])
    return EngineUnreachable(
        N_(f"The Engine address ssh://{target} cannot be used yet: Engines over ssh come in a later version"),
        N_(
            f"forward its socket: ssh -nNT -L /tmp/stackops.sock:{DEFAULT_SOCKET} {target}"
            " and then use unix:///tmp/stackops.sock"
        ),
    )


def _tls_of_environment(environ: Mapping[str, str], config: Path) -> Tls | None:
    if not (environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_CERT_PATH")):
        return None
    return _tls_in(Path(environ.get("DOCKER_CERT_PATH") or config))


def _tls_in(folder: Path, *, verify: bool = True) -> Tls:
    found = {name: str(path) for name in ("ca", "cert", "key") if (path := folder / f"{name}.pem").exists()}
    for each in found.values():
        _require_regular(each)
    return Tls(ca=found.get("ca"), cert=found.get("cert"), key=found.get("key"), verify=verify)


def _require_regular(path: str) -> None:
    """OpenSSL would wait for ever at a named pipe."""
    try:
        os.close(opened(path, links=True))
    except PermissionError:
        return  # told when it is used
    except OSError as error:
        raise EngineUnreachable(
            N_(f"The key file {_shown(path)} cannot be used: {error.strerror}"),
            N_("name another folder in DOCKER_CERT_PATH"),
        ) from error


class _Config(Struct):
    currentContext: str = ""  # noqa: N815 - docker's own spelling


class _Endpoint(Struct):
    Host: str = ""
    SkipTLSVerify: bool = False


class _Meta(Struct):
    Endpoints: dict[str, _Endpoint] = {}


def _current_context(path: Path) -> str:
    try:
        return msgspec.json.decode(read(path, MOST, links=True), type=_Config).currentContext
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""  # the docker command warns and goes on with the default as well
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineUnreachable(
            N_(f"{path} cannot be used: {_shown(str(error))}"), N_("repair the file, or name the Engine with --host")
        ) from error


def _of_context(contexts: Path, name: str) -> EngineAddress:
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    meta = contexts / "meta" / digest / "meta.json"
    try:
        endpoint = msgspec.json.decode(read(meta, MOST, links=True), type=_Meta).Endpoints["docker"]
    except FileNotFoundError as error:
        raise EngineUnreachable(
            N_(f"The docker context {_shown(name)} does not exist ({meta})"),
            "docker context ls; docker context use default",
        ) from error
    except (OSError, KeyError, msgspec.MsgspecError) as error:
        raise EngineUnreachable(
            N_(f"The docker context {_shown(name)} cannot be used: {meta}: {_shown(str(error))}"),
            "docker context use default",
        ) from error
    folder = contexts / "tls" / digest / "docker"
    tls = _tls_in(folder, verify=not endpoint.SkipTLSVerify) if folder.is_dir() else None
    return parse(endpoint.Host or f"unix://{DEFAULT_SOCKET}", tls)


def _usual_socket(environ: Mapping[str, str], uid: int) -> EngineAddress:
    runtime = environ.get("XDG_RUNTIME_DIR")
    for folder in (runtime, f"/run/user/{uid}"):
        if folder and _is_socket(f"{folder}/docker.sock"):
            return EngineAddress(f"unix://{folder}/docker.sock", socket=f"{folder}/docker.sock")
    return EngineAddress(f"unix://{DEFAULT_SOCKET}", socket=DEFAULT_SOCKET, default=True)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


def _shown(text: str) -> str:
    from ...text.cleaning import clean_line

    return clean_line(text, 120)


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
        raise HostError(N_(f"Docker Compose cannot be asked for its version: {unasked}"), unasked.remedy)
    raise HostError(
        N_("there is no Docker Compose v2 on this machine, so no service can be recreated"),
        N_("install the compose plugin: sudo apt-get install docker-compose-plugin (or docker-compose-v2)"),
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
        why = N_(f"There is no temporary file for what {argv[0]} says: {error.strerror}")
        raise HostError(why, N_("make room in the temporary folder, or name another one in TMPDIR")) from error
    with output:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=dict(environ), start_new_session=True, pass_fds=tuple(_HANDED_DOWN) if acts else (),
            )  # fmt: skip
        except OSError as error:
            raise HostError(N_(f"{argv[0]} cannot be started: {error.strerror}")) from error
        try:
            code = process.wait(deadline)
        except subprocess.TimeoutExpired as error:
            _end(process)
            who = " ".join(argv[:2])
            why = N_(f"{who} was still running after {deadline:g} s and was ended; what it did is not known")
            raise EndUnknown(why, _last_line(output)) from error
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
    return text if size <= TAIL else N_(f"… {size - TAIL} bytes before this are left out\n{text}")


def _last_line(output: IO[bytes]) -> str | None:
    lines = _tail(output).strip().splitlines()
    return N_(f"it last said: {lines[-1]}") if lines else None


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
