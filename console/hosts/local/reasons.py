"""Why the Engine could not be asked, one sentence for each way a socket can fail. Looks at its file, sends nothing."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import ssl
import stat
from pathlib import Path

from .. import EngineFailed, EngineUnreachable, HostError, NotFound, NotPermitted
from .address import Address


def unreachable(error: OSError, address: Address) -> HostError:
    """The sentence for a connection that could not be made or was lost before any answer."""
    if isinstance(error, ssl.SSLError):
        return _tls(error, address)
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return HostError("Out of file descriptors: the Engine cannot be asked", "raise the limit: ulimit -n 4096")
    if address.socket:
        return _socket_reason(error, address.socket)
    return _tcp_reason(error, address)


def hung(address: Address, seconds: float) -> EngineUnreachable:
    """The sentence for an Engine that accepts and stays silent."""
    return EngineUnreachable(
        f"The Engine at {address.where} is not answering (nothing for {seconds:g} s)",
        "see what it is doing: systemctl status docker; journalctl -u docker -n 50",
    )


def cut_short(address: Address) -> EngineFailed:
    """The sentence for a reply that ended in the middle, twice."""
    return EngineFailed(
        f"The Engine at {address.where} replied badly: the reply was cut short", "is it being restarted? look again"
    )


def refused(status: int, message: str, address: Address) -> HostError:
    """The error for an HTTP status from 400 up, with the Engine's own message, already clean."""
    if status == 404:
        return NotFound(message or "the Engine does not know it")
    if status in {401, 403}:
        return NotPermitted(f"The Engine at {address.where} does not allow it: {message or status}")
    said = f": {message}" if message else ""
    if status == 429 or status >= 500:
        return EngineFailed(f"The Engine at {address.where} answered with error {status}{said}", status=status)
    return EngineFailed(f"The Engine refused the request ({status}){said}", status=status)


def _socket_reason(error: OSError, path: str) -> EngineUnreachable:
    if isinstance(error, PermissionError):
        return _no_permission(path)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return EngineUnreachable(
            f"no Engine at {path}; is it installed or running?",
            "sudo systemctl start docker; or name another with --host",
        )
    if error.errno == errno.ECONNREFUSED:
        return EngineUnreachable(
            f"nobody listens at {path}: the Engine is not running",
            "sudo systemctl start docker; systemctl status docker",
        )
    if error.errno == errno.ENOTSOCK:
        return EngineUnreachable(f"{path} is not a socket", "name the Engine's socket with --host")
    return EngineUnreachable(f"The Engine at {path} cannot be asked: {error.strerror or error}")


def _no_permission(path: str) -> EngineUnreachable:
    user = _name_of_user(os.geteuid())
    try:
        status = Path(path).stat()
    except OSError:
        return EngineUnreachable(
            f"permission denied: this user ({user}) may not reach {path}",
            f"see which folder is closed: namei -l {path}",
        )
    group = _name_of_group(status.st_gid)
    sentence = f"permission denied on {path}: it belongs to the group {group}, and this user ({user}) is not in it"
    if status.st_gid == 0 or not status.st_mode & stat.S_IWGRP:
        return EngineUnreachable(
            f"permission denied on {path}: only {_name_of_user(status.st_uid)} may use it",
            f"sudo chgrp docker {path}; sudo chmod 660 {path}; sudo usermod -aG docker {user}; then log in again",
        )
    if user in _members(group):
        return EngineUnreachable(
            f"permission denied on {path}: {user} was added to the group {group}, but this login is older than that",
            "log out and in again",
        )
    return EngineUnreachable(sentence, f"sudo usermod -aG {group} {user}, then log in again")


def _tcp_reason(error: OSError, address: Address) -> EngineUnreachable:
    if isinstance(error, socket.gaierror):
        return EngineUnreachable(
            f"The host name {address.host} is not known ({address.url})", "check the address given"
        )
    if isinstance(error, ConnectionRefusedError):
        return EngineUnreachable(f"nobody listens at {address.url}", "is the Engine running there, and on that port?")
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return EngineUnreachable(f"There is no route to {address.url}", "check the network or the VPN")
    return EngineUnreachable(f"The Engine at {address.url} cannot be asked: {error.strerror or error}")


def _tls(error: ssl.SSLError, address: Address) -> EngineUnreachable:
    from ...text import clean_line

    trusted = (address.tls and address.tls.ca) or "the system's certificates"
    if isinstance(error, ssl.SSLCertVerificationError):
        return EngineUnreachable(
            f"The certificate of {address.url} is refused: {clean_line(error.verify_message.rstrip('.'))}"
            f" (checked against {trusted})",
            "renew the certificate, or put the right ca.pem into DOCKER_CERT_PATH",
        )
    reason = clean_line(error.reason or str(error)).replace("_", " ").lower()
    return EngineUnreachable(
        f"No TLS connection to {address.url}: {reason}", "check DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and the port (2376)"
    )


def _name_of_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _name_of_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _members(group: str) -> list[str]:
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []
