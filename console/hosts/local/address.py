"""Which Engine is meant: settings, environment, docker contexts, the usual sockets. Reads files, opens no connection.

fact: the docker command looks at DOCKER_HOST, then DOCKER_CONTEXT, then ``currentContext`` of config.json.
fact: contexts lie in ``contexts/meta/SHA256(NAME)/meta.json``, their keys in ``contexts/tls/SHA256(NAME)/docker/``.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from ...paths import opened, read
from .. import EngineUnreachable

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
        f"The Engine address {_shown(url)} is not one this console knows",
        "use unix:///PATH, tcp://HOST:PORT, or leave it out",
    )


def _tcp(url: str, scheme: str, tls: Tls | None) -> EngineAddress:
    secure = tls or (Tls() if scheme == "https" else None)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("tcp://"), None
    if not parts.hostname:
        raise EngineUnreachable(f"The Engine address {_shown(url)} has no host or a bad port", "use tcp://HOST:PORT")
    host = parts.hostname
    port = port or (2376 if secure else 2375)
    name = f"[{host}]" if ":" in host else host
    return EngineAddress(f"tcp://{name}:{port}", host=host, port=port, tls=secure)


def _ssh(rest: str) -> EngineUnreachable:
    target = _shown(rest.split("/", 1)[0])
    return EngineUnreachable(
        f"The Engine address ssh://{target} cannot be used yet: Engines over ssh come in a later version",
        f"forward its socket: ssh -nNT -L /tmp/stackops.sock:{DEFAULT_SOCKET} {target}"
        " and then use unix:///tmp/stackops.sock",
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
            f"The key file {_shown(path)} cannot be used: {error.strerror}", "name another folder in DOCKER_CERT_PATH"
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
            f"{path} cannot be used: {_shown(str(error))}", "repair the file, or name the Engine with --host"
        ) from error


def _of_context(contexts: Path, name: str) -> EngineAddress:
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    meta = contexts / "meta" / digest / "meta.json"
    try:
        endpoint = msgspec.json.decode(read(meta, MOST, links=True), type=_Meta).Endpoints["docker"]
    except FileNotFoundError as error:
        raise EngineUnreachable(
            f"The docker context {_shown(name)} does not exist ({meta})",
            "docker context ls; docker context use default",
        ) from error
    except (OSError, KeyError, msgspec.MsgspecError) as error:
        raise EngineUnreachable(
            f"The docker context {_shown(name)} cannot be used: {meta}: {_shown(str(error))}",
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
